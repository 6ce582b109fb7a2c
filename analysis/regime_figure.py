"""A regime map as a figure, in the manner of Fig 5 of Ekelmans, Kraynyukova & Tchumatchenko 2023."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .boundary_results import RegimeBoundaries
from .comparison_report import save_figure
from .regime_map import RegimeMap

REGIONS = {
    "isn": ("inhibition-stabilized", (0.25, 0.45, 0.95), 0.45),
    "supersaturating": ("supersaturating", (0.9, 0.2, 0.2), 0.42),
    "multistable": ("several stable states", (0.1, 0.65, 0.2), 0.7),
}
CURVES = {
    "fold": ("fold", "-", "darkgreen"),
    "hopf": ("Hopf", "-.", "darkorange"),
    "isn": ("onset of inhibition stabilization", "-", "navy"),
    "supersaturation": ("onset of supersaturation", "-", "darkred"),
    "silent_E": ("E falls silent", ":", "darkred"),
    "extrapolated_E": ("limit of the fitted rates", "--", "0.35"),
    "extrapolated_I": ("limit of the fitted rates", "--", "0.35"),
}


def regime_figure(regimes: RegimeMap, path: str | Path, boundaries: RegimeBoundaries | None) -> None:
    """The map as a figure of its own, with its legend beside it, saved as ``path``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 4.6), layout="constrained")
    handles = draw_regimes(figure.subplots(), regimes, boundaries)
    figure.legend(handles=handles, loc="outside right center", frameon=False, fontsize=8)
    save_figure(figure, path)


def draw_regimes(axis: Any, regimes: RegimeMap, boundaries: RegimeBoundaries | None) -> list[Any]:
    """Draw regions, hatched where there is no state, grey stripes where the balanced limit is stable, and curves.

    ``axis`` is a Matplotlib axes; returns the handles of a legend. Raises
    :class:`~ssnbrian.circuit.InvalidInputError` for a map that is a line.
    """
    mu, ratio = regimes.mu_ext, regimes.ratio
    if len(mu) < 2 or len(ratio) < 2:
        raise InvalidInputError(
            f"a figure needs at least 2 values of mu_ext and of ratio, got {len(mu)} and {len(ratio)}"
        )
    handles: list[Any] = _regions(axis, regimes)
    handles += _balanced(axis, regimes)
    if boundaries is not None:
        handles += _curves(axis, boundaries)
    axis.set_xlim(mu[0], mu[-1])
    axis.set_ylim(ratio[0], ratio[-1])
    axis.set_xlabel("external input mu_ext (mV/s)")
    axis.set_ylabel("ratio mu_ext,I / mu_ext,E")
    return handles


def _cells(values: np.ndarray) -> np.ndarray:
    """Borders of the cells around ascending values, shape (count + 1,)."""
    middle = (values[1:] + values[:-1]) / 2
    return np.concatenate([[values[0]], middle, [values[-1]]])


def _regions(axis: Any, regimes: RegimeMap) -> list[Any]:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    grid = _cells(regimes.mu_ext), _cells(regimes.ratio)
    handles = []
    for name, (label, colour, alpha) in REGIONS.items():
        where = getattr(regimes, name)
        if np.any(where):
            shown = np.ma.masked_where(~where, np.ones(where.shape))
            axis.pcolormesh(*grid, shown, cmap=ListedColormap([colour]), alpha=alpha, linewidth=0, rasterized=True)
            handles.append(Patch(facecolor=(*colour, alpha), label=label))
    for where, label, hatch in (
        (regimes.empty, "no steady state", "xxx"),
        (~regimes.empty & (regimes.stable == 0), "no stable state", "..."),
    ):
        if np.any(where):
            levels = {"levels": [0.5, 1.5], "colors": "none", "hatches": [hatch]}
            axis.contourf(regimes.mu_ext, regimes.ratio, where.astype(float), **levels)
            handles.append(Patch(facecolor="white", hatch=hatch, edgecolor="black", label=label))
    return handles


def _balanced(axis: Any, regimes: RegimeMap) -> list[Any]:
    from matplotlib.patches import Patch

    stable = regimes.balanced == "stable"
    if not np.any(stable):
        return []
    borders = _cells(regimes.ratio)
    style = {"facecolor": "none", "edgecolor": "0.55", "hatch": "//", "linewidth": 0}
    edges = np.flatnonzero(np.diff(np.concatenate([[False], stable, [False]]).astype(int)))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        axis.axhspan(borders[first], borders[end], **style)
    return [Patch(label="stable balanced limit", **style)]


def _curves(axis: Any, boundaries: RegimeBoundaries) -> list[Any]:
    from matplotlib.lines import Line2D

    handles: dict[str, Any] = {}
    for name, (label, line, colour) in CURVES.items():
        style = {"linestyle": line, "color": colour, "linewidth": 1.2}
        for segment in boundaries.curves[name].segments:
            axis.plot(segment.mu_ext, segment.ratio, **style)
            handles[label] = Line2D([], [], label=label, **style)
    for found, marker, label in ((boundaries.cusps, "*", "cusp"), (boundaries.bogdanov_takens, "D", "Bogdanov–Takens")):
        if found:
            style = {"linestyle": "none", "marker": marker, "color": "black", "markersize": 8 if marker == "*" else 5}
            axis.plot([point.mu_ext for point in found], [point.ratio for point in found], **style)
            handles[label] = Line2D([], [], label=label, **style)
    for line in boundaries.balanced:
        axis.axhline(line.ratio, color="0.4", linewidth=1.0)
        handles["balanced"] = Line2D([], [], color="0.4", linewidth=1.0, label="balanced limit changes")
    return list(handles.values())
