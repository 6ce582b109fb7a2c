"""Rates of escape of one bistable LNP population for large N: the jump action and the diffusion action.

The probability density of h is exp(-N S(h)) to leading order with p = S'(h) on H(h, p) = 0. Spikes come as jumps J/N:
H = p (mu - h)/tau + f(h) (e^(J p) - 1). The diffusion limit keeps e^(J p) - 1 to second order, J p + (J p)^2/2, which
gives p = -2 drift/(J^2 f). The mean dwell time grows as exp(N action) with action = integral of p dh from the stable
state to the saddle; the two actions differ, so that the diffusion limit does not give the dwell times of large N.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

from ssnbrian.circuit import InvalidInputError

from .fixed_point_search import FixedPoint, fixed_points
from .network import LNPNetwork


@dataclass(frozen=True)
class Escape:
    """A way out of a stable state over a saddle; actions are per neuron, without unit."""

    start: FixedPoint
    saddle: FixedPoint
    jump_action: float
    diffusion_action: float

    @property
    def upward(self) -> bool:
        """Whether the saddle lies above the stable state."""
        return self.saddle.potential > self.start.potential


def escapes(network: LNPNetwork, between: tuple[float, float] | None = None) -> tuple[Escape, ...]:
    """Every pair of a stable state and a neighbouring saddle, with its actions, in the order of h.

    ``between`` (low, high), mV, as in :func:`fixed_points`. Empty where there is one state only. Raises
    InvalidInputError for more than one population.
    """
    single_population(network)
    points = fixed_points(network, None if between is None else [between])
    pairs = [(a, b) for one, other in itertools.pairwise(points) for a, b in ((one, other), (other, one))]
    return tuple(
        Escape(
            start,
            saddle,
            jump_action(network, start.potential[0], saddle.potential[0]),
            diffusion_action(network, start.potential[0], saddle.potential[0]),
        )
        for start, saddle in pairs
        if start.stable and not saddle.stable
    )


def jump_action(network: LNPNetwork, stable: float, saddle: float) -> float:
    """Integral of p(h) from ``stable`` to ``saddle`` (mV), with p from the jump process; without unit.

    Raises InvalidInputError where the rate is 0 on the way, which then is never taken.
    """
    weight = single_population(network)
    return _integral(network, stable, saddle, lambda ratio: exponential_root(ratio) / weight)


def diffusion_action(network: LNPNetwork, stable: float, saddle: float) -> float:
    """The same for the diffusion limit."""
    weight = single_population(network)
    return _integral(network, stable, saddle, lambda ratio: 2 * (ratio - 1) / weight)


def _integral(network: LNPNetwork, stable: float, saddle: float, momentum: Callable[[float], float]) -> float:
    (tau,), (mu,), (f,), weight = network.tau, network.mu, network.transfers, network.weights[0][0]

    def of(h: float) -> float:
        rate = f(h)
        if rate <= 0:
            raise InvalidInputError(f"no escape: the rate is 0 at h = {h:g} mV")
        return momentum((h - mu) / (tau * weight * rate))

    value, error = quad(of, stable, saddle, epsabs=1e-13, epsrel=1e-10, limit=200)
    if error > 1e-6 * abs(value) + 1e-12:
        raise ArithmeticError(f"the action {value:g} has an error of {error:g}")
    return float(value)


def exponential_root(ratio: float) -> float:
    """The y != 0 with e^y - 1 = ratio y (0 for ratio 1), which is J p for ratio = (h - mu)/(J tau f).

    Raises InvalidInputError for a ratio of 0 or below, where there is none: h is on the side of mu that spikes leave.
    """
    if not ratio > 0:
        raise InvalidInputError(f"no escape: h is not on the side of mu to which J drives it (ratio {ratio:g})")
    if abs(ratio - 1) < 1e-5:
        # y/2 + y^2/6 + ... = ratio - 1
        return 2 * (ratio - 1) - 4 / 3 * (ratio - 1) ** 2

    def excess(y: float) -> float:
        return float(np.expm1(y) / y) - ratio

    if ratio > 1:
        # (e^y - 1)/y lies above 1 + y/2 and above the ratio at 2 ln(ratio) + 2.
        return float(brentq(excess, 1e-9, min(2 * (ratio - 1), 2 * np.log(ratio) + 2), xtol=1e-14))
    # (1 - e^-x)/x lies between 1 - x/2 and 1/x.
    return float(brentq(excess, -1 / ratio, -1e-9, xtol=1e-14))


def single_population(network: LNPNetwork) -> float:
    """J of a network of one population; InvalidInputError for more, or for J = 0."""
    if len(network.sizes) != 1:
        raise InvalidInputError(f"the theory of escape is for one population, got {len(network.sizes)}")
    if network.weights[0][0] == 0:
        raise InvalidInputError("the theory of escape needs a weight other than 0")
    return float(network.weights[0][0])
