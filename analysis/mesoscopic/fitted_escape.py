"""Escape rates that stand in for white noise, so that leaky integrate-and-fire circuits have a population model.

The membrane of a neuron with white noise is replaced by its mean, u' = (tau mu - u)/tau from the reset on, and the
noise by the hazard c exp((u - theta)/Delta); c and theta are one number. That is an approximation: theta is such that
the stationary rate at one working point is that of the Ricciardi function Phi, and Delta such that the rates around it
and the variability of the intervals, which makes the finite-size noise, differ least from those with white noise. How
well they do is part of the result. (Plesser & Gerstner 2000 also fit escape rates to neurons with white noise.)

Where noise makes the neuron fire, one Delta serves both: in the circuits of Ekelmans et al. 2023 rates are within 5 %
from half to twice the working rate. Where the mean input does, or large noise at mHz, it is a compromise, with rates
off by 10 to 30 %. A hazard of the potential alone responds to fast changes less sharply than a threshold does: in these
circuits the standard deviation of the activity in 5 ms was 4 % below to 26 % above that of the spiking networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq, least_squares

from ssnbrian.circuit import Circuit, InvalidInputError, SsnbrianError

from ..mean_field import constant_weight_refusal, has_conductances, lif_numbers, lif_refusal, weight_matrix
from ..reduction import NotApplicableError
from ..renewal.white_noise_lif import WhiteNoiseLIFIntervals
from ..self_consistent import SelfConsistent
from ..transfer import mean_input
from .circuits import delay_of, filter_refusal, time_constant_of
from .parameters import EscapeNeuron, MesoscopicNetwork
from .stationary import stationary_rate

__all__ = ["FittedEscape", "fit_escape", "fitted_network_of", "fitted_refusal", "working_rates"]

_HAZARD = 10.0  # Hz, at the potential that is called the threshold; c and threshold are one number
_POINTS = 9
# Quadrature over ages, up to so many membrane time constants, where the membrane has settled.
_STEPS, _SETTLED = 4000, 40.0
_LARGEST_EXPONENT = 600.0
SPAN = 2.0


@dataclass(frozen=True)
class FittedEscape:
    """An escape-noise neuron in place of a leaky integrate-and-fire neuron with white noise, and how well it fits.

    ``neuron``; ``sigma`` (mV/sqrt(s)) the noise it stands for; ``working_rate`` (Hz), at which the rates are the same;
    ``rates`` (Hz) and ``drives`` (mV/s) the ends of the range of the fit; ``rms_error`` and ``largest_error`` of the
    rate in that range, relative to Phi; ``cv`` of the intervals at the working rate and ``white_noise_cv``, of the
    neuron with white noise.
    """

    neuron: EscapeNeuron
    sigma: float
    working_rate: float
    rates: tuple[float, float]
    drives: tuple[float, float]
    rms_error: float
    largest_error: float
    cv: float
    white_noise_cv: float

    def __str__(self) -> str:
        low, high = self.rates
        return (
            f"escape rate in place of white noise of {self.sigma:.3g} mV/sqrt(s), "
            f"fitted at {self.working_rate:.3g} Hz: rates within {100 * self.largest_error:.2g} % "
            f"from {low:.3g} to {high:.3g} Hz, CV {self.cv:.3f} instead of {self.white_noise_cv:.3f}"
        )


@dataclass(frozen=True)
class _WorkingPoint:
    """Of the neuron with white noise: ``rate`` (Hz) and ``drive`` (mV/s); and what the two neurons share."""

    rate: float
    drive: float
    tau: float
    reset: float
    refractory: float

    def moments(self, drives: np.ndarray, level: float, width: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean (s) and second moment (s²) of the time from the end of the refractory period to the spike.

        Of the escape-noise neuron with threshold ``level`` and Delta ``width``, mV, at ``drives`` (k,); shapes (k,).
        """
        held = self.tau * np.asarray(drives, float)[:, None]
        ages = _SETTLED * self.tau * np.linspace(0.0, 1.0, _STEPS + 1) ** 2
        potential = held + (self.reset - held) * np.exp(-ages / self.tau)
        hazard = _HAZARD * np.exp(np.minimum((potential - level) / width, _LARGEST_EXPONENT))
        steps = np.diff(ages)
        # The hazard as piecewise constant: robust where it grows by orders of magnitude within a step.
        passed = 0.5 * steps * (hazard[:, 1:] + hazard[:, :-1])
        survivor = np.exp(-np.cumsum(passed, axis=1))
        left, settled = survivor[:, -1], hazard[:, -1]
        survivor = np.concatenate([np.ones_like(held), survivor[:, :-1]], axis=1)
        small = np.maximum(passed, 1e-4)
        mean = np.where(passed > 1e-4, -np.expm1(-small) / small, 1 - passed / 2)
        moment = np.where(passed > 1e-4, (mean - np.exp(-small)) / small, 0.5 - passed / 3)
        first = steps * survivor * mean
        second = ages[:-1] * first + steps**2 * survivor * moment
        rest = left / settled * np.array([np.ones_like(left), ages[-1] + 1 / settled])
        return first.sum(axis=1) + rest[0], 2 * (second.sum(axis=1) + rest[1])

    def log_rates(self, drives: np.ndarray, level: float, width: float) -> np.ndarray:
        """ln of the stationary rate (Hz), arguments as for :meth:`moments`."""
        return -np.log(self.refractory + self.moments(drives, level, width)[0])

    def cv(self, level: float, width: float) -> float:
        """Of the intervals of the escape-noise neuron at the working point."""
        (first,), (second,) = self.moments(np.array([self.drive]), level, width)
        return float(np.sqrt(second - first**2) / (first + self.refractory))

    def bounds(self, width: float) -> tuple[float, float]:
        """Thresholds (mV) below and above that at which the escape-noise neuron fires at the working rate.

        With T the time from the end of the refractory period to the spike: a hazard that never falls and is 2/T at age
        T/2 gives a shorter mean time, one that is 3/(4 T) at age 2 T a longer one; where it falls, its ends do.
        """
        time, held = 1 / self.rate - self.refractory, self.drive * self.tau
        if held > self.reset:
            reached = held + (self.reset - held) * np.exp(-np.array([0.5, 2.0]) * time / self.tau)
            low, high = reached - width * np.log(np.array([2.0, 0.75]) / (time * _HAZARD))
        else:
            low, high = np.array([held, self.reset]) + width * np.log(time * _HAZARD)
        return float(low - 0.01 * width), float(high + 0.01 * width)

    def level_at(self, width: float) -> float:
        """The threshold (mV) at which the escape-noise neuron fires at the working rate, by :meth:`log_rates`."""

        def excess(level: float) -> float:
            return float(self.log_rates(np.array([self.drive]), level, width)[0] - np.log(self.rate))

        return float(brentq(excess, *self.bounds(width), xtol=1e-9 * width))

    def neuron(self, width: float) -> EscapeNeuron:
        """The same with the threshold by :func:`.stationary.stationary_rate`, which is slower and more exact."""

        def neuron(level: float) -> EscapeNeuron:
            return EscapeNeuron(self.tau, level, self.reset, _HAZARD, width, self.refractory)

        def excess(level: float) -> float:
            return float(np.log(stationary_rate(neuron(level), self.drive) / self.rate))

        return neuron(float(brentq(excess, *self.bounds(width), xtol=1e-11 * width)))


def fit_escape(
    working_rate: float,
    sigma: float,
    tau: float,
    threshold: float = 1.0,
    reset: float = 0.0,
    refractory: float = 0.0,
    span: float = SPAN,
) -> FittedEscape:
    """The escape-noise neuron of a leaky integrate-and-fire neuron with white noise around ``working_rate`` (Hz).

    ``sigma`` mV/sqrt(s), > 0; ``tau`` s; ``threshold``, ``reset`` mV above rest; ``refractory`` s: those of the neuron
    with white noise; membrane, reset and refractory period are kept. Rates are fitted from ``working_rate``/span to
    ``working_rate`` span, and not above the geometric mean of ``working_rate`` and 1/refractory: least squares of
    ln(rate/Phi) at nine drives evenly spaced in ln Phi, and of the logarithm of the ratio of the coefficients of
    variation at the working rate, which counts as one point more. Phi: :func:`~ssnbrian.analysis.transfer.rate`
    (Ekelmans et al. 2023, Eq 9). Raises InvalidInputError for values out of range, and SsnbrianError where the search
    for the width does not end.
    """
    low, high = _range(working_rate, refractory, span)
    if not sigma > 0:
        raise InvalidInputError(f"sigma must be positive, not {sigma}: without noise there is nothing to fit")
    rates = np.geomspace(low, high, _POINTS)
    try:
        drives = mean_input(rates, sigma, tau, threshold, reset, refractory)
        working_drive = mean_input(working_rate, sigma, tau, threshold, reset, refractory)
    except ValueError as error:
        raise InvalidInputError(str(error)) from None
    point = _WorkingPoint(working_rate, working_drive, tau, reset, refractory)
    white_noise_cv = WhiteNoiseLIFIntervals(working_drive, sigma, tau, threshold, reset, refractory).cv

    def excess(log_width: np.ndarray) -> np.ndarray:
        width = float(np.exp(log_width[0]))
        level = point.level_at(width)
        irregularity = np.log(point.cv(level, width) / white_noise_cv)
        return np.append(point.log_rates(drives, level, width) - np.log(rates), irregularity)

    found = least_squares(excess, [np.log(0.5 * sigma * np.sqrt(tau / 2))], xtol=1e-6, ftol=1e-8)
    if not found.success:
        raise SsnbrianError(f"no escape rate fits at {working_rate:g} Hz: {found.message}")
    neuron = point.neuron(float(np.exp(found.x[0])))
    errors = np.array([stationary_rate(neuron, drive) for drive in drives]) / rates - 1
    return FittedEscape(
        neuron=neuron,
        sigma=float(sigma),
        working_rate=float(working_rate),
        rates=(low, high),
        drives=(float(drives[0]), float(drives[-1])),
        rms_error=float(np.sqrt(np.mean(errors**2))),
        largest_error=float(np.max(np.abs(errors))),
        cv=point.cv(neuron.threshold, neuron.escape_width),
        white_noise_cv=white_noise_cv,
    )


def _range(working_rate: float, refractory: float, span: float) -> tuple[float, float]:
    if not (np.isfinite(working_rate) and working_rate > 0):
        raise InvalidInputError(f"working_rate must be positive and finite, not {working_rate}")
    if not (np.isfinite(span) and span > 1):
        raise InvalidInputError(f"span must be finite and above 1, not {span}")
    high = working_rate * span
    if refractory > 0:
        if working_rate * refractory >= 1:
            raise InvalidInputError(f"working_rate must be below 1/refractory, {1 / refractory:g} Hz: {working_rate:g}")
        high = min(high, float(np.sqrt(working_rate / refractory)))
    return float(working_rate / span), float(high)


def fitted_refusal(circuit: Circuit) -> str | None:
    """Why there is no population model of the circuit with fitted escape rates, or None."""
    reason = lif_refusal(circuit) or constant_weight_refusal(circuit)
    if reason is not None:
        return reason
    for one in circuit.inputs:
        return f"{one.name} is an input population, which is not treated"
    if has_conductances(circuit):
        return "some synapses are conductances"
    return next(filter(None, map(filter_refusal, circuit.projections)), None)


def _require(circuit: Circuit) -> None:
    reason = fitted_refusal(circuit)
    if reason is not None:
        raise NotApplicableError(f"there is no mesoscopic model of '{circuit.name}': {reason}")


def working_rates(circuit: Circuit, mu_ext: Any, ratio: float = 1.0) -> dict[str, float]:
    """Rates (Hz) of the stable self-consistent state at ``mu_ext`` (mV/s or quantity; see `Reduction.external_inputs`).

    Of several, that of the lowest total rate per neuron. Raises NotApplicableError with :func:`fitted_refusal` or where
    there is no stable state.
    """
    _require(circuit)
    states = [one for one in SelfConsistent.from_circuit(circuit).steady_states(mu_ext, ratio) if one.stable]
    if not states:
        raise NotApplicableError(f"'{circuit.name}' has no stable self-consistent state to fit escape rates at")
    return dict(min(states, key=lambda one: sum(one.rates.values())).rates)


def fitted_network_of(
    circuit: Circuit, rates: Mapping[str, float], span: float = SPAN
) -> tuple[MesoscopicNetwork, dict[str, FittedEscape]]:
    """The population model of a circuit of white-noise neurons, with escape rates fitted around ``rates`` (Hz).

    ``rates`` one per population, as :func:`working_rates` gives them. The escape rates stand for the noise of the
    neurons and of their synapses at these rates, sigma² + sum_Y K j² nu_Y (Ekelmans et al. 2023, Eq 12), and do not
    follow the rates. The macroscopic network has the self-consistent state as its stationary state; in a finite one the
    part K/N of the synaptic noise that a population shares is counted twice, as its activity fluctuates too.
    Raises NotApplicableError with :func:`fitted_refusal`, InvalidInputError for missing rates or rates out of range.
    """
    _require(circuit)
    names = [one.name for one in circuit.populations]
    missing = [name for name in names if name not in rates]
    if missing:
        raise InvalidInputError(f"rates: no entry for population {missing[0]!r}")
    working = np.array([float(rates[name]) for name in names])
    _, noise = SelfConsistent.from_circuit(circuit).inputs(working, np.zeros(len(names)))
    fits = {
        one.name: fit_escape(rate, **{**lif_numbers(one), "sigma": float(sigma)}, span=span)
        for one, rate, sigma in zip(circuit.populations, working, noise, strict=True)
    }
    sizes = np.array([one.size for one in circuit.populations])
    signs = np.array([one.sign for one in circuit.populations])
    delays, taus = np.zeros((2, len(names), len(names)))
    for projection in circuit.projections:
        position = names.index(projection.target), names.index(projection.source)
        delays[position], taus[position] = delay_of(projection), time_constant_of(projection)
    neurons = [one.neuron for one in fits.values()]
    return MesoscopicNetwork(names, sizes, neurons, weight_matrix(circuit) * signs / sizes, delays, taus), fits
