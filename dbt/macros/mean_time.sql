{# The mean of times with three decimals, summed as whole milliseconds: the same in every run. #}
{% macro mean_time(seconds) %}
    avg(cast(round({{ seconds }} * 1000) as bigint)) / 1000
{% endmacro %}
