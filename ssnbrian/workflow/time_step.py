"""The bias of simulated rates by the time step, measured and predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ssnbrian.analysis import transfer
from ssnbrian.analysis.discretisation import discrete_rate
from ssnbrian.analysis.mean_field import lif_numbers
from ssnbrian.circuit import Constant, Recording
from ssnbrian.engine.progress import Progress, silent
from ssnbrian.engine.simulate import simulate
from ssnbrian.workflow.transfer_curve import uncoupled


@dataclass(frozen=True)
class TimeStepBias:
    """Rate of uncoupled neurons simulated in steps of dt.

    Attributes
    ----------
    mu, tau, dt : mV/s, s, s; bridge : whether crossings between the steps were tested for.
    measured, standard_error : simulated rate and its standard error, Hz.
    continuous : the Ricciardi rate, Hz, the limit dt -> 0.
    predicted : the exact rate of the neuron stepped by dt, Hz.
    """

    mu: float
    tau: float
    dt: float
    bridge: bool
    measured: float
    standard_error: float
    continuous: float
    predicted: float

    @property
    def bias(self) -> float:
        """Measured bias relative to the continuous rate."""
        return self.measured / self.continuous - 1

    @property
    def bias_error(self) -> float:
        """Standard error of the bias."""
        return self.standard_error / self.continuous

    @property
    def predicted_bias(self) -> float:
        """Bias by the theory of the stepped neuron."""
        return self.predicted / self.continuous - 1


def rate_of_independent_neurons(recording: Recording, population: str, start: float) -> tuple[float, float]:
    """(rate, standard error) in Hz from ``start`` (s) on, for neurons without connections.

    Uncoupled neurons are independent, so the spread of their spike counts gives the standard error without any
    assumption on correlations in time; the counts include the time before ``start``, which inflates it by the
    square root of duration over the time used at most.
    """
    counts = recording.neuron_counts[population]
    rate = recording.rates(start)[population]
    per_neuron = counts.std(ddof=1) / recording.duration
    inflation = (recording.duration / (recording.duration - start)) ** 0.5
    return rate, float(per_neuron / len(counts) ** 0.5 * inflation)


def measure_bias(
    points: Sequence[tuple[float, str]],
    dts: Sequence[float],
    *,
    neurons: int = 100_000,
    duration: float = 8.0,
    settle: float = 0.5,
    seed: int = 1,
    grid_threshold: bool = False,
    progress: Progress = silent,
) -> list[TimeStepBias]:
    """Simulate uncoupled neurons at ``points`` (mu in mV/s, tau such as '20 ms') for each dt (ms).

    The first ``settle`` seconds are left out. One build serves all.
    """
    circuit = uncoupled([{"tau": tau} for _, tau in points], neurons)
    drives = {f"P{k}": Constant(mu) for k, (mu, _) in enumerate(points)}
    results = []
    for dt in dts:
        recording = simulate(
            circuit,
            drives,
            duration=duration,
            dt=dt,
            seed=seed,
            bin_width=max(dt, 10.0),
            grid_threshold=grid_threshold,
            progress=progress,
        )
        for population, (mu, _) in zip(circuit.populations, points, strict=True):
            numbers = lif_numbers(population)
            rate, error = rate_of_independent_neurons(recording, population.name, settle)
            sigma, tau = numbers["sigma"], numbers["tau"]
            results.append(
                TimeStepBias(
                    mu=mu,
                    tau=tau,
                    dt=dt / 1000,
                    bridge=not grid_threshold,
                    measured=rate,
                    standard_error=error,
                    continuous=float(transfer.rate(mu, sigma, tau)),
                    predicted=discrete_rate(mu, sigma, tau, dt / 1000, bridge=not grid_threshold),
                )
            )
    return results
