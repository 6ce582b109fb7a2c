{# USES_VARIABLES { _n_sources, _n_targets, delay, _source_dt } #}
{% extends 'common_group.cpp' %}

{% block before_code %}
    {{owner.name}}.prepare(ssnbrian_choices::additive_{{owner.name}}, ssnbrian_choices::rows_of_{{owner.name}}(),
                           {{get_array_name(owner.synapse_targets, access_data=False)}},
                           {{get_array_name(variables['delay'], access_data=False)}}, {{_source_dt}});
{% endblock %}

{% block maincode %}
    {% set events = get_array_name(eventspace_variable) %}
    {{owner.name}}.advance();
    {{owner.name}}.push({{events}}, {{events}}[_num{{eventspace_variable.name}}-1]);
{% endblock %}
