{{ config(severity="warn") }}

-- The sectors of some laps do not sum to their time.
select session_key, driver_number, lap_number, sector_duration_delta
from {{ ref("silver_laps") }}
where abs(sector_duration_delta) > 0.005
