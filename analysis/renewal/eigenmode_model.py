"""The refractory density equation in its first eigenmodes, without noise.

a_n' = lambda_n a_n + h' sum_m C_nm a_m over 0, the modes kept and their conjugates, a_0 = 1, and A = F_0 + 2 Re sum
a_n phi_n(0). Source: Pietras, Gallice & Schwalger 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from ssnbrian.circuit import InvalidInputError

from .mode_table import ModeCoefficients, ModeTable


def mixed(coefficients: ModeCoefficients, mass: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """sum_m C_nm a_m, (..., M), of a_0 ``mass`` (...) and a_n ``modes`` (..., M)."""
    everything = np.concatenate([np.asarray(mass)[..., None], modes, modes.conj()], axis=-1)
    return np.einsum("...nm,...m->...n", coefficients.couplings, everything)


def check_feedback(coupling: float, tau_h: float | None, initial: float | None) -> None:
    """Raise InvalidInputError unless h either is prescribed or has a time constant (s)."""
    if tau_h is None and (coupling or initial is not None):
        raise InvalidInputError("without tau_h, h is the drive: there is no coupling and no initial h")
    if tau_h is not None and not 0 < tau_h < np.inf:
        raise InvalidInputError(f"tau_h must be above 0, got {tau_h}")


@dataclass(frozen=True)
class EigenmodeActivity:
    """A solution of the eigenmode equations at ``times`` (s), shape (t,).

    Attributes
    ----------
    activity : A, Hz, (t,); ``potential`` h, (t,); ``modes`` a_n, (t, M), complex.
    outside : whether h left the grid of the table, where its ends are used; ``negative`` whether A was below 0,
        which truncation can make it.
    """

    times: np.ndarray
    activity: np.ndarray
    potential: np.ndarray
    modes: np.ndarray
    outside: bool
    negative: bool


def eigenmode_activity(
    table: ModeTable,
    times: np.ndarray,
    drive: Callable[[float], float],
    *,
    coupling: float = 0.0,
    tau_h: float | None = None,
    initial: float | None = None,
    largest_step: float = np.inf,
) -> EigenmodeActivity:
    """Activity of an infinite population, from the stationary density at the first h.

    With ``tau_h`` (s), tau_h h' = -h + drive(t) + coupling A; ``coupling`` in units of h per Hz, from ``initial``, by
    default the lowest stationary state of the first drive. Without, h = drive(t), and the coupling must be 0.
    ``times`` (s) increase, shape (t,); ``largest_step`` (s) must resolve the kinks of the drive. Raises
    InvalidInputError for wrong input, ArithmeticError where the integration fails.
    """
    times = np.asarray(times, float)
    check_feedback(coupling, tau_h, initial)
    if len(table.grid) == 1:
        raise InvalidInputError("a table at one h cannot follow a change of h; give it a grid")
    short = min(1e-7, float(times[1] - times[0]) / 100)

    def activity(h: float, modes: np.ndarray) -> tuple[float, ModeCoefficients]:
        coefficients = table.at(np.array([h]))
        return float(coefficients.rate[0] + 2 * np.sum(modes * coefficients.activities[0]).real), coefficients

    def slopes(t: float, state: np.ndarray) -> np.ndarray:
        h = state[0].real if tau_h else drive(t)
        value, coefficients = activity(h, state[1:])
        if tau_h:
            change = (drive(t) - h + coupling * value) / tau_h
        else:
            change = (drive(t + short) - drive(t - short)) / (2 * short)
        mixing = mixed(coefficients, np.ones(1), state[None, 1:])[0]
        return np.concatenate([[change], coefficients.eigenvalues[0] * state[1:] + change * mixing])

    start = np.zeros(table.modes + 1, complex)
    start[0] = table.resting(float(drive(times[0])), coupling) if initial is None else initial
    span = (times[0], times[-1])
    result = solve_ivp(slopes, span, start, "RK45", times, rtol=1e-6, atol=1e-8, max_step=largest_step)
    if not result.success:
        raise ArithmeticError(f"the eigenmode equations could not be integrated: {result.message}")
    h = result.y[0].real if tau_h else np.array([drive(t) for t in times])
    modes = result.y[1:].T
    values = np.array([activity(one, a)[0] for one, a in zip(h, modes, strict=True)])
    return EigenmodeActivity(times, values, h, modes, bool(table.outside(h).any()), bool((values < 0).any()))
