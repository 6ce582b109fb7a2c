"""Spectra, response and stability of a network of populations around a stationary state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import newton

from ssnbrian.circuit import InvalidInputError

from .discretisation import StepConstants, step_constants
from .parameters import MesoscopicNetwork
from .response import (
    PopulationResponse,
    correction_probability,
    coupling_response,
    interval_variance,
    is_silent,
    population_response,
)
from .stationary import SurvivalInSteps, held_inputs, survival_in_steps

# The unit circle is sampled until the phase of the characteristic function moves less than this between two points.
_PHASE_STEP, _LOWEST, _FIRST_POINTS, _MOST_POINTS = 0.5, 0.02, 128, 20_000
NOISES = ("sie", "naive", "neurons")


@dataclass(frozen=True, eq=False)
class NetworkResponse:
    """A stationary state (``rates`` (n,) Hz at ``drive`` (n,) mV/s) of a network in steps of ``dt`` (s), linearised."""

    network: MesoscopicNetwork
    dt: float
    drive: np.ndarray
    rates: np.ndarray

    @cached_property
    def _constants(self) -> StepConstants:
        return step_constants(self.network, self.dt)

    @cached_property
    def _survivals(self) -> list[SurvivalInSteps]:
        inputs = held_inputs(self._constants, self.drive, self.rates)
        each = enumerate(zip(self.network.neurons, inputs, self.rates, strict=True))
        return [survival_in_steps(neuron, held, self._constants, x, rate) for x, (neuron, held, rate) in each]

    @property
    def residual(self) -> float:
        """Hz: the largest distance between a rate and what its population fires at the inputs of all."""
        return float(np.max(np.abs(np.array([one.rate for one in self._survivals]) - self.rates)))

    def _populations(self, z: np.ndarray) -> list[PopulationResponse]:
        return [population_response(one, self._constants, x, z) for x, one in enumerate(self._survivals)]

    def _turn(self, frequencies: np.ndarray) -> np.ndarray:
        frequencies = np.asarray(frequencies, float)
        if frequencies.ndim != 1 or not np.all(np.isfinite(frequencies)):
            raise InvalidInputError("frequencies must be finite numbers in Hz in one dimension")
        if np.any(np.abs(frequencies) > 0.5 / self.dt):
            raise InvalidInputError(f"frequencies must not be above half a cycle per step, {0.5 / self.dt:g} Hz")
        return np.exp(-2j * np.pi * frequencies * self.dt)

    def _closed_loop(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(z, n, n): what the counts are multiplied by to give those of uncoupled populations without adaptation.

        And (z, n): the response of the latter to their inputs, counts per mV.
        """
        populations = self._populations(z)
        own = np.array([one.own / one.mass for one in populations]).T
        direct = np.array([one.hazard / one.mass for one in populations]).T
        identity = np.eye(len(populations))
        loop = (1 + own)[:, :, None] * identity - direct[:, :, None] * coupling_response(self._constants, z)
        return loop, direct

    def susceptibility(self, frequencies: np.ndarray) -> np.ndarray:
        """Change of the rates (Hz) per change of the drives (mV/s), complex (frequencies, n, n), affected by driven.

        ``frequencies`` Hz, in one dimension, up to half a cycle per step. For a drive that changes as e^(i omega t).
        """
        z = self._turn(frequencies)
        loop, direct = self._closed_loop(z)
        counts = np.linalg.solve(loop, direct[:, :, None] * np.diag(self._constants.tau))
        return counts / (self._constants.sizes[:, None] * self.dt)

    def spectrum(self, frequencies: np.ndarray, noise: str = "sie") -> np.ndarray:
        """Cross-spectral densities of the activities, two-sided, Hz, complex (frequencies, n, n).

        ``noise``: that of the integral equation with its correction, ``"sie"``, or without, ``"naive"`` (infinite at
        frequency 0, where it is refused); or ``"neurons"``, of independent renewal neurons: the spectrum of the
        network of neurons itself where all its pairs are connected. The last is for neurons without adaptation.
        """
        if noise not in NOISES:
            raise InvalidInputError(f"noise is {noise!r}; it must be one of {', '.join(NOISES)}")
        z = self._turn(frequencies)
        forcing = self._forcing(z, noise)
        gain = np.linalg.inv(self._closed_loop(z)[0])
        counts = (gain * forcing[:, None, :]) @ gain.conj().transpose(0, 2, 1)
        sizes = self._constants.sizes
        return counts / (self.dt * sizes[:, None] * sizes)

    def _forcing(self, z: np.ndarray, noise: str) -> np.ndarray:
        """(z, n): spectra of the counts of uncoupled populations without adaptation, per step."""
        if noise == "naive" and np.any(z == 1):
            raise InvalidInputError("the spectrum without correction is infinite at frequency 0")
        result = []
        for x, (one, response) in enumerate(zip(self._survivals, self._populations(z), strict=True)):
            size, share = self._constants.sizes[x], one.rate * self.dt
            if is_silent(one, self._constants):
                result.append(np.zeros(len(z)))
                continue
            if noise != "neurons":
                # 1 - (1 - P_Lambda) z, in a form that keeps a P_Lambda far below round-off.
                decay = (1 - z) + (correction_probability(one) * z if noise == "sie" else 0.0)
                result.append(size * share * (1 - share) / np.abs(decay * response.mass) ** 2)
                continue
            if self.network.neurons[x].adaptation_times:
                raise InvalidInputError("neurons that adapt are not renewal neurons; take the noise 'sie'")
            result.append(size * share * _renewal_ratio(one, response, z))
        return np.array(result).T

    def unstable_modes(self, populations: Sequence[int] | None = None) -> int:
        """The number of growing modes, by the argument principle: turns of the characteristic function around 0.

        ``populations`` keeps the activities of all others as they are. Raises InvalidInputError where the function
        passes so close to 0 that its turns cannot be counted: the state is then at the border of stability.
        """
        kept = np.arange(len(self.rates)) if populations is None else np.asarray(populations, int)
        # The function at the conjugate point is the conjugate, so that half of the circle is enough.
        angles = np.concatenate([[0.0], np.geomspace(2 * np.pi * _LOWEST * self.dt, np.pi, _FIRST_POINTS)])
        values = self._characteristic(angles, kept)
        longest = int(self._constants.lag.max())
        while True:
            if not (np.all(np.isfinite(values)) and np.all(values)):
                raise InvalidInputError("the state is at the border of stability, or its response is not finite")
            step = np.abs(np.angle(values[1:] / values[:-1]))
            # Between points further apart than a delay can tell, whole turns would be missed where feedback matters.
            feedback = np.abs(values - 1) > _PHASE_STEP
            unresolved = (feedback[1:] | feedback[:-1]) & (np.diff(angles) * longest > _PHASE_STEP)
            coarse = np.flatnonzero((step > _PHASE_STEP) | unresolved)
            if not len(coarse):
                break
            if len(angles) > _MOST_POINTS or np.any(np.diff(angles)[coarse] < 1e-12):
                raise InvalidInputError("the state is too close to the border of stability to tell on which side it is")
            between = (angles[coarse] + angles[coarse + 1]) / 2
            angles = np.insert(angles, coarse + 1, between)
            values = np.insert(values, coarse + 1, self._characteristic(between, kept))
        # z runs clockwise with the angle.
        turned = -np.angle(values[1:] / values[:-1]).sum() / np.pi
        return round(float(turned))

    def _characteristic(self, angles: np.ndarray, kept: np.ndarray) -> np.ndarray:
        loop = self._closed_loop(np.exp(-1j * angles))[0]
        return np.linalg.det(loop[:, kept[:, None], kept])

    def eigenvalues(self) -> tuple[complex, ...]:
        """Zeros of the characteristic function near the imaginary axis, 1/s, the slowest decay first, no conjugates.

        Found by the secant method from the minima of its size on the axis; the list is not complete, and empty for
        neurons that adapt.
        """
        if any(one.adaptation_times for one in self.network.neurons):
            return ()
        angles = np.concatenate([[0.0], np.geomspace(2 * np.pi * _LOWEST * self.dt, np.pi, 4 * _FIRST_POINTS)])
        kept = np.arange(len(self.rates))
        size = np.abs(self._characteristic(angles, kept))
        low = np.flatnonzero((size < np.append(size[1:], np.inf)) & (size <= np.append(np.inf, size[:-1])))
        found: list[complex] = []
        for angle in angles[low]:
            value = self._root(1j * angle)
            if value is not None and not any(abs(value - one) < 1e-6 * abs(value) for one in found):
                found.append(value)
        return tuple(sorted(found, key=lambda one: -one.real))

    def _root(self, start: complex) -> complex | None:
        """The zero (1/s) reached from the exponent ``start`` per step."""

        def function(exponent: complex) -> complex:
            return complex(np.linalg.det(self._closed_loop(np.array([np.exp(-exponent)]))[0])[0])

        try:
            with np.errstate(all="ignore"):
                reached, report = newton(function, start - 1e-4, x1=start, tol=1e-12, maxiter=60, full_output=True)
        except (RuntimeError, OverflowError, np.linalg.LinAlgError):
            return None
        if not report.converged or not abs(function(reached)) < 1e-6 or not np.isfinite(reached):
            return None
        value = complex(reached) / self.dt
        return value.conjugate() if value.imag < 0 else value


def _renewal_ratio(survival: SurvivalInSteps, response: PopulationResponse, z: np.ndarray) -> np.ndarray:
    """(1 - |P|^2)/|1 - P|^2, the spectrum of renewal neurons per spike."""
    still = z == 1
    apart = np.where(still, 1.0, np.abs(1 - z) ** 2)
    ratio = np.where(still, interval_variance(survival), (1 - np.abs(response.intervals) ** 2) / apart)
    return ratio / np.abs(response.mass) ** 2
