with
    laps as (select * from {{ ref("fact_laps") }}),

    drivers as (select * from {{ ref("silver_drivers") }} where team_name <> 'Unknown'),

    sessions as (select * from {{ ref("dim_sessions") }}),

    driven as (
        select
            laps.*,
            drivers.team_name,
            drivers.team_category,
            drivers.team_colour,
            case when laps.is_valid_lap then laps.lap_duration end as valid_time
        from laps
        inner join
            drivers
            on laps.session_key = drivers.session_key
            and laps.driver_number = drivers.driver_number
    ),

    per_driver as (
        select session_key, team_name, driver_number, min(valid_time) as fastest_lap
        from driven
        group by session_key, team_name, driver_number
    ),

    pairs as (
        select
            session_key,
            team_name,
            {{ mean_time("fastest_lap") }} as average_fastest_lap,
            case
                when count(fastest_lap) > 1 then round(max(fastest_lap) - min(fastest_lap), 3)
            end as intra_team_gap
        from per_driver
        group by session_key, team_name
    ),

    per_team as (
        select
            session_key,
            team_name,
            min(team_category) as team_category,
            min(team_colour) as team_colour,
            count(distinct driver_number) as drivers_count,
            count(*) as total_laps,
            count(valid_time) as valid_laps,
            min(valid_time) as fastest_lap,
            min(case when valid_time = driver_best_lap_time then lap_started_at end) as set_at,
            {{ mean_time("valid_time") }} as average_lap,
            max(max_speed) as top_speed,
            avg(max_speed) as average_speed,
            round(stddev_samp(valid_time) / avg(valid_time), 6) as consistency_coefficient
        from driven
        group by session_key, team_name
    ),

    final as (
        select
            sessions.session_dim_key,
            per_team.session_key,
            sessions.session_name,
            sessions.session_category,
            per_team.team_name,
            per_team.team_category,
            per_team.team_colour,
            per_team.drivers_count,
            per_team.total_laps,
            per_team.valid_laps,
            per_team.fastest_lap,
            pairs.average_fastest_lap,
            per_team.average_lap,
            pairs.intra_team_gap,
            per_team.top_speed,
            per_team.average_speed,
            per_team.consistency_coefficient,
            -- Teams without a valid lap come last, without a rank.
            case
                when per_team.fastest_lap is not null
                then
                    row_number() over (
                        partition by per_team.session_key
                        order by
                            per_team.fastest_lap nulls last, per_team.set_at, per_team.team_name
                    )
            end as team_rank
        from per_team
        inner join
            pairs
            on per_team.session_key = pairs.session_key
            and per_team.team_name = pairs.team_name
        inner join sessions on per_team.session_key = sessions.session_key
    )

select *
from final
