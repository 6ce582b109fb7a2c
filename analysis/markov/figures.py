"""Runs of a network and of its differential equations side by side, as figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ssnbrian.circuit import InvalidInputError

from ..comparison_report import save_figure
from .attractor_geometry import FIRST_PLANE, Plane, common_edges, occupation, trajectory
from .peak_scan import PeakScan, Quantity
from .run import MarkovRun

__all__ = ["attractor_figure", "peak_scan_figure"]

_BINS = 60
_LABELS: dict[str, tuple[str, float]] = {
    "height_differences": ("difference of successive peaks (Hz)", 1.0),
    "intervals": ("interval of successive peaks (ms)", 1000.0),
}


def peak_scan_figure(
    scans: Mapping[str, PeakScan],
    path: str | Path,
    parameter: str = "parameter",
    quantity: Quantity = "height_differences",
) -> None:
    """Histograms of a quantity (see :meth:`PeakScan.samples`) along the parameter, one panel for each scan by title.

    A column is the distribution at one value; ``parameter`` labels the abscissa. Raises InvalidInputError where no
    scan has a peak, the scans have fewer than two values, or the figure cannot be written.
    """
    from matplotlib.figure import Figure

    samples = [one for scan in scans.values() for one in scan.samples(quantity) if len(one)]
    if not samples or min(len(scan.values) for scan in scans.values()) < 2:
        raise InvalidInputError("a figure needs scans of at least two values with peaks in at least one")
    label, factor = _LABELS[quantity]
    low, high = min(one.min() for one in samples), max(one.max() for one in samples)
    if quantity == "height_differences":
        high = max(abs(low), abs(high))
        low = -high
    margin = 0.02 * (high - low) + 1e-6 * max(1.0, abs(high))
    edges = np.linspace(low - margin, high + margin, _BINS + 2)
    figure = Figure(figsize=(4.6 * len(scans) + 0.8, 4.0), layout="constrained")
    axes = figure.subplots(1, len(scans), squeeze=False, sharey=True)[0]
    for axis, (title, scan) in zip(axes, scans.items(), strict=True):
        shown = np.ma.masked_equal(scan.histograms(quantity, edges).T, 0)
        mesh = axis.pcolormesh(_edges(scan.values), factor * edges, shown, cmap="viridis_r", vmin=0, vmax=0.5)
        axis.set_title(f"{title}, population {scan.population}", fontsize=10)
        axis.set_xlabel(parameter)
    axes[0].set_ylabel(label)
    figure.colorbar(mesh, ax=axes.tolist(), label="part of the peaks", extend="max")
    save_figure(figure, path)


def _edges(values: np.ndarray) -> np.ndarray:
    middle = (values[1:] + values[:-1]) / 2
    return np.concatenate(([2 * values[0] - middle[0]], middle, [2 * values[-1] - middle[-1]]))


def attractor_figure(runs: Mapping[str, MarkovRun], path: str | Path, plane: Plane = FIRST_PLANE) -> None:
    """Occupation densities of runs, one panel each by title, with every deterministic run as dots in the other panels.

    Raises InvalidInputError without runs, for unknown populations, or if the figure cannot be written.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    if not runs:
        raise InvalidInputError("a figure needs at least one run")
    edges = common_edges(list(runs.values()), plane, _BINS)
    densities = {title: occupation(run, edges, plane) for title, run in runs.items()}
    top = max(one.max() for one in densities.values())
    curves = {title: trajectory(run, plane) for title, run in runs.items() if run.deterministic}
    figure = Figure(figsize=(4.4 * len(runs) + 0.8, 4.0), layout="constrained")
    axes = figure.subplots(1, len(runs), squeeze=False, sharex=True, sharey=True)[0]
    for axis, (title, density) in zip(axes, densities.items(), strict=True):
        shown = np.ma.masked_equal(density.T, 0)
        mesh = axis.pcolormesh(*edges, shown, cmap="viridis_r", norm=LogNorm(top / 1e3, top))
        others = {name: points for name, points in curves.items() if name != title}
        for name, points in others.items():
            axis.plot(points[:, 0], points[:, 1], ".", ms=1.5, color="tab:red", label=name)
        if others:
            axis.legend(frameon=False, fontsize=8, markerscale=4, loc="lower right")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel(f"pending kicks at {plane.target} from {plane.horizontal}")
    axes[0].set_ylabel(f"pending kicks at {plane.target} from {plane.vertical}")
    figure.colorbar(mesh, ax=axes.tolist(), label="occupation density")
    save_figure(figure, path)
