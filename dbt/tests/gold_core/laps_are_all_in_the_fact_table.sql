-- No lap is lost and none has no session.
select laps.session_key, laps.driver_number, laps.lap_number
from {{ ref("silver_laps") }} as laps
full join
    {{ ref("fact_laps") }} as facts
    on laps.session_key = facts.session_key
    and laps.driver_number = facts.driver_number
    and laps.lap_number = facts.lap_number
left join {{ ref("dim_sessions") }} as sessions on facts.session_dim_key = sessions.session_dim_key
where laps.session_key is null or facts.session_key is null or sessions.session_dim_key is null
