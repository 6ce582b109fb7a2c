"""What a synapse does: the postsynaptic potential of one spike, and how plasticity changes what spikes transmit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import (
    AllToAll,
    Circuit,
    Constant,
    Course,
    Drive,
    InputPopulation,
    NeuronModel,
    Parameter,
    Population,
    Projection,
    Recording,
    SynapseModel,
)

Run = Callable[..., Recording]

_DT = 0.1  # ms
_SPIKE, _END = 0.02, 0.22  # s
_POTENTIALS = (-75.0, -55.0)  # mV
_WEIGHT = 1.0  # mV

# A membrane that rests where each neuron is told to, and never spikes.
_HELD = NeuronModel(
    name="held",
    equations="dv/dt = (held - v)/tau + mu_ext + mu_synaptic : volt\nheld : volt (constant)",
    threshold="v > never",
    reset="v = v",
    parameters=(Parameter("tau", "ms", "20 ms", "time constant"), Parameter("never", "mV", "1000 mV", "not reached")),
)


@dataclass(frozen=True)
class PostsynapticPotential:
    """Response to one spike at two potentials of the membrane.

    Attributes
    ----------
    times : s from the arrival of the spike, shape (samples,).
    potentials : of the resting membrane, mV, shape (2,).
    membrane : deviation from rest, mV, shape (samples, 2).
    current : input ``mu_synaptic``, mV/s, shape (samples, 2); None for a synapse that moves the membrane at once.
    weight : signed, mV.
    """

    times: np.ndarray
    potentials: tuple[float, ...]
    membrane: np.ndarray
    current: np.ndarray | None
    weight: float


def spike_course(times: Iterable[float], dt: float = _DT) -> Drive:
    """Rate of a Poisson process that spikes in the steps (``dt`` in ms) that begin at ``times`` (s, above 0) only."""
    step = dt / 1000
    certain = 1 / step
    knots = [(0.0, 0.0)]
    for time in times:
        start, end = time, time + step
        knots += [(start, 0.0), (start, certain), (end, certain), (end, 0.0)]
    moments, rates = zip(*knots, strict=True)
    return Course(moments, rates, "Hz")


def kind_of(synapse: SynapseModel) -> str:
    """'inhibitory' for a conductance that pulls below its reference potential, 'excitatory' for every other synapse."""
    defaults = {one.name: one for one in synapse.parameters}
    if not {"reversal", "reference"} <= set(defaults):
        return "excitatory"
    values = Projection("S", "T", "0 mV", AllToAll(), synapse).parameters
    return "inhibitory" if values["reversal"].si < values["reference"].si else "excitatory"


def postsynaptic_potentials(synapses: Sequence[SynapseModel], run: Run) -> list[PostsynapticPotential]:
    """One spike through each synapse with its default parameters, all in one run."""
    from brian2 import mV

    inputs, populations, projections = [], [], []
    variables: dict[str, Sequence[int]] = {}
    initial: dict[str, Any] = {}
    for k, synapse in enumerate(synapses):
        inputs.append(InputPopulation(f"S{k}", 1, "0 Hz", kind_of(synapse)))
        populations.append(Population(f"T{k}", len(_POTENTIALS), _HELD))
        projections.append(Projection(f"S{k}", f"T{k}", f"{_WEIGHT} mV", AllToAll(), synapse))
        held = np.array(_POTENTIALS) * mV
        initial |= {f"T{k}.held": held, f"T{k}.v": held}
        variables |= {f"T{k}.v": range(len(_POTENTIALS))}
        variables |= {f"T{k}.mu_synaptic": range(len(_POTENTIALS))} if synapse.current else {}
    circuit = Circuit("potentials", tuple(populations), tuple(projections), Constant(0), inputs=tuple(inputs))
    recording = run(
        circuit, duration=_END, dt=_DT, seed=1, variables=variables, initial=initial,
        input_rates={one.name: spike_course([_SPIKE]) for one in inputs},
    )  # fmt: skip
    found = []
    for k, synapse in enumerate(synapses):
        membrane = recording.variables[f"T{k}.v"] * 1000
        current = recording.variables[f"T{k}.mu_synaptic"] * 1000 if synapse.current else None
        times = recording.variable_times - _SPIKE
        weight = _WEIGHT * inputs[k].sign
        found.append(PostsynapticPotential(times, _POTENTIALS, membrane - _POTENTIALS, current, weight))
    return found


def synapse_figures(synapses: Sequence[SynapseModel], run: Run) -> list[Any]:
    """A figure of each synapse: the postsynaptic potential, and the input where it has a course in time."""
    found = postsynaptic_potentials(synapses, run)
    return [_figure(synapse, one) for synapse, one in zip(synapses, found, strict=True)]


def _figure(synapse: SynapseModel, response: PostsynapticPotential) -> Any:
    from matplotlib.figure import Figure

    rows = 1 if response.current is None else 2
    figure = Figure(figsize=(6.4, 2.2 + 1.9 * rows), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    courses = [response.membrane] if response.current is None else [response.current, response.membrane]
    labels = [r"input $\mu_{synaptic}$ (mV/s)", "membrane – rest (mV)"][-rows:]
    for axis, course, label in zip(axes, courses, labels, strict=True):
        for k, (potential, colour) in enumerate(zip(response.potentials, ("tab:blue", "tab:orange"), strict=True)):
            style = {"lw": 3.2, "alpha": 0.55} if k == 0 else {"lw": 1.3}
            axis.plot(response.times * 1000, course[:, k], color=colour, label=f"at {potential:g} mV", **style)
        axis.axhline(0, color="0.8", lw=0.8, zorder=0)
        axis.set_ylabel(label)
    axes[-1].set(xlabel="time after the spike (ms)", xlim=(-10, (_END - _SPIKE) * 1000))
    axes[0].legend(frameon=False, fontsize=8, title="membrane at rest", title_fontsize=8)
    axes[0].set_title(f"{synapse.name}: one spike of weight {response.weight:g} mV", fontsize=10)
    return figure
