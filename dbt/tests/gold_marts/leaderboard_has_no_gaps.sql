-- Positions run from 1 to the number of drivers, in the order of the times.
with
    ordered as (
        select
            session_key,
            position,
            fastest_lap_time,
            lag(fastest_lap_time) over (partition by session_key order by position) as ahead,
            row_number() over (partition by session_key order by position) as expected_position
        from {{ ref("session_leaderboard") }}
    )

select *
from ordered
where position <> expected_position or fastest_lap_time < ahead
