"""Hopf points of a rate model over one of its parameters.

Values are returned in the units that the model declares, frequencies in Hz. Inside, everything is in SI base units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.rate_model import RateModel
from ssnbrian.circuit.units import parse_unit

from .rate_model_analysis import find_from, starting_points
from .rate_system import RateSystem

Array = Any
_HOPF_VALUES = 201


@dataclass(frozen=True)
class HopfPoint:
    """A complex pair of eigenvalues crosses the imaginary axis: ``value`` of ``parameter`` in its ``unit``,
    ``frequency`` (Hz), and the fixed point's ``values``."""

    parameter: str
    value: float
    unit: str
    frequency: float
    values: Mapping[str, float]


def _unstable_pairs(system: RateSystem, state: Array, values: Array) -> int:
    eigenvalues = np.linalg.eigvals(system.jacobian_at(state, values))
    return int(np.sum((eigenvalues.imag > 0) & (eigenvalues.real > 0)))


def hopf_points(
    model: RateModel | RateSystem, parameter: str, limits: tuple[float, float], **values: Any
) -> tuple[HopfPoint, ...]:
    """Where a complex pair crosses the imaginary axis, for ``parameter`` between ``limits`` (numbers in its unit).

    Every fixed point found at one of 201 values is followed to the next value; between two of them the crossing is
    bisected to the last digits. Two crossings of one branch within one step are not seen. Ordered by value.
    """
    system = model if isinstance(model, RateSystem) else RateSystem.from_model(model, **values)
    unit = system.model.parameter(parameter).unit
    low, high = (float(one) for one in limits)
    if not (np.isfinite([low, high]).all() and low < high):
        raise InvalidInputError(f"the range of '{parameter}' must go up, got {low:g} to {high:g} {unit}")
    index, factor = system.parameter_names.index(parameter), parse_unit(unit)[0]
    grid = np.linspace(low, high, _HOPF_VALUES) * factor
    found: list[HopfPoint] = []
    states: list[Array] = []
    for k, value in enumerate(grid):
        here = _with(system, index, value)
        # What was followed from the last value stays; new branches appear by a fresh search.
        search = _fresh_starts(system, here) if k % 10 == 0 else np.empty((0, len(system.names)))
        states = find_from(system, [*states, *search], here)
        if k + 1 < len(grid):
            for state in states:
                point = _crossing(system, index, state, value, grid[k + 1])
                if point is not None:
                    frequency, where, at = point
                    found.append(HopfPoint(parameter, float(where / factor), unit, frequency, system.shown(at)))
    return tuple(sorted(found, key=lambda one: one.value))


def _with(system: RateSystem, index: int, value: float) -> Array:
    values = system.values.copy()
    values[index] = value
    return values


def _fresh_starts(system: RateSystem, values: Array) -> Array:
    return starting_points(system, 101 if len(system.names) <= 2 else 64, values)


def _crossing(
    system: RateSystem, index: int, state: Array, low: float, high: float
) -> tuple[float, float, Array] | None:
    """(frequency Hz, parameter SI, state) of the crossing between two values of the parameter, None without one."""
    end = system.solve(state, _with(system, index, high))
    if end is None:
        return None
    count = _unstable_pairs(system, state, _with(system, index, low))
    if _unstable_pairs(system, end, _with(system, index, high)) == count:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        at = system.solve(state, _with(system, index, middle))
        if at is None:
            return None
        if _unstable_pairs(system, at, _with(system, index, middle)) == count:
            low, state = middle, at
        else:
            high = middle
    eigenvalues = np.linalg.eigvals(system.jacobian_at(state, _with(system, index, low)))
    pair = eigenvalues[np.argmin(np.where(eigenvalues.imag > 0, np.abs(eigenvalues.real), np.inf))]
    # A pair that became real (a node) changes the count, too, but does not reach the axis.
    if pair.imag <= 0 or abs(pair.real) > 1e-6 * abs(pair):
        return None
    return float(pair.imag / (2 * np.pi)), low, state
