"""Solutions of the conductance network's equations X' = F(X): courses in time, fixed points, their eigenvalues."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.integrate import solve_ivp
from scipy.optimize import root

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from .arguments import bins_of
from .conductance_equations import ConductanceEquations
from .conductance_noise import stationary_pending
from .fixed_points import FixedPoint, FixedPoints
from .run import RunOfEquations

__all__ = [
    "conductance_fixed_points",
    "flux_rows",
    "integrate_conductance",
    "linear_eigenvalues",
    "mass_keeping",
]

# Hz, of all populations alike: where the search for fixed points starts by default.
_STARTS = (2.0, 10.0, 30.0, 60.0, 120.0, 240.0)
# Hz; lower rates drown in rounding errors and count as silence.
_LOWEST = 1e-8


def integrate_conductance(
    equations: ConductanceEquations,
    duration: float,
    *,
    bin: float = 1e-3,
    initial: np.ndarray | None = None,
    rtol: float = 1e-5,
    atol: float = 1e-8,
) -> RunOfEquations[np.ndarray]:
    """X' = F(X) over ``duration`` (s) by scipy's BDF with the analytic Jacobian.

    ``initial`` (variables,), by default :meth:`.ConductanceEquations.initial_state`; ``rtol`` and ``atol``
    the tolerances of a step, of shares and of pending kicks. Rates are integrals of the flux over the bins; one near 0
    may be negative by what the tolerances allow, some 0.01 Hz at ``rtol`` 1e-4. Raises InvalidInputError for wrong
    arguments, SsnbrianError where the integration fails.
    """
    bins = bins_of(duration, bin)
    start = equations.initial_state() if initial is None else np.asarray(initial, float)
    size, n = equations.variables, len(equations.network.names)
    if start.shape != (size,) or not np.all(np.isfinite(start)):
        raise InvalidInputError(f"initial must be {size} finite numbers, not an array of shape {start.shape}")
    (gained, held), nothing = flux_rows(equations), sparse.csr_matrix((size + n, n))

    def derivative(_: float, x: np.ndarray) -> np.ndarray:
        change = equations.derivative(x[:size])
        return np.concatenate([change, gained @ change + held @ x[:size]])

    def jacobian(_: float, x: np.ndarray) -> sparse.csc_matrix:
        change = equations.jacobian(x[:size])
        return sparse.hstack([sparse.vstack([change, gained @ change + held]), nothing], format="csc")

    times = np.arange(bins + 1) * bin
    # The last n variables count the spikes per neuron.
    found = solve_ivp(
        derivative, (0.0, times[-1]), np.append(start, np.zeros(n)), method="BDF", t_eval=times, jac=jacobian,
        rtol=rtol, atol=atol,
    )  # fmt: skip
    if not found.success:
        raise SsnbrianError(f"the integration failed: {found.message}")
    rates = np.diff(found.y[size:], axis=1) / bin
    pending = found.y[size - 2 * n * n : size - n * n, 1:].reshape(n, n, bins)
    network = equations.network
    return RunOfEquations(network.names, network.sizes, bin, rates, pending, True, found.y[:size, -1])


def flux_rows(equations: ConductanceEquations) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """A, B (n, variables) with the rates A F(X) + B X: f = refractory' + refractory/tau_r."""
    n = len(equations.network.names)
    columns = np.arange(1, n + 1) * (equations.cells + 1) - 1
    shape = (n, equations.variables)
    return (
        sparse.csr_matrix((np.ones(n), (np.arange(n), columns)), shape),
        sparse.csr_matrix((1.0 / equations.network.refractory, (np.arange(n), columns)), shape),
    )


def conductance_fixed_points(
    equations: ConductanceEquations, starts: Sequence[np.ndarray] | None = None
) -> FixedPoints[np.ndarray]:
    """Fixed points by Newton's method from ``starts`` (n,) Hz, by default several.

    At constant rates the pending kicks are stationary in closed form and the density of each population is one linear
    solve, so that a fixed point is a zero of n functions of n rates (:meth:`.ConductanceEquations.stationary_density`),
    found by Powell's hybrid of Newton's method (scipy) in the logarithms of the rates. That all fixed points are found
    is not proven; rates below 1e-8 Hz count as 0. Raises InvalidInputError for wrong starts and SsnbrianError
    where none is found.
    """
    n = len(equations.network.names)
    given = [np.full(n, one) for one in _STARTS] if starts is None else [np.asarray(one, float) for one in starts]
    for start in given:
        if start.shape != (n,) or not np.all(np.isfinite(start) & (start > 0)):
            raise InvalidInputError(f"a start must be {n} positive rates in Hz, not {start}")
    found: list[np.ndarray] = []
    for start in given:
        rates = _stationary_rates(equations, start)
        if rates is not None and not any(np.allclose(rates, other, rtol=1e-6, atol=_LOWEST) for other in found):
            found.append(rates)
    if not found:
        raise SsnbrianError(f"no fixed point was found from {len(given)} starts; give starts nearer to one")
    points = tuple(_fixed_point(equations, rates) for rates in sorted(found, key=tuple))
    reason = f"found by Newton's method from {len(given)} starts; that these are all is not proven"
    return FixedPoints(points, False, reason)


def _stationary_rates(equations: ConductanceEquations, start: np.ndarray) -> np.ndarray | None:
    """The fixed point reached from ``start``, or None."""
    populations = equations.network.populations

    def excess(logarithms: np.ndarray) -> np.ndarray:
        rates = np.exp(np.minimum(logarithms, 20.0))
        answers = [equations.stationary_density(x, rates)[1] for x in populations]
        return np.log(np.maximum(answers, _LOWEST)) - logarithms

    try:
        found = root(excess, np.log(start), method="hybr", tol=1e-13)
    except SsnbrianError:
        return None
    rates = np.exp(found.x)
    silent = rates < 2.0 * _LOWEST
    return np.where(silent, 0.0, rates) if np.max(np.abs(found.fun)) < 1e-9 else None


def _fixed_point(equations: ConductanceEquations, rates: np.ndarray) -> FixedPoint[np.ndarray]:
    network = equations.network
    mass = np.array([equations.stationary_density(x, rates)[0] for x in network.populations])
    state = equations.joined(mass, rates * network.refractory, *stationary_pending(network, rates))
    shares = len(rates) * (equations.cells + 1)
    residual = float(np.max(np.abs(equations.derivative(state)[:shares])))
    return FixedPoint(network.names, rates, state, linear_eigenvalues(equations, state), residual)


def mass_keeping(equations: ConductanceEquations) -> tuple[np.ndarray, np.ndarray]:
    """Changes of the state that keep the mass of each population, and the places in the state of their coordinates.

    (variables, variables - n) and (variables - n,): the refractory share is minus the sum of the others.
    """
    faces, n = equations.cells + 1, len(equations.network.names)
    last = np.arange(1, n + 1) * faces - 1
    kept = np.delete(np.arange(equations.variables), last)
    embedding = np.zeros((equations.variables, len(kept)))
    embedding[kept, np.arange(len(kept))] = 1.0
    for x, place in enumerate(last):
        embedding[place] = -((kept >= x * faces) & (kept < place)).astype(float)
    return embedding, kept


def linear_eigenvalues(equations: ConductanceEquations, state: np.ndarray) -> np.ndarray:
    """Eigenvalues (variables - n,) in 1/s of dF/dX at ``state``, by falling real part, with all masses kept."""
    embedding, kept = mass_keeping(equations)
    values = np.linalg.eigvals((equations.jacobian(state) @ embedding)[kept])
    return values[np.lexsort((-values.imag, -values.real))]
