"""What the circuits of this folder share: an excitatory and an inhibitory population, and all four projections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ssnbrian.models.neurons.lif import LIF

from ssnbrian.circuit import Circuit, Drive, FixedInDegree, Population, Projection, SynapseModel

ILLUSTRATIVE = "sizes, in-degrees and weights illustrative, from no data"

Synapse = tuple[SynapseModel, Mapping[str, Any]]
"""A model and the parameters in which it differs from the model's defaults."""


def lif_populations(excitatory: int, inhibitory: int) -> tuple[Population, Population]:
    """LIF neurons with white noise of threshold 1 mV and reset 0 mV; tau is 20 ms for E and 10 ms for I."""
    return Population("E", excitatory, LIF), Population("I", inhibitory, LIF, "inhibitory", {"tau": "10 ms"})


def pair(
    name: str,
    populations: tuple[Population, Population],
    weights: Mapping[str, float],
    in_degrees: Mapping[str, int],
    synapses: Mapping[str, Synapse],
    drive: Drive,
    ratio: float,
    description: str,
    source: str = ILLUSTRATIVE,
) -> Circuit:
    """An E-I pair. J (``weights``, mV) and ``synapses`` go by target and source, ``in_degrees`` by the source."""
    projections = []
    for between, total in weights.items():
        target, origin = between
        model, parameters = synapses[between]
        rule = FixedInDegree(in_degrees[origin])
        projections.append(Projection(origin, target, f"{total / rule.in_degree!r} mV", rule, model, parameters))
    return Circuit(name, populations, tuple(projections), drive, ratio, description, source)
