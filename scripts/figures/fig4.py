"""Fig 4: two stable states for one input, the window over τ_E, persistent activity, switching by noise, AND, memory.

Usage: python scripts/figures/fig4.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
from matplotlib.figure import Figure
from paper_figure import STANDARD_ERRORS, Numbers, Settings, run_figure
from scipy.stats import poisson_means_test
from ssnbrian.analysis.balance import balance_factors, mean_balance_factors
from ssnbrian.analysis.bifurcation import bifurcation_diagram
from ssnbrian.analysis.spike_statistics import irregularity
from ssnbrian.analysis.statistics import binned_rates, mean_rates
from ssnbrian.analysis.switching import predicted_switch, thresholds_from_states
from ssnbrian.models.papers import ekelmans2023
from ssnbrian.models.synapses.current import DELTA

from ssnbrian import Constant, PiecewiseLinear, simulate
from ssnbrian.circuit import Course, FixedInDegree, InputPopulation, Projection
from ssnbrian.cli.theories import published_transfer, theories_of
from ssnbrian.workflow.dwell_times import dwell_times, size_with_same_J
from ssnbrian.workflow.up_down import fold_window, up_down_sweeps

SPEED, QUICK_SPEED = 0.02, 0.4  # mV/s per s; the paper's: 0 to 10 mV/s and back in 1000 s
COARSE = {"dt": 0.2, "bin_width": 10.0}  # ms; the rates are biased by 0.5 % at most, see time_step_bias.py
CLOSE = 0.5  # mV/s; a switch farther from a fold needs a reason
# tau_E in ms -> published folds in mV/s (SSN, 5-digit coefficients) and half a unit of their last digit; range swept.
TAUS = {
    18: ((6.571, 6.579), 6e-4, (5.3, 7.9)),
    20: ((2.1634, 3.5700), 6e-5, (1.0, 5.0)),
    22: (None, None, (-3.0, 2.7)),
}
DRAWN = {18: (5.0, 8.5), 20: (0.0, 10.0), 22: (-3.2, 4.0)}  # mV/s
COLORS = {18: "C2", 20: "C0", 22: "C3"}
STATES_AT_3 = {"lower, stable": 0.8511, "saddle": 2.7125, "upper, stable": 6.1399}  # Hz, E, SSN
UP_LEVELS, DOWN_LEVELS = (3.7, 3.8, 3.9, 4.0, 4.1), (2.4, 2.3, 2.2, 2.1, 2.0, 1.9)  # mV/s, as a sweep meets them
# AND with memory: mu_ext at rest and the rate (Hz) and weight J (mV) of each signal, 1 mV/s each.
REST, SIGNAL_RATE, SIGNAL_J = 2.6, 10.0, 0.1


def draw_branches(axis, diagram, population: str, color: str, label: str, width: float) -> None:
    """All steady states of a theory, the stable ones solid, the others dashed."""
    column = diagram.populations.index(population)
    for branch in diagram.branches:
        rates = branch.rates[:, column]
        axis.plot(branch.values, np.where(branch.stable, rates, np.nan), color=color, lw=width, label=label)
        axis.plot(branch.values, np.where(branch.stable, np.nan, rates), "--", color=color, lw=width)


def triangle(low: float, high: float, speed: float) -> PiecewiseLinear:
    """mu_ext up and down once."""
    half = (high - low) / speed
    return PiecewiseLinear([0, half, 2 * half], [low, high, low])


def both_diagrams(tau: int, settings: Settings) -> dict:
    """All states over mu_ext by the SSN with the published coefficients, and by the self-consistent theory."""
    circuit = ekelmans2023.bistable(tau_E=f"{tau} ms")
    laws, common = published_transfer(circuit), {"values": 11 if settings.quick else 41}
    return {
        "SSN": bifurcation_diagram(circuit, "mu_ext", DRAWN[tau], transfer=laws, **common),
        "self-consistent": bifurcation_diagram(circuit, "mu_ext", DRAWN[tau], theory="self_consistent", **common),
    }


def hysteresis(axis, diagrams, numbers: Numbers, settings: Settings):
    """A: the sweep up and down over the states of both theories; its course and its recording."""
    circuit, speed = ekelmans2023.bistable(), QUICK_SPEED if settings.quick else SPEED
    drive = triangle(0, 10, speed)
    recording = simulate(circuit, drive, **COARSE, seed=settings.seed, progress=settings.progress)
    for population, color in (("E", "C0"), ("I", "C1")):
        one = binned_rates(recording, 0.2 if settings.quick else 1.0)[population]
        up = one.times < drive.duration / 2
        for part, marker, word in ((up, "^", "up"), (~up, "v", "down")):
            axis.plot(drive(one.times[part]), one.rates[part], marker, ms=4, alpha=0.5, color=color, mew=0,
                      label=f"{population}, simulation, {word}")  # fmt: skip
        for (name, diagram), width in zip(diagrams.items(), (2, 0.8), strict=True):
            draw_branches(axis, diagram, population, color, f"{population}, {name}", width)
    axis.set(xlabel="external input μ_ext (mV/s)", ylabel="firing rate (Hz)",
             title=f"A: μ_ext up and down, {speed:g} mV/s per s")  # fmt: skip
    axis.legend(frameon=False, fontsize=6, ncols=2)
    ssn = theories_of(circuit, "paper")[0]
    states = ssn.steady_states(3.0, 1.0)
    for state, (word, paper) in zip(states, STATES_AT_3.items(), strict=True):
        numbers.computed(f"E at 3 mV/s, SSN, {word}", "Hz", state.rates["E"], paper, 6e-5)
        right = state.stable == word.endswith("stable") and state.inhibition_stabilized >= word.startswith("upper")
        numbers.holds(f"stability as said (1), and inhibition-stabilised if upper; {word}", "1", right, low=1)
    return drive, recording


def windows(axis, of_tau, of_A, numbers: Numbers, settings: Settings) -> dict:
    """B: folds and switches for three values of tau_E; the sweeps, by tau_E."""
    swept, speed = {}, QUICK_SPEED if settings.quick else SPEED
    for tau, (published, digits, (low, high)) in TAUS.items():
        circuit, label = ekelmans2023.bistable(tau_E=f"{tau} ms"), f"τ_E = {tau} ms"
        diagrams = of_tau[tau]
        draw_branches(axis, diagrams["SSN"], "E", COLORS[tau], f"SSN, {label}", 1.5)
        drive, recording = of_A
        if tau != 20:
            drive = triangle(low, high, speed)
            recording = simulate(circuit, drive, **COARSE, seed=settings.seed, progress=settings.progress)
        one = binned_rates(recording, 0.2 if settings.quick else 1.0)["E"]
        axis.plot(drive(one.times), one.rates, ".", ms=3, alpha=0.4, color=COLORS[tau])
        folds = {name: [point.value for point in diagram.folds] for name, diagram in diagrams.items()}
        for name, (first, last) in folds.items():
            for k, (word, fold) in enumerate((("end of the upper state", first), ("end of the lower state", last))):
                if name == "SSN" and published:
                    numbers.computed(f"{word}, {name}, {label}", "mV/s", fold, published[k], digits)
                else:
                    numbers.shown(f"{word}, {name}, {label}", "mV/s", fold)
        if tau == 18:
            numbers.computed(f"width of the window, SSN, {label}", "mV/s", np.ptp(folds["SSN"]), 0.008, 6e-4)
        middle = float(np.mean(folds["self-consistent"]))
        thresholds = thresholds_from_states(theories_of(circuit, "paper")[1].steady_states(middle, 1.0), "E")
        runs = 2 if settings.quick else {20: 5}.get(tau, 3)
        swept[tau] = up_down_sweeps(
            circuit, low, high, 2 * (high - low) / speed, seeds=range(settings.seed + 1, settings.seed + 1 + runs),
            thresholds=thresholds, **COARSE, progress=settings.progress,
        )  # fmt: skip
        for word, point, end in (("up", swept[tau].up, 1), ("down", swept[tau].down, 0)):
            numbers.holds(f"sweeps that switched {word}, of {point.sweeps}, {label}", "1", point.switched,
                          low=point.sweeps)  # fmt: skip
            if point.quartiles is None:
                continue
            what = f"median switch {word} at {speed:g} mV/s per s, {label}"
            numbers.shown(what, "mV/s", point.median, error=median_error(point),
                          note=f"quartiles {point.quartiles[0]:.3f} and {point.quartiles[1]:.3f}")  # fmt: skip
            for name, of_theory in folds.items():
                what = f"distance of that switch {word} from the fold, {name}, {label}"
                distance = abs(point.median - of_theory[end])
                numbers.holds(what, "mV/s", distance, high=np.inf if settings.quick else CLOSE)
            axis.plot(point.quartiles, [0.3 + end / 3] * 2, color=COLORS[tau], lw=4, solid_capstyle="butt")
    axis.set(xlabel="external input μ_ext (mV/s)", ylabel="firing rate of E (Hz)", xlim=(-3, 8.5), ylim=(0, 9.5),
             title="B: window over τ_E (bars: quartiles of the switches)")  # fmt: skip
    axis.legend(frameon=False, fontsize=7)
    return swept


def median_error(point) -> float:
    """Standard error of the median of a sample with the quartiles of a normal distribution."""
    return float(1.2533 * np.ptp(point.quartiles) / 1.349 / np.sqrt(point.sweeps))


def upper_state(axes, numbers: Numbers, settings: Settings) -> None:
    """C and D: balance factors and irregularity in the upper state at 6 mV/s, entered from above."""
    # With the signals of the AND gate, which are silent, because both then run the same program.
    circuit, seconds = with_two_signals(ekelmans2023.bistable()), 10.0 if settings.quick else 60.0
    drive = PiecewiseLinear([0, 5, 7 + seconds], [22, 6, 6])
    recording = simulate(circuit, drive, bin_width=10, spikes=True, seed=settings.seed, progress=settings.progress)
    state = theories_of(ekelmans2023.bistable(), "paper")[0].steady_states(6.0, 1.0).stable[-1]
    expected = balance_factors(circuit, state.rates, 6.0)
    factors, intervals = mean_balance_factors(circuit, recording, start=7), irregularity(recording, start=7)
    axes[0].bar(list(factors), [factor for factor, _ in factors.values()], color=["C0", "C1"])
    axes[0].plot(list(expected), list(expected.values()), "k_", ms=30, label="SSN")
    axes[0].axhline(1, color="0.5", ls="--", lw=1)
    axes[0].set(ylabel="balance factor", ylim=(0, 1.1), title="C: inputs in the upper state, 6 mV/s (1: balance)")
    for name, color in (("E", "C0"), ("I", "C1")):
        numbers.holds(f"balance factor of {name} in the upper state at 6 mV/s, far from 1", "1", factors[name][0],
                      high=0.5, error=factors[name][1], note=f"SSN: {expected[name]:.3g}")  # fmt: skip
        value, error = intervals[name].pooled_cv_corrected
        numbers.measured(f"CV of the inter-spike intervals of {name}", "1", value, error, 1.0, 0.2, 1.0,
                         "'near 1': within 0.2; over the intervals of all neurons")  # fmt: skip
        value, error = intervals[name].mean_cv2
        numbers.shown(f"CV2 of the inter-spike intervals of {name}", "1", value, error=error)
        axes[1].hist(intervals[name].cv, bins=np.linspace(0, 2, 41), density=True, alpha=0.6, label=name, color=color)
    axes[0].legend(frameon=False)
    axes[1].set(xlabel="CV of the inter-spike intervals of a neuron", ylabel="density", title="D: irregular firing")
    axes[1].legend(frameon=False)


def theory_error(numbers: Numbers, settings: Settings) -> None:
    """Why states and switches lie beside the theory: it takes the noise of the synapses of 10 ms as white."""
    usual, seconds = ekelmans2023.bistable(), 3.0 if settings.quick else 40.0
    nearly_white = usual.replace(
        name="bistable_fast",
        projections=tuple(
            dataclasses.replace(one, parameters={**one.parameters, "tau_synapse": "0.3 ms"}) if one.parameters else one
            for one in usual.projections
        ),
    )
    ssn, exact = theories_of(usual, "paper")
    cases = (("upper", 6.0, 22.0, -1), ("lower", 3.5, 0.0, 0))
    for word, mu, start, pick in cases[: 1 if settings.quick else 2]:
        drive = PiecewiseLinear([0, 5, 7 + seconds], [start, mu, mu])
        expected = exact.steady_states(mu, 1.0).stable[pick].rates["E"]
        of_ssn = ssn.steady_states(mu, 1.0).stable[pick].rates["E"]
        distances = []
        for circuit, synapses in ((usual, "10 ms"), (nearly_white, "0.3 ms")):
            recording = simulate(circuit, drive, bin_width=10, seed=settings.seed, progress=settings.progress)
            rate, error = mean_rates(recording, 7)["E"]
            distances.append(abs(rate - expected))
            numbers.shown(f"E in the {word} state at {mu:g} mV/s, E->E and I->I synapses of {synapses}", "Hz", rate,
                          error=error, note=f"SSN: {of_ssn:.4g}, self-consistent: {expected:.4g}")  # fmt: skip
        numbers.holds(f"distance from the self-consistent theory at 0.3 ms over that at 10 ms, {word}", "1",
                      distances[1] / distances[0], high=1, note="the theory takes the noise as white")  # fmt: skip


def persistent_activity(axis, numbers: Numbers, settings: Settings) -> None:
    """With tau_E = 22 ms the upper state lives on without any input, once a kick has led there."""
    circuit = ekelmans2023.bistable(tau_E="22 ms")
    ssn, exact = (theory.steady_states(0.0, 1.0) for theory in theories_of(circuit, "paper"))
    rates = {}
    drives = {"kicked": PiecewiseLinear([0, 5, 15], [22, 0, 0]), "left alone": Constant(0, duration=15)}
    for (word, drive), color in zip(drives.items(), ("C3", "0.5"), strict=True):
        rates[word] = []
        for seed in range(settings.seed, settings.seed + (2 if settings.quick else 10)):
            recording = simulate(circuit, drive, **COARSE, seed=seed, progress=settings.progress)
            one = binned_rates(recording, 0.5)["E"]
            axis.plot(one.times, one.rates, color=color, lw=0.8, label=word if seed == settings.seed else None)
            rates[word].append(mean_rates(recording, 10)["E"][0])
    saddle = exact[1].rates["E"]
    numbers.holds("E 5 to 10 s after the input ended, τ_E = 22 ms, least of all runs", "Hz", min(rates["kicked"]),
                  low=saddle, note="at least: the saddle")  # fmt: skip
    numbers.shown("its mean over the runs", "Hz", np.mean(rates["kicked"]),
                  error=np.std(rates["kicked"], ddof=1) / np.sqrt(len(rates["kicked"])),
                  note=f"SSN: {ssn[2].rates['E']:.4g}, self-consistent: {exact[2].rates['E']:.4g}")  # fmt: skip
    numbers.holds("E without a kick, largest of all runs", "Hz", max(rates["left alone"]), high=saddle,
                  note=f"at most: the saddle; SSN: {ssn[0].rates['E']:.4g}")  # fmt: skip
    axis.axvline(5, color="0.7")
    axis.set(xlabel="time (s)", ylabel="firing rate of E (Hz)", ylim=(0, 12),
             title="persistent activity, τ_E = 22 ms, no input after 5 s")  # fmt: skip
    axis.legend(frameon=False)


def escape_rates(axis, numbers: Numbers, settings: Settings, swept) -> None:
    """Noise-driven switching: how fast the states are left, what it makes of a slow sweep, and over network size."""
    circuit = ekelmans2023.bistable()
    common = {"prepare_down": 0, "prepare_up": 8, "preparation": 2, "settle": 1, "thresholds": swept.thresholds,
              **COARSE, "progress": settings.progress}  # fmt: skip
    directions = {"up": ("down->up", UP_LEVELS, "^"), "down": ("up->down", DOWN_LEVELS, "v")}
    seeds = range(settings.seed + 10, settings.seed + (12 if settings.quick else 16))
    levels = [4.0, 2.0] if settings.quick else [*UP_LEVELS, *DOWN_LEVELS]
    found = {
        one.mu_ext: one for one in dwell_times(circuit, levels, 4 if settings.quick else 12, seeds=seeds, **common)
    }
    for word, (key, of_direction, marker) in directions.items():
        # A state that is left at once was never seen.
        mu = [level for level in of_direction if level in found and found[level].rates[key].exposure]
        rates = [found[level].rates[key] for level in mu]
        values, low, high = np.array([(one.rate, one.low, one.high) for one in rates], dtype=float).T
        axis.errorbar(mu, values, [values - low, high - values], fmt=marker, color="C0", capsize=2,
                      label=f"{key}, N = 4000")  # fmt: skip
        if settings.quick:
            continue
        point = getattr(swept, word)
        middle, earliest, latest = (predicted_switch(mu, one, SPEED) for one in (values, high, low))
        allowed = STANDARD_ERRORS * median_error(point)
        # A sweep goes on while the network leaves its state: about the shortest stay that is measured.
        lag = SPEED / values.max()
        ends = sorted(np.inf * (1 if word == "up" else -1) if one is None else one for one in (earliest, latest))
        delay = (0, lag) if word == "up" else (lag, 0)
        told = "nothing" if middle is None else f"{middle:.3f}"
        numbers.holds(f"median switch {word}, τ_E = 20 ms, against noise-driven switching", "mV/s", point.median,
                      low=ends[0] - allowed - delay[0], high=ends[1] + allowed + delay[1], error=median_error(point),
                      note=f"escape rates at constant input predict {told}; allowed: their 95 % intervals, "
                      f"4 s.e., and {lag:.2f} for the time a switch takes")  # fmt: skip
    if not settings.quick:
        network_size(axis, numbers, settings, common, found)
    axis.set(yscale="log", xlabel="external input μ_ext (mV/s)", ylabel="switches out of the state (1/s)",
             title="spontaneous transitions (95 % intervals)")  # fmt: skip
    axis.legend(frameon=False, fontsize=7)


def network_size(axis, numbers: Numbers, settings: Settings, common, usual) -> None:
    """The same J, more neurons: fewer switches; ``usual``: the dwell times of 4000 neurons."""
    cases = {3.9: ("down->up", "^"), 2.2: ("up->down", "v")}
    sizes, colors = (2000, 4000, 8000), ("C2", "C0", "C4")
    found = dwell_times(ekelmans2023.bistable(), list(cases), 8, sizes=[sizes[0], sizes[-1]],
                        seeds=range(settings.seed + 100, settings.seed + 114), **common)  # fmt: skip
    for mu, (key, marker) in cases.items():
        rates = {one.neurons: one.rates[key] for one in (usual[mu], *found) if one.mu_ext == mu}
        rates = {size: rates[size] for size in sizes}
        for (size, rate), color in zip(rates.items(), colors, strict=True):
            if rate.rate is None:
                raise RuntimeError(f"{size} neurons at {mu} mV/s were never in the state that {key} leaves")
            if size != 4000:
                axis.errorbar(mu, rate.rate, [[rate.rate - rate.low], [rate.high - rate.rate]], fmt=marker,
                              color=color, capsize=2, label=f"{key}, N = {size}")  # fmt: skip
            note = f"{rate.transitions} in {rate.exposure:.4g} s; 95 %: {rate.low:.3g} to {rate.high:.3g}"
            numbers.shown(f"rate {key} at {mu:g} mV/s, N = {size}", "1/s", rate.rate, note=note)
        few, many = rates[sizes[0]], rates[sizes[-1]]
        test = poisson_means_test(few.transitions, few.exposure, many.transitions, many.exposure, alternative="greater")
        numbers.holds(f"probability of such a fall of the rate {key} by chance", "1", test.pvalue, high=0.05)
    for size in sizes:
        theory = theories_of(size_with_same_J(ekelmans2023.bistable(), size), "paper")[1]
        window = fold_window(theory, 1.0, (1.5, 4.5), grid=9)
        note = f"of the upper one: {window.low:.4f}; the recurrent variance changes with the size"
        numbers.shown(f"end of the lower state, self-consistent, N = {size}", "mV/s", window.high, note=note)


def with_two_signals(circuit):
    """The circuit with two Poisson input populations that bring the same input to E and I."""
    inputs = tuple(InputPopulation(name, 200, "0 Hz") for name in ("X1", "X2"))
    rule = FixedInDegree.from_probability(0.5, 200)
    weight = f"{SIGNAL_J / rule.in_degree} mV"
    projections = tuple(Projection(one.name, target, weight, rule, DELTA) for one in inputs for target in ("E", "I"))
    return circuit.replace(name="and_gate", inputs=inputs, projections=circuit.projections + projections)


def and_gate(axes, numbers: Numbers, settings: Settings) -> None:
    """Only both signals together lift the network into the upper state, which then stays until the input is low."""
    circuit, rounds = with_two_signals(ekelmans2023.bistable()), 1 if settings.quick else 6
    cases = [(1, 1), (0, 0), (1, 0), (0, 1)] * rounds
    # Each case: low input resets, rest, signals, rest.
    reset, on, off, end = 2.0, 5.0, 8.0, 12.0
    starts = end * np.arange(len(cases))
    times = (starts[:, None] + [0, reset, reset, end]).ravel()
    drive = PiecewiseLinear(times, np.tile([0, 0, REST, REST], len(cases)))
    signals = {}
    for number, name in enumerate(("X1", "X2")):
        values = np.array([[0, 0, level, level, 0, 0] for level in np.array(cases)[:, number] * SIGNAL_RATE])
        signals[name] = Course((starts[:, None] + [0, on, on, off, off, end]).ravel(), values.ravel(), "Hz")
    recording = simulate(circuit, drive, **COARSE, input_rates=signals, spikes=True, seed=settings.seed,
                         progress=settings.progress)  # fmt: skip
    states = theories_of(ekelmans2023.bistable(), "paper")[1].steady_states(REST, 1.0)
    saddle = states[1].rates["E"]
    rates = {
        word: np.array([mean_rates(recording, at + first, at + last)["E"][0] for at in starts])
        for word, first, last in (("signals", off - 1, off), ("memory", end - 2, end), ("reset", 1.0, reset))
    }
    expected = np.array([first and second for first, second in cases], dtype=bool)
    for word, what in (("signals", "at the end of the signals"), ("memory", "2 to 4 s after the signals")):
        wrong = np.count_nonzero((rates[word] > saddle) != expected)
        numbers.holds(f"wrong answers of {len(cases)}, AND of two signals, {what}", "1", wrong, high=0)
    remembered = np.flatnonzero(rates["memory"][:-1] > saddle) + 1
    numbers.holds(f"upper states of {len(remembered)} that outlast a low input of 1 s", "1",
                  np.count_nonzero(rates["reset"][remembered] > saddle), high=0)  # fmt: skip
    one = binned_rates(recording, 0.2)["E"]
    shown = one.times < 4 * end
    axes[0].plot(one.times[shown], one.rates[shown], color="C0")
    axes[0].axhline(saddle, color="0.5", ls="--", lw=1)
    axes[0].set(ylabel="firing rate of E (Hz)", title="AND of two signals, memory, and reset (dashed: saddle)",
                xticks=[])  # fmt: skip
    fine = np.linspace(0, 4 * end, 2401)[:-1]
    axes[1].plot(fine, drive(fine), color="k", lw=1, label="μ_ext (mV/s)")
    for (name, course), color, level in zip(signals.items(), ("C2", "C3"), (6, 9), strict=True):
        label = f"{name}, 0 or {SIGNAL_RATE:g} Hz"
        axes[1].plot(fine, level + 2 * course(fine) / SIGNAL_RATE, color=color, label=label)
    axes[1].set(xlabel="time (s)", yticks=[0, REST], ylim=(-0.5, 16))
    axes[1].legend(frameon=False, fontsize=7, ncols=3)


def draw(settings: Settings):
    """The figure and its numbers."""
    numbers = Numbers()
    figure = Figure(figsize=(16, 12), layout="constrained")
    grid = figure.add_gridspec(3, 6, height_ratios=(1.2, 1, 1))
    diagrams = {tau: both_diagrams(tau, settings) for tau in TAUS}
    of_A = hysteresis(figure.add_subplot(grid[0, :3]), diagrams[20], numbers, settings)
    swept = windows(figure.add_subplot(grid[0, 3:]), diagrams, of_A, numbers, settings)
    upper_state([figure.add_subplot(grid[1, part]) for part in (slice(0, 2), slice(2, 4))], numbers, settings)
    theory_error(numbers, settings)
    persistent_activity(figure.add_subplot(grid[1, 4:]), numbers, settings)
    escape_rates(figure.add_subplot(grid[2, :3]), numbers, settings, swept[20])
    gate = grid[2, 3:].subgridspec(2, 1, height_ratios=(2, 1), hspace=0)
    and_gate([figure.add_subplot(gate[0]), figure.add_subplot(gate[1])], numbers, settings)
    return figure, numbers


if __name__ == "__main__":
    sys.exit(run_figure("fig4", "Fig 4: bistability and persistent activity", draw))
