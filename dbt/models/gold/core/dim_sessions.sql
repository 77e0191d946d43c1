with
    sessions as (select * from {{ ref("silver_sessions") }}),

    final as (
        select
            {{ surrogate_key(["session_key"]) }} as session_dim_key,
            session_key,
            meeting_key,
            session_name,
            session_type,
            session_category,
            date_start,
            date_end,
            date_start_local,
            session_duration_minutes,
            cast(coalesce(date_start_local, date_start) as date) as session_date,
            year,
            extract(quarter from coalesce(date_start_local, date_start)) as quarter,
            extract(month from coalesce(date_start_local, date_start)) as month,
            extract(week from coalesce(date_start_local, date_start)) as iso_week,
            extract(day from coalesce(date_start_local, date_start)) as day_of_month,
            {{ iso_weekday("cast(coalesce(date_start_local, date_start) as date)") }}
            as iso_weekday,
            circuit_key,
            circuit_short_name,
            country_code,
            country_name,
            location,
            session_category = 'Race' as is_race,
            session_category = 'Qualifying' as is_qualifying,
            session_category = 'Practice' as is_practice,
            session_category = 'Sprint' as is_sprint,
            is_cancelled,
            is_inferred
        from sessions
    )

select *
from final
