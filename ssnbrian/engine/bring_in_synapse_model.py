"""The texts of a synapse model from Brian2 ``Synapses`` that have been read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy
from brian2.parsing.sympytools import sympy_to_str

from ssnbrian.circuit import InvalidInputError, SynapseModel, Value
from ssnbrian.circuit.equations import parse_statements
from ssnbrian.circuit.units import DIMENSIONLESS, parse_unit
from ssnbrian.engine.bring_in_neuron import BrianNeuron, expression_of, identifiers, number_of, symbols_of
from ssnbrian.engine.bring_in_synapse import BrianSynapses, Input, input_of
from ssnbrian.engine.bring_in_texts import (
    PARAMETER,
    SUBEXPRESSION,
    array_of,
    equation_line,
    external_values,
    literal,
    parameter_from,
    uniform_value,
    value_from,
)
from ssnbrian.engine.names import rename

_VOLT, _INPUT = parse_unit("V")[1], parse_unit("V/s")[1]
_WEIGHT_NAMES = ("weight", "w")


@dataclass(frozen=True)
class BroughtSynapse:
    """A synapse model and the signed weight of its synapses."""

    model: SynapseModel
    weight: Value


def synapse_model(synapses: BrianSynapses, neuron: BrianNeuron, name: str) -> BroughtSynapse:
    """The model of synapses that end on a neuron."""
    reader = _Reader(synapses, neuron, input_of(synapses, neuron))
    return reader.read(name)


@dataclass(frozen=True)
class _Reader:
    synapses: BrianSynapses
    neuron: BrianNeuron
    input: Input

    @property
    def where(self) -> str:
        return self.synapses.where

    @cached_property
    def changed(self) -> set[str]:
        """Variables of a synapse that its statements change."""
        return {one.target for one in (*self.synapses.on_pre, *self.synapses.on_post)}

    @cached_property
    def own_values(self) -> dict[str, Value]:
        """Constants of the synapses, and the names that their statements have from a namespace."""
        synapses, values = self.synapses, {}
        cure = "weights and parameters are shared by a projection; make several Synapses of them"
        for name, one in synapses.equations.items():
            if one.type == PARAMETER and one.var_type == "float" and name not in self.changed:
                value = uniform_value(synapses.synapses, name, self.where, cure)
                if value is not None:
                    values[name] = value
        texts = [one.expr.code for one in synapses.equations.values() if one.expr is not None]
        texts += [one.line for one in (*synapses.on_pre, *synapses.on_post)]
        names = {name for name in identifiers(*texts) if name not in synapses.equations}
        names = {name for name in names if not name.endswith(("_pre", "_post"))}
        names -= set(self.neuron.equations) | {one.target for one in (*synapses.on_pre, *synapses.on_post)}
        return values | external_values(synapses.synapses, names, synapses.namespace, self.where)

    @cached_property
    def values(self) -> dict[str, Value]:
        """All constants by their short names; the synapses' own come first."""
        values = dict(self.own_values)
        for name, value in self.neuron.values.items():
            short = self.synapses.short(name)
            if values.setdefault(short, value) != value:
                raise InvalidInputError(
                    f"{self.where}: '{short}' is {values[short]} in the synapses and {value} in {self.neuron.where}; "
                    f"rename one of them"
                )
        return values

    def _renamed(self, expression: sympy.Expr) -> sympy.Expr:
        names = {symbol: self.synapses.short(symbol.name) for symbol in expression.free_symbols}
        ends = {symbol: text.removesuffix("_post") for symbol, text in names.items()}
        ends = {s: n if n in self.values or n in self.neuron.equations else names[s] for s, n in ends.items()}
        return expression.subs({symbol: sympy.Symbol(text, real=True) for symbol, text in ends.items()})

    @cached_property
    def weight_name(self) -> str | None:
        """What in the transmission is the weight; None where all of it is."""
        given, right = self.synapses.given_weight, self.synapses.transmission.expression
        if given is not None:
            if given not in identifiers(right):
                raise InvalidInputError(f"{self.where}: there is no '{given}' in '{self.synapses.transmission.line}'")
            found: str | None = given
        else:
            found = next((name for name in _WEIGHT_NAMES if name in identifiers(right)), None)
        if found is not None and found in self.changed:
            raise InvalidInputError(
                f"{self.where}: '{found}' is changed by the synapse; write the input as a constant weight times a "
                f"variable without unit, e.g. '{self.synapses.transmission.target} += weight*{found}', and name the "
                f"constant by weight='weight'"
            )
        return found

    @cached_property
    def split(self) -> tuple[sympy.Expr, sympy.Expr]:
        """The transmission as (constant with the weight, what changes from spike to spike)."""
        statement = self.synapses.transmission
        right = self._renamed(expression_of(statement.expression))
        right = -right if statement.operator == "-=" else right
        symbol = sympy.Symbol(self.weight_name or "", real=True)
        if self.weight_name is not None and sympy.simplify(right - symbol * sympy.diff(right, symbol)) != 0:
            raise InvalidInputError(f"{self.where}, line '{statement.line}': it is not proportional to '{symbol}'")
        parts: dict[bool, list[sympy.Expr]] = {False: [], True: []}
        for factor in sympy.Mul.make_args(sympy.factor_terms(right)):
            parts[any(s.name not in self.values and not self._is_unit(s.name) for s in factor.free_symbols)].append(
                factor
            )
        if parts[True]:
            # Parameters of plasticity, such as the share of resources that a spike takes, stay with its variables.
            own = {s for s in parts[False] if s.is_Symbol and s != symbol and self._is_number(s.name)}
            parts[True] += own
            parts[False] = [one for one in parts[False] if one not in own]
        if any(symbol in one.free_symbols for one in parts[True]):
            raise InvalidInputError(
                f"{self.where}, line '{statement.line}': the weight does not stand as a factor; write 'x += weight*…'"
            )
        return sympy.Mul(*parts[False]), sympy.Mul(*parts[True])

    def _is_number(self, name: str) -> bool:
        return name in self.values and self.values[name].dimension == DIMENSIONLESS

    @staticmethod
    def _is_unit(name: str) -> bool:
        from brian2.core.namespace import DEFAULT_UNITS

        return name in DEFAULT_UNITS

    @cached_property
    def reference(self) -> Value | None:
        """The potential at which the weight is the area of the input; None where that does not matter."""
        if self.neuron.membrane not in symbols_of(self.input.area):
            return None
        given = self.synapses.given_reference
        if given is not None:
            return given
        if "reference" in self.own_values:
            return self.own_values["reference"]
        resets = [
            one
            for one in parse_statements(self.neuron.reset, f"{self.neuron.where}, reset")
            if (one.target, one.operator) == (self.neuron.membrane, "=")
        ]
        if len(resets) == 1:
            try:
                number = number_of(expression_of(resets[0].expression), self.neuron.values, self.where)
                return Value(number, _VOLT)
            except InvalidInputError:
                pass
        raise InvalidInputError(
            f"{self.where}: the input depends on the membrane; give the potential at which the weight is measured, "
            f"e.g. reference=-65*mV"
        )

    def _area(self) -> sympy.Expr:
        membrane = sympy.Symbol(self.neuron.membrane, real=True)
        return self._renamed(self.input.area).subs(membrane, sympy.Symbol("reference", real=True))

    def _weight(self) -> Value:
        """The area of one spike's input."""
        constant, area = self.split[0], self._area()
        values = dict(self.values) | ({"reference": self.reference} if self.reference is not None else {})
        number = number_of(sympy.simplify(constant * area), values, self.where)
        hit = value_from(1.0, self.neuron.equations[self.synapses.hit].dim)
        if self.synapses.hit == self.neuron.membrane and hit.dimension != _VOLT:
            raise InvalidInputError(f"{self.where}: the membrane of the target is not in volt")
        return Value(number, _VOLT)

    def read(self, name: str) -> BroughtSynapse:
        """The model with its weight."""
        short = self.synapses.short
        lines, current = self._target_lines()
        on_pre = [
            self._transmitted() if one is self.synapses.transmission else one.line for one in self.synapses.on_pre
        ]
        on_post = [one.line for one in self.synapses.on_post]
        kept = {
            variable: equation_line(variable, one)
            for variable, one in self.synapses.equations.items()
            if variable not in self.values and variable != self.weight_name
        }
        used = identifiers(*lines, *on_pre, *on_post, *kept.values(), self.synapses.given_delay or "")
        # The names of a target are seen by its synapses: one declaration serves both.
        values = {n: v for n, v in self.values.items() if n in used and n != self.weight_name and not self._stays(n)}
        if self.reference is not None:
            values["reference"] = self.reference
        delay, text = self._delay()
        if delay is not None:
            values["delay_time"] = delay
        model = SynapseModel(
            name=name,
            on_pre="\n".join(on_pre),
            on_post="\n".join(on_post),
            equations="\n".join(kept.values()),
            target_equations="\n".join(lines),
            current=None if current is None else short(current),
            delay=text,
            parameters=tuple(parameter_from(one, value, self.where) for one, value in values.items()),
            initial=self._initial(kept),
            explanation=f"brought in from Brian2, {self.where}",
        )
        return BroughtSynapse(model, self._weight())

    def _transmitted(self) -> str:
        rest = sympy_to_str(self.split[1]) if self.split[1] != 1 else ""
        area = self._area()
        of_target = {s: sympy.Symbol(f"{s.name}_post", real=True) for s in area.free_symbols if self._stays(s.name)}
        size = "weight" if area == 1 else f"weight/({sympy_to_str(area.subs(of_target))})"
        return f"{self.synapses.short(self.synapses.hit)}_post += {size}" + (f"*({rest})" if rest else "")

    def _stays(self, name: str) -> bool:
        neuron = self.neuron
        remaining = identifiers(*neuron.texts.values(), neuron.threshold, neuron.reset, neuron.refractory_text)
        return name in neuron.values and name in remaining

    def _target_lines(self) -> tuple[list[str], str | None]:
        """Equations that the synapse adds to its target, and the one of them that is the current."""
        if not self.input.variables:
            return [], None
        short, equations = self.synapses.short, self.neuron.equations
        names = {name: short(name) for name in (*equations, *self.neuron.values)}
        lines = [
            equation_line(short(one), equations[one], rename(equations[one].expr.code, names))
            for one in (*self.input.variables, *self.input.extra)
        ]
        symbol = self.input.current
        if symbol.is_Symbol and value_from(0.0, equations[symbol.name].dim).dimension == _INPUT:
            return lines, symbol.name
        current = f"mu_{short(self.synapses.hit)}"
        return [*lines, f"{current} = {sympy_to_str(self._renamed(symbol))} : volt/second"], current

    def _delay(self) -> tuple[Value | None, str | None]:
        synapses = self.synapses
        for pathway in synapses.synapses._pathways:
            if pathway.prepost == "post" and array_of(pathway, "delay", self.where).any():
                raise InvalidInputError(f"{self.where}: on_post has a delay, which a synapse model cannot hold")
        if synapses.given_delay is not None:
            return None, synapses.given_delay
        pathway = next(one for one in synapses.synapses._pathways if one.prepost == "pre")
        cure = "give an expression for them, e.g. delays={…: '1*ms + rand()*2*ms'}"
        value = uniform_value(pathway, "delay", self.where, cure)
        return (None, None) if value is None or value.si == 0 else (value, "delay_time")

    def _initial(self, kept: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        pairs = []
        for name in kept:
            one = self.synapses.equations[name]
            if one.type == SUBEXPRESSION:
                continue
            cure = "start all synapses from one value"
            value = uniform_value(self.synapses.synapses, name, f"{self.where}, initial state", cure)
            if value is not None and value.si:
                pairs.append((name, literal(value)))
        return tuple(pairs)
