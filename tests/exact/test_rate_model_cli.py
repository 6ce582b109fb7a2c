"""``ssnbrian rate`` and the checks of a rate model's description."""

import dataclasses
import json

import pytest
from ssnbrian.models.rate.library import RATE_MODELS

from ssnbrian.circuit import InvalidInputError, Parameter
from ssnbrian.circuit.rate_model import RateModel, brian2_text, rate_model_card
from ssnbrian.cli.main import main


def run(capsys, *words):
    try:
        code = main(["rate", *words])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


LEAK = RateModel(
    name="leak",
    equations="dr/dt = (F - r)/tau : Hz\nF = gain*clip(I, 0*I, inf) : Hz  # driven",
    parameters=(
        Parameter("tau", "ms", "20 ms", "time constant"),
        Parameter("gain", "Hz/mV", "2 Hz/mV", "slope"),
        Parameter("I", "mV", "3 mV", "input"),
    ),
    initial={"r": "0 Hz"},
    ranges={"r": ("0 Hz", "10 Hz")},
)


def test_json_has_every_field(capsys, tmp_path):
    figure = tmp_path / "plane.png"
    words = ("--set", "I_1=1.5", "--set", "I_2=1.5", "--figure", str(figure), "--json")
    code, out, err = run(capsys, "winner_take_all", *words)
    assert code == 0, err
    data = json.loads(out, parse_constant=refuse)
    assert set(data) == {"model", "parameters", "fixed_points", "complete", "reason", "hopf", "figure"}
    assert data["model"] == "winner_take_all"
    assert data["hopf"] is None
    assert data["complete"] is True
    assert [point["kind"] for point in data["fixed_points"]] == ["stable node", "saddle", "stable node"]
    middle = data["fixed_points"][1]
    # I = theta + w/2: r = 1/2 in both units, eigenvalues (-1 ± w beta/4)/tau.
    assert middle["values"] == pytest.approx({"r_1": 0.5, "r_2": 0.5}, abs=1e-9)
    assert [pair[0] for pair in middle["eigenvalues"]] == pytest.approx([50.0, -150.0], rel=1e-9)
    assert middle["frequency"] is None and middle["stable"] is False
    assert figure.stat().st_size > 10_000


def test_hopf_points_as_text_and_data(capsys):
    code, out, _ = run(capsys, "ctrnn", "--hopf", "w_11=2:5", "--json")
    assert code == 0
    (point,) = json.loads(out, parse_constant=refuse)["hopf"]
    assert point["parameter"] == "w_11" and point["unit"] == "1"
    code, out, _ = run(capsys, "ctrnn", "--hopf", "w_11=2:5")
    assert code == 0
    assert f"{point['frequency']:.5g} Hz" in out
    assert "unstable focus" in out and "complete" in out


def test_without_a_model_all_are_listed(capsys):
    code, out, _ = run(capsys, "--json")
    assert code == 0
    assert list(json.loads(out)["models"]) == list(RATE_MODELS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("wilson_cowen",), "Did you mean 'wilson_cowan'?"),
        (("wilson_cowan", "--set", "tau_E=20 mV"), "expected a value in ms"),
        (("wilson_cowan", "--set", "tau_X=20 ms"), "unknown parameter 'tau_X'"),
        (("wilson_cowan", "--set", "tau_E"), "NAME=VALUE"),
        (("wilson_cowan", "--hopf", "I_E=3"), "e.g. 0:50"),
        (("wilson_cowan", "--hopf", "I_E=3:1"), "must go up"),
        (("wilson_cowan", "--hopf", "I_Q=0:1"), "unknown parameter 'I_Q'"),
        (("hebbian", "--figure", "x.png"), "a phase plane needs two"),
        (("wilson_cowan", "--figure", "nowhere/x.png"), "there is no folder"),
        (("--figure", "x.png"), "name the MODEL"),
    ],
)
def test_wrong_input_is_answered(capsys, words, message):
    code, out, err = run(capsys, *words)
    assert code == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_card_and_changed_values():
    changed = LEAK.with_parameters(tau="5 ms")
    assert changed.values["tau"].to("ms") == 5
    assert LEAK.values["tau"].to("ms") == 20
    assert "5.0 ms" in rate_model_card(changed)
    assert hash(LEAK) != hash(changed)
    assert [one.name for one in LEAK.states] == ["r"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"equations": "r' = -r"}, "cannot read"),
        ({"equations": "F = gain*I : Hz"}, "no differential equation"),
        ({"equations": "dr/dt = (gain*I - r : Hz"}, "is not an expression"),
        ({"equations": "dr/dt = (gain*J - r)/tau : Hz"}, "'J' is not known"),
        ({"equations": "dr/dt = -r/(20*ms) : Hz"}, "must be declared as a parameter"),
        ({"equations": "dr/dt = gain*I - r : Hz"}, "does not have the dimension"),
        ({"equations": "dr/dt = (I - r)/tau : Hz"}, "have different dimensions"),
        ({"equations": "dr/dt = exp(I)/tau**2 : Hz"}, "must have no dimension"),
        ({"equations": "dr/dt = I.real/tau : Hz"}, "is not arithmetic"),
        ({"equations": "dr/dt = open(I)/tau : Hz"}, "is not arithmetic"),
        ({"equations": "dr/dt = (F - r)/tau : Hz\nF = G : Hz\nG = F : Hz"}, "form a circle"),
        ({"equations": "dr/dt = -r/tau : Hz\ntau = I/I : 1"}, "used twice"),
        ({"parameters": (Parameter("tau", "ms", None, "time constant"), *LEAK.parameters[1:])}, "needs a default"),
        ({"initial": {}}, "expected one initial value"),
        ({"initial": {"r": "0 mV"}}, "expected a value in Hz"),
        ({"initial": {"q": "0 Hz", "r": "0 Hz"}}, "no state variable"),
        ({"ranges": {"r": ("5 Hz", "1 Hz")}}, "must go up"),
        ({"ranges": {"r": "5 Hz"}}, "must be two values"),
    ],
)
def test_a_wrong_description_is_refused(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        dataclasses.replace(LEAK, **changes)


def test_brian2_text_refuses_a_negative_duration():
    with pytest.raises(InvalidInputError, match="must be positive"):
        brian2_text(LEAK, duration="-1 s")
