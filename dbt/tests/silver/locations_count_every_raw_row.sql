-- No raw position is lost without being counted.
with
    raw as (
        select session_key, count(*) as rows_there
        from {{ source("bronze_raw", "bronze_locations") }}
        group by session_key
    ),

    silver as (
        select session_key, sum(row_count) as rows_counted
        from {{ ref("silver_locations") }}
        group by session_key
    )

select raw.session_key, raw.rows_there, silver.rows_counted
from raw
full join silver on raw.session_key = silver.session_key
where raw.rows_there is distinct from silver.rows_counted
