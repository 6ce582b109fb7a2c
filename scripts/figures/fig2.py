"""Fig 2: supersaturation, its peak under control, its statistics, trajectories on demand, and an exclusive or.

Usage: python scripts/figures/fig2.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

import sys

import numpy as np
from matplotlib.figure import Figure
from paper_figure import STANDARD_ERRORS, Numbers, Settings, rates_panel, run_figure
from ssnbrian.analysis import SelfConsistent, compare
from ssnbrian.analysis.balance import mean_balance_factors
from ssnbrian.analysis.inverse_design import inputs_for_trajectory, required_weights
from ssnbrian.analysis.peaks import measured_peak, theoretical_peak
from ssnbrian.analysis.spike_correlations import autocorrelation, autocorrelation_time
from ssnbrian.analysis.spike_statistics import irregularity, rate_distribution
from ssnbrian.analysis.statistics import binned_rates, mean_rates
from ssnbrian.models.papers import ekelmans2023

from ssnbrian import Constant, Ramp, simulate
from ssnbrian.circuit import Course
from ssnbrian.cli.theories import theories_of

# Published: rmse of the authors' simulation, on the time grid with its bias, to (SSN, self-consistent) for (E, I).
PUBLISHED_RMSE = {"ssn": {"E": 0.194, "I": 0.106}, "self_consistent": {"E": 0.060, "I": 0.123}}
PUBLISHED_PEAKS = {1.0: {"ssn": (2.4725, 17.654), "self_consistent": (2.5640, 18.745)}, 1.25: {"ssn": (3.3475, 20.526)}}
# Hz: the errors along the ramp of panel A of the theory that is inverted (self-consistent for the inputs, SSN for the
# connections), and the delay with which rates follow.
OTHER_ERRORS = {"inputs": 0.1, "connections": 0.25}


def supersaturation(axes, numbers: Numbers, settings: Settings) -> None:
    """A and B: the ramp, for three heights of the peak."""
    duration = 20.0 if settings.quick else 50.0
    for factor, color in zip((1.0,) if settings.quick else (1.0, 1.25, 1.5), ("C0", "C2", "C3"), strict=False):
        circuit = ekelmans2023.supersaturating(factor)
        theories = theories_of(circuit, "paper")
        drive = Ramp(0, 50, duration=duration)
        recording = simulate(circuit, drive, seed=settings.seed, progress=settings.progress)
        comparison = compare(circuit, recording, theories, width=1.0, progress=settings.progress)
        rates_panel(axes[0] if factor == 1 else axes[1], comparison, "E", color, f"f = {factor:g}")
        if factor == 1:
            rates_panel(axes[0], comparison, "I", "C1", "I")
            rates_panel(axes[1], comparison, "E", color, "f = 1")
        found = {}
        for theory in theories:
            peak = theoretical_peak(theory, (5, 40), circuit.ratio, points=15)
            found[theory.name] = peak
            height, position = PUBLISHED_PEAKS.get(factor, {}).get(theory.name, (None, None))
            words = f"{theory.name}, f = {factor:g}"
            if height is None:
                numbers.shown(f"peak of E, {words}", "Hz", peak.state.rates["E"])
            else:
                numbers.computed(f"peak of E, {words}", "Hz", peak.state.rates["E"], height, 6e-5)
                numbers.computed(f"mu_ext at the peak, {words}", "mV/s", peak.mu_ext, position, 2e-3)
        rows = comparison.rows
        mu, of_E, errors = (
            np.array([pick(row) for row in rows])
            for pick in (lambda row: row.mu_ext, lambda row: row.simulated["E"], lambda row: row.standard_errors["E"])
        )
        near = np.array([row.states["self_consistent"].rates["E"] for row in rows])
        peak, alike = measured_peak(mu, of_E, errors, 9.0), measured_peak(mu, near, errors, 9.0)
        error = comparison.error_budget.theory["self_consistent"]["E"]
        numbers.measured(
            f"peak of E, simulation, f = {factor:g}",
            "Hz",
            peak.height,
            peak.height_error,
            alike.height,
            error,
            2.63 if factor == 1 else None,
            "against the self-consistent curve, treated alike; allowed: sampling, and its theory error on the ramp",
        )
        for name, of_population in comparison.rmse.items():
            for population, value in of_population.items():
                paper = PUBLISHED_RMSE[name][population] if factor == 1 else None
                numbers.shown(f"rmse to {name}, {population}, f = {factor:g}", "Hz", value, paper,
                              note="the paper's runs carry the bias of the time grid")  # fmt: skip
        budget = comparison.error_budget
        numbers.shown(f"of that sampling, E, f = {factor:g}", "Hz", budget.sampling["E"])
        numbers.holds(f"of that time step, E, f = {factor:g}", "Hz", budget.dt_bias["E"], high=0.005)


def time_step(numbers: Numbers, settings: Settings) -> None:
    """The step of the simulations against one a quarter as long: both are at the limit dt -> 0."""
    circuit, duration = ekelmans2023.supersaturating(), 10.0 if settings.quick else 100.0
    rates = {
        dt: mean_rates(
            simulate(circuit, Constant(19), duration=duration, dt=dt, seed=settings.seed, progress=settings.progress),
            1.0,
        )
        for dt in (0.1, 0.025)
    }
    for name in ("E", "I"):
        (coarse, error), (fine, other) = rates[0.1][name], rates[0.025][name]
        note = "independent runs: the random numbers of the two steps differ"
        numbers.measured(
            f"rate of {name} at 19 mV/s, dt 0.1 - dt 0.025 ms",
            "Hz",
            coarse - fine,
            np.hypot(error, other),
            0.0,
            note=note,
        )


def statistics(axes, numbers: Numbers, settings: Settings) -> None:
    """C and D: at the peak, far from balance, the network fires asynchronously and irregularly."""
    circuit = ekelmans2023.supersaturating(slow_synapses=True)
    duration = 12.0 if settings.quick else 50.0
    recording = simulate(
        circuit, Constant(19), duration=duration, spikes=True, seed=settings.seed, progress=settings.progress
    )
    factors = mean_balance_factors(circuit, recording, start=1)
    for (name, (factor, error)), paper in zip(factors.items(), (0.39, 0.02), strict=True):
        numbers.measured(f"balance factor of {name} at 19 mV/s", "1", factor, error, paper, 0.02, paper,
                         "the paper's value is read off its figure, to about 0.02")  # fmt: skip
    axes[0].bar(list(factors), [factor for factor, _ in factors.values()], color=["C0", "C1"])
    axes[0].axhline(1, color="0.5", ls="--", lw=1)
    axes[0].set(ylabel="balance factor", ylim=(0, 1.1), title="C: inputs at 19 mV/s (1: balance)")
    intervals = irregularity(recording, start=1, minimum_spikes=5)
    spread = rate_distribution(recording, start=1)
    rate_bins = np.arange(-0.5, 6 * duration / 5) * 5 / duration
    for number, name in enumerate(("E", "I")):
        axes[1].hist(intervals[name].cv, bins=np.linspace(0, 2, 41), density=True, alpha=0.6, label=name,
                     color=f"C{number}")  # fmt: skip
        axes[2].hist(spread[name].rates, bins=rate_bins, density=True, alpha=0.6, label=name,
                     color=f"C{number}")  # fmt: skip
        value, error = intervals[name].mean_cv2
        note = "'close to 1': within 0.1; CV of adjacent intervals, which does not depend on the length of the run"
        numbers.measured(f"CV2 of inter-spike intervals of {name}", "1", value, error, 1.0, 0.1, 1.0, note)
        value, error = intervals[name].pooled_cv_corrected
        numbers.shown(f"CV over the intervals of all neurons of {name}", "1", value, error=error)
        numbers.shown(f"spread of rates over neurons of {name}", "Hz", spread[name].standard_deviation)
    axes[1].set(xlabel="CV of the inter-spike intervals of a neuron", ylabel="density", title="D: irregular firing")
    axes[2].set(xlabel="rate of a neuron (Hz)", ylabel="density", title="rates over neurons")
    for axis in axes[1:]:
        axis.legend(frameon=False)


def target(times: np.ndarray) -> np.ndarray:
    """The trajectory asked for, (rate of E, rate of I) in Hz: a figure of eight of 5 s."""
    phase = 2 * np.pi * times / 5
    return np.stack([1.6 + 0.9 * np.sin(phase), 0.8 + 0.45 * np.sin(2 * phase)], axis=1)


def trajectories(axes, numbers: Numbers, settings: Settings) -> None:
    """E and F: inputs, or connections, that lead the network along a trajectory."""
    circuit = ekelmans2023.supersaturating()
    theory = SelfConsistent.from_circuit(circuit)
    repeats = 5 if settings.quick else 40
    once = np.linspace(0, 5, 251)
    times = np.linspace(0, 5 * repeats, 250 * repeats + 1)
    inputs = inputs_for_trajectory(theory, times, target(times))
    constant = {"E": 10.0, "I": 10.0}
    ssn = theories_of(circuit, "paper")[0]
    needed = required_weights(ssn, target(times), constant, free={"E": "E", "I": "E"}, times=times).require()
    weights = {f"J.{to}{source}": Course(times, values, "mV") for (to, source), values in needed.items()}
    runs = {
        "inputs": simulate(circuit, inputs, spikes=True, seed=settings.seed, progress=settings.progress),
        "connections": simulate(
            circuit,
            {name: Constant(level) for name, level in constant.items()},
            duration=5 * repeats,
            weights=weights,
            seed=settings.seed + 1,
            progress=settings.progress,
        ),
    }
    asked = target(once)
    axes[0].plot(*asked.T, color="0.4", label="target")
    for number, (name, recording) in enumerate(runs.items()):
        other = OTHER_ERRORS[name]
        binned = binned_rates(recording, 0.1)
        # The first round starts from random potentials.
        measured = np.stack([binned[one].rates.reshape(repeats, -1) for one in ("E", "I")], axis=-1)[1:]
        mean, error = measured.mean(axis=0), measured.std(axis=0, ddof=1) / np.sqrt(repeats - 1)
        phases = binned["E"].times[: len(mean)]
        axes[0].plot(*mean.T, ".-", lw=0.8, ms=3, color=f"C{number + 2}", label=f"by {name}, simulation")
        for column, population in enumerate(("E", "I")):
            distance = np.sqrt(np.mean((mean - target(phases))[:, column] ** 2))
            sampling = np.sqrt(np.mean(error[:, column] ** 2))
            allowed = np.hypot(STANDARD_ERRORS * sampling / np.sqrt(len(mean)) + sampling, other)
            note = f"at most: sampling, and {other} Hz of theory error and delay"
            what = f"rms distance from the target by {name}, {population}"
            numbers.holds(what, "Hz", distance, high=allowed, error=sampling, note=note)
    axes[0].set(xlabel="rate of E (Hz)", ylabel="rate of I (Hz)", title="E: a trajectory on demand")
    for name, color in (("E", "C0"), ("I", "C1")):
        axes[1].plot(once, inputs[name](once), color=color, label=f"input to {name} (mV/s)")
    for (name, course), color in zip(weights.items(), ("C0", "C1"), strict=True):
        axes[1].plot(once, course(once), "--", color=color, label=f"{name} (mV), inputs constant at 10 mV/s")
    axes[1].set(xlabel="time (s)", title="F: what leads the network along it")
    for axis in axes:
        axis.legend(frameon=False, fontsize=7)
    found = autocorrelation_time(
        autocorrelation(runs["inputs"], method="neuron", bin_width=0.02, maximum_lag=0.98)["E"]
    )
    note = "the paper's trajectory is another one; this time is that of the inputs"
    if found.resolved:
        numbers.shown("time constant of the autocorrelation, E", "s", found.tau, 0.3, note=note)


def exclusive_or(axis, numbers: Numbers, settings: Settings) -> None:
    """G: two Poisson input populations, low (0 Hz) or high (10 Hz)."""
    circuit, held = ekelmans2023.xor_gate(), 2.0 if settings.quick else 5.0
    cases = {"low, low": (0, 0), "high, low": (10, 0), "low, high": (0, 10), "high, high": (10, 10)}
    edges = np.arange(len(cases) + 1) * held
    inputs = {}
    for number, name in enumerate(("X1", "X2")):
        levels = [case[number] for case in cases.values()]
        inputs[name] = Course(np.repeat(edges, 2)[1:-1], np.repeat(levels, 2), "Hz")
    recording = simulate(circuit, Constant(0), duration=edges[-1], input_rates=inputs, seed=settings.seed + 1000,
                         progress=settings.progress)  # fmt: skip
    theory = SelfConsistent.from_circuit(circuit)
    rates = {}
    for (case, (first, second)), start in zip(cases.items(), edges, strict=False):
        rates[case], error = mean_rates(recording, start + 0.25, start + held)["E"]
        expected = theory.steady_states({"E": 0, "I": 0, "X1": first, "X2": second})
        axis.bar(case, rates[case], yerr=error, color="C0")
        axis.plot(case, expected.stable[0].rates["E"], "k_", ms=30)
        numbers.shown(f"rate of E, inputs {case}", "Hz", rates[case], error=error,
                      note=f"self-consistent theory: {expected.stable[0].rates['E']:.4g} Hz")  # fmt: skip
    least = min(rates["high, low"], rates["low, high"]) / max(rates["low, low"], rates["high, high"])
    numbers.holds("least rate of one high input over the largest of none or both", "1", least, low=2)
    axis.set(ylabel="rate of E (Hz)", xlabel="inputs X1, X2", title="G: exclusive or (line: theory)")


def draw(settings: Settings):
    """The figure and its numbers."""
    numbers = Numbers()
    figure = Figure(figsize=(15, 12), layout="constrained")
    axes = figure.subplots(3, 3)
    supersaturation(axes[0], numbers, settings)
    time_step(numbers, settings)
    statistics(axes[1], numbers, settings)
    trajectories(axes[2, :2], numbers, settings)
    exclusive_or(axes[2, 2], numbers, settings)
    axes[0, 0].set_title("A: supersaturation")
    axes[0, 1].set_title("B: peak of E under control")
    axes[0, 2].axis("off")
    return figure, numbers


if __name__ == "__main__":
    sys.exit(run_figure("fig2", "Fig 2: supersaturation", draw))
