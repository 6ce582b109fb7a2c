"""What a rate model does: its state over time from its start, and its phase plane where it has two variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from ssnbrian.analysis.phase_plane import default_trajectory, draw_phase_plane
from ssnbrian.analysis.rate_model_analysis import Trajectory, fixed_points
from ssnbrian.analysis.rate_system import RateSystem
from ssnbrian.circuit.rate_model import RateModel

_COLOURS = ("tab:green", "tab:purple", "tab:orange", "tab:brown", "tab:cyan", "tab:pink")


def rate_model_figure(model: RateModel) -> Any:
    """Trajectory from the model's initial state; beside it the phase plane of a model with two state variables."""
    from matplotlib.figure import Figure

    system = RateSystem.from_model(model)
    points = fixed_points(system)
    course = default_trajectory(system, points)
    if len(system.names) != 2:
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        _draw_course(figure, system, course)
        figure.suptitle(model.name, fontsize=10)
        return figure
    figure = Figure(figsize=(11.6, 4.6), layout="constrained")
    parts: Any = figure.subfigures(1, 2, width_ratios=[1, 1.25])
    left, right = parts
    _draw_course(left, system, course)
    draw_phase_plane(right.subplots(), model, [course], points)
    return figure


def _draw_course(figure: Any, system: RateSystem, course: Trajectory) -> None:
    """One panel for each unit that the state variables have."""
    units = list(dict.fromkeys(system.units))
    axes = figure.subplots(len(units), 1, sharex=True, squeeze=False)[:, 0]
    shown = course.times <= _settled(course)
    factor, unit = (1000, "ms") if course.times[shown][-1] < 2 else (1, "s")
    for axis, one in zip(axes, units, strict=True):
        for number, name in enumerate(system.names):
            if system.units[number] == one:
                colour = _COLOURS[number % len(_COLOURS)]
                axis.plot(course.times[shown] * factor, course.states[number][shown], color=colour, lw=1.3, label=name)
        axis.set_ylabel("state" if one == "1" else f"rate ({one})" if one == "Hz" else f"state ({one})")
        axis.legend(frameon=False, fontsize=8)
    axes[-1].set_xlabel(f"time ({unit})")


def _settled(course: Trajectory) -> float:
    """Time (s) by which every variable has come within 1 % of where it ends, and a quarter more; else the whole."""
    last = course.states[:, -1:]
    span = np.ptp(course.states, axis=1, keepdims=True)
    away = np.flatnonzero((np.abs(course.states - last) > 0.01 * span).any(axis=0))
    return min(float(course.times[-1]), 1.25 * float(course.times[away[-1]]) if len(away) else np.inf)
