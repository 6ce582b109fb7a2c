"""Where the excitatory rate peaks as the input grows: of a theory, and of rates measured along a ramp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from ssnbrian.circuit import InvalidInputError

from .reduction import Reduction
from .states import SteadyState


@dataclass(frozen=True)
class TheoreticalPeak:
    """``mu_ext`` (mV/s) at which the rate of an excitatory population is largest, and the state there."""

    mu_ext: float
    state: SteadyState


@dataclass(frozen=True)
class MeasuredPeak:
    """Peak of a measured curve with standard errors: position (unit of the abscissa) and height (Hz)."""

    position: float
    height: float
    position_error: float
    height_error: float


def theoretical_peak(
    theory: Reduction, mu_ext: tuple[float, float], ratio: float = 1.0, points: int = 41
) -> TheoreticalPeak:
    """The interior maximum of the first excitatory rate over ``mu_ext`` (lowest, highest, in mV/s).

    Inputs are scanned at ``points`` values and the largest is refined to 1e-8 mV/s. Raises
    :class:`~ssnbrian.circuit.InvalidInputError` when the rate is largest at an end, or a scanned input has not
    exactly one stable state.
    """
    name = theory.populations[theory.kinds.index("excitatory")]

    def state_at(mu: float) -> SteadyState:
        stable = theory.steady_states(float(mu), ratio).stable
        if len(stable) != 1:
            raise InvalidInputError(
                f"the peak of {name} needs one stable state at every input; at mu_ext = {mu:g} mV/s there are "
                f"{len(stable)}"
            )
        return stable[0]

    grid = np.linspace(*mu_ext, points)
    best = int(np.argmax([state_at(mu).rates[name] for mu in grid]))
    if best in (0, points - 1):
        raise InvalidInputError(
            f"the rate of {name} has no peak between {mu_ext[0]:g} and {mu_ext[1]:g} mV/s: it is largest at "
            f"{grid[best]:g} mV/s; choose a wider range or another ratio"
        )
    found = minimize_scalar(
        lambda mu: -state_at(mu).rates[name],
        bounds=(grid[best - 1], grid[best + 1]),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return TheoreticalPeak(float(found.x), state_at(found.x))


def measured_peak(x: np.ndarray, rates: np.ndarray, standard_errors: np.ndarray, half_width: float) -> MeasuredPeak:
    """The peak of a measured curve, from a weighted parabola through the points around it.

    ``x, rates, standard_errors`` have shape (points,); the parabola is fitted to what lies within ``half_width`` of
    its own vertex (found by iteration from the largest three-point mean), so that the height is not the largest of many
    noisy values, which would be too high. Raises :class:`~ssnbrian.circuit.InvalidInputError` when fewer than six
    points lie there or they have no maximum.
    """
    x, rates = np.asarray(x, dtype=float), np.asarray(rates, dtype=float)
    errors = np.maximum(np.asarray(standard_errors, dtype=float), 1e-12)
    centre = float(x[1:-1][np.argmax((rates[:-2] + rates[1:-1] + rates[2:]) / 3)])
    for _ in range(50):
        near = np.abs(x - centre) <= half_width
        if near.sum() < 6:
            raise InvalidInputError(
                f"a peak needs at least six points within {half_width:g} of it, there are {near.sum()}; widen the "
                f"window"
            )
        design = np.vander(x[near] - centre, 3) / errors[near, None]
        coefficients, *_ = np.linalg.lstsq(design, rates[near] / errors[near], rcond=None)
        curvature, slope, height = coefficients
        if not curvature < 0:
            raise InvalidInputError(f"the points within {half_width:g} of {centre:g} have no maximum")
        step = float(np.clip(-slope / (2 * curvature), -half_width / 2, half_width / 2))
        if abs(step) < 1e-3 * half_width:
            break
        centre += step
    covariance = np.linalg.inv(design.T @ design)
    gradient = np.array([slope / (2 * curvature**2), -1 / (2 * curvature), 0.0])
    return MeasuredPeak(
        position=centre + step,
        height=float(height - slope**2 / (4 * curvature)),
        position_error=float(np.sqrt(gradient @ covariance @ gradient)),
        height_error=float(np.sqrt(covariance[2, 2])),
    )
