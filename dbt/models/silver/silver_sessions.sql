with
    sessions as (select * from {{ source("bronze_raw", "bronze_sessions") }}),

    drivers as (select session_key, meeting_key from {{ source("bronze_raw", "bronze_drivers") }}),

    laps as (
        select session_key, meeting_key, date_start from {{ source("bronze_raw", "bronze_laps") }}
    ),

    locations as (
        select session_key, meeting_key, date from {{ source("bronze_raw", "bronze_locations") }}
    ),

    -- Every session any table knows, with the first moment something was recorded.
    recorded as (
        select
            session_key, min(meeting_key) as meeting_key, cast(null as timestamp) as first_seen_at
        from drivers
        group by session_key
        union all
        select session_key, min(meeting_key), min(date_start)
        from laps
        group by session_key
        union all
        select session_key, min(meeting_key), min(date)
        from locations
        group by session_key
        union all
        select session_key, meeting_key, date_start
        from sessions
    ),

    known as (
        select session_key, min(meeting_key) as meeting_key, min(first_seen_at) as first_seen_at
        from recorded
        group by session_key
    ),

    deduplicated as (
        select
            *,
            row_number() over (partition by session_key order by date_start, session_name) as copy
        from sessions
    ),

    joined as (
        select
            known.session_key,
            known.meeting_key,
            known.first_seen_at,
            deduplicated.session_key is null as is_inferred,
            deduplicated.session_name,
            deduplicated.session_type,
            deduplicated.date_start,
            deduplicated.date_end,
            deduplicated.gmt_offset,
            deduplicated.year,
            deduplicated.circuit_key,
            deduplicated.circuit_short_name,
            deduplicated.country_key,
            deduplicated.country_code,
            deduplicated.country_name,
            deduplicated.location,
            coalesce(deduplicated.is_cancelled, false) as is_cancelled,
            {{ offset_seconds("deduplicated.gmt_offset") }} as offset_seconds
        from known
        left join
            deduplicated on known.session_key = deduplicated.session_key and deduplicated.copy = 1
    ),

    final as (
        select
            session_key,
            meeting_key,
            coalesce(session_name, 'Unknown') as session_name,
            coalesce(session_type, 'Unknown') as session_type,
            case
                when session_name in ('Sprint Qualifying', 'Sprint Shootout')
                then 'Qualifying'
                when session_name = 'Sprint'
                then 'Sprint'
                when session_type in ('Race', 'Qualifying', 'Practice')
                then session_type
                else 'Other'
            end as session_category,
            coalesce(date_start, first_seen_at) as date_start,
            date_end,
            {{ wall_clock("date_start", "offset_seconds") }} as date_start_local,
            {{ wall_clock("date_end", "offset_seconds") }} as date_end_local,
            {{ seconds_between("date_start", "date_end") }} / 60 as session_duration_minutes,
            gmt_offset,
            coalesce(year, extract(year from first_seen_at)) as year,
            circuit_key,
            circuit_short_name,
            country_key,
            country_code,
            country_name,
            location,
            is_cancelled,
            is_inferred
        from joined
    )

select *
from final
