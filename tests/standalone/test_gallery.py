"""The gallery has a page of every model; what its figures show is what closed forms give."""

import functools
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ssnbrian.models.library import PLASTICITY, TEMPLATES
from ssnbrian.models.rate.library import RATE_MODELS

from ssnbrian.circuit import Circuit, Constant, Population, circuit_from_toml
from ssnbrian.cli.main import main
from ssnbrian.engine.build import child_environment
from ssnbrian.engine.simulate import simulate
from ssnbrian.workflow import part_demonstration, plasticity_demonstration
from ssnbrian.workflow.circuit_demonstration import circuit_figure
from ssnbrian.workflow.demonstration import demonstrate
from ssnbrian.workflow.neuron_demonstration import step_responses
from ssnbrian.workflow.part_demonstration import adaptation_figures
from ssnbrian.workflow.plasticity_demonstration import is_long_lasting, pairing_responses, train_responses
from ssnbrian.workflow.synapse_demonstration import kind_of, postsynaptic_potentials

pytestmark = pytest.mark.xdist_group("gallery")

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = ("# ", "## Equations", "```math", "## Use", "```python")


def gallery_script():
    spec = importlib.util.spec_from_file_location("gallery_script", ROOT / "scripts" / "gallery.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


GALLERY = gallery_script()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    assert GALLERY.main([str(folder), "--no-figures"]) == 0
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def offered_names(capsys):
    assert main(["list", "--json"]) == 0
    kinds = json.loads(capsys.readouterr().out)
    return {kind: names for kind, names in kinds.items() if isinstance(names, list)}


def test_every_name_of_the_library_has_a_page(capsys, pages):
    kinds = offered_names(capsys)
    names = [name for names in kinds.values() for name in names]
    assert len(names) > 40
    assert set(pages) == {*names, "index"}
    for name in names:
        page = pages[name]
        assert all(section in page for section in SECTIONS), name
        assert page.startswith(f"# {name}\n")
        assert f"[{name}]({name}.md)" in pages["index"]
        assert "png" not in page
        assert page.count("```") % 2 == 0
    for kind in ("neurons", "synapses", "adaptation", "noise", "plasticity", "rate_models"):
        models = {**TEMPLATES.neurons, **TEMPLATES.synapses, **TEMPLATES.parts, **RATE_MODELS}
        for model in (models[name] for name in kinds[kind]):
            for one in model.parameters:
                assert f"| `{one.name}` | {one.default or 'required'} |" in pages[model.name]
            for line in getattr(model, "equations", "").strip().splitlines():
                assert line.strip() in pages[model.name]


def test_a_second_run_writes_the_same(pages, tmp_path):
    assert GALLERY.main([str(tmp_path), "--no-figures"]) == 0
    again = {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert again == pages


def test_only_some(tmp_path, capsys):
    assert GALLERY.main([str(tmp_path / "new"), "--no-figures", "--only", "adex", "delta"]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["adex.md", "delta.md", "index.md"]
    assert "neurons" in (tmp_path / "new" / "adex.md").read_text().splitlines()[3]
    assert GALLERY.main([str(tmp_path), "--no-figures", "--no-circuits", "--only", "bistable"]) == 2
    assert GALLERY.main([str(tmp_path), "--no-figures", "--only", "adx"]) == 2
    assert "Did you mean 'adex'?" in capsys.readouterr().err


def blocks(page, language):
    parts = page.split(f"```{language}\n")[1:]
    return [part.split("```", maxsplit=1)[0] for part in parts]


def test_the_python_of_every_page_runs(pages, tmp_path):
    script = []
    for name, page in pages.items():
        for block in blocks(page, "python"):
            # Simulating every circuit would take minutes; the rest of its lines runs.
            lines = [line for line in block.splitlines() if not line.startswith("recording = simulate(")]
            script += [f"# {name}", *lines]
    assert len(script) > 3 * len(pages)
    path = tmp_path / "snippets.py"
    path.write_text("\n".join(script))
    command = [sys.executable, str(path)]
    done = subprocess.run(command, env=child_environment(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_toml_of_every_page_is_read(pages):
    found = 0
    for name, page in pages.items():
        for block in blocks(page, "toml"):
            head = 'name = "mine"\n'
            if "[populations" not in block:
                head += '[populations.E]\nsize = 400\nneuron = "lif"\n'
            circuit = circuit_from_toml(head + block, TEMPLATES)
            models = [one.neuron for one in circuit.populations] + [one.synapse for one in circuit.projections]
            assert any(name in one.name for one in models)
            found += 1
    assert found == len(TEMPLATES.neurons) + len(TEMPLATES.synapses) + len(TEMPLATES.parts)


@pytest.fixture(scope="module")
def run(build_cache):
    return functools.partial(simulate, cache=build_cache)


def test_the_steps_of_a_neuron_give_its_f_i_curve(run):
    """Rate of a leaky neuron without noise: 1/(refractory + tau ln((RI + rest - reset)/(RI + rest - threshold)))."""
    (response,) = step_responses([TEMPLATES.neurons["lif"]], run)
    tau, refractory, distance = 0.02, 0.002, 15.0
    steady = response.levels * tau
    expected = np.zeros(len(steady))
    fires = steady > distance
    expected[fires] = 1 / (refractory + tau * np.log(steady[fires] / (steady[fires] - distance)))
    # A spike and the end of the refractory period are seen on a grid of 0.05 ms.
    assert np.all(np.abs(response.rates - expected) <= 1e-4 * expected**2 + 1e-9)
    assert fires.sum() > 10 and (~fires).sum() > 5
    assert 100 <= response.rates.max() < 150
    late = np.diff(response.spikes[response.spikes > 0])
    assert 1 / late.mean() == pytest.approx(np.interp(response.level, response.levels, expected), rel=0.05)
    assert np.abs(response.membrane[response.times < 0][-10:] + 65).max() < 1e-3


def test_the_potentials_of_synapses(run):
    names = ("exponential", "conductance_inhibitory")
    exponential, inhibitory = postsynaptic_potentials([TEMPLATES.synapses[name] for name in names], run)
    # The spike arrives at the end of its step of 0.1 ms.
    t = np.maximum(exponential.times - 1e-4, 0)
    expected = (np.exp(-t / 0.02) - np.exp(-t / 0.01)) / (1 - 0.01 / 0.02)
    for side in range(2):
        assert np.abs(exponential.membrane[:, side] - expected).max() < 2e-3
        area = np.trapezoid(exponential.current[:, side], exponential.times)
        assert area == pytest.approx(1.0, rel=0.01)
    # It reverses at -70 mV: up from -75 mV, down from -55 mV, with three times the driving force.
    up, down = inhibitory.membrane.T
    assert up.max() > 0.1 and up.min() > -1e-6
    assert down.min() / up.max() == pytest.approx(-3, rel=0.02)
    assert inhibitory.weight == -1


def test_the_kind_of_a_conductance_follows_from_its_reversal():
    kinds = {name: kind_of(synapse) for name, synapse in TEMPLATES.synapses.items()}
    assert [name for name, kind in kinds.items() if kind == "inhibitory"] == [
        "conductance_inhibitory",
        "pending_kicks_inhibitory",
        "pending_conductance_inhibitory",
    ]


def test_a_train_through_depression(monkeypatch):
    monkeypatch.setattr(plasticity_demonstration, "_TRAIN_SPIKES", 5)
    monkeypatch.setattr(plasticity_demonstration, "_PAUSES", (0.2,))
    (response,) = train_responses([PLASTICITY["depression"]], functools.partial(simulate, target="numpy"))
    assert len(response.times) == 5
    U, tau, R, sent = 0.5, 0.8, 1.0, []
    for number in range(len(response.times)):
        if number:
            R = 1 - (1 - R) * np.exp(-(response.times[number] - response.times[number - 1]) / tau)
        sent.append(U * R)
        R -= U * R
    assert response.efficacies == pytest.approx(np.array(sent), rel=1e-6)
    pauses = response.recovery_times - response.times[-1]
    assert response.recovered == pytest.approx(U * (1 - (1 - R) * np.exp(-pauses / tau)), rel=1e-6)


def test_pairs_at_a_low_rate_give_the_window(run, monkeypatch):
    """Far apart, each of 60 pairs changes the weight by A exp(-|lag|/tau)."""
    monkeypatch.setattr(plasticity_demonstration, "_RATES", (5.0,))
    (response,) = pairing_responses([PLASTICITY["pair_stdp"]], run)
    (slow,), lags = response.changes, response.lags
    expected = np.where(lags > 0, 60 * 0.005 * np.exp(-lags / 20), -60 * 0.00525 * np.exp(lags / 20))
    near = (lags != 0) & (np.abs(lags) <= 30)
    assert near.sum() == 24
    assert slow[near] == pytest.approx(expected[near], abs=1e-4)


def test_one_figure_of_each_kind(monkeypatch):
    """What the other tests have not run, on the numpy target: noise, adaptation, a rate model and a circuit."""
    short = {"_SHOWN": 0.02, "_NEURONS": 1000, "_ONSET": 0.05, "_OFFSET": 0.3, "_END": 0.3}
    for name, value in short.items():
        monkeypatch.setattr(part_demonstration, name, value)
    run = functools.partial(simulate, target="numpy")
    noise, plane = demonstrate([TEMPLATES.parts["white_noise"], RATE_MODELS["ctrnn"]], target="numpy")
    assert [axis.get_xlabel() for axis in noise.axes][-1] == "time (ms)"
    assert "x_1" in [axis.get_xlabel() for axis in plane.axes]
    (figure,) = adaptation_figures([TEMPLATES.parts["spike_adaptation"]], run)
    without, adapting = (line.get_ydata() for line in figure.axes[0].lines)
    times = figure.axes[0].lines[0].get_xdata()
    late = (times > 150) & (times < 240)
    early = (times > 0) & (times < 15)
    assert adapting[late].mean() < 0.7 * without[late].mean()
    assert adapting[early].mean() > 0.8 * without[early].mean()
    circuit = Circuit("small", (Population("E", 20, TEMPLATES.neurons["lif"]),), drive=Constant(1000, duration=0.1))
    rates = circuit_figure(circuit, run).axes[-1]
    assert rates.get_ylabel() == "population rate (Hz)"
    assert np.mean(rates.lines[0].get_ydata()) == pytest.approx(1000 / 31.7, rel=0.2)


def test_plasticity_is_shown_by_what_it_depends_on():
    """Pairs where target spikes change the weight, trains elsewhere."""
    long = {name for name, part in PLASTICITY.items() if is_long_lasting(part)}
    assert long == {name for name, part in PLASTICITY.items() if "relative_weight" in part.efficacy}
    assert 0 < len(long) < len(PLASTICITY)
