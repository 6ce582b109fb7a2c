"""Homogeneous networks of neurons that collect kicks, whose limit of many neurons is a set of rate equations.

At every spike the targets are drawn anew (:class:`~ssnbrian.circuit.Annealed`). The rates of ``kicks`` at dt = 0.1 ms,
23.18 and 54.36 Hz, are 0.3 % below those of an event-driven simulation of the same network, 23.24 and 54.54 Hz; at
0.025 ms there is no difference (standard errors 0.2 and 0.1 %).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf

from ssnbrian.models.neurons.kicks import INTEGER_KICKS, KICK_CONDUCTANCE
from ssnbrian.models.synapses.kicks import (
    PENDING_CONDUCTANCE,
    PENDING_CONDUCTANCE_INHIBITORY,
    PENDING_KICKS,
    PENDING_KICKS_INHIBITORY,
)

from ssnbrian.circuit import (
    Annealed,
    Circuit,
    Constant,
    InvalidInputError,
    NeuronModel,
    Population,
    Projection,
    SynapseModel,
)

_SIZES = {"E": 300, "I": 100}
_KIND = {"E": "excitatory", "I": "inhibitory"}


def _network(
    name: str,
    neuron: NeuronModel,
    synapses: Mapping[str, SynapseModel],
    weights: Mapping[str, float],
    probabilities: Mapping[str, float],
    decay: Mapping[str, float],
    description: str,
) -> Circuit:
    """300 E and 100 I neurons; weights (mV), probabilities and decay times (ms) by target and source."""
    populations = tuple(Population(one, size, neuron, _KIND[one]) for one, size in _SIZES.items())
    projections = tuple(
        Projection(
            source=source,
            target=target,
            weight=f"{weight!r} mV",
            rule=Annealed(probabilities[target + source]),
            synapse=synapses[source],
            parameters={"tau_synapse": f"{decay[target + source]!r} ms"},
        )
        for (target, source), weight in weights.items()
    )
    return Circuit(name, populations, projections, Constant(0, duration=1), 1.0, description, neuron.source)


def _kicks(name: str, tau_EE: float, tau_IE: float, description: str) -> Circuit:
    return _network(
        name,
        INTEGER_KICKS,
        {"E": PENDING_KICKS, "I": PENDING_KICKS_INHIBITORY},
        {"EE": 5.0, "IE": 2.0, "EI": 4.91, "II": 4.91},
        {"EE": 0.15, "IE": 0.5, "EI": 0.5, "II": 0.4},
        {"EE": tau_EE, "IE": tau_IE, "EI": 4.5, "II": 4.5},
        description,
    )


def kicks() -> Circuit:
    """Integer kicks with slow recurrent excitation, 4 ms: nearly homogeneous firing."""
    return _kicks("kicks", 4.0, 1.2, "neurons that collect kicks: homogeneous firing")


def kicks_regular() -> Circuit:
    """Integer kicks with recurrent excitation of 2 ms: small volleys at a regular pace."""
    return _kicks("kicks_regular", 2.0, 1.2, "neurons that collect kicks: regular volleys")


def kicks_synchronous() -> Circuit:
    """Integer kicks with fast excitation, 1.3 and 0.95 ms: large synchronous volleys."""
    return _kicks("kicks_synchronous", 1.3, 0.95, "neurons that collect kicks: synchronous volleys")


def conductance() -> Circuit:
    """Conductances that end at random, p_EI = 0.8: large and small volleys in turns; at 0.7 all are alike."""
    return _network(
        "conductance",
        KICK_CONDUCTANCE,
        {"E": PENDING_CONDUCTANCE, "I": PENDING_CONDUCTANCE_INHIBITORY},
        {"EE": 0.95, "IE": 1.25, "EI": 2.71, "II": 2.45},
        {"EE": 0.8, "IE": 0.8, "EI": 0.8, "II": 0.8},
        {"EE": 1.4, "IE": 1.2, "EI": 4.5, "II": 4.5},
        "pending conductances: large and small synchronous volleys in turns",
    )


def scaled(circuit: Circuit, factor: float) -> Circuit:
    """``factor`` times as many neurons with 1/``factor`` of the probabilities: the same rate equations in the limit.

    Sizes are rounded to whole numbers; weights stay. Every spike visits all neurons of its targets, so that the cost of
    a run grows with the square of the size. Raises :class:`InvalidInputError` for a factor that is not positive or that
    leaves no neuron or a probability above 1, and for a projection whose targets are not drawn at every spike.
    """
    if not 0 < factor < inf:
        raise InvalidInputError(f"scale of '{circuit.name}': expected a positive number, got {factor}")
    populations = tuple(replace(one, size=round(one.size * factor)) for one in circuit.populations)
    projections = []
    for one in circuit.projections:
        if not isinstance(one.rule, Annealed):
            raise InvalidInputError(f"projection {one.name}: only the rule 'annealed' can be scaled like this")
        probability = one.rule.probability / factor
        if probability > 1:
            raise InvalidInputError(
                f"projection {one.name}: a probability of {probability:g} is above 1; take a factor of at least "
                f"{one.rule.probability:g}"
            )
        projections.append(replace(one, rule=Annealed(probability)))
    return circuit.replace(populations=populations, projections=tuple(projections))
