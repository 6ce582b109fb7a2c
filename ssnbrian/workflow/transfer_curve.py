"""F–I curves measured by simulating neurons without connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.analysis.statistics import batch_means
from ssnbrian.circuit import Circuit, InvalidInputError, NeuronModel, Population, Staircase
from ssnbrian.engine.progress import Progress, silent
from ssnbrian.engine.simulate import simulate
from ssnbrian.models.neurons.lif import LIF


@dataclass(frozen=True)
class TransferCurve:
    """Rate of a neuron against its mean input.

    Attributes
    ----------
    parameters : what the neuron was given, with units.
    mu : mean inputs, mV/s, shape (inputs,).
    rates, standard_errors : Hz, shape (inputs,); the errors are those of a mean over independent neurons.
    """

    parameters: Mapping[str, Any]
    mu: np.ndarray
    rates: np.ndarray
    standard_errors: np.ndarray


def uncoupled(parameters: Sequence[Mapping[str, Any]], neurons: int, model: NeuronModel = LIF) -> Circuit:
    """A circuit of populations P0, P1, … without connections, one per set of neuron parameters."""
    populations = tuple(Population(f"P{k}", neurons, model, parameters=given) for k, given in enumerate(parameters))
    return Circuit("uncoupled", populations)


def measured_transfer(
    parameters: Sequence[Mapping[str, Any]],
    mu: Sequence[float],
    *,
    model: NeuronModel = LIF,
    neurons: int = 2000,
    duration: float = 2.0,
    settle: float = 0.25,
    dt: float = 0.1,
    seed: int = 1,
    progress: Progress = silent,
) -> list[TransferCurve]:
    """F–I curve of each set of neuron parameters, all in one run.

    Every input of ``mu`` (mV/s) is held for ``settle`` + ``duration`` (s), of which the first part is left out.
    ``dt`` in ms. Raises :class:`~ssnbrian.circuit.InvalidInputError` as ``simulate`` does, and when ``duration`` is
    shorter than the 20 batches of 10 ms that the standard errors need.
    """
    levels = np.atleast_1d(np.asarray(mu, dtype=float))
    per_level, skipped = round((settle + duration) / 0.01), round(settle / 0.01)
    if per_level - skipped < 20:
        raise InvalidInputError(f"duration: at least 0.2 s per input are needed, got {duration:g} s")
    circuit = uncoupled(parameters, neurons, model)
    recording = simulate(
        circuit,
        Staircase(levels.tolist(), step=per_level * 0.01),
        dt=dt,
        seed=seed,
        bin_width=10.0,
        runaway_rate=None,
        progress=progress,
    )
    curves = []
    for given, population in zip(parameters, circuit.populations, strict=True):
        counts = recording.counts[population.name][: per_level * len(levels)].reshape(len(levels), per_level)
        rates, errors = batch_means(counts[:, skipped:] / (neurons * recording.bin_width))
        curves.append(TransferCurve(dict(given), levels, rates, errors))
    return curves
