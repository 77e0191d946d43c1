{{ config(severity="warn") }}

-- Some sessions have laps of cars that no driver list names.
select laps.session_key, laps.driver_number, count(*) as laps_count
from {{ ref("silver_laps") }} as laps
left join
    {{ ref("silver_drivers") }} as drivers
    on laps.session_key = drivers.session_key
    and laps.driver_number = drivers.driver_number
where drivers.driver_number is null
group by laps.session_key, laps.driver_number
