"""Stationary states of the master equation of networks of kicks, all of them, with their linear stability.

The rates of a stationary state solve n scalar equations (see ``kick_rates``), all of whose solutions in the box of
possible rates are enclosed by branch and bound (see ``analysis.box_search``). The state at given rates follows from the
passage times, and is then improved by Newton's method on the full equations with their exact Jacobian, restricted to
changes that keep the mass of every population. The rates do not depend on the decay times; the stability does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import root
from scipy.stats import qmc

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from ..box_search import fixed_points as all_fixed_points
from .fixed_points import FixedPoint, FixedPoints
from .kick_equations import KickEquations, KickState
from .kick_rates import StationaryRates
from .parameters import MarkovNetwork

__all__ = ["fixed_point", "fixed_points", "newton", "reduced", "stationary_vector"]


def fixed_points(network: MarkovNetwork, most_boxes: int = 20_000, starts: int = 32) -> FixedPoints[KickState]:
    """All stationary states, by branch and bound over the rates that are possible at all.

    If ``most_boxes`` boxes do not suffice, Newton's method from ``starts`` starts spread over the box adds what it
    finds, and the result says that it is not complete.

    Raises InvalidInputError for potentials that are not whole, a leak, or rates without a bound; SsnbrianError where a
    population never spikes at all: its distribution is then not determined.
    """
    _require_kicks(network)
    rates = StationaryRates(network)
    upper = rates.upper()
    found = all_fixed_points(rates, upper, most_boxes)
    solutions = list(found.rates)
    if not found.complete:
        for start in qmc.Sobol(len(upper), scramble=False).random(starts) * upper:
            solution = _solved(rates, start)
            if solution is not None and not any(_same(solution, other) for other in solutions):
                solutions.append(solution)
    equations = KickEquations(network)
    points = [_point(equations, rates, one) for one in sorted(solutions, key=tuple)]
    return FixedPoints(tuple(points), found.complete, found.reason)


def _require_kicks(network: MarkovNetwork) -> None:
    """SsnbrianError where a population gets no kick upwards unless it has one already: it may be silent for ever."""
    excites = ~np.array(network.inhibitory) & (network.probabilities * network.weights > 0)
    active = network.drive > 0
    for _ in network.populations:
        active = active | np.any(excites & active, axis=1)
    if not np.all(active):
        silent = network.names[int(np.argmin(active))]
        raise SsnbrianError(
            f"population {silent} gets no kick upwards and may be silent for ever; its stationary distribution is then "
            "not determined"
        )


def fixed_point(network: MarkovNetwork, near: Sequence[float] | np.ndarray) -> FixedPoint[KickState]:
    """The stationary state to which Newton's method leads from the rates ``near`` (n,) Hz.

    Raises InvalidInputError for bad rates or networks, SsnbrianError if the method does not converge.
    """
    start = np.array(near, float)
    if start.shape != (len(network.names),) or not np.all(np.isfinite(start)) or np.any(start < 0):
        raise InvalidInputError(f"near must be {len(network.names)} rates in Hz, not {near}")
    rates = StationaryRates(network)
    solution = _solved(rates, start)
    if solution is None:
        raise SsnbrianError(f"no stationary state was found from the rates {start.tolist()} Hz")
    return _point(KickEquations(network), rates, solution)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.allclose(one, other, rtol=1e-6, atol=1e-8))


def _solved(rates: StationaryRates, start: np.ndarray) -> np.ndarray | None:
    """Rates (n,) that the map reproduces, or None."""
    identity = np.eye(len(start))

    def residual(point: np.ndarray) -> np.ndarray:
        return point - rates.rates(np.maximum(point, 0.0))

    def slopes(point: np.ndarray) -> np.ndarray:
        return identity - np.nan_to_num(rates.slopes(np.maximum(point, 0.0)))

    def solves(point: np.ndarray) -> bool:
        return bool(np.all(np.abs(residual(point)) <= 1e-9 * (1 + np.abs(point))) and np.all(point > -1e-12))

    # Along decay times the rates stay as they are.
    solution = start if solves(start) else root(residual, start, jac=slopes, options={"xtol": 1e-13}).x
    return np.maximum(solution, 0.0) if solves(solution) else None


def _point(equations: KickEquations, rates: StationaryRates, solution: np.ndarray) -> FixedPoint[KickState]:
    X, J = newton(equations, stationary_vector(equations, rates, solution))
    eigenvalues = np.linalg.eigvals(reduced(equations, J))
    order = np.lexsort((-eigenvalues.imag, -eigenvalues.real))
    change, fluxes = equations.flow(X)
    return FixedPoint(
        equations.network.names, fluxes, equations.state(X), eigenvalues[order], float(np.max(np.abs(change)))
    )


def reduced(equations: KickEquations, J: np.ndarray) -> np.ndarray:
    """The Jacobian (D, D) on changes that keep all masses: (D - n, D - n)."""
    return (J @ equations.embedding)[equations.kept]


def stationary_vector(equations: KickEquations, rates: StationaryRates, solution: np.ndarray) -> np.ndarray:
    """X (D,) of a network in which every neuron spikes independently at the stationary rates (n,) Hz.

    Raises SsnbrianError for a population that never spikes.
    """
    n, K = len(solution), len(equations.grid)
    state_rates = rates.arrivals * solution
    potentials, refractory = np.zeros((n, K)), solution * equations.network.refractory
    for x, neuron in enumerate(rates.neurons):
        passage = neuron.passage(state_rates[x : x + 1])
        if not np.isfinite(passage.mean[0]):
            raise SsnbrianError(
                f"population {equations.network.names[x]} never spikes at these rates; its stationary distribution "
                "is not determined by passages from the reset"
            )
        potentials[x] = passage.occupation[0] / (neuron.refractory + passage.mean[0])
    pending = state_rates * equations.network.decay_times
    return equations.vector(KickState(potentials, refractory, pending))


def newton(equations: KickEquations, X: np.ndarray, most_steps: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """A stationary state (D,) near X by Newton's method with the exact Jacobian, and the Jacobian (D, D) there.

    The masses of X are kept. Raises SsnbrianError if it does not converge or leaves the distributions.
    """
    embedding, kept = equations.embedding, equations.kept
    smallest = np.inf
    for _ in range(most_steps):
        J = equations.jacobian(X)
        try:
            step = embedding @ np.linalg.solve((J @ embedding)[kept], -equations(X)[kept])
        except np.linalg.LinAlgError:
            break
        X = X + step
        size = float(np.max(np.abs(step) / (1 + np.abs(X))))
        if not np.isfinite(size) or size > 1e6:
            break
        if size < 1e-13 or (size < 1e-9 and size >= 0.5 * smallest):
            if np.min(X) < -1e-9:
                break
            return X, equations.jacobian(X)
        smallest = min(smallest, size)
    raise SsnbrianError("Newton's method did not converge to a stationary state; start nearer to it")
