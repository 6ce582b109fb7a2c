"""What plasticity does to the spikes that a synapse transmits: along a train, or over the timing of pairs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import (
    AllToAll,
    Circuit,
    Constant,
    InputPopulation,
    NeuronModel,
    Parameter,
    Plasticity,
    Population,
    Projection,
    Recording,
)
from ssnbrian.models.synapses.current import DELTA
from ssnbrian.workflow.synapse_demonstration import Run, spike_course

_DT = 0.1  # ms
_WEIGHT = 0.01  # mV
_INTEGRATOR = NeuronModel(
    name="integrator",
    equations="dv/dt = mu_ext + mu_synaptic : volt",
    threshold="v > never",
    reset="v = v",
    parameters=(Parameter("never", "mV", "1000 mV", "not reached"),),
    explanation="adds up what it receives",
)
# Spikes lag behind the times n/rate, as often as there are pairs; the half steps keep rounding errors away.
_PACED = dataclasses.replace(
    _INTEGRATOR,
    name="paced",
    equations=f"""{_INTEGRATOR.equations}
since = t - first - lag + 0.5*dt : second
phase = since - floor(since*rate)/rate : second
lag : second (constant)""",
    threshold="since > 0*second and since < pairs/rate and phase < dt",
    parameters=(
        Parameter("rate", "Hz", "10 Hz", "rate of the pairs"),
        Parameter("first", "s", "0.2 s", "time of the first"),
        Parameter("pairs", "1", "60", "how many"),
    ),
)
_TRAIN_RATE, _TRAIN_SPIKES, _PAUSES = 20.0, 12, (0.3, 1.0, 3.0)  # Hz, number, s from the last spike
_RATES = (5.0, 10.0, 20.0, 30.0, 40.0, 50.0)  # Hz, of pairs
_PAIRS, _FIRST, _SHOWN_RATE = 60, 0.2, 10.0  # number, s, Hz
_LAGS = np.round(np.arange(-50, 50.1, 2.5), 6)  # ms, target after source
_LAGS_OVER_RATE = (-10.0, 10.0)  # ms


def is_long_lasting(part: Plasticity) -> bool:
    """Whether postsynaptic spikes change the weight, so that the timing of pairs matters."""
    return bool(part.on_post.strip())


def _onto(targets: Sequence[Population], parts: Sequence[Plasticity]) -> Circuit:
    """One source onto every target, through delta synapses that each have one plasticity."""
    projections = (
        Projection("S", target.name, f"{_WEIGHT} mV", AllToAll(), DELTA + part)
        for target, part in zip(targets, parts, strict=True)
    )
    return Circuit("train", tuple(targets), tuple(projections), Constant(0), inputs=(InputPopulation("S", 1, "0 Hz"),))


def _transmitted(recording: Recording, name: str, times: Sequence[float]) -> np.ndarray:
    """What each source spike at ``times`` (s) transmitted, over the weight, shape (spikes, targets)."""
    steps = np.rint(np.asarray(times) / (_DT / 1000)).astype(int)
    v = recording.variables[name] * 1000
    return (v[steps + 1] - v[steps]) / _WEIGHT


@dataclass(frozen=True)
class TrainResponse:
    """What the spikes of a regular train and after pauses transmit, over the weight; times in s, shapes (spikes,)."""

    times: np.ndarray
    efficacies: np.ndarray
    recovery_times: np.ndarray
    recovered: np.ndarray


def train_responses(parts: Sequence[Plasticity], run: Run) -> list[TrainResponse]:
    """Efficacies along a train of 12 spikes at 20 Hz, and of one spike after a pause; a run for each pause."""
    targets = [Population(f"T{k}", 1, _INTEGRATOR) for k in range(len(parts))]
    circuit = _onto(targets, parts)
    train = np.round(0.05 + np.arange(_TRAIN_SPIKES) / _TRAIN_RATE, 6)
    found: list[np.ndarray] = []
    for pause in _PAUSES:
        times = [*train, train[-1] + pause]
        recording = run(
            circuit, duration=times[-1] + 0.05, dt=_DT, seed=1, input_rates={"S": spike_course(times)},
            initial={f"{one.name}.v": "0 mV" for one in targets}, variables={f"{one.name}.v": [0] for one in targets},
        )  # fmt: skip
        found.append(np.array([_transmitted(recording, f"{one.name}.v", times)[:, 0] for one in targets]))
    sent = np.array(found)  # pauses, targets, spikes
    later = train[-1] + np.array(_PAUSES)
    return [TrainResponse(train, sent[0, k, :-1], later, sent[:, k, -1]) for k in range(len(parts))]


@dataclass(frozen=True)
class PairingResponse:
    """Change of the relative weight by 60 pairs.

    Attributes
    ----------
    lags : target after source, ms, shape (lags,).
    rates : of the pairs, Hz, shape (rates,).
    changes : shape (rates, lags).
    """

    lags: np.ndarray
    rates: np.ndarray
    changes: np.ndarray


def pairing_responses(parts: Sequence[Plasticity], run: Run) -> list[PairingResponse]:
    """Pairs of source and target spikes at each lag and rate; a run for each rate."""
    from brian2 import ms

    changes = []
    for rate in _RATES:
        parameters = {"rate": f"{rate} Hz", "first": f"{_FIRST} s", "pairs": f"{_PAIRS}"}
        targets = [Population(f"T{k}", len(_LAGS), _PACED, parameters=parameters) for k in range(len(parts))]
        # The spike after the last pair shows the weight before it changes it.
        times = np.round(_FIRST + np.arange(_PAIRS + 1) / rate, 4)
        neurons = range(len(_LAGS))
        initial: dict[str, Any] = {f"{one.name}.v": "0 mV" for one in targets}
        recording = run(
            _onto(targets, parts), duration=times[-1] + 0.05, dt=_DT, seed=1, runaway_rate=None,
            initial=initial | {f"{one.name}.lag": _LAGS * ms for one in targets},
            input_rates={"S": spike_course(times)}, variables={f"{one.name}.v": neurons for one in targets},
        )  # fmt: skip
        sent = [_transmitted(recording, f"{one.name}.v", [times[0], times[-1]]) for one in targets]
        changes.append([last - first for first, last in sent])
    return [PairingResponse(_LAGS, np.array(_RATES), one) for one in np.moveaxis(np.array(changes), 1, 0)]


def plasticity_figures(parts: Sequence[Plasticity], run: Run) -> list[Any]:
    """A figure of each plasticity: along a spike train, or over the lag and the rate of pairs."""
    short = [part for part in parts if not is_long_lasting(part)]
    long = [part for part in parts if is_long_lasting(part)]
    figures: dict[str, Any] = {}
    if short:
        trains = zip(short, train_responses(short, run), strict=True)
        figures |= {part.name: _train_figure(part, one) for part, one in trains}
    if long:
        pairings = zip(long, pairing_responses(long, run), strict=True)
        figures |= {part.name: _pairing_figure(part, one) for part, one in pairings}
    return [figures[part.name] for part in parts]


def _train_figure(part: Plasticity, response: TrainResponse) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axis = figure.subplots()
    for times, sent, colour, label in (
        (response.times, response.efficacies, "black", f"train of {_TRAIN_RATE:g} Hz"),
        (response.recovery_times, response.recovered, "tab:red", "one spike after a pause (each its own run)"),
    ):
        axis.vlines(times, 0, sent, color=colour, lw=1.2)
        axis.plot(times, sent, "o", color=colour, ms=4.5, label=label)
    highest = max(response.efficacies.max(), response.recovered.max())
    axis.set(xlabel="time (s)", ylabel="transmitted / weight", ylim=(0, 1.3 * highest))
    axis.set_title(f"{part.name}: efficacy of each presynaptic spike", fontsize=10)
    axis.legend(frameon=False, fontsize=8, loc="upper center", ncols=2)
    return figure


def _pairing_figure(part: Plasticity, response: PairingResponse) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = int(np.flatnonzero(response.rates == _SHOWN_RATE)[0])
    for sign, colour in ((-1, "tab:blue"), (1, "tab:red")):
        side = response.lags * sign > 0
        left.plot(response.lags[side], response.changes[shown, side], "o-", color=colour, ms=3, lw=1)
    left.set(xlabel="lag, target after source (ms)", ylabel="change of the relative weight")
    left.set_title(f"{_PAIRS} pairs at {_SHOWN_RATE:g} Hz", fontsize=10)
    for lag, colour in zip(_LAGS_OVER_RATE, ("tab:blue", "tab:red"), strict=True):
        index = int(np.flatnonzero(np.isclose(response.lags, lag))[0])
        right.plot(response.rates, response.changes[:, index], "o-", color=colour, ms=4, lw=1, label=f"{lag:+g} ms")
    right.set(xlabel="rate of the pairs (Hz)")
    right.set_title(f"{_PAIRS} pairs over their rate", fontsize=10)
    right.legend(frameon=False, fontsize=8, title="lag", title_fontsize=8)
    for axis in (left, right):
        axis.axhline(0, color="0.8", lw=0.8, zorder=0)
    left.axvline(0, color="0.8", lw=0.8, zorder=0)
    figure.suptitle(part.name, fontsize=10)
    return figure
