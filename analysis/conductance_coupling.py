"""Coupled leaky integrate-and-fire populations with conductance synapses: the self-consistent theory of their rates.

A spike of weight w (signed, mV) at the potential u above rest brings an input of area w (area - conductance u), see
`synaptic_input`. Synapses that fire at the rates nu with in-degree K then make, with the efficacy e of plastic ones,

    mu = mu_ext + sum K w area e nu,     1/tau_eff = 1/tau + sum K w conductance e nu,
    sigma² = sigma_ext² + sum K (w (area - conductance u) e)² nu,    nu = Phi(mu, sigma, tau_eff).

The noise depends on the membrane; it is taken at the mean potential u = tau_eff (mu - nu (threshold - reset)), which
follows from the mean of dV/dt = -V/tau_eff + mu - (threshold - reset) nu (with a refractory period: at nu over the
fraction of time that is not refractory). Effective time constant: Richardson 2004, Phys Rev E 69. Beyond the
approximations of Phi with current synapses this neglects that conductances fluctuate around their mean while the
membrane does (multiplicative noise). Units: mV, s, Hz, mV/s, mV/sqrt(s).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .box_search import BoxRoots
from .poisson_inputs import PoissonInputs
from .projection_efficacies import ProjectionEfficacies
from .reduction import NotApplicableError
from .transfer import mean_input, rate, rate_and_derivatives

__all__ = ["ConductanceCoupling", "Drive"]

_STARTS = {1: 400, 2: 48, 3: 14, 4: 7}
_STEPS = 80
_LOWEST_START = 1e-6  # of the maximum rate
_TOLERANCE = 1e-12
_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Drive:
    """Poisson input populations, m of them, onto n populations: what they add to conductance and noise.

    ``in_degrees``, ``weights``, ``areas`` and ``conductances`` are (n, m) as in
    `ConductanceCoupling`, ``rates`` (m,) in Hz. Their mean input is part of mu_ext.
    """

    in_degrees: np.ndarray
    weights: np.ndarray
    areas: np.ndarray
    conductances: np.ndarray
    rates: np.ndarray


def no_drive(populations: int) -> Drive:
    """No input populations."""
    empty = np.zeros((populations, 0))
    return Drive(empty, empty, empty, empty, np.zeros(0))


@dataclass(frozen=True, eq=False)
class ConductanceCoupling:
    """n populations; index [target, source].

    Attributes
    ----------
    in_degrees : (n, n) K. weights : (n, n) signed w, mV.
    areas : (n, n) of the input of a spike at rest per weight. conductances : (n, n) per weight, 1/mV; its product with
        ``weights`` is >= 0.
    sigma : (n,) mV/sqrt(s). tau : (n,) s. threshold, reset : (n,) mV above rest. refractory : (n,) s.
    efficacies : of the plastic projections, None without any.
    drive : input populations.
    """

    populations: tuple[str, ...]
    in_degrees: np.ndarray
    weights: np.ndarray
    areas: np.ndarray
    conductances: np.ndarray
    sigma: np.ndarray
    tau: np.ndarray
    threshold: np.ndarray
    reset: np.ndarray
    refractory: np.ndarray
    efficacies: ProjectionEfficacies | None = None
    drive: Drive = field(default_factory=lambda: no_drive(0))

    @property
    def constant_weights(self) -> np.ndarray:
        """Raises :class:`NotApplicableError`: what a spike brings depends on the membrane."""
        raise NotApplicableError("this is derived for constant weights; what a conductance brings depends on the rates")

    def with_inputs(self, inputs: PoissonInputs, rates: np.ndarray) -> ConductanceCoupling:
        """With the input populations, which are those of :attr:`drive`, at ``rates`` (m,), Hz."""
        factors = inputs.factors(rates)
        return replace(self, drive=replace(self.drive, weights=self.drive.weights * factors, rates=rates))

    def time_constants(self, rates: np.ndarray) -> np.ndarray:
        """Effective time constants in s at rates (..., n) in Hz."""
        sent = _sent(self.efficacies, rates)
        conductance = np.sum(self.in_degrees * self.weights * self.conductances * sent, axis=-1)
        outside = self.drive
        conductance = conductance + (outside.in_degrees * outside.weights * outside.conductances) @ outside.rates
        return 1.0 / (1.0 / self.tau + conductance)

    def mean(self, rates: np.ndarray, mu_ext: np.ndarray) -> np.ndarray:
        """Mean input at rest, mV/s, at rates (..., n)."""
        sent = _sent(self.efficacies, rates)
        return np.sum(self.in_degrees * self.weights * self.areas * sent, axis=-1) + mu_ext

    def potential(self, rates: np.ndarray, mu_ext: np.ndarray) -> np.ndarray:
        """Mean potential above rest outside of the refractory period, mV, at rates (..., n)."""
        return self.time_constants(rates) * (self.mean(rates, mu_ext) - self._resets(rates))

    def _resets(self, rates: np.ndarray) -> np.ndarray:
        """What the resets take from the membrane, mV/s, while it is not refractory."""
        return rates * (self.threshold - self.reset) / np.maximum(1.0 - rates * self.refractory, 1e-6)

    def noise(self, rates: np.ndarray, potential: np.ndarray) -> np.ndarray:
        """Amplitude of the noise, mV/sqrt(s), at rates (..., n) and mean potentials (..., n), mV."""
        inside = self._amounts(potential) ** 2 * self.in_degrees * _sent(self.efficacies, rates, 2)
        return np.sqrt(self.sigma**2 + np.sum(inside, axis=-1) + self._outside_variance(potential))

    def _amounts(self, potential: np.ndarray) -> np.ndarray:
        return self.weights * (self.areas - self.conductances * potential[..., None])

    def _outside_variance(self, potential: np.ndarray) -> np.ndarray:
        one = self.drive
        amounts = one.weights * (one.areas - one.conductances * potential[..., None])
        return np.sum(one.in_degrees * amounts**2 * one.rates, axis=-1)

    def inputs(self, rates: np.ndarray, mu_ext: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean input at rest (mV/s) and noise (mV/sqrt(s)) at rates (..., n) in Hz."""
        rates = np.asarray(rates, dtype=float)
        return self.mean(rates, mu_ext), self.noise(rates, self.potential(rates, mu_ext))

    def rates_of(self, rates: np.ndarray, mu_ext: np.ndarray) -> np.ndarray:
        """Phi at what ``rates`` (..., n) bring, Hz."""
        rates = np.asarray(rates, dtype=float)
        mean, sigma = self.inputs(rates, mu_ext)
        return rate(mean, sigma, self.time_constants(rates), self.threshold, self.reset, self.refractory)

    def gains(self, rates: np.ndarray, mu_ext: np.ndarray) -> np.ndarray:
        """d Phi/d mu_ext with the rates held, Hz/(mV/s), at rates (..., n)."""
        _, by_mean, by_variance, _, _ = self._derivatives(rates, mu_ext)
        return by_mean + by_variance * self._variance_by_potential(rates, mu_ext) * self.time_constants(rates)

    def _derivatives(self, rates: np.ndarray, mu_ext: np.ndarray) -> tuple[np.ndarray, ...]:
        """Phi and its derivatives by mean, variance and time constant, and the time constant, each (..., n)."""
        mean, sigma = self.inputs(rates, mu_ext)
        tau = self.time_constants(rates)
        value, by_mean, by_sigma = rate_and_derivatives(mean, sigma, tau, self.threshold, self.reset, self.refractory)
        # The passage time is tau times a function of mu tau and sigma sqrt(tau).
        free = value * (1.0 - self.refractory * value)
        by_tau = (-free + by_mean * mean + 0.5 * by_sigma * sigma) / tau
        return value, by_mean, by_sigma / (2.0 * np.maximum(sigma, 1e-100)), by_tau, tau

    def _variance_by_potential(self, rates: np.ndarray, mu_ext: np.ndarray) -> np.ndarray:
        """d sigma²/d u, (..., n)."""
        potential = self.potential(rates, mu_ext)
        sent = _sent(self.efficacies, rates, 2)
        inside = np.sum(self.in_degrees * self._amounts(potential) * self.weights * self.conductances * sent, axis=-1)
        one = self.drive
        amounts = one.weights * (one.areas - one.conductances * potential[..., None])
        return -2.0 * (inside + np.sum(one.in_degrees * amounts * one.weights * one.conductances * one.rates, axis=-1))

    def jacobian(self, rates: np.ndarray, mu_ext: np.ndarray) -> np.ndarray:
        """d Phi_X/d nu_Y at rates (..., n), shape (..., n, n)."""
        rates = np.asarray(rates, dtype=float)
        first, second = _slopes(self.efficacies, rates, 1), _slopes(self.efficacies, rates, 2)
        direct, by_own = self._by_rates(rates, mu_ext, first, second)
        return direct + by_own[..., None] * np.eye(len(self.populations))

    def linearisation(self, rates: np.ndarray, mu_ext: np.ndarray) -> np.ndarray:
        """Jacobian in 1/s, at a steady state of rates (n,), of tau_eff dnu/dt = -nu + Phi and the plastic synapses.

        Unknowns: the n rates, then the variables of every plastic projection.
        """
        rates, tau = np.asarray(rates, dtype=float), self.time_constants(rates)
        if self.efficacies is None:
            return (self.jacobian(rates, mu_ext) - np.eye(len(rates))) / tau[:, None]
        factors = self.efficacies.factors(rates)
        direct, by_own = self._by_rates(rates, mu_ext, factors, factors**2)
        by_factor, _ = self._by_rates(rates, mu_ext, rates * np.ones_like(factors), 2.0 * factors * rates)
        return self.efficacies.linearisation(rates, direct + np.diag(by_own), by_factor, tau)

    def _by_rates(
        self, rates: np.ndarray, mu_ext: np.ndarray, first: np.ndarray, second: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """d Phi_X by something that changes e nu by ``first`` and e² nu by ``second`` (..., n, n), and by the own rate.

        The own rate, (..., n), counts through the resets, which lower the mean potential.
        """
        _, by_mean, by_variance, by_tau, tau = (one[..., None] for one in self._derivatives(rates, mu_ext))
        mean = self.mean(rates, mu_ext)
        means = self.in_degrees * self.weights * self.areas * first
        taus = -(tau**2) * self.in_degrees * self.weights * self.conductances * first
        potentials = taus * (mean - self._resets(rates))[..., None] + tau * means
        variances = self.in_degrees * self._amounts(self.potential(rates, mu_ext)) ** 2 * second
        by_potential = self._variance_by_potential(rates, mu_ext)
        total = by_mean * means + by_tau * taus + by_variance * (variances + by_potential[..., None] * potentials)
        free = np.maximum(1.0 - rates * self.refractory, 1e-6)
        own = -tau[..., 0] * (self.threshold - self.reset) / free**2
        return total, by_variance[..., 0] * by_potential * own

    def required(self, rates: np.ndarray) -> np.ndarray:
        """mu_ext (..., n), mV/s, that makes rates (..., n) > 0 a steady state. ValueError as `transfer.mean_input`."""
        rates = np.asarray(rates, dtype=float)
        tau, recurrent = self.time_constants(rates), self.mean(rates, np.zeros(len(self.populations)))
        neuron = (tau, self.threshold, self.reset, self.refractory)
        potential = np.broadcast_to(self.reset, rates.shape)
        for _ in range(_STEPS):
            mean = mean_input(rates, self.noise(rates, potential), *neuron)
            new = tau * (mean - self._resets(rates))
            if np.all(np.abs(new - potential) <= 1e-13 * (np.abs(new) + np.abs(self.threshold))):
                break
            potential = new
        return mean - recurrent

    def find_states(self, mu_ext: np.ndarray, maximum_rate: float) -> BoxRoots:
        """States with rates up to ``maximum_rate`` (Hz), by Newton's method from a grid of starts; not proven all."""
        n = len(self.populations)
        axis = maximum_rate * np.geomspace(_LOWEST_START, 1.0, _STARTS.get(n, 4))
        starts = np.stack(np.meshgrid(*[axis] * n, indexing="ij"), axis=-1).reshape(-1, n)
        found = _distinct(self._newton(starts, mu_ext, maximum_rate))
        reason = (
            f"Newton's method from {len(starts)} starts up to {maximum_rate:g} Hz; with conductances it is not proven "
            f"that there are no more"
        )
        return BoxRoots(found, False, reason, len(starts))

    def _newton(self, rates: np.ndarray, mu_ext: np.ndarray, maximum_rate: float) -> np.ndarray:
        unit = np.eye(len(self.populations))
        done = []
        for _ in range(_STEPS):
            residual = self.rates_of(rates, mu_ext) - rates
            small = np.all(np.abs(residual) <= _TOLERANCE * (1e-6 + rates), axis=-1)
            done.append(rates[small])
            rates, residual = rates[~small], residual[~small]
            if not len(rates):
                break
            with np.errstate(all="ignore"):
                step = _solved(unit - self.jacobian(rates, mu_ext), residual)
            # A tenth to ten times the rate at most, so that the steps respect the scale of each rate.
            rates = np.clip(rates + step, 0.1 * rates, np.minimum(10.0 * rates + 1e-12, maximum_rate))
        return np.concatenate(done)


def _solved(matrices: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solutions (m, n); steps along the residual where a matrix is singular."""
    regular = np.abs(np.linalg.det(matrices)) > 1e-12
    step = right.copy()
    step[regular] = np.linalg.solve(matrices[regular], right[regular][..., None])[..., 0]
    return np.where(np.isfinite(step), step, 0.0)


def _distinct(points: np.ndarray) -> np.ndarray:
    kept: list[Any] = []
    for point in points[np.lexsort(points.T[::-1])]:
        if not any(np.all(np.abs(point - one) <= _SAME * (1e-6 + np.abs(one))) for one in kept):
            kept.append(point)
    return np.array(kept).reshape(-1, points.shape[-1])


def _sent(efficacies: ProjectionEfficacies | None, rates: np.ndarray, power: int = 1) -> np.ndarray:
    return rates[..., None, :] if efficacies is None else efficacies.sent(rates, power)


def _slopes(efficacies: ProjectionEfficacies | None, rates: np.ndarray, power: int) -> np.ndarray:
    return np.ones((*rates.shape, rates.shape[-1])) if efficacies is None else efficacies.slopes(rates, power)
