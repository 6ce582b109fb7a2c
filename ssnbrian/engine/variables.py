"""The variables of a population by name, read from its equations without importing Brian2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ssnbrian.circuit import Circuit, InvalidInputError, UnitError
from ssnbrian.circuit.equations import parse_equations
from ssnbrian.circuit.errors import nearest
from ssnbrian.circuit.units import Dimension, parse_unit
from ssnbrian.engine.names import rename, renamed_in_target


@dataclass(frozen=True)
class Variable:
    """A variable of a population: its unit as Brian2 text, and whether every neuron has a value of its own."""

    unit: str
    settable: bool

    def dimension(self) -> Dimension | None:
        """Its dimension, or None for units outside the grammar of the description (Brian2 checks those)."""
        try:
            return parse_unit(self.unit)[1]
        except UnitError:
            return None


def _of_equations(text: str, where: str) -> dict[str, Variable]:
    return {
        one.name: Variable(one.unit, one.kind != "subexpression" and not one.flags & {"shared", "linked"})
        for one in parse_equations(text, where)
    }


def variables_of(circuit: Circuit, population: str) -> dict[str, Variable]:
    """What can be recorded of a population, by name."""
    owner = circuit.population(population)
    variables = {"mu_ext": Variable("mV/s", False), "mu_synaptic": Variable("mV/s", False)}
    variables |= {parameter.name: Variable(parameter.unit, False) for parameter in owner.neuron.parameters}
    if owner.neuron.refractory is not None:
        variables |= {"lastspike": Variable("s", False), "not_refractory": Variable("1", False)}
    variables |= _of_equations(owner.neuron.equations, f"neuron model {owner.neuron.name}, equations")
    for projection in circuit.projections:
        if projection.target == population:
            text = rename(projection.synapse.target_equations, renamed_in_target(projection))
            variables |= _of_equations(text, f"synapse model {projection.synapse.name}, target_equations")
    return variables


def find_variable(circuit: Circuit, name: Any, what: str) -> tuple[str, str, Variable]:
    """Population, variable and its unit of a name such as ``E.v``; :class:`InvalidInputError` suggests the nearest."""
    population, dot, variable = name.partition(".") if isinstance(name, str) else ("", "", "")
    if not dot or not variable:
        raise InvalidInputError(f"{what}: name a variable as 'E.v', got {name!r}")
    known = variables_of(circuit, population)
    if variable not in known:
        raise InvalidInputError(
            f"{what} {name}: population {population} has no variable '{variable}'. {nearest(variable, known)}"
        )
    return population, variable, known[variable]
