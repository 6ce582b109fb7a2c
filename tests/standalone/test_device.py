"""The fast device against Brian2 itself: the same network, the same spikes and states."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from brian2.core.variables import Constant

from ssnbrian.device.additive import NotAdditiveError, additive_code
from ssnbrian.device.code_object import bulk_draws
from ssnbrian.device.firing_test import firing_test

NETWORKS = Path(__file__).with_name("device_networks.py")
ROOT = NETWORKS.parents[2]
PORTABLE = ("-O2", "-std=c++11", "-w")


def run_networks(device, folder, *flags):
    """The results of device_networks.py."""
    result = folder / f"{device}.npz"
    command = [sys.executable, str(NETWORKS), device, str(folder / device), str(result), *flags]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(result) as data:
        return dict(data)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Brian2's runtime device."""
    return run_networks("runtime", tmp_path_factory.mktemp("runtime"))


@pytest.mark.xdist_group("heavy-1")
@pytest.mark.parametrize("flags", [(), PORTABLE], ids=["default flags", "portable"])
def test_every_kind_of_synapse_gives_the_spikes_and_states_of_brian2(reference, tmp_path, flags):
    """Additive or not, with one delay or many, plastic, subgroups, two runs; differences are rounding alone."""
    ours = run_networks("ssnbrian_standalone", tmp_path, *flags)
    assert len(reference["spike_times"]) > 1000
    np.testing.assert_array_equal(ours["spike_neurons"], reference["spike_neurons"])
    np.testing.assert_allclose(ours["spike_times"], reference["spike_times"], rtol=1e-12)
    for name in ("v", "g", "x", "y", "z", "total", "weights"):
        np.testing.assert_allclose(ours[name], reference[name], rtol=1e-9, atol=1e-9, err_msg=name)
    for name in (name for name in reference if name.startswith("i_")):
        np.testing.assert_array_equal(np.sort(ours[name]), np.sort(reference[name]), err_msg=name)
    report = {line.split(": ")[0]: line.split(": ")[1] for line in ours["report"]}
    for name in ("shared", "delayed", "parts", "twice", "whole", "double"):
        assert report[name].startswith("rows of targets"), report[name]
    assert "'w' has a value per synapse" in report["weighted"]
    assert "single connect()" in report["steps"]


@pytest.mark.parametrize(
    ("condition", "first", "exact"),
    [
        ("v > theta", None, "v > theta"),
        ("(v > theta) and not_refractory", "v > theta", "v > theta and not_refractory"),
        ("rand() < r*dt", "_uniform_0 <= r * dt", "_uniform_0 < r * dt"),
        ("rand() < 1 - exp(-h*dt)", "_uniform_0 <= 1 - exp(-h * dt)", "_uniform_0 < 1 - exp(-h * dt)"),
        ("v > theta*(1 + rand())", None, "v > theta * (1 + _uniform_0)"),
        ("v > w + f(u)", None, "v > w + f(u)"),
        (
            "v > a or (b < c and rand() < exp(x))",
            "v > a or _uniform_0 * _below_exp_of_minus(x) <= 1.0",
            "v > a or (b < c and _uniform_0 < exp(x))",
        ),
    ],
)
def test_firing_test(condition, first, exact):
    test = firing_test(condition)
    assert (test.first, test.exact) == (first, exact)


def test_the_first_condition_holds_wherever_the_exact_one_does():
    """For the Brownian bridge: 1e6 random neurons, near and far from the threshold, and coarse uniforms."""
    random = np.random.default_rng(5)
    exponent = -random.exponential(10, 10**6) * random.choice([-0.2, 1e-9, 1e-3, 1, 10], 10**6)
    uniform = np.exp(exponent) * random.uniform(0.5, 1.0, 10**6)
    uniform = np.where(uniform < 1, uniform, random.uniform(size=10**6))
    power = (1 - np.minimum(exponent, 0) / 16) ** 16
    coarse = np.floor(uniform * 65536) / 65536
    fires = uniform < np.exp(exponent)
    assert fires.mean() > 0.5
    assert np.all((coarse * power <= 1.0)[fires])


def test_bulk_draws_gives_every_call_a_number_of_its_own():
    code, draws = bulk_draws("x = _randn(_vectorisation_idx) + _randn(_vectorisation_idx)*_rand(_vectorisation_idx);")
    assert [draw.kind for draw in draws] == ["normal", "normal", "uniform"]
    assert len({draw.name for draw in draws}) == 3
    assert code == f"x = {draws[0].name} + {draws[1].name}*{draws[2].name};"


@pytest.mark.parametrize(
    ("code", "prepost", "reason"),
    [
        ("v_post = 1", "pre", "does not add"),
        ("v_post *= 2", "pre", "does not add"),
        ("v_post += 1", "post", "come from the target"),
        ("", "pre", "no effect"),
        ("w += 1", "pre", "not a variable of the target"),
    ],
)
def test_what_is_not_additive_says_why(code, prepost, reason):
    variables = {"w": Constant("w", 1.0)}
    with pytest.raises(NotAdditiveError, match=reason):
        additive_code(code, prepost, variables, {"w": "0", "v_post": "_postsynaptic_idx"})
