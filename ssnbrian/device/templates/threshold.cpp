{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}

{# A first pass without branches marks the neurons that may have fired, by a condition that is cheap and true for all
   that have; a second one evaluates the condition as it was given, for the marked ones only. Where there is no such
   condition the first pass decides. #}
{% block maincode %}
    {% set two_passes = vector_code is mapping %}
    {% set exact = vector_code[none] if two_passes else vector_code %}
    {% set first = vector_code['first'] if two_passes else vector_code %}
    {% set events = get_array_name(eventspace_variable) %}
    const size_t _vectorisation_idx = -1;
    {{(scalar_code[none] if two_passes else scalar_code)|autoindent}}
    const int _N = N;
    {{declare_least(draws)|autoindent}}
    long _count = 0;
    // CHUNK
    for (int _start = 0; _start < _N; _start += ssnbrian::chunk)
    {
        const int _size = ssnbrian::chunk_size(_start, _N);
        // DRAWS
        {{declare_draws(draws)|autoindent}}
        alignas(64) ssnbrian::Mark _marks[ssnbrian::chunk];
        {
            // SCALARS
            {% if two_passes %}
            {{scalar_code['first']|autoindent}}
            {% endif %}
            // LOOP
            for (int _position = 0; _position < _size; _position++)
            {
                // ELEMENT
                const int _idx = _start + _position;
                const size_t _vectorisation_idx = _idx;
                {{read_draws(draws)|autoindent}}
                {{first|autoindent}}
                _marks[_position] = _cond ? 1 : 0;
                // NEXT
            }
        }
        // REST
        for (int _position = ssnbrian::next_mark(_marks, 0, _size); _position < _size;
             _position = ssnbrian::next_mark(_marks, _position + 1, _size))
        {
            const int _idx = _start + _position;
            {% if two_passes %}
            const size_t _vectorisation_idx = _idx;
            {{read_draws(draws, complete=true)|autoindent}}
            {{exact|autoindent}}
            if (!_cond) continue;
            {% endif %}
            {{events}}[_count++] = _idx;
            {% if _uses_refractory %}
            {{not_refractory}}[_idx] = false;
            {{lastspike}}[_idx] = {{t}};
            {% endif %}
        }
        // END
    }
    // FINISH
    {{events}}[N] = _count;
{% endblock %}

{% block after_code %}
    {{get_array_name(eventspace_variable)}}[N] = 0;
{% endblock %}
