{# Every code object puts its support code into a namespace of its own, so that many of them can stand in one
   translation unit. #}
{% macro _includes(header) %}
#include "code_objects/{{header}}.h"
#include "objects.h"
#include "brianlib/common_math.h"
#include "brianlib/stdint_compat.h"
#include <climits>
#include <cmath>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include "draws.h"
#include "choices.h"
{% endmacro %}

{% macro _user_includes() %}
{% for name in user_headers | sort %}
#include {{name}}
{% endfor %}
{% endmacro %}

{% macro _support(name) %}
namespace _support_{{name}} {
    {{support_code_lines|autoindent}}
}
{% if hashdefine_lines | join | trim %}
// SEPARATE_UNIT: the definitions below would reach other code objects
{{hashdefine_lines|autoindent}}
{% endif %}
{% endmacro %}

{% macro _prologue(name) %}
    using namespace brian;
    using namespace _support_{{name}};
    %CONSTANTS%
    {{pointers_lines|autoindent}}
{% endmacro %}

{% macro cpp_file() %}
#ifndef _FILE_{{codeobj_name}}
#define _FILE_{{codeobj_name}}
{{_includes(codeobj_name)}}
{% block extra_headers %}
{% endblock %}
{{_user_includes()}}
{{_support(codeobj_name)}}
void _run_{{codeobj_name}}()
{
{{_prologue(codeobj_name)}}
    {% if profiled %}
    const std::clock_t _profile_start = std::clock();
    {% endif %}
    {% block maincode %}
    {% endblock %}
    {% if profiled %}
    {{codeobj_name}}_profiling_info += static_cast<double>(std::clock() - _profile_start) / CLOCKS_PER_SEC;
    {% endif %}
}
{% block extra_functions_cpp %}
{% endblock %}
#endif
{% endmacro %}

{% macro h_file() %}
#ifndef _INCLUDED_{{codeobj_name}}
#define _INCLUDED_{{codeobj_name}}
void _run_{{codeobj_name}}();
{% block extra_functions_h %}
{% endblock %}
#endif
{% endmacro %}

{% macro before_run_cpp_file() %}
{{_includes('before_run_' + codeobj_name)}}
{{_user_includes()}}
{{_support('before_run_' + codeobj_name)}}
void _before_run_{{codeobj_name}}()
{
{{_prologue('before_run_' + codeobj_name)}}
    {% block before_code %}
    // EMPTY_CODE_BLOCK
    {% endblock %}
}
{% endmacro %}

{% macro before_run_h_file() %}
#ifndef _INCLUDED_before_run_{{codeobj_name}}
#define _INCLUDED_before_run_{{codeobj_name}}
void _before_run_{{codeobj_name}}();
#endif
{% endmacro %}

{% macro after_run_cpp_file() %}
{{_includes('after_run_' + codeobj_name)}}
{{_user_includes()}}
{{_support('after_run_' + codeobj_name)}}
void _after_run_{{codeobj_name}}()
{
{{_prologue('after_run_' + codeobj_name)}}
    {% block after_code %}
    // EMPTY_CODE_BLOCK
    {% endblock %}
}
{% endmacro %}

{% macro after_run_h_file() %}
#ifndef _INCLUDED_after_run_{{codeobj_name}}
#define _INCLUDED_after_run_{{codeobj_name}}
void _after_run_{{codeobj_name}}();
#endif
{% endmacro %}
