"""Input populations and changing weights in the compiled program, against closed forms."""

import numpy as np
import pytest
from brian2 import mV
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import (
    Circuit,
    Constant,
    Course,
    FixedInDegree,
    InputPopulation,
    Population,
    Projection,
    Recording,
)
from ssnbrian.engine.simulate import simulate

NEURONS, PROCESSES, IN_DEGREE = 400, 50, 20
QUIET = {"sigma": "0 mV/sqrt(s)", "threshold": "100 mV", "tau": "20 ms"}
TAU, DT = 0.02, 1e-4


@pytest.fixture
def run(build_cache):
    def run(rate, weights=None, kind="excitatory", **settings):
        circuit = Circuit(
            "driven",
            (Population("E", NEURONS, LIF, parameters=QUIET),),
            (Projection("X", "E", 0.5 * mV, FixedInDegree(IN_DEGREE), DELTA),),
            inputs=(InputPopulation("X", PROCESSES, "1 Hz", kind),),
        )
        return simulate(
            circuit,
            Constant(0),
            input_rates={"X": rate},
            weights={"X->E.weight": Course([0], [0.5], "mV") if weights is None else weights},
            variables={"E.v": range(NEURONS)},
            initial={"E.v": 0 * mV},
            grid_threshold=True,
            cache=build_cache,
            **{"seed": 3} | settings,
        )

    return run


@pytest.mark.parametrize(("target", "kind"), [("cpp", "excitatory"), ("cpp", "inhibitory"), ("numpy", "inhibitory")])
def test_one_spike_per_process_and_step_adds_the_weight_of_that_step(run, target, kind):
    steps = 40
    always = Course([0, 20 * DT, 20 * DT], [1 / DT, 1 / DT, 0], "Hz")
    weights = Course([0, 10 * DT, 30 * DT], [0.1, 0.1, 0.3], "mV")
    recording = run(always, weights, kind, duration=steps * DT, target=target)
    sign = 1 if kind == "excitatory" else -1
    expected = np.zeros(steps)
    v = 0.0
    for step in range(steps):
        # The recorded potential is that at the start of the step, before the kicks and the update.
        expected[step] = v
        v *= np.exp(-DT / TAU)
        if step < 20:
            v += sign * IN_DEGREE * weights(step * DT)
    measured = recording.variables["E.v"] * 1000
    np.testing.assert_allclose(measured, np.repeat(expected[:, None], NEURONS, axis=1), rtol=1e-9, atol=1e-12)


def test_mean_and_variance_of_shot_noise(run):
    """Campbell: mean K w nu tau and variance K w² nu tau/2, on the grid (1 - exp(-x dt/tau)) in place of x dt/tau.

    Means over time of the population are correlated by tau and by shared processes; the tolerance is 5 standard
    errors, taken from 40 blocks of 0.25 s, 12 tau long.
    """
    rate, weight, blocks = 40.0, 0.5, 40
    recording = run(Course([0], [rate], "Hz"), duration=10.25, seed=11)
    v = recording.variables["E.v"][2500:] * 1000
    decay = np.exp(-DT / TAU)
    kicks = IN_DEGREE * rate * DT
    # The potential is sampled before the kicks of its step: one decay after those of the step before.
    mean = kicks * weight * decay / (1 - decay)
    variance = kicks * (1 - rate * DT) * weight**2 * decay**2 / (1 - decay**2)
    for expected, of_blocks in (
        (mean, v.reshape(blocks, -1).mean(axis=1)),
        (variance, ((v - mean) ** 2).reshape(blocks, -1).mean(axis=1)),
    ):
        error = of_blocks.std(ddof=1) / np.sqrt(blocks)
        assert abs(of_blocks.mean() - expected) < 5 * error
        assert error < 0.05 * expected


def test_courses_are_kept_with_the_recording(run, tmp_path):
    recording = run(Course([0, 0.01], [100, 0], "Hz"), Course([0], [0.25], "mV"), duration=0.02)
    recording.save(tmp_path / "run.npz")
    loaded = Recording.load(tmp_path / "run.npz")
    np.testing.assert_array_equal(loaded.input_rates["X"][1], [100, 0])
    np.testing.assert_array_equal(loaded.weights["X->E"], ([0], [0.25]))
