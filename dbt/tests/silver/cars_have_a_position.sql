{{ config(severity="warn") }}

-- A car can stand at (0, 0, 0) through a whole session.
select session_key, driver_number, count(*) as positions_count
from {{ ref("silver_locations") }}
group by session_key, driver_number
having max(case when has_position then 1 else 0 end) = 0
