"""Limit cycles of the SSN: stable and unstable periodic solutions of Eq 2, alone or along a parameter.

A cycle is fixed by the rates at the moment at which the first population peaks and by its period T:

    nu(T) - nu(0) = 0,     d nu_1 / dt (0) = 0,

solved by Newton's method (shooting) with the variational equations, whose matrix over one period has the Floquet
multipliers as eigenvalues: one is 1, the cycle is stable if all others lie inside the unit circle. Along a parameter
the cycles are continued from a Hopf point. At single parameter values stable cycles are found by integrating forward
from around the steady states, and unstable ones that surround a stable state by integrating backward in time.
Source: Kuznetsov, Elements of Applied Bifurcation Theory, chapter 10; Eq 2 of Ekelmans et al. 2023.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from ssnbrian.circuit import Circuit

from .bifurcation import BifurcationDiagram, drive_of
from .bifurcation_equations import SSNEquations
from .bifurcation_parameters import ssn_family
from .bifurcation_points import HopfPoint
from .continuation import Array, Curve, corrected, tangent, trace
from .cycle_shooting import Dynamics, LimitCycle, Shooting
from .power_law import PowerLaw
from .ssn import SSN

__all__ = ["CycleBranch", "LimitCycle", "cycles_from_hopf", "limit_cycles"]

_LONGEST = 8.0
"""A branch of cycles ends when the period is this many times that at the Hopf point."""


@dataclass(frozen=True, eq=False)
class CycleBranch:
    """The limit cycles that are born at a Hopf point.

    Attributes
    ----------
    values : parameter, shape (k,); the first is that of the Hopf point, where the cycle has no amplitude.
    period : s, shape (k,). lowest, highest : Hz, shape (k, populations).
    multiplier : the Floquet multiplier largest in modulus but the trivial one, shape (k,); 1 at the Hopf point.
    stable : shape (k,).
    end : "window", "long_period" (8 times that at the Hopf point: close to a homoclinic
        orbit or a saddle-node on the cycle), "hopf" (the amplitude vanishes again), "maximum_rate", "stalled" or
        "long".
    """

    values: Array
    period: Array
    lowest: Array
    highest: Array
    multiplier: Array
    stable: Array
    end: str


def cycles_from_hopf(diagram: BifurcationDiagram, point: HopfPoint, most_cycles: int = 80) -> CycleBranch:
    """The cycles born at a Hopf point of an SSN's diagram, over the diagram's parameter until they leave its range.

    Raises ValueError for a diagram of another theory, or if no cycle is found near the Hopf point.
    """
    equations = diagram.equations
    if not isinstance(equations, SSNEquations):
        raise ValueError("limit cycles are followed for the SSN of constant weights only")
    centre = np.array([point.rates[name] for name in equations.populations])
    period = 1 / point.frequency
    shooting = Shooting(equations, np.maximum(centre, 0.1), period)
    start, ahead = _first_cycle(shooting, centre, period, point.value)
    low, high = np.full(len(start), -np.inf), np.full(len(start), np.inf)
    low[-1], high[-1] = diagram.range
    low[-2], high[-2] = 0.0, _LONGEST * period

    def limits(y: Array) -> Array:
        # Where a cycle shrinks to a Hopf point again, the peak turns into a trough.
        rates = y[: len(centre)]
        dynamics = Dynamics(equations, y[-1:])
        bend = dynamics.jacobian(rates)[0] @ dynamics(rates)
        return np.array([bend, equations.maximum_rate - np.max(rates)])

    path = trace(shooting.curve, start, ahead, (low, high), limits, (0, 1), 0.35, most_cycles)
    cycles = [shooting.cycle(y) for y in path.points]
    names = equations.populations
    end = path.end
    if end == "stopped":
        end = "hopf" if path.events[-1].test == 0 else "maximum_rate"
    if end == "window" and path.side == len(start) - 2:
        end = "long_period"
    first = [1.0] + [max(one.multipliers, key=abs) for one in cycles]

    def table(kind: str) -> Array:
        return np.array([centre, *[[getattr(one, kind)[name] for name in names] for one in cycles]])

    return CycleBranch(
        np.concatenate([[point.value], path.points[:, -1]]),
        np.array([period, *[one.period for one in cycles]]),
        table("lowest"),
        table("highest"),
        np.array(first),
        np.array([cycles[0].stable, *[one.stable for one in cycles]]),
        end,
    )


def _first_cycle(shooting: Shooting, centre: Array, period: float, value: float) -> tuple[Array, Array]:
    """A small cycle next to the Hopf point and the direction, in scaled unknowns, in which cycles grow."""
    A = Dynamics(shooting.equations, [value]).jacobian(centre)
    spectrum, vectors = np.linalg.eig(A)
    q = vectors[:, np.argmax(spectrum.imag)]
    q = q * np.exp(-1j * np.angle(q[0]))
    shape = q.real / q.real[0]
    scale = shooting.curve.scale
    grow = np.concatenate([shape, [0.0, 0.0]])
    row = np.zeros(len(scale))
    row[0] = 1.0
    for share in (0.02, 0.05, 0.01, 0.1):
        guess = np.concatenate([centre, [period, value]]) + share * centre[0] * grow
        found = corrected(shooting.curve, guess, row)
        if found is not None and abs(found[-2] / period - 1) < 0.3:
            return found, tangent_towards(shooting.curve, found, grow / scale)
    raise ValueError(f"no limit cycle was found next to the Hopf point at {value:g}")


def tangent_towards(curve: Curve, y: Array, along: Array) -> Array:
    """The tangent at y on the side of ``along``; ``along`` itself where there is none."""
    found = tangent(curve, y, along)
    return along / np.linalg.norm(along) if found is None else found


def limit_cycles(
    subject: Circuit | SSN,
    mu_ext: Any,
    ratio: float | None = None,
    mu_ext_I: Any = None,
    transfer: Mapping[str, PowerLaw] | None = None,
    tau_population: Any = None,
    longest: float = 10.0,
) -> tuple[LimitCycle, ...]:
    """The limit cycles found at one input, by the peak of the first population.

    Stable cycles are found by integrating up to ``longest`` seconds from next to every steady state and from high and
    low rates; unstable ones by integrating backward, which finds those that surround a stable state. Not proven to be
    all. Parameters and errors as for ``bifurcation_diagram``.
    """
    drive = drive_of(subject, (), mu_ext, ratio, mu_ext_I)
    around = (drive.mu_ext - 1, drive.mu_ext + 1)
    ssn, family = ssn_family(subject, ["mu_ext"], [around], drive, transfer, tau_population)
    equations = SSNEquations(ssn.populations, family, np.inf, [law.rate_range[1] for law in ssn.transfer])
    p = [drive.mu_ext]
    dynamics = Dynamics(equations, p)
    states = [equations.rates(x, p) for x in equations.all_states(np.array(p))[0][0]]
    found: list[LimitCycle] = []
    for start, direction in _starts(dynamics, states):
        one = _settled_cycle(dynamics, equations, start, direction * longest, drive.mu_ext, found)
        if one is not None and not any(np.allclose(one.start, other.start, rtol=1e-6) for other in found):
            found.append(one)
    return tuple(sorted(found, key=lambda one: one.start[0]))


def _starts(dynamics: Dynamics, states: list[Array]) -> list[tuple[Array, int]]:
    starts = []
    top = 1.5 * np.max(states, axis=0) + 1 if states else np.ones(2)
    for rates in states:
        spectrum, vectors = np.linalg.eig(dynamics.jacobian(rates))
        # Forward along what grows, backward along what decays: both leave a saddle, one of them leaves a focus.
        for k, value in enumerate(spectrum):
            shift = vectors[:, k].real / np.linalg.norm(vectors[:, k].real) * (1e-3 * (rates[0] + 1e-3))
            starts += [(rates + sign * shift, 1 if value.real > 0 else -1) for sign in (1, -1)]
    return [*starts, (top, 1), (np.array([top[0], 0.0]), 1), (np.zeros(len(top)), 1)]


def _settled_cycle(
    dynamics: Dynamics,
    equations: SSNEquations,
    start: Array,
    time: float,
    value: float,
    found: Sequence[LimitCycle],
) -> LimitCycle | None:
    """The cycle that the solution from ``start`` approaches within ``time`` (s, negative: backward), if any.

    None also where it comes close to one of those already found.
    """

    def peak(_: float, y: Array) -> float:
        return float(dynamics(y)[0])

    # Backward in time a peak is passed with d nu/dt growing.
    peak.direction = -1 if time > 0 else 1  # type: ignore[attr-defined]

    def escapes(_: float, y: Array) -> float:
        return min(float(np.min(y)) + 1e-6, 1e6 - float(np.max(y)))

    escapes.terminal = True  # type: ignore[attr-defined]
    y, now, tried = start, 0.0, 0.05
    times, peaks = np.zeros(0), np.zeros((0, len(start)))
    for _ in range(40):
        later = now + time / 40
        solution = solve_ivp(
            lambda _, y: dynamics(y), (now, later), y, method="DOP853", rtol=1e-7, atol=1e-10, events=[peak, escapes]
        )
        times = np.concatenate([times, solution.t_events[0]])[-3:]
        peaks = np.concatenate([peaks, solution.y_events[0].reshape(-1, len(start))])[-3:]
        y, now = solution.y[:, -1], later
        size = np.max(np.abs(y)) + 0.1
        if solution.status != 0 or np.max(np.abs(dynamics(y))) * abs(time) < 1e-4 * size:
            return None
        change = float(np.max(np.abs(peaks[-1] - peaks[-2]))) / size if len(times) == 3 else np.inf
        if change < tried:
            if any(np.allclose(peaks[-1], other.start, rtol=0.02) for other in found):
                return None
            tried = 0.2 * change
            cycle = _closed(equations, peaks[-1], abs(float(times[-1] - times[-2])), value)
            if cycle is not None:
                return cycle
    return None


def _closed(equations: SSNEquations, rates: Array, period: float, value: float) -> LimitCycle | None:
    """The cycle near a peak and a period, if there is one of visible amplitude."""
    shooting = Shooting(equations, np.maximum(rates, 0.1), period)
    row = np.zeros(len(rates) + 2)
    row[-1] = 1.0
    y = corrected(shooting.curve, np.concatenate([rates, [period, value]]), row)
    if y is None or abs(y[-2] / period - 1) > 0.1:
        return None
    cycle = shooting.cycle(y)
    widths = [(cycle.highest[name] - cycle.lowest[name]) / max(cycle.highest[name], 0.1) for name in cycle.highest]
    return cycle if max(widths) > 1e-4 else None
