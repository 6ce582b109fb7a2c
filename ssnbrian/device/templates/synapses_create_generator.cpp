{# USES_VARIABLES { _synaptic_pre, _synaptic_post, rand, N_incoming, N_outgoing, N, N_pre, N_post, _source_offset,
                    _target_offset } #}
{# WRITES_TO_READ_ONLY_VARIABLES { _synaptic_pre, _synaptic_post, N_incoming, N_outgoing, N } #}
{% extends 'common_synapses.cpp' %}

{% block extra_headers %}
{{ super() }}
#include <cstdlib>
#include "subsets.h"
{% endblock %}

{# The blocks of code declare names of their own; each stands in braces and hands its result to a variable outside. #}
{% block maincode %}
    {% set compact = 'ssnbrian_choices::compact_' + owner.name %}
    {% set rows = 'ssnbrian_choices::rows_' + owner.name + '()' %}
    const size_t _vectorisation_idx = -1;
    const long _sources = {{constant_or_scalar('N_pre', variables['N_pre'])}};
    const long _targets = {{constant_or_scalar('N_post', variables['N_post'])}};
    {{_dynamic_N_incoming}}.resize(_targets + _target_offset);
    {{_dynamic_N_outgoing}}.resize(_sources + _source_offset);
    {{scalar_code['setup_iterator']|autoindent}}
    {{scalar_code['generator_expr']|autoindent}}
    {{scalar_code['create_cond']|autoindent}}
    {{scalar_code['update']|autoindent}}
    {% if iterator_func == 'sample' %}
    const auto _uniform = [&]() { return _rand(_vectorisation_idx); };
    ssnbrian::{{'FixedSizeSubset' if iterator_kwds['sample_size'] == 'fixed' else 'BernoulliSubset'}} _subset;
    {% endif %}
    bool _started = false;
    size_t _raw_pre_idx, _raw_post_idx;
    for (long _{{outer_index}} = 0; _{{outer_index}} < {{'_sources' if outer_index == 'i' else '_targets'}}; _{{outer_index}}++)
    {
        _raw{{outer_index_array}} = _{{outer_index}} + {{outer_index_offset}};
        bool _wanted = true;
        {% if not result_index_condition %}
        {
            {{vector_code['create_cond']|autoindent}}
            _wanted = _cond;
        }
        if (!_wanted) continue;
        {% endif %}
        long _first, _beyond, _stride;
        {% if iterator_func == 'sample' %}
        {{'long' if iterator_kwds['sample_size'] == 'fixed' else 'double'}} _chosen;
        {% endif %}
        {
            {{vector_code['setup_iterator']|autoindent}}
            _first = _iter_low;
            _beyond = _iter_high;
            _stride = _iter_step;
            {% if iterator_func == 'sample' %}
            _chosen = {{'_iter_size' if iterator_kwds['sample_size'] == 'fixed' else '_iter_p'}};
            {% endif %}
        }
        const long _span = _stride > 0 ? _beyond - _first : _first - _beyond;
        const long _steps = _stride > 0 ? _stride : -_stride;
        const long _total = _span > 0 ? (_span - 1) / _steps + 1 : 0;
        double _density = -1.0;
        {% if iterator_func == 'sample' and iterator_kwds['sample_size'] == 'fixed' %}
        if (_chosen < 0 || _chosen > _total)
        {
            {% if skip_if_invalid %}
            if (_chosen < 0) continue;
            _chosen = _total;
            {% else %}
            std::cout << "Error: cannot choose " << _chosen << " of " << _total << " neurons for synapses." << std::endl;
            exit(1);
            {% endif %}
        }
        _density = _total > 0 ? static_cast<double>(_chosen) / _total : 0.0;
        {% elif iterator_func == 'sample' %}
        _density = _chosen;
        {% endif %}
        if ({{compact}} && !_started)
        {
            {{rows}}.start(_sources, _targets + _target_offset, {{'true' if outer_index == 'j' else 'false'}}, _density);
            _started = true;
        }
        int64_t _place = -1;
        {% if iterator_func == 'range' %}
        while (++_place < _total)
        {% elif iterator_kwds['sample_size'] == 'fixed' %}
        _subset.draw(_total, _chosen, _uniform);
        while (_subset.next(_place))
        {% else %}
        _subset.draw(_total, _chosen);
        while (_subset.next(_place, _uniform))
        {% endif %}
        {
            const long {{inner_variable}} = _first + _place * _stride;
            long _result;
            {
                {{vector_code['generator_expr']|autoindent}}
                _result = _{{result_index}};
            }
            const long _{{result_index}} = _result;
            _raw{{result_index_array}} = _result + {{result_index_offset}};
            {% set limit = '_targets' if result_index == 'j' else '_sources' %}
            {% set outside %}
            if (_result < 0 || _result >= {{limit}})
            {
                {% if skip_if_invalid %}
                continue;
                {% else %}
                std::cout << "Error: tried to create synapse to neuron {{result_index}}=" << _result
                          << " outside range 0 to " << {{limit}} - 1 << std::endl;
                exit(1);
                {% endif %}
            }
            {% endset %}
            {# A condition that reads a variable of the neuron found must not read beyond the array; any other may
               exclude the neuron first. #}
            {% if result_index_used %}
            {{outside}}
            {% endif %}
            {% if result_index_condition %}
            {
                {{vector_code['create_cond']|autoindent}}
                _wanted = _cond;
            }
            if (!_wanted) continue;
            {% endif %}
            {% if not result_index_used %}
            {{outside}}
            {% endif %}
            long _repetitions;
            {
                {{vector_code['update']|autoindent}}
                _repetitions = _n;
            }
            for (long _repetition = 0; _repetition < _repetitions; _repetition++)
            {
                {{_dynamic_N_outgoing}}[_raw_pre_idx]++;
                {{_dynamic_N_incoming}}[_raw_post_idx]++;
                if ({{compact}})
                {
                    {{rows}}.add(_raw_pre_idx - _source_offset, _raw_post_idx);
                }
                else
                {
                    {{_dynamic__synaptic_pre}}.push_back(_raw_pre_idx);
                    {{_dynamic__synaptic_post}}.push_back(_raw_post_idx);
                }
            }
        }
    }
    if ({{compact}})
    {
        if (!_started) {{rows}}.start(_sources, _targets + _target_offset, false, 0.0);
        {{rows}}.finish();
        {{N}} = {{rows}}.count();
        // Where synapses are rows of targets, a pathway has one delay.
        {% for varname in owner._registered_variables | variables_to_array_names(access_data=False) | sort %}
        {% if varname not in (_dynamic__synaptic_pre, _dynamic__synaptic_post) %}
        {{varname}}.resize(1);
        {% endif %}
        {% endfor %}
        return;
    }
    const int32_t _synapses = {{_dynamic__synaptic_pre}}.size();
    {% for varname in owner._registered_variables | variables_to_array_names(access_data=False) | sort %}
    {{varname}}.resize(_synapses);
    {% endfor %}
    {{N}} = _synapses;
    {% if multisynaptic_index %}
    // The how-manieth synapse of its pair each one is.
    std::map<std::pair<int32_t, int32_t>, int32_t> _pairs;
    for (int32_t _synapse = 0; _synapse < _synapses; _synapse++)
        {{get_array_name(variables[multisynaptic_index], access_data=False)}}[_synapse] =
            _pairs[std::make_pair({{_dynamic__synaptic_pre}}[_synapse], {{_dynamic__synaptic_post}}[_synapse])]++;
    {% endif %}
{% endblock %}
