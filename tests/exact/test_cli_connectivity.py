"""``ssnbrian connectivity``: table, JSON, template, circuit file, messages."""

import json
import subprocess
import sys

import pytest
from ssnbrian.models.library import load_circuit

from ssnbrian.circuit import circuit_from_toml
from ssnbrian.cli.main import main


def run(capsys, *words):
    try:
        code = main(["connectivity", *words])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(scope="module")
def quick():
    return ("--samples", "100")


def test_json_has_the_stated_fields(capsys, quick):
    code, out, err = run(capsys, "allen_mouse_v1", *quick, "--ratio", "1", "--json")
    assert code == 0, err
    data = json.loads(out)
    one = data["projections"]["E->E"]
    assert one["probability"]["value"] == 0.0625
    assert one["probability"]["low"] < 0.0625 < one["probability"]["high"]
    assert one["in_degree"] == 187
    assert one["weight"]["value"] == pytest.approx(0.0035865, abs=6e-8)
    assert one["weight"]["spread_known"] is False
    assert one["J"]["value"] == pytest.approx(0.6725, abs=5e-5)
    assert one["J"]["box"][0] < one["J"]["low"] < one["J"]["value"] < one["J"]["high"] < one["J"]["box"][1]
    assert one["J"]["monte_carlo_error"] > 0
    assert set(data["regimes"]["supersaturation_possible"]) == {
        "meaning",
        "at_estimate",
        "probability",
        "standard_error",
        "samples",
        "undetermined",
        "guaranteed",
    }
    assert data["method"]["samples"] == 100
    assert "j is taken as exact" in data["method"]["assumptions"][0]
    assert data["thresholds"]["isn_rate_E"]["value"] == pytest.approx(27.4, abs=0.2)
    assert circuit_from_toml(data["circuit"]).name == "allen_mouse_v1"


def test_the_table_says_the_same_in_words(capsys, quick):
    code, out, _ = run(capsys, "allen_mouse_v1", *quick)
    assert code == 0
    assert "E->E 5/80 0.0625 [0.0206, 0.14] 187 0.003587 (exact) 0.67247 [" in " ".join(out.split())
    assert "note: no spread of PSPs or membranes is given" in out
    assert "supersaturation_possible" in out


def test_the_template_is_the_example_and_can_be_changed(capsys, quick, tmp_path):
    code, out, _ = run(capsys, "allen_mouse_v1", "--template")
    assert code == 0
    path = tmp_path / "mine.toml"
    path.write_text(out.replace("connected = 5\n", 'connected = 10\npsp_peak_standard_error = "0.02 mV"\n'))
    _, of_file, _ = run(capsys, str(path), *quick, "--json")
    one = json.loads(of_file)["projections"]["E->E"]
    assert one["probability"]["value"] == 0.125
    assert one["J"]["value"] == pytest.approx(2 * 0.672471, rel=1e-5)
    assert one["weight"]["spread_known"] is True
    assert one["weight"]["low"] < 0.0035 < one["weight"]["high"]
    path.write_text(out)
    _, same, _ = run(capsys, str(path), *quick, "--json")
    _, named, _ = run(capsys, "allen_mouse_v1", *quick, "--json")
    assert json.loads(same) == json.loads(named)


def test_the_circuit_file_serves_the_other_commands(capsys, quick, tmp_path):
    """Fig 3A at mu_ext = 100 mV/s: the SSN has (1.5177, 6.8300) Hz; here the power laws are fitted, J not rounded."""
    path = tmp_path / "v1.toml"
    words = ("--set", "E.tau=20 ms", "--set", "I.tau=10 ms", "--out", str(path))
    code, out, err = run(capsys, "allen_mouse_v1_weights", *quick, *words)
    assert code == 0, err
    assert f"circuit written to {path}" in out
    assert load_circuit(path).population("I").parameters["tau"].to("ms") == 10
    main(["predict", str(path), "--mu", "100", "--json"])
    (state,) = json.loads(capsys.readouterr().out)["steady_states"]
    assert state["rates"] == {"E": pytest.approx(1.5177, abs=2e-3), "I": pytest.approx(6.83, abs=2e-3)}


def test_more_populations_have_intervals_and_a_reason_for_no_regimes(capsys, quick, tmp_path):
    path = tmp_path / "three.toml"
    _, template, _ = run(capsys, "allen_mouse_v1", "--template")
    more = '[populations.PV]\nkind = "inhibitory"\nsize = 90\ntau_membrane = "8 ms"\nthreshold_minus_rest = "30 mV"\n'
    path.write_text(template + "\n" + more)
    code, out, _ = run(capsys, str(path), *quick, "--json")
    data = json.loads(out)
    assert code == 0
    assert data["regimes"] is None
    assert "one excitatory and one inhibitory population" in data["regimes_reason"]
    assert run(capsys, str(path), *quick)[1].rstrip().endswith("not excitatory, inhibitory, inhibitory")


def test_thresholds_that_are_never_reached_are_null(capsys, quick, tmp_path):
    path = tmp_path / "none.toml"
    _, template, _ = run(capsys, "allen_mouse_v1", "--template")
    path.write_text(template.replace("connected = 5\n", "connected = 0\n"))
    code, out, err = run(capsys, str(path), *quick, "--json")
    assert code == 0, err
    data = json.loads(out)
    assert data["projections"]["E->E"]["J"]["value"] == 0
    assert data["projections"]["E->E"]["J"]["high"] > 0
    assert data["thresholds"]["isn_rate_E"]["value"] is None
    assert run(capsys, str(path), *quick)[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("allen_mouse",), "Did you mean 'allen_mouse_v1'?"),
        (("missing.toml",), "there is no file 'missing.toml'"),
        (("missing.toml", "--template"), "there is no measured connectivity 'missing.toml'"),
        (("allen_mouse_v1", "--confidence", "95"), "confidence must lie between 0 and 1"),
        (("allen_mouse_v1", "--samples", "5"), "samples must be a whole number from 100"),
        (("allen_mouse_v1", "--ratio", "-1"), "ratio must not be negative"),
        (("allen_mouse_v1", "--window", "5:2"), "window"),
        (("allen_mouse_v1", "--window", "5"), "expected FROM:TO"),
        (("allen_mouse_v1", "--set", "J.EE=5 mV"), "'J.EE' follows from the measurements"),
        (("allen_mouse_v1", "--set", "E.taau=5 ms"), "Did you mean 'E.tau'?"),
        (("allen_mouse_v1", "--out", "no_such_folder/c.toml"), "there is no folder 'no_such_folder'"),
    ],
)
def test_wrong_input_ends_with_a_sentence_and_code_2(capsys, words, sentence):
    code, out, err = run(capsys, *words)
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err
    assert out == ""


def test_help_has_an_example(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "example: ssnbrian connectivity allen_mouse_v1" in out


def test_it_needs_no_brian2():
    program = (
        "import sys; from ssnbrian.cli.main import main; "
        "main(['connectivity', 'allen_mouse_v1', '--samples', '100', '--json']); sys.exit('brian2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
