"""Integration of the master equation of networks of kicks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import ode

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from .arguments import bins_of
from .kick_equations import KickEquations, KickState
from .kick_flow import right_hand_side
from .parameters import MarkovNetwork
from .run import RunOfEquations

__all__ = ["integrator", "simulate"]


def simulate(
    network: MarkovNetwork,
    duration: float,
    *,
    initial: KickState | None = None,
    bin: float = 1e-3,
    tolerance: float = 1e-7,
    compiled: bool = True,
) -> RunOfEquations[KickState]:
    """Integrate the master equation for ``duration`` (s) from ``initial``, by default all neurons at the reset.

    Rates are the spikes of each bin of ``bin`` (s), integrated with the equations, divided by its width; no samples.
    Explicit Runge-Kutta steps of order 5 with error control (``tolerance`` relative, a thousandth of it absolute): the
    fastest rates of the equations are those of the kicks themselves, which any method has to follow in a volley.
    ``compiled=False`` does without numba.

    Raises InvalidInputError for a bad duration, bin, tolerance, state or network; SsnbrianError if integration fails.
    """
    bins = bins_of(duration, bin)
    if not (np.isfinite(tolerance) and 0 < tolerance < 0.1):
        raise InvalidInputError(f"tolerance must be between 0 and 0.1, not {tolerance}")
    equations = KickEquations(network)
    n = len(network.names)
    X = equations.vector(KickState.at_reset(network) if initial is None else initial)
    step = integrator(right_hand_side(equations, compiled), np.concatenate([X, np.zeros(n)]), tolerance)
    course = np.empty((bins + 1, n + n * n))
    course[0] = np.concatenate([X[equations.places :], np.zeros(n)])
    Y = X
    for index in range(1, bins + 1):
        Y = step(index * bin)
        course[index] = Y[equations.places :]
    spikes, pending = course[:, n * n :], course[1:, : n * n]
    return RunOfEquations(
        names=network.names,
        sizes=network.sizes,
        dt=bin,
        rates=np.diff(spikes, axis=0).T / bin,
        pending=pending.T.reshape(n, n, bins),
        deterministic=True,
        final=equations.state(Y[: equations.size]),
    )


def integrator(
    derivatives: Callable[[float, np.ndarray], np.ndarray], start: np.ndarray, tolerance: float
) -> Callable[[float], np.ndarray]:
    """time (s, ascending from call to call) -> the solution there that begins with ``start`` (m,) at 0."""
    solver = ode(derivatives).set_integrator("dopri5", rtol=tolerance, atol=1e-3 * tolerance, nsteps=1_000_000)
    solver.set_initial_value(start)

    def at(time: float) -> np.ndarray:
        solution = solver.integrate(time)
        if not (solver.successful() and np.all(np.isfinite(solution))):
            raise SsnbrianError(f"the equations could not be integrated to {time:g} s; check weights, sizes and drive")
        return np.array(solution)

    return at
