with
    laps as (select * from {{ ref("fact_laps") }} where is_valid_lap),

    drivers as (select * from {{ ref("silver_drivers") }}),

    sessions as (select * from {{ ref("dim_sessions") }}),

    -- Each driver's fastest lap; of equal ones the first.
    ordered as (
        select
            *,
            row_number() over (
                partition by session_key, driver_number
                order by lap_duration, lap_started_at nulls last, lap_number
            ) as choice
        from laps
    ),

    fastest as (
        select
            ordered.session_key,
            ordered.driver_number,
            ordered.driver_key,
            ordered.lap_duration as fastest_lap_time,
            ordered.lap_number as fastest_lap_number,
            coalesce(drivers.full_name, 'Unknown') as full_name,
            coalesce(drivers.name_acronym, 'Unknown') as name_acronym,
            coalesce(drivers.team_name, 'Unknown') as team_name,
            coalesce(drivers.team_category, 'Unknown') as team_category,
            drivers.team_colour,
            -- Of equal times the one set first ranks ahead, as in the sport's own
            -- rules.
            row_number() over (
                partition by ordered.session_key
                order by
                    ordered.lap_duration, ordered.lap_started_at nulls last, ordered.driver_number
            ) as position
        from ordered
        left join
            drivers
            on ordered.session_key = drivers.session_key
            and ordered.driver_number = drivers.driver_number
        where ordered.choice = 1
    ),

    compared as (
        select
            *,
            min(fastest_lap_time) over (partition by session_key) as session_best,
            row_number() over (partition by session_key, team_name order by position) as team_order
        from fastest
    ),

    final as (
        select
            sessions.session_dim_key,
            compared.session_key,
            sessions.session_name,
            sessions.session_category,
            sessions.session_date,
            sessions.year,
            sessions.circuit_short_name,
            compared.position,
            compared.driver_number,
            compared.driver_key,
            compared.full_name,
            compared.name_acronym,
            compared.team_name,
            compared.team_category,
            compared.team_colour,
            case when compared.team_name <> 'Unknown' then compared.team_order end as team_position,
            compared.fastest_lap_time,
            compared.fastest_lap_number,
            round(compared.fastest_lap_time - compared.session_best, 3) as delta_to_fastest,
            round(
                (compared.fastest_lap_time - compared.session_best) / compared.session_best * 100, 6
            ) as gap_percentage,
            compared.position = 1 as is_fastest,
            compared.position <= 3 as is_top_3,
            compared.position <= 10 as is_top_10,
            compared.team_name <> 'Unknown' and compared.team_order = 1 as is_fastest_in_team
        from compared
        inner join sessions on compared.session_key = sessions.session_key
    )

select *
from final
