{# How the large tables take in changed sessions only.

   A row's _source_digest tells the files and the code it was made from. Sessions whose digest is
   no longer the same, or that bronze no longer has, are replaced whole. #}
{# Session and digest for every session of the first source, over the files of all sources. #}
{% macro session_digests(sources) %}
    select
        first_source.session_key,
        {{
            surrogate_key(
                ["'" ~ var("code_digest") ~ "'", "first_source._file_digest"]
                + digest_columns(sources)
            )
        }} as _source_digest
    from {{ files_of(sources[0]) }} as first_source
    {% for source in sources[1:] %}
        left join
            {{ files_of(source) }} as source_{{ loop.index }}
            on first_source.session_key = source_{{ loop.index }}.session_key
    {% endfor %}
{% endmacro %}

{% macro digest_columns(sources) %}
    {% set columns = [] %}
    {% for source in sources[1:] %}
        {% do columns.append("source_" ~ loop.index ~ "._file_digest") %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}

{% macro files_of(source) %}
    (select session_key, min(_file_digest) as _file_digest from {{ source }} group by session_key)
{% endmacro %}

{# `where` for the sessions to compute: all of them on a first or full build. #}
{% macro where_changed(sources) %}
    {% if execute and is_incremental() %}
        {% set changed %}
            select now.session_key
            from ({{ session_digests(sources) }}) as now
            left join
                (select distinct session_key, _source_digest from {{ this }}) as built
                on now.session_key = built.session_key
                and now._source_digest = built._source_digest
            where built.session_key is null
        {% endset %}
        where session_key in ({{ keys_of(changed) }})
    {% endif %}
{% endmacro %}

{# The keys a query finds, as literals: a replaced range may hold no subquery on Databricks. #}
{% macro keys_of(query) %}
    {% set found = run_query(query).columns[0].values() %}
    {{ return(([-1] + found | list) | join(", ")) }}
{% endmacro %}

{% macro get_incremental_replace_sessions_sql(arg_dict) %}
    {% set target, new = arg_dict["target_relation"], arg_dict["temp_relation"] %}
    {% set first_source = source(model["sources"][0][0], model["sources"][0][1]) %}
    {% set stale %}
        select session_key from {{ new }}
        union
        select built.session_key
        from {{ target }} as built
        left join {{ files_of(first_source) }} as present on built.session_key = present.session_key
        where present.session_key is null
    {% endset %}
    {# dbt-databricks leaves dest_columns out. #}
    {% set columns = (
        adapter.get_columns_in_relation(target) | map(attribute="quoted") | join(", ")
    ) %}
    {{ return(adapter.dispatch("replace_sessions")(target, new, keys_of(stale), columns)) }}
{% endmacro %}

{# As texts, for the formatter knows neither statement. #}
{% macro default__replace_sessions(target, new, keys, columns) %}
    {{ "insert into " ~ target ~ " replace where session_key in (" ~ keys ~ ")" }}
    {{ "select " ~ columns ~ " from " ~ new }}
{% endmacro %}

{% macro duckdb__replace_sessions(target, new, keys, columns) %}
    {{ "delete from " ~ target ~ " where session_key in (" ~ keys ~ ");" }}
    {{ "insert into " ~ target ~ " (" ~ columns ~ ") select " ~ columns ~ " from " ~ new }}
{% endmacro %}
