"""Hopping between states by the noise of finite numbers: dwell times over N, neuron by neuron and as populations.

Usage: python scripts/figures/hopping.py [--quick] [--out FOLDER]
A: one bistable linear-nonlinear-Poisson population. B, C: an E-I network of escape-noise neurons. D, E, F: two
populations that compete, without and with adaptation. Simulations are exact or in C++ by Brian2; all numbers with
standard errors. The full version takes some ten minutes, half of which goes into building twelve networks once.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from paper_figure import Numbers, Settings, run_figure
from scipy.ndimage import uniform_filter1d
from ssnbrian.analysis import lnp
from ssnbrian.analysis.lnp import DwellStatistics, LNPNetwork, SigmoidTransfer, dominance, dwell_statistics
from ssnbrian.analysis.switching import Thresholds, classify, dwells
from ssnbrian.models.library import find_circuit

from ssnbrian import Constant
from ssnbrian.circuit import AllToAll, Circuit
from ssnbrian.circuit.transforms import resized
from ssnbrian.workflow.finite_size import Activity, hopping, mesoscopic_activity, microscopic_activity

POISSON = LNPNetwork.single(size=16, tau=0.02, mu=0.5, weight=5.0, transfer=SigmoidTransfer(100, 5, 1.5))
RUNS = 2
LOW_H, HIGH_H = 2.0, 8.0  # mV; below and above, the population is down and up
STEPS = {"dt": 0.25, "bin_width": 10.0}  # ms
SMOOTHING = 5  # bins, of the rates that tell the states
BISTABLE, RIVALS, ADAPTING = "bistable_escape", "winner_take_all", "winner_take_all_adapting"
# Silent below and active above, Hz: halfway from the saddle at 8.6 Hz to either state.
E_THRESHOLDS = Thresholds(5.7, 20.0)
# Not from sampling, of ln(dwell time): steps of neurons and populations agree to second order only.
OTHER = 0.05
UP, DOWN = ("up", "C3", "^"), ("down", "C0", "v")


def poisson_dwells(network: LNPNetwork, seconds: float, seed: int) -> dict[str, DwellStatistics]:
    """Dwell times of an LNP population in its two states, simulated exactly, pooled over ``RUNS`` runs."""
    stays = []
    for run in range(RUNS):
        h = lnp.simulate(network, seconds / RUNS, bin_width=1e-3, seed=RUNS * seed + run).potential[0, 0]
        stays += dwells(classify(h, Thresholds(LOW_H, HIGH_H, "mV")), 1e-3)
    return dwell_statistics(stays)


def slope(sizes, found: list[DwellStatistics]) -> tuple[float, float]:
    """Of ln(mean dwell time) over N by weighted least squares, and its standard error."""
    logs = np.log([one.mean for one in found])
    weights = np.array([one.mean / one.mean_error for one in found])
    (value, _), covariance = np.polyfit(sizes, logs, 1, w=weights, cov="unscaled")
    return float(value), float(np.sqrt(covariance[0, 0]))


def poisson_population(axis, numbers: Numbers, settings: Settings) -> None:
    """A: exact simulation, the backward equation, and the two actions."""
    sizes = np.array([8, 12, 16] if settings.quick else [8, 11, 14, 17, 20])
    seconds = 2000.0 if settings.quick else 20000.0
    runs = [poisson_dwells(POISSON.resized([int(N)]), seconds, settings.seed) for N in sizes]
    for (state, color, marker), (start, target) in zip((UP, DOWN), ((HIGH_H, LOW_H), (LOW_H, HIGH_H)), strict=True):
        found = [run[state] for run in runs]
        axis.errorbar(sizes, [one.mean for one in found], [one.mean_error for one in found], fmt=marker, color=color,
                      ms=5, label=f"{state}, simulation")  # fmt: skip
        exact = [lnp.mean_first_passage(POISSON.resized([int(N)]), start, target).time for N in sizes]
        diffusion = [lnp.diffusion_first_passage(POISSON.resized([int(N)]), start, target).time for N in sizes]
        axis.plot(sizes, exact, color=color, lw=1, label="backward equation")
        axis.plot(sizes, diffusion, ":", color=color, lw=1.5, label="diffusion limit")
        for N, one, expected in zip(sizes, found, exact, strict=True):
            numbers.measured(f"A: mean dwell time {state}, N = {N}", "s", one.mean, one.mean_error, expected, 1e-3,
                             note="backward equation; 4 s.e. and a bin")  # fmt: skip
        way = next(one for one in lnp.escapes(POISSON) if one.upward == (state == "down"))
        value, error = slope(sizes, found)
        finite = float(np.polyfit(sizes, np.log(exact), 1)[0])
        numbers.measured(f"A: slope of ln(dwell time {state}) over N", "1", value, error, way.jump_action,
                         abs(finite - way.jump_action),
                         note=f"jump action; diffusion action: {way.diffusion_action:.4f}; "
                              f"backward equation at these N: {finite:.4f}")  # fmt: skip
        middle = np.exp(np.mean(np.log(exact)) + way.jump_action * (sizes - sizes.mean()))
        axis.plot(sizes, middle, "--", color=color, lw=2.5, alpha=0.35, label="slope of the jump action")
        if not settings.quick:
            apart = abs(value - way.diffusion_action) / error
            numbers.holds(f"A: its distance from the diffusion action, {state}", "s.e.", apart, low=5)
    axis.set(yscale="log", xlabel="neurons N", ylabel="mean dwell time (s)", title="A: LNP population")
    axis.legend(frameon=False, fontsize=6.5, ncols=2)


def smooth(rates: np.ndarray) -> np.ndarray:
    """Rates (Hz) in a window of 50 ms; never below 0, which the rounding of a running sum allows."""
    return np.maximum(uniform_filter1d(rates, SMOOTHING), 0.0)


def active(activity: Activity) -> np.ndarray:
    """States of the E-I network."""
    return classify(smooth(activity["E"]), E_THRESHOLDS)


def winner(activity: Activity) -> np.ndarray:
    """Which of E1 and E2 dominates."""
    return dominance(*(smooth(activity[one]) for one in ("E1", "E2")))


def scaled(name: str, scale: float) -> Circuit:
    """A circuit of the library with other numbers of neurons and the same J."""
    circuit = find_circuit(name)
    return resized(circuit, {one.name: round(scale * one.size) for one in circuit.populations})


def both(circuit: Circuit, seconds: float, settings: Settings) -> tuple[Activity, Activity]:
    """Neuron by neuron, and as populations."""
    common = {"drive": Constant(circuit.drive(0.0)), "seed": settings.seed, **STEPS}
    micro = microscopic_activity(circuit, seconds, halved=True, progress=settings.progress, **common)
    return micro, mesoscopic_activity(circuit, seconds, **common)


def pairwise(circuit: Circuit) -> Circuit:
    """The circuit without the connections of neurons to themselves, at the same weights."""
    projections = (dataclasses.replace(one, rule=AllToAll()) for one in circuit.projections)
    return circuit.replace(projections=tuple(projections))


def log_ratio(numbers: Numbers, what: str, micro: DwellStatistics, meso: DwellStatistics, claim: bool = True) -> None:
    """ln of the mean dwell time of neurons over that of the populations."""
    value = float(np.log(micro.mean / meso.mean))
    error = float(np.hypot(micro.mean_error / micro.mean, meso.mean_error / meso.mean))
    note = f"{micro.mean:.3f} and {meso.mean:.3f} s from {micro.complete} and {meso.complete} stays"
    if claim:
        numbers.measured(what, "1", value, error, 0.0, OTHER, note=f"{note}; 4 s.e. and {OTHER:g}")
    else:
        numbers.shown(what, "1", value, error=error, note=note)


def drawn(axis, sizes, found: list[DwellStatistics], label: str, **style) -> None:
    """Mean dwell times with standard errors."""
    axis.errorbar(sizes, [one.mean for one in found], [one.mean_error for one in found], label=label, **style)


def excitation_and_inhibition(axes, numbers: Numbers, settings: Settings) -> None:
    """B: courses. C: dwell times over N, with self-connections as the theory has it, and without."""
    scales, seconds = ((0.75,), 120.0) if settings.quick else ((0.75, 1.25, 1.75), 300.0)
    circuits = [scaled(BISTABLE, one) for one in scales]
    sizes = [sum(one.size for one in circuit.populations) for circuit in circuits]
    connected = [both(one, seconds, settings) for one in circuits]
    course(axes[0], connected[-1], ("E",), 12.0)
    axes[0].set_title(f"B: bistable E-I network, {sizes[-1]} neurons")
    stays = [[hopping(one, active) for one in pair] for pair in connected]
    unconnected = [] if settings.quick else [both(pairwise(one), seconds, settings) for one in circuits]
    apart = [[hopping(one, active) for one in pair] for pair in unconnected]
    for state, color, marker in (UP, DOWN):
        micro, meso = ([pair[k][state] for pair in stays] for k in (0, 1))
        drawn(axes[1], sizes, micro, f"{state}, neurons", fmt=marker, color=color, ms=6)
        drawn(axes[1], sizes, meso, f"{state}, populations", fmt="_-", color=color, lw=1.2)
        for N, one, other in zip(sizes, micro, meso, strict=True):
            log_ratio(numbers, f"C: ln(dwell time {state}, neurons/populations), N = {N}", one, other)
        if settings.quick:
            continue
        same_slope(numbers, f"C: slope of ln(dwell time {state}) over N", sizes, micro, meso)
        micro, meso = ([pair[k][state] for pair in apart] for k in (0, 1))
        drawn(axes[1], sizes, micro, f"{state}, neurons, no autapses", fmt=marker, color=color, ms=6, mfc="w")
        drawn(axes[1], sizes, meso, f"{state}, populations, J (N-1)/N", fmt=":", color=color, lw=1.2)
        for N, one, other in zip(sizes, micro, meso, strict=True):
            log_ratio(numbers, f"C: the same without self-connections, {state}, N = {N}", one, other, claim=False)
    axes[1].set(yscale="log", xlabel="neurons N", ylabel="mean dwell time (s)", title="C: bistable E-I network")
    axes[1].set_ylim(top=6 * axes[1].get_ylim()[1])  # room for the legend
    axes[1].legend(frameon=False, fontsize=6, ncols=2, loc="upper left")


def same_slope(numbers: Numbers, what: str, sizes, micro: list[DwellStatistics], meso: list[DwellStatistics]) -> None:
    """Grows with N, and in both alike."""
    (one, one_error), (other, other_error) = slope(sizes, micro), slope(sizes, meso)
    numbers.holds(f"{what}, neurons", "1", one, low=0, error=one_error)
    numbers.measured(f"{what}, neurons - populations", "1", one - other, float(np.hypot(one_error, other_error)), 0.0,
                     note=f"populations: {other:.4g} +- {other_error:.2g}")  # fmt: skip


def course(axis, pair: tuple[Activity, Activity], names: tuple[str, ...], seconds: float) -> None:
    """The first seconds of the smoothed rates, neurons below and populations above."""
    tops = [max(smooth(one[name])[: round(seconds / one.bin_width)].max() for name in names) for one in pair]
    shift = 1.15 * tops[0]
    for activity, word, offset in zip(pair, ("neurons", "populations"), (0.0, shift), strict=True):
        for number, name in enumerate(names):
            rates = smooth(activity[name])[: round(seconds / activity.bin_width)]
            times = (np.arange(len(rates)) + 0.5) * activity.bin_width
            label = name if len(names) > 1 and not offset else None
            axis.plot(times, rates + offset, color=("C0", "C1")[number], lw=0.7, label=label)
        axis.axhline(offset, color="0.8", lw=0.6, zorder=0)
        axis.text(0, offset + 0.99 * tops[0], word, fontsize=8, va="top")
    axis.set(xlabel="time (s)", ylabel="rate (Hz), one above the other", ylim=(None, shift + 1.2 * tops[1]))
    if len(names) > 1:
        axis.legend(frameon=False, fontsize=7, loc="upper right", ncols=2)


def competition(axes, numbers: Numbers, settings: Settings) -> None:
    """D: courses. E: dwell times over N. F: their coefficients of variation."""
    scales, seconds = ((0.5,), 60.0) if settings.quick else ((0.5, 0.75, 1.0), 300.0)
    cases = ((RIVALS, "without adaptation", "C4", "o"), (ADAPTING, "with adaptation", "C2", "s"))
    for row, (name, words, color, marker) in enumerate(cases):
        circuits = [scaled(name, one) for one in scales]
        sizes = [sum(one.size for one in circuit.populations) for circuit in circuits]
        pairs = [both(one, seconds, settings) for one in circuits]
        course(axes[row], pairs[-1], ("E1", "E2"), 20.0)
        axes[row].set_title(f"{'DE'[row]}: two rivals {words}, {sizes[-1]} neurons")
        stays = [[hopping(one, winner, alike=True)["up"] for one in pair] for pair in pairs]
        micro, meso = ([pair[k] for pair in stays] for k in (0, 1))
        drawn(axes[2], sizes, micro, f"{words}, neurons", fmt=marker, color=color, ms=6)
        drawn(axes[2], sizes, meso, f"{words}, populations", fmt="_-", color=color, lw=1.2)
        for N, one, other in zip(sizes, micro, meso, strict=True):
            log_ratio(numbers, f"F: ln(dwell time {words}, neurons/populations), N = {N}", one, other)
            for kind, found in (("neurons", one), ("populations", other)):
                variation(numbers, f"F: CV of the dwell times {words}, {kind}, N = {N}", found, row == 1)
        if not settings.quick:
            same_slope(numbers, f"F: slope of ln(dwell time {words}) over N", sizes, micro, meso)
        for N, one in zip(sizes, micro, strict=True):
            axes[2].annotate(f"CV {one.cv:.2f}", (N, one.mean), xytext=(4, -12), textcoords="offset points", fontsize=7)
    axes[2].set(yscale="log", xlabel="neurons N", ylabel="mean dwell time (s)", title="F: two rivals")
    axes[2].margins(x=0.15)
    axes[2].legend(frameon=False, fontsize=7)


def variation(numbers: Numbers, what: str, found: DwellStatistics, regular: bool) -> None:
    """About 1 for escape by chance (a little less where stays have a shortest length), far below for regular turns."""
    error = found.cv_error
    if regular:
        numbers.holds(what, "1", found.cv, high=0.5, error=error, note="far below 1")
    else:
        numbers.measured(what, "1", found.cv, error, 1.0, 0.15, note="4 s.e. and 0.15 for the shortest stays")


def draw(settings: Settings) -> tuple[Figure, Numbers]:
    """The figure and its numbers."""
    numbers = Numbers()
    figure = Figure(figsize=(13, 8), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    parts: list[tuple[Callable[..., None], tuple]] = [
        (poisson_population, (axes[0],)),
        (excitation_and_inhibition, (axes[1:3],)),
        (competition, (axes[3:],)),
    ]
    for part, where in parts:
        part(*where, numbers, settings)
    return figure, numbers


if __name__ == "__main__":
    sys.exit(run_figure("hopping", "Hopping between states by finite-size noise", draw))
