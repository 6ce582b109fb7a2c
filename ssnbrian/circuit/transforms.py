"""Circuits made from circuits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ssnbrian.circuit.circuit import Circuit, Projection
from ssnbrian.circuit.errors import InvalidInputError
from ssnbrian.circuit.templates import FixedInDegree
from ssnbrian.circuit.units import Value


def resized(circuit: Circuit, sizes: Mapping[str, int]) -> Circuit:
    """The circuit with other population sizes, the same connection probabilities and the same J.

    In-degrees scale with the source and weights inversely, so mean-field theory keeps its mean inputs; the
    recurrent variance j J grows as the circuit shrinks. Raises :class:`InvalidInputError` for an unknown
    population or an in-degree that would fall to 0.
    """
    for name in sizes:
        circuit.population(name)
    populations = tuple(dataclasses.replace(one, size=sizes.get(one.name, one.size)) for one in circuit.populations)
    return circuit.replace(
        populations=populations,
        projections=tuple(_rescaled(circuit, one, sizes) for one in circuit.projections),
    )


def _rescaled(circuit: Circuit, projection: Projection, sizes: Mapping[str, int]) -> Projection:
    source = circuit.population(projection.source)
    size = sizes.get(source.name, source.size)
    rule = projection.rule
    if isinstance(rule, FixedInDegree):
        rule = FixedInDegree(round(rule.in_degree * size / source.size))
    recurrent = projection.source == projection.target
    in_degree = rule.mean_in_degree(size, recurrent)
    if in_degree == 0:
        raise InvalidInputError(f"projection {projection.name}: nothing would be left of it with {size} sources")
    total = circuit.weight_total(projection)
    return dataclasses.replace(projection, rule=rule, weight=Value(total.si / in_degree, total.dimension))
