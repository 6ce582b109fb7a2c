"""Stochastic resonance: signal-to-noise ratio of neurons under a sine below their threshold, against the noise.

Usage: python scripts/figures/stochastic_resonance.py [--quick] [--out FOLDER]
Dots: simulation with standard errors. Lines: adiabatic theory. The input is 1 Hz, slow against tau = 20 ms.
"""

from __future__ import annotations

import sys

import numpy as np
from matplotlib.figure import Figure
from paper_figure import Numbers, Settings, run_figure
from ssnbrian.analysis import transfer
from ssnbrian.analysis.mean_field import lif_numbers
from ssnbrian.analysis.stochastic_resonance import adiabatic_signal, optimal_noise, signal_to_noise
from ssnbrian.models.library import find_circuit

from ssnbrian import Recording, Sine, simulate
from ssnbrian.circuit import SineDrive
from ssnbrian.circuit.changes import changes

SIGMAS = (1.0, 1.4, 1.8, 2.2, 2.8, 3.6, 5.0, 7.0, 10.0)
SHOWN = (1.4, 2.8, 7.0)
FREQUENCY = 1.0
"""Of the input, Hz; the circuit's own drive is slower, so that bins of 1 s follow it."""
SLOWNESS = 2.0
"""Bound on the relative error of the adiabatic ratio, in units of (2 pi f tau)^2."""


def recordings(drive: SineDrive, settings: Settings) -> dict[float, Recording]:
    """One run per sigma, each with a seed of its own."""
    circuit, found = find_circuit("stochastic_resonance"), {}
    for number, sigma in enumerate(SIGMAS):
        noisy = changes(circuit)["E.sigma"].apply(circuit, f"{sigma} mV/sqrt(s)")
        found[sigma] = simulate(
            noisy, drive, seed=settings.seed + number, spikes=True, bin_width=50, progress=settings.progress
        )
    return found


def course(axis, recorded: dict[float, Recording], drive: SineDrive, tau: float) -> None:
    """Rates over the phase of the input for three sigmas, simulated and adiabatic."""
    edges = np.linspace(0, 1, 26)
    centres = (edges[1:] + edges[:-1]) / 2
    for number, sigma in enumerate(SHOWN):
        recording = recorded[sigma]
        times, size = recording.spikes["E"][0], recording.sizes["E"]
        times = times[times >= 1 / drive.frequency]
        width = (recording.duration - 1 / drive.frequency) * (edges[1] - edges[0])
        rate = np.histogram(np.mod(times * drive.frequency, 1), edges)[0] / (size * width)
        axis.plot(centres, rate, ".", color=f"C{number}", label=f"σ = {sigma:g} mV/√s")
        phases = np.linspace(0, 1, 201)
        mu = drive.mean + drive.amplitude * np.sin(2 * np.pi * phases)
        axis.plot(phases, transfer.rate(mu, sigma, tau), color=f"C{number}", lw=1)
    axis.set(xlabel="phase of the input (periods)", ylabel="firing rate (Hz)", yscale="log", ylim=(1e-4, 300))
    axis.set_title("A: rate over a period (lines: adiabatic theory)")
    axis.legend(frameon=False, fontsize=8, loc="upper center", ncols=3)


def resonance(axis, recorded: dict[float, Recording], drive: SineDrive, tau: float, numbers: Numbers) -> None:
    """Signal-to-noise ratio over sigma."""
    start = 1 / drive.frequency
    found = {sigma: signal_to_noise(one, "E", drive.frequency, start=start) for sigma, one in recorded.items()}
    expected = adiabatic_signal(drive.mean, drive.amplitude, SIGMAS, tau).ratio
    slowness = SLOWNESS * (2 * np.pi * drive.frequency * tau) ** 2
    note = f"4 standard errors and {100 * slowness:.2g} % for the adiabatic limit"
    for sigma, theory in zip(SIGMAS, expected, strict=True):
        one = found[sigma]
        what = f"B: signal-to-noise ratio at sigma = {sigma:g} mV/√s"
        numbers.measured(what, "Hz", one.ratio, one.error, theory, slowness * theory, note=note)
    best, largest = optimal_noise(drive.mean, drive.amplitude, tau)
    numbers.shown("B: best sigma in theory", "mV/√s", best)
    numbers.shown("B: largest ratio in theory", "Hz", largest)
    top = max(found, key=lambda sigma: found[sigma].ratio)
    for end in (SIGMAS[0], SIGMAS[-1]):
        difference = found[top].ratio - found[end].ratio
        error = float(np.hypot(found[top].error, found[end].error))
        what = f"B: peak, at sigma = {top:g}, above that at {end:g}"
        numbers.holds(what, "Hz", difference, low=5 * error, error=error)
    sigmas = np.geomspace(0.8, 12, 60)
    for background, style, words in (("renewal", "-", "renewal"), ("poisson", ":", "Poisson")):
        theory = adiabatic_signal(drive.mean, drive.amplitude, sigmas, tau, background=background)
        axis.plot(sigmas, theory.ratio, f"k{style}", lw=1.2, label=f"adiabatic theory, {words} noise")
    axis.errorbar(
        SIGMAS, [one.ratio for one in found.values()], [one.error for one in found.values()], fmt="o", ms=4,
        color="C3", label="simulation, with standard errors",
    )  # fmt: skip
    axis.axvline(best, color="0.8", lw=1, zorder=0)
    axis.set(xscale="log", xlabel="noise σ (mV/√s)", ylabel="signal-to-noise ratio of one neuron (Hz)")
    axis.set_xticks([1, 2, 3, 5, 10], ["1", "2", "3", "5", "10"], minor=False)
    axis.set_xticks([], minor=True)
    axis.set(ylim=(-0.05, 1.75), title="B: signal-to-noise ratio at the input's frequency")
    axis.legend(frameon=False, fontsize=8, loc="upper right")


def draw(settings: Settings):
    """The figure and its numbers."""
    numbers = Numbers()
    circuit = find_circuit("stochastic_resonance")
    tau = lif_numbers(circuit.populations[0])["tau"]
    own = circuit.drive
    drive = Sine(own.mean, own.amplitude, FREQUENCY, duration=25 if settings.quick else 161)
    recorded = recordings(drive, settings)
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    course(axes[0], recorded, drive, tau)
    resonance(axes[1], recorded, drive, tau, numbers)
    return figure, numbers


if __name__ == "__main__":
    sys.exit(run_figure("stochastic_resonance", "Stochastic resonance of neurons below threshold", draw))
