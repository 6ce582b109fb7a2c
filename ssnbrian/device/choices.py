"""Which path the synapses of a network take, decided when all of its code is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from brian2 import Synapses

from ssnbrian.device.report import PATHS_FILE

_SETS_VALUES = ("set_by_array", "set_array_by_array", "set_by_single_value", "resize_array")


def _per_synapse(synapses: Synapses) -> set[Any]:
    return {*synapses._registered_variables, synapses.variables["_synaptic_pre"], synapses.variables["_synaptic_post"]}


def _why_not_compact(
    synapses: Synapses,
    code_objects: Iterable[Any],
    main_queue: list[Any],
    arrays: Mapping[Any, str],
    additive: set[str],
) -> str | None:
    pathways = {pathway.name for pathway in synapses._pathways}
    if not pathways:
        return "it has no pathway"
    if getattr(synapses, "multisynaptic_index", None):
        return "it numbers the synapses of a pair"
    delays = {pathway.variables["delay"] for pathway in synapses._pathways}
    own = _per_synapse(synapses)
    if extra := own - delays - {synapses.variables["_synaptic_pre"], synapses.variables["_synaptic_post"]}:
        return f"'{sorted(variable.name for variable in extra)[0]}' has a value per synapse"
    created = 0
    for code_object in code_objects:
        used = own & {variable for variable in code_object.variables.values() if not isinstance(variable, type)}
        if not used:
            continue
        template, owner = code_object.template_name, code_object.owner.name
        if template == "synapses_create_generator" and owner == synapses.name:
            created += sum(kind == "run_code_object" and code[0] is code_object for kind, code in main_queue)
            continue
        pushes = template == "synapses_push_spikes" and owner in pathways
        if not pushes and not (template == "synapses" and pathways <= additive):
            return f"{code_object.name} reads the synapses one by one"
    if created != 1:
        return "its synapses are not made by a single connect() with a condition or a generator"
    names = {arrays[variable] for variable in own}
    for kind, arguments in main_queue:
        if kind in _SETS_VALUES and arguments[0] in names:
            return f"values per synapse are set in {arguments[0]}"
        if kind == "start_run_func":
            return "the order of its making is not known"
    return None


def why_not_compact(
    all_synapses: Iterable[Synapses],
    code_objects: Iterable[Any],
    main_queue: list[Any],
    arrays: Mapping[Any, str],
    additive: set[str],
) -> dict[str, str | None]:
    """For every Synapses object by name: None where rows of targets can stand for it, or why they cannot."""
    objects = list(code_objects)
    return {
        synapses.name: _why_not_compact(synapses, objects, main_queue, arrays, additive) for synapses in all_synapses
    }


def choices_header(
    all_synapses: Iterable[Synapses], compact: Mapping[str, str | None], additive: set[str], functions: list[str]
) -> str:
    """C++ of the choices, read by the code objects, and of functions made of several of them."""
    lines = [
        "#ifndef SSNBRIAN_CHOICES_H",
        "#define SSNBRIAN_CHOICES_H",
        "#include <fstream>",
        "#include <string>",
        '#include "rows.h"',
        "namespace ssnbrian_choices {",
    ]
    for synapses in sorted(all_synapses, key=lambda one: one.name):
        name, rows = synapses.name, compact[synapses.name] is None
        lines.append(f"static const bool compact_{name} = {str(rows).lower()};")
        lines.append(f"inline ssnbrian::Rows& rows_{name}() {{ static ssnbrian::Rows rows; return rows; }}")
        for pathway in synapses._pathways:
            given = f"&rows_{name}()" if rows else "nullptr"
            counted = str(pathway.name in additive).lower()
            lines.append(f"static const bool additive_{pathway.name} = {counted};")
            lines.append(f"inline const ssnbrian::Rows* rows_of_{pathway.name}() {{ return {given}; }}")
    pathways = sorted(pathway.name for synapses in all_synapses for pathway in synapses._pathways)
    lines += [
        "inline void write_paths(const std::string& folder) {",
        f'std::ofstream file((folder + "{PATHS_FILE}").c_str());',
        *(f'file << "{name}: " << brian::{name}.description() << "\\n";' for name in pathways),
        "}",
    ]
    return "\n".join([*lines, "}", *functions, "#endif", ""])
