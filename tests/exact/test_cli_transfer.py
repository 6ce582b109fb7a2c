"""``ssnbrian transfer MODEL`` and its closed form: options, output and errors; one short measurement."""

import json

import pytest
from ssnbrian.analysis.power_law import fit_power_law
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import circuit_to_toml
from ssnbrian.cli.main import main
from ssnbrian.workflow import transfer_fit

pytestmark = pytest.mark.xdist_group("transfer-fit")
SHORT = ("--neurons", "300", "--duration", "0.3")


def run(capsys, *words):
    try:
        code = main(list(words))
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    return tmp_path_factory.mktemp("figures") / "law.png"


def test_measured_model(capsys, figure):
    words = ("transfer", "lif_white_noise", "--set", "tau=10 ms", "--sigma", "4", "--seed", "3", *SHORT)
    code, out, err = run(capsys, *words, "--figure", str(figure), "--json")
    assert code == 0, err
    assert "measuring the F–I curve: 100 %" in err or "the F–I curve was measured before: 100 %" in err
    data = json.loads(out)
    assert data["model"] == "lif_white_noise"
    expected = {"tau": "10.0 ms", "sigma": "4.0 mV/sqrt(s)", "threshold": "1.0 mV", "reset": "0.0 mV"}
    assert data["parameters"] == expected
    assert (data["seed"], data["dt"], data["fit_reason"]) == (3, 0.1, None)
    assert set(data["build"]) == {"cached", "seconds"}
    assert len(data["mu"]) == len(data["rates"]) == len(data["standard_errors"]) == 36
    law = fit_power_law(data["mu"], data["rates"])
    assert {name: data["fit"][name] for name in ("a", "b", "n", "rmse")} == pytest.approx(
        {"a": law.a, "b": law.b, "n": law.n, "rmse": law.rmse}
    )
    assert all(data["fit"]["standard_errors"][name] > 0 for name in "abn")
    assert figure.read_bytes().startswith(b"\x89PNG")
    code, text, err = run(capsys, *words)
    assert code == 0
    assert "the F–I curve was measured before: 100 %" in err
    assert f"b {law.b:.6g} +-" in text


def test_population_of_a_file_brings_its_parameters(capsys, tmp_path, monkeypatch):
    path = tmp_path / "circuit.toml"
    path.write_text(circuit_to_toml(ekelmans2023.mouse_v1()))
    seen = []

    def measured_curve(population, **settings):
        seen.append((population, settings))
        raise ValueError("enough")

    monkeypatch.setattr(transfer_fit, "measured_curve", measured_curve)
    run(capsys, "transfer", f"{path}:I", "--dt", "0.05", "--maximum-rate", "20")
    ((population, settings),) = seen
    assert population.parameters == ekelmans2023.mouse_v1().population("I").parameters
    assert (settings["dt"], settings["maximum_rate"], settings["neurons"], settings["seed"]) == (0.05, 20, 500, 1)
    code, _, err = run(capsys, "transfer", f"{path}:Q")
    assert code == 2
    assert "has no population or neuron 'Q'. Known: E, lif_white_noise, I." in err


def test_model_without_noise_gets_white_noise(capsys, tmp_path, monkeypatch):
    quiet = """
[populations.A]
size = 10
neuron = "quiet"
[neurons.quiet]
equations = "dv/dt = -v/tau + mu_ext + mu_synaptic : volt"
threshold = "v > 1*mV"
reset = "v = 0*mV"
parameters.tau = { unit = "ms", default = "20 ms", explanation = "membrane time constant" }
"""
    path = tmp_path / "quiet.toml"
    path.write_text('name = "quiet_circuit"\n' + quiet)
    seen = []
    monkeypatch.setattr(transfer_fit, "measured_curve", lambda population, **_: seen.append(population) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(capsys, "transfer", f"{path}:A", "--sigma", "5")
    assert seen[0].neuron.noise == "sigma"
    assert "sigma*xi" in seen[0].neuron.equations
    assert seen[0].parameters["sigma"].to("mV/sqrt(s)") == 5
    monkeypatch.undo()
    code, _, err = run(capsys, "predict", str(path), "--mu", "10")
    assert code == 2
    assert err == (
        "ssnbrian: the neurons of A (quiet) have no noise, and without it there is no power law; add white noise, "
        "e.g. `quiet + white_noise`, with an amplitude above 0\n"
    )


def test_no_law_is_an_answer_with_its_reason(capsys, monkeypatch):
    def refuse(*_):
        raise ValueError("these points have none")

    monkeypatch.setattr(transfer_fit, "law_of_curve", refuse)
    code, out, _ = run(capsys, "transfer", "lif_white_noise", *SHORT, "--json")
    assert code == 0
    data = json.loads(out)
    assert data["fit"] is None
    assert data["fit_reason"] == "these points have none"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--sigma", "3", "--tau", "20"), "--mu missing"),
        ((), "--mu, --sigma, --tau missing"),
        (("lif_white_nois",), "Did you mean 'lif_white_noise'?"),
        (("lif_white_noise", "--mu", "3"), "--mu goes without MODEL"),
        (("lif_white_noise", "--threshold", "3"), "--threshold goes without MODEL"),
        (("--mu", "3", "--sigma", "3", "--tau", "20", "--dt", "0.1"), "--dt goes with a MODEL"),
        (("--mu", "3", "--sigma", "3", "--tau", "20", "--maximum-rate", "5"), "--maximum-rate goes with a MODEL"),
        (("lif_white_noise", "--set", "q=3 ms"), "unknown parameter 'q'"),
        (("lif_white_noise", "--set", "tau"), "--set expects NAME=VALUE"),
        (("lif_white_noise", "--set", "tau=3 mV"), "expected a value in ms"),
        (("lif_white_noise", "--sigma", "0"), "have no noise"),
        (("lif_white_noise", "--sigma", "-1"), "must not be negative"),
        (("lif_white_noise", "--maximum-rate", "-1"), "maximum rate must be positive"),
        (("lif_white_noise", "--neurons", "0"), "at least one is needed"),
        (("lif_white_noise", "--duration", "0.1"), "at least 0.2 s per input"),
        (("lif_white_noise", "--dt", "0"), "dt must be positive"),
        (("lif_white_noise", "--figure", "/nowhere/f.png"), "there is no folder"),
        (("nowhere.toml:E",), "nowhere.toml"),
    ],
)
def test_wrong_input_is_answered_in_one_sentence(capsys, words, message):
    code, out, err = run(capsys, "transfer", *words)
    assert code == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
