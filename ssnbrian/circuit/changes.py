"""Every value of a circuit by the name that a user gives it: ``E.tau``, ``X1.rate``, ``E->E.weight``, ``J.EE``.

The probability with which a spike reaches a target, ``I->E.probability``, is one of them; that of a ``Bernoulli`` rule,
which makes the synapses before the run, is not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ssnbrian.circuit.circuit import Circuit
from ssnbrian.circuit.errors import InvalidInputError
from ssnbrian.circuit.templates import Annealed
from ssnbrian.circuit.units import Value, value_of


@dataclass(frozen=True)
class Change:
    """A value that can be changed.

    Attributes
    ----------
    what : 'population', 'input', 'weight', 'synapse' or 'rule', what the value belongs to.
    unit : in which it is declared.
    apply : (circuit, value with its unit) -> the circuit with that value.
    """

    what: str
    unit: str
    apply: Callable[[Circuit, Any], Circuit]


def changes(circuit: Circuit) -> dict[str, Change]:
    """All of them by name; J_XY, of all synapses of a neuron, is ``J.XY`` with the target first."""
    table = {}
    for population in circuit.populations:
        for name in population.parameters:
            unit = population.neuron.parameter(name).unit
            apply = partial(_with_parameter, "populations", population.name, name)
            table[f"{population.name}.{name}"] = Change("population", unit, apply)
    for one in circuit.inputs:
        table[f"{one.name}.rate"] = Change("input", "Hz", partial(_with_rate, one.name))
    for projection in circuit.projections:
        table[f"{projection.name}.weight"] = Change("weight", "mV", partial(_with_weight, projection.name, False))
        total = f"J.{projection.target}{projection.source}"
        table[total] = Change("weight", "mV", partial(_with_weight, projection.name, True))
        if isinstance(projection.rule, Annealed):
            apply = partial(_with_probability, projection.name)
            table[f"{projection.name}.probability"] = Change("rule", "1", apply)
        units = {parameter.name: parameter.unit for parameter in projection.synapse.parameters}
        for name in projection.parameters:
            apply = partial(_with_parameter, "projections", projection.name, name)
            table[f"{projection.name}.{name}"] = Change("synapse", units[name], apply)
    return table


def _replaced(circuit: Circuit, field: str, name: str, change: Callable[[Any], Any]) -> Circuit:
    changed = tuple(change(one) if one.name == name else one for one in getattr(circuit, field))
    return circuit.replace(**{field: changed})


def _with_parameter(field: str, owner: str, name: str, circuit: Circuit, value: Any) -> Circuit:
    return _replaced(
        circuit, field, owner, lambda one: dataclasses.replace(one, parameters={**one.parameters, name: value})
    )


def _with_rate(owner: str, circuit: Circuit, value: Any) -> Circuit:
    return _replaced(circuit, "inputs", owner, lambda one: dataclasses.replace(one, rate=value))


def _with_probability(owner: str, circuit: Circuit, value: Any) -> Circuit:
    """Another probability with the same weight of a synapse."""
    rule = Annealed(value_of(value, "1", f"{owner}.probability").si)
    return _replaced(circuit, "projections", owner, lambda one: dataclasses.replace(one, rule=rule))


def _with_weight(owner: str, of_all: bool, circuit: Circuit, value: Any) -> Circuit:
    given = value_of(value, "mV", f"{owner}.{'J' if of_all else 'weight'}")

    def change(projection: Any) -> Any:
        share = circuit.in_degree(projection) if of_all else 1.0
        if share == 0:
            raise InvalidInputError(f"{owner}: J cannot be shared out over an in-degree of 0")
        return dataclasses.replace(projection, weight=Value(given.si / share, given.dimension))

    return _replaced(circuit, "projections", owner, change)
