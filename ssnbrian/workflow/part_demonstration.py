"""What adaptation and noise do to a leaky neuron."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ssnbrian.circuit import Adaptation, Circuit, Constant, Noise, PiecewiseLinear, Population
from ssnbrian.models.neurons.integrate_and_fire import LEAKY
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.workflow.neuron_demonstration import Run

_NEURONS, _BIN = 4000, 5.0  # number, ms
_LOW, _HIGH, _ONSET, _OFFSET, _END = 10.0, 80.0, 0.2, 0.7, 1.0  # mV/s, s
_TRACES, _SHOWN, _INPUT = 3, 0.5, 600.0  # number, s, mV/s


def adaptation_figures(parts: Sequence[Adaptation], run: Run) -> list[Any]:
    """A figure of each adaptation: population rate at a step of the input, with and without it, all in one run."""
    neurons = [LIF, *(LIF + part for part in parts)]
    populations = tuple(Population(f"P{k}", _NEURONS, neuron) for k, neuron in enumerate(neurons))
    edges, levels = [0, _ONSET, _ONSET, _OFFSET, _OFFSET, _END], [_LOW, _LOW, _HIGH, _HIGH, _LOW, _LOW]
    step = PiecewiseLinear(edges, levels)
    recording = run(Circuit("adaptation", populations), step, dt=0.1, seed=1, bin_width=_BIN)
    times = (recording.bin_times - _ONSET) * 1000
    rates = [recording.counts[one.name] / (one.size * recording.bin_width) for one in populations]
    return [
        _adaptation_figure(part, times, rates[0], one, (np.array(edges) - _ONSET, levels))
        for part, one in zip(parts, rates[1:], strict=True)
    ]


def _adaptation_figure(part: Adaptation, times: Any, without: Any, adapting: Any, step: Any) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    top.plot(times, without, color="0.6", lw=1.2, label=LIF.name)
    top.plot(times, adapting, color="black", lw=1.2, label=f"{LIF.name} + {part.name}")
    top.set(ylabel="population rate (Hz)", ylim=(0, 1.25 * without.max()))
    top.legend(frameon=False, fontsize=8, loc="upper right")
    top.set_title(f"{part.name}: {_NEURONS} neurons at a step of the input", fontsize=10)
    bottom.plot(step[0] * 1000, step[1], color="tab:blue", lw=1.2)
    bottom.set(xlabel="time from the onset (ms)", ylabel="$\\mu_{ext}$\n(mV/s)", ylim=(0, None))
    bottom.set_xlim(times[0], times[-1])
    return figure


def noise_figures(parts: Sequence[Noise], run: Run) -> list[Any]:
    """A figure of each noise: membranes of leaky neurons with the same input, with and without it, all in one run."""
    neurons = [LEAKY, *(dataclasses.replace(LEAKY + part, name=f"leaky_{k}") for k, part in enumerate(parts))]
    populations = tuple(Population(f"P{k}", _TRACES, neuron) for k, neuron in enumerate(neurons))
    recording = run(
        Circuit("noise", populations), Constant(_INPUT), duration=_SHOWN, dt=0.1, seed=1, spikes=True,
        variables={f"{one.name}.v": range(_TRACES) for one in populations},
        initial={f"{one.name}.v": "-65 mV" for one in populations},
    )  # fmt: skip
    milliseconds = recording.variable_times * 1000
    membranes = [recording.variables[f"{one.name}.v"] * 1000 for one in populations]
    threshold = populations[0].parameters["threshold"].to("mV")
    return [
        _noise_figure(part, milliseconds, (membranes[0][:, 0], membranes[k]), recording.spikes[f"P{k}"], threshold)
        for k, part in enumerate(parts, 1)
    ]


def _noise_figure(part: Noise, milliseconds: Any, membranes: Any, spikes: Any, threshold: float) -> Any:
    from matplotlib.figure import Figure

    quiet, noisy = membranes
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots(noisy.shape[1], 1, sharex=True, sharey=True)
    for number, axis in enumerate(axes):
        axis.plot(milliseconds, noisy[:, number], color="tab:blue", lw=0.8, label=f"with {part.name}")
        axis.plot(milliseconds, quiet, color="black", lw=1.2, label="without")
        axis.axhline(threshold, color="0.6", ls="--", lw=0.8, label="threshold")
        times = spikes[0][spikes[1] == number] * 1000
        axis.plot(times, np.full(len(times), threshold + 3), "|", color="tab:red", ms=8, label="spikes")
        axis.set_xlim(0, milliseconds[-1])
    defaults = ", ".join(f"{one.name} = {one.default}" for one in part.parameters)
    title = f"{part.name}, {defaults},\n{len(axes)} leaky neurons at a constant input of {_INPUT:g} mV/s"
    axes[0].set_title(title, fontsize=10)
    axes[-1].set_xlabel("time (ms)")
    axes[len(axes) // 2].set_ylabel("membrane (mV)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure
