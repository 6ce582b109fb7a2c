{% macro cpp_file() %}
{% endmacro %}

{% macro h_file() %}
#ifndef _BRIAN_SYNAPSES_H
#define _BRIAN_SYNAPSES_H
#include <algorithm>
#include <iostream>
#include <map>
#include <vector>
#include "pathway.h"
// Code that Brian2 generates relies on it.
using namespace std;
#endif
{% endmacro %}
