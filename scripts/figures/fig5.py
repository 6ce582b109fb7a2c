"""Fig 5: which regime is where in the plane of the external input and its ratio.

Usage: python scripts/figures/fig5.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

import sys
import time

import numpy as np
from matplotlib.figure import Figure
from paper_figure import Numbers, Settings, run_figure
from scipy.optimize import bisect
from ssnbrian.analysis import SelfConsistent
from ssnbrian.analysis.regime_agreement import disagreements
from ssnbrian.analysis.regime_boundaries import regime_boundaries
from ssnbrian.analysis.regime_figure import draw_regimes
from ssnbrian.analysis.regime_map import regime_map
from ssnbrian.analysis.statistics import mean_rates
from ssnbrian.models.papers import ekelmans2023

from ssnbrian import PiecewiseLinear, simulate
from ssnbrian.cli.theories import theories_of


def panel(axis, circuit, mu_ext: float, ratio: float, numbers: Numbers, settings: Settings):
    """The map of one circuit from 0 to ``mu_ext`` and ``ratio``, held against its exact boundaries."""
    ssn = theories_of(circuit, "paper")[0]
    points = 81 if settings.quick else 400
    started = time.perf_counter()
    regimes = regime_map(ssn, np.linspace(0, mu_ext, points), np.linspace(0, ratio, points), settings.progress)
    seconds = time.perf_counter() - started
    boundaries = regime_boundaries(ssn, (0, mu_ext), (0, ratio), settings.progress)
    handles = draw_regimes(axis, regimes, boundaries)
    name = circuit.name
    numbers.shown(f"{name}: time of the map of {points} x {points}, all states", "s", seconds)
    numbers.shown(f"{name}: time per point", "µs", seconds / points**2 * 1e6)
    numbers.holds(f"{name}: points whose states are proven complete", "1", np.mean(regimes.complete), low=1)
    wrong = disagreements(regimes, boundaries)
    numbers.holds(f"{name}: neighbours at which map and exact boundaries disagree", "1", len(wrong), high=0)
    return ssn, regimes, boundaries, handles


def legend(figure, handles: list) -> None:
    """One legend for all panels, each entry once."""
    entries = {handle.get_label(): handle for handle in handles}
    figure.legend(handles=list(entries.values()), loc="outside lower center", ncols=6, frameon=False, fontsize=8)


def positive_determinant(axis, numbers: Numbers, settings: Settings) -> list:
    """A: the network of Fig 4."""
    circuit = ekelmans2023.bistable()
    ssn, regimes, boundaries, handles = panel(axis, circuit, 15, 5, numbers, settings)
    edge = bisect(lambda ratio: len(ssn.steady_states(3.0, ratio)) - 2, 1.2, 1.6, xtol=1e-9)
    numbers.computed("A: largest ratio with three states at 3 mV/s", "1", edge, 1.4607, 6e-5)
    stable_below = [line.ratio for line in boundaries.balanced if line.below == "stable"]
    numbers.computed("A: largest ratio with a stable balanced limit", "1", stable_below[0], 1.1, 1e-6)
    for mu, paper in zip(ssn.folds(1.0).mu_ext, (2.1634, 3.5700), strict=True):
        numbers.computed("A: fold at ratio 1", "mV/s", mu, paper, 6e-5)
    alone = np.mean(regimes.isn_states[regimes.multistable] == 1)
    note = "close to the upper fold the state below is one too"
    numbers.holds("A: bistable points where only the up state is an ISN", "1", alone, low=0.95, note=note)
    axis.set_title("A: det J > 0 (Fig 4)")
    spiking_states(axis, circuit, numbers, settings)
    return handles


def spiking_states(axis, circuit, numbers: Numbers, settings: Settings) -> None:
    """The spiking network at 3 mV/s, entered from above and from below: two states at ratio 1, one at ratio 3."""
    held = 6.0 if settings.quick else 30.0
    for ratio, expected in ((1.0, 2), (3.0, 1)):
        rates = {}
        for start in (0.0, 20.0):
            drive = PiecewiseLinear([0, 2, 3, 3 + held], [start, start, 3, 3])
            recording = simulate(circuit, drive, ratio=ratio, seed=settings.seed, progress=settings.progress)
            rates[start], error = mean_rates(recording, 4.0)["E"]
            numbers.shown(f"A: rate of E at 3 mV/s from {start:g}, ratio {ratio:g}", "Hz", rates[start], error=error)
        found = 2 if rates[20.0] > 2 * rates[0.0] else 1
        numbers.holds(f"A: states of the spiking network at 3 mV/s, ratio {ratio:g}", "1", found, expected, expected)
        axis.plot(3, ratio, "ks", ms=5)
        axis.annotate(f"spiking: {found}", (3, ratio), xytext=(4, 4), textcoords="offset points", fontsize=7)


def negative_determinant(axis, numbers: Numbers, settings: Settings) -> list:
    """B: det J < 0."""
    circuit = ekelmans2023.negative_determinant()
    ssn, regimes, _, handles = panel(axis, circuit, 50, 5, numbers, settings)
    row = np.argmin(np.abs(regimes.ratio - 3))
    numbers.holds("B: points at ratio 3 with two states", "1", np.mean(regimes.states[row] == 2), low=1)
    last = ssn.folds(1.0).mu_ext[-1]
    numbers.computed("B: no state above, at ratio 1", "mV/s", last, 17.703, 6e-4)
    for state, paper in zip(ssn.steady_states(10.0, 3.0), ((1.6015, 0.5634), (45.242, 10.916)), strict=True):
        for name, value in zip("EI", paper, strict=True):
            note = "far outside the fitted range: extrapolated" if state.extrapolated else ""
            digits = 6e-4 if value > 10 else 6e-5
            numbers.computed(f"B: {name} at 10 mV/s, ratio 3", "Hz", state.rates[name], value, digits, note)
    beyond_the_fold(axis, circuit, last, numbers, settings)
    axis.set_title("B: det J < 0")
    return handles


def beyond_the_fold(axis, circuit, last: float, numbers: Numbers, settings: Settings) -> None:
    """The spiking network at ratio 1, below and above the last fold of the SSN, against the self-consistent theory."""
    theory = SelfConsistent.from_circuit(circuit, maximum_rate=400)
    note = (
        "the SSN has no state: its power law grows without bound. Neurons do not: the rate leaves the range of the fit"
    )
    for mu in (0.5 * last, 1.5 * last):
        drive = PiecewiseLinear([0, 2, 10], [0, mu, mu])
        recording = simulate(circuit, drive, ratio=1.0, seed=settings.seed, progress=settings.progress)
        rate, error = mean_rates(recording, 6.0)["E"]
        expected = theory.steady_states(mu, 1.0).stable[0].rates["E"]
        what = f"B: rate of the spiking network at {mu:.3g} mV/s, ratio 1"
        error_of_theory = 0.05 * expected
        numbers.measured(what, "Hz", rate, error, expected, error_of_theory, None, note if mu > last else "")
        axis.plot(mu, 1.0, "ks", ms=5)
        axis.annotate(f"spiking: {rate:.2g} Hz", (mu, 1.0), xytext=(4, 4), textcoords="offset points", fontsize=7,
                      bbox={"facecolor": "white", "lw": 0, "pad": 1})  # fmt: skip


def draw(settings: Settings):
    """The figure and its numbers."""
    numbers = Numbers()
    figure = Figure(figsize=(15, 5.5), layout="constrained")
    axes = figure.subplots(1, 2)
    handles = positive_determinant(axes[0], numbers, settings)
    handles += negative_determinant(axes[1], numbers, settings)
    legend(figure, handles)
    return figure, numbers


if __name__ == "__main__":
    sys.exit(run_figure("fig5", "Fig 5: regimes over external input and ratio", draw))
