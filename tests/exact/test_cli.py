"""The command line without simulating: output for people, JSON for machines, errors for both."""

import json
import re
import subprocess
import sys

import pytest
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import circuit_from_toml, circuit_to_toml
from ssnbrian.cli.main import main


def run(capsys, *words):
    try:
        code = main(list(words))
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


def data_of(capsys, *words):
    code, out, err = run(capsys, *words, "--json")
    assert code == 0, err
    return json.loads(out)


def test_list_names_what_show_accepts(capsys):
    data = data_of(capsys, "list")
    assert {"supersaturating", "mouse_v1", "mouse_v1_isn", "bistable", "negative_determinant"} <= set(data["circuits"])
    for group in data.values():
        for name in group:
            code, out, err = run(capsys, "show", name)
            assert code == 0, err
            assert name in out


def test_show_toml_is_the_circuit(capsys):
    code, out, _ = run(capsys, "show", "bistable", "--toml")
    assert code == 0
    assert circuit_from_toml(out) == ekelmans2023.bistable()


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("E.tau=22 ms", 'tau = "22.0 ms"'),
        ("E->I.weight=0.0254 mV", 'weight = "0.0254 mV"'),
        ("J.II=50 mV", 'weight = "0.5 mV"'),
        ("I->I.tau_synapse=5 ms", 'tau_synapse = "5.0 ms"'),
    ],
)
def test_set_changes_the_circuit(capsys, setting, line):
    _, plain, _ = run(capsys, "show", "bistable", "--toml")
    code, out, err = run(capsys, "show", "bistable", "--toml", "--set", setting)
    assert code == 0, err
    assert line in out
    assert line not in plain


def test_predict_has_the_stated_fields(capsys):
    data = data_of(capsys, "predict", "bistable", "--mu", "3", "--ratio", "1", "--transfer", "paper", "--folds")
    assert [state["stable"] for state in data["steady_states"]] == [True, False, True]
    assert data["steady_states"][2]["rates"]["E"] == pytest.approx(6.1399, abs=6e-5)
    assert set(data["steady_states"][0]) >= {"rates", "stable", "isn", "supersaturating", "extrapolated", "eigenvalues"}
    assert data["complete"] is True
    assert data["transfer"]["E"] == {"a": 1.0792e-4, "b": -11.1425, "n": 3.0814}
    assert [fold["mu_ext"] for fold in data["folds"]] == pytest.approx([2.1634, 3.5700], abs=6e-5)
    assert set(data["conditions"]) == {"supersaturation", "isn", "balanced"}
    assert data["conditions"]["supersaturation"] == {"possible": False, "threshold_rate_I": None}
    assert data["conditions"]["balanced"]["rates"] == {"E": pytest.approx(0.2), "I": pytest.approx(0.4)}
    assert len(data["self_consistent"]) == 3
    assert {"rates", "stable"} <= set(data["self_consistent"][0])


def test_predict_says_the_same_in_words(capsys):
    code, out, _ = run(capsys, "predict", "supersaturating", "--mu", "20")
    assert code == 0
    assert "supersaturation: possible (Eq 4), above nu_I = 0.645" in out


def test_published_coefficients_are_refused_where_there_are_none(capsys):
    words = ("predict", "bistable", "--mu", "3", "--transfer", "paper", "--set", "E.sigma=2 mV/sqrt(s)")
    code, _, err = run(capsys, *words)
    assert code == 2
    assert "no coefficients are published for the neurons of E" in err
    assert "--transfer fit" in err


def test_transfer(capsys):
    data = data_of(capsys, "transfer", "--mu", "10", "--sigma", "3", "--tau", "20", "--threshold", "1", "--reset", "0")
    assert data["rate"] == pytest.approx(1.266620, abs=6e-7)
    assert set(data["fit"]) == {"a", "b", "n", "rmse"}
    slower = data_of(capsys, "transfer", "--mu", "10", "--sigma", "3", "--tau", "20", "--refractory", "2")
    assert 1 / slower["rate"] == pytest.approx(1 / data["rate"] + 0.002)
    negative = data_of(capsys, "transfer", "--mu", "-10", "--sigma", "3", "--tau", "20")
    assert 0 < negative["rate"] < 0.05


def test_uncoupled_ends_of_the_json_are_finite(capsys):
    """JSON has no infinity: thresholds that cannot be reached are null."""
    data = data_of(capsys, "predict", "supersaturating", "--mu", "5", "--set", "J.EE=0 mV")
    assert data["conditions"]["isn"]["threshold_rate_E"] is None


def test_determinant_zero_and_no_inhibition_are_served(capsys):
    data = data_of(capsys, "predict", "bistable", "--mu", "3", "--set", "J.EI=0 mV")
    assert data["complete"] is True
    settings = ("--set", "J.EE=5 mV", "--set", "J.EI=5 mV", "--set", "J.IE=5 mV", "--set", "J.II=5 mV")
    assert data_of(capsys, "predict", "bistable", "--mu", "3", *settings)["conditions"]["balanced"]["exists"] is False


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("lst",), "there is no command 'lst'. Did you mean 'list'?"),
        (("show", "supersaturatin"), "Did you mean 'supersaturating'?"),
        (("predict", "bistabel", "--mu", "3"), "Did you mean 'bistable'?"),
        (("show", "bistable", "--set", "E.taau=3 ms"), "nothing called 'E.taau'. Did you mean 'E.tau'?"),
        (("show", "bistable", "--set", "E.tau=3 mV"), "E.tau: expected a value in ms"),
        (("show", "bistable", "--set", "E.tau=-3 ms"), "a time constant must be positive"),
        (("show", "bistable", "--set", "E.tau"), "expects NAME=VALUE"),
        (("show", "bistable", "--set", "E->E.weight=-1 mV"), "must not be negative"),
        (("predict", "bistable"), "--mu"),
        (("predict", "bistable", "--mu", "nan"), "expected a finite number, got 'nan'"),
        (("predict", "missing.toml", "--mu", "3"), "there is no file 'missing.toml'"),
        (("transfer", "--mu", "1", "--sigma", "-3", "--tau", "20"), "sigma"),
        (("run", "bistable", "--mu", "1", "--ramp", "0:3"), "exclude each other"),
        (("run", "bistable", "--ramp", "3"), "expected FROM:TO"),
        (("run", "bistable", "--mu", "1", "--out", "no_such_folder/x.npz"), "there is no folder 'no_such_folder'"),
        (("run", "bistable", "--mu", "1", "--duration", "-2"), "--duration must be positive"),
        (("run", "bistable", "--mu", "1", "--record", "E.v:a"), "--record expects NAME:INDICES"),
        (("compare", "bistable", "--figure", "no_such_folder/x.png"), "there is no folder 'no_such_folder'"),
    ],
)
def test_wrong_input_ends_with_a_sentence_and_code_2(capsys, words, sentence):
    code, out, err = run(capsys, *words)
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err
    assert out == ""


def test_predicting_needs_no_brian2():
    program = (
        "import sys; from ssnbrian.cli.main import main; main(['predict', 'bistable', '--mu', '3', '--json']); "
        "sys.exit('brian2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("command", ["list", "show", "predict", "run", "compare", "transfer"])
def test_help_has_an_example(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert f"example: ssnbrian {command}" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("predict", "bistable", "--mu", "3", "--ratio", "-1"), "ratio must not be negative"),
        (("predict", "bistable", "--mu", "1e308"), "where no neuron works"),
        (("predict", "bistable", "--mu", "3", "--set", "E.sigma=0 mV/sqrt(s)"), "give sigma a value above 0"),
        (("predict", "bistable", "--mu", "3", "--set", "E->E.weight=1e300 mV"), "far beyond any synapse"),
        (("run", "bistable", "--mu", "3", "--dt", "50"), "dt of 50 ms is too large for"),
        (("run", "bistable", "--mu", "3", "--seed", "1.5"), "expected a whole number"),
        (("run", "bistable", "--mu", "3", "--duration", "1", "--discard", "5"), "--discard must lie between"),
        (("show", "bistable", "--set", "E.size=100"), "part of the circuit's structure"),
        (("show", "bistable", "--set", "ratio=2"), "an option of its own, --ratio"),
    ],
)
def test_values_that_no_circuit_has_are_refused(capsys, words, sentence):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert sentence in err


def test_negative_inputs_may_be_written_plainly(capsys):
    assert data_of(capsys, "predict", "bistable", "--mu", "-1e1")["mu_ext"] == -10.0


def test_json_uses_the_names_of_the_circuit(capsys, tmp_path):
    text = circuit_to_toml(ekelmans2023.bistable())
    for old, new in (("populations.E", "populations.Exc"), ("populations.I", "populations.Inh")):
        text = text.replace(old, new)
    text = re.sub(r'"([EI])->([EI])"', lambda m: f'"{NAMES[m[1]]}->{NAMES[m[2]]}"', text)
    path = tmp_path / "renamed.toml"
    path.write_text(text, encoding="utf-8")
    renamed = data_of(capsys, "predict", str(path), "--mu", "3", "--folds")
    plain = data_of(capsys, "predict", "bistable", "--mu", "3", "--folds")
    for one, other in zip(renamed["steady_states"], plain["steady_states"], strict=True):
        assert one["rates"] == {NAMES[name]: rate for name, rate in other["rates"].items()}
    assert set(renamed["conditions"]["balanced"]["rates"]) == set(renamed["folds"][0]["rates"]) == {"Exc", "Inh"}


NAMES = {"E": "Exc", "I": "Inh"}
