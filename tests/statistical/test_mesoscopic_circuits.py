"""The population models of the library's circuits, and what the command makes of them."""

import dataclasses
import json

import numpy as np
import pytest
from ssnbrian.analysis.mesoscopic import drive_in_steps, mesoscopic_refusal, network_of, network_rates, simulate
from ssnbrian.models.adaptation import SPIKE_ADAPTATION, THRESHOLD_ADAPTATION
from ssnbrian.models.circuits.finite_size import column
from ssnbrian.models.library import CIRCUITS, find_circuit
from ssnbrian.models.neurons.integrate_and_fire import ESCAPE_NOISE
from ssnbrian.models.plasticity.short_term import DEPRESSION
from ssnbrian.models.synapses.current import ALPHA, DELTA, EXPONENTIAL

from ssnbrian.circuit import Circuit, Constant, FixedInDegree, Population, Projection
from ssnbrian.cli.main import main

pytestmark = pytest.mark.xdist_group("mesoscopic")
#: Hz, of the public simulation of Schwalger, Deger, Gerstner 2017 at full size.
COLUMN_RATES = (0.971, 2.858, 4.680, 5.658, 8.147, 9.038, 0.991, 7.542)

_RISING = ESCAPE_NOISE + THRESHOLD_ADAPTATION
RISE_IN_MEMBRANE = dataclasses.replace(
    _RISING, name="other", equations=_RISING.equations.replace("mu_ext", "mu_ext - threshold_rise/tau")
)


def circuit(neuron=ESCAPE_NOISE, synapse=EXPONENTIAL, **parameters):
    populations = (Population("E", 100, neuron, "excitatory"), Population("I", 50, ESCAPE_NOISE, "inhibitory"))
    projections = (
        Projection("E", "I", "0.2 mV", FixedInDegree(20), synapse, parameters),
        Projection("I", "E", "0.5 mV", FixedInDegree(10), DELTA),
    )
    return Circuit("small", populations, projections, Constant(700))


def test_the_numbers_of_a_circuit():
    network = network_of(circuit(tau_synapse="4 ms", delay_low="2 ms", delay_high="2 ms"))
    # 20 of 100 sources, 0.2 mV each; 10 of 50, -0.5 mV each.
    assert network.weights == pytest.approx(np.array([[0, -0.1], [0.04, 0]]))
    assert network.tau_synapse == pytest.approx(np.array([[0, 0], [0.004, 0]]))
    assert network.delays == pytest.approx(np.array([[0, 0], [0.002, 0]]))
    neuron = network.neurons[0]
    # The library's neuron: rest and reset -65 mV, 100 Hz at -50 mV over a width of 2 mV, 2 ms, 20 ms.
    at_reset = neuron.escape_rate * np.exp((neuron.reset - neuron.threshold) / neuron.escape_width)
    assert at_reset == pytest.approx(100 * np.exp(-15 / 2), rel=1e-12)
    assert (neuron.tau, neuron.refractory, neuron.reset, neuron.escape_width) == pytest.approx((0.02, 0.002, 0, 2))


def test_another_text_of_the_same_neuron():
    text = """dv/dt = mu_synaptic + mu_ext - (v - rest)/tau : volt (unless refractory)
risk = escape_rate*exp(-(threshold - v)/escape_width) : hertz"""
    other = dataclasses.replace(ESCAPE_NOISE, name="other", equations=text, threshold="rand() < 1-exp(-risk*dt)")
    one, two = (network_of(circuit(neuron)).neurons[0] for neuron in (ESCAPE_NOISE, other))
    assert dataclasses.astuple(one)[:6] == pytest.approx(dataclasses.astuple(two)[:6], rel=1e-12)


def test_a_rising_threshold_is_adaptation():
    neuron = network_of(circuit(ESCAPE_NOISE + THRESHOLD_ADAPTATION)).neurons[0]
    assert neuron.adaptation_amplitudes == pytest.approx((0.1,))  # mV s
    assert neuron.adaptation_times == pytest.approx((0.1,))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (circuit(synapse=ALPHA), "neither jumps nor exponential"),
        (circuit(synapse=DELTA + DEPRESSION), "plastic or conductances"),
        (circuit(delay_high="3 ms"), "delays between 0 and 3 ms"),
        (circuit(dataclasses.replace(ESCAPE_NOISE, name="other", reset="v -= 10*mV")), "are not leaky integrate"),
        (circuit(ESCAPE_NOISE + SPIKE_ADAPTATION), "are not leaky integrate"),
        (circuit(RISE_IN_MEMBRANE), "are not leaky integrate"),
        (find_circuit("supersaturating"), "are not leaky integrate-and-fire"),
    ],
)
def test_what_is_refused(changed, words):
    assert words in mesoscopic_refusal(changed)


def test_circuits_with_a_population_model():
    found = {name for name, make in CIRCUITS.items() if mesoscopic_refusal(make()) is None}
    assert {
        "escape_lif",
        "escape_ei",
        "escape_ei_adapting",
        "winner_take_all",
        "winner_take_all_adapting",
        "column",
    } <= found


def test_the_column_at_full_size():
    """2 s at seed 5 with standard errors from 20 batches, against a simulation of standard errors up to 1 %."""
    one = column()
    network = network_of(one)
    assert network.sizes.sum() == 77_169
    drives = {population.name: one.drive for population in one.populations}
    duration, dt = 3.0, 2e-4
    run = simulate(network, duration, dt, 5, drive=drive_in_steps(one, drives, duration, dt))
    activity = run.activity[0, :, round(1 / dt) :].reshape(8, 20, -1).mean(axis=2)
    errors = activity.std(axis=1, ddof=1) / np.sqrt(20)
    # The step of 0.2 ms lowers rates in the first order: less than 1 %.
    allowed = 4 * errors + 0.02 * np.array(COLUMN_RATES)
    assert np.all(np.abs(activity.mean(axis=1) - COLUMN_RATES) < allowed), activity.mean(axis=1)
    assert not run.clips.any()
    steady = network_rates(network, np.zeros(8), dt)
    assert steady == pytest.approx(np.array(COLUMN_RATES), rel=0.05)


def mesoscopic(capsys, *words):
    code = main(["mesoscopic", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command(capsys):
    code, out, err = mesoscopic(capsys, "escape_lif", "--duration", "6", "--seed", "3", "--spectrum", "--json")
    assert code == 0, err
    data = json.loads(out)
    assert (data["model"], data["seed"], data["duration"]) == ("sie", 3, 6.0)
    # The law of the step at 0.1 ms has a rate of 46.46 Hz; four standard errors.
    assert abs(data["rates"]["E"] - 46.46) < 4 * data["standard_errors"]["E"]
    assert data["mass"]["mean"]["E"] == pytest.approx(1, abs=0.01)
    assert data["mass"]["sd"]["E"] == pytest.approx(0.0201, rel=0.2)
    assert data["clips"] == {"E": 0}
    spectrum = data["spectra"]["E"]
    assert len(spectrum["frequencies"]) == len(spectrum["power"]) > 100
    # Regular spikes: the power at the rate stands far above that at low frequencies.
    power = dict(zip(spectrum["frequencies"], spectrum["power"], strict=True))
    assert power[46.0] > 5 * power[10.0]
    code, text, _ = mesoscopic(capsys, "escape_lif", "--duration", "1", "--model", "macro")
    assert code == 0
    assert "escape_lif: macro, 1 s" in text


def test_turns_of_two_populations(capsys):
    code, out, err = mesoscopic(capsys, "winner_take_all_adapting", "--duration", "60", "--dt", "0.2", "--json")
    assert code == 0, err
    turns = json.loads(out)["dwell_times"]
    # Adaptation makes the turns regular: their coefficient of variation is far below 1.
    assert turns["count"] > 10
    assert turns["cv"] < 0.6


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["adex_ei"], "are not leaky integrate-and-fire neurons with an exponential escape rate"),
        (["escape_lif", "--dt", "0"], "--dt must be positive"),
        (["escape_lif", "--discard", "9", "--duration", "2"], "--discard must lie between"),
        (["escape_ei", "--ramp", "1:2", "--mu", "3"], "exclude each other"),
    ],
)
def test_wrong_input(capsys, words, sentence):
    code, out, err = mesoscopic(capsys, *words)
    assert (code, out) == (2, "")
    assert sentence in err
