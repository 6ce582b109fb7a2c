"""A Brian2 ``NeuronGroup`` as a neuron model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sympy
from brian2.core.namespace import DEFAULT_UNITS
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str

from ssnbrian.circuit import InvalidInputError, Value
from ssnbrian.circuit.equations import in_one_line, parse_statements, with_added_term
from ssnbrian.circuit.units import parse_unit
from ssnbrian.engine.bring_in_texts import (
    DIFFERENTIAL,
    PARAMETER,
    SUBEXPRESSION,
    equation_line,
    external_values,
    uniform_value,
    unit_text,
    value_from,
)

PLACES = ("mu_ext", "mu_synaptic")
_VOLT = parse_unit("V")[1]


def identifiers(*texts: str) -> set[str]:
    """All names in texts."""
    return set(re.findall(r"\b[A-Za-z_]\w*", " ".join(texts)))


def symbols_of(expression: sympy.Expr) -> set[str]:
    """Names of the free symbols of an expression."""
    return {symbol.name for symbol in expression.free_symbols}


def expression_of(text: str) -> sympy.Expr:
    """Brian2 text as a SymPy expression of real symbols; 1.0 becomes 1."""
    whole = str_to_sympy(text)
    return whole.replace(lambda one: one.is_Float and one == int(one), lambda one: sympy.Integer(int(one)))


def number_of(expression: sympy.Expr, values: Mapping[str, Value], where: str) -> float:
    """An expression of constants and units as a number in SI units."""
    numbers = {}
    for symbol in expression.free_symbols:
        if symbol.name in values:
            numbers[symbol] = values[symbol.name].si
        elif symbol.name in DEFAULT_UNITS:
            numbers[symbol] = float(DEFAULT_UNITS[symbol.name])
        else:
            raise InvalidInputError(f"{where}: '{symbol.name}' is no constant here")
    return float(expression.evalf(30, subs=numbers) if numbers else expression)


@dataclass(frozen=True)
class BrianNeuron:
    """A group as it stands: its equations by name, its membrane and its namespace.

    ``assigned`` are variables that synapses change, ``moved`` those that go to the synapses' own models.
    """

    group: Any
    namespace: Mapping[str, Any]
    given_membrane: str | None = None
    assigned: frozenset[str] = frozenset()
    moved: frozenset[str] = frozenset()
    initial: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        return f"group '{self.group.name}'"

    @cached_property
    def equations(self) -> dict[str, Any]:
        return dict(self.group.user_equations)

    @cached_property
    def threshold(self) -> str:
        if others := [name for name in self.group.events if name != "spike"]:
            raise InvalidInputError(f"{self.where}: it has the event '{others[0]}'; only spikes can be described")
        if "spike" not in self.group.events:
            raise InvalidInputError(f"{self.where}: it has no threshold; a spiking neuron needs one")
        return in_one_line(self.group.events["spike"])

    @cached_property
    def reset(self) -> str:
        text = self.group.event_codes.get("spike") or ""
        lines = "\n".join(line.strip() for line in text.splitlines() if line.strip())
        # A model has to have a reset; channels bring the membrane back by themselves.
        return lines or f"{self.membrane} = {self.membrane}"

    @cached_property
    def membrane(self) -> str:
        states = [name for name, one in self.equations.items() if one.type == DIFFERENTIAL]
        if self.given_membrane is not None:
            candidates = [self.given_membrane] if self.given_membrane in states else []
        elif "v" in states:
            candidates = ["v"]
        else:
            candidates = [name for name in states if name in identifiers(self.threshold)]
        if len(candidates) != 1:
            known = ", ".join(states) or "none"
            raise InvalidInputError(
                f"{self.where}: which variable is the membrane cannot be told; give membrane=…, one of those with a "
                f"differential equation ({known})"
            )
        if value_from(0, self.equations[candidates[0]].dim).dimension != _VOLT:
            raise InvalidInputError(
                f"{self.where}: the membrane '{candidates[0]}' is in {unit_text(self.equations[candidates[0]].dim)}, "
                f"but the inputs mu_ext and mu_synaptic are in volt/second; write the membrane in volt"
            )
        return candidates[0]

    @cached_property
    def values(self) -> dict[str, Value]:
        """Shared constants: parameters of the group that nothing changes, and external names."""
        values = {}
        cure = "parameters are shared by a population; split the group, or declare it by an equation"
        for name, one in self.equations.items():
            if "linked" in one.flags:
                raise InvalidInputError(f"{self.where}: '{name}' is linked to another group; write it out instead")
            fixed = one.type == PARAMETER and one.var_type == "float" and name not in self._changed
            if fixed and name not in PLACES:
                value = uniform_value(self.group, name, self.where, cure)
                assert value is not None
                values[name] = value
        texts = [one.expr.code for one in self.equations.values() if one.expr is not None]
        names = identifiers(*texts, self.threshold, self.reset, self.refractory_text) - set(self.equations)
        names -= {one.target for one in parse_statements(self.reset, f"{self.where}, reset")} | set(PLACES)
        return values | external_values(self.group, names, self.namespace, self.where)

    @property
    def refractory_text(self) -> str:
        return self.group._refractory if isinstance(self.group._refractory, str) else ""

    @cached_property
    def _changed(self) -> set[str]:
        statements = parse_statements(self.reset, f"{self.where}, reset")
        return {one.target for one in statements} | set(self.assigned)

    @cached_property
    def input(self) -> sympy.Expr:
        """The derivative of the membrane with the subexpressions in which synapses may enter written out."""
        expression = expression_of(self.equations[self.membrane].expr.code)
        for _ in self.equations:
            found = {
                symbol: expression_of(self.equations[symbol.name].expr.code)
                for symbol in expression.free_symbols
                if symbol.name in self.equations
                and self.equations[symbol.name].type == SUBEXPRESSION
                and "constant over dt" not in self.equations[symbol.name].flags
                and (symbol.name == "mu_synaptic" or self.depends(symbol.name, self.moved))
            }
            if not found:
                break
            expression = expression.subs(found)
        return expression

    def depends(self, name: str, targets: Iterable[str]) -> bool:
        """Whether the right side of a subexpression needs one of the targets, directly or through others."""
        waiting, seen = [name], set[str]()
        while waiting:
            one = self.equations.get(waiting.pop())
            if one is None or one.expr is None:
                continue
            needed = identifiers(one.expr.code)
            if needed & set(targets):
                return True
            new = {other for other in needed - seen if other in self.equations}
            seen |= new
            waiting += [other for other in new if self.equations[other].type == SUBEXPRESSION]
        return False

    @cached_property
    def texts(self) -> dict[str, str]:
        """What remains of the equations, line by line, without the variables that synapses bring."""
        lines = {}
        uses_synapses = self.moved or "mu_synaptic" in self.equations
        for name, one in self.equations.items():
            if name in (*PLACES, "counted") or name in self.moved or name in self.values:
                continue
            if name == self.membrane and uses_synapses:
                rest = self.input.subs({s: 0 for s in self.input.free_symbols if s.name in self.moved})
                lines[name] = equation_line(name, one, sympy_to_str(rest))
            elif one.type != SUBEXPRESSION or not self.depends(name, self.moved):
                lines[name] = equation_line(name, one)
                if one.expr is not None and identifiers(one.expr.code) & self.moved:
                    raise InvalidInputError(
                        f"{self.where}: '{name}' depends on a variable that synapses change, so its input is more "
                        f"than a current; write the neuron and the synapse as models of their own"
                    )
        for name in symbols_of(self.input) & set(lines) if uses_synapses else ():
            others = (text for other, text in lines.items() if other != name)
            unused = name not in identifiers(*others, self.threshold, self.reset, self.refractory_text)
            if self.equations[name].type == SUBEXPRESSION and unused:
                del lines[name]
        text = lines[self.membrane]
        for place in PLACES:
            if place not in identifiers(*lines.values()):
                text, _ = with_added_term(text, self.membrane, place)
        return lines | {self.membrane: text}
