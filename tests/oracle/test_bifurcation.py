"""Bifurcation diagrams and curves of folds and Hopf points against published values and independent computations."""

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from ssnbrian.analysis import SSN, PowerLaw, SelfConsistent
from ssnbrian.analysis.bifurcation import bifurcation_diagram
from ssnbrian.analysis.characteristic import TwoPopulationSSN, jacobian
from ssnbrian.analysis.continuation import Curve, trace
from ssnbrian.analysis.fold_continuation import fold_curve, hopf_curve
from ssnbrian.analysis.folds import folds
from ssnbrian.analysis.steady_state_search import steady_state_roots
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import InvalidInputError

PUBLISHED = ekelmans2023.PUBLISHED_POWER_LAWS
LAWS = {"E": PowerLaw(*PUBLISHED[3.0, 20.0]), "I": PowerLaw(*PUBLISHED[3.0, 10.0])}
ROUNDED = {"E": PowerLaw(1.079e-4, -11.14, 3.081), "I": PowerLaw(2.210e-6, 4.77, 3.815)}
BISTABLE = ekelmans2023.bistable()


@pytest.mark.parametrize(("laws", "expected"), [(LAWS, (2.1634, 3.5700)), (ROUNDED, (2.1924, 3.5833))])
def test_published_bistability(laws, expected):
    diagram = bifurcation_diagram(BISTABLE, "mu_ext", (0, 10), ratio=1, transfer=laws)
    assert diagram.complete, diagram.reason
    assert diagram.counts_agree
    assert [fold.value for fold in diagram.folds] == pytest.approx(expected, abs=6e-5)
    assert [count for *_, count in diagram.stable_windows] == [1, 2, 1]
    assert diagram.tau_population == {"E": 0.02, "I": 0.01}
    exact = folds(SSN.from_circuit(BISTABLE, transfer=laws).network, 1.0)
    for fold, mu, rates in zip(diagram.folds, exact.mu_ext, exact.rates, strict=True):
        assert fold.value == pytest.approx(mu, rel=1e-10)
        assert list(fold.rates.values()) == pytest.approx(rates, rel=1e-8)


def test_published_states_and_their_kinds():
    diagram = bifurcation_diagram(BISTABLE, "mu_ext", (0, 10), transfer=LAWS)
    assert diagram.states_at(3.0)[:, 0] == pytest.approx([0.8511, 2.7125, 6.1399], abs=6e-5)
    (branch,) = diagram.branches
    for value, rate, stable, isn in ((3, 0.8511, True, False), (3, 2.7125, False, True), (3, 6.1399, True, True)):
        nearest = np.argmin(np.hypot(branch.values - value, branch.rates[:, 0] - rate))
        assert (branch.stable[nearest], branch.inhibition_stabilized[nearest]) == (stable, isn)


def test_a_window_of_eight_thousandths_is_not_missed():
    laws = {"E": PowerLaw(*PUBLISHED[3.0, 18.0]), "I": LAWS["I"]}
    diagram = bifurcation_diagram(BISTABLE, "mu_ext", (0, 10), ratio=1, transfer=laws, values=11)
    assert diagram.complete
    assert [fold.value for fold in diagram.folds] == pytest.approx([6.571, 6.579], abs=6e-4)
    assert len(diagram.states_at(6.575)) == 3


def test_two_close_folds_of_another_parameter_are_seen_within_one_step():
    """Nothing is proven here: the dip of D between two points must give the folds away."""
    laws = {"E": PowerLaw(*PUBLISHED[3.0, 18.0]), "I": LAWS["I"]}
    ssn = SSN.from_circuit(BISTABLE, transfer=laws)
    diagram = bifurcation_diagram(ssn, "J.EE", (4, 6), mu_ext=6.575, values=3)
    assert not diagram.complete
    at = [fold.value for fold in diagram.folds]
    assert len(at) == 2
    # The published window of .008 mV/s in mu_ext, over the excitatory rate there (2.2 to 2.8 Hz), is that in J_EE.
    assert 0.008 / 2.8 * 0.8 < at[1] - at[0] < 0.008 / 2.2
    network = ssn.network
    for value, count in ((at[0] - 1e-5, 1), (sum(at) / 2, 3), (at[1] + 1e-5, 1)):
        changed = TwoPopulationSSN(
            network.a_E, network.b_E, network.n_E, network.a_I, network.b_I, network.n_I,
            value, network.J_EI, network.J_IE, network.J_II,
        )  # fmt: skip
        assert len(steady_state_roots(changed, 6.575, 6.575)) == count


def test_negative_determinant():
    circuit = ekelmans2023.negative_determinant()
    two = bifurcation_diagram(circuit, "mu_ext", (0, 50), ratio=3, transfer=LAWS)
    assert two.complete
    assert len(two.branches) == 2
    assert not two.folds
    assert two.states_at(10.0)[0] == pytest.approx([1.6015, 0.5634], abs=6e-5)
    assert two.states_at(10.0)[1] == pytest.approx([45.242, 10.916], abs=6e-4)
    assert two.branches[1].extrapolated.all()
    one = bifurcation_diagram(circuit, "mu_ext", (0, 50), ratio=1, transfer=LAWS)
    assert [fold.value for fold in one.folds] == pytest.approx([17.703], abs=6e-4)
    assert len(one.states_at(18.0)) == 0
    assert one.complete


def test_ratio_and_inhibitory_input_alone():
    ratio = bifurcation_diagram(BISTABLE, "ratio", (0, 5), mu_ext=3, transfer=LAWS, values=51)
    assert [fold.value for fold in ratio.folds] == pytest.approx([1.4607], abs=6e-5)
    alone = bifurcation_diagram(BISTABLE, "mu_ext_I", (0, 15), mu_ext=3, transfer=LAWS, values=51)
    assert alone.folds[0].value == pytest.approx(3 * ratio.folds[0].value, rel=1e-9)
    assert len(ratio.branches) == len(alone.branches) == 2
    assert ratio.counts_agree
    assert not ratio.complete


def test_a_rate_limit_and_its_states_are_reported():
    diagram = bifurcation_diagram(BISTABLE, "J.EE", (1, 8), mu_ext=3, transfer=LAWS, values=101)
    assert "maximum_rate" in diagram.branches[-1].ends
    assert not diagram.complete
    assert "1000 Hz" in diagram.reason


def test_fitting_along_a_membrane_time_constant():
    """A fold over E.tau lies at the mu_ext of a fold of the circuit with that time constant, fitted by itself."""
    diagram = bifurcation_diagram(BISTABLE, "E.tau", (18, 22), mu_ext=3, values=41)
    assert diagram.unit == "ms"
    assert len(diagram.folds) == 2
    assert 0 < diagram.transfer_error < 0.03
    for fold in diagram.folds:
        populations = [
            one if one.name == "I" else type(one)("E", one.size, one.neuron, one.kind, {"tau": f"{fold.value} ms"})
            for one in BISTABLE.populations
        ]
        network = SSN.from_circuit(BISTABLE.replace(populations=tuple(populations))).network
        # The single fit differs by transfer_error, in Hz, times J_EE in input; 0.05 mV/s.
        assert np.min(np.abs(folds(network, 1.0).mu_ext - 3)) < 0.05


def test_self_consistent_diagram():
    diagram = bifurcation_diagram(BISTABLE, "mu_ext", (0, 5), theory="self_consistent", values=6)
    assert diagram.counts_agree
    assert not diagram.complete
    theory = SelfConsistent.from_circuit(BISTABLE)
    low, high = (fold.value for fold in diagram.folds)
    for mu, count in ((low - 0.01, 1), (low + 0.01, 3), (high - 0.01, 3), (high + 0.01, 1)):
        states = theory.steady_states(mu)
        assert len(states) == count
        for mine, state in zip(diagram.states_at(mu), states, strict=True):
            assert mine == pytest.approx(list(state.rates.values()), rel=1e-7)


def _cusp(weight):
    """(mu_ext, J_EE) where F, F' and F'' of S10 vanish, in 30 digits, with z and w as unknowns of Eq 3."""
    E, I = LAWS["E"], LAWS["I"]
    with mpmath.workdps(30):

        def drive(z, J_EE):
            """mu_ext that makes z = mu_E - b_E a state, by solving the inhibitory equation for w."""
            nu_E = E.a * z**E.n

            def balance(w):
                nu_I = I.a * w**I.n
                mu = z + E.b - J_EE * nu_E + 10 * nu_I
                return 7 * nu_E - 11 * nu_I + mu - I.b - w

            w = mpmath.findroot(balance, mpmath.mpf(10))
            return z + E.b - J_EE * nu_E + 10 * I.a * w**I.n

        def turning(z, J_EE):
            return [mpmath.diff(lambda x: drive(x, J_EE), z, order) for order in (1, 2)]

        z, J_EE = mpmath.findroot(turning, (25, mpmath.mpf(weight)))
        return float(drive(z, J_EE)), float(J_EE)


def test_fold_curve_and_cusp():
    """The fold curve against the proven folds at single weights, its cusp against 30-digit arithmetic."""
    (curve,) = fold_curve(BISTABLE, "mu_ext", "J.EE", ((0, 10), (4, 5.5)), start=(3.5, 5.0), transfer=LAWS)
    assert curve.units == ("mV/s", "mV")
    (cusp,) = curve.points
    assert cusp.kind == "cusp"
    assert cusp.values == pytest.approx(_cusp(4.6), rel=1e-6)
    for k in range(0, len(curve.values), 20):
        mu, weight = curve.values[k]
        exact = folds(TwoPopulationSSN(*PUBLISHED[3.0, 20.0], *PUBLISHED[3.0, 10.0], weight, 10, 7, 11), 1.0)
        assert np.min(np.abs(exact.mu_ext - mu)) < 1e-6


def test_hopf_and_fold_curves_meet_at_one_bogdanov_takens_point():
    ranges = ((0, 12), (0.02, 0.04))
    (hopf,) = hopf_curve(BISTABLE, "mu_ext", "tau_population_I", ranges, start=(8, 0.03), transfer=LAWS)
    assert "bogdanov_takens" in hopf.ends
    (point,) = [one for one in hopf.points if one.kind == "bogdanov_takens"]
    (fold,) = fold_curve(BISTABLE, "mu_ext", "tau_population_I", ranges, start=(2.16, 0.03), transfer=LAWS)
    (other,) = [one for one in fold.points if one.kind == "bogdanov_takens"]
    assert point.values == pytest.approx(other.values, rel=1e-8)
    network = SSN.from_circuit(BISTABLE, transfer=LAWS).network
    matrix = jacobian(network, np.array([point.rates["E"], point.rates["I"]]), 0.02, point.values[1])
    assert abs(np.trace(matrix)) * 0.02 < 1e-8
    assert abs(np.linalg.det(matrix)) * 0.02**2 < 1e-8
    assert abs(folds(network, 1.0).mu_ext - point.values[0]).min() < 1e-8
    for k in range(5, len(hopf.values), 30):
        mu, tau = hopf.values[k]
        ssn = SSN.from_circuit(BISTABLE, transfer=LAWS, tau_population={"I": tau})
        state = min(ssn.steady_states(mu), key=lambda one: abs(one.rates["E"] - hopf.rates[k, 0]))
        assert abs(state.eigenvalues[0].real) < 1e-6
        assert abs(state.eigenvalues[0].imag) / (2 * np.pi) == pytest.approx(hopf.frequency[k], rel=1e-8, abs=1e-6)


def test_criticality_decides_whether_small_oscillations_survive():
    """A subcritical Hopf point: on its stable side a large enough disturbance grows, by direct integration."""
    weights = {"EE": 5.86, "EI": 8.12, "IE": 2.86, "II": 2.07}
    network = TwoPopulationSSN(*PUBLISHED[3.0, 20.0], *PUBLISHED[3.0, 10.0], *weights.values())
    tau = np.array([0.0077, 0.0321])
    ssn = SSN(("E", "I"), (LAWS["E"], LAWS["I"]), network, tuple(tau))
    diagram = bifurcation_diagram(ssn, "mu_ext", (30, 40), ratio=1.44, values=21)
    (point,) = diagram.hopf
    assert point.criticality == "subcritical"
    mu = point.value + 0.05
    external = np.array([mu, 1.44 * mu])
    (stable,) = [state for state in ssn.steady_states(mu, 1.44) if state.stable]
    centre = np.array(list(stable.rates.values()))
    final = []
    for share in (0.02, 1.5):
        start = centre + np.array([share * centre[0], 0.0])
        run = solve_ivp(
            lambda _, nu: (network.rates(network.weights @ nu + external) - nu) / tau,
            (0, 3), start, rtol=1e-8, atol=1e-9,
        )  # fmt: skip
        tail = run.y[0, run.t > 2.5]
        final.append(tail.max() - tail.min())
    assert final[0] < 0.02 * centre[0]
    assert final[1] > 3 * centre[0]


def test_continuation_closes_a_loop_and_finds_a_double_dip():
    """On the unit circle: the loop closes; y - 0.9999 has two zeros .03 apart at the top, within one step of 0.3."""
    curve = Curve(lambda y: np.array([y @ y - 1]), lambda y: 2 * y[None], np.ones(2))
    infinite = np.full(2, np.inf)
    path = trace(
        curve, np.array([1.0, 0.0]), np.array([0.0, 1.0]), (-infinite, infinite),
        lambda y: np.array([y[1] - 0.9999]), largest_step=0.3,
    )  # fmt: skip
    assert path.end == "closed"
    assert np.abs(np.linalg.norm(path.points, axis=1) - 1).max() < 1e-12
    x = np.sqrt(1 - 0.9999**2)
    assert [event.point[0] for event in path.events] == pytest.approx([x, -x], rel=1e-9)


@pytest.mark.parametrize(
    ("words", "options", "sentence"),
    [
        (("E.taau", (1, 2)), {"mu_ext": 3}, "Did you mean 'E.tau'?"),
        (("J.EE", (1, 2)), {}, "mu_ext is needed"),
        (("mu_ext", (2, 1)), {}, "is empty"),
        (("mu_ext", (0, 1)), {"mu_ext": 3}, "do not also give it"),
        (("E->E.tau_synapse", (1, 2)), {"mu_ext": 3}, "the steady states do not depend on"),
        (("J.EE", (-1, 2)), {"mu_ext": 3}, "must not be negative"),
        (("E.tau", (15, 20)), {"mu_ext": 3, "transfer": LAWS}, "was given, but the parameter changes its neuron"),
        (("a_E", (1e-5, 1e-4)), {"mu_ext": 3, "theory": "self_consistent"}, "no parameter called 'a_E'"),
        (("mu_ext", (0, 1)), {"theory": "ssm"}, "expected 'ssn' or 'self_consistent'"),
    ],
)
def test_wrong_input_is_answered(words, options, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        bifurcation_diagram(BISTABLE, *words, **options)
