"""A figure of what a model of the library does, from a run of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ssnbrian.circuit import Adaptation, Circuit, InvalidInputError, NeuronModel, Noise, Plasticity, SynapseModel
from ssnbrian.circuit.rate_model import RateModel
from ssnbrian.engine.progress import Progress, silent
from ssnbrian.engine.simulate import simulate
from ssnbrian.workflow.circuit_demonstration import circuit_figure
from ssnbrian.workflow.neuron_demonstration import Run, neuron_figures
from ssnbrian.workflow.part_demonstration import adaptation_figures, noise_figures
from ssnbrian.workflow.plasticity_demonstration import plasticity_figures
from ssnbrian.workflow.rate_demonstration import rate_model_figure
from ssnbrian.workflow.synapse_demonstration import synapse_figures


def _each_circuit(circuits: Sequence[Circuit], run: Run) -> list[Any]:
    return [circuit_figure(circuit, run) for circuit in circuits]


def _each_rate_model(models: Sequence[RateModel], run: Run) -> list[Any]:
    return [rate_model_figure(model) for model in models]


_FIGURES: dict[type, Callable[[Any, Run], list[Any]]] = {
    NeuronModel: neuron_figures,
    SynapseModel: synapse_figures,
    Adaptation: adaptation_figures,
    Noise: noise_figures,
    Plasticity: plasticity_figures,
    RateModel: _each_rate_model,
    Circuit: _each_circuit,
}


def demonstrate(
    models: Sequence[Any],
    *,
    target: str = "cpp",
    cache: str | Path | None = None,
    progress: Progress = silent,
) -> list[Any]:
    """A matplotlib figure of each model, in their order; models of one kind share a circuit, and so its build.

    Neurons: the membrane at a step of the input, and the F–I curve without noise. Synapses: the postsynaptic potential
    at two membrane potentials. Adaptation: a population's rate with and without it. Noise: membranes with and without
    it. Plasticity: what each spike of a train transmits, or the change of the weight over lag and rate of spike pairs.
    Rate models: trajectory and phase plane. Circuits: raster and rates under their own drive. ``target`` and ``cache``
    as for :func:`ssnbrian.engine.simulate.simulate`, whose errors this raises; :class:`InvalidInputError` for what is
    no model.
    """
    for model in models:
        if type(model) not in _FIGURES:
            raise InvalidInputError(f"there is no demonstration of {model!r}; give a model or circuit of the library")
    run = functools.partial(simulate, target=target, cache=cache, progress=progress)
    figures: dict[int, Any] = {}
    for kind, draw in _FIGURES.items():
        places = [place for place, model in enumerate(models) if type(model) is kind]
        if places:
            figures |= dict(zip(places, draw([models[place] for place in places], run), strict=True))
    return [figures[place] for place in range(len(models))]
