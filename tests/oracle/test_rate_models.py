"""Rate models against right-hand sides written by hand, closed forms, finite differences and direct integration."""


import numpy as np
import pytest
from rate_right_hand_sides import RIGHT_HAND_SIDES, slope_by_hand
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, fsolve
from ssnbrian.analysis.phase_plane import phase_plane_figure
from ssnbrian.analysis.rate_model_analysis import fixed_points, trajectory
from ssnbrian.analysis.rate_model_hopf import hopf_points
from ssnbrian.analysis.rate_system import RateSystem
from ssnbrian.models.rate.library import RATE_MODELS

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.rate_model import rate_model_card
from ssnbrian.circuit.units import parse_unit

pytestmark = pytest.mark.xdist_group("rate-models")


def si(model, name):
    return model.values[name].si


@pytest.fixture(scope="module")
def systems():
    return {name: RateSystem.from_model(model) for name, model in RATE_MODELS.items()}


@pytest.fixture(scope="module")
def points(systems):
    return {name: fixed_points(system) for name, system in systems.items()}


def test_every_model_has_an_oracle():
    assert set(RIGHT_HAND_SIDES) == set(RATE_MODELS)


@pytest.mark.parametrize("name", RATE_MODELS)
def test_every_model(name, systems, points):
    model, system, found = RATE_MODELS[name], systems[name], points[name]
    card = rate_model_card(model)
    assert all(one.name in card for one in (*model.parameters, *model.states)) and model.source in card
    factors = [parse_unit(one.unit)[0] for one in model.states]
    assert len(found) >= 1
    assert found.complete == (len(model.states) <= 2) and found.reason
    for point in found:
        state = np.array(list(point.values.values())) * factors
        assert system.slope(state) == pytest.approx(slope_by_hand(model, state), rel=1e-9, abs=1e-9)
        jacobian = system.jacobian_at(state)
        step = 1e-6 * system.width
        differences = np.column_stack(
            [
                (slope_by_hand(model, state + d) - slope_by_hand(model, state - d)) / (2 * d.sum())
                for d in np.diag(step)
            ]
        )
        scaled, expected = (one * system.width / system.width[:, None] for one in (jacobian, differences))
        assert scaled == pytest.approx(expected, rel=1e-6, abs=1e-6 * np.abs(expected).max())
        # Residual against the fastest rate of change, in widths of the ranges.
        residual = slope_by_hand(model, state) / system.width
        assert np.abs(residual).max() <= 1e-9 * np.abs(expected).max()
        assert sum(point.eigenvalues) == pytest.approx(np.trace(jacobian), rel=1e-9)
        assert point.stable == bool(np.all(np.linalg.eigvals(differences).real < 0))
    # Away from fixed points, too: the whole box.
    generator = np.random.default_rng(1)
    states = system.low + generator.random((20, len(factors))) * system.width
    together = system.slope(states.T)
    for state, column in zip(states, together.T, strict=True):
        assert column == pytest.approx(slope_by_hand(model, state), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", [name for name, model in RATE_MODELS.items() if len(model.states) == 2])
def test_no_attractor_is_missed_in_the_plane(name, systems, points):
    """From a lattice of starts every direct integration that comes to rest does so at a fixed point that was found."""
    model, system = RATE_MODELS[name], systems[name]
    known = [list(point.values.values()) for point in points[name] if point.stable]
    duration = 60 * max(value.si for key, value in model.values.items() if key.startswith("tau"))
    rested = set()
    for share in ((0.05, 0.05), (0.95, 0.1), (0.1, 0.95), (0.9, 0.9)):
        start = system.low + np.array(share) * system.width
        done = solve_ivp(lambda t, x: slope_by_hand(model, x), (0, duration), start, method="LSODA", rtol=1e-6)
        end = done.y[:, -1]
        if np.abs(slope_by_hand(model, end) / system.width).max() * duration < 1e-4:
            near = [k for k, one in enumerate(known) if np.allclose(end / system.factors, one, rtol=1e-4, atol=1e-4)]
            assert len(near) == 1
            rested.add(near[0])
        else:
            assert not known  # an oscillation
    assert rested == set(range(len(known)))


def test_sigmoid_network_against_numpy(points):
    model = RATE_MODELS["rate_sigmoid"]
    value = {name: one.si for name, one in model.values.items()}
    weights = np.array([[value["w_11"], value["w_12"]], [value["w_21"], value["w_22"]]])
    inputs, tau = np.array([value["I_1"], value["I_2"]]), np.array([value["tau_1"], value["tau_2"]])

    def activation(h):
        return value["r_max"] / (1 + np.exp(-value["beta"] * (h - value["theta"])))

    rates = fsolve(lambda r: activation(weights @ r + inputs) - r, [20.0, 20.0], xtol=1e-13)
    (point,) = points["rate_sigmoid"]
    assert list(point.values.values()) == pytest.approx(rates, rel=1e-9)
    slope = value["beta"] * rates * (1 - rates / value["r_max"])
    expected = np.linalg.eigvals((-np.eye(2) + slope[:, None] * weights) / tau[:, None])
    assert sorted(point.eigenvalues, key=lambda z: z.imag) == pytest.approx(sorted(expected, key=lambda z: z.imag))
    assert point.frequency == pytest.approx(np.abs(expected.imag).max() / (2 * np.pi))


def test_rectified_linear_network_in_closed_form(points):
    """r = (1 - W)^-1 (I - theta) where both units are active, at a gain of 1 Hz/mV."""
    (point,) = points["rate_relu"]
    weights = np.array([[1.2, -1.0], [1.5, -0.5]])
    rates = np.linalg.solve(np.eye(2) - weights, [15.0, 10.0])
    assert list(point.values.values()) == pytest.approx(rates, rel=1e-9)
    silent = fixed_points(RATE_MODELS["rate_relu"], I_1="0 mV", I_2="0 mV")
    assert [list(one.values.values()) for one in silent] == [pytest.approx([0, 0], abs=1e-9)]
    assert sorted(silent[0].eigenvalues, key=abs) == pytest.approx([-50, -100])


def test_tanh_network_loses_stability_where_the_trace_of_w_is_two():
    """At r = 0 the Jacobian is (W - 1)/tau: Hopf at w_11 + w_22 = 2 with angular frequency sqrt(det(W - 1))/tau."""
    (point,) = hopf_points(RATE_MODELS["rate_tanh"], "w_11", (0.2, 1.5))
    assert point.value == pytest.approx(0.6, abs=1e-9)
    assert point.frequency == pytest.approx(np.sqrt((0.6 - 1) * (1.4 - 1) + 0.25) / 0.02 / (2 * np.pi), rel=1e-6)


def test_silent_power_law_units_have_a_finite_jacobian():
    (point,) = fixed_points(RATE_MODELS["rate_power_law"], I_1="-5 mV", I_2="-5 mV")
    assert list(point.values.values()) == pytest.approx([0, 0], abs=1e-9)
    assert sorted(point.eigenvalues, key=abs) == pytest.approx([-50, -100])


def period_of(times, values):
    """Mean distance of upward crossings of the mean."""
    above = values - values.mean()
    k = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))
    crossings = times[k] - above[k] * (times[k + 1] - times[k]) / (above[k + 1] - above[k])
    return np.diff(crossings).mean(), np.diff(crossings).std()


def test_two_unit_ctrnn_oscillates(points):
    """Beer's oscillator, integrated here from its published numbers; centre-crossing focus (1 ± 2i)/8."""
    weights, biases = np.array([[4.5, 1.0], [-1.0, 4.5]]), np.array([-2.75, -1.75])
    times = np.linspace(100, 300, 40001)
    done = solve_ivp(
        lambda t, x: -x + weights @ (1 / (1 + np.exp(-x - biases))), (0, 300), [1.0, 1.0], rtol=1e-9, atol=1e-10,
        t_eval=times,
    )  # fmt: skip
    expected, spread = period_of(times, done.y[0])
    assert spread < 1e-3 * expected
    (point,) = points["ctrnn"]
    assert list(point.values.values()) == pytest.approx([2.75, 1.75], rel=1e-9)
    assert set(np.round(point.eigenvalues, 9)) == {0.125 + 0.25j, 0.125 - 0.25j}
    ours = trajectory(RATE_MODELS["ctrnn"], 300.0, points=60001)
    late = ours.times >= 100
    period, _ = period_of(ours.times[late], ours["x_1"][late])
    assert period == pytest.approx(expected, rel=1e-4)
    assert np.ptp(ours["x_1"][late]) == pytest.approx(np.ptp(done.y[0]), rel=1e-4)


def test_wilson_cowan_hopf_point_in_the_gamma_range():
    """On its stable side a small perturbation rings at the frequency given; beyond it, it grows into a cycle."""
    model = RATE_MODELS["wilson_cowan"]
    (point,) = hopf_points(model, "I_E", (2.0, 8.0))
    assert 30 <= point.frequency <= 80

    def ring(offset):
        changed = model.with_parameters(I_E=str(point.value + offset))
        rest = fsolve(lambda x: slope_by_hand(changed, x), list(point.values.values()), xtol=1e-13)
        times = np.linspace(0, 0.5, 20001)
        done = solve_ivp(
            lambda t, x: slope_by_hand(changed, x), (0, 0.5), [rest[0] + 1e-4, rest[1]], rtol=1e-10, atol=1e-13,
            t_eval=times,
        )  # fmt: skip
        return times, done.y[0] - rest[0]

    times, below = ring(-0.1)
    period, _ = period_of(times, below)
    assert 1 / period == pytest.approx(point.frequency, rel=1e-2)
    assert np.abs(below[-2000:]).max() < 0.8 * np.abs(below[:2000]).max()
    times, above = ring(0.1)
    assert 1 / period_of(times, above)[0] == pytest.approx(point.frequency, rel=1e-2)
    assert np.abs(above[-2000:]).max() > 1.2 * np.abs(above[:2000]).max()


def test_winner_is_the_unit_with_the_larger_input():
    model = RATE_MODELS["rate_winner_take_all"]
    for larger, smaller in (("1", "2"), ("2", "1")):
        changed = model.with_parameters(**{f"I_{larger}": "1.52", f"I_{smaller}": "1.48"})
        end = trajectory(changed, 2.0).states[:, -1]
        winner, loser = (end[int(k) - 1] for k in (larger, smaller))
        assert winner > 0.9 and loser < 0.1


def test_winner_take_all_pitchfork():
    """With I = theta + w/2 both units rest at 1/2; the symmetric state splits where w F' = w beta/4 = 1."""
    model = RATE_MODELS["rate_winner_take_all"]

    for w, count in ((0.5, 1), (0.97, 1), (1.03, 3), (2.0, 3)):
        found = fixed_points(model, w=str(w), I_1=str(0.5 + w / 2), I_2=str(0.5 + w / 2))
        assert len(found) == count
        (middle,) = (one for one in found if abs(one.values["r_1"] - one.values["r_2"]) < 1e-6)
        assert middle.values["r_1"] == pytest.approx(0.5, abs=1e-9)
        assert middle.eigenvalues[0].real == pytest.approx((w * 4 / 4 - 1) / 0.02, rel=1e-8)
        assert middle.stable == (w < 1)


def test_hebbian_weight_in_closed_form(points):
    model = RATE_MODELS["hebbian"]
    (point,) = points["hebbian"]
    alpha, eta = si(model, "alpha"), si(model, "eta")
    steady = si(model, "I_i") * si(model, "I_j") / alpha
    assert point.values["w"] == pytest.approx(steady, rel=1e-9)
    assert point.eigenvalues[0] == pytest.approx(-eta * alpha, rel=1e-9)
    course = trajectory(model, 10.0, {"r_i": "20 Hz", "r_j": 10.0, "w": 2.0})
    expected = steady + (2.0 - steady) * np.exp(-eta * alpha * course.times)
    assert course["w"] == pytest.approx(expected, rel=1e-7)


def test_working_memory_outlasts_the_cue(points):
    model = RATE_MODELS["working_memory"]
    low, saddle, high = points["working_memory"]
    assert (low.stable, saddle.stable, high.stable) == (True, False, True)
    cue = [(0.5, {"I_E": "15 mV"}), (0.8, {"I_E": "0 mV"})]
    with_cue, without = trajectory(model, 5.0, inputs=cue), trajectory(model, 5.0)
    assert with_cue["r_E"][-1] == pytest.approx(high.values["r_E"], rel=1e-6)
    assert without["r_E"][-1] == pytest.approx(low.values["r_E"], rel=1e-6)
    # The same protocol, integrated here piece by piece.
    state = np.zeros(2)
    for length, value in ((0.5, "0 mV"), (0.3, "15 mV"), (4.2, "0 mV")):
        changed = model.with_parameters(I_E=value)
        done = solve_ivp(
            lambda t, x, changed=changed: slope_by_hand(changed, x), (0, length), state, rtol=1e-9, atol=1e-9
        )
        state = done.y[:, -1]
        if value != "0 mV":
            assert with_cue["r_E"][320] == pytest.approx(state[0], rel=1e-5)
    assert with_cue.states[:, -1] == pytest.approx(state, rel=1e-5)
    # Without recurrent excitation of that strength there is nothing to remember with.
    weak = model.with_parameters(w_EE="0.4 mV/Hz")
    (only,) = fixed_points(weak)
    assert trajectory(weak, 5.0, inputs=cue)["r_E"][-1] == pytest.approx(only.values["r_E"], rel=1e-6)


def test_facilitating_memory(points):
    model = RATE_MODELS["facilitating_memory"]
    utilization, tau_f, tau_d = si(model, "U"), si(model, "tau_f"), si(model, "tau_d")
    stable = [one for one in points["facilitating_memory"] if one.stable]
    assert len(stable) == 2 and len(points["facilitating_memory"]) == 3
    for one in points["facilitating_memory"]:
        rate, u = one.values["r_E"], one.values["u"]
        assert u == pytest.approx(utilization * (1 + rate * tau_f) / (1 + utilization * rate * tau_f), rel=1e-9)
        assert one.values["R"] == pytest.approx(1 / (1 + u * rate * tau_d), rel=1e-9)
    # All fixed points by one equation: u(r) and R(r) in closed form, r_I by its own root, scanned densely in r_E.
    value = {name: each.si for name, each in model.values.items()}

    def soft(h):
        return value["gain"] * value["width"] * np.logaddexp(0, h / value["width"])

    def inhibitory(rate):
        drive = value["w_IE"] * rate + value["I_I"]
        return brentq(lambda x: soft(drive - value["w_II"] * x) - x, 0, 1e3, xtol=1e-12)

    def excess(rate):
        u = utilization * (1 + rate * tau_f) / (1 + utilization * rate * tau_f)
        resources = 1 / (1 + u * rate * tau_d)
        return soft(value["w_EE"] * u * resources * rate - value["w_EI"] * inhibitory(rate) + value["I_E"]) - rate

    grid = np.concatenate([np.linspace(0, 1, 200), np.linspace(1.01, 60, 600)])
    signs = np.array([excess(rate) for rate in grid])
    k = np.flatnonzero(np.diff(np.sign(signs)))
    expected = [brentq(excess, grid[j], grid[j + 1], xtol=1e-12) for j in k]
    assert [one.values["r_E"] for one in points["facilitating_memory"]] == pytest.approx(expected, rel=1e-8)
    cue = [(0.5, {"I_E": "15 mV"}), (0.8, {"I_E": "-2 mV"})]
    assert trajectory(model, 8.0, inputs=cue)["r_E"][-1] == pytest.approx(stable[1].values["r_E"], rel=1e-6)
    assert trajectory(model, 20.0)["r_E"][-1] == pytest.approx(stable[0].values["r_E"], rel=1e-4)
    # Without facilitation (u stays at U) the same cue leaves no trace.
    plain = trajectory(model.with_parameters(tau_f="1 ms"), 20.0, inputs=cue)
    assert plain["r_E"][-1] < 1


def test_phase_plane_needs_two_variables(tmp_path):
    with pytest.raises(InvalidInputError, match="a phase plane needs two"):
        phase_plane_figure(RATE_MODELS["hebbian"], tmp_path / "plane.png")
    with pytest.raises(InvalidInputError, match="cannot write the figure"):
        phase_plane_figure(RATE_MODELS["rate_relu"], tmp_path / "none" / "plane.png")


@pytest.mark.parametrize("changes", [[(-1.0, {"I_E": "1"})], [(9.0, {"I_E": "1"})], [(0.1, {"I_Q": "1"})]])
def test_trajectory_refuses_wrong_inputs(changes):
    with pytest.raises(InvalidInputError):
        trajectory(RATE_MODELS["wilson_cowan"], 1.0, inputs=changes)
