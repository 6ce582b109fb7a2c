"""Limit cycles beyond Hopf points against direct integration and the normal form."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from ssnbrian.analysis import SSN, PowerLaw
from ssnbrian.analysis.bifurcation import bifurcation_diagram
from ssnbrian.analysis.characteristic import TwoPopulationSSN, jacobian
from ssnbrian.analysis.limit_cycles import cycles_from_hopf, limit_cycles
from ssnbrian.models.papers.ekelmans2023 import PUBLISHED_POWER_LAWS

E, I = PUBLISHED_POWER_LAWS[3.0, 20.0], PUBLISHED_POWER_LAWS[3.0, 10.0]


def _ssn(weights, tau):
    return SSN(("E", "I"), (PowerLaw(*E), PowerLaw(*I)), TwoPopulationSSN(*E, *I, *weights), tau)


# The network of Fig 4 with inhibition slower than excitation: its upper, inhibition-stabilised state oscillates.
SLOW = _ssn((5, 10, 7, 11), (0.02, 0.03))


@pytest.fixture(scope="module")
def diagram():
    return bifurcation_diagram(SLOW, "mu_ext", (6, 12), values=25)


@pytest.fixture(scope="module")
def branch(diagram):
    return cycles_from_hopf(diagram, diagram.hopf[0], most_cycles=14)


def _settled(ssn, mu, start, duration, last):
    """Last part of a direct integration of Eq 2 by another method and code than the theory's."""
    external, tau = np.array([mu, mu]), np.array(ssn.tau_population)
    network = ssn.network
    times = np.linspace(duration - last, duration, 20001)
    return solve_ivp(
        lambda _, nu: (network.rates(network.weights @ nu + external) - nu) / tau,
        (0, duration), start, method="LSODA", rtol=1e-9, atol=1e-11, t_eval=times,
    )  # fmt: skip


def test_hopf_point_is_where_the_trace_vanishes(diagram):
    (point,) = diagram.hopf
    rates = np.array([point.rates["E"], point.rates["I"]])
    network = SLOW.network
    phi = network.gains(rates)
    assert (phi[0] * 5 - 1) / 0.02 == pytest.approx((1 + phi[1] * 11) / 0.03, rel=1e-9)
    D = 1 - 5 * phi[0] + 11 * phi[1] + phi[0] * phi[1] * 15
    assert point.frequency == pytest.approx(np.sqrt(D / (0.02 * 0.03)) / (2 * np.pi), rel=1e-8)
    assert point.criticality == "supercritical"


def test_near_the_hopf_point_period_and_amplitude_follow_the_normal_form(diagram, branch):
    """Period 2 pi / omega; amplitude 2 |q_E| sqrt(-Re(lambda) / (omega l1)): it grows like the root of the distance."""
    (point,) = diagram.hopf
    assert branch.period[1] == pytest.approx(1 / point.frequency, rel=0.02)
    assert np.all(np.diff(np.abs(branch.period - 1 / point.frequency)[:6]) > 0)
    mu = branch.values[1]
    state = max(SLOW.steady_states(mu), key=lambda one: one.rates["E"])
    growth = state.eigenvalues[0].real
    assert growth > 0
    A = jacobian(SLOW.network, np.array([point.rates["E"], point.rates["I"]]), *SLOW.tau_population)
    q = np.linalg.eig(A)[1][:, 0]
    omega = 2 * np.pi * point.frequency
    amplitude = 2 * abs(q[0]) / np.linalg.norm(q) * np.sqrt(-growth / (omega * point.first_lyapunov))
    swing = 0.5 * (branch.highest[1, 0] - branch.lowest[1, 0])
    # The next order of the normal form is of relative size (swing / rate)²; swing is some 5 % of the rate.
    assert swing == pytest.approx(amplitude, rel=0.03)


@pytest.mark.parametrize("mu", [8.0, 7.0])
def test_stable_cycles_are_those_of_a_long_integration(mu):
    (cycle,) = limit_cycles(SLOW, mu)
    assert cycle.stable
    assert cycle.residual < 1e-8
    tail = _settled(SLOW, mu, [cycle.start[0] * 0.97, cycle.start[1]], 12.0, 1.0)
    for k, name in enumerate("EI"):
        assert cycle.highest[name] == pytest.approx(tail.y[k].max(), rel=1e-4)
        assert cycle.lowest[name] == pytest.approx(tail.y[k].min(), rel=1e-4)
    rising = np.flatnonzero((tail.y[0, :-1] < tail.y[0].mean()) & (tail.y[0, 1:] >= tail.y[0].mean()))
    period = np.mean(np.diff(tail.t[rising]))
    assert cycle.period == pytest.approx(period, rel=2e-4)


def test_branch_agrees_with_single_cycles_and_liouville(branch):
    """The multiplier of a planar cycle is exp of the integral of the trace over a period (Liouville's formula)."""
    k = len(branch.values) // 2
    (cycle,) = limit_cycles(SLOW, branch.values[k])
    assert cycle.period == pytest.approx(branch.period[k], rel=1e-6)
    assert [cycle.lowest["E"], cycle.highest["I"]] == pytest.approx(
        [branch.lowest[k, 0], branch.highest[k, 1]], rel=1e-5
    )
    run = _settled(SLOW, branch.values[k], cycle.start, cycle.period, cycle.period)
    network = SLOW.network
    # Off the steady state a gain belongs to the rate that the input asks for, not to the present one.
    phi = network.gains(network.rates(run.y.T @ network.weights.T + branch.values[k]))
    trace = (phi[:, 0] * 5 - 1) / 0.02 - (1 + phi[:, 1] * 11) / 0.03
    multiplier = np.exp(np.trapezoid(trace, run.t))
    assert abs(branch.multiplier[k]) == pytest.approx(multiplier, abs=1e-6)
    assert branch.stable.all()


def test_a_subcritical_hopf_point_gives_unstable_cycles_on_the_stable_side():
    ssn = _ssn((5.86, 8.12, 2.86, 2.07), (0.0077, 0.0321))
    diagram = bifurcation_diagram(ssn, "mu_ext", (35, 38), ratio=1.44, values=11)
    (point,) = diagram.hopf
    branch = cycles_from_hopf(diagram, point, most_cycles=8)
    assert not branch.stable.any()
    assert (branch.values[1:] > point.value).all()
    assert (np.abs(branch.multiplier[1:]) > 1).all()
    assert branch.period[1] == pytest.approx(1 / point.frequency, rel=0.02)


def test_no_cycle_where_every_state_is_stable():
    assert limit_cycles(SLOW, 9.5, longest=3) == ()
