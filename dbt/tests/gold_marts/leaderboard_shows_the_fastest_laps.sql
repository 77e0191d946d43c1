-- Who has a valid lap is on the board, with the fact table's fastest one and the lap it was set on.
with
    best as (
        select session_key, driver_number, min(lap_duration) as fastest_lap_time
        from {{ ref("fact_laps") }}
        where is_valid_lap
        group by session_key, driver_number
    )

select best.session_key, best.driver_number, board.driver_number as on_board
from best
full join
    {{ ref("session_leaderboard") }} as board
    on best.session_key = board.session_key
    and best.driver_number = board.driver_number
left join
    {{ ref("fact_laps") }} as facts
    on board.session_key = facts.session_key
    and board.driver_number = facts.driver_number
    and board.fastest_lap_number = facts.lap_number
where
    best.fastest_lap_time is distinct from board.fastest_lap_time
    or facts.lap_duration is distinct from board.fastest_lap_time
