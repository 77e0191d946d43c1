{{ config(severity="warn") }}

-- Safety and medical cars send positions too.
select session_key, driver_number, count(*) as positions_count
from {{ ref("silver_locations") }}
where not is_listed_driver
group by session_key, driver_number
