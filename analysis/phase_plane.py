"""The phase plane of a rate model with two state variables: nullclines, vector field, fixed points, trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.rate_model import RateModel

from .comparison_report import save_figure
from .rate_model_analysis import FixedPoints, RateSystem, Trajectory, fixed_points, trajectory

_COLOURS = ("tab:blue", "tab:red")
_POINTS = 401
_SLOWEST = 60.0
"""Duration of the default trajectory in units of the slowest time scale of the fixed points."""


def phase_plane_figure(
    model: RateModel,
    path: str | Path,
    trajectories: Sequence[Trajectory] | None = None,
    points: FixedPoints | None = None,
) -> None:
    """Save the phase plane of a two-variable model, see :func:`draw_phase_plane`.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` for a model that has not two state variables and for a figure
    that cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    draw_phase_plane(figure.subplots(), model, trajectories, points)
    save_figure(figure, path)


def draw_phase_plane(
    axis: Any,
    model: RateModel,
    trajectories: Sequence[Trajectory] | None = None,
    points: FixedPoints | None = None,
) -> None:
    """Draw the ranges of a two-variable model: both nullclines, the field, fixed points and trajectories.

    Stable fixed points are filled, unstable ones open. Without ``trajectories`` the one from the model's initial state
    is drawn; without ``points`` the fixed points are searched. Raises :class:`~ssnbrian.circuit.InvalidInputError` for
    a model that has not two state variables.
    """
    system = RateSystem.from_model(model)
    if len(system.names) != 2:
        raise InvalidInputError(
            f"rate model {model.name} has {len(system.names)} state variables; a phase plane needs two"
        )
    points = fixed_points(system) if points is None else points
    trajectories = [default_trajectory(system, points)] if trajectories is None else trajectories
    _draw_field(axis, system)
    for one in trajectories:
        axis.plot(*one.states, color="black", lw=1.2, zorder=3)
        axis.plot(*one.states[:, 0], "s", color="black", ms=4, zorder=3)
    for point in points:
        face = "black" if point.stable else "white"
        axis.plot(*point.values.values(), "o", mfc=face, mec="black", mew=1.4, ms=8, zorder=5, clip_on=False)
    low, high = system.low / system.factors, system.high / system.factors
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    words = [name if unit == "1" else f"{name} ({unit})" for name, unit in zip(system.names, system.units, strict=True)]
    axis.set(xlabel=words[0], ylabel=words[1])
    axis.legend(
        handles=_legend(system, points, bool(trajectories)), loc="upper left", bbox_to_anchor=(1, 1), fontsize=8
    )
    axis.set_title(model.name + ("" if points.complete else " (fixed points perhaps not complete)"), fontsize=10)


def default_trajectory(system: RateSystem, points: FixedPoints) -> Trajectory:
    """From the model's initial state, long enough to settle or to go around several times."""
    rates = [abs(one) for point in points for one in point.eigenvalues if one] or [1 / _longest_parameter(system)]
    return trajectory(system, _SLOWEST / min(rates), points=4001)


def _longest_parameter(system: RateSystem) -> float:
    """A time scale (s) where there is no fixed point: width over speed in the middle of the ranges."""
    speed = np.abs(system.slope((system.low + system.high) / 2)) / system.width
    return float(1 / speed.max()) if speed.max() > 0 else 1.0


def _draw_field(axis: Any, system: RateSystem) -> None:
    low, high, factors = system.low, system.high, system.factors
    x, y = np.linspace(low, high, _POINTS).T
    slopes = system.slope(np.stack(np.meshgrid(x, y)))
    for slope, colour in zip(slopes, _COLOURS, strict=True):
        # A contour of the sign alone would be a staircase; the slope itself is interpolated.
        axis.contour(x / factors[0], y / factors[1], slope, levels=[0], colors=colour, linewidths=1.8, zorder=4)
    coarse = slice(None, None, 10)
    axis.streamplot(
        x[coarse] / factors[0], y[coarse] / factors[1], *(one[coarse, coarse] / f for one, f in zip(slopes, factors,
        strict=True)), color="0.75", density=1.1, linewidth=0.7, arrowsize=0.8, zorder=1,
    )  # fmt: skip


def _legend(system: RateSystem, points: FixedPoints, drawn: bool) -> list[Any]:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, lw=1.8, label=f"d{name}/dt = 0")
        for name, colour in zip(system.names, _COLOURS, strict=True)
    ]
    for stable, face, word in ((True, "black", "stable"), (False, "white", "unstable")):
        if any(point.stable == stable for point in points):
            handles.append(Line2D([], [], ls="", marker="o", mfc=face, mec="black", label=f"{word} fixed point"))
    if drawn:
        handles.append(Line2D([], [], color="black", lw=1.2, marker="s", ms=4, label="trajectory from its start"))
    return handles
