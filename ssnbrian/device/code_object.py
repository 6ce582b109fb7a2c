"""The code object of the fast device: its templates, and the random numbers that stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject


class Draw(NamedTuple):
    """A random number of every neuron and step, by its name in the code."""

    name: str
    kind: str


_DRAWS = {"_rand": "uniform", "_randn": "normal"}
_CALL = re.compile(r"\b(_randn?)\(_vectorisation_idx\)")


def bulk_draws(vector_code: str | list[str]) -> tuple[str, list[Draw]]:
    """Code in which every call of rand() or randn() is a number drawn beforehand, and those numbers.

    Each place in the code is another number, so a number that is not used in the end is lost and does no harm.
    """
    text = vector_code if isinstance(vector_code, str) else "\n".join(vector_code)
    draws: list[Draw] = []

    def named(match: re.Match[str]) -> str:
        kind = _DRAWS[match.group(1)]
        draws.append(Draw(f"_{kind}_{len(draws)}", kind))
        return draws[-1].name

    return _CALL.sub(named, text), draws


_BLOCK_TYPES = {"uniform": "double", "normal": "float", "coarse": "std::uint16_t"}


def declare_draws(draws: Iterable[Draw]) -> str:
    """C++ that draws what is needed for a chunk of neurons."""
    lines = []
    for draw in draws:
        if draw.kind == "least":
            continue
        lines.append(f"alignas(64) {_BLOCK_TYPES[draw.kind]} {draw.name}_block[ssnbrian::chunk];")
        lines.append(f"ssnbrian::fill_{draw.kind}({draw.name}_block, _size);")
    return "\n".join(lines)


def declare_least(draws: Iterable[Draw]) -> str:
    """C++ that draws the least of a number per neuron."""
    lines = []
    for name, kind in draws:
        if kind == "least":
            lines.append(f"ssnbrian::LeastUniform {name}_least(_N);")
            lines.append(f"const double {name}_least_log = {name}_least.log;")
    return "\n".join(lines)


def read_draws(draws: Iterable[Draw], complete: bool = False) -> str:
    """C++ that reads the number of one neuron; ``complete`` draws what the first pass does not need."""
    lines = []
    for name, kind in draws:
        if kind == "least":
            line = f"{name} = {name}_least.number(_idx)" if complete else f"{name}_log = {name}_least_log"
        elif kind == "coarse":
            line = f"{name} = ssnbrian::{'refined' if complete else 'rounded_down'}({name}_block[_position])"
        else:
            line = f"{name} = {name}_block[_position]"
        lines.append(f"const double {line};")
    return "\n".join(lines)


def without_index(vector_code: str | list[str], index: str) -> str:
    """Code without the line that reads ``index`` from the synapses."""
    text = vector_code if isinstance(vector_code, str) else "\n".join(vector_code)
    return re.sub(rf"^\s*const int32_t {index} = .*;\s*$", "", text, flags=re.MULTILINE)


class SsnbrianCodeObject(CPPStandaloneCodeObject):
    """C++ standalone code object with the templates of this package; the others are Brian2's."""

    # Brian2 lists the names of all targets where a function has no implementation for one.
    class_name = "ssnbrian_standalone"
    templater = CPPStandaloneCodeObject.templater.derive(
        "ssnbrian.device",
        env_globals={
            "bulk_draws": bulk_draws,
            "declare_draws": declare_draws,
            "declare_least": declare_least,
            "read_draws": read_draws,
            "without_index": without_index,
        },
    )


DEFAULT_FUNCTIONS["exprel"].implementations.add_implementation(
    SsnbrianCodeObject,
    code="inline double _exprel(double x) { return ssnbrian::exprel(x); }",
    name="_exprel",
)
for _function, _draw in (("rand", "draw_uniform"), ("randn", "draw_normal")):
    DEFAULT_FUNCTIONS[_function].implementations.add_implementation(
        SsnbrianCodeObject,
        code=f"inline double _{_function}(const int _vectorisation_idx) {{ return ssnbrian::{_draw}(); }}",
        name=f"_{_function}",
    )
