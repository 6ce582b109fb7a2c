"""Short-term plasticity in the self-consistent theory, from input populations, and along parameters.

Transfer function, right-hand sides and closed forms of the mean field are typed here only.
"""

import dataclasses
import itertools
from functools import cache

import numpy as np
import pytest
import sympy
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq, root
from scipy.special import erfcx
from ssnbrian.analysis import SSN, PowerLaw, SelfConsistent, bifurcation_diagram, compare, sensitivities
from ssnbrian.analysis.balance import balance_course, balance_factors
from ssnbrian.analysis.inverse_design import stable_along
from ssnbrian.analysis.mean_efficacy import RATE, Efficacy
from ssnbrian.analysis.projection_efficacies import ProjectionEfficacies
from ssnbrian.analysis.reduction import NotApplicableError
from ssnbrian.analysis.ricciardi_map import RicciardiMap
from ssnbrian.models.library import PLASTICITY
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import (
    Circuit,
    Constant,
    FixedInDegree,
    InputPopulation,
    InvalidInputError,
    Population,
    Projection,
    Recording,
)

LAWS = {"E": PowerLaw(1.0792e-4, -11.1425, 3.0814), "I": PowerLaw(2.2099e-6, 4.7670, 3.8150)}
TAU = np.array([0.02, 0.01])
SIGMA = 3.0  # mV/sqrt(s), threshold 1 mV, reset 0
IN_DEGREE = 100
TIMES = {"depression": {"U": 0.5, "tau_depression": "600 ms"}, "facilitation": {"U": 0.2, "tau_facilitation": "1.5 s"}}


def circuit(J, plasticity, times=TIMES, **more):
    """An E-I pair with J in mV, target first; ``plasticity`` is the name of a template by target and source."""
    populations = (Population("E", 1000, LIF), Population("I", 1000, LIF, "inhibitory", {"tau": "10 ms"}))
    projections = []
    for name, total in J.items():
        chosen = plasticity.get(name)
        synapse, given = (DELTA + PLASTICITY[chosen], times[chosen]) if chosen else (DELTA, {})
        weight = f"{total / IN_DEGREE} mV"
        projections.append(Projection(name[1], name[0], weight, FixedInDegree(IN_DEGREE), synapse, given))
    return Circuit("pair", populations, tuple(projections), Constant(10, duration=5), **more)


MIXED_J = {"EE": 12.0, "EI": 10.0, "IE": 7.0, "II": 11.0}
MIXED = {"EE": "depression", "IE": "facilitation", "II": "depression"}
BISTABLE_J = {"EE": 30.0, "EI": 10.0, "IE": 7.0, "II": 11.0}
BISTABLE = {"EE": "facilitation_depression"}
STRONG = {"facilitation_depression": {"U": 0.3, "tau_facilitation": "3 s", "tau_depression": "200 ms"}}
COUNT = 40
OSCILLATING_J = {"EE": 15.0, "EI": 5.0, "IE": 7.0, "II": 5.0}


def depressed(rate, u=0.5, tau=0.6):
    return u / (1 + u * rate * tau)


def facilitated(rate, u=0.2, tau=1.5):
    return u * (1 + rate * tau) / (1 + u * rate * tau)


def factors(name, rates):
    """e [target, source] of the two circuits above."""
    one = np.ones((2, 2))
    if name == "mixed":
        one[0, 0], one[1, 0], one[1, 1] = depressed(rates[0]), facilitated(rates[0]), depressed(rates[1])
    else:
        u = facilitated(rates[0], 0.3, 3.0)
        one[0, 0] = u / (1 + u * rates[0] * 0.2)
    return one


@cache
def phi(mu, sigma, tau):
    """The mean rate of the leaky integrate-and-fire neuron, by quadrature, Hz; 0 where that is below 1e-300."""
    low, high = (-mu * tau) / (sigma * np.sqrt(tau)), (1.0 - mu * tau) / (sigma * np.sqrt(tau))
    if high > 26:
        return 0.0
    return 1 / (tau * np.sqrt(np.pi) * quad(lambda z: erfcx(-z), low, high, epsabs=0, epsrel=1e-11)[0])


def phi_of(J, e, rates, mu):
    """Phi of both populations at rates, factors e and external inputs."""
    signed = np.array([[J["EE"], -J["EI"]], [J["IE"], -J["II"]]])
    variances = signed**2 / IN_DEGREE
    mean, variance = (signed * e) @ rates + mu, SIGMA**2 + (variances * e**2) @ rates
    return np.array([phi(m, np.sqrt(v), t) for m, v, t in zip(mean, variance, TAU, strict=True)])


@pytest.mark.parametrize(
    "name, J, plasticity, times, levels",
    [("mixed", MIXED_J, MIXED, TIMES, (0.0, 12.0)), ("bistable", BISTABLE_J, BISTABLE, STRONG, (-5.0, 0.0))],
)
def test_states_against_root_finding_from_a_grid_of_starts(name, J, plasticity, times, levels):
    theory = SelfConsistent.from_circuit(circuit(J, plasticity, times))
    counts = []
    for mu_ext in levels:
        mu = np.array([mu_ext, 0.9 * mu_ext])

        def residual(logarithms, mu=mu):
            rates = np.exp(np.clip(logarithms, -700, 7))
            return np.log(np.maximum(phi_of(J, factors(name, rates), rates, mu), 1e-300)) - logarithms

        expected = []
        for start in np.log(list(itertools.product([0.03, 0.3, 1.0, 15.0], [0.003, 0.3, 8.0]))):
            done = root(residual, start, options={"xtol": 1e-11})
            rates = np.exp(done.x)
            new = not any(np.allclose(rates, other, rtol=1e-5) for other in expected)
            if np.abs(residual(done.x)).max() < 1e-8 and rates.max() < 100 and new:
                expected.append(rates)
        found = theory.steady_states(mu_ext, 0.9)
        assert found.complete
        order = np.lexsort(np.array(expected).T[::-1])
        rates = np.array([list(one.rates.values()) for one in found])
        np.testing.assert_allclose(rates, np.array(expected)[order], rtol=1e-7)
        for one in found:
            np.testing.assert_allclose(list(theory.required_inputs(one.rates).values()), mu, rtol=1e-8, atol=1e-8)
        counts.append(len(found))
    assert max(counts) == (3 if name == "bistable" else 1)
    course = np.array([[0.5, 0.2], [3.0, 1.0], [8.0, 9.0]])
    each = [list(theory.required_inputs(dict(zip("EI", one, strict=True))).values()) for one in course]
    np.testing.assert_allclose(theory.required_mu_ext(course), each, rtol=1e-13)


def full_dynamics(mu):
    """(nu_E, nu_I, R_EE, u_IE, R_II) of the circuit ``mixed``, typed out."""
    def slopes(y):
        nu_E, nu_I, R, u, R_II = y
        e = np.array([[0.5 * R, 1.0], [u, 0.5 * R_II]])
        rates = phi_of(MIXED_J, e, np.array([nu_E, nu_I]), mu)
        return np.array(
            [
                *(rates - y[:2]) / TAU,
                (1 - R) / 0.6 - 0.5 * R * nu_E,
                (0.2 - u) / 1.5 + 0.2 * (1 - u) * nu_E,
                (1 - R_II) / 0.6 - 0.5 * R_II * nu_I,
            ]
        )  # fmt: skip

    return slopes


def differences(function, at, sizes):
    columns = []
    for k, size in enumerate(sizes):
        step = np.zeros(len(at))
        step[k] = 1e-4 * size
        columns.append((function(at + step) - function(at - step)) / (2 * step[k]))
    return np.array(columns).T


def test_eigenvalues_against_finite_differences_of_the_full_dynamics():
    mu = np.array([12.0, 12.0])
    theory = SelfConsistent.from_circuit(circuit(MIXED_J, MIXED))
    state = theory.steady_states(12.0, 1.0)[0]
    nu_E, nu_I = state.rates.values()
    at = np.array([nu_E, nu_I, depressed(nu_E) / 0.5, facilitated(nu_E), depressed(nu_I) / 0.5])
    slopes = full_dynamics(mu)
    assert np.abs(slopes(at)).max() < 1e-6
    matrix = differences(slopes, at, np.maximum(np.abs(at), 1e-2))
    # theory: E->E and then the projections by target, source; here R, u, R_II in the same order
    expected = np.sort_complex(np.linalg.eigvals(matrix))
    np.testing.assert_allclose(np.sort_complex(state.eigenvalues), expected, rtol=1e-5, atol=1e-4)
    assert state.stable == bool(np.all(expected.real < 0))
    excitatory = matrix[np.ix_([0, 2], [0, 2])]
    assert state.inhibition_stabilized == bool(np.linalg.eigvals(excitatory).real.max() > 0)
    assert stable_along(theory, [[nu_E, nu_I]]).tolist() == [state.stable]


def test_bounds_over_boxes_contain_what_lies_in_them():
    """Of the rates and of their slopes, at random points of random boxes (seed 5); e² nu is not monotonic in nu."""
    theory = SelfConsistent.from_circuit(circuit(MIXED_J, MIXED))
    mu = np.array([8.0, 8.0])
    rate_map = RicciardiMap(theory.coupling, mu)
    rng = np.random.default_rng(5)
    low = rng.exponential(5.0, (COUNT, 2))
    high = low + rng.exponential(0.5, (COUNT, 2))
    rates, slopes = rate_map.rate_bounds(low, high), rate_map.slope_bounds(low, high)
    assert np.isfinite(slopes[1]).all()
    for _ in range(10):
        point = low + rng.random((COUNT, 2)) * (high - low)
        for k in range(COUNT):
            value, slope = rate_map.rates(point[k]), rate_map.slopes(point[k])
            assert (rates[0][k] <= value).all()
            assert (value <= rates[1][k]).all()
            assert (slopes[0][k] <= slope).all()
            assert (slope <= slopes[1][k]).all()
    e = factors("mixed", low[0])
    np.testing.assert_allclose(rate_map.rates(low[0]), phi_of(MIXED_J, e, low[0], mu), rtol=1e-8)
    by_hand = differences(rate_map.rates, low[0], low[0])
    np.testing.assert_allclose(rate_map.slopes(low[0]), by_hand, rtol=1e-5, atol=1e-8)


def test_an_efficacy_without_known_bounds_over_wide_boxes_loses_no_state():
    """e = 4/(nu² - nu + 1): its bottom has a term below 0, so that intervals bound it in narrow boxes only."""
    formula = 4 / (RATE**2 - RATE + 1)
    s = sympy.Symbol("s")
    hump = Efficacy(("s",), formula, (), (formula - s,), s, (formula,))
    assert not hump.increasing
    assert not np.isfinite(hump.transmitted.bounds(np.zeros(1), np.full(1, 100.0))).all()
    plain = SelfConsistent.from_circuit(circuit({**MIXED_J, "EE": 14.0}, {})).coupling
    coupling = dataclasses.replace(plain, efficacies=ProjectionEfficacies(2, ((0, 0, hump),)))
    J, counts = {**MIXED_J, "EE": 14.0}, []
    for mu_ext in (-20.0, 0.0):
        mu = np.full(2, mu_ext)

        def scanned(nu_E, mu=mu):
            e = np.ones((2, 2))
            e[0, 0] = 4 / (nu_E**2 - nu_E + 1)

            def at(nu_I):
                return phi_of(J, e, np.array([nu_E, nu_I]), mu) - (nu_E, nu_I)

            return at(brentq(lambda nu_I: at(nu_I)[1], 0.0, 400.0, xtol=1e-12))[0]

        signs = np.sign([scanned(nu_E) for nu_E in np.geomspace(1e-3, 99.0, 60)])
        found = coupling.find_states(mu, 100.0)
        assert found.complete
        assert len(found.rates) == np.sum(np.diff(signs) != 0)
        counts.append(len(found.rates))
    assert max(counts) == 3


def test_a_facilitation_that_does_nothing_leaves_the_states_of_the_static_circuit():
    """U = 1: u = 1 at every rate."""
    idle = {"facilitation": {"U": 1.0, "tau_facilitation": "1 s"}}
    plastic = SelfConsistent.from_circuit(circuit(MIXED_J, {"EE": "facilitation", "II": "facilitation"}, idle))
    static = SelfConsistent.from_circuit(circuit(MIXED_J, {}))
    assert static.coupling.efficacies is None
    for mu in (0.0, 10.0):
        found, expected = plastic.steady_states(mu), static.steady_states(mu)
        assert [one.rates for one in found] == [pytest.approx(one.rates, rel=1e-10) for one in expected]
        flags = [[(s.stable, s.inhibition_stabilized, s.supersaturating) for s in one] for one in (found, expected)]
        assert flags[0] == flags[1]


def driven(rate, synapse, weight, parameters):
    """The circuit ``mixed`` with an input population on E."""
    plain = circuit(MIXED_J, MIXED)
    extra = Projection("X", "E", weight, FixedInDegree(40), synapse, parameters)
    return plain.replace(inputs=(InputPopulation("X", 400, rate),), projections=(*plain.projections, extra))


@pytest.mark.parametrize("theory", [SSN, SelfConsistent])
def test_plastic_inputs_act_as_static_ones_of_the_weight_that_they_transmit(theory):
    weight, given = 0.08, {"U": 0.5, "tau_depression": "600 ms"}
    options = {"transfer": LAWS} if theory is SSN else {}
    plastic = theory.from_circuit(driven("4 Hz", DELTA + PLASTICITY["depression"], f"{weight} mV", given), **options)
    for rate in (0.0, 4.0, 9.0):
        static = driven("4 Hz", DELTA, f"{weight * depressed(rate)!r} mV", {})
        static = theory.from_circuit(static, **options)
        at = {"E": 5.0, "I": 6.0, "X": rate}
        found, expected = plastic.steady_states(at), static.steady_states(at)
        assert [one.rates for one in found] == [pytest.approx(one.rates, rel=1e-10) for one in expected]
        assert [one.stable for one in found] == [one.stable for one in expected]
    at_own_rate = plastic.steady_states({"E": 5.0, "I": 5.0})
    assert at_own_rate[0].rates == plastic.steady_states(5.0)[0].rates
    np.testing.assert_allclose(list(plastic.required_inputs(at_own_rate[0].rates).values()), [5.0, 5.0], rtol=1e-8)


def test_what_needs_constant_weights_is_refused():
    plastic = circuit(MIXED_J, MIXED)
    theory = SelfConsistent.from_circuit(plastic)
    with pytest.raises(NotApplicableError, match="depend on the rates"):
        sensitivities(theory, theory.steady_states(3.0)[0])
    stdp = DELTA + PLASTICITY["pair_stdp"]
    projections = (dataclasses.replace(plastic.projections[0], synapse=stdp, parameters={}), *plastic.projections[1:])
    with pytest.raises(NotApplicableError, match="spikes of their target"):
        SelfConsistent.from_circuit(plastic.replace(projections=projections))
    inputs = driven("4 Hz", stdp, "0.1 mV", {})
    for one in (SSN, SelfConsistent):
        assert "X->E" in one.refusal(inputs)


def test_balance_factors_take_the_efficacies():
    """Inhibition over excitation, external input included, at given rates."""
    plastic = circuit(MIXED_J, MIXED)
    nu_E, nu_I = 3.0, 5.0
    found = balance_factors(plastic, {"E": nu_E, "I": nu_I}, 4.0, ratio=0.5)
    excitation = 4.0 + 12.0 * depressed(nu_E) * nu_E, 2.0 + 7.0 * facilitated(nu_E) * nu_E
    inhibition = 10.0 * nu_I, 11.0 * depressed(nu_I) * nu_I
    np.testing.assert_allclose(list(found.values()), np.divide(inhibition, excitation), rtol=1e-12)
    with pytest.raises(NotApplicableError, match="E->E"):
        balance_course(plastic, recording_of(plastic))


def law_of(mu):
    return np.array([law.a * max(m - law.b, 0.0) ** law.n for law, m in zip(LAWS.values(), mu, strict=True)])


def oscillating_dynamics(mu):
    """(nu_E, nu_I, R) of the SSN with depression from E to E, typed out."""
    J = OSCILLATING_J

    def slopes(y):
        nu_E, nu_I, R = y
        mean = (mu + J["EE"] * 0.5 * R * nu_E - J["EI"] * nu_I, mu + J["IE"] * nu_E - J["II"] * nu_I)
        rates = law_of(mean)
        return np.array([*(rates - y[:2]) / TAU, (1 - R) / 0.6 - 0.5 * R * nu_E])

    return slopes


def test_hopf_points_of_the_ssn_against_the_full_dynamics():
    found = bifurcation_diagram(
        circuit(OSCILLATING_J, {"EE": "depression"}), "mu_ext", (0, 10), ratio=1.0, transfer=LAWS, values=11
    )
    assert found.theory == "ssn"
    assert found.counts_agree
    assert not found.complete
    assert "could lie between" in found.reason
    assert all(branch.eigenvalues.shape[1] == 3 for branch in found.branches)

    def critical(mu, start):
        slopes = oscillating_dynamics(mu)
        at = root(slopes, start, options={"xtol": 1e-12}).x
        spectrum = np.linalg.eigvals(differences(slopes, at, np.maximum(np.abs(at), 1e-2)))
        return spectrum[np.argmax(spectrum.real)]

    assert len(found.hopf) == 2
    for point in found.hopf:
        start = [point.rates["E"], point.rates["I"], depressed(point.rates["E"]) / 0.5]
        mu = brentq(lambda mu, start=start: critical(mu, start).real, point.value - 0.05, point.value + 0.05)
        assert point.value == pytest.approx(mu, abs=1e-4)
        assert point.frequency == pytest.approx(abs(critical(mu, start).imag) / (2 * np.pi), rel=1e-4)
    counts = {count for *_, count in found.stable_windows}
    assert counts == {0, 1}
    between = 0.5 * (found.hopf[0].value + found.hopf[1].value)
    for mu, swings in ((between, True), (found.hopf[1].value + 1.0, False)):
        slopes = oscillating_dynamics(mu)
        start = root(slopes, [3.0, 1.0, 0.5]).x * 1.02
        late = solve_ivp(lambda t, y, f=slopes: f(y), (0, 20), start, method="LSODA", max_step=0.02).y[0, -400:]
        assert (np.ptp(late) > 0.5) == swings


def test_folds_of_the_self_consistent_theory_are_where_the_number_of_states_changes():
    bistable = circuit(BISTABLE_J, BISTABLE, STRONG)
    found = bifurcation_diagram(bistable, "mu_ext", (-4.2, -3.4), ratio=1.0, theory="self_consistent", values=3)
    assert found.counts_agree
    assert found.folds

    def number_of_states(mu):
        """Sign changes of the E equation along the I equation solved for nu_I, over a grid of nu_E."""
        values = []
        for nu_E in np.geomspace(0.05, 40, 80):
            e = factors("bistable", (nu_E, 0.0))

            def at(nu_I, nu_E=nu_E, e=e):
                return phi_of(BISTABLE_J, e, np.array([nu_E, nu_I]), mu) - (nu_E, nu_I)

            values.append(at(brentq(lambda nu_I, at=at: at(nu_I)[1], 0.0, 200.0, xtol=1e-12))[0])
        return int(np.sum(np.diff(np.sign(values)) != 0))

    for fold in found.folds:
        below, above = (number_of_states(fold.value + change) for change in (-0.1, 0.1))
        assert abs(above - below) == 2
        assert below == len(found.states_at(fold.value - 0.1))


def test_along_a_weight_and_what_is_not_followed():
    plastic = circuit(OSCILLATING_J, {"EE": "depression"})
    found = bifurcation_diagram(plastic, "J.EE", (10, 15), mu_ext=1.0, ratio=1.0, transfer=LAWS, values=3)
    for value in (10.0, 15.0):
        static = SSN.from_circuit(circuit({**OSCILLATING_J, "EE": value}, {"EE": "depression"}), transfer=LAWS)
        expected = [list(one.rates.values()) for one in static.steady_states(1.0, 1.0)]
        np.testing.assert_allclose(found.states_at(value), expected, rtol=1e-7, atol=1e-9)
    with pytest.raises(InvalidInputError, match="parameter of plastic synapses"):
        bifurcation_diagram(plastic, "E->E.U", (0.1, 0.9), mu_ext=1.0)


def recording_of(one):
    """What a run of 2 s at mu_ext = 12 mV/s with 2 Hz in both populations would leave."""
    return Recording(
        sizes={"E": 1000, "I": 1000},
        bin_width=0.01,
        counts={name: np.full(200, 20, dtype=np.int64) for name in "EI"},
        neuron_counts={name: np.full(1000, 4, dtype=np.int64) for name in "EI"},
        drives={name: (np.array([0.0]), np.array([12.0])) for name in "EI"},
        metadata={"content_hash": one.content_hash, "duration": 2.0, "status": "completed", "dt": 0.1},
    )


def test_a_comparison_has_both_theories():
    plastic = circuit(MIXED_J, MIXED)
    theories = [SSN.from_circuit(plastic, transfer=LAWS), SelfConsistent.from_circuit(plastic)]
    found = compare(plastic, recording_of(plastic), theories)
    for one in theories:
        state = found.rows[0].states[one.name]
        assert state.rates == pytest.approx(one.steady_states({"E": 12.0, "I": 12.0})[0].rates, rel=1e-12)
    assert found.complete == {"ssn": True, "self_consistent": True}
    assert found.error_budget is not None
    assert set(found.error_budget.dt_bias) == {"E", "I"}
