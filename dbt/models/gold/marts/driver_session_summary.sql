{% set valid = "case when is_valid_lap then {} end" %}

with
    laps as (select * from {{ ref("fact_laps") }}),

    drivers as (select * from {{ ref("silver_drivers") }}),

    sessions as (select * from {{ ref("dim_sessions") }}),

    summed as (
        select
            session_key,
            driver_number,
            min(driver_key) as driver_key,
            count(*) as total_laps,
            count(case when is_valid_lap then 1 end) as valid_laps,
            count(case when is_pit_out_lap then 1 end) as pit_out_laps,
            count(*) - count(lap_duration) as untimed_laps,
            min({{ valid.format("lap_duration") }}) as fastest_lap,
            max({{ valid.format("lap_duration") }}) as slowest_lap,
            {{ mean_time("(" ~ valid.format("lap_duration") ~ ")") }} as average_lap,
            median({{ valid.format("lap_duration") }}) as median_lap,
            round(stddev_samp({{ valid.format("lap_duration") }}), 6) as lap_standard_deviation,
            {% for sector in [1, 2, 3] %}
                {{ mean_time("(" ~ valid.format("duration_sector_" ~ sector) ~ ")") }}
                as average_sector_{{ sector }},
                min({{ valid.format("duration_sector_" ~ sector) }}) as best_sector_{{ sector }},
            {% endfor %}
            max(max_speed) as top_speed,
            avg(max_speed) as average_speed
        from laps
        group by session_key, driver_number
    ),

    final as (
        select
            sessions.session_dim_key,
            summed.session_key,
            sessions.session_name,
            sessions.session_category,
            summed.driver_number,
            summed.driver_key,
            coalesce(drivers.full_name, 'Unknown') as full_name,
            coalesce(drivers.name_acronym, 'Unknown') as name_acronym,
            coalesce(drivers.team_name, 'Unknown') as team_name,
            coalesce(drivers.team_category, 'Unknown') as team_category,
            drivers.team_colour,
            summed.total_laps,
            summed.valid_laps,
            summed.pit_out_laps,
            summed.untimed_laps,
            cast(summed.valid_laps as double) * 100 / summed.total_laps as valid_lap_percentage,
            summed.fastest_lap,
            summed.slowest_lap,
            summed.average_lap,
            summed.median_lap,
            summed.lap_standard_deviation,
            round(summed.slowest_lap - summed.fastest_lap, 3) as lap_range,
            {% for sector in [1, 2, 3] %}
                summed.average_sector_{{ sector }}, summed.best_sector_{{ sector }},
            {% endfor %}
            -- The sectors of a lap need not sum to it, so their best can exceed the
            -- fastest lap.
            case
                when summed.best_sector_1 + summed.best_sector_2 + summed.best_sector_3 is not null
                then
                    least(
                        round(
                            summed.best_sector_1 + summed.best_sector_2 + summed.best_sector_3, 3
                        ),
                        summed.fastest_lap
                    )
            end as theoretical_best_lap,
            summed.top_speed,
            summed.average_speed,
            round(summed.lap_standard_deviation / summed.average_lap, 6) as consistency_coefficient
        from summed
        inner join sessions on summed.session_key = sessions.session_key
        left join
            drivers
            on summed.session_key = drivers.session_key
            and summed.driver_number = drivers.driver_number
    )

select *
from final
