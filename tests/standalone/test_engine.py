"""The compiled program against closed forms: what a run is told arrives, and the synapses are those described."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from brian2 import Hz, ms, mV, second
from small_circuits import IN_DEGREES, RECORDED, SIZES, irregular, observed

from ssnbrian.circuit import Constant, PiecewiseLinear, Ramp
from ssnbrian.engine.build import child_environment
from ssnbrian.engine.simulate import simulate

QUIET = {"sigma": "0 mV/sqrt(s)", "threshold": "100 mV"}
TAU = {"E": 0.02, "I": 0.02}


@pytest.fixture
def run(build_cache):
    def run(circuit, drive=None, **settings):
        settings = {"duration": 2 * ms, "seed": 1} | settings
        drive = Constant(0) if drive is None else drive
        return simulate(
            circuit, drive, spikes=True, variables=RECORDED, grid_threshold=True, cache=build_cache, **settings
        )

    return run


def exact_step(v, mu, x, tau, tau_synapse, dt):
    """v and x after dt, for dv/dt = -v/tau + mu + x and dx/dt = -x/tau_synapse."""
    decay = np.exp(-dt / tau)
    rate = 1 / tau - 1 / tau_synapse
    filtered = dt * decay if rate == 0 else (np.exp(-dt / tau_synapse) - decay) / rate
    return v * decay + mu * tau * -np.expm1(-dt / tau) + x * filtered, x * np.exp(-dt / tau_synapse)


@pytest.mark.parametrize(("tau", "tau_synapse", "dt"), [(20, 10, 0.1), (20, 20, 0.1), (7, 31, 0.05), (12, 3, 1.0)])
@pytest.mark.parametrize("target", ["cpp", "numpy"])
def test_every_step_is_the_exact_solution(build_cache, run, target, tau, tau_synapse, dt):
    circuit = observed(tau=tau * ms, filtered={"tau_synapse": tau_synapse * ms}, **QUIET)
    rng = np.random.default_rng(5)
    v, x = rng.normal(size=SIZES["I"]), rng.normal(size=SIZES["I"])
    drive = Ramp(30, 70, duration=5 * dt / 1000)
    recording = run(
        circuit,
        drive,
        ratio=0.5,
        duration=None,
        dt=dt * ms,
        initial={"I.v": v * mV, "I.mu_filtered_from_E": x * mV / second},
        target=target,
    )
    np.testing.assert_allclose(recording.variable_times, np.arange(5) * dt / 1000, atol=1e-12)
    v, x = v / 1000, x / 1000
    for k in range(5):
        np.testing.assert_allclose(recording.variables["I.v"][k], v, rtol=1e-11, atol=1e-16)
        np.testing.assert_allclose(recording.variables["I.mu_filtered_from_E"][k], x, rtol=1e-11)
        mu = 0.5 * drive((k + 0.5) * dt / 1000) / 1000
        v, x = exact_step(v, mu, x, tau / 1000, tau_synapse / 1000, dt / 1000)


@pytest.mark.parametrize("target", ["cpp", "numpy"])
def test_the_drive_arrives_at_the_middle_of_each_step(run, target):
    drives = {
        "E": PiecewiseLinear([0, 0.001, 0.001, 0.003], [0, 10, -4, 6.5]),
        "I": PiecewiseLinear([0, 0.002, 0.003], [1, 1, 9]),
    }
    recording = run(observed(**QUIET), drives, duration=3 * ms, target=target)
    middles = (np.arange(30) + 0.5) * 1e-4
    for name, drive in drives.items():
        recorded = recording.variables[f"{name}.mu_ext"][:, 0] * 1000
        np.testing.assert_allclose(recorded, drive(middles), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(recording.drives[name][1], drive.values)
    assert recording.drives["E"][1][2] == -4


def test_the_noise_has_the_variance_of_the_exact_step(run):
    tau, sigma, dt = 0.013, 0.0041, 1e-4
    circuit = observed(tau=tau * second, sigma="4.1 mV/sqrt(s)", threshold="100 mV")
    v = run(circuit, duration=0.2 * second).variables["E.v"]
    kicks = v[1:] - v[:-1] * np.exp(-dt / tau)
    expected = sigma**2 * tau / 2 * -np.expm1(-2 * dt / tau)
    standard_error = expected * np.sqrt(2 / kicks.size)
    assert kicks.size > 50_000
    assert abs(kicks.var() - expected) < 4 * standard_error
    assert abs(kicks.mean()) < 4 * np.sqrt(expected / kicks.size)
    neighbours = np.mean(kicks[1:] * kicks[:-1]) / expected
    across = np.mean(kicks[:, 1:] * kicks[:, :-1]) / expected
    assert max(abs(neighbours), abs(across)) < 4 / np.sqrt(kicks.size - kicks.shape[0])


def test_threshold_and_reset_arrive(run):
    circuit = observed(sigma="0 mV/sqrt(s)", threshold="5 mV", reset="-1.25 mV")
    start = np.linspace(4.0, 6.0, SIZES["E"])
    recording = run(circuit, initial={"E.v": start * mV, "I.v": "0 mV"})
    spiking = start * np.exp(-1e-4 / 0.02) > 5
    assert 0 < spiking.sum() < SIZES["E"]
    after = recording.variables["E.v"][1]
    np.testing.assert_array_equal(after[spiking], -0.00125)
    np.testing.assert_allclose(after[~spiking], start[~spiking] / 1000 * np.exp(-0.005), rtol=1e-12)
    np.testing.assert_array_equal(recording.neuron_counts["E"], spiking)
    np.testing.assert_array_equal(np.sort(recording.spikes["E"][1]), np.flatnonzero(spiking))
    np.testing.assert_array_equal(recording.spikes["E"][0], 0)


def test_the_initial_state_of_the_model_lies_between_reset_and_threshold(run):
    v = run(observed(sigma="0 mV/sqrt(s)", threshold="8 mV", reset="3 mV"), seed=5).variables
    start = np.concatenate([v["E.v"][0], v["I.v"][0]])
    assert len(set(start.tolist())) == 50
    assert 0.003 <= start.min() < 0.004
    assert 0.007 < start.max() <= 0.008


def kicks_of_one_source(run, source, seed):
    """Kicks, in synapses, that each E neuron gets from one E source; its own place is NaN."""
    weight = 0.25
    start = np.zeros(SIZES["E"])
    start[source] = 50
    circuit = observed({"EE": weight * mV}, sigma="0 mV/sqrt(s)", threshold="10 mV")
    recording = run(circuit, initial={"E.v": start * mV, "I.v": 0 * mV}, duration=0.3 * ms, seed=seed)
    assert recording.neuron_counts["E"].sum() == 1
    counts = recording.variables["E.v"][1] / (weight / 1000)
    counts[source] = np.nan
    return counts


def test_every_neuron_has_exactly_its_in_degree_from_different_sources_and_not_from_itself(run):
    matrix = np.column_stack([kicks_of_one_source(run, source, seed=3) for source in range(SIZES["E"])])
    others = ~np.eye(SIZES["E"], dtype=bool)
    assert set(np.round(matrix[others], 9).tolist()) == {0.0, 1.0}
    # A synapse of a neuron onto itself would be missing here, because the reset wipes its kick out.
    np.testing.assert_allclose(np.nansum(matrix, axis=1), IN_DEGREES["EE"], rtol=1e-9)
    column = kicks_of_one_source(run, 0, seed=4)
    assert not np.array_equal(np.round(column[1:]), np.round(matrix[1:, 0]))


def test_kicks_have_the_sign_of_the_source_and_the_size_of_the_weight(run):
    circuit = observed({"EI": 0.3 * mV}, sigma="0 mV/sqrt(s)", threshold="10 mV", reset="0 mV")
    recording = run(circuit, initial={"E.v": 0 * mV, "I.v": 50 * mV})
    assert recording.neuron_counts["I"].sum() == SIZES["I"]
    np.testing.assert_allclose(recording.variables["E.v"][1] * 1000, -0.3 * IN_DEGREES["EI"], rtol=1e-12)
    circuit = observed({"IE": 0.4 * mV}, {"tau_synapse": 8 * ms}, sigma="0 mV/sqrt(s)", threshold="10 mV")
    recording = run(circuit, initial={"E.v": 50 * mV, "I.v": 0 * mV})
    expected = IN_DEGREES["IE"] * 0.4e-3 / 8e-3
    np.testing.assert_allclose(recording.variables["I.mu_filtered_from_E"][1], expected, rtol=1e-12)


@pytest.mark.parametrize(("low", "high", "dt"), [(1, 3, 0.1), (1, 3, 0.05), (2, 2, 0.1), (0, 1, 0.1)])
def test_delays_are_uniform_between_their_bounds(run, low, high, dt):
    filtered = {"delay_low": low * ms, "delay_high": high * ms, "tau_synapse": 10 * ms}
    circuit = observed({"IE": 0.4 * mV}, filtered, sigma="0 mV/sqrt(s)", threshold="10 mV")
    recording = run(circuit, initial={"E.v": 50 * mV, "I.v": 0 * mV}, duration=5 * ms, dt=dt * ms)
    x = recording.variables["I.mu_filtered_from_E"]
    arrivals = (x[1:] - x[:-1] * np.exp(-dt / 10)) / (0.4 / 10)
    np.testing.assert_allclose(arrivals, np.round(arrivals), atol=1e-8)
    arrivals = np.round(arrivals).astype(int)
    np.testing.assert_array_equal(arrivals.sum(axis=0), IN_DEGREES["IE"])
    delays = np.repeat(np.arange(len(arrivals)) * dt, arrivals.sum(axis=1))
    assert low - 1e-9 <= delays.min() <= delays.max() <= high + 1e-9
    standard_error = np.hypot(high - low, dt) / np.sqrt(12 * delays.size)
    assert abs(delays.mean() - (low + high) / 2) < 4 * standard_error


def noisy(**parameters):
    return observed({"EE": 0.05 * mV, "IE": 0.3 * mV, "EI": 0.2 * mV}, {"delay_high": 2 * ms}, **parameters)


def test_the_seed_decides_everything(run):
    first, again, other = (run(noisy(), Constant(60), duration=0.3 * second, seed=seed) for seed in (11, 11, 12))
    for name in SIZES:
        assert len(first.spikes[name][0]) >= 20
        for a, b in zip(first.spikes[name], again.spikes[name], strict=True):
            np.testing.assert_array_equal(a, b)
        assert not np.array_equal(first.variables[f"{name}.v"], other.variables[f"{name}.v"])
    assert first.metadata["seed"] == 11
    free = [run(noisy(), Constant(60), seed=None) for _ in range(2)]
    assert free[0].metadata["seed"] != free[1].metadata["seed"]
    assert not np.array_equal(free[0].variables["E.v"], free[1].variables["E.v"])
    repeated = run(noisy(), Constant(60), seed=free[0].metadata["seed"])
    np.testing.assert_array_equal(repeated.variables["E.v"], free[0].variables["E.v"])


def test_seeds_with_the_same_lowest_bits_differ(run):
    one, two = (run(noisy(), Constant(60), seed=seed).variables["E.v"][0] for seed in (5, 5 + 2**32))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("target", ["cpp", "numpy"])
def test_counts_spikes_and_shapes_agree_with_each_other(run, target):
    recording = run(noisy(), Constant(60), duration=0.1025 * second, bin_width=2 * ms, target=target)
    assert recording.completed
    assert recording.duration == pytest.approx(0.1025)
    assert recording.bin_width == pytest.approx(0.002)
    for name, size in SIZES.items():
        times, indices = recording.spikes[name]
        assert recording.counts[name].shape == (51,)
        bins = np.round(times / 1e-4).astype(int) // 20
        np.testing.assert_array_equal(recording.counts[name], np.bincount(bins, minlength=52)[:51])
        np.testing.assert_array_equal(recording.neuron_counts[name], np.bincount(indices, minlength=size))
        assert recording.variables[f"{name}.v"].shape == (1025, size)
        assert recording.rates()[name] == pytest.approx(recording.neuron_counts[name].sum() / (size * 0.1025))
    assert len(times) > 20


CHANGED_RUN = """
import json, sys
import numpy as np
from brian2 import mV, ms, second
from small_circuits import RECORDED, observed
from ssnbrian.circuit import Ramp
from ssnbrian.engine.simulate import simulate
circuit = observed({"EE": 0.7 * mV}, tau=9 * ms, sigma="0 mV/sqrt(s)", threshold="10 mV", reset="-2 mV")
start = np.zeros(30); start[1:] = 50
recording = simulate(circuit, Ramp(5, 15, duration=0.002), ratio=2, duration=1 * ms, dt=0.05, seed=99, spikes=True,
    variables=RECORDED, grid_threshold=True, initial={"E.v": start * mV, "I.v": 3 * mV}, cache=sys.argv[1])
print(json.dumps({"build": recording.metadata["build"], "E": recording.variables["E.v"][1].tolist(),
    "I": recording.variables["I.v"][1].tolist(), "start": recording.variables["E.v"][0].tolist(),
    "mu": recording.variables["I.mu_ext"][0].tolist(), "steps": len(recording.variable_times)}))
"""


def test_a_new_process_changes_everything_without_a_compiler(run, build_cache, tmp_path):
    run(observed(**QUIET))
    calls = tmp_path / "calls"
    for tool in ("g++", "make"):
        script = tmp_path / tool
        script.write_text(f'#!/bin/sh\necho {tool} "$@" >> {calls}\nexit 1\n')
        script.chmod(0o755)
    environment = child_environment()
    environment["PYTHONPATH"] += f":{Path(__file__).resolve().parents[1]}"
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    command = [sys.executable, "-c", CHANGED_RUN, str(build_cache)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["build"]["cached"] is True
    # Another compiler may be asked for its version; nothing may be compiled.
    asked = calls.read_text().splitlines() if calls.exists() else []
    assert set(asked) <= {"g++ -dumpfullversion"}
    assert result["steps"] == 20
    np.testing.assert_allclose(result["start"], [0.0] + [0.05] * 29)
    mu, dt, tau = 5.125e-3, 5e-5, 9e-3
    assert result["mu"] == pytest.approx([2 * mu], rel=1e-12)
    drift = mu * tau * -np.expm1(-dt / tau)
    np.testing.assert_allclose(result["E"][0], drift + IN_DEGREES["EE"] * 0.7e-3, rtol=1e-12)
    np.testing.assert_array_equal(result["E"][1:], -0.002)
    np.testing.assert_allclose(result["I"], 3e-3 * np.exp(-dt / tau) + 2 * drift, rtol=1e-12)


def test_a_cached_build_runs_where_there_is_no_compiler(run, monkeypatch, tmp_path):
    run(observed(**QUIET))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(observed(**QUIET)).metadata["build"]["cached"] is True


@pytest.mark.parametrize("target", ["cpp", "numpy"])
def test_a_network_that_runs_away_is_stopped_and_kept(build_cache, target):
    circuit = irregular(coupling="2 mV")
    recording = simulate(circuit, Constant(60), duration=5, seed=1, cache=build_cache, target=target)
    assert not recording.completed
    assert recording.status.startswith("stopped at ")
    assert "the rate of E ran away, above 500 Hz" in recording.status
    assert recording.duration == pytest.approx(float(recording.status.split()[2]), rel=1e-3)
    assert 0 < recording.duration < 1
    # The guard averages over 0.1 s, so at least 500 Hz x 0.1 s spikes of every neuron lie behind it.
    assert recording.neuron_counts["E"].mean() >= 50
    assert recording.metadata["requested_duration"] == 5


def test_the_runaway_limit_can_be_raised_or_dropped(build_cache):
    circuit = irregular(coupling="0 mV", sigma="0 mV/sqrt(s)")

    def status(**limit):
        return simulate(circuit, Constant(500), duration=0.3, seed=1, cache=build_cache, **limit).status

    assert "above 100 Hz" in status(runaway_rate=100 * Hz)
    assert status(runaway_rate=None) == "completed"
    assert status(runaway_rate=2000) == "completed"


def rate_and_error(recording):
    counts = recording.neuron_counts["E"] / recording.duration
    return counts.mean(), counts.std(ddof=1) / np.sqrt(counts.size)


def test_numpy_and_compiled_rates_agree_within_their_standard_errors(build_cache):
    settings = {"duration": 2, "dt": 0.5, "cache": build_cache}
    compiled = simulate(irregular(), Constant(40), seed=1, **settings)
    python = simulate(irregular(), Constant(40), seed=2, target="numpy", **settings)
    assert compiled.metadata["crossing"] == python.metadata["crossing"] == {"E": "bridge"}
    (one, error), (two, other_error) = rate_and_error(compiled), rate_and_error(python)
    assert max(error, other_error) < 0.03 * one
    assert abs(one - two) < 4 * np.hypot(error, other_error)


def test_the_bridge_finds_the_crossings_that_the_grid_misses(build_cache, run):
    """At dt = 1 ms the bridge stays near the rate of dt = 0.1 ms; the loss on the grid is O(sqrt(dt))."""
    circuit = irregular(coupling="0 mV")
    fine, coarse = (
        rate_and_error(simulate(circuit, Constant(40), duration=20, dt=dt, seed=dt_seed, cache=build_cache))
        for dt_seed, dt in ((1, 0.1), (2, 1.0))
    )
    assert abs(fine[0] - coarse[0]) < 4 * np.hypot(fine[1], coarse[1]) + 0.02 * fine[0]
    on_grid = run(observed(), Constant(40), duration=4 * second, dt=1 * ms)
    assert on_grid.neuron_counts["E"].mean() / 4 < 0.95 * fine[0]
