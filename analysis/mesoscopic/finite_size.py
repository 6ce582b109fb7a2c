"""Fluctuations and spectra of a recording beside those of the population model and of the linear theory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from ssnbrian.circuit import Circuit, InvalidInputError, Recording

from ..renewal import estimated_spectrum
from ..renewal.measured_spectra import expected_spectrum
from ..statistics import batch_means
from .circuits import network_of
from .network_response import NetworkResponse
from .simulation import simulate
from .theory import Mesoscopic

# s: what is left out at the beginning, and the length of the pieces of which spectra are averaged.
SETTLING, SEGMENT = 0.5, 0.5
# Spectra of the theory are interpolated between so many frequencies below this one (Hz), and as many above.
_DENSE, _POINTS = 100.0, 160


@dataclass(frozen=True, eq=False)
class Fluctuations:
    """Of one population in bins, measured: pairs (value, standard error).

    ``rate`` Hz, ``deviation`` the standard deviation of the activity of a bin, Hz; ``spectrum`` and
    ``spectrum_errors`` two-sided, Hz, at the frequencies of the comparison.
    """

    rate: tuple[float, float]
    deviation: tuple[float, float]
    spectrum: np.ndarray
    spectrum_errors: np.ndarray


@dataclass(frozen=True, eq=False)
class FiniteSizeComparison:
    """The network of neurons, its population model, and what linear theory expects of both.

    Attributes
    ----------
    bin_width : s, of the activities.
    frequencies : Hz, (f,).
    network, population_model : population -> what was measured.
    network_theory : population -> spectrum expected of renewal neurons whose pairs are all connected, Hz, (f,); None
        where neurons adapt.
    population_theory : the same of the population model's own equations. Both are None where no steady state of the
        macroscopic network is stable: there is then none to linearise around.
    duration : s that were measured, of either.
    """

    bin_width: float
    frequencies: np.ndarray
    network: Mapping[str, Fluctuations]
    population_model: Mapping[str, Fluctuations]
    network_theory: Mapping[str, np.ndarray] | None
    population_theory: Mapping[str, np.ndarray] | None
    duration: float

    def to_json(self) -> dict[str, Any]:
        """Plain values for a machine."""

        def measured(values: Mapping[str, Fluctuations]) -> dict[str, Any]:
            return {
                name: {
                    "rate": one.rate[0],
                    "rate_standard_error": one.rate[1],
                    "fluctuation": one.deviation[0],
                    "fluctuation_standard_error": one.deviation[1],
                    "spectrum": one.spectrum.tolist(),
                    "spectrum_standard_errors": one.spectrum_errors.tolist(),
                }
                for name, one in values.items()
            }

        def expected(values: Mapping[str, np.ndarray] | None) -> dict[str, Any] | None:
            return None if values is None else {name: one.tolist() for name, one in values.items()}

        return {
            "bin_width": self.bin_width,
            "duration": self.duration,
            "frequencies": self.frequencies.tolist(),
            "network": measured(self.network),
            "population_model": measured(self.population_model),
            "network_theory": expected(self.network_theory),
            "population_theory": expected(self.population_theory),
        }

    def __str__(self) -> str:
        lines = [
            f"fluctuations of the activity in bins of {1000 * self.bin_width:g} ms over {self.duration:g} s (Hz)",
            "                       rate  +- se     standard deviation  +- se",
        ]
        for name in self.network:
            for what, values in (("network", self.network), ("population model", self.population_model)):
                (rate, error), (deviation, spread) = values[name].rate, values[name].deviation
                lines.append(
                    f"  {name:<4} {what:<16} {rate:8.3f}  {error:.3f}              {deviation:8.3f}  {spread:.3f}"
                )
        if self.population_theory is None:
            lines.append("  no steady state of the population equations is stable: no spectra of linear theory")
        return "\n".join(lines)


def finite_size_refusal(circuit: Circuit, recording: Recording) -> str | None:
    """Why fluctuations cannot be compared, or None."""
    reason = Mesoscopic.refusal(circuit)
    if reason is not None:
        return reason
    if any(np.ptp(values) > 0 for _, values in recording.drives.values()):
        return "the drive changes during the recording; spectra are those of a steady state"
    if recording.duration < SETTLING + 4 * SEGMENT:
        return f"the recording is shorter than {SETTLING + 4 * SEGMENT:g} s"
    return None


def compare_finite_size(circuit: Circuit, recording: Recording, seed: int = 1) -> FiniteSizeComparison:
    """Simulate the population model beside a recording at a constant drive, and compare rates, fluctuations, spectra.

    The first half second is left out. Linear theory is that around the stable steady state whose rates are nearest.
    Raises InvalidInputError with :func:`finite_size_refusal`.
    """
    reason = finite_size_refusal(circuit, recording)
    if reason is not None:
        raise InvalidInputError(f"fluctuations of '{circuit.name}' cannot be compared: {reason}")
    names = [one.name for one in circuit.populations]
    dt, duration = recording.metadata["dt"] / 1000, recording.duration
    per_bin = round(recording.bin_width / dt)
    drive = np.array([recording.drives[name][1][0] for name in names])
    run = simulate(network_of(circuit), round(duration / dt) * dt, dt, seed, drive=drive)
    steps = run.counts.shape[2] // per_bin * per_bin
    binned = run.activity[0, :, :steps].reshape(len(names), -1, per_bin).mean(axis=2)
    recorded = {name: recording.counts[name] / (recording.sizes[name] * recording.bin_width) for name in names}
    network = {name: _measured(recorded[name], recording.bin_width) for name in names}
    model = {name: _measured(values, recording.bin_width) for name, values in zip(names, binned, strict=True)}
    frequencies = _spectrum(recorded[names[0]], recording.bin_width).frequencies
    around = _nearest(circuit, drive, names, network, dt)
    adapts = around is not None and any(one.adaptation_times for one in around.network.neurons)
    return FiniteSizeComparison(
        bin_width=recording.bin_width,
        frequencies=frequencies,
        network=network,
        population_model=model,
        network_theory=_expected(around, "neurons", per_bin) if around is not None and not adapts else None,
        population_theory=None if around is None else _expected(around, "sie", per_bin),
        duration=duration - SETTLING,
    )


def _settled(activity: np.ndarray, width: float) -> np.ndarray:
    return activity[round(SETTLING / width) :]


def _spectrum(activity: np.ndarray, width: float) -> Any:
    return estimated_spectrum(_settled(activity, width), width, SEGMENT)


def _measured(activity: np.ndarray, width: float) -> Fluctuations:
    kept = _settled(activity, width)
    rate, error = batch_means(kept)
    variance, spread = batch_means((kept - kept.mean()) ** 2)
    deviation = float(np.sqrt(variance))
    spectrum = _spectrum(activity, width)
    half = 2 * deviation if deviation > 0 else np.inf
    return Fluctuations(
        (float(rate), float(error)), (deviation, float(spread) / half), spectrum.spectrum, spectrum.standard_errors
    )


def _nearest(
    circuit: Circuit, drive: np.ndarray, names: list[str], measured: Mapping[str, Fluctuations], dt: float
) -> NetworkResponse | None:
    """Around the stable steady state whose rates are nearest to those measured; None without a stable one."""
    theory, inputs = Mesoscopic.from_circuit(circuit, dt=dt), dict(zip(names, drive, strict=True))
    states = theory.steady_states(inputs).stable
    if not states:
        return None
    nearest = min(states, key=lambda one: sum((one.rates[name] - measured[name].rate[0]) ** 2 for name in names))
    return theory.response(nearest, inputs)


def _expected(around: NetworkResponse, noise: str, per_bin: int) -> dict[str, np.ndarray]:
    """Spectra as they are measured: of bins, with the leakage of the window."""
    density = CubicSpline(*_densities(around, noise))
    width, highest = per_bin * around.dt, 0.5 / around.dt

    def binned(frequencies: np.ndarray) -> np.ndarray:
        """Of all populations, at frequencies up to half a cycle per bin, (f, n)."""
        total = np.zeros((len(frequencies), len(around.rates)))
        for alias in range(per_bin):
            shifted = frequencies + (alias - per_bin // 2) / width
            folded = np.abs((shifted + highest) % (2 * highest) - highest)
            total += density(folded) * _bin_transfer(folded * around.dt, per_bin)[:, None]
        return total

    return {
        name: expected_spectrum(lambda f, index=index: binned(f)[:, index], width, SEGMENT)  # type: ignore[misc]
        for index, name in enumerate(around.network.names)
    }


def _densities(around: NetworkResponse, noise: str) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (f,) Hz, dense where networks resonate, and spectra of all populations (f, n)."""
    highest = 0.5 / around.dt
    dense = min(_DENSE, highest / 2)
    frequencies = np.union1d(np.linspace(0.0, dense, _POINTS), np.geomspace(dense, highest, _POINTS))
    return frequencies, np.diagonal(around.spectrum(frequencies, noise), axis1=1, axis2=2).real


def _bin_transfer(cycles: np.ndarray, per_bin: int) -> np.ndarray:
    """Squared transfer of the mean over ``per_bin`` steps at cycles per step."""
    denominator = np.sin(np.pi * cycles)
    still = np.abs(denominator) < 1e-12
    ratio = np.sin(np.pi * cycles * per_bin) / (per_bin * np.where(still, 1.0, denominator))
    return np.where(still, 1.0, ratio**2)
