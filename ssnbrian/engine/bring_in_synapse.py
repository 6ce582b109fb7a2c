"""Brian2 ``Synapses`` as a synapse model.

The variable X that a spike changes moves from the target's equations into the model, with all that is driven by it but
the membrane. Where these are linear, dX/dt = M X, and enter the membrane linearly, dv/dt = f + h(v) X, a jump e of X
adds the area -h M^{-1} e to the input, which defines the weight in mV; h is taken at a reference potential.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.equations import Statement, parse_statements
from ssnbrian.circuit.units import parse_unit
from ssnbrian.engine.bring_in_neuron import BrianNeuron, expression_of, identifiers, symbols_of
from ssnbrian.engine.bring_in_texts import (
    DIFFERENTIAL,
    SUBEXPRESSION,
)

_VOLT, _INPUT = parse_unit("V")[1], parse_unit("V/s")[1]


@dataclass(frozen=True)
class BrianSynapses:
    """Synapses as they stand; ``source`` is the name that variables of the target may carry as an ending."""

    synapses: Any
    namespace: Mapping[str, Any]
    given_weight: str | None = None
    given_reference: Any = None
    given_delay: str | None = None
    source: str = ""

    @property
    def where(self) -> str:
        return f"synapses '{self.synapses.name}'"

    @cached_property
    def target(self) -> Any:
        target = self.synapses.target
        return getattr(target, "source", target)

    @cached_property
    def equations(self) -> dict[str, Any]:
        driven = self.synapses.event_driven
        found = dict(self.synapses.equations) | (dict(driven) if driven is not None else {})
        return {name: one for name, one in found.items() if name != "lastupdate"}

    def _code(self, prepost: str) -> str:
        codes = [pathway.code for pathway in self.synapses._pathways if pathway.prepost == prepost]
        if len(codes) > 1:
            raise InvalidInputError(
                f"{self.where}: it has several on_{prepost} pathways; make them Synapses of their own"
            )
        return codes[0] if codes else ""

    @cached_property
    def on_pre(self) -> tuple[Statement, ...]:
        return tuple(parse_statements(self._code("pre"), f"{self.where}, on_pre"))

    @cached_property
    def on_post(self) -> tuple[Statement, ...]:
        return tuple(parse_statements(self._code("post"), f"{self.where}, on_post"))

    def target_variable(self, name: str) -> str | None:
        """The variable of the target that a name in a statement stands for."""
        short = name.removesuffix("_post")
        of_target = dict(self.target.user_equations)
        return short if short in of_target and (name.endswith("_post") or name not in self.equations) else None

    @cached_property
    def transmission(self) -> Statement:
        """The one statement that reaches the target."""
        if self.synapses.summed_updaters:
            name = next(iter(self.synapses.summed_updaters))
            raise InvalidInputError(
                f"{self.where}: '{name}' is summed over the synapses at every step; only inputs that a spike starts "
                f"can be brought in"
            )
        reaching = [one for one in self.on_pre if self.target_variable(one.target) is not None]
        if len(reaching) != 1 or reaching[0].operator not in ("+=", "-="):
            raise InvalidInputError(
                f"{self.where}, on_pre: one statement 'x += …' has to reach a variable of the target, and "
                f"{len(reaching)} do; make several Synapses of several inputs"
            )
        for one in (*self.on_pre, *self.on_post):
            late = one in self.on_post and self.target_variable(one.target) is not None
            if one.target.endswith("_pre") or late:
                raise InvalidInputError(
                    f"{self.where}, line '{one.line}': it changes a neuron other than by the input of a source spike, "
                    f"which a synapse model cannot hold"
                )
        return reaching[0]

    @cached_property
    def hit(self) -> str:
        """The variable of the target that a spike changes."""
        found = self.target_variable(self.transmission.target)
        assert found is not None
        return found

    def moved(self, membrane: str) -> frozenset[str]:
        """The variable hit and all that it drives, without the membrane."""
        if self.hit == membrane:
            return frozenset()
        equations = {name: one for name, one in dict(self.target.user_equations).items() if one.type == DIFFERENTIAL}
        found = {self.hit}
        for _ in equations:
            driven = {n for n, one in equations.items() if identifiers(one.expr.code) & found}
            found |= driven - {membrane}
        if self.hit not in equations:
            raise InvalidInputError(
                f"{self.where}: '{self.hit}' of the target has no differential equation to decay by"
            )
        return frozenset(found)

    def short(self, name: str) -> str:
        """A name of the target without the ending that marks its source."""
        return name.removesuffix(f"_from_{self.source}") if self.source else name


@dataclass(frozen=True)
class Input:
    """How synapses act on their target: the moved variables, their current and the area of a unit jump."""

    variables: tuple[str, ...]
    extra: tuple[str, ...]
    current: sympy.Expr
    area: sympy.Expr


def input_of(synapses: BrianSynapses, neuron: BrianNeuron) -> Input:
    """The linear input of the variables that synapses change, see the module."""
    membrane = neuron.membrane
    moved = synapses.moved(membrane)
    if not moved:
        return Input((), (), sympy.S.Zero, sympy.S.One)
    where = f"{synapses.where} on {neuron.where}"
    names = tuple(name for name in neuron.equations if name in moved)
    states = sympy.Matrix([sympy.Symbol(name, real=True) for name in names])
    slopes = sympy.Matrix([expression_of(neuron.equations[name].expr.code) for name in names])
    matrix = slopes.jacobian(states)
    allowed = set(neuron.values)
    linear = (slopes - matrix * states).applyfunc(sympy.simplify).is_zero_matrix
    if not linear or {name for entry in matrix for name in symbols_of(entry)} - allowed:
        raise InvalidInputError(
            f"{where}: the equations of {', '.join(names)} are not linear with constant coefficients, so the area of "
            f"an input is not defined; write the synapse as a model of its own"
        )
    if matrix.det() == 0:
        raise InvalidInputError(f"{where}: {', '.join(names)} do not decay, so the area of an input is infinite")
    row = sympy.Matrix([neuron.input]).jacobian(states)
    extra = tuple(
        name
        for name, one in neuron.equations.items()
        if one.type == SUBEXPRESSION
        and "constant over dt" in one.flags
        and name in {s for e in row for s in symbols_of(e)}
    )
    known = allowed | {membrane} | set(extra)
    if wrong := sorted({name for entry in row for name in symbols_of(entry)} - known):
        raise InvalidInputError(
            f"{where}: '{synapses.hit}' enters the membrane together with '{wrong[0]}'; only inputs that depend on "
            f"the membrane alone can be brought in"
        )
    unit = sympy.zeros(len(names), 1)
    unit[names.index(synapses.hit)] = 1
    held = {sympy.Symbol(n, real=True): expression_of(neuron.equations[n].expr.code) for n in extra}
    area = -(row.subs(held) * matrix.inv() * unit)[0]
    if area == 0:
        raise InvalidInputError(f"{where}: '{synapses.hit}' does not reach the membrane '{membrane}'")
    return Input(names, extra, (row * states)[0], sympy.simplify(area))
