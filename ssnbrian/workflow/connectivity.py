"""From measured connectivity to a circuit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ssnbrian.analysis.connectivity_file import connectivity_from_toml, load_connectivity
from ssnbrian.analysis.measured_connectivity import MeasuredConnectivity
from ssnbrian.circuit import (
    Circuit,
    Drive,
    FixedInDegree,
    InvalidInputError,
    NeuronModel,
    Population,
    Projection,
    Ramp,
    SynapseModel,
)
from ssnbrian.circuit.errors import nearest
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.papers import allen_mouse_v1
from ssnbrian.models.synapses.current import DELTA

#: Connectivity files of the library, by name.
DATA_SETS: Mapping[str, Callable[[], str]] = {
    "allen_mouse_v1": allen_mouse_v1.measurements,
    "allen_mouse_v1_weights": allen_mouse_v1.measurements_with_weights,
}


def connectivity_text(name: str) -> str:
    """The connectivity file (TOML) of the library with that name."""
    if name not in DATA_SETS:
        raise InvalidInputError(
            f"there is no measured connectivity '{name}'. {nearest(name, DATA_SETS)} Your own is a .toml file."
        )
    return DATA_SETS[name]()


def find_connectivity(name: str) -> MeasuredConnectivity:
    """Measured connectivity of the library by name, or from a TOML file by path."""
    if name not in DATA_SETS and (name.endswith(".toml") or "/" in name or Path(name).is_file()):
        return load_connectivity(name)
    return connectivity_from_toml(connectivity_text(name), where=name)


def circuit_from_connectivity(
    measured: MeasuredConnectivity,
    neuron: NeuronModel = LIF,
    synapse: SynapseModel = DELTA,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    drive: Drive | None = None,
    ratio: float = 1.0,
) -> Circuit:
    """The circuit with the measured J: fixed in-degrees K = floor(N p) and weights J/K.

    Potentials are in units of V_th - V_rest, written as mV: the neurons keep the threshold of their template, which
    must lie 1 mV above rest (0 mV), and have the measured membrane time constants. J/K differs from the measured j by
    the rounding of K; so theory and simulation share the J of the measurement.

    Parameters
    ----------
    neuron, synapse : templates of all populations and projections.
    parameters : of the neurons, by population, in place of the measured time constants or of defaults.
    drive : default drive; a ramp of mu_ext from 0 to 100 mV/s in 50 s if None.

    Raises
    ------
    InvalidInputError : the neuron template has no parameter tau, its threshold is not 1 mV, or a projection has
        J > 0 but an in-degree of 0.
    """
    given = parameters or {}
    names = [population.name for population in measured.populations]
    for name in given:
        if name not in names:
            raise InvalidInputError(f"parameters: there is no population '{name}'. {nearest(name, names)}")
    populations = []
    for one in measured.populations:
        values = {"tau": f"{one.tau_membrane.value!r} ms", **given.get(one.name, {})}
        population = Population(one.name, one.size, neuron, one.kind, values)
        threshold = population.parameters.get("threshold")
        if threshold is None or threshold.to("mV") != 1.0:
            raise InvalidInputError(
                f"population {one.name}: measured weights are in units of the distance from rest to threshold, so the "
                f"threshold must be 1 mV above a rest of 0 mV; it is {threshold}"
            )
        populations.append(population)
    return Circuit(
        measured.name,
        tuple(populations),
        tuple(_projection(measured, one, synapse) for one in measured.projections),
        drive or Ramp(0, 100, duration=50),
        ratio,
        "from measured connectivity, in units of the distance from rest to threshold",
        measured.source,
    )


def _projection(measured: MeasuredConnectivity, one: Any, synapse: SynapseModel) -> Projection:
    in_degree, total = measured.in_degree(one), measured.J(one)
    if in_degree == 0 and total > 0:
        raise InvalidInputError(
            f"projection {one.name}: p = {one.probability:g} and {measured.population(one.source).size} neurons of "
            f"{one.source} make an in-degree below 1; a circuit needs a larger {one.source}"
        )
    weight = f"{total / in_degree!r} mV" if in_degree else "0 mV"
    return Projection(one.source, one.target, weight, FixedInDegree(in_degree), synapse)
