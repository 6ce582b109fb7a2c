"""One pass over the neurons of a group instead of three.

Updating constant-over-dt subexpressions, integrating and testing the threshold each read and write all states of a
group. Done chunk by chunk, one after the other, they find them in the first-level cache. Objects that stand between
them in the schedule must not touch what they touch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brian2 import Function
from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.core.variables import ArrayVariable

from ssnbrian.device.units_of_translation import SEPARATE

_ADD = re.compile(r"\.add\(&(?P<clock>\w+), _run_(?P<name>\w+)\);")
_PARTS = re.compile(
    r"void _run_\w+\(\)\n\{\n(?P<before>.*?)// CHUNK\n.*?// BEGIN\n(?P<body>.*?)// END\n.*?// FINISH\n(?P<after>.*?)^\}\n",
    re.DOTALL | re.MULTILINE,
)
_TEMPLATES = ("stateupdate", "threshold")


@dataclass(frozen=True)
class Fusion:
    """The code objects that run as one, in their order."""

    name: str
    members: tuple[str, ...]


def _changing_arrays(code_object: Any) -> set[Any]:
    """The arrays that this object or another one may change during a run."""
    return {
        variable
        for name, variable in code_object.variables.items()
        if isinstance(variable, ArrayVariable) and not variable.constant and name not in ("t", "dt", "t_in_timesteps", "N")
    }


def _keeps_a_state(code_object: Any) -> bool:
    random = (DEFAULT_FUNCTIONS["rand"], DEFAULT_FUNCTIONS["randn"])
    return any(
        isinstance(variable, Function) and not variable.stateless and variable not in random
        for variable in code_object.variables.values()
    )


def _independent(one: Any, other: Any) -> bool:
    if _keeps_a_state(one) and _keeps_a_state(other):
        return False
    return not _changing_arrays(one) & _changing_arrays(other)


def _element_by_element(code_object: Any) -> bool:
    """Whether it reads and writes, of every array, the element of the neuron it works on."""
    return all(
        code_object.variable_indices[name] in ("_idx", "0") or name.endswith("space")
        for name, variable in code_object.variables.items()
        if isinstance(variable, ArrayVariable) and not variable.scalar
    )


def _can_be_member(code_object: Any) -> bool:
    source = getattr(code_object.code, "cpp_file", "")
    return (
        code_object.template_name in _TEMPLATES
        and "// CHUNK" in source
        and SEPARATE not in source
        and _element_by_element(code_object)
    )


def find_fusions(lines: list[str], code_objects: Mapping[str, Any]) -> list[Fusion]:
    """What can run as one in a network whose schedule is ``lines`` of C++."""
    order = [(match["clock"], match["name"]) for line in lines if (match := _ADD.search(line))]
    fusions = []
    for last, (clock, name) in enumerate(order):
        thresholder = code_objects[name]
        if thresholder.template_name != "threshold" or not _can_be_member(thresholder):
            continue
        owner = thresholder.owner.name
        members = [name]
        between: list[Any] = []
        for other_clock, other_name in reversed(order[:last]):
            other = code_objects[other_name]
            fits = other_clock == clock and other.owner.name == owner and _can_be_member(other)
            if fits and all(_independent(other, one) for one in between):
                members.insert(0, other_name)
            else:
                between.append(other)
        if len(members) > 1:
            fusions.append(Fusion(f"fused_{owner}_{name}", tuple(members)))
    return fusions


def fused_schedule(lines: list[str], fusions: list[Fusion]) -> list[str]:
    """The schedule with each fusion in the place of its last member."""
    place = {fusion.members[-1]: fusion for fusion in fusions}
    gone = {name for fusion in fusions for name in fusion.members}
    changed = []
    for line in lines:
        match = _ADD.search(line)
        if match is None or match["name"] not in gone:
            changed.append(line)
        elif fusion := place.get(match["name"]):
            changed.append(line.replace(f"_run_{match['name']}", f"_run_{fusion.name}"))
    return changed


def fused_source(fusion: Fusion, sources: Mapping[str, str]) -> str:
    """C++ of the fused function. Blocks are nested because their names may be the same."""
    lines = [f'#include "code_objects/{name}.cpp"' for name in fusion.members]
    lines += [f"void _run_{fusion.name}()", "{"]
    endings = []
    for number, name in enumerate(fusion.members):
        match = _PARTS.search(sources[name])
        if match is None:
            raise RuntimeError(f"the code of {name} has no parts to fuse")
        captured = "=, &_count" if "long _count = 0;" in match["before"] else "="
        lines += [match["before"], f"const auto _chunk_{number} = [{captured}](const int _start, const int _size) {{"]
        lines += [match["body"], "};", "{"]
        endings.append(match["after"])
    lines += ["for (int _start = 0; _start < _N; _start += ssnbrian::chunk) {"]
    lines += [f"_chunk_{number}(_start, ssnbrian::chunk_size(_start, _N));" for number in range(len(fusion.members))]
    lines.append("}")
    for ending in reversed(endings):
        lines += ["}", ending]
    return "\n".join([*lines, "}", ""])
