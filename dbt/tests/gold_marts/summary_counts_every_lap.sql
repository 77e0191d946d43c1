-- A driver's summary counts as many laps, and as many valid ones, as silver has.
with
    laps as (
        select
            session_key,
            driver_number,
            count(*) as total_laps,
            count(case when is_valid_lap then 1 end) as valid_laps
        from {{ ref("silver_laps") }}
        group by session_key, driver_number
    )

select laps.session_key, laps.driver_number, laps.total_laps, summary.total_laps as summed
from laps
full join
    {{ ref("driver_session_summary") }} as summary
    on laps.session_key = summary.session_key
    and laps.driver_number = summary.driver_number
where
    laps.total_laps is distinct from summary.total_laps
    or laps.valid_laps is distinct from summary.valid_laps
