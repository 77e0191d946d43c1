{# The marts people read stay as they were while a build of the marts fails.

   Before the marts are built they are copied aside, afterwards put back if anything failed. A copy
   that lies there already is from a build that was killed: it is the last good state, and stays. #}
{% macro marts() %}
    {% set found = [] %}
    {% for node in (graph.nodes.values() if execute else []) if node.resource_type == "model" and "marts" in node.fqn %}
        {% set names = api.Relation.create(
            database=node.database, schema=node.schema, identifier=node.alias
        ) %}
        {% do found.append(names) if node.unique_id in selected_resources %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{% macro kept(mart) %}
    {{ return(mart.incorporate(path={"identifier": mart.identifier ~ "__kept"}, type="table")) }}
{% endmacro %}

{% macro exists(relation) %}
    {{
        return(
            adapter.get_relation(relation.database, relation.schema, relation.identifier)
            is not none
        )
    }}
{% endmacro %}

{% macro keep_marts() %}
    {% for mart in marts() if exists(mart) and not exists(kept(mart)) %}
        {% do adapter.cache_added(kept(mart)) %}
        {% do run_query("create table " ~ kept(mart) ~ " as select * from " ~ mart) %}
    {% endfor %}
{% endmacro %}

{% macro release_marts(results) %}
    {% set failed = results | selectattr("status", "in", ["error", "fail"]) | list %}
    {% for mart in marts() if exists(kept(mart)) %}
        {% if failed %}
            {% do run_query(
                "create or replace table " ~ mart ~ " as select * from " ~ kept(mart)
            ) %}
        {% endif %}
        {% do adapter.drop_relation(kept(mart)) %}
    {% endfor %}
{% endmacro %}
