"""``ssnbrian markov``: known answers through the command, its names, and its errors."""

from __future__ import annotations

import json

import pytest
from ssnbrian.models.library import CIRCUITS

from ssnbrian.circuit import circuit_to_toml
from ssnbrian.cli.main import main

pytestmark = pytest.mark.xdist_group("markov")

SYNCHRONOUS = ("--set", "tau_EE=1.3 ms", "--set", "tau_IE=0.95 ms")
SHORT = ("--duration", "0.6", "--discard", "0.3", "--dt", "0.5")
RUN = {"rates", "standard_errors", "spectral_peak", "synchrony", "period", "volleys", "neurons", "wall_seconds"}


def run(capsys, *words):
    try:
        code = main(["markov", *words])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def data_of(capsys, *words):
    code, out, err = run(capsys, *words, "--json")
    assert code == 0, err
    assert out.count("\n") == 1
    return json.loads(out, parse_constant=refuse)


def test_synchronous_kicks(capsys, tmp_path):
    """Equations 28.94 and 59.85 Hz over whole cycles; network of 400 33.3 and 61.6 Hz, within 4 standard errors."""
    figure = tmp_path / "attractors.png"
    words = (*SYNCHRONOUS, "--network", "--neurons", "400", "--seed", "2", "--figure", str(figure))
    data = data_of(capsys, "kicks", *words, "--duration", "2.2", "--discard", "0.7")
    assert set(data["ode"]) >= RUN and set(data["ode"]) == set(data["network"])
    assert data["ode"]["rates"] == pytest.approx({"E": 28.9447, "I": 59.851}, rel=1e-3)
    assert data["ode"]["spectral_peak"] == pytest.approx(60.7, abs=0.3)
    assert data["ode"]["period"] == 1 and data["ode"]["standard_errors"] == {"E": 0.0, "I": 0.0}
    network = data["network"]
    for name, known in (("E", 33.28), ("I", 61.61)):
        assert 0.1 < network["standard_errors"][name] < 2.0
        assert abs(network["rates"][name] - known) < 4 * network["standard_errors"][name]
    assert network["synchrony"] > 1.5 * data["ode"]["synchrony"]
    point = data["fixed_point"]
    assert point["rates"] == pytest.approx({"E": 24.4269, "I": 55.5326}, abs=1e-3)
    assert point["leading_eigenvalue"][0] > 0 and not point["stable"]
    assert point["leading_eigenvalue"][1] == pytest.approx(66, abs=1)
    assert data["scaled"] is None and data["parameters"]["tau_EE"] == pytest.approx(1.3)
    assert data["difference"]["rates"]["E"] == pytest.approx(data["ode"]["rates"]["E"] / network["rates"]["E"] - 1)
    assert 0 < data["difference"]["attractor"]["energy_distance"] < 1
    assert figure.stat().st_size > 10_000


@pytest.mark.parametrize(("p_EI", "rates", "period"), [("0.7", (67.4, 77.9), 1), ("0.8", (43.4, 61.4), 2)])
def test_period_doubling_of_conductances(capsys, p_EI, rates, period):
    data = data_of(capsys, "conductance", "--set", f"p_EI={p_EI}", "--duration", "1.2", "--discard", "0.6")
    assert data["ode"]["period"] == period
    assert tuple(data["ode"]["rates"].values()) == pytest.approx(rates, rel=0.01)
    assert "network" not in data and data["seed"] is None
    if period == 2:
        assert data["ode"]["synchrony"] == pytest.approx(0.37, abs=0.006)


def test_scaling(capsys):
    """The equations of kicks depend on N P alone; what is divided is said."""
    data = data_of(capsys, "kicks", "--neurons", "4000", *SHORT)
    assert data["ode"]["neurons"] == {"E": 3000, "I": 1000}
    assert data["scaled"] == {"factor": 10.0, "divided": "probabilities"}
    assert data["parameters"]["p_EE"] == pytest.approx(0.015)
    assert data["fixed_point"]["rates"] == pytest.approx({"E": 24.4269, "I": 55.5326}, abs=1e-3)
    assert data["fixed_point"]["stable"]
    code, _, err = run(capsys, "conductance", "--neurons", "200", *SHORT)
    assert code == 2 and "probabilities must not be above 1" in err and "--scale" in err
    data = data_of(capsys, "conductance", "--neurons", "200", "--scale", "weights", *SHORT)
    assert data["parameters"]["s_EE"] == pytest.approx(1.9) and data["parameters"]["p_EE"] == pytest.approx(0.8)


def test_names(capsys, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(circuit_to_toml(CIRCUITS["kicks"]()), encoding="utf-8")
    short = ("tau_I=5 ms", "tau_r=3 ms", "s_EI=5 mV", "drive=6.5 1/ms", "drive_I=7 1/ms", "p_II=0.3", "N_I=120")
    words = [word for one in (*short, "E->E.tau_synapse=3 ms") for word in ("--set", one)]
    found = data_of(capsys, str(path), *words, *SHORT)["parameters"]
    known = {
        "tau_EI": 5.0, "tau_II": 5.0, "tau_IE": 1.2, "tau_EE": 3.0, "tau_r_E": 3.0, "tau_r_I": 3.0, "s_EI": 5.0,
        "s_II": 4.91, "drive_E": 6.5, "drive_I": 7.0, "p_II": 0.3, "p_EI": 0.5, "N_E": 300, "N_I": 120, "tau_m": None,
    }  # fmt: skip
    assert {name: found[name] for name in known} == {
        name: None if value is None else pytest.approx(value) for name, value in known.items()
    }


def test_text(capsys):
    code, out, err = run(capsys, "conductance", "--duration", "1", "--discard", "0.5")
    assert code == 0, err
    for words in ("network of conductances", "spectral peak of E", "synchrony index (1 ms): 0.37", "unstable", "61.88"):
        assert words in out


def test_scan(capsys, tmp_path):
    figure = tmp_path / "scan.png"
    words = ("--scan", "tau_EE=1.2:1.3:2", "--duration", "1", "--discard", "0.5", "--network", "--figure", str(figure))
    data = data_of(capsys, "kicks", *SYNCHRONOUS, *words)
    scan = data["scan"]
    assert "ode" not in data and scan["values"] == pytest.approx([1.2, 1.3]) and scan["unit"] == "ms"
    assert scan["ode"]["periods"] == [1, 1]
    # the volleys of the equations are alike, those of the network are not; at 1.3 ms the period is 1/60.7 Hz
    assert max(scan["ode"]["height_differences"]) < 1.0 < min(scan["network"]["height_differences"])
    assert scan["ode"]["intervals"][1] == pytest.approx(1 / 60.7, rel=5e-3)
    assert len(scan["network"]["periods"]) == 2 and min(scan["network"]["volleys"]) > 20
    assert all(one > 0 for one in scan["distance_of_height_differences"])
    assert figure.stat().st_size > 10_000


def test_predict_of_a_circuit_without_an_ssn(capsys):
    assert main(["predict", "kicks", "--mu", "0", "--json"]) == 0
    data = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert data["markov"][0]["rates"] == pytest.approx({"E": 24.4269, "I": 55.5326}, abs=1e-3)
    assert data["markov_complete"] and data["markov"][0]["stable"]
    assert data["steady_states"] == [] and "pending_kicks" in data["complete_reason"]
    assert main(["predict", "kicks", "--mu", "0", "--folds"]) == 2
    assert "ssn does not apply to the circuit 'kicks'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("kicks", "--set", "tau_EF=1 ms"), "Did you mean 'tau_E"),
        (("kicks", "--set", "E->E.tau_synapsis=1 ms"), "E->E.tau_synapse"),
        (("kicks", "--set", "tau_EE=1.3"), "ms"),
        (("kicks", "--set", "tau_EE=-1 ms"), "decay_times must not be negative"),
        (("kicks", "--set", "tau_EE"), "NAME=VALUE"),
        (("kicks", "--set", "p_EE=1.5"), "probabilities must not be above 1"),
        (("kicks", "--set", "s_EE=5 ms"), "mV"),
        (("kick",), "Did you mean 'kicks'"),
        (("supersaturating",), "do not collect kicks"),
        (("kicks", "--neurons", "0"), "--neurons 0"),
        (("kicks", "--discard", "9"), "--discard"),
        (("kicks", "--duration", "1.05"), "0.1 s longer"),
        (("kicks", "--dt", "0"), "--dt"),
        (("kicks", "--dt", "2"), "at most 1 ms"),
        (("kicks", "--figure", "/nowhere/at/all.png"), "/nowhere/at/all.png"),
        (("kicks", "--set", "tau_m=20 ms"), "leak"),
        (("kicks", "--scan", "p_EI=0.5:1"), "NAME=FROM:TO:POINTS"),
        (("kicks", "--scan", "p_EI=0.5:1:1"), "points"),
        (("kicks", "--scan", "p_EI=0.5:2:3"), "probabilities must not be above 1"),
        (("kicks", "--scan", "q_EI=0.5:1:3"), "Did you mean"),
    ],
)
def test_wrong_input(capsys, words, message):
    code, out, err = run(capsys, *words)
    assert code == 2
    assert message in err and out == ""
