{{ config(severity="warn") }}

-- A team that seeds/constructors.csv does not know stands for itself: add it there.
select distinct drivers.team_name
from {{ ref("silver_drivers") }} as drivers
left join
    {{ ref("constructors") }} as constructors
    on lower(drivers.team_name) = lower(constructors.team_name)
where constructors.team_name is null and drivers.team_name <> 'Unknown'
