with
    drivers as (select * from {{ source("bronze_raw", "bronze_drivers") }}),

    sessions as (select session_key, date_start from {{ ref("silver_sessions") }}),

    aliases as (select * from {{ ref("driver_aliases") }}),

    constructors as (select * from {{ ref("constructors") }}),

    -- full_name is who drove; first and last name can be those of the driver stood in
    -- for.
    named as (
        select
            drivers.*,
            coalesce(
                aliases.full_name,
                drivers.full_name,
                drivers.first_name || ' ' || upper(drivers.last_name),
                drivers.broadcast_name,
                drivers.name_acronym,
                'Driver ' || drivers.driver_number
            ) as person,
            upper(
                coalesce(
                    substr(drivers.broadcast_name, instr(drivers.broadcast_name, ' ') + 1),
                    drivers.last_name
                )
            ) as surname,
            coalesce(
                upper(drivers.full_name) not like '%' || upper(drivers.last_name) || '%', false
            ) as has_name_conflict,
            row_number() over (
                partition by drivers.session_key, drivers.driver_number
                order by drivers.team_name is null, drivers.full_name is null, drivers.full_name
            ) as copy
        from drivers
        left join aliases on drivers.full_name = aliases.alias
    ),

    people as (
        select
            named.*,
            sessions.date_start,
            upper(named.person) in (
                upper(named.first_name || ' ' || named.last_name),
                upper(named.last_name || ' ' || named.first_name)
            ) as names_agree,
            lower(replace(named.person, ' ', '_')) as driver_id,
            case when upper(named.person) like '%' || surname || '%' then surname end as last_part
        from named
        left join sessions on named.session_key = sessions.session_key
        where named.copy = 1
    ),

    -- The same person's sessions that name a team.
    namesakes as (
        select
            people.session_key,
            people.driver_number,
            others.session_key as other_session_key,
            others.team_name,
            others.team_colour,
            abs({{ seconds_between("people.date_start", "others.date_start") }}) as distance
        from people
        inner join
            people as others on people.driver_id = others.driver_id and others.team_name is not null
        where people.team_name is null
    ),

    -- The team of the nearest of them.
    candidates as (
        select
            *,
            row_number() over (
                partition by session_key, driver_number
                order by distance nulls last, other_session_key
            ) as nearness
        from namesakes
    ),

    teamed as (
        select
            people.*,
            coalesce(people.team_name, candidates.team_name) as team,
            coalesce(people.team_colour, candidates.team_colour) as colour,
            case
                when people.team_name is not null
                then 'reported'
                when candidates.team_name is not null
                then 'inferred'
                else 'unknown'
            end as team_source
        from people
        left join
            candidates
            on people.session_key = candidates.session_key
            and people.driver_number = candidates.driver_number
            and candidates.nearness = 1
    ),

    final as (
        select
            teamed.session_key,
            teamed.meeting_key,
            teamed.driver_number,
            teamed.driver_id,
            teamed.person as full_name,
            case
                when teamed.names_agree
                then teamed.first_name
                else
                    coalesce(
                        {{
                            title_case(
                                "trim(replace(upper(teamed.person), teamed.last_part, ''))"
                            )
                        }},
                        'Unknown'
                    )
            end as first_name,
            case
                when teamed.names_agree
                then teamed.last_name
                else coalesce({{ title_case("teamed.last_part") }}, teamed.person)
            end as last_name,
            coalesce(teamed.broadcast_name, teamed.person) as broadcast_name,
            coalesce(teamed.name_acronym, 'Unknown') as name_acronym,
            coalesce(teamed.team, 'Unknown') as team_name,
            coalesce(constructors.constructor, teamed.team, 'Unknown') as team_category,
            case when length(teamed.colour) = 6 then '#' || upper(teamed.colour) end as team_colour,
            teamed.team_source,
            case when not teamed.has_name_conflict then teamed.headshot_url end as headshot_url,
            teamed.country_code,
            teamed.has_name_conflict
        from teamed
        left join constructors on lower(teamed.team) = lower(constructors.team_name)
    )

select *
from final
