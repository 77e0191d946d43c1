with
    laps as (select * from {{ ref("silver_laps") }}),

    drivers as (select session_key, driver_number, driver_id from {{ ref("silver_drivers") }}),

    sessions as (select session_dim_key, session_key, date_start from {{ ref("dim_sessions") }}),

    versions as (select * from {{ ref("dim_drivers") }}),

    -- Each lap with the version of its driver that was valid in that session.
    joined as (
        select
            laps.*,
            sessions.session_dim_key,
            versions.driver_key,
            case when laps.is_valid_lap then laps.lap_duration end as valid_time
        from laps
        inner join sessions on laps.session_key = sessions.session_key
        left join
            drivers
            on laps.session_key = drivers.session_key
            and laps.driver_number = drivers.driver_number
        left join
            versions
            on drivers.driver_id = versions.driver_id
            and sessions.date_start >= versions.valid_from
            and (sessions.date_start < versions.valid_to or versions.valid_to is null)
    ),

    ranked as (
        select
            *,
            min(valid_time) over (partition by session_key, driver_number) as driver_best_lap_time,
            rank() over (
                partition by session_key, is_valid_lap order by lap_duration
            ) as session_rank,
            rank() over (
                partition by session_key, driver_number, is_valid_lap order by lap_duration
            ) as driver_rank
        from joined
    ),

    final as (
        select
            {{ surrogate_key(["session_key", "driver_number", "lap_number"]) }} as lap_key,
            session_dim_key,
            driver_key,
            session_key,
            meeting_key,
            driver_number,
            lap_number,
            lap_started_at,
            lap_duration,
            duration_sector_1,
            duration_sector_2,
            duration_sector_3,
            calculated_lap_duration,
            sector_completeness,
            i1_speed,
            i2_speed,
            st_speed,
            max_speed,
            is_pit_out_lap,
            is_valid_lap,
            case when is_valid_lap then session_rank end as lap_rank_in_session,
            case when is_valid_lap then driver_rank end as lap_rank_for_driver,
            driver_best_lap_time,
            round(valid_time - driver_best_lap_time, 3) as delta_to_personal_best,
            coalesce(valid_time = driver_best_lap_time, false) as is_personal_best_lap
        from ranked
    )

select *
from final
