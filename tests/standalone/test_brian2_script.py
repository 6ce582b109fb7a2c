"""``show CIRCUIT --brian2``: a script that needs Brian2 alone and gives the same network, for every kind of part."""

import dataclasses
import re

import numpy as np
from children import run_python
from ssnbrian.models.adaptation import SPIKE_ADAPTATION
from ssnbrian.models.library import ADAPTATION, NEURONS, PLASTICITY, SYNAPSES
from ssnbrian.models.neurons.integrate_and_fire import LEAKY
from ssnbrian.models.neurons.kicks import INTEGER_KICKS, KICK_CONDUCTANCE
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.noise import WHITE_NOISE
from ssnbrian.models.plasticity.short_term import DEPRESSION
from ssnbrian.models.synapses.current import DELTA
from ssnbrian.models.synapses.kicks import PENDING_CONDUCTANCE_INHIBITORY, PENDING_KICKS

from ssnbrian.circuit import (
    AllToAll,
    Annealed,
    Bernoulli,
    Circuit,
    Constant,
    FixedInDegree,
    InputPopulation,
    Population,
    Projection,
)
from ssnbrian.engine.script import brian2_script
from ssnbrian.engine.simulate import simulate

DURATION = 0.06


def without_chance(neuron):
    """The neuron from a fixed initial state; None when its course or its spikes are random."""
    if neuron.noise is not None or "rand" in neuron.threshold + neuron.equations:
        return None
    initial = tuple((variable, text.replace("rand()", "0.25")) for variable, text in neuron.initial)
    return dataclasses.replace(neuron, name=f"{neuron.name}_fixed", initial=initial)


def deterministic():
    """Every neuron, synapse, plasticity and adaptation of the library that has no random numbers."""
    leaky = without_chance(LEAKY)
    adapting = leaky
    for part in ADAPTATION.values():
        adapting = adapting + part
    neurons = [adapting, *filter(None, map(without_chance, NEURONS))]
    targets = [Population(f"T{k}", 2, neuron, "inhibitory") for k, neuron in enumerate(neurons)]
    parts, projections, sources = [*PLASTICITY.values(), None], [], {}
    certain = [model for model in SYNAPSES if "poisson" not in model.target_equations]
    for k in range(max(len(parts), len(certain))):
        synapse, part = certain[k % len(certain)], parts[k % len(parts)]
        kind = "inhibitory" if "inhibitory" in synapse.name else "excitatory"
        name = f"S{k // len(targets)}_{kind}"
        sources[name] = Population(name, 2, leaky, kind, {"tau": "24 ms"})
        delays = {"delay_low": "1 ms", "delay_high": "1 ms"} if synapse.delay else {}
        model = synapse if part is None else synapse + part
        projections.append(Projection(name, f"T{k % len(targets)}", "0.3 mV", AllToAll(), model, delays))
    return [*targets, *sources.values()], projections


def random():
    """Noise, inputs and kicks: 800 neurons each, of which two share at most a hundredth of their inputs."""
    lif = {"sigma": "40 mV/sqrt(s)", "threshold": "15 mV"}
    populations = [
        Population("L", 800, LIF + SPIKE_ADAPTATION, parameters=lif),
        Population("M", 800, LEAKY + WHITE_NOISE, parameters={"sigma": "40 mV/sqrt(s)"}),
        Population("P", 800, LEAKY + SPIKE_ADAPTATION),
        Population("K", 800, INTEGER_KICKS),
        Population("C", 800, KICK_CONDUCTANCE, "inhibitory"),
    ]
    inputs = [InputPopulation("X", 40_000, "40 Hz"), InputPopulation("Y", 40_000, "10 Hz", "inhibitory")]
    projections = [
        Projection("X", "P", "1 mV", FixedInDegree(40), DELTA + DEPRESSION),
        Projection("Y", "P", "0.5 mV", Bernoulli(0.0005), DELTA),
        Projection("L", "L", "0.05 mV", FixedInDegree(20), DELTA + DEPRESSION),
        Projection("K", "C", "1 mV", Annealed(0.02), PENDING_KICKS),
        Projection("C", "K", "2 mV", Annealed(0.02), PENDING_CONDUCTANCE_INHIBITORY),
    ]
    return populations, inputs, projections


def run_script(circuit, folder, traced, counted):
    """Run the script on Brian2's numpy target with monitors; returns membranes and counts by population."""
    script = brian2_script(circuit)
    assert "ssnbrian" not in script
    script = re.sub(r"set_device\(.*", "prefs.codegen.target = 'numpy'", script)
    before = [f"v_{name} = StateMonitor(neurons_{name}, 'v', record=True)" for name in traced]
    before += [f"spikes_{name} = SpikeMonitor(neurons_{name}, record=False)" for name in counted]
    saved = [f"{name}=v_{name}.v" for name in traced] + [f"{name}=spikes_{name}.count[:]" for name in counted]
    after = f"import numpy\nnumpy.savez('result.npz', {', '.join(saved)})"
    script = re.sub(r"run\(.*", "\n".join([*before, f"run({DURATION}*second)", after]), script)
    (folder / "script.py").write_text(script, encoding="utf-8")
    run_python([folder / "script.py"], folder)
    with np.load(folder / "result.npz") as data:
        return dict(data)


def test_every_part_runs_by_itself_and_gives_the_same_network(tmp_path):
    """Traces without chance are the same; rates with it (two seeds) agree within 4 standard errors."""
    fixed, fixed_projections = deterministic()
    noisy, inputs, noisy_projections = random()
    projections = (*fixed_projections, *noisy_projections)
    circuit = Circuit("script", (*fixed, *noisy), projections, Constant(1000), 7.0, inputs=tuple(inputs))
    traced, counted = [one.name for one in fixed], [one.name for one in noisy]
    theirs = run_script(circuit, tmp_path, traced, counted)
    variables = {f"{name}.v": [0, 1] for name in traced}
    settings = {"spikes": True, "runaway_rate": None, "target": "numpy"}
    ours = simulate(circuit, duration=DURATION, seed=2, variables=variables, **settings)
    for name in traced:
        trace = ours.variables[f"{name}.v"]
        assert trace.shape == theirs[name].T.shape == (round(DURATION * 1e4), 2)
        np.testing.assert_allclose(theirs[name].T, trace, rtol=1e-9, atol=1e-12, err_msg=name)
        assert len(ours.spikes[name][0]) >= 2, name
    for name in counted:
        first, second = theirs[name], ours.neuron_counts[name]
        error = np.sqrt((first.var() + second.var()) * (1 / 800 + 1 / 1000))
        assert first.mean() > 1, name
        assert 0 < error < 0.1 * first.mean(), name
        assert abs(first.mean() - second.mean()) < 4 * error, name
