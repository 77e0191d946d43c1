-- The version a lap points at was valid when its session began, and has the car's number.
select facts.lap_key
from {{ ref("fact_laps") }} as facts
inner join {{ ref("dim_drivers") }} as drivers on facts.driver_key = drivers.driver_key
inner join {{ ref("dim_sessions") }} as sessions on facts.session_dim_key = sessions.session_dim_key
where
    sessions.date_start < drivers.valid_from
    or sessions.date_start >= drivers.valid_to
    or facts.driver_number <> drivers.driver_number
