"""Bias of white-noise firing rates against the time step, with the Brownian bridge and on the grid.

Usage: python scripts/figures/time_step_bias.py [--quick] [--duration S] [--dt MS …] [--figure FILE] [--json FILE]
With --duration 95 --dt 0.1 both points have standard errors of at most 0.1 % (some 15 minutes).
Dots: simulation of uncoupled neurons in C++, with standard errors. Lines: exact theory of the stepped neuron.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from matplotlib.figure import Figure
from ssnbrian.analysis.comparison_report import save_figure

from ssnbrian.cli.progress import TerminalProgress
from ssnbrian.workflow.time_step import TimeStepBias, measure_bias

POINTS = ((10.0, "20 ms"), (20.0, "10 ms"))


def draw(results: list[TimeStepBias], path: str) -> None:
    """One panel per crossing test, bias in percent over dt."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, bridge in zip(axes, (False, True), strict=True):
        for number, (mu, tau) in enumerate(POINTS):
            seconds = float(tau.split()[0]) / 1000
            chosen = [one for one in results if one.bridge == bridge and (one.mu, one.tau) == (mu, seconds)]
            label = f"μ = {mu:g} mV/s, τ = {tau}"
            x = [one.dt * 1000 for one in chosen]
            axis.errorbar(
                x,
                [100 * one.bias for one in chosen],
                [100 * one.bias_error for one in chosen],
                fmt="o",
                color=f"C{number}",
                label=f"{label}, simulation",
            )
            axis.plot(x, [100 * one.predicted_bias for one in chosen], color=f"C{number}", label=f"{label}, theory")
        axis.axhline(0, color="0.7", lw=0.8)
        axis.set_xscale("log")
        axis.set_xlabel("time step dt (ms)")
        axis.set_ylabel("bias of the rate (%)")
        axis.set_title("Brownian-bridge test" if bridge else "threshold tested on the grid only")
        axis.legend(frameon=False, fontsize=7)
    save_figure(figure, path)


def main() -> None:
    """Measure, print the table, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer neurons and steps, under a minute")
    parser.add_argument("--duration", type=float, help="s of biological time (default 20)")
    parser.add_argument("--dt", type=float, nargs="+", help="time steps in ms")
    parser.add_argument("--figure", default="time_step_bias.png")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    neurons = 10_000 if arguments.quick else 100_000
    dts = arguments.dt or ((0.1, 1.0) if arguments.quick else (0.05, 0.1, 0.2, 0.5, 1.0))
    duration = arguments.duration or (5.0 if arguments.quick else 20.0)
    results = []
    progress = TerminalProgress()
    for grid in (True, False):
        results += measure_bias(POINTS, dts, neurons=neurons, duration=duration, grid_threshold=grid, progress=progress)
    progress.finish()
    print("mu (mV/s)  tau (ms)  dt (ms)  test    bias (%)  standard error (%)  theory (%)")
    for one in results:
        print(
            f"{one.mu:9g}  {one.tau * 1000:8g}  {one.dt * 1000:7g}  {'bridge' if one.bridge else 'grid':6}  "
            f"{100 * one.bias:8.2f}  {100 * one.bias_error:18.2f}  {100 * one.predicted_bias:10.2f}"
        )
    draw(results, arguments.figure)
    print(f"figure: {arguments.figure}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as stream:
            json.dump([asdict(one) for one in results], stream)


if __name__ == "__main__":
    main()
