{# USES_VARIABLES { _synaptic_pre } #}
{% extends 'common_synapses.cpp' %}

{% block maincode %}
    {% set exact = vector_code[none] if vector_code is mapping else vector_code %}
    const size_t _vectorisation_idx = -1;
    {% if vector_code is mapping %}
    if ({{pathway.name}}.additive())
    {
        {{scalar_code['events']|autoindent}}
        {{pathway.name}}.deliver([=](const int32_t _postsynaptic_idx, const double _events) {
            const size_t _vectorisation_idx = _postsynaptic_idx;
            {{without_index(vector_code['events'], '_postsynaptic_idx')|autoindent}}
        });
        return;
    }
    {% endif %}
    {{(scalar_code[none] if vector_code is mapping else scalar_code)|autoindent}}
    {{pathway.name}}.deliver_each([=](const size_t _idx) {
        const size_t _vectorisation_idx = _idx;
        {{exact|autoindent}}
    });
{% endblock %}
