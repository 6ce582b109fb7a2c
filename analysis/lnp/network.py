"""A network of LNP populations of finite size.

Every neuron of population X has the same input potential, tau_X h_X' = mu_X - h_X between spikes, and fires with the
rate f_X(h_X); each spike of population Y adds J_XY/N_Y to h_X. So h_X' = (mu_X - h_X)/tau_X + sum_Y J_XY A_Y with the
activities A_Y (spikes of all neurons of Y per neuron and s; the slides of :mod:`..mesoscopic` have one symbol for the
sum and the mean over neurons), whose numbers of spikes are Poisson of intensity N_Y f_Y(h_Y) given h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .transfer import BoundedTransfer, ExponentialTransfer, LinearTransfer, SigmoidTransfer, Transfer

_TRANSFERS = (LinearTransfer, ExponentialTransfer, SigmoidTransfer, BoundedTransfer)


@dataclass(frozen=True)
class LNPNetwork:
    """Populations of LNP neurons, coupled all to all.

    Attributes
    ----------
    sizes : neurons N per population, (n,).
    tau : time constants, s, (n,). ``mu`` : constant input, mV, (n,).
    weights : J, mV, n rows of n: ``weights[X][Y]`` is divided by N_Y for the jump of h_X at one spike of Y.
    transfers : f, one per population.
    """

    sizes: tuple[int, ...]
    tau: tuple[float, ...]
    mu: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    transfers: tuple[Transfer, ...]

    def __post_init__(self) -> None:
        n = len(self.sizes)
        if not n or any(len(one) != n for one in (self.tau, self.mu, self.weights, self.transfers, *self.weights)):
            raise InvalidInputError(
                f"LNPNetwork: sizes, tau, mu and transfers need one entry for each of {n} populations, weights {n}x{n}"
            )
        for size in self.sizes:
            if isinstance(size, bool) or int(size) != size or size < 1:
                raise InvalidInputError(f"LNPNetwork: sizes must be whole numbers above 0, got {self.sizes}")
        if not all(0 < one < math.inf for one in self.tau):
            raise InvalidInputError(f"LNPNetwork: tau must be finite and above 0, in s, got {self.tau}")
        if not (np.all(np.isfinite(self.mu)) and np.all(np.isfinite(self.weights))):
            raise InvalidInputError("LNPNetwork: mu and weights must be finite, in mV")
        for one in self.transfers:
            if not isinstance(one, _TRANSFERS):
                raise InvalidInputError(f"LNPNetwork: {one!r} is no transfer; use {_names()}")

    @classmethod
    def single(cls, *, size: int, tau: float, mu: float, weight: float, transfer: Transfer) -> LNPNetwork:
        """One population: N, tau (s), mu (mV), J (mV), f."""
        return cls((size,), (tau,), (mu,), ((weight,),), (transfer,))

    def resized(self, sizes: Sequence[int]) -> LNPNetwork:
        """The same network with other N; J stays, so that the fixed points do."""
        return replace(self, sizes=tuple(sizes))

    @property
    def jumps(self) -> np.ndarray:
        """J_XY/N_Y, mV, (n, n)."""
        return np.array(self.weights, float) / np.array(self.sizes, float)

    def rates(self, h: np.ndarray) -> np.ndarray:
        """f_X(h_X), Hz, (n,), for h (n,) in mV."""
        return np.array([f(float(one)) for f, one in zip(self.transfers, h, strict=True)])

    def slopes(self, h: np.ndarray) -> np.ndarray:
        """f_X'(h_X), Hz/mV, (n,)."""
        return np.array([f.slope(float(one)) for f, one in zip(self.transfers, h, strict=True)])

    def drift(self, h: np.ndarray) -> np.ndarray:
        """h' for N to infinity, mV/s, (n,)."""
        return (np.array(self.mu) - h) / np.array(self.tau) + np.array(self.weights) @ self.rates(h)

    def jacobian(self, h: np.ndarray) -> np.ndarray:
        """Derivative of :meth:`drift`, 1/s, (n, n)."""
        return np.array(self.weights, float) * self.slopes(h) - np.diag(1 / np.array(self.tau))


def _names() -> str:
    return ", ".join(one.__name__ for one in _TRANSFERS)
