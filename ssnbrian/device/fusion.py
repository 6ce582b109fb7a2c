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
    r"void _run_\w+\(\)\n\{\n(?P<before>.*?)// CHUNK\n.*?// DRAWS\n(?P<draws>.*?)// SCALARS\n(?P<scalars>.*?)// LOOP\n"
    r".*?// ELEMENT\n(?P<element>.*?)// NEXT\n.*?// REST\n(?P<rest>.*?)// END\n.*?// FINISH\n(?P<after>.*?)^\}\n",
    re.DOTALL | re.MULTILINE,
)
_POINTER = re.compile(r"^\s*[\w:]+\s*\*\s*(?:__restrict)?\s*_ptr_\w+ = \w+;\n", re.MULTILINE)
_TIME = ("t", "dt", "t_in_timesteps", "N")
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
        if isinstance(variable, ArrayVariable)
        and not variable.constant
        and name not in ("t", "dt", "t_in_timesteps", "N")
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


def scheduled(lines: list[str]) -> set[str]:
    """The names of the functions that a network runs in every step."""
    return {match["name"] for line in lines if (match := _ADD.search(line))}


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


_DECLARATION = re.compile(r"^\s*(?:const\s+)?[\w:]+(?:\s*\*\s*(?:const\s+)?|\s+)(\w+)\s*(?:=[^=]|;)", re.MULTILINE)


def _with_own_names(part: Mapping[str, str], number: int) -> dict[str, str]:
    """A member's code with its variables renamed, because another member's may have the same names."""
    names = set(_DECLARATION.findall(_POINTER.sub("", part["before"]))) - {"namespace"}
    word = re.compile(rf"(?<![.>:\w])({'|'.join(sorted(names))})\b(?!\()")
    return {key: word.sub(rf"\1_of_{number}", text) for key, text in part.items()}


def _without_brace(text: str) -> str:
    """The lines before a block without the brace that opens it."""
    return text.rstrip().removesuffix("{")


def fused_source(fusion: Fusion, sources: Mapping[str, str]) -> str:
    """C++ of the fused function; pointers to arrays are declared once for all members.

    Two pointers that are declared not to alias must not point to one array.
    """
    parts = []
    for number, name in enumerate(fusion.members):
        match = _PARTS.search(sources[name])
        if match is None:
            raise RuntimeError(f"the code of {name} has no parts to fuse")
        parts.append(_with_own_names(match.groupdict(), number))
    pointers = dict.fromkeys(line.strip() for part in parts for line in _POINTER.findall(part["before"]))
    lines = [f'#include "code_objects/{name}.cpp"' for name in fusion.members]
    lines += [f"void _run_{fusion.name}()", "{", "using namespace brian;", *pointers]
    lines += [_POINTER.sub("", part["before"]) for part in parts]
    lines += [f"for (int _start = 0; _start < _N_of_{len(parts) - 1}; _start += ssnbrian::chunk)", "{"]
    lines.append(f"const int _size = ssnbrian::chunk_size(_start, _N_of_{len(parts) - 1});")
    for number, part in enumerate(parts):
        lines += ["{", _without_brace(part["draws"]), "{", part["scalars"]]
        lines += [f"const auto _element_{number} = [&](const int _position) SSNBRIAN_INLINED {{", part["element"], "};"]
    # No neuron touches another one's element: that is what a member must do.
    lines += ["#pragma GCC ivdep", "for (int _position = 0; _position < _size; _position++)", "{"]
    lines += [f"_element_{number}(_position);" for number in range(len(parts))] + ["}"]
    for part in reversed(parts):
        lines += ["}", part["rest"], "}"]
    lines.append("}")
    lines += [part["after"] for part in parts]
    return "\n".join([*lines, "}", ""])
