"""Every rate model of the library against equations, parameters and Jacobians typed here, in Hz, mV and s."""

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, fsolve
from ssnbrian.analysis.rate_model_analysis import fixed_points, trajectory
from ssnbrian.analysis.rate_model_hopf import hopf_points
from ssnbrian.models.rate.library import RATE_MODELS

from ssnbrian.circuit.rate_model import brian2_text
from ssnbrian.engine.build import child_environment

pytestmark = pytest.mark.xdist_group("rate-model-answers")
EVERY_MODEL = pytest.mark.parametrize("name", RATE_MODELS)


def logistic(scale, beta, theta):
    """r_max/(1 + e^{-beta (h - theta)}) and its slope."""

    def rate(h):
        return scale / (1 + np.exp(-beta * (h - theta)))

    return rate, lambda h: beta * rate(h) * (1 - rate(h) / scale)


class Network:
    """tau r' = -r + F(W r + I): slope (1/s) and Jacobian (-1 + F' W)/tau."""

    def __init__(self, activation, weights, inputs, tau, high, low=(0, 0)):
        (self.rate, self.gain), self.weights, self.inputs = activation, np.array(weights), np.array(inputs)
        self.tau, self.low, self.high = np.array(tau), np.array(low), np.array(high)

    def slope(self, r):
        return (-r + self.rate(self.weights @ r + self.inputs)) / self.tau

    def jacobian(self, r):
        gain = self.gain(self.weights @ r + self.inputs)
        return (-np.eye(2) + gain[:, None] * self.weights) / self.tau[:, None]


class Ctrnn(Network):
    """tau x' = -x + W sigma(x + theta), with the bias as the input."""

    def slope(self, x):
        return (-x + self.weights @ self.rate(x + self.inputs)) / self.tau

    def jacobian(self, x):
        return (-np.eye(2) + self.weights * self.gain(x + self.inputs)) / self.tau[:, None]


class Hebb:
    """Rates that relax to their inputs and w' = eta (r_i r_j - alpha w)."""

    low, high = np.zeros(3), np.array([50.0, 50.0, 2.0])

    def slope(self, state):
        r_i, r_j, w = state
        return np.array([(20 - r_i) / 0.02, (10 - r_j) / 0.02, 1e-3 * (r_i * r_j - 400 * w)])

    def jacobian(self, state):
        r_i, r_j, _ = state
        return np.array([[-50, 0, 0], [0, -50, 0], [1e-3 * r_j, 1e-3 * r_i, -0.4]])


class FacilitatingMemory:
    """Rates with a soft threshold, and the mean of u and R that they drive."""

    low, high = np.zeros(4), np.array([60.0, 60.0, 1.0, 1.0])

    def slope(self, state):
        r_e, r_i, u, resources = state
        h_e = 5 * u * resources * r_e - 0.5 * r_i - 2
        h_i = 0.5 * r_e - 0.2 * r_i - 1
        soft = [h + np.log1p(np.exp(-h)) for h in (h_e, h_i)]
        return np.array([
            (soft[0] - r_e) / 0.02,
            (soft[1] - r_i) / 0.005,
            (0.2 - u) / 1.5 + 0.2 * (1 - u) * r_e,
            (1 - resources) / 0.2 - u * resources * r_e,
        ])  # fmt: skip

    def jacobian(self, state):
        """By complex steps, exact to rounding."""
        return np.column_stack([self.slope(state + 1e-30j * one).imag / 1e-30 for one in np.eye(4)])


def rectified(gain, theta, power):
    def rate(h):
        return gain * np.maximum(h - theta, 0.0) ** power

    return rate, lambda h: gain * power * np.maximum(h - theta, 0.0) ** (power - 1) * (h > theta)


MODELS = {
    "rate_sigmoid": Network(logistic(100, 0.3, 10), [[0.3, -0.4], [0.5, -0.2]], [10, 5], [0.02, 0.01], [100, 100]),
    "rate_tanh": Network(
        (np.tanh, lambda h: 1 - np.tanh(h) ** 2), [[1.6, -0.5], [0.5, 1.4]], [0, 0], [0.02, 0.02], [1.5, 1.5],
        [-1.5, -1.5],
    ),
    "rate_relu": Network(rectified(1, 5, 1), [[1.2, -1], [1.5, -0.5]], [20, 15], [0.02, 0.01], [50, 50]),
    "rate_power_law": Network(
        rectified(0.04, 0, 2), [[1.25, -0.65], [1.2, -0.5]], [10, 10], [0.02, 0.01], [40, 40]
    ),
    "ctrnn": Ctrnn(logistic(1, 1, 0), [[4.5, 1], [-1, 4.5]], [-2.75, -1.75], [1, 1], [8, 7], [-2, -3]),
    "wilson_cowan": Network(logistic(1, 1, 0), [[12, -12], [15, -2]], [6 - 4, 0 - 3.7], [0.01, 0.01], [1, 1]),
    "rate_winner_take_all": Network(logistic(1, 4, 0.5), [[0, -2], [-2, 0]], [1.55, 1.45], [0.02, 0.02], [1, 1]),
    "hebbian": Hebb(),
    "working_memory": Network(
        logistic(100, 0.25, 15), [[0.7, -0.5], [0.35, -0.1]], [0, 0], [0.02, 0.005], [100, 100]
    ),
    "facilitating_memory": FacilitatingMemory(),
}  # fmt: skip


def roots_of(model, starts=300):
    """Fixed points within the ranges from many random starts, each once, in ascending order."""
    generator, found = np.random.default_rng(7), []
    width = model.high - model.low
    for start in model.low + generator.random((starts, len(width))) * width:
        state, _, ended, _ = fsolve(model.slope, start, fprime=model.jacobian, xtol=1e-13, full_output=True)
        inside = np.all(state > model.low - 0.01 * width) and np.all(state < model.high + 0.01 * width)
        new = all(np.abs((state - one) / width).max() > 1e-6 for one in found)
        if ended == 1 and inside and new and np.abs(model.slope(state) / width).max() < 1e-7:
            found.append(state)
    return sorted(found, key=tuple)


def test_every_rate_model_has_an_answer():
    assert set(MODELS) == set(RATE_MODELS)


@EVERY_MODEL
@pytest.mark.filterwarnings("ignore:The iteration is not making good progress", "ignore:overflow encountered")
def test_fixed_points_and_eigenvalues(name):
    """All of them, with the eigenvalues of the Jacobian that is typed here and the stability that these say."""
    model = MODELS[name]
    expected = roots_of(model)
    found = sorted(fixed_points(RATE_MODELS[name]), key=lambda point: tuple(point.values.values()))
    assert len(found) == len(expected)
    for point, root in zip(found, expected, strict=True):
        assert list(point.values.values()) == pytest.approx(root, rel=1e-7, abs=1e-9)
        eigenvalues = np.sort_complex(np.linalg.eigvals(model.jacobian(root)))
        scale = np.abs(eigenvalues).max()
        assert np.sort_complex(point.eigenvalues) == pytest.approx(eigenvalues, rel=1e-6, abs=1e-9 * scale)
        assert point.stable == bool(np.all(eigenvalues.real < 0))


def integrate(model, start, times):
    return solve_ivp(
        lambda t, x: model.slope(x), (0, times[-1]), start, "DOP853", times, rtol=1e-11, atol=1e-12, max_step=0.05
    ).y


def test_the_supralinear_network_is_stabilized_by_inhibition():
    """Excitation alone would grow, F' w_11 > 1, and with inhibition the state is stable."""
    model = MODELS["rate_power_law"]
    (point,) = fixed_points(RATE_MODELS["rate_power_law"])
    rates = np.array(list(point.values.values()))
    assert point.stable and model.jacobian(rates)[0, 0] > 0
    relu = MODELS["rate_relu"].jacobian(np.array([20.0, 15.0]))
    assert relu[0, 0] > 0 and np.linalg.eigvals(relu).real.max() < 0


def test_wilson_cowan_oscillates_in_the_gamma_range():
    """At the defaults the fixed point is an unstable focus; the cycle around it has 30-80 Hz, here and by us."""
    model = MODELS["wilson_cowan"]
    (point,) = fixed_points(RATE_MODELS["wilson_cowan"])
    assert not point.stable and point.eigenvalues[0].imag != 0
    times = np.linspace(0, 1, 20001)
    courses = integrate(model, [0.1, 0.05], times)[0], trajectory(RATE_MODELS["wilson_cowan"], 1.0, points=20001)["r_E"]
    frequencies = []
    for course in courses:
        late = course[10000:]
        crossings = np.flatnonzero((late[:-1] < 0.3) & (late[1:] >= 0.3))
        part = (0.3 - late[crossings]) / (late[crossings + 1] - late[crossings])
        intervals = np.diff(times[crossings] + part * times[1])
        assert intervals.std() < 1e-3 * intervals.mean()
        frequencies.append(1 / intervals.mean())
    assert frequencies[1] == pytest.approx(frequencies[0], rel=1e-4)
    assert 30 < frequencies[0] < 80


def test_wilson_cowan_loses_stability_where_the_typed_trace_vanishes():
    def focus(drive):
        model = Network(logistic(1, 1, 0), [[12, -12], [15, -2]], [drive - 4, -3.7], [0.01, 0.01], [1, 1])
        (state,) = roots_of(model, 40)
        return model.jacobian(state)

    drive = brentq(lambda one: np.trace(focus(one)), 2.0, 6.0, xtol=1e-10)
    frequency = np.sqrt(np.linalg.det(focus(drive))) / (2 * np.pi)
    (point,) = hopf_points(RATE_MODELS["wilson_cowan"], "I_E", (2.0, 6.0))
    assert point.value == pytest.approx(drive, abs=1e-7)
    assert point.frequency == pytest.approx(frequency, rel=1e-6)
    assert 30 < frequency < 80


STEPS = 300
LENGTHS = {name: 1.0 if name == "hebbian" else 6.0 if name == "ctrnn" else 0.06 for name in RATE_MODELS}
"""Duration (s) of the trajectories: three to ten of the time constants that change the state."""


@pytest.fixture(scope="module")
def by_brian2(tmp_path_factory):
    """States over time of every model as Brian2 runs its text, on the numpy target in one child process."""
    folder = tmp_path_factory.mktemp("brian2")
    code = ["import json, runpy", "from brian2 import prefs", "prefs.codegen.target = 'numpy'", "out = {}"]
    for name, model in RATE_MODELS.items():
        text = brian2_text(model, f"{LENGTHS[name]} s", f"{LENGTHS[name] / STEPS!r} s")
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        states = [one.name for one in model.states]
        code += [
            f"states = runpy.run_path('{name}.py')['states']",
            f"out['{name}'] = [getattr(states, name + '_')[0].tolist() for name in {states!r}]",
        ]
    code.append("print(json.dumps(out))")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)], cwd=folder, env=child_environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {name: np.array(values) for name, values in json.loads(done.stdout.splitlines()[-1]).items()}


@EVERY_MODEL
def test_three_integrations_agree(name, by_brian2):
    """Brian2's fourth-order Runge-Kutta, ``trajectory``, and the equations typed here."""
    ours = trajectory(RATE_MODELS[name], LENGTHS[name], points=STEPS + 1)
    model = MODELS[name]
    typed = integrate(model, ours.states[:, 0], ours.times)
    width = (model.high - model.low)[:, None]
    assert np.abs((ours.states - typed) / width).max() < 1e-6
    # Brian2 computes in SI; so do rates in Hz, and no state variable of the library has another unit.
    assert by_brian2[name].shape == (len(model.low), STEPS)
    assert np.abs((by_brian2[name] - typed[:, :STEPS]) / width).max() < 1e-5
