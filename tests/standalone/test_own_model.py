"""A user's own neuron, synapse and plasticity, in Python or a file, take part in everything; wrong ones are refused."""

import json

import pytest

from ssnbrian.circuit import (
    Circuit,
    Constant,
    FixedInDegree,
    NeuronModel,
    Parameter,
    Plasticity,
    Population,
    Projection,
    SynapseModel,
    circuit_from_toml,
    circuit_to_toml,
    load_circuit,
)
from ssnbrian.cli.main import main

pytestmark = pytest.mark.xdist_group("own-model")

NEURON = NeuronModel(
    name="my_neuron",
    equations="dv/dt = -v/tau - w + mu_ext + mu_synaptic + sigma*xi : volt\ndw/dt = -w/tau_w : volt/second",
    threshold="v > theta",
    reset="v = 0*mV; w += jump",
    noise="sigma",
    parameters=(
        Parameter("tau", "ms", "10 ms", "membrane"),
        Parameter("theta", "mV", "5 mV", "threshold"),
        Parameter("sigma", "mV/sqrt(s)", "20 mV/sqrt(s)", "noise"),
        Parameter("tau_w", "ms", "50 ms", "adaptation"),
        Parameter("jump", "mV/s", "5 mV/s", "adaptation of a spike"),
    ),
)
SYNAPSE = SynapseModel(
    name="my_synapse",
    target_equations="dmu_mine/dt = -mu_mine/tau_s : volt/second",
    current="mu_mine",
    on_pre="mu_mine_post += weight/tau_s",
    parameters=(Parameter("tau_s", "ms", "4 ms", "decay"),),
)
FATIGUE = Plasticity(
    name="my_fatigue",
    efficacy="x",
    equations="dx/dt = (1 - x)/tau_x : 1 (event-driven)",
    after="x *= 0.8",
    parameters=(Parameter("tau_x", "ms", "100 ms", "recovery"),),
    initial=(("x", "1"),),
)
IN_PYTHON = Circuit(
    "mine",
    (Population("E", 80, NEURON), Population("I", 20, NEURON, "inhibitory")),
    (
        Projection("E", "E", "0.05 mV", FixedInDegree(20), SYNAPSE + FATIGUE),
        Projection("I", "E", "0.2 mV", FixedInDegree(5), SYNAPSE),
        Projection("E", "I", "0.05 mV", FixedInDegree(20), SYNAPSE + FATIGUE),
    ),
    Constant(200),
)
IN_A_FILE = """
name = "mine"
drive = { kind = "constant", times_in_s = [0], mu_ext_in_mV_per_s = [200] }
[neurons.my_neuron]
equations = '''
dv/dt = -v/tau - w + mu_ext + mu_synaptic + sigma*xi : volt
dw/dt = -w/tau_w : volt/second'''
threshold = "v > theta"
reset = "v = 0*mV; w += jump"
noise = "sigma"
parameters.tau = { unit = "ms", default = "10 ms", explanation = "membrane" }
parameters.theta = { unit = "mV", default = "5 mV", explanation = "threshold" }
parameters.sigma = { unit = "mV/sqrt(s)", default = "20 mV/sqrt(s)", explanation = "noise" }
parameters.tau_w = { unit = "ms", default = "50 ms", explanation = "adaptation" }
parameters.jump = { unit = "mV/s", default = "5 mV/s", explanation = "adaptation of a spike" }

[synapses.my_synapse]
target_equations = "dmu_mine/dt = -mu_mine/tau_s : volt/second"
current = "mu_mine"
on_pre = "mu_mine_post += weight/tau_s"
parameters.tau_s = { unit = "ms", default = "4 ms", explanation = "decay" }

[synapses.my_synapse_with_my_fatigue]
target_equations = "dmu_mine/dt = -mu_mine/tau_s : volt/second"
current = "mu_mine"
equations = "dx/dt = (1 - x)/tau_x : 1 (event-driven)"
on_pre = '''
mu_mine_post += (weight*(x))/tau_s
x *= 0.8'''
initial.x = "1"
parameters.tau_s = { unit = "ms", default = "4 ms", explanation = "decay" }
parameters.tau_x = { unit = "ms", default = "100 ms", explanation = "recovery" }

[populations]
E = { size = 80, neuron = "my_neuron" }
I = { size = 20, neuron = "my_neuron", kind = "inhibitory" }

[projections]
"E->E" = { synapse = "my_synapse_with_my_fatigue", in_degree = 20, weight = "0.05 mV" }
"I->E" = { synapse = "my_synapse", in_degree = 5, weight = "0.2 mV" }
"E->I" = { synapse = "my_synapse_with_my_fatigue", in_degree = 20, weight = "0.05 mV" }
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(IN_A_FILE, encoding="utf-8")
    return path


def answer(capsys, *words):
    """The JSON of a command that succeeds."""
    code = main([*map(str, words), "--json"])
    written = capsys.readouterr()
    assert code == 0, written.err
    return json.loads(written.out)


def test_the_file_and_the_lines_of_python_are_the_same_circuit(mine):
    assert load_circuit(mine) == IN_PYTHON
    assert circuit_from_toml(circuit_to_toml(IN_PYTHON)) == IN_PYTHON


def test_an_own_model_takes_part_in_everything(mine, build_cache, monkeypatch, capsys):
    monkeypatch.setenv("SSNBRIAN_CACHE", str(build_cache))
    monkeypatch.chdir(mine.parent)
    assert answer(capsys, "show", mine)["content_hash"] == IN_PYTHON.content_hash
    rates = answer(capsys, "run", mine, "--mu", 300, "--duration", 1, "--seed", 1, "--set", "E.tau=11 ms")["rates"]
    assert 1 < rates["E"] < 100
    points = answer(capsys, "sweep", mine, "--over", "E.theta=4,6 mV", "--mu", 300, "--duration", 1, "--seeds", 2)
    low, high = (point["rates"]["E"] for point in points["points"])
    assert low > high + 5
    fit = answer(capsys, "transfer", f"{mine}:E", "--duration", 0.5)["fit"]
    assert 1 < fit["n"] < 5
    predicted = answer(capsys, "predict", mine, "--mu", 100)
    assert predicted["complete"]
    (state,) = predicted["steady_states"]
    assert state["stable"]
    # The fit of another sample of the same curve: the fatigue and the coupling move the rates by far more.
    assert predicted["transfer"]["E"]["n"] == pytest.approx(fit["n"], rel=0.5)
    compared = answer(capsys, "compare", mine, "--mu", 100, "--duration", 4, "--seed", 2, "--figure", "mine.png")
    last = compared["rows"][-1]
    assert (mine.parent / "mine.png").is_file()
    for name in "EI":
        # Theory and simulation of 4 s agree within a quarter; sampling is below 5 per cent.
        assert last["theories"]["ssn"][name] == pytest.approx(state["rates"][name], rel=1e-6)
        assert last["simulated"][name] == pytest.approx(state["rates"][name], rel=0.25)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("+ sigma*xi : volt", "+ sigma*xi + w*tau_w : volt", ["neuron model my_neuron", "line 'dv/dt", "same unit"]),
        ("dw/dt = -w/tau_w :", "dw/dt = -w/tau_ww :", ["line 'dw/dt", "'tau_ww' is not known; did you mean 'tau_w'"]),
        ("dw/dt = -w", "lastspike : second\ndw/dt = -w", ["line 'lastspike : second'", "reserved by Brian2"]),
        (" + mu_ext + mu_synaptic", "", ["line 'dv/dt", "no input reaches the neuron", "mu_ext"]),
        (" + mu_synaptic", "", ["my_synapse", "my_neuron", "no mu_synaptic", "'dv/dt = …'"]),
        ('reset = "v = 0*mV; w += jump"\n', "", ["[neurons.my_neuron]", "'reset' is missing"]),
        ('threshold = "v > theta"\n', "", ["[neurons.my_neuron]", "'threshold' is missing"]),
        ('reset = "v = 0*mV; w += jump"', 'reset = ";"', ["neuron model my_neuron, reset", "has no reset", "v = 0*mV"]),
        ("parameters.jump", 'parameters.w = { unit = "ms", default = "1 ms" }\nparameters.jump', ["'w'", "parameter"]),
        ('noise = "sigma"\n', "", ["names no noise", "noise = 'sigma'"]),
        ('current = "mu_mine"\non_pre', 'current = "mu_min"\non_pre', ["current 'mu_min'", "did you mean 'mu_mine'"]),
        ("mu_mine_post += weight/tau_s", "mu_mine_post += weight", ["line 'mu_mine_post += weight'", "same unit"]),
        (
            'E = { size = 80, neuron = "my_neuron"',
            'E = { size = 80, neuron = "my_neuron + spike_adaptation + spike_adaptation"',
            ["spike_adaptation do not fit", "both declare 'adaptation'"],
        ),
    ],
)
def test_a_wrong_model_is_refused_in_one_sentence(mine, tmp_path, capsys, monkeypatch, old, new, said):
    monkeypatch.setenv("SSNBRIAN_CACHE", str(tmp_path / "cache"))
    text = mine.read_text(encoding="utf-8")
    assert old in text
    mine.write_text(text.replace(old, new), encoding="utf-8")
    assert main(["run", str(mine), "--mu", "1", "--duration", "0.01"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert all(part in message for part in said), message
    assert not (tmp_path / "cache").exists()
