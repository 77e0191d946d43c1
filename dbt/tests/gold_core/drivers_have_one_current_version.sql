-- One current row a person.
select driver_id, count(case when is_current then 1 end) as current_versions
from {{ ref("dim_drivers") }}
group by driver_id
having count(case when is_current then 1 end) <> 1
