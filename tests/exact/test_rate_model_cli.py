"""``ssnbrian rate`` and the checks of a rate model's description."""

import dataclasses
import json

import pytest
from ssnbrian.models.rate.library import RATE_MODELS, find_rate_model

from ssnbrian.circuit import InvalidInputError, Parameter, UnitError, load_circuit
from ssnbrian.circuit.rate_model import RateModel, brian2_text, rate_model_card
from ssnbrian.circuit.rate_model_toml import is_rate_model_file, rate_model_from_toml, rate_model_to_toml
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
    code, out, err = run(capsys, "rate_winner_take_all", *words)
    assert code == 0, err
    data = json.loads(out, parse_constant=refuse)
    assert set(data) == {"model", "parameters", "fixed_points", "complete", "reason", "hopf", "figure"}
    assert data["model"] == "rate_winner_take_all"
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
        ({"equations": "dr/dt = -r/tau : Hx"}, "line 'dr/dt = -r/tau : Hx': cannot read the unit 'Hx'"),
        ({"equations": "dr/dt = (gain*J)/tau : Hz"}, r"rate model leak, line 'dr/dt = \(gain\*J\)/tau : Hz': 'J'"),
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


@pytest.mark.parametrize("name", RATE_MODELS)
def test_a_model_comes_back_from_its_file(tmp_path, name):
    model, path = RATE_MODELS[name], tmp_path / "mine.toml"
    path.write_text(rate_model_to_toml(model), encoding="utf-8")
    assert find_rate_model(str(path)) == model == find_rate_model(name)
    assert rate_model_to_toml(find_rate_model(str(path))) == path.read_text(encoding="utf-8")
    assert is_rate_model_file(path)


def test_awkward_text_comes_back():
    awkward = dataclasses.replace(
        LEAK, explanation="a 'quote', a \"quote\",\na line and \x7f \\", source="'''", initial={"r": "1e-3 kHz"}
    )
    assert rate_model_from_toml(rate_model_to_toml(awkward)) == awkward


def test_numbers_without_dimension_need_no_quotes():
    text = """
        [rate_model]
        name = "decay"
        equations = "dx/dt = -x**n/tau : 1"
        initial.x = 1
        ranges.x = [0, 1.5]
        parameters.tau = { unit = "s", default = "2 s" }
        parameters.n = { unit = "1", default = "1" }
    """
    model = rate_model_from_toml(text)
    assert model.initial == (("x", "1"),) and model.ranges == (("x", ("0", "1.5")),)
    assert model.values["tau"].si == 2


def test_own_model_from_the_command_line(capsys, tmp_path, monkeypatch):
    """r = gain I = 6 Hz at rate 1/tau = 50/s; --set changes it; a circuit's command says what the file is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(rate_model_to_toml(LEAK), encoding="utf-8")
    code, out, err = run(capsys, "mine.toml", "--set", "I=4 mV", "--json")
    assert code == 0, err
    data = json.loads(out, parse_constant=refuse)
    assert data["model"] == "leak"
    (point,) = data["fixed_points"]
    assert point["values"]["r"] == pytest.approx(8) and point["eigenvalues"] == [[pytest.approx(-50), 0.0]]
    with pytest.raises(InvalidInputError, match="this is a rate model and no circuit"):
        load_circuit("mine.toml")


@pytest.mark.parametrize("name", ["mine.toml", "wilson_cowan"])
def test_show_gives_card_file_and_script(capsys, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    model = LEAK if name == "mine.toml" else RATE_MODELS[name]
    (tmp_path / "mine.toml").write_text(rate_model_to_toml(LEAK), encoding="utf-8")
    for options, expected in (([], rate_model_card(model)), (["--toml"], rate_model_to_toml(model)),
                              (["--brian2"], brian2_text(model))):  # fmt: skip
        assert main(["show", name, *options]) == 0
        assert expected.strip() in capsys.readouterr().out
        assert main(["show", name, *options, "--json"]) == 0
        data = json.loads(capsys.readouterr().out, parse_constant=refuse)
        assert data["name"] == model.name and rate_model_from_toml(data["toml"]) == model
        assert data.get("brian2") == (brian2_text(model) if options == ["--brian2"] else None)
    assert main(["show", name, "--set", "tau=3 ms"]) == 2
    assert "'ssnbrian rate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[rate_model]", "[rate_modell]", "the key 'rate_model' is missing .Did you mean 'rate_modell'"),
        ("[rate_model]", "[rate_model", "is not valid TOML: .* line 1"),
        ("[rate_model]", "extra = 1\n[rate_model]", "top of the file: unknown key 'extra'"),
        ("equations =", "equation =", r"\[rate_model\]: the key 'equations' is missing .Did you mean 'equation'"),
        ("initial.r", "initials.r", "the key 'initial' is missing"),
        ("initial.r", "initial.q", "initial value of 'q', no state variable"),
        ('["0 Hz", "10 Hz"]', '"0 Hz"', r"\[rate_model.ranges\]: 'r' should be of type list"),
        ('["0 Hz", "10 Hz"]', '["0 Hz"]', r"\[rate_model.ranges\]: 'r' must be two values"),
        ('["0 Hz", "10 Hz"]', '["9 Hz", "1 Hz"]', "the range of 'r' must go up"),
        ('unit = "ms"', 'unit = "mss"', r"parameters.tau: cannot read the unit 'mss'"),
        ('unit = "ms"', "unit = 3", r"parameters.tau: 'unit' should be of type str"),
        ('default = "20 ms"', 'default = "20 mV"', r"parameters.tau: default of tau: expected a value in ms"),
        ('default = "20 ms", ', "", "parameter 'tau' of a rate model needs a default"),
        ("gain*clip", "gian*clip", "rate model leak, line 'F = gian.*: 'gian' is not known. Did you mean 'gain'"),
        ("(F - r)/tau", "(F - r)*tau", "rate model leak, line 'dr/dt = .*tau : Hz': the right side does not have"),
        ("(F - r)/tau", "open(F)", "line 'dr/dt = open.F. : Hz': 'open.F.' is not arithmetic"),
    ],
)
def test_a_wrong_file_is_answered_with_its_place(old, new, message):
    text = rate_model_to_toml(LEAK)
    assert old in text
    with pytest.raises(InvalidInputError, match=message) as error:
        rate_model_from_toml(text.replace(old, new, 1), "'mine.toml'")
    assert str(error.value).startswith("'mine.toml'") and "\n" not in str(error.value)


def test_files_that_are_no_rate_models(tmp_path):
    with pytest.raises(InvalidInputError, match=r"there is no file 'missing.toml'"):
        find_rate_model("missing.toml")
    path = tmp_path / "circuit.toml"
    path.write_text("[populations.E]\nsize = 3\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"this is a circuit, which has no \[rate_model\]"):
        find_rate_model(str(path))
    assert not is_rate_model_file(path) and not is_rate_model_file(tmp_path)
    with pytest.raises(UnitError, match="cannot read the unit"):
        rate_model_from_toml(rate_model_to_toml(LEAK).replace('unit = "ms"', 'unit = "mss"'))
