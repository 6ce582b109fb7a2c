"""Circuits made from circuits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from ssnbrian.circuit.circuit import Circuit, InputPopulation, Projection
from ssnbrian.circuit.errors import InvalidInputError
from ssnbrian.circuit.templates import AllToAll, FixedInDegree, whole_number
from ssnbrian.circuit.units import Value


def resized(circuit: Circuit, sizes: Mapping[str, int]) -> Circuit:
    """The circuit with other population sizes, the same connection probabilities and the same J.

    In-degrees scale with the source and weights inversely, so mean-field theory keeps its mean inputs; the
    recurrent variance j J grows as the circuit shrinks. Input populations stay as they are. Raises
    :class:`InvalidInputError` for an unknown population or an in-degree that would fall to 0.
    """
    for name in sizes:
        circuit.population(name)
    return _with_sizes(circuit, sizes, 1.0)


def scaled_to(circuit: Circuit, neurons: int, *, scale_drive: bool = False) -> Circuit:
    """The circuit with ``neurons`` neurons in all and weights that scale as one over the square root of the size.

    With N0 the present number of neurons and s = neurons/N0, sizes and in-degrees grow by s at fixed connection
    probabilities, weights become j/sqrt(s) and so J becomes J·sqrt(s); sigma_ext stays (the size scaling of Ekelmans
    et al. 2023, Fig 6). An in-degree is a whole number: K·s is rounded, and the weight is J·sqrt(s)/K with the rounded
    K, so that J·sqrt(s) is exact (to rounding of floats) and it is j that takes up the round-off. Input populations
    and what they project stay as they are.

    Parameters
    ----------
    circuit : the circuit to scale; :func:`resized` keeps J instead.
    neurons : total number of neurons; every population must come out as a whole number.
    scale_drive : multiply the default drive's mu_ext by :func:`drive_factor`, as the paper does when it plots over
        mu_ext/sqrt(N). By default the drive is kept; a drive given to a simulation later is never scaled.

    Raises
    ------
    InvalidInputError : the sizes would not be whole, or nothing would be left of a projection.
    """
    factor = drive_factor(circuit, neurons)
    scaled = _with_sizes(circuit, _sizes_at(circuit, neurons), factor)
    if scale_drive and scaled.drive is not None:
        scaled = scaled.replace(drive=scaled.drive.scaled(factor))
    return scaled


def drive_factor(circuit: Circuit, neurons: int) -> float:
    """sqrt(neurons/N0): what multiplies mu_ext (and J) when a circuit of N0 neurons is scaled to ``neurons``."""
    return math.sqrt(sum(_sizes_at(circuit, neurons).values()) / _neurons(circuit))


def _neurons(circuit: Circuit) -> int:
    return sum(population.size for population in circuit.populations)


def _sizes_at(circuit: Circuit, neurons: int) -> dict[str, int]:
    number = whole_number(neurons)
    if number is None or number < 1:
        raise InvalidInputError(f"size of '{circuit.name}': expected a whole number of neurons, got {neurons}")
    present = _neurons(circuit)
    step = present // math.gcd(*(population.size for population in circuit.populations))
    if number % step:
        split = ":".join(str(population.size) for population in circuit.populations)
        below = number // step * step
        nearest = " or ".join(str(one) for one in (below, below + step) if one > 0)
        raise InvalidInputError(
            f"size of '{circuit.name}': {number} neurons cannot be split {split} into whole populations; "
            f"take a multiple of {step}, e.g. {nearest}"
        )
    return {population.name: population.size * number // present for population in circuit.populations}


def _with_sizes(circuit: Circuit, sizes: Mapping[str, int], factor: float) -> Circuit:
    """The circuit with other sizes, the same connection probabilities and J multiplied by ``factor``."""
    populations = tuple(dataclasses.replace(one, size=sizes.get(one.name, one.size)) for one in circuit.populations)
    return circuit.replace(
        populations=populations,
        projections=tuple(_rescaled(circuit, one, sizes, factor) for one in circuit.projections),
    )


def _rescaled(circuit: Circuit, projection: Projection, sizes: Mapping[str, int], factor: float) -> Projection:
    source = circuit.source_of(projection)
    if isinstance(source, InputPopulation):
        return projection
    size = sizes.get(source.name, source.size)
    rule = projection.rule
    if isinstance(rule, FixedInDegree):
        rule = FixedInDegree(round(rule.in_degree * size / source.size))
    recurrent = projection.source == projection.target
    in_degree = rule.mean_in_degree(size, recurrent)
    if in_degree == 0:
        raise InvalidInputError(f"projection {projection.name}: nothing would be left of it with {size} sources")
    total = circuit.weight_total(projection)
    return dataclasses.replace(projection, rule=rule, weight=Value(factor * total.si / in_degree, total.dimension))


def fully_connected(circuit: Circuit) -> Circuit:
    """The circuit with all pairs connected, each neuron to itself too, and each neuron's total weight as it was.

    Mean inputs stay as they are, and all neurons of a population receive the same spikes: what population models
    assume of any circuit. Input populations stay as they are.
    """

    def connected(projection: Projection) -> Projection:
        source, rule = circuit.source_of(projection), AllToAll(autapses=True)
        if isinstance(source, InputPopulation):
            return projection
        total = circuit.weight_total(projection)
        weight = Value(total.si / source.size, total.dimension)
        return dataclasses.replace(projection, rule=rule, weight=weight)

    return circuit.replace(projections=tuple(connected(one) for one in circuit.projections))
