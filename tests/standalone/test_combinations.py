"""Any membrane takes any synapse with any plasticity, adaptation and noise that the library offers."""

import dataclasses

import pytest
from ssnbrian.models.library import ADAPTATION, NEURONS, NOISE, PLASTICITY, SYNAPSES

from ssnbrian.circuit import (
    Circuit,
    Constant,
    FixedInDegree,
    InputPopulation,
    Population,
    Projection,
    circuit_from_toml,
    circuit_to_toml,
)
from ssnbrian.engine.simulate import simulate

STEP = 1e-4


def with_all_parts(neuron):
    """The neuron with every adaptation and, where it has none, noise."""
    for part in ADAPTATION.values():
        neuron = neuron + part
    return neuron if neuron.noise is not None else neuron + NOISE["white_noise"]


def synapses():
    """Every synapse alone and with every plasticity."""
    for synapse in SYNAPSES:
        yield synapse
        yield from (synapse + part for part in PLASTICITY.values())


def kind_of(synapse):
    return "inhibitory" if "inhibitory" in synapse.name else "excitatory"


def everything_onto(neuron):
    """A circuit in which a neuron receives every synapse with every plasticity, each from its own source."""
    models = list(synapses())
    inputs = [InputPopulation(f"X{k}", 3, "50 Hz", kind_of(model)) for k, model in enumerate(models)]
    projections = [Projection(f"X{k}", "E", "0.01 mV", FixedInDegree(2), model) for k, model in enumerate(models)]
    return Circuit("everything", (Population("E", 4, neuron),), tuple(projections), Constant(1), inputs=tuple(inputs))


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
def test_every_combination_runs(neuron):
    assert len(SYNAPSES) >= 6
    assert len(PLASTICITY) >= 7
    circuit = everything_onto(with_all_parts(neuron))
    assert len(circuit.projections) == len(SYNAPSES) * (1 + len(PLASTICITY))
    assert circuit_from_toml(circuit_to_toml(circuit)) == circuit
    recording = simulate(circuit, duration=STEP, seed=1, target="numpy")
    assert recording.completed


SAMPLE = ((0, 3, "depression"), (3, 4, "tsodyks_markram"), (6, 5, "pair_stdp"), (8, 2, "triplet_stdp"))


@pytest.mark.parametrize(("neuron", "synapse", "plasticity"), SAMPLE)
def test_a_sample_runs_compiled(build_cache, neuron, synapse, plasticity):
    neuron, synapse = with_all_parts(NEURONS[neuron]), SYNAPSES[synapse] + PLASTICITY[plasticity]
    population = Population("E", 20, neuron, kind_of(SYNAPSES[0]))
    population = dataclasses.replace(population, kind=kind_of(synapse))
    projection = Projection("E", "E", "0.01 mV", FixedInDegree(5), synapse)
    recording = simulate(
        Circuit("sample", (population,), (projection,)), Constant(100), duration=0.05, seed=1, cache=build_cache
    )
    assert recording.completed
