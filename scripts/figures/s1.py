"""S1 Fig: the regimes of the supersaturating network of Fig 2 and of mouse V1.

Usage: python scripts/figures/s1.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

import sys

import numpy as np
from fig5 import legend, panel
from matplotlib.figure import Figure
from paper_figure import Numbers, Settings, run_figure
from ssnbrian.analysis import compare
from ssnbrian.analysis.regime_boundaries import regime_boundaries
from ssnbrian.models.papers import ekelmans2023

from ssnbrian import Ramp, simulate
from ssnbrian.cli.theories import theories_of


def onset_at_one(ssn, mu_ext: tuple[float, float]) -> float:
    """Where ratio 1 crosses the onset of supersaturation, mV/s, from the exact curve close to it."""
    curve = regime_boundaries(ssn, mu_ext, (0.99, 1.01)).curves["supersaturation"].segments[0]
    order = np.argsort(curve.ratio)
    return float(np.interp(1.0, curve.ratio[order], curve.mu_ext[order]))


def supersaturating(axis, numbers: Numbers, settings: Settings) -> list:
    """A: the network of Fig 2, with a simulated ramp at ratio 1 across the onset."""
    circuit = ekelmans2023.supersaturating()
    ssn, _, _, handles = panel(axis, circuit, 100, 1, numbers, settings)
    at_one = onset_at_one(ssn, (10, 30))
    numbers.computed("A: mu_ext from which ratio 1 is supersaturating", "mV/s", at_one, 17.654, 2e-3)
    recording = simulate(
        circuit, Ramp(0, 50, duration=20 if settings.quick else 50), seed=settings.seed, progress=settings.progress
    )
    comparison = compare(circuit, recording, theories_of(circuit, "paper")[:1])
    onset = comparison.onsets[0]
    numbers.computed("A: the same along the ramp", "mV/s", onset.mu_ext, at_one, 1e-3, "two ways to one number")
    mu = np.array([row.mu_ext for row in comparison.rows])
    rates = np.array([row.simulated["E"] for row in comparison.rows])
    errors = np.array([row.standard_errors["E"] for row in comparison.rows])
    after = mu > at_one + 5
    slope, covariance = np.polyfit(mu[after], rates[after], 1, w=1 / np.maximum(errors[after], 1e-3), cov="unscaled")
    error = float(np.sqrt(covariance[0, 0]))
    numbers.holds("A: slope of the simulated rate of E beyond the onset", "Hz/(mV/s)", slope[0], high=-4 * error,
                  error=error)  # fmt: skip
    axis.set_title("A: supersaturating network (Fig 2)")
    return handles


def mouse_v1(axis, numbers: Numbers, settings: Settings) -> list:
    """B: mouse V1."""
    circuit = ekelmans2023.mouse_v1()
    ssn, _, boundaries, handles = panel(axis, circuit, 1000, 2, numbers, settings)
    at_one = onset_at_one(ssn, (100, 200))
    numbers.computed("B: mu_ext from which ratio 1 is supersaturating", "mV/s", at_one, 159.6, 0.06)
    edge = next(line.ratio for line in boundaries.balanced if line.below == "stable")
    numbers.computed("B: largest ratio with a stable balanced limit", "1", edge, 0.8993, 6e-5)
    least = min(segment.mu_ext.min() for segment in boundaries.curves["isn"].segments)
    note = "the paper: at ratios around 0.1 near 1000 mV/s"
    numbers.holds("B: least input at which the network is an ISN", "mV/s", least, low=500, note=note)
    axis.set_title("B: mouse V1 (Fig 3A)")
    return handles


def draw(settings: Settings):
    """The figure and its numbers."""
    numbers = Numbers()
    figure = Figure(figsize=(15, 5.5), layout="constrained")
    axes = figure.subplots(1, 2)
    legend(figure, supersaturating(axes[0], numbers, settings) + mouse_v1(axes[1], numbers, settings))
    return figure, numbers


if __name__ == "__main__":
    sys.exit(run_figure("s1", "S1 Fig: regimes of the supersaturating network and of mouse V1", draw))
