-- A person's versions have neither gaps nor overlaps, and the last one is the current one.
with
    ordered as (
        select
            driver_id,
            valid_from,
            valid_to,
            is_current,
            version_number,
            lead(valid_from) over (partition by driver_id order by valid_from) as next_from,
            row_number() over (partition by driver_id order by valid_from) as number_in_order
        from {{ ref("dim_drivers") }}
    )

select *
from ordered
where
    valid_to is distinct from next_from
    or is_current <> (next_from is null)
    or version_number <> number_in_order
    or valid_to <= valid_from
