{{
    config(
        materialized="incremental",
        incremental_strategy="replace_sessions",
        on_schema_change="sync_all_columns",
        partition_by="session_key" if target.type == "databricks" else none,
    )
}}

{% set sources = [source("bronze_raw", "bronze_laps")] %}

with
    laps as (select * from {{ source("bronze_raw", "bronze_laps") }} {{ where_changed(sources) }}),

    digests as ({{ session_digests(sources) }}),

    -- The API has returned a lap twice; the fuller row is kept, and how many there
    -- were.
    ranked as (
        select
            *,
            count(*) over (partition by session_key, driver_number, lap_number) as row_count,
            row_number() over (
                partition by session_key, driver_number, lap_number
                order by
                    {% for column in [
                        "date_start",
                        "lap_duration",
                        "duration_sector_1",
                        "duration_sector_2",
                        "duration_sector_3",
                        "i1_speed",
                        "i2_speed",
                        "st_speed",
                        "segments_sector_1",
                        "segments_sector_2",
                        "segments_sector_3",
                    ] %}
                        case when {{ column }} is null then 0 else 1 end
                        {{- " + " if not loop.last }}
                    {% endfor %} desc,
                    lap_duration,
                    date_start,
                    duration_sector_1,
                    duration_sector_2,
                    duration_sector_3
            ) as fullness
        from laps
    ),

    measured as (
        select
            *,
            coalesce(is_pit_out_lap, false) as is_pit_out,
            duration_sector_1 + duration_sector_2 + duration_sector_3 as sectors_duration,
            case when duration_sector_1 is null then 0 else 1 end
            + case when duration_sector_2 is null then 0 else 1 end
            + case when duration_sector_3 is null then 0 else 1 end as sectors_timed
        from ranked
        where fullness = 1
    ),

    final as (
        select
            measured.session_key,
            measured.meeting_key,
            measured.driver_number,
            measured.lap_number,
            measured.date_start as lap_started_at,
            measured.lap_duration,
            measured.duration_sector_1,
            measured.duration_sector_2,
            measured.duration_sector_3,
            round(measured.sectors_duration, 3) as calculated_lap_duration,
            round(measured.lap_duration - measured.sectors_duration, 3) as sector_duration_delta,
            case
                measured.sectors_timed
                when 3
                then 'Complete'
                when 0
                then 'No Sectors'
                else 'Partial'
            end as sector_completeness,
            measured.i1_speed,
            measured.i2_speed,
            measured.st_speed,
            greatest(measured.i1_speed, measured.i2_speed, measured.st_speed) as max_speed,
            measured.is_pit_out as is_pit_out_lap,
            coalesce(
                measured.lap_duration
                between {{ var("min_lap_seconds") }} and {{ var("max_lap_seconds") }}
                and not measured.is_pit_out,
                false
            ) as is_valid_lap,
            measured.segments_sector_1,
            measured.segments_sector_2,
            measured.segments_sector_3,
            measured.row_count,
            digests._source_digest
        from measured
        inner join digests on measured.session_key = digests.session_key
    )

select *
from final
