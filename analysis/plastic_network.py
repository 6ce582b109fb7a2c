"""The stabilized supralinear network with short-term plasticity: weights that depend on the rate of their source.

    nu_X = a_X (mu_ext_X + sum_Y s_Y J_XY e_XY(nu_Y) nu_Y - b_X)_+^n_X

for n populations of either kind, with the mean efficacy e of `efficacy`. States are found by `box_search`. For their
stability the means of the synapses' variables are unknowns of their own, which follow their mean-field equations, so
that the linearised dynamics have one eigenvalue per population and per variable of a plastic projection.
Units: mu, b in mV/s, rates in Hz, J in mV, a in Hz/(mV/s)^n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .box_search import UNDERFLOW, BoxRoots, fixed_points
from .many_populations import ManyPopulationSSN
from .mean_efficacy import Efficacy
from .projection_efficacies import NOT_CONSTANT, ProjectionEfficacies
from .reduction import NotApplicableError

__all__ = ["PlasticMap", "PlasticSSN", "states_of_plastic_network"]

_POWER_PAD = 2e-14  # relative; numpy's powers are good to a few units in the last place
_SUM_PAD = 1e-13  # relative to the sum of magnitudes, per population
_UNBOUNDED = 1e200
"""mV/s, beyond any input; infinity would make 0 times infinity."""


@dataclass(frozen=True)
class PlasticSSN:
    """Coefficients of an SSN of n populations with plastic synapses.

    Attributes
    ----------
    static : the network with the weights that every efficacy multiplies.
    efficacies : n rows of n entries, [target][source]; None where the weight is constant.
    """

    static: ManyPopulationSSN
    efficacies: tuple[tuple[Efficacy | None, ...], ...]

    @property
    def weights(self) -> np.ndarray:
        """Raises :class:`NotApplicableError`: there are no constant weights."""
        raise NotApplicableError(NOT_CONSTANT)

    @cached_property
    def synapses(self) -> ProjectionEfficacies:
        """The plastic projections."""
        return ProjectionEfficacies.of_rows(self.efficacies, self.static.weights)

    def rates(self, mu: np.ndarray) -> np.ndarray:
        """Rates in Hz at the total mean inputs mu in mV/s, shape (..., n) (Eq 1)."""
        return self.static.rates(mu)

    def gains(self, rates: np.ndarray) -> np.ndarray:
        """Gains d nu_X / d mu_X in Hz/(mV/s) at the rates in Hz, shape (..., n)."""
        return self.static.gains(rates)

    def recurrent(self, rates: np.ndarray) -> np.ndarray:
        """Mean recurrent input sum_Y s_Y J_XY e_XY(nu_Y) nu_Y in mV/s at rates (..., n) in Hz, shape (..., n)."""
        sent = self.synapses.sent(np.asarray(rates, dtype=float))
        return np.sum(self.static.weights * sent, axis=-1)

    def effective_weights(self, rates: np.ndarray) -> np.ndarray:
        """s_Y J_XY d(nu_Y e_XY)/d nu_Y in mV at rates (..., n) in Hz, shape (..., n, n)."""
        return self.static.weights * self.synapses.slopes(np.asarray(rates, dtype=float))

    def slopes(self, rates: np.ndarray) -> np.ndarray:
        """d Phi_X / d nu_Y with the synapses at their means, (n, n), at a steady state of rates (n,) in Hz."""
        return self.gains(rates)[:, None] * self.effective_weights(rates)

    def linearisation(self, rates: np.ndarray, tau: Sequence[float] | np.ndarray) -> np.ndarray:
        """Jacobian in 1/s at a steady state of rates (n,) in Hz, for population time constants tau (n,) in s.

        Unknowns: the n rates, then the variables of the plastic projections (`ProjectionEfficacies.linearisation`).
        """
        rates = np.asarray(rates, dtype=float)
        by_weight = self.gains(rates)[:, None] * self.static.weights
        return self.synapses.linearisation(rates, by_weight * self.synapses.factors(rates), by_weight * rates, tau)

    def excitation_unstable(self, rates: np.ndarray, tau: Sequence[float], kinds: Sequence[str]) -> bool:
        """Whether the excitatory populations with the synapses among them are unstable with inhibition held."""
        return self.synapses.excitation_unstable(self.linearisation(rates, tau), kinds)


@dataclass(frozen=True, eq=False)
class PlasticMap:
    """nu -> Phi(nu) at one external input ``mu_ext`` (n,), mV/s, as a `box_search.RateMap`.

    nu e(nu) is bounded over a box by its ends where it is proven to increase, else by interval evaluation.
    """

    network: PlasticSSN
    mu_ext: np.ndarray
    resolution: float = 1e-12

    def _weighted(self, least: np.ndarray, most: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of weights times values between (m, n, n)."""
        positive, negative = np.maximum(self.network.static.weights, 0.0), np.minimum(self.network.static.weights, 0.0)
        with np.errstate(invalid="ignore"):
            lower = np.where(positive > 0, positive * least, np.where(negative < 0, negative * most, 0.0))
            upper = np.where(positive > 0, positive * most, np.where(negative < 0, negative * least, 0.0))
        return lower, upper

    def _inputs(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of mu - b, (m, n) each, mV/s."""
        lower, upper = self._weighted(*self.network.synapses.sent_bounds(low, high))
        one = self.network.static
        size = np.maximum(np.abs(lower), np.abs(upper)).sum(-1) + np.abs(self.mu_ext) + np.abs(one.b)
        pad = 2e-15 * (len(one.b) + 2) * size
        above = self.mu_ext - one.b
        return lower.sum(-1) + above - pad, upper.sum(-1) + above + pad

    def rate_bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds of Phi over boxes (m, n)."""
        one = self.network.static
        lower, upper = (np.nan_to_num(np.maximum(z, 0.0), nan=0.0, posinf=_UNBOUNDED) for z in self._inputs(low, high))
        with np.errstate(over="ignore"):
            least, most = one.a * lower**one.n * (1 - _POWER_PAD), one.a * upper**one.n * (1 + _POWER_PAD)
        return np.where(least < UNDERFLOW, 0.0, least), most + np.where(upper > 0, UNDERFLOW, 0.0)

    def slope_bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of d Phi_X / d nu_Y over boxes, each (m, n, n)."""
        one = self.network.static
        lower, upper = (np.maximum(z, 0.0) for z in self._inputs(low, high))
        scale = one.n * one.a
        least = (scale * lower ** (one.n - 1) * (1 - _POWER_PAD))[..., None]
        most = (scale * upper ** (one.n - 1) * (1 + _POWER_PAD) + np.where(upper > 0, UNDERFLOW, 0.0))[..., None]
        down, up = self._weighted(*self.network.synapses.slope_bounds(low, high))
        corners = np.stack([least * down, least * up, most * down, most * up])
        return corners.min(0) - 1e-15 * np.abs(corners).max(0), corners.max(0) + 1e-15 * np.abs(corners).max(0)

    def contract(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The boxes cut by combinations y of sum_Y W_XY nu_Y e_XY(nu_Y) = (nu_X / a_X)^(1/n_X) - (mu_ext_X - b_X).

        y are the single equations and, box by box, the inverse of the effective weights at its centre, which nearly
        separates the rates. With h(nu_Y) the part of a combination that source Y brings, and its slope at most S > 0,
        h >= p needs nu_Y >= low + (p - h(low)) / S; the other three cases follow by reflection.
        """
        one = self.network.static
        n = len(one.a)
        rows = np.concatenate([np.broadcast_to(np.eye(n), (len(low), n, n)), self._separating(low, high)], axis=1)
        root = [(rates / one.a) ** (1 / one.n) for rates in (low, high)]
        above = self.mu_ext - one.b
        equation = np.where(low > 0, root[0] - above, -_UNBOUNDED), root[1] - above
        up, down = np.maximum(rows, 0.0), np.minimum(rows, 0.0)
        total = [_times(up, first) + _times(down, last) for first, last in (equation, equation[::-1])]
        ends = [self._weighted(*self.network.synapses.sent_bounds(at, at)) for at in (low, high)]
        at_low, at_high = ([up @ w[0] + down @ w[1], up @ w[1] + down @ w[0]] for w in ends)
        slope_low, slope_high = self._weighted(*self.network.synapses.slope_bounds(low, high))
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            steep = up @ slope_low + down @ slope_high, up @ slope_high + down @ slope_low
            least = np.fmax(
                at_low[0] + np.minimum(steep[0], 0.0) * (high - low)[:, None],
                at_high[0] - np.maximum(steep[1], 0.0) * (high - low)[:, None],
            )
            most = np.fmin(
                at_low[1] + np.maximum(steep[1], 0.0) * (high - low)[:, None],
                at_high[1] - np.minimum(steep[0], 0.0) * (high - low)[:, None],
            )
            size = np.abs(np.stack([*at_low, *at_high, least, most])).max(0).sum(-1)
            slack = _SUM_PAD * n * (size + _times(np.abs(rows), root[1] + np.abs(above)))
            others = 1.0 - np.eye(n)
            p = (total[0] - slack)[..., None] - most @ others
            q = (total[1] + slack)[..., None] - least @ others
            rise, fall = np.where(steep[1] > 0, steep[1], np.inf), np.where(steep[0] < 0, -steep[0], np.inf)
            raised = np.fmax((p - at_low[1]) / rise, (at_low[0] - q) / fall)
            lowered = np.fmax((at_high[0] - q) / rise, (p - at_high[1]) / fall)
        raised, lowered = (np.nan_to_num(np.fmax.reduce(one, axis=1), nan=0.0) for one in (raised, lowered))
        shrink = 1 - 1e-14
        return low + np.maximum(raised, 0.0) * shrink, high - np.maximum(lowered, 0.0) * shrink

    def _separating(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Inverses of the effective weights at the centres, (m, n, n), scaled by rows; zero where there is none."""
        matrix = self.network.effective_weights(0.5 * (low + high))
        good = np.isfinite(matrix).all((1, 2))
        good &= np.abs(np.linalg.det(np.where(good[:, None, None], matrix, 0.0))) > 1e-12
        inverse = np.linalg.inv(np.where(good[:, None, None], matrix, np.eye(matrix.shape[1])))
        return np.where(good[:, None, None], inverse, 0.0)

    def rates(self, point: np.ndarray) -> np.ndarray:
        """Phi at one point (n,), Hz."""
        return self.network.rates(self.network.recurrent(point) + self.mu_ext)

    def slopes(self, point: np.ndarray) -> np.ndarray:
        """d Phi_X / d nu_Y at one point (n,), shape (n, n)."""
        one = self.network.static
        above = np.maximum(self.network.recurrent(point) + self.mu_ext - one.b, 0.0)
        return (one.n * one.a * above ** (one.n - 1))[:, None] * self.network.effective_weights(point)

    def limits(self) -> np.ndarray:
        """Rates (n,), Hz, that no state exceeds; infinite where the excitation of a population has no bound."""
        one = self.network.static
        limits = np.full(len(one.a), np.inf)
        for _ in limits:
            sent = np.array(np.broadcast_to(limits, self.network.static.weights.shape))
            for target, source, efficacy in self.network.synapses.entries:
                if efficacy.increasing:
                    reached = efficacy.transmitted(limits[source]) if np.isfinite(limits[source]) else np.inf
                    sent[target, source] = min(float(reached), efficacy.transmitted.limit) * (1 + 1e-12)
                else:
                    sent[target, source] = np.inf
            excited = np.where(one.weights > 0, one.weights * np.where(one.weights > 0, sent, 0.0), 0.0).sum(1)
            limits = one.a * np.maximum(excited + self.mu_ext - one.b, 0.0) ** one.n * (1 + 1e-9) + 1e-9
        return limits


def _times(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.sum(rows * values[:, None, :], axis=-1)


def states_of_plastic_network(network: PlasticSSN, mu_ext: np.ndarray, maximum_rate: float = 1000.0) -> BoxRoots:
    """All steady states at the external inputs ``mu_ext`` (n,), mV/s.

    Where depression bounds the excitation of every population, ``complete`` means that there is no other state
    whatever its rates; otherwise that there is none with all rates up to ``maximum_rate`` (Hz). ``reason`` says which.
    """
    rate_map = PlasticMap(network, np.asarray(mu_ext, dtype=float))
    limits = rate_map.limits()
    found = fixed_points(rate_map, np.minimum(limits, maximum_rate))
    if not found.complete:
        return found
    if (limits <= maximum_rate).all():
        return replace(found, reason=f"{found.reason}; no state has higher rates (excitation is bounded)")
    more = f"all states with rates up to {maximum_rate:g} Hz; higher ones are not excluded"
    return replace(found, reason=f"{found.reason}; {more}")
