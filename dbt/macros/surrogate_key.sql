{# A stable key of several columns; nulls count as a value of their own. #}
{% macro surrogate_key(columns) %}
    md5(
        concat_ws(
            '|',
            {% for column in columns %}
                coalesce(cast({{ column }} as {{ dbt.type_string() }}), '<null>')
                {{- "," if not loop.last }}
            {% endfor %}
        )
    )
{% endmacro %}
