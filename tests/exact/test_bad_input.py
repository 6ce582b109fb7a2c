"""What a user can get wrong when running a circuit: each error is one sentence that helps."""

import dataclasses

import numpy as np
import pytest
from brian2 import Hz, ms, mV, second
from small_circuits import observed
from ssnbrian.models.neurons.lif import LIF, LIF_REFRACTORY
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import Circuit, Constant, InvalidInputError, Population, Projection, Ramp, UnitError
from ssnbrian.circuit.templates import AllToAll, NeuronModel, Parameter
from ssnbrian.engine.simulate import simulate
from ssnbrian.engine.toolchain import CompilationError, NoCompilerError

CIRCUIT = observed()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"drive": None}, ["circuit observed has no default drive", "Ramp(0, 50, duration=50)"]),
        ({"drive": Ramp(0, 1, duration=0.5)}, ["drive of E ends at 0.5 s", "end of the run at 1 s"]),
        ({"drive": 5}, ["expected a drive such as Constant(10)", "got 5"]),
        ({"drive": {"E": Constant(1)}}, ["no drive was given for population 'I'"]),
        ({"duration": None}, ["has no end", "duration=20*second"]),
        ({"duration": -1}, ["duration of a run must be positive", "-1 s"]),
        ({"duration": 3 * mV}, ["duration: expected s", "mV"]),
        ({"duration": [1, 2]}, ["duration: expected one number, got 2"]),
        ({"duration": np.nan}, ["duration: expected finite numbers"]),
        ({"duration": 0.05 * ms}, ["duration 5e-05 s is shorter than one step of 0.1 ms"]),
        ({"dt": 0}, ["dt must be positive", "0 ms"]),
        ({"dt": 1 * Hz}, ["dt: expected ms", "Hz"]),
        ({"dt": "fast"}, ["dt: cannot read 'fast'"]),
        ({"seed": -1}, ["seed must be a whole number from 0", "-1"]),
        ({"seed": 1.5}, ["seed must be a whole number", "1.5"]),
        ({"seed": 2**63}, ["seed must be a whole number from 0 to 2**63 - 1"]),
        ({"bin_width": -1}, ["bin width must be positive", "-1 ms"]),
        ({"bin_width": 1 * mV}, ["bin width: expected ms"]),
        ({"runaway_rate": -5}, ["runaway rate must be positive, or None"]),
        ({"runaway_rate": 0}, ["runaway rate must be positive, or None"]),
        ({"runaway_rate": 5 * mV}, ["runaway rate: expected Hz"]),
        ({"ratio": "much"}, ["ratio: cannot read 'much'"]),
        ({"ratio": np.nan}, ["ratio: expected finite"]),
        ({"target": "gpu"}, ["target must be 'cpp' or 'numpy'", "'gpu'"]),
        ({"variables": {"E.vv": [0]}}, ["recording E.vv", "has no variable 'vv'", "Did you mean 'v'"]),
        ({"variables": {"X.v": [0]}}, ["no population 'X'", "Known: E, I"]),
        ({"variables": {"v": [0]}}, ["name a variable as 'E.v'", "'v'"]),
        ({"variables": {"E.v": [30]}}, ["recording E.v", "neuron 30 is outside 0 … 29"]),
        ({"variables": {"E.v": [-1]}}, ["recording E.v", "neuron -1 is outside"]),
        ({"variables": {"E.v": [0.5]}}, ["recording E.v", "neuron 0.5 is outside"]),
        ({"variables": {"E.v": []}}, ["recording E.v", "no neuron was chosen"]),
        ({"variables": {"E.v": 0}}, ["recording E.v", "give a list of neurons, e.g. [0, 1]", "got 0"]),
        ({"variables": {"E.v": "all"}}, ["recording E.v", "give a list of neurons"]),
        ({"initial": {"v": 0 * mV}}, ["initial state", "name a variable as 'E.v'"]),
        ({"initial": {"E.w": 0 * mV}}, ["initial state E.w", "has no variable 'w'"]),
        ({"initial": {"E.v": 0 * ms}}, ["initial state E.v", "expected a value in volt", "in ms"]),
        ({"initial": {"E.v": 0.5}}, ["initial state E.v", "expected a value in volt", "plain number"]),
        ({"initial": {"E.v": "3 ms"}}, ["initial state E.v", "expected a value in volt"]),
        ({"initial": {"E.v": "warm"}}, ["initial state E.v", "cannot read 'warm'"]),
        ({"initial": {"I.mu_filtered_from_E": 1 * mV}}, ["I.mu_filtered_from_E", "volt/second", "in mV"]),
        ({"initial": {"E.v": [1, 2] * mV}}, ["initial state E.v", "one value or 30", "shape (2,)"]),
        ({"initial": {"E.v": np.zeros((30, 1)) * mV}}, ["initial state E.v", "shape (30, 1)"]),
        ({"initial": {"E.v": np.nan * mV}}, ["initial state E.v", "finite", "NaN"]),
        ({"initial": {"E.mu_ext": 1 * mV / second}}, ["initial state E.mu_ext", "no initial value of its own"]),
        ({"initial": {"E.tau": 1 * ms}}, ["initial state E.tau", "no initial value of its own"]),
    ],
)
def test_wrong_settings_are_refused_before_anything_starts(settings, said, tmp_path):
    settings = {"drive": Constant(1), "duration": 1, "cache": tmp_path / "cache"} | settings
    with pytest.raises(InvalidInputError) as caught:
        simulate(CIRCUIT, **settings)
    assert all(part in str(caught.value) for part in said), str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_a_wrong_unit_is_a_unit_error():
    with pytest.raises(UnitError):
        simulate(CIRCUIT, Constant(1), duration=1, initial={"E.v": 1 * ms})


def test_a_missing_compiler_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoCompilerError) as caught:
        simulate(CIRCUIT, Constant(1), duration=1, cache=tmp_path / "cache")
    for part in ("g++ and make not found", "apt-get install g++ make", "numpy target"):
        assert part in str(caught.value)
    monkeypatch.setenv("CXX", "no-such-compiler -m64")
    with pytest.raises(NoCompilerError, match=r"no-such-compiler and make not found"):
        simulate(CIRCUIT, Constant(1), duration=1, cache=tmp_path / "cache")


def test_a_failing_compiler_is_reported_under_a_sentence(tmp_path, monkeypatch):
    script = tmp_path / "cxx"
    script.write_text("#!/bin/sh\necho 'fatal error: disk of the compiler is full' >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    with pytest.raises(CompilationError) as caught:
        simulate(CIRCUIT, Constant(1), duration=1, cache=tmp_path / "cache")
    first, *rest = str(caught.value).splitlines()
    assert first.startswith("the C++ compiler failed on the code generated for this circuit")
    assert "fatal error: disk of the compiler is full" in "\n".join(rest)
    assert len(rest) <= 15
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_an_impossible_cache_folder_names_the_way_out(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInputError, match=r"cannot write to the build cache '.*'.*SSNBRIAN_CACHE"):
        simulate(CIRCUIT, Constant(1), duration=1, cache=tmp_path / "file" / "cache")


FITTING = "dv/dt = -v/tau + mu_ext + mu_synaptic : volt"
OWN = NeuronModel(
    name="own",
    equations="dv/dt = (mu_ext - v/tau)/gain : 1",
    threshold="v > 1",
    reset="v = 0",
    parameters=(Parameter("tau", "ms", "10 ms", ""), Parameter("gain", "1", "1", "")),
    method="euler",
)


@pytest.mark.parametrize(
    ("changes", "synapse", "said"),
    [
        ({}, DELTA, ["line 'dv/dt = (mu_ext - v/tau)/gain : 1'", "'mu_ext' (in mV/s)", "must have the same unit"]),
        ({"equations": "dv/dt = (I_0 - v)/tau : 1"}, DELTA, ["'I_0' is not known"]),
        ({"equations": "dv/dt = (1 - v/tau : 1"}, DELTA, ["'(' was never closed"]),
        ({"equations": "dv/dt = -v/tau : 1"}, DELTA, ["no input reaches the neuron"]),
        (
            {"equations": FITTING, "reset": "v = 0*mV", "threshold": "w > 1*mV"},
            DELTA,
            ["threshold, line 'w > 1*mV'", "'w' is not known"],
        ),
        (
            {"equations": FITTING, "threshold": "v > 1*mV", "reset": "v = 0*mV"},
            dataclasses.replace(DELTA, on_pre="g_post += weight"),
            ["g_post"],
        ),
    ],
)
def test_bad_equations_are_refused_with_the_model_and_the_line(changes, synapse, said):
    population = Population("E", 5, dataclasses.replace(OWN, **changes))
    circuit = Circuit("mine", (population,), (Projection("E", "E", "1 mV", AllToAll(), synapse),), Constant(1))
    with pytest.raises(InvalidInputError) as caught:
        simulate(circuit, duration=0.01, target="numpy")
    message = str(caught.value)
    assert message.startswith(("neuron model own", "synapse model delta", "synapse delta"))
    assert all(part in message for part in said), message
    assert "Traceback" not in message
    assert "\n" not in message


def test_a_refractory_neuron_keeps_its_period():
    parameters = {"sigma": "0 mV/sqrt(s)", "refractory_period": "5 ms"}
    circuit = Circuit("slow", (Population("E", 2, LIF_REFRACTORY, parameters=parameters),))
    settings = {"duration": 0.2, "target": "numpy", "spikes": True, "initial": {"E.v": "0 mV"}}
    times, _ = simulate(circuit, Constant(100), grid_threshold=True, seed=1, **settings).spikes["E"]
    free = Circuit("fast", (Population("E", 2, LIF, parameters={"sigma": "0 mV/sqrt(s)"}),))
    others, _ = simulate(free, Constant(100), grid_threshold=True, seed=1, **settings).spikes["E"]
    # Without noise a neuron climbs to the threshold in -tau log(1 - 1/2) = 13.86 ms, seen at 13.9 ms.
    assert np.diff(np.unique(others)) == pytest.approx(0.0139)
    assert np.diff(np.unique(times)) == pytest.approx(0.0189, abs=1.01e-4)
