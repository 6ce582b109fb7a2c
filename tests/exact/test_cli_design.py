"""``ssnbrian design`` without simulating: what it prints, what it writes, what it refuses."""

import json

import pytest

from ssnbrian.circuit import circuit_from_toml, load_circuit
from ssnbrian.cli.main import main

PAIRS = ("EE", "EI", "IE", "II")
REQUESTS = {
    "supersaturation": ["--peak", "3", "--at", "20"],
    "isn": ["--from-rate", "2"],
    "persistence": ["--rate", "6"],
    "bistability": ["--window", "3:5"],
    "no-steady-state": ["--above", "15"],
}


def run(capsys, *words):
    try:
        code = main(["design", *words])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("name", REQUESTS)
def test_json_holds_one_verified_network(capsys, name):
    code, out, err = run(capsys, name, *REQUESTS[name], "--count", "2", "--json")
    assert code == 0, err
    data = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert data["verified"] is True and data["verification"]["satisfied"] is True
    assert set(data["weights"]) == set(PAIRS) and all(0.5 <= value <= 25 for value in data["weights"].values())
    assert set(data["transfer"]["E"]) == {"a", "b", "n"} and data["ratio"] > 0
    assert data["verification"]["asked"] and data["margins"]["bounds"] >= 0
    circuit = circuit_from_toml(data["circuit"])
    assert circuit.ratio == data["ratio"]
    for pair in PAIRS:
        total = circuit.weight_total(circuit.projection(pair[1], pair[0])).to("mV")
        assert total == pytest.approx(data["weights"][pair], rel=1e-14)
    for other in data["alternatives"]:
        assert other["weights"] != data["weights"] and other["verification"]["satisfied"]


def test_bounds_seed_files_and_figure(capsys, tmp_path):
    out, figure = tmp_path / "net.toml", tmp_path / "net.png"
    words = ["supersaturation", *REQUESTS["supersaturation"], "--count", "2", "--seed", "3"]
    words += ["--bound", "J.EE=1:2", "--bound", "ratio=1", "--bound", "N.E=1200", "--bound", "j=0.2"]
    code, text, err = run(capsys, *words, "--out", str(out), "--figure", str(figure))
    assert code == 0, err
    assert "peak Hz: 3  (asked 3)" in text
    circuit = load_circuit(out)
    assert circuit.ratio == 1 and circuit.population("E").size == 1200
    assert 1 <= circuit.weight_total(circuit.projection("E", "E")).to("mV") <= 2
    assert figure.read_bytes().startswith(b"\x89PNG")
    again = json.loads(run(capsys, *words, "--json")[1])
    assert circuit_from_toml(again["circuit"]) == circuit


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["supersaturation", "--peak", "0.3", "--at", "20"], "infeasible (proven)"),
        (["persistence", "--rate", "6", "--bound", "J.EE=0.5:2"], "J_EE >= 3.9"),
        (["isn", "--from-rate", "0.05"], "thresholds from 0.1296 to"),
        (["supersaturation", "--peak", "3", "--at", "-5"], "must be above 0 mV/s"),
        (["supersaturation", "--peak", "3", "--at", "20", "--ratio", "9"], "outside its bounds"),
        (["supersaturation", "--peak", "3", "--at", "20", "--bound", "J.EX=1:2"], "nothing called 'J.EX'"),
        (["supersaturation", "--peak", "3", "--at", "20", "--bound", "J.EE=2:1"], "lowest <= highest"),
        (["supersaturation", "--peak", "3", "--at", "20", "--bound", "J.EE"], "NAME=LOW:HIGH"),
        (["supersaturation", "--peak", "nan", "--at", "20"], "finite"),
        (["supersaturation", "--at", "20"], "--peak"),
        (["oscillation"], "invalid choice"),
        ([], "REGIME"),
    ],
)
def test_what_cannot_be_is_refused_on_standard_error(capsys, words, said):
    code, out, err = run(capsys, *words, *(["--json"] if words else []))
    assert code == 2 and out == ""
    assert said in err and "Traceback" not in err


def test_every_regime_explains_itself(capsys):
    for name in REQUESTS:
        code, out, _ = run(capsys, name, "--help")
        assert code == 0 and "mV" in out and "--bound" in out
