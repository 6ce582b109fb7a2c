"""Stability and first-order responses of a steady state nu = Phi(nu) of n populations.

Arrays: ``slopes`` (n, n) d Phi_X / d nu_Y with index [target, source]; ``kinds`` 'excitatory' or 'inhibitory'.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def linear_spectrum(slopes: np.ndarray, tau: Sequence[float] | np.ndarray) -> np.ndarray:
    """Eigenvalues, 1/s, complex (..., n), of tau_X d nu_X/dt = -nu_X + Phi_X(nu), tau (n,) in s, slopes (..., n, n)."""
    size = slopes.shape[-1]
    return np.linalg.eigvals((slopes - np.eye(size)) / np.asarray(tau, float)[:, None]).astype(complex)


def excitation_unstable(slopes: np.ndarray, kinds: Sequence[str]) -> bool:
    """Whether the excitatory populations alone would be unstable with all other rates held (inhibition-stabilized).

    Their slopes are not negative, so the growth exceeds the decay for any time constants as soon as an eigenvalue
    of that block exceeds 1 (Perron-Frobenius). Eq 7 of Ekelmans et al. 2023 is the case of one population.
    """
    excitatory = _excitatory(kinds)
    block = slopes[np.ix_(excitatory, excitatory)]
    return bool(np.max(np.linalg.eigvals(block).real, initial=-np.inf) > 1)


def response(slopes: np.ndarray, change: np.ndarray) -> np.ndarray:
    """d nu/dp = (1 - slopes)^-1 dPhi/dp, shape of ``change`` (n,) or (n, k). numpy.linalg.LinAlgError at a fold."""
    return np.linalg.solve(np.eye(len(slopes)) - slopes, change)


def excitation_falls(slopes: np.ndarray, change: np.ndarray, kinds: Sequence[str]) -> bool:
    """Whether every excitatory rate falls as the input grows (supersaturation); ``change`` (n,) is dPhi/dmu_ext.

    False at a saddle, det(1 - slopes) <= 0, which moves against its input, and without excitatory populations.
    """
    excitatory = _excitatory(kinds)
    if not excitatory or np.linalg.det(np.eye(len(slopes)) - slopes) <= 0:
        return False
    return bool(np.all(response(slopes, change)[excitatory] < 0))


def input_direction(kinds: Sequence[str], external: np.ndarray | None, ratio: float) -> np.ndarray:
    """Direction (n,) in which mu_ext grows: 1 for the excitatory populations and ``ratio`` for the inhibitory ones.

    With inputs ``external`` (n,), mV/s, that were given one by one: along them, relative to the first excitatory one.
    """
    excitatory = _excitatory(kinds)
    if external is not None and excitatory and external[excitatory[0]]:
        return external / external[excitatory[0]]
    return np.array([1.0 if kind == "excitatory" else float(ratio) for kind in kinds])


def _excitatory(kinds: Sequence[str]) -> list[int]:
    return [index for index, kind in enumerate(kinds) if kind == "excitatory"]
