{{ config(severity="warn") }}

-- Laps of unlisted cars and undated sessions have no driver version.
select session_key, driver_number, count(*) as laps_count
from {{ ref("fact_laps") }}
where driver_key is null
group by session_key, driver_number
