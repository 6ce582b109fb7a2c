"""S2 Fig: inputs come closer to balance as the bistable network grows, while the rates stay far from it.

Usage: python scripts/figures/s2.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

import sys

import numpy as np
from matplotlib.figure import Figure
from paper_figure import Numbers, Settings, run_figure
from ssnbrian.analysis import BalancedLimit
from ssnbrian.analysis.balance import balance_course, balance_factors_of_states, mean_balance_factors
from ssnbrian.analysis.statistics import mean_rates
from ssnbrian.models.papers import ekelmans2023

from ssnbrian import PiecewiseLinear, simulate
from ssnbrian.circuit.transforms import drive_factor, scaled_to
from ssnbrian.cli.theories import theories_of

SIMULATED = {4000: 0.1, 10000: 0.1, 20000: 0.2, 40000: 0.2}  # neurons and dt (ms); the bridge is unbiased up to 0.2 ms
SIZES = sorted({4 * round(1000 * 10 ** (0.1 * step)) for step in range(22)} | set(SIMULATED))  # up to 5.04e5 neurons
LEVEL, START = 6.0, 22.0  # mV/s at 4000 neurons: the input, and the one from which it comes to find the up state
# Of a balance factor. Synapses of 50 to 250 ms pass little of the recurrent noise, which the SSN leaves out and the
# self-consistent theory counts as white: the simulation is compared with the SSN.
THEORY_ERROR = 0.02
COLORS = {"E": "C0", "I": "C1"}
SETTLED = 8.0  # s, the time after which the state is taken as steady: 5 s of falling input, and 3 s


def theory_lines(axes, network, numbers: Numbers):
    """Balance factors and rates of both theories over the size; balance factors by theory and size."""
    found: dict[str, dict[int, dict[str, float]]] = {"ssn": {}, "self_consistent": {}}
    rates: dict[str, list[float]] = {"ssn": [], "self_consistent": []}
    for neurons in SIZES:
        circuit = scaled_to(network, neurons)
        for theory in theories_of(circuit, "paper"):
            states = theory.steady_states(LEVEL * drive_factor(network, neurons), circuit.ratio)
            found[theory.name][neurons] = balance_factors_of_states(circuit, states)[-1]
            rates[theory.name].append(states[-1].rates["E"])
    for name, style, label in (("ssn", ":", "SSN"), ("self_consistent", "-", "Φ_sc")):
        for population, color in COLORS.items():
            factors = [one[population] for one in found[name].values()]
            axes[0].plot(SIZES, factors, style, color=color, label=f"{population}, {label}")
            numbers.shown(f"balance factor of {population}, {name}, N = {SIZES[-1]}", "1", factors[-1])
        axes[1].plot(SIZES, rates[name], style, color=COLORS["E"], label=f"E, {label}")
    return found


def draw(settings: Settings):
    """The figure and its numbers."""
    numbers = Numbers()
    figure = Figure(figsize=(15, 4.5), layout="constrained")
    axes = figure.subplots(1, 3)
    network = ekelmans2023.bistable(slow_synapses=True)
    theory = theory_lines(axes, network, numbers)
    balanced = BalancedLimit.from_circuit(network).steady_states(LEVEL, network.ratio)[0].rates["E"]
    axes[1].axhline(balanced, color="k", ls="--", label="E, balanced limit")
    factors = {}
    for neurons in (4000,) if settings.quick else SIMULATED:
        circuit, unit = scaled_to(network, neurons), drive_factor(network, neurons)
        duration = SETTLED + (10.0 if settings.quick or neurons > 10000 else 40.0)
        drive = PiecewiseLinear([0, 5, duration], np.array([START, LEVEL, LEVEL]) * unit)
        recording = simulate(circuit, drive, dt=SIMULATED[neurons], seed=settings.seed, progress=settings.progress)
        factors[neurons] = mean_balance_factors(circuit, recording, start=SETTLED)
        rate, rate_error = mean_rates(recording, SETTLED)["E"]
        label = "simulation" if neurons == 4000 else None
        axes[1].errorbar(neurons, rate, rate_error, fmt="o", color=COLORS["E"], label=label and f"E, {label}")
        course = balance_course(circuit, recording, 0.25)
        for population, (factor, error) in factors[neurons].items():
            sc, ssn = (theory[name][neurons][population] for name in ("self_consistent", "ssn"))
            note = (
                f"against the SSN, {ssn:.4g}; allowed: 4 s.e., and {THEORY_ERROR:g} of theory error; self-consistent, "
                f"with recurrent noise as if white: {sc:.4g}"
            )
            what = f"balance factor of {population}, N = {neurons}"
            numbers.measured(what, "1", factor, error, ssn, THEORY_ERROR, note=note)
            axes[0].errorbar(neurons, factor, error, fmt="o", color=COLORS[population],
                             label=label and f"{population}, {label}")  # fmt: skip
            if neurons in (4000, 40000):
                axes[2].plot(course[population].times, course[population].factors, lw=1, color=COLORS[population],
                             ls="-" if neurons == 4000 else "--", label=f"{population}, N = {neurons}")  # fmt: skip
        numbers.holds(f"rate of E over its balanced limit, N = {neurons} (far from 1)", "1", rate / balanced, low=2,
                      error=rate_error / balanced)  # fmt: skip
    if not settings.quick:
        for population in COLORS:
            (large, error), (small, other) = (factors[neurons][population] for neurons in (40000, 4000))
            grown = large / small
            numbers.holds(f"balance factor of {population}, N = 40000 over 4000 (strongly increased)", "1", grown,
                          low=1.5, error=grown * np.hypot(error / large, other / small))  # fmt: skip
    axes[0].axhline(1, color="0.5", lw=1)
    axes[0].set(xscale="log", xlabel="neurons", ylabel="balance factor", ylim=(0, 1.05), title="inputs")
    axes[1].set(xscale="log", xlabel="neurons", ylabel="rate of E (Hz)", title="rates")
    axes[2].set(xlabel="time (s)", ylabel="balance factor", title="into the up state", xlim=(0, 18), ylim=(0, 1.05))
    for axis in axes:
        axis.legend(frameon=False, fontsize=7)
    return figure, numbers


if __name__ == "__main__":
    sys.exit(run_figure("s2", "S2 Fig: balance of inputs and network size", draw))
