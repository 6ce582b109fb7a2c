"""A circuit of spiking neurons with the weights of a design.

Neurons, synapses and their parameters come from a template circuit, so that the theory needs no library of models.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from ssnbrian.circuit import Circuit, Drive, FixedInDegree, InvalidInputError, Population, Projection, Value

from ..mean_field import conductance_refusal, constant_weight_refusal
from ..reduction import NotApplicableError
from ..ssn import SSN
from .request import PAIRS, DesignBounds


def template_populations(template: Circuit) -> dict[str, Population]:
    """The excitatory and the inhibitory population of a template, by ``E`` and ``I``."""
    if not isinstance(template, Circuit):
        raise InvalidInputError(
            f"template: expected a Circuit with the neurons and synapses to use, e.g. "
            f"ekelmans2023.supersaturating(), got {template!r}"
        )
    SSN.require(template)
    reason = constant_weight_refusal(template) or conductance_refusal(template)
    if reason is not None:
        raise NotApplicableError(f"designs are of constant weights, and in the template '{template.name}' {reason}")
    return {"E" if one.kind == "excitatory" else "I": one for one in template.populations}


def in_degree(pair: str, total: float, bounds: DesignBounds) -> int:
    """The lowest in-degree within the bounds that carries J = ``total`` (mV) with no synapse above the largest.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` when none does.
    """
    low, high = bounds.in_degrees(pair)
    needed = max(low, math.ceil(total / bounds.largest_synapse * (1 - 1e-12)))
    if needed > high:
        raise InvalidInputError(
            f"J {pair} = {total:g} mV needs {needed} synapses of {bounds.largest_synapse:g} mV, more than the {high} "
            f"that the connection probability allows"
        )
    return needed


def realised(
    weights: Mapping[str, float],
    ratio: float,
    template: Circuit,
    bounds: DesignBounds | None = None,
    *,
    drive: Drive | None = None,
    name: str = "designed",
    description: str = "",
) -> Circuit:
    """The circuit with J = K j as given, in mV by pair (target before source).

    Parameters
    ----------
    template : neurons, and the synapse model of every pair with its parameters, are those of this circuit. Its
        populations must be one excitatory and one inhibitory, with all four projections.
    bounds : sizes, connection probabilities and the largest weight of a synapse; in-degrees are fixed, without
        autapses.
    """
    bounds = bounds or DesignBounds()
    members = template_populations(template)
    projections = []
    for pair in PAIRS:
        target, source = members[pair[0]], members[pair[1]]
        model = template.projection(source.name, target.name)
        if model is None:
            raise InvalidInputError(f"template: '{template.name}' has no projection {source.name}->{target.name}")
        number = in_degree(pair, weights[pair], bounds)
        weight = Value(weights[pair] / number / 1000, model.weight.dimension)
        rule = FixedInDegree(number)
        projections.append(Projection(source.name, target.name, weight, rule, model.synapse, model.parameters))
    populations = tuple(dataclasses.replace(one, size=bounds.sizes[key]) for key, one in sorted(members.items()))
    return Circuit(name, populations, tuple(projections), drive, ratio, description)
