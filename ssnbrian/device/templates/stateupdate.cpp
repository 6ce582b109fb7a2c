{# USES_VARIABLES { N } #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.cpp' %}

{# The comments in capitals mark what is done for the neurons from _start to _start + _size: see fusion.py. #}
{% block maincode %}
    {% set code, draws = bulk_draws(vector_code) %}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    const int _N = {{constant_or_scalar('N', variables['N'])}};
    // CHUNK
    for (int _start = 0; _start < _N; _start += ssnbrian::chunk)
    {
        const int _size = ssnbrian::chunk_size(_start, _N);
        // DRAWS
        {{declare_draws(draws)|autoindent}}
        // SCALARS
        // LOOP
        for (int _position = 0; _position < _size; _position++)
        {
            // ELEMENT
            const int _idx = _start + _position;
            const size_t _vectorisation_idx = _idx;
            {{read_draws(draws)|autoindent}}
            {{code|autoindent}}
            // NEXT
        }
        // REST
        // END
    }
    // FINISH
{% endblock %}
