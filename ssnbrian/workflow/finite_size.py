"""A circuit of escape-noise neurons simulated neuron by neuron and as populations, in the same steps and bins."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.analysis.lnp import DwellStatistics, dwell_statistics
from ssnbrian.analysis.mesoscopic import drive_in_steps, network_of
from ssnbrian.analysis.mesoscopic import simulate as simulate_populations
from ssnbrian.analysis.switching import dwells
from ssnbrian.circuit import Circuit, Drive, InvalidInputError, Population, SsnbrianError
from ssnbrian.circuit.drive import resolve_drives
from ssnbrian.circuit.units import Value, floats_of
from ssnbrian.engine.progress import Progress, silent
from ssnbrian.engine.simulate import simulate

__all__ = [
    "Activity",
    "hopping",
    "mesoscopic_activity",
    "microscopic_activity",
    "with_whole_refractory_steps",
]


@dataclass(frozen=True, eq=False)
class Activity:
    """Rates of n populations after the settling time.

    ``rates`` (n, bins) Hz, spikes per neuron and time in bins of ``bin_width`` (s); ``names`` and ``sizes`` (n,).
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    rates: np.ndarray
    bin_width: float

    def __getitem__(self, name: str) -> np.ndarray:
        """(bins,) Hz of one population; InvalidInputError for a name that is not there."""
        if name not in self.names:
            raise InvalidInputError(f"there is no population '{name}'; there are {', '.join(self.names)}")
        return self.rates[self.names.index(name)]


def with_whole_refractory_steps(circuit: Circuit, dt: float) -> Circuit:
    """The circuit for Brian2 with refractory periods longer by ``dt`` (s), which its spikes otherwise lack.

    Brian2 counts the step of the spike in the refractory period; the population model holds neurons for all the steps
    of the period that follow. Periods of 0 stay.
    """
    return circuit.replace(populations=tuple(_held_longer(one, dt) for one in circuit.populations))


def _held_longer(population: Population, dt: float) -> Population:
    name = population.neuron.refractory
    period = None if name is None else population.parameters.get(name)
    if name is None or period is None or period.si == 0:
        return population
    longer = Value(period.si + dt, period.dimension)
    return dataclasses.replace(population, parameters={**population.parameters, name: longer})


def microscopic_activity(
    circuit: Circuit,
    duration: Any,
    *,
    dt: Any,
    seed: int,
    bin_width: Any,
    settle: Any = 1.0,
    drive: Drive | Mapping[str, Drive] | None = None,
    halved: bool = False,
    progress: Progress = silent,
) -> Activity:
    """Simulate every neuron with Brian2 for ``settle`` + ``duration`` (s) and count spikes after ``settle``.

    ``dt`` and ``bin_width`` in ms or quantities, ``drive`` as in :func:`~ssnbrian.engine.simulate.simulate`. Refractory
    periods are those of :func:`with_whole_refractory_steps`.
    ``halved``: in steps of dt/2 with refractory periods longer by dt. The population model tests the mean of the
    hazards at both ends of a step, neurons the one at its end, so that its intervals are longer by dt/2, and these
    are too. Raises as ``simulate`` does, and SsnbrianError for a run that did not complete.
    """
    step, width, before, observed = _times(dt, bin_width, settle, duration)
    recording = simulate(
        with_whole_refractory_steps(circuit, step),
        drive,
        duration=before + observed,
        dt=1e3 * (step / 2 if halved else step),
        bin_width=1e3 * width,
        seed=seed,
        progress=progress,
    )
    if not recording.completed:
        raise SsnbrianError(f"the run of '{circuit.name}' with seed {seed} ended early: {recording.status}")
    names, first = tuple(one.name for one in circuit.populations), round(before / width)
    rates = np.array([recording.counts[one][first:] / (recording.sizes[one] * width) for one in names])
    return Activity(names, tuple(recording.sizes[one] for one in names), rates, width)


def mesoscopic_activity(
    circuit: Circuit,
    duration: Any,
    *,
    dt: Any,
    seed: int,
    bin_width: Any,
    settle: Any = 1.0,
    drive: Drive | Mapping[str, Drive] | None = None,
) -> Activity:
    """The same of the circuit's population model (stochastic integral equation), from its stationary state.

    The population model is that of neurons that receive their own spikes like all others, see
    :func:`~ssnbrian.circuit.transforms.fully_connected`: without self-connections a neuron lacks its own spike only
    while it is young, not the Nth part of its input at all ages, which changes dwell times by a factor that does not go
    away for large N.
    Raises :class:`~ssnbrian.analysis.reduction.NotApplicableError` for a circuit without a population model.
    """
    step, width, before, observed = _times(dt, bin_width, settle, duration)
    network = network_of(circuit)
    chosen = drive or circuit.drive
    if chosen is None:
        raise InvalidInputError(f"'{circuit.name}' has no drive of its own; give one")
    pairs = [(one.name, one.kind) for one in circuit.populations]
    drives, _ = resolve_drives(pairs, chosen, circuit.ratio, before + observed)
    inputs = drive_in_steps(circuit, drives, before + observed, step)
    run = simulate_populations(network, before + observed, step, seed, drive=inputs)
    per_bin = round(width / step)
    counts = run.counts[0, :, round(before / step) :]
    counts = counts[:, : counts.shape[1] // per_bin * per_bin].reshape(len(counts), -1, per_bin).sum(axis=2)
    sizes = tuple(int(one) for one in network.sizes)
    return Activity(network.names, sizes, counts / (network.sizes[:, None] * width), width)


def _times(dt: Any, bin_width: Any, settle: Any, duration: Any) -> tuple[float, float, float, float]:
    """All in s: the step, the bin, and the times before and after the count begins, whole numbers of bins."""
    step, width = (1e-3 * float(floats_of(one, "ms", what)) for one, what in ((dt, "dt"), (bin_width, "bin_width")))
    before, observed = (
        float(floats_of(one, "s", what)) for one, what in ((settle, "settle"), (duration, "duration"))
    )
    if not (0 < step <= width <= observed and before >= 0):
        raise InvalidInputError(
            f"need 0 < dt <= bin_width <= duration and settle >= 0; got {1e3 * step:g} ms, {1e3 * width:g} ms, "
            f"{observed:g} s and {before:g} s"
        )
    for one, part, what in ((width, step, "bin_width in dt"), (before, width, "settle in bins"),
                            (observed, width, "duration in bins")):  # fmt: skip
        if abs(one / part - round(one / part)) > 1e-6:
            raise InvalidInputError(f"{what}: expected a whole number, got {one / part:g}")
    return step, width, before, observed


def hopping(
    activity: Activity, states: Callable[[Activity], np.ndarray], *, alike: bool = False
) -> dict[str, DwellStatistics]:
    """Dwell times in the two states 'up' and 'down' of an activity.

    ``states`` codes every bin as :func:`~ssnbrian.analysis.switching.classify` does. With ``alike`` the stays in both
    states, the same by symmetry, are taken together under 'up'.
    """
    stays = dwells(states(activity), activity.bin_width)
    if alike:
        stays = tuple(dataclasses.replace(one, state="up") for one in stays)
    return dwell_statistics(stays)
