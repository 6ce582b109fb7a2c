"""The bifurcation command: output for people, JSON for machines, errors for both."""

import json

import pytest

from ssnbrian.cli.main import main


def run(capsys, *words):
    try:
        code = main(["bifurcation", *words])
    except SystemExit as end:
        code = end.code
    return (code, *capsys.readouterr())


def data_of(capsys, *words):
    code, out, err = run(capsys, *words, "--json")
    assert code == 0, err
    return json.loads(out)


PAPER = ("bistable", "--transfer", "paper", "--ratio", "1", "--values", "41")


def test_json_has_the_stated_fields(capsys):
    data = data_of(capsys, *PAPER, "--over", "mu_ext", "--range", "0:10")
    assert (data["circuit"], data["over"], data["unit"], data["range"]) == ("bistable", "mu_ext", "mV/s", [0, 10])
    assert [fold["mu_ext"] for fold in data["folds"]] == pytest.approx([2.1634, 3.5700], abs=6e-5)
    assert [fold["value"] for fold in data["folds"]] == [fold["mu_ext"] for fold in data["folds"]]
    assert data["complete"] is True
    (branch,) = data["branches"]
    lengths = [len(branch[key]) for key in ("values", "stable", "isn", "eigenvalues")]
    assert set(lengths) == {len(branch["rates"]["E"])} == {len(branch["rates"]["I"])}
    assert data["hopf"] == data["limit_cycles"] == []
    assert data["tau_population"] == {"E": 0.02, "I": 0.01}
    assert data["transfer"]["E"] == {"a": 1.0792e-4, "b": -11.1425, "n": 3.0814}
    assert data["figure"] is None


def test_the_range_of_mu_ext_is_that_of_the_drive(capsys):
    assert data_of(capsys, *PAPER)["range"] == [0.0, 10.0]


def test_hopf_point_and_figure(capsys, tmp_path):
    path = tmp_path / "diagram.png"
    words = (*PAPER, "--range", "8:10", "--tau-population", "I=30", "--figure", str(path))
    data = data_of(capsys, *words)
    (hopf,) = data["hopf"]
    assert hopf["criticality"] == "supercritical"
    assert set(hopf) >= {"value", "rates", "frequency"}
    (cycles,) = data["limit_cycles"]
    assert cycles["end"] == "window"
    assert cycles["values"][-1] == pytest.approx(8)
    assert all(low <= high for low, high in zip(cycles["lowest"]["E"], cycles["highest"]["E"], strict=True))
    assert path.read_bytes().startswith(b"\x89PNG")


def test_any_parameter_in_words(capsys):
    code, out, err = run(capsys, *PAPER, "--over", "J.EE", "--range", "3:6", "--mu", "3")
    assert code == 0, err
    assert "folds: 2" in out
    assert "2 from 4.87" in out
    assert "proven complete: no" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("bistable", "--over", "J.EE", "--mu", "3"), "--over J.EE needs --range"),
        (("bistable", "--over", "J.EE", "--range", "1:2"), "mu_ext is needed"),
        (("bistable", "--over", "J.EEE", "--range", "1:2", "--mu", "3"), "Did you mean 'J.EE'?"),
        (("bistable", "--range", "5:1"), "is empty"),
        (("bistable", "--tau-population", "E"), "expects NAME=MS"),
        (("bistable", "--tau-population", "X=3"), "no population 'X'"),
        (("bistable", "--tau-population", "E=-3"), "must be positive"),
        (("bistable", "--theory", "self_consistent", "--transfer", "paper"), "belong to --theory ssn"),
        (("bistable", "--figure", "no_such_folder/x.png"), "there is no folder"),
        (("bistable", "--ratio", "-1"), "ratio must not be negative"),
        (("bistable", "--values", "1"), "values must be at least 2"),
        (("bistable", "--over", "E.tau", "--range", "0:5", "--mu", "3"), "a time constant must be positive"),
    ],
)
def test_wrong_input_ends_with_a_sentence_and_code_2(capsys, words, sentence):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err


def test_help_has_an_example(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "example: ssnbrian bifurcation" in out
