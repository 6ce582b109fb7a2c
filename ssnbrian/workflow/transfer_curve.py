"""F–I curves measured by simulating neurons without connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ssnbrian.analysis.statistics import BATCHES, batch_means
from ssnbrian.circuit import Circuit, InvalidInputError, NeuronModel, Population, Staircase
from ssnbrian.engine.progress import Progress, silent
from ssnbrian.engine.simulate import simulate
from ssnbrian.models.neurons.lif import LIF

_BIN = 10.0  # ms, of the counts


@dataclass(frozen=True)
class TransferCurve:
    """Rate of a neuron against its mean input.

    Attributes
    ----------
    parameters : what the neuron was given, with units.
    mu : mean inputs, mV/s, shape (inputs,).
    rates, standard_errors : Hz, shape (inputs,); the errors are those of a mean over independent neurons.
    dt : time step, ms.
    seed : of the simulation.
    build : whether the program was in the build cache, and how long its build took (s): {"cached", "seconds"}.
    """

    parameters: Mapping[str, Any]
    mu: np.ndarray
    rates: np.ndarray
    standard_errors: np.ndarray
    dt: float = 0.1
    seed: int = 1
    build: Mapping[str, Any] = field(default_factory=dict)


def uncoupled(parameters: Sequence[Mapping[str, Any]], neurons: int, model: NeuronModel = LIF) -> Circuit:
    """A circuit of populations P0, P1, … without connections, one per set of neuron parameters."""
    populations = tuple(Population(f"P{k}", neurons, model, parameters=given) for k, given in enumerate(parameters))
    return Circuit("uncoupled", populations)


def level_bins(settle: float, duration: float, dt: float) -> tuple[float, int, int]:
    """Width of the count bins (s), and how many of them settle and count at each input.

    ``settle``, ``duration`` in s, ``dt`` in ms. A bin is about 10 ms of whole steps, so that inputs begin where bins
    do. Raises :class:`~ssnbrian.circuit.InvalidInputError` when the standard errors lack their 20 batches.
    """
    if not dt > 0:
        raise InvalidInputError(f"dt must be positive, got {dt:g} ms")
    if settle < 0:
        raise InvalidInputError(f"settle must not be negative, got {settle:g} s")
    width = max(1, round(_BIN / dt)) * dt / 1000
    kept = round(duration / width)
    if kept < BATCHES:
        raise InvalidInputError(f"duration: at least {BATCHES * width:g} s per input are needed, got {duration:g} s")
    return width, round(settle / width), kept


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
    runaway_rate: float | None = None,
    progress: Progress = silent,
) -> list[TransferCurve]:
    """F–I curve of each set of neuron parameters, all in one run.

    Every input of ``mu`` (mV/s) is held for ``settle`` + ``duration`` (s), of which the first part is left out; the
    neurons go from one input to the next in the order given. ``dt`` in ms. A population above ``runaway_rate`` (Hz)
    ends the run, and the curves hold the inputs up to there. Raises :class:`~ssnbrian.circuit.InvalidInputError` as
    ``simulate`` does, and when ``duration`` is shorter than the 20 batches of 10 ms that the standard errors need.
    """
    levels = np.atleast_1d(np.asarray(mu, dtype=float))
    width, skipped, kept = level_bins(settle, duration, dt)
    circuit = uncoupled(parameters, neurons, model)
    recording = simulate(
        circuit,
        Staircase(levels.tolist(), step=(skipped + kept) * width),
        dt=dt,
        seed=seed,
        bin_width=width * 1000,
        runaway_rate=runaway_rate,
        progress=progress,
    )
    curves = []
    for given, population in zip(parameters, circuit.populations, strict=True):
        counts = recording.counts[population.name]
        done = min(len(levels), len(counts) // (skipped + kept))
        held = counts[: done * (skipped + kept)].reshape(done, skipped + kept)[:, skipped:]
        rates, errors = batch_means(held / (neurons * recording.bin_width))
        build = recording.metadata["build"]
        curves.append(TransferCurve(dict(given), levels[:done], rates, errors, dt, seed, build))
    return curves
