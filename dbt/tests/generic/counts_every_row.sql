{# No row of a session is lost without being counted in row_count. #}
{% test counts_every_row(model, of) %}
    with
        raw as (select session_key, count(*) as rows_there from {{ of }} group by session_key),

        counted as (
            select session_key, sum(row_count) as rows_counted from {{ model }} group by session_key
        )

    select raw.session_key, raw.rows_there, counted.rows_counted
    from raw
    full join counted on raw.session_key = counted.session_key
    where raw.rows_there is distinct from counted.rows_counted
{% endtest %}
