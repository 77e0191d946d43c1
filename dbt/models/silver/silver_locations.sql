{{
    config(
        materialized="incremental",
        incremental_strategy="replace_sessions",
        on_schema_change="sync_all_columns",
        partition_by="session_key" if target.type == "databricks" else none,
    )
}}

{% set sources = [
    source("bronze_raw", "bronze_locations"),
    source("bronze_raw", "bronze_drivers"),
] %}

with
    locations as (
        select * from {{ source("bronze_raw", "bronze_locations") }} {{ where_changed(sources) }}
    ),

    listed as (
        select distinct session_key, driver_number from {{ source("bronze_raw", "bronze_drivers") }}
    ),

    digests as ({{ session_digests(sources) }}),

    -- One row a car and moment; row_count says how many raw rows it stands for.
    moments as (
        select
            session_key,
            driver_number,
            date,
            min(meeting_key) as meeting_key,
            min(x) as x,
            min(y) as y,
            min(z) as z,
            count(*) as row_count
        from locations
        group by session_key, driver_number, date
    ),

    positions as (
        select
            *,
            x is not null
            and y is not null
            and z is not null
            and not (x = 0 and y = 0 and z = 0) as has_position,
            coalesce(
                x = lag(x) over car and y = lag(y) over car and z = lag(z) over car, false
            ) as is_stationary
        from moments
        window car as (partition by session_key, driver_number order by date)
    ),

    final as (
        select
            positions.session_key,
            positions.meeting_key,
            positions.driver_number,
            positions.date as recorded_at,
            positions.x as position_x,
            positions.y as position_y,
            positions.z as position_z,
            case
                when positions.has_position
                then
                    sqrt(
                        cast(positions.x as double) * positions.x
                        + cast(positions.y as double) * positions.y
                        + cast(positions.z as double) * positions.z
                    )
            end as distance_from_origin,
            positions.has_position,
            positions.is_stationary,
            listed.driver_number is not null as is_listed_driver,
            positions.row_count,
            digests._source_digest
        from positions
        inner join digests on positions.session_key = digests.session_key
        left join
            listed
            on positions.session_key = listed.session_key
            and positions.driver_number = listed.driver_number
    )

select *
from final
