"""``ssnbrian map``: output for people and machines, and errors for wrong input."""

import json

import pytest

from ssnbrian.cli.main import main


def run(capsys, *words):
    try:
        code = main(list(words))
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def test_json_has_every_field(capsys, tmp_path):
    figure = tmp_path / "map.png"
    words = ("--mu", "1:5:5", "--ratio", "0:2:3", "--transfer", "paper", "--figure", str(figure), "--json")
    code, out, err = run(capsys, "map", "bistable", *words)
    assert code == 0, err
    data = json.loads(out, parse_constant=refuse)
    assert data["circuit"] == "bistable"
    assert data["mu_ext"] == [1, 2, 3, 4, 5]
    assert data["ratio"] == [0, 1, 2]
    # Folds at ratio 1: 2.1634 and 3.5700.
    assert data["states"][1] == [1, 1, 3, 1, 1]
    assert data["stable"][1] == [1, 1, 2, 1, 1]
    assert data["isn"][1] == [False, False, True, True, True]
    assert data["balanced"] == ["stable", "stable", "none"]
    assert data["complete"] is True
    assert data["highest"]["E"][1][2] == pytest.approx(6.1399, abs=5e-5)
    assert data["lowest"]["E"][1][2] == pytest.approx(0.8511, abs=5e-5)
    assert {curve["name"] for curve in data["boundaries"]} >= {"fold", "hopf", "isn", "supersaturation"}
    assert all(len(data[name]) == 3 for name in ("states", "stable", "isn", "supersaturating"))
    assert len(data["cusps"]) == 1
    assert data["balanced_lines"] == [{"ratio": pytest.approx(1.1), "below": "stable", "above": "none"}]
    assert data["transfer"]["E"]["n"] == 3.0814
    assert data["figure"] == str(figure)
    assert figure.stat().st_size > 10_000


def test_text_and_default_ranges(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "map", "negative_determinant", "--transfer", "paper")
    assert code == 0, err
    assert "no steady state" in out
    assert "balanced limit: none below ratio 1.25, unstable above" in out
    assert "figure: negative_determinant_map.png" in out
    assert (tmp_path / "negative_determinant_map.png").exists()


def test_no_stable_state_is_null(capsys, tmp_path):
    words = ("--mu", "0:50:2", "--ratio", "1:3:2", "--figure", str(tmp_path / "a.png"), "--json")
    code, out, _ = run(capsys, "map", "negative_determinant", *words)
    assert code == 0
    data = json.loads(out, parse_constant=refuse)
    assert data["states"][0][1] == 0
    assert data["lowest"]["E"][0][1] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--mu", "0:15"), "expected FROM:TO:COUNT, e.g. 0:15:61"),
        (("--mu", "0:15:1"), "at least 2"),
        (("--mu", "0:15:2.5"), "at least 2"),
        (("--mu", "15:0:5"), "must ascend"),
        (("--mu", "nan:1:5"), "finite number"),
        (("--ratio", "-1:1:5"), "must not be negative"),
        (("--ratio", "0:a:5"), "expected a number"),
        (("--mu", "0:1:3000", "--ratio", "0:1:3000"), "too large"),
        (("--figure", "/nowhere/at/all.png"), "there is no folder"),
        (("--set", "J.EE=oops"), "cannot read 'oops' as a value"),
    ],
)
def test_wrong_input_says_what_is_right(capsys, words, message):
    code, out, err = run(capsys, "map", "bistable", *words)
    assert code == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err
