"""Dwell times in the two states of a bistable circuit: escape rates over mu_ext and over the size of the network."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ssnbrian.analysis.switching import (
    Thresholds,
    TransitionRate,
    classify,
    dwells,
    smoothed_rate,
    thresholds_from_histogram,
    transition_rates,
)
from ssnbrian.circuit import Circuit, InvalidInputError, PiecewiseLinear
from ssnbrian.circuit.transforms import resized
from ssnbrian.circuit.units import floats_of
from ssnbrian.engine.progress import Progress, silent
from ssnbrian.engine.sweep import SweepPoint, SweepRun, sweep
from ssnbrian.workflow.up_down import first_excitatory

START_UP, START_DOWN = "up", "down"


@dataclass(frozen=True)
class DwellTimes:
    """Escape rates at one mu_ext and one size.

    Attributes
    ----------
    neurons : in the whole circuit; mu_ext : mV/s.
    rates : ``'up->down'`` and ``'down->up'``, with 95 % intervals, pooled over the runs.
    runs : runs that completed; failed : statuses of the others, which are left out.
    lost : runs that were not in the state they were prepared in when the measurement began, per preparation.
    """

    neurons: int
    mu_ext: float
    rates: Mapping[str, TransitionRate]
    runs: int
    failed: tuple[str, ...]
    lost: Mapping[str, int]


def size_with_same_J(circuit: Circuit, neurons: int) -> Circuit:
    """The circuit with ``neurons`` neurons in the same proportions, the same connection probabilities and the same J.

    Every population is rounded to a whole number. The steady states stay but for the recurrent variance, the
    fluctuations of the rates shrink as one over sqrt(neurons).
    """
    present = sum(population.size for population in circuit.populations)
    sizes = {one.name: max(1, round(one.size * neurons / present)) for one in circuit.populations}
    return resized(circuit, sizes)


def dwell_times(
    circuit: Circuit,
    mu_ext: Sequence[float],
    duration: Any,
    *,
    prepare_down: Any,
    prepare_up: Any,
    sizes: Sequence[int] | None = None,
    seeds: int | Sequence[int] = 2,
    preparation: Any = 4.0,
    settle: Any = 2.0,
    resize: Callable[[Circuit, int], Circuit] = size_with_same_J,
    thresholds: Thresholds | None = None,
    population: str | None = None,
    window: Any = 0.5,
    folder: str | Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> tuple[DwellTimes, ...]:
    """Run at constant mu_ext inside a bistable window from both states, and measure how fast each is left.

    Every run begins with ``preparation`` seconds at mu_ext = ``prepare_down`` or ``prepare_up``, goes to mu_ext in a
    quarter of that time, settles for ``settle`` seconds and is then observed for ``duration``.

    Parameters
    ----------
    circuit : its ratio is used unless ``ratio`` is among the settings.
    mu_ext : mV/s, shape (n,).
    duration : s or a quantity.
    prepare_down, prepare_up : mV/s or quantities, below and above the bistable window.
    sizes : total numbers of neurons; default: that of the circuit. ``resize`` makes the circuits;
        :func:`~ssnbrian.circuit.transforms.scaled_to` in its place gives the scaling of Fig 6 of Ekelmans et al. 2023,
        with which J and so the states change too.
    seeds : a number of runs per point and preparation, or their seeds; runs go on in parallel.
    thresholds : between the states, Hz; default: from the histogram of the rates of all runs of a size while observed.
    population, window, folder, workers, settings : as in :func:`~ssnbrian.workflow.up_down.up_down_sweeps`.

    Returns one :class:`DwellTimes` per size and mu_ext, in that order. Escapes that are faster than the smoothing
    window, and stays that are shorter, are missed. Raises :class:`~ssnbrian.circuit.InvalidInputError` as there.
    """
    levels = [float(floats_of(one, "mV/s", "mu_ext")) for one in mu_ext]
    observed, before, waiting = (
        float(floats_of(one, "s", what))
        for one, what in ((duration, "duration"), (preparation, "preparation"), (settle, "settle"))
    )
    if not levels or not (observed > 0 and before > 0 and waiting >= 0):
        raise InvalidInputError("dwell_times needs mu_ext values, a positive duration and a positive preparation")
    prepared = {
        START_DOWN: float(floats_of(prepare_down, "mV/s", "prepare_down")),
        START_UP: float(floats_of(prepare_up, "mV/s", "prepare_up")),
    }
    name = population or first_excitatory(circuit)
    circuit.population(name)
    begin = 1.25 * before + waiting
    points = [
        SweepPoint(
            {"neurons": neurons, "mu_ext": level, "start": start},
            changed,
            {"drive": _drive(prepared[start], level, before, begin + observed)},
        )
        for neurons, changed in _circuits(circuit, sizes, resize)
        for level in levels
        for start in (START_DOWN, START_UP)
    ]
    with tempfile.TemporaryDirectory(prefix="ssnbrian-") as scratch:
        result = sweep(
            circuit,
            points,
            folder=folder or scratch,
            seeds=seeds,
            workers=workers,
            progress=progress,
            **{"bin_width": 10.0} | settings,
        )
        courses = {id(run): _course(run, name, window) for run in result.runs if run.status == "completed"}
    found = []
    for neurons in dict.fromkeys(run.values["neurons"] for run in result.runs):
        runs = [run for run in result.runs if run.values["neurons"] == neurons]
        rates = [courses[id(run)].observed(begin) for run in runs if id(run) in courses]
        if not rates:
            raise InvalidInputError(f"no run with {neurons} neurons completed; the first: {runs[0].status}")
        limits = thresholds or thresholds_from_histogram(np.concatenate(rates))
        for level in levels:
            of_level = [run for run in runs if run.values["mu_ext"] == level]
            found.append(_measured(neurons, level, of_level, courses, limits, begin))
    return tuple(found)


def _circuits(
    circuit: Circuit, sizes: Sequence[int] | None, resize: Callable[[Circuit, int], Circuit]
) -> list[tuple[int, Circuit]]:
    present = sum(population.size for population in circuit.populations)
    return [(size, circuit if size == present else resize(circuit, size)) for size in sizes or (present,)]


def _drive(start: float, level: float, before: float, end: float) -> Any:
    return PiecewiseLinear([0, before, 1.25 * before, end], [start, start, level, level])


@dataclass(frozen=True)
class _Course:
    """Smoothed rates (Hz) in bins of ``width`` (s)."""

    rates: np.ndarray
    width: float

    def observed(self, begin: float) -> np.ndarray:
        """From ``begin`` (s) on."""
        return self.rates[round(begin / self.width) :]


def _course(run: SweepRun, population: str, width: Any) -> _Course:
    recording = run.recording()
    return _Course(smoothed_rate(recording, population, width), recording.bin_width)


def _measured(
    neurons: int,
    mu_ext: float,
    runs: Sequence[SweepRun],
    courses: Mapping[int, _Course],
    thresholds: Thresholds,
    begin: float,
) -> DwellTimes:
    stays, lost, completed = [], {START_UP: 0, START_DOWN: 0}, 0
    for run in runs:
        if id(run) not in courses:
            continue
        course = courses[id(run)]
        observed = dwells(classify(course.observed(begin), thresholds), course.width, begin)
        completed += 1
        start = run.values["start"]
        lost[start] += not observed or observed[0].state != start
        stays += observed
    failed = tuple(
        f"seed {run.seed}, start {run.values['start']}: {run.status}" for run in runs if id(run) not in courses
    )
    return DwellTimes(neurons, mu_ext, transition_rates(stays), completed, failed, lost)
