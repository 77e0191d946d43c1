{% set tracked = [
    "driver_number",
    "full_name",
    "first_name",
    "last_name",
    "name_acronym",
    "team_name",
    "team_category",
    "team_colour",
] %}

with
    drivers as (select * from {{ ref("silver_drivers") }}),

    sessions as (select session_key, date_start from {{ ref("silver_sessions") }}),

    -- What each person was in each dated session; listed twice, the lower number
    -- counts.
    listed as (
        select
            drivers.*,
            sessions.date_start,
            row_number() over (
                partition by drivers.driver_id, sessions.date_start
                order by drivers.session_key, drivers.driver_number
            ) as copy
        from drivers
        inner join sessions on drivers.session_key = sessions.session_key
        where sessions.date_start is not null
    ),

    stated as (select *, {{ surrogate_key(tracked) }} as state from listed where copy = 1),

    changes as (
        select
            *,
            case
                when state = lag(state) over (partition by driver_id order by date_start)
                then 0
                else 1
            end as is_change
        from stated
    ),

    runs as (
        select
            *,
            sum(is_change) over (
                partition by driver_id order by date_start rows unbounded preceding
            ) as version_number
        from changes
    ),

    versions as (
        select
            driver_id,
            version_number,
            min(date_start) as valid_from,
            count(*) as sessions_count,
            {% for column in tracked %} min({{ column }}) as {{ column }},{% endfor %}
            -- Not tracked: what is known of the person at all.
            max(max(headshot_url)) over (partition by driver_id) as headshot_url,
            max(max(country_code)) over (partition by driver_id) as country_code
        from runs
        group by driver_id, version_number
    ),

    final as (
        select
            {{ surrogate_key(["driver_id", epoch_micros("valid_from")]) }} as driver_key,
            driver_id,
            cast(version_number as integer) as version_number,
            {% for column in tracked %} {{ column }},{% endfor %}
            headshot_url,
            country_code,
            sessions_count,
            valid_from,
            lead(valid_from) over (partition by driver_id order by valid_from) as valid_to,
            lead(valid_from) over (partition by driver_id order by valid_from) is null as is_current
        from versions
    )

select *
from final
