"""Coupling of the eigenmodes by changes of the input h: C_nm = <d psi_n/dh, phi_m>.

With it a_n' = lambda_n a_n + h' sum_m C_nm a_m. Source: Pietras, Gallice & Schwalger 2020; the closed forms for
intervals with dead time follow from psi_n = e^(lambda_n min(tau, Delta)) and the eigenvalue equation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .eigenfunctions import AgeGrid, adjoint_eigenfunction, overlap
from .intervals import DeadTimeIntervals, Intervals
from .modes import Eigenmode, eigenmodes, stationary_mode

_TOLERANCE = 1e-3


def dead_time_eigenvalue_slope(intervals: DeadTimeIntervals, mode: Eigenmode) -> complex:
    """d lambda_n/d nu = lambda_n/(nu (1 + Delta (nu + lambda_n))) for intervals with dead time Delta, no unit."""
    nu, dead_time = intervals.hazard_rate, intervals.dead_time
    return mode.eigenvalue / (nu * (1 + dead_time * (nu + mode.eigenvalue)))


def dead_time_coupling(intervals: DeadTimeIntervals, n: Eigenmode, m: Eigenmode) -> complex:
    """C_nm = <d psi_n/d nu, phi_m>, s, for intervals with dead time Delta; times d nu/dh for a change of h.

    With d = lambda_n - lambda_m:
    (1 - e^(lambda_n Delta)) e^(-lambda_m Delta)/((1 + Delta (nu + lambda_m)) d) for n != m, and
    (d lambda_n/d nu) phi_n(0) (Delta^2/2 + Delta/(nu + lambda_n)) for n = m. C_0m = 0.
    """
    nu, dead_time = intervals.hazard_rate, intervals.dead_time
    if n.number == 0:
        return 0j
    if n.number == m.number:
        weight = dead_time**2 / 2 + dead_time / (nu + n.eigenvalue)
        return dead_time_eigenvalue_slope(intervals, n) * n.activity * weight
    up, down = np.exp(n.eigenvalue * dead_time), np.exp(-m.eigenvalue * dead_time)
    scale = (1 + dead_time * (nu + m.eigenvalue)) * (n.eigenvalue - m.eigenvalue)
    return complex((1 - up) * down / scale)


def couplings(family: Callable[[float], Intervals], h: float, modes: int, change: float | None = None) -> np.ndarray:
    """C_nm by quadrature over the age, complex, for any intervals whose eigenfunctions exist.

    Shape (modes + 1, 2 modes + 1): rows n = 0 … modes, columns m = 0, 1, …, modes, -1, …, -modes. Unit 1/h.
    ``family(h)`` gives the intervals at constant h. For n != m, <d rho/dh (1 - psi_n), phi_m>/(lambda_n - lambda_m);
    for n = m, <d psi_n/dh, phi_n>; both with a central difference of ``change`` in h (by default 1e-4 of |h|, or 1e-4
    where h = 0), whose error is of the order change^2.

    Raises ArithmeticError where the quadrature fails: where biorthogonality, d lambda_n/dh = <d rho/dh (1 - psi_n),
    phi_n>, or C_n0 by both formulas is missed by more than a thousandth.
    """
    step = change or 1e-4 * (abs(h) or 1.0)
    here, below, above = family(h), family(h - step), family(h + step)
    grid = AgeGrid.of(here, below, above)
    found, upper, lower = (eigenmodes(one, modes) for one in (here, above, below))
    columns = [stationary_mode(here), *found, *(mode.conjugate for mode in found)]
    hazard_slope = (above.hazard(grid.ages) - below.hazard(grid.ages)) / (2 * step)
    result = np.zeros((modes + 1, 2 * modes + 1), complex)
    for n, mode in enumerate(found, 1):
        psi = adjoint_eigenfunction(here, mode, grid)
        more, less = (
            adjoint_eigenfunction(one, of_one[n - 1], grid.of_other(one))
            for one, of_one in ((above, upper), (below, lower))
        )
        forced = np.array([overlap(here, hazard_slope * (1 - psi), one, grid) for one in columns])
        moved = [overlap(here, (more - less) / (2 * step), columns[m], grid) for m in (0, n)]
        distances = np.array([mode.eigenvalue - one.eigenvalue for one in columns])
        distances[n] = 1.0
        result[n] = forced / distances
        slope = (upper[n - 1].eigenvalue - lower[n - 1].eigenvalue) / (2 * step)
        overlaps = [abs(overlap(here, psi, one, grid) - (m == n)) for m, one in enumerate(columns)]
        # The last is relative; both sides are 0 where the intervals do not depend on h.
        misses = np.abs([forced[n] - slope, (moved[0] - result[n, 0]) * distances[0]])
        missed = max(*overlaps, misses.max() / (np.abs(forced).max() or 1.0))
        if missed > _TOLERANCE:
            raise ArithmeticError(f"the quadrature over the ages of mode {n} of {here} is wrong by {missed:.1g}")
        result[n, n] = moved[1]
    return result
