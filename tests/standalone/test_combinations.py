"""Any membrane takes any synapse with any plasticity, adaptation and noise that the library offers."""

import dataclasses
import itertools

import pytest
from ssnbrian.models.library import ADAPTATION, NEURONS, NOISE, PLASTICITY, SYNAPSES

from ssnbrian.circuit import (
    Circuit,
    Constant,
    FixedInDegree,
    InputPopulation,
    InvalidInputError,
    Population,
    Projection,
    circuit_from_toml,
    circuit_to_toml,
)
from ssnbrian.engine.simulate import check_models, simulate

STEP = 1e-4


#: Neurons that make their own upstroke: no threshold of theirs can be raised.
UPSTROKES = ("exponential_if", "quadratic_if", "adex", "izhikevich", "hodgkin_huxley")


def with_all_parts(neuron):
    """The neuron with every adaptation that fits and, where it has none, noise."""
    for part in ADAPTATION.values():
        if part.adds_to != "threshold" or neuron.name.split("_with_")[0] not in UPSTROKES:
            neuron = neuron + part
    return neuron if neuron.noise is not None else neuron + NOISE["white_noise"]


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
@pytest.mark.parametrize("part", [part for part in ADAPTATION.values() if part.adds_to == "threshold"])
def test_only_a_threshold_with_a_reset_rises(neuron, part):
    if neuron.name in UPSTROKES:
        with pytest.raises(InvalidInputError, match=f"{part.name} does not fit neuron {neuron.name}.*own upstroke"):
            neuron + part
    else:
        raised = neuron + part
        assert f"threshold + {part.term}" in raised.threshold + raised.equations
        assert raised.initial[: len(neuron.initial)] == neuron.initial


def test_an_adaptation_says_what_it_adds_to():
    with pytest.raises(InvalidInputError, match="adds to 'membrane' or to 'threshold', not to 'reset'"):
        dataclasses.replace(ADAPTATION["threshold_adaptation"], adds_to="reset")


PLASTICITIES = (None, *PLASTICITY.values())
#: A spike leaves a whole kick there, whatever the weight: nothing that plasticity could change from spike to spike.
COUNTING = [model for model in SYNAPSES if model.name.startswith("pending_")]
WEIGHTED = [model for model in SYNAPSES if model not in COUNTING]


@pytest.mark.parametrize("synapse", COUNTING, ids=lambda synapse: synapse.name)
def test_whole_kicks_have_no_plasticity(synapse):
    for part in PLASTICITY.values():
        with pytest.raises(InvalidInputError, match=f"{part.name} does not fit synapse {synapse.name}: its on_pre has"):
            synapse + part


def joined(synapse, plasticity):
    return synapse if plasticity is None else synapse + plasticity


def kind_of(synapse):
    return "inhibitory" if "inhibitory" in synapse.name else "excitatory"


def receiving(neuron, models):
    """A circuit in which a neuron receives every one of the synapses, each from its own source."""
    inputs = [InputPopulation(f"X{k}", 3, "50 Hz", kind_of(model)) for k, model in enumerate(models)]
    projections = [Projection(f"X{k}", "E", "0.01 mV", FixedInDegree(2), model) for k, model in enumerate(models)]
    return Circuit("everything", (Population("E", 4, neuron),), tuple(projections), Constant(1), inputs=tuple(inputs))


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
def test_every_combination_fits(neuron):
    models = [*COUNTING, *(joined(*pair) for pair in itertools.product(WEIGHTED, PLASTICITIES))]
    assert len(models) >= 4 + 6 * 8
    circuit = receiving(with_all_parts(neuron), models)
    assert circuit_from_toml(circuit_to_toml(circuit)) == circuit
    check_models(circuit)


def synapse_of(neuron, plasticity):
    """Over all neurons every plasticity meets every synapse, and over all plasticities every neuron does."""
    return WEIGHTED[(neuron + plasticity) % len(WEIGHTED)]


def test_the_walk_meets_all_pairs():
    walked = list(itertools.product(range(len(NEURONS)), range(len(PLASTICITIES))))
    assert len({(synapse_of(*one).name, one[1]) for one in walked}) == len(WEIGHTED) * len(PLASTICITIES)
    assert len({(synapse_of(*one).name, one[0]) for one in walked}) == len(WEIGHTED) * len(NEURONS)


@pytest.mark.parametrize("number", range(len(NEURONS)), ids=[neuron.name for neuron in NEURONS])
def test_all_pairs_run(number):
    models = COUNTING + [joined(synapse_of(number, k), plasticity) for k, plasticity in enumerate(PLASTICITIES)]
    recording = simulate(receiving(with_all_parts(NEURONS[number]), models), duration=STEP, seed=1, target="numpy")
    assert recording.completed


SAMPLE = ((0, 3, "depression"), (3, 4, "tsodyks_markram"), (6, 5, "pair_stdp"), (8, 2, "triplet_stdp"))


@pytest.mark.parametrize(("neuron", "synapse", "plasticity"), SAMPLE)
def test_a_sample_runs_compiled(build_cache, neuron, synapse, plasticity):
    neuron, synapse = with_all_parts(NEURONS[neuron]), WEIGHTED[synapse] + PLASTICITY[plasticity]
    population = Population("E", 20, neuron, kind_of(WEIGHTED[0]))
    population = dataclasses.replace(population, kind=kind_of(synapse))
    projection = Projection("E", "E", "0.01 mV", FixedInDegree(5), synapse)
    recording = simulate(
        Circuit("sample", (population,), (projection,)), Constant(100), duration=0.05, seed=1, cache=build_cache
    )
    assert recording.completed
