"""Low-dimensional Langevin equation for the activity of a finite population.

One noise eta = sqrt(r/N) xi drives all modes, in the sense of Ito:
a_0' = Lambda (1 - a_0) + eta,  a_n' = lambda_n a_n + h' sum_m C_nm a_m + Lambda (1 - a_0) + eta,
r = a_0 F_0 + Lambda (1 - a_0) + 2 Re sum a_n phi_n(0),  A_N = r + eta,  tau_h h' = -h + I + J A_N.
The mass a_0 multiplies the stationary rate F_0 and the coupling to mode 0, and the correction Lambda (1 - a_0) is part
of r: without it, as printed in the slides of :mod:`..mesoscopic`, the spectrum at frequency 0 is r/N, not CV^2 r/N.
Lambda is 1/standard deviation of the intervals here, and 1/E|T1 - T2| in the stochastic integral equation; they differ.
The terms of order 1/N of Ito's formula for the dependence of the modes on h are left out.
Sources: Pietras, Gallice & Schwalger 2020; Schwalger, Deger & Gerstner 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .eigenmode_model import check_feedback, mixed
from .mode_table import ModeCoefficients, ModeTable

TRUNCATIONS = ("plain", "closure")


@dataclass(frozen=True)
class LangevinRun:
    """Realisations of the Langevin equation.

    Attributes
    ----------
    activity : A_N averaged over each step, Hz, (R, t); counts per step are activity·N·step. Can be negative.
    rate : r at the start of each step, Hz, (R, t), not below 0.
    mass : a_0, (R, t); ``potential`` h, (R, t), both at the start of the steps.
    step : s.
    clipped : fraction of steps in which r was negative and was set to 0.
    outside : fraction of steps in which h was outside of the table's grid, whose ends were used.
    """

    activity: np.ndarray
    rate: np.ndarray
    mass: np.ndarray
    potential: np.ndarray
    step: float
    clipped: float
    outside: float


@dataclass(frozen=True)
class _Steps:
    """Exact responses over one step to a constant: state decay and gain (s) of the mass, the modes and the closure."""

    mass: tuple[np.ndarray, np.ndarray]
    modes: tuple[np.ndarray, np.ndarray]
    closure: tuple[np.ndarray, np.ndarray]


def decay_and_gain(eigenvalue: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """e^(lambda step) and (e^(lambda step) - 1)/lambda, s, for lambda in 1/s of any shape, 0 included."""
    small = np.asarray(eigenvalue) * step
    safe = np.where(small == 0, 1, small)
    return np.exp(small), step * np.where(small == 0, 1, np.expm1(safe) / safe)


def langevin(
    table: ModeTable,
    drive: np.ndarray,
    *,
    size: int,
    step: float,
    seed: int,
    realisations: int = 1,
    coupling: float = 0.0,
    tau_h: float | None = None,
    initial: float | None = None,
    truncation: str = "plain",
    correction: str | float = "langevin",
) -> LangevinRun:
    """Simulate ``realisations`` populations of ``size`` neurons from the stationary state without fluctuations.

    ``drive`` (t,) is I at the start of each ``step`` (s). With ``tau_h`` (s) h follows it and ``coupling`` (h per Hz),
    from ``initial``, by default the lowest stationary state of drive[0]; without, h = I, and the coupling must be 0.
    Noise is constant within a step and each mode is integrated exactly, so that fast modes need no shorter step. The
    same ``seed`` gives the same result.

    ``truncation`` 'plain' keeps the modes of the table only, which adds a constant c_M to the response to noise and
    raises the spectrum at middle and high frequencies. 'closure' takes it away below w_c = |lambda_(M+1)|:
    y' = -w_c y + Lambda (1 - a_0) + eta, r -= c_M w_c y. This closure is not from the publications above.
    ``correction`` is 'langevin' (1/standard deviation), 'integral equation' (1/E|T1 - T2|) or Lambda in 1/s.
    Raises InvalidInputError for wrong input, ArithmeticError where the solution is not finite.
    """
    drive = np.asarray(drive, float)
    _check(drive, size, step, realisations, truncation)
    check_feedback(coupling, tau_h, initial)
    fixed = len(table.grid) == 1
    if fixed and (coupling or np.any(drive != table.grid[0])):
        raise InvalidInputError("a table at one h serves a drive that stays there, without coupling; give it a grid")
    random = np.random.default_rng(seed)
    h = np.full(realisations, table.resting(float(drive[0]), coupling) if initial is None else initial)
    mass, closure = np.ones(realisations), np.zeros(realisations)
    modes = np.zeros((realisations, table.modes), complex)
    follow = -np.expm1(-step / tau_h) if tau_h else 1.0
    record = np.empty((4, len(drive), realisations))
    clipped = outside = 0
    coefficients, correction_rate, steps = _prepared(table, h, correction, step)
    for k in range(len(drive)):
        if not fixed:
            coefficients, correction_rate, steps = _prepared(table, h, correction, step)
            outside += int(table.outside(h).sum())
        rate = mass * coefficients.rate + correction_rate * (1 - mass)
        rate = rate + 2 * np.sum(modes * coefficients.activities, axis=-1).real
        if truncation == "closure":
            rate = rate - coefficients.closure_weight * coefficients.closure_rate * closure
        clipped += int(np.sum(rate < 0))
        rate = np.maximum(rate, 0.0)
        noise = np.sqrt(rate / (size * step)) * random.standard_normal(realisations)
        record[:, k] = rate + noise, rate, mass, h
        target = drive[k] + coupling * (rate + noise) if tau_h else drive[min(k + 1, len(drive) - 1)]
        change = follow * (target - h)
        forcing = correction_rate * (1 - mass) + noise
        if not fixed:
            modes = modes + change[:, None] * mixed(coefficients, mass, modes)
        modes = steps.modes[0] * modes + steps.modes[1] * forcing[:, None]
        closure = steps.closure[0] * closure + steps.closure[1] * forcing
        mass = 1 + steps.mass[0] * (mass - 1) + steps.mass[1] * noise
        h = h + change
    if not np.all(np.isfinite(record)):
        raise ArithmeticError("the solution of the Langevin equation is not finite; the modes couple too strongly to h")
    total = len(drive) * realisations
    activity, rates, masses, potentials = record.transpose(0, 2, 1)
    return LangevinRun(activity, rates, masses, potentials, step, clipped / total, outside / total)


def _prepared(
    table: ModeTable, h: np.ndarray, correction: str | float, step: float
) -> tuple[ModeCoefficients, np.ndarray, _Steps]:
    coefficients = table.at(h)
    correction_rate = coefficients.correction(correction)
    steps = _Steps(
        decay_and_gain(-correction_rate, step),
        decay_and_gain(coefficients.eigenvalues, step),
        decay_and_gain(-coefficients.closure_rate, step),
    )
    return coefficients, correction_rate, steps


def _check(
    drive: np.ndarray,
    size: int,
    step: float,
    realisations: int,
    truncation: str,
) -> None:
    if drive.ndim != 1 or not len(drive) or not np.all(np.isfinite(drive)):
        raise InvalidInputError(f"the drive must be finite, one number per step, got shape {drive.shape}")
    if size < 1 or realisations < 1 or not step > 0:
        raise InvalidInputError(f"size {size}, realisations {realisations} and step {step} must be above 0")
    if truncation not in TRUNCATIONS:
        raise InvalidInputError(f"the truncation must be one of {', '.join(TRUNCATIONS)}, got '{truncation}'")
