{# Every row fulfils the expression; one that can't be told (null) does not. #}
{% test always(model, expression) %}
    select * from {{ model }} where not coalesce({{ expression }}, false)
{% endtest %}
