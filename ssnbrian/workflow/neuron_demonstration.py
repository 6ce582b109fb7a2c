"""What a neuron does at a step of its input: membrane, spikes, and the steady rate over the input without noise."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import Circuit, NeuronModel, PiecewiseLinear, Population, Recording

Run = Callable[..., Recording]

_LEVEL = "demonstrated_level"
_DT = 0.05  # ms
_LEVELS, _LOWEST, _HIGHEST = 49, 20.0, 5e5  # mV/s, of the first search
_REPEATS = 4
_TRACED = _LEVELS * _REPEATS  # the neuron whose membrane is shown, where it has no noise
_ONSET, _LENGTH, _MEASURED, _SHOWN = 0.3, 1.0, 0.6, 0.3  # s: start and length of the step, its end that is measured
_TOP_RATE, _TRACE_RATE = 100.0, 25.0  # Hz


@dataclass(frozen=True)
class StepResponse:
    """Response of one neuron to steps of mu_ext.

    Attributes
    ----------
    level : step of the trace, mV/s.
    times, membrane : s from the onset of the step, and mV, shape (samples,); the neuron has its own noise here.
    spikes : s from the onset, shape (spikes,).
    levels, rates : steps in mV/s and rates in Hz from 0.4 s after their onset on, shape (levels,), without noise.
    """

    level: float
    times: np.ndarray
    membrane: np.ndarray
    spikes: np.ndarray
    levels: np.ndarray
    rates: np.ndarray


def _stepped(model: NeuronModel) -> NeuronModel:
    """The model with its input scaled for each neuron."""
    equations = re.sub(r"\bmu_ext\b", f"({_LEVEL}*mu_ext)", model.equations)
    return dataclasses.replace(model, equations=f"{equations}\n{_LEVEL} : 1 (constant)")


def _circuit(models: Sequence[NeuronModel]) -> Circuit:
    populations = []
    for number, model in enumerate(models):
        neuron = dataclasses.replace(_stepped(model), name=f"{model.name}_{number}")
        silent = {} if model.noise is None else {model.noise: "0 mV/sqrt(s)"}
        populations.append(Population(f"F{number}", _TRACED + 1, neuron, parameters=silent))
        if model.noise is not None:
            populations.append(Population(f"T{number}", 1, neuron))
    return Circuit("demonstration", tuple(populations))


def _steady_rates(recording: Recording, name: str) -> np.ndarray:
    """Rate at each level, from the intervals between the spikes at the end of the step, or from their count."""
    times, neurons = recording.spikes[name]
    late = times > _ONSET + _LENGTH - _MEASURED
    rates = np.zeros(_LEVELS)
    for level in range(_LEVELS):
        trains = [times[late & (neurons == level * _REPEATS + one)] for one in range(_REPEATS)]
        span = sum(float(train[-1] - train[0]) for train in trains if len(train) > 1)
        intervals = sum(len(train) - 1 for train in trains if len(train) > 1)
        spikes = sum(len(train) for train in trains)
        rates[level] = intervals / span if intervals >= 2 * _REPEATS else spikes / (_MEASURED * _REPEATS)
    return rates


def step_responses(models: Sequence[NeuronModel], run: Run) -> list[StepResponse]:
    """Responses of neurons with their default parameters, from two runs of one circuit.

    ``run`` is :func:`ssnbrian.engine.simulate.simulate` with a target and a cache. The first run finds the inputs at
    which each neuron fires; in the second they go from 0 to the one that gives 100 Hz (or the highest rate).
    """
    circuit, count = _circuit(models), len(models)
    step = PiecewiseLinear([0, _ONSET, _ONSET, _ONSET + _LENGTH], [0, 0, 1, 1])
    recorded = {f"{_traced(k, one)}.{one.membrane}": [_index(one)] for k, one in enumerate(models)}

    def simulated(levels: Sequence[np.ndarray], steps: Sequence[float]) -> Recording:
        scales = zip(levels, steps, strict=True)
        initial = {f"F{k}.{_LEVEL}": np.append(np.repeat(one, _REPEATS), last) for k, (one, last) in enumerate(scales)}
        noisy = {f"T{k}.{_LEVEL}": one for k, one in enumerate(steps) if models[k].noise is not None}
        return run(
            circuit, step, duration=_ONSET + _LENGTH, dt=_DT, seed=1, spikes=True, variables=recorded,
            initial=initial | noisy, runaway_rate=None,
        )  # fmt: skip

    search = np.geomspace(_LOWEST, _HIGHEST, _LEVELS)
    found = simulated([search] * count, [0.0] * count)
    chosen = [_chosen(search, _steady_rates(found, f"F{k}")) for k in range(count)]
    recording = simulated([np.linspace(0, top, _LEVELS) for top, _ in chosen], [level for _, level in chosen])
    return [
        _response(recording, k, model, level, np.linspace(0, top, _LEVELS))
        for k, (model, (top, level)) in enumerate(zip(models, chosen, strict=True))
    ]


def _traced(number: int, model: NeuronModel) -> str:
    """The population with the neuron whose membrane is shown."""
    return f"F{number}" if model.noise is None else f"T{number}"


def _index(model: NeuronModel) -> int:
    return _TRACED if model.noise is None else 0


def _chosen(levels: np.ndarray, rates: np.ndarray) -> tuple[float, float]:
    """The largest step of the curve and the step of the trace."""
    high, firing = np.flatnonzero(rates >= _TOP_RATE), np.flatnonzero(rates >= _TRACE_RATE)
    top = int(high[0]) if len(high) else int(np.argmax(rates)) if rates.any() else len(levels) // 2
    return float(levels[top]), float(levels[firing[0] if len(firing) and firing[0] <= top else top])


def _response(recording: Recording, number: int, model: NeuronModel, step: float, levels: np.ndarray) -> StepResponse:
    name = _traced(number, model)
    times, neurons = recording.spikes[name]
    return StepResponse(
        step,
        recording.variable_times - _ONSET,
        recording.variables[f"{name}.{model.membrane}"][:, 0] * 1000,
        times[neurons == _index(model)] - _ONSET,
        levels,
        _steady_rates(recording, f"F{number}"),
    )


def neuron_figures(models: Sequence[NeuronModel], run: Run) -> list[Any]:
    """A figure of each neuron: its membrane at a step of the input, and the rate over the input."""
    return [_figure(model, one) for model, one in zip(models, step_responses(models, run), strict=True)]


def _figure(model: NeuronModel, response: StepResponse) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 6.2), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, height_ratios=[3, 0.8, 2.6])
    shown = (response.times > -0.05) & (response.times < _SHOWN)
    milliseconds = response.times[shown] * 1000
    spikes = response.spikes[(response.spikes > -0.05) & (response.spikes < _SHOWN)] * 1000
    top.plot(milliseconds, response.membrane[shown], color="black", lw=0.9)
    low, high = response.membrane[shown].min(), response.membrane[shown].max()
    room = max(high - low, 1e-9)
    top.eventplot([spikes], lineoffsets=high + 0.14 * room, linelengths=0.1 * room, colors="tab:red", linewidths=1)
    top.set(ylabel="membrane (mV)", ylim=(low - 0.06 * room, high + 0.26 * room))
    top.set_title(f"{model.name}: a step of the input, spikes in red", fontsize=10)
    factor, unit = (1000, "mV/ms") if response.levels[-1] > 2000 else (1, "mV/s")
    middle.plot(milliseconds, np.where(milliseconds > 0, response.level / factor, 0), color="tab:blue", lw=1.2)
    middle.set(xlabel="time from the onset (ms)", ylabel=f"input\n({unit})")
    for axis in (top, middle):
        axis.set_xlim(milliseconds[0], milliseconds[-1])
    top.tick_params(labelbottom=False)
    bottom.plot(response.levels / factor, response.rates, "o-", color="black", ms=2.5, lw=1)
    bottom.axvline(response.level / factor, color="tab:blue", ls=":", lw=1.2, label="the step above")
    noise = "" if model.noise is None else f", {model.noise} = 0"
    bottom.set(xlabel=rf"constant input $\mu_{{ext}}$ ({unit})", ylabel="firing rate (Hz)", ylim=(-2, None))
    bottom.set_title(f"F–I curve, steady{noise}", fontsize=10)
    bottom.legend(frameon=False, fontsize=8, loc="lower right")
    return figure
