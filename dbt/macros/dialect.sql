{# What DuckDB and Databricks spell differently. Timestamps are instants, shown in UTC. #}
{% macro seconds_between(earlier, later) %}
    ({{ epoch_micros(later) }} - {{ epoch_micros(earlier) }}) / 1e6
{% endmacro %}

{% macro epoch_micros(instant) %}
    {{ return(adapter.dispatch("epoch_micros")(instant)) }}
{% endmacro %}

{% macro default__epoch_micros(instant) %} unix_micros({{ instant }}) {% endmacro %}

{% macro duckdb__epoch_micros(instant) %} epoch_us({{ instant }}) {% endmacro %}

{# The wall clock, without a zone, `seconds` ahead of UTC. #}
{% macro wall_clock(instant, seconds) %}
    {{ return(adapter.dispatch("wall_clock")(instant, seconds)) }}
{% endmacro %}

{% macro default__wall_clock(instant, seconds) %}
    cast(timestampadd(second, {{ seconds }}, {{ instant }}) as timestamp_ntz)
{% endmacro %}

{% macro duckdb__wall_clock(instant, seconds) %}
    (({{ instant }}) at time zone 'UTC' + to_seconds({{ seconds }}))
{% endmacro %}

{# Monday 1 to Sunday 7. #}
{% macro iso_weekday(day) %} {{ return(adapter.dispatch("iso_weekday")(day)) }} {% endmacro %}

{% macro default__iso_weekday(day) %} ((dayofweek({{ day }}) + 5) % 7 + 1) {% endmacro %}

{% macro duckdb__iso_weekday(day) %} isodow({{ day }}) {% endmacro %}

{# 'VAN HOEPEN' as 'Van Hoepen'. #}
{% macro title_case(text) %} {{ return(adapter.dispatch("title_case")(text)) }} {% endmacro %}

{% macro default__title_case(text) %} initcap({{ text }}) {% endmacro %}

{% macro duckdb__title_case(text) %}
    array_to_string(
        list_transform(
            string_split(lower({{ text }}), ' '), lambda word:upper(word[1]) || word[2:]
        ),
        ' '
    )
{% endmacro %}

{# '-04:00:00' as -14400 seconds; null where there is no offset. #}
{% macro offset_seconds(offset) %}
    (
        case when {{ offset }} like '-%' then -1 else 1 end * (
            cast(split_part(replace({{ offset }}, '-', ''), ':', 1) as integer) * 3600
            + cast(split_part({{ offset }}, ':', 2) as integer) * 60
            + cast(split_part({{ offset }}, ':', 3) as integer)
        )
    )
{% endmacro %}
