"""Up-down protocols: slow triangular sweeps of mu_ext through a bistable window, beside the folds of the theories."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ssnbrian.analysis.reduction import Reduction
from ssnbrian.analysis.ssn import SSN
from ssnbrian.analysis.switching import DOWN, UP, Thresholds, classify, smoothed_rate, thresholds_from_histogram
from ssnbrian.circuit import Circuit, InvalidInputError, PiecewiseLinear
from ssnbrian.circuit.units import floats_of
from ssnbrian.engine.progress import Progress, silent
from ssnbrian.engine.sweep import SweepPoint, SweepRun, sweep

SWITCHED, NOT_SWITCHED = "switched", "did not switch"
COUNTED = (SWITCHED, NOT_SWITCHED)
INSIDE = np.array([0.01, 0.5, 0.99])


@dataclass(frozen=True)
class FoldWindow:
    """The range of mu_ext (mV/s) in which a theory has two stable states.

    Attributes
    ----------
    theory : name of the reduction.
    low, high : mu_ext at which the up state ends (going down) and the down state ends (going up); None where that lies
        outside the range searched or the theory has no such window.
    complete, reason : whether it is sure that this is all, and how that is known or why not.
    """

    theory: str
    low: float | None
    high: float | None
    complete: bool
    reason: str


def fold_window(
    theory: Reduction, ratio: float, mu_ext: tuple[float, float], *, grid: int = 41, tolerance: float = 1e-4
) -> FoldWindow:
    """Where in ``mu_ext`` (from, to; mV/s) a theory is bistable at this input ratio.

    For the SSN these are its two folds, which are found however close they are. Otherwise the theory is solved on a
    grid of ``grid`` points, and the ends of its only bistable stretch are bisected to ``tolerance`` (mV/s); what is
    narrower than a step of the grid is missed, so the result is not called complete. Raises
    :class:`~ssnbrian.circuit.InvalidInputError` for an empty range or for more than one bistable stretch.
    """
    first, last = (float(floats_of(one, "mV/s", "range of mu_ext")) for one in mu_ext)
    if not first < last or grid < 2 or not tolerance > 0:
        raise InvalidInputError(f"range of mu_ext: needs from < to, got {first:g} to {last:g} mV/s")
    if isinstance(theory, SSN):
        found = theory.folds(ratio, (first, last))
        if len(found) == 2 and all(
            _is_bistable(theory, float(mu), ratio) for mu in found.mu_ext[0] + np.diff(found.mu_ext) * INSIDE
        ):
            ends = [float(mu) for mu in found.mu_ext]
            return FoldWindow(theory.name, ends[0], ends[1], found.complete, found.reason)
    levels = np.linspace(first, last, grid)
    states = [theory.steady_states(float(mu), ratio) for mu in levels]
    bistable = [len(one.stable) > 1 for one in states]
    changes = np.flatnonzero(np.diff(bistable))
    if sum(np.diff([False, *bistable, False]) != 0) > 2:
        raise InvalidInputError(f"{theory.name} is bistable in several stretches of mu_ext; search a narrower range")
    low = high = None
    for k in changes:
        edge = _bisect(theory, ratio, levels[k], levels[k + 1], bistable[k], tolerance)
        low, high = (edge, high) if bistable[k + 1] else (low, edge)
    step = (last - first) / (grid - 1)
    reason = f"bisected between points {step:g} mV/s apart; a narrower stretch would be missed"
    if not any(bistable):
        reason = f"no bistability at points {step:g} mV/s apart; a narrower window would be missed"
    if unproven := sum(not one.complete for one in states):
        reason += f"; at {unproven} of {grid} points states may be missing"
    return FoldWindow(theory.name, low, high, False, reason)


def _is_bistable(theory: Reduction, mu_ext: float, ratio: float) -> bool:
    return len(theory.steady_states(mu_ext, ratio).stable) > 1


def _bisect(theory: Reduction, ratio: float, left: float, right: float, at_left: bool, tolerance: float) -> float:
    while right - left > tolerance:
        middle = (left + right) / 2
        left, right = (middle, right) if _is_bistable(theory, middle, ratio) == at_left else (left, middle)
    return float(left + right) / 2


@dataclass(frozen=True)
class SweepSwitches:
    """The switches of one triangular sweep.

    Attributes
    ----------
    seed, number : of the run, and of the sweep within it from 0.
    up, down : mu_ext (mV/s) of the first switch up on the way up and of the first switch down on the way down; None
        where there was none.
    up_status, down_status : 'switched', 'did not switch', or what else there is to say.
    switches : all changes of state in the sweep; 2 unless the state went back and forth.
    """

    seed: int
    number: int
    up: float | None
    down: float | None
    up_status: str
    down_status: str
    switches: int


@dataclass(frozen=True)
class SwitchPoint:
    """Where a number of sweeps switched, mV/s.

    Attributes
    ----------
    median : of the sweeps, those that did not switch counted as beyond; None when too many did not.
    quartiles : (25 %, 75 %) in the same way, or None.
    switched, sweeps : how many did, of how many that could (those in the other state already could not).
    """

    median: float | None
    quartiles: tuple[float, float] | None
    switched: int
    sweeps: int


@dataclass(frozen=True)
class UpDownSweeps:
    """The result of :func:`up_down_sweeps`.

    Attributes
    ----------
    circuit : its name; ratio : of the inputs; speed : of the sweep, mV/s per s.
    population : whose rate was looked at; window : its smoothing, s; thresholds : of the two states, Hz.
    sweeps : one entry per sweep; failed : statuses of the runs that did not complete, which are left out.
    up, down : the switch points over all sweeps.
    theories : where each theory has its folds.
    """

    circuit: str
    ratio: float
    speed: float
    population: str
    window: float
    thresholds: Thresholds
    sweeps: tuple[SweepSwitches, ...]
    failed: tuple[str, ...]
    up: SwitchPoint
    down: SwitchPoint
    theories: tuple[FoldWindow, ...]


def up_down_sweeps(
    circuit: Circuit,
    low: Any,
    high: Any,
    sweep_duration: Any,
    *,
    sweeps: int = 1,
    seeds: int | Sequence[int] = 4,
    theories: Sequence[Reduction] = (),
    thresholds: Thresholds | None = None,
    population: str | None = None,
    window: Any = 0.5,
    folder: str | Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> UpDownSweeps:
    """Sweep mu_ext from ``low`` to ``high`` and back, repeatedly, and find where the rate jumps up and down.

    Noise makes the state jump before it ends, by an amount that shrinks with the size of the network; a fast sweep
    makes it jump late. Compare several speeds, or :func:`~ssnbrian.analysis.switching.predicted_switch`.

    Parameters
    ----------
    circuit : its ratio is used unless ``ratio`` is among the settings.
    low, high : mV/s or quantities; they should enclose the bistable window.
    sweep_duration : of one triangle up and down, s or a quantity.
    sweeps : triangles in each run, one after the other.
    seeds : a number of runs or their seeds; runs go on in parallel.
    theories : reductions of the circuit whose folds are to stand beside the result.
    thresholds : between the states, Hz; default: from the histogram of the rates of all runs.
    population : whose rate is looked at; default: the first excitatory one. window : smoothing of it, s.
    folder : keeps the recordings and resumes from them, as :func:`~ssnbrian.engine.sweep.sweep` does.
    settings : further arguments of ``simulate``: ratio, dt, bin_width (default 10 ms), runaway_rate, …

    Raises
    ------
    InvalidInputError : wrong arguments; no run completed; or the rates show no two states and no thresholds were given.
    """
    lowest, highest = (float(floats_of(one, "mV/s", "mu_ext of the sweep")) for one in (low, high))
    seconds = float(floats_of(sweep_duration, "s", "duration of a sweep"))
    if not (lowest < highest and seconds > 0) or isinstance(sweeps, bool) or sweeps < 1:
        raise InvalidInputError(
            f"a sweep needs low < high, a positive duration and at least one sweep, got {lowest:g} to {highest:g} mV/s "
            f"in {seconds:g} s, {sweeps} times"
        )
    drive = PiecewiseLinear(np.arange(2 * sweeps + 1) * seconds / 2, [lowest, *[highest, lowest] * sweeps])
    name = population or first_excitatory(circuit)
    circuit.population(name)
    settings = {"bin_width": 10.0} | settings
    with tempfile.TemporaryDirectory(prefix="ssnbrian-") as scratch:
        result = sweep(
            circuit,
            [SweepPoint({"high": highest, "low": lowest, "seconds per sweep": seconds}, settings={"drive": drive})],
            folder=folder or scratch,
            seeds=seeds,
            workers=workers,
            progress=progress,
            **settings,
        )
        courses = {run.seed: _course(run, name, window) for run in result.runs if run.status == "completed"}
    failed = tuple(f"seed {run.seed}: {run.status}" for run in result.failed)
    if not courses:
        raise InvalidInputError(f"no run of '{circuit.name}' completed; {failed[0]}")
    limits = thresholds or thresholds_from_histogram(np.concatenate([rates for _, rates in courses.values()]))
    found = tuple(
        _switches(seed, number, times - number * seconds, classify(rates, limits), drive, seconds)
        for seed, (times, rates) in courses.items()
        for number in range(sweeps)
    )
    ratio = circuit.ratio if settings.get("ratio") is None else float(settings["ratio"])
    return UpDownSweeps(
        circuit=circuit.name,
        ratio=ratio,
        speed=2 * (highest - lowest) / seconds,
        population=name,
        window=float(floats_of(window, "s", "smoothing window")),
        thresholds=limits,
        sweeps=found,
        failed=failed,
        up=switch_point([one.up for one in found if one.up_status in COUNTED], rising=True),
        down=switch_point([one.down for one in found if one.down_status in COUNTED], rising=False),
        theories=tuple(fold_window(theory, ratio, (lowest, highest)) for theory in theories),
    )


def first_excitatory(circuit: Circuit) -> str:
    """Name of the first excitatory population, or of the first one."""
    for population in circuit.populations:
        if population.kind == "excitatory":
            return population.name
    return circuit.populations[0].name


def _course(run: SweepRun, population: str, width: Any) -> tuple[np.ndarray, np.ndarray]:
    recording = run.recording()
    return recording.bin_times, smoothed_rate(recording, population, width)


def _switches(
    seed: int, number: int, times: np.ndarray, states: np.ndarray, drive: Any, seconds: float
) -> SweepSwitches:
    """The switches of the sweep that begins at time 0 of ``times``; the course is that of the whole run."""

    def first(state: int, start: float, stop: float) -> tuple[float | None, str]:
        inside = np.flatnonzero((times >= start) & (times < stop))
        if not len(inside):
            return None, "the run ended before"
        before = states[max(inside[0] - 1, 0)]
        if before == state:
            return None, f"was {'up' if state == UP else 'down'} already"
        at = inside[states[inside] == state]
        return (float(drive(times[at[0]])), SWITCHED) if len(at) else (None, NOT_SWITCHED)

    up, up_status = first(UP, 0.0, seconds / 2)
    down, down_status = first(DOWN, seconds / 2, seconds)
    of_sweep = states[(times >= 0) & (times < seconds)]
    known = of_sweep[of_sweep >= 0]
    return SweepSwitches(seed, number, up, down, up_status, down_status, int(np.count_nonzero(np.diff(known))))


def switch_point(values: Sequence[float | None], rising: bool) -> SwitchPoint:
    """Median and quartiles of switch points (mV/s); None, no switch, counts as beyond all on the way ``rising``."""
    if not values:
        return SwitchPoint(None, None, 0, 0)
    beyond = np.inf if rising else -np.inf
    filled = sorted(beyond if value is None else value for value in values)

    def quantile(level: float) -> float:
        # By order statistics: the interpolation of numpy.quantile makes NaN of infinities.
        position = level * len(filled)
        above = filled[min(math.floor(position), len(filled) - 1)]
        return (filled[math.ceil(position) - 1] + above) / 2 if position.is_integer() else above

    first, median, third = (quantile(level) for level in (0.25, 0.5, 0.75))
    return SwitchPoint(
        median if math.isfinite(median) else None,
        (first, third) if math.isfinite(first) and math.isfinite(third) else None,
        sum(value is not None for value in values),
        len(filled),
    )
