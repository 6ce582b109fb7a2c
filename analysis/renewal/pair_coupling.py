"""Coupling of pairs of eigenmodes by changes of the input h, through the point where the pairs become real.

z_i' = (linear part) + h' sum_j C_ij z_j with C_ij = <d psi_i/dh, phi_j> for the real combinations of
:mod:`.mode_pairs`: psi of z_0 is (psi_lambda + psi_mu)/2, that of z_1 is (psi_lambda - psi_mu)/(lambda - mu), and
phi of them are phi_lambda + phi_mu and (phi_lambda - phi_mu)(lambda - mu)/2. They are biorthogonal and smooth in h.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .escape_noise import EscapeNoiseIntervals
from .mode_pairs import ModePair, pair_near
from .modes import stationary_mode
from .settling import AgeFunction, SettlingAges

_TOLERANCE = 1e-3


def adjoint_pair(neuron: EscapeNoiseIntervals, pair: ModePair, ages: SettlingAges) -> tuple[AgeFunction, AgeFunction]:
    """psi of z_0 (no unit) and of z_1 (s)."""
    first, second = pair.modes(neuron)
    one = ages.adjoint(neuron, first)
    other = ages.adjoint(neuron, second) if pair.is_real else one.conj()
    return ((one + other) * 0.5).real, ((one - other) * (0.5 / pair.half_distance)).real


def pair_overlap(
    neuron: EscapeNoiseIntervals, psi: AgeFunction, pair: ModePair, ages: SettlingAges
) -> tuple[float, float]:
    """<psi, phi> of a real psi with phi of z_0 and of z_1."""
    first, second = pair.modes(neuron)
    one = ages.overlap(neuron, psi, first)
    other = ages.overlap(neuron, psi, second) if pair.is_real else one.conjugate()
    return (one + other).real, float(((one - other) * pair.half_distance).real)


def pair_couplings(
    family: Callable[[float], EscapeNoiseIntervals], h: float, pairs: Sequence[ModePair], change: float
) -> np.ndarray:
    """C_ij, (2M, 2M + 1), of the M ``pairs`` at h: rows z_0, z_1 of each pair, columns a_0 and then the same.

    Unit 1/h for rows of z_0, s/h for rows of z_1, times 1/s for columns of z_1. By a central difference of ``change``
    in h. Raises ArithmeticError where biorthogonality is missed by more than a thousandth.
    """
    here, below, above = family(h), family(h - change), family(h + change)
    ages = SettlingAges(here, below, above)
    rest = stationary_mode(here)
    # Of rows and columns in the same unit, that of z_0.
    scales = np.concatenate([[1.0, -pair.center] for pair in pairs])
    result = np.zeros((2 * len(pairs), 2 * len(pairs) + 1))

    def overlaps(psi: AgeFunction) -> np.ndarray:
        of_pairs = [one for pair in pairs for one in pair_overlap(here, psi, pair, ages)]
        return np.array([ages.overlap(here, psi, rest).real, *of_pairs])

    for n, pair in enumerate(pairs):
        psi = adjoint_pair(here, pair, ages)
        more, less = (adjoint_pair(one, pair_near(one, pair), ages) for one in (above, below))
        for i in range(2):
            row = 2 * n + i
            missed = overlaps(psi[i])
            missed[row + 1] -= 1
            missed *= scales[row] / np.concatenate([[1.0], scales])
            if not np.all(np.abs(missed) < _TOLERANCE):
                raise ArithmeticError(
                    f"the quadrature over the ages of pair {pair.number} of {here} is wrong by {abs(missed).max():.1g}"
                )
            result[row] = overlaps((more[i] - less[i]) * (0.5 / change))
    return result
