"""Measured connectivity: p, j and J against the published numbers, closed forms, and messages for wrong data."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms, mV, volt
from scipy.integrate import quad
from scipy.stats import binom, binomtest
from ssnbrian.analysis.characteristic import TwoPopulationSSN
from ssnbrian.analysis.conditions import condition
from ssnbrian.analysis.connectivity_box import over_box, range_over_box
from ssnbrian.analysis.connectivity_file import connectivity_from_toml, load_connectivity
from ssnbrian.analysis.connectivity_intervals import estimate_connectivity, mean_interval, proportion_interval
from ssnbrian.analysis.connectivity_regimes import isn_reached, regimes_of
from ssnbrian.analysis.measured_connectivity import (
    Measured,
    MeasuredConnectivity,
    MeasuredPopulation,
    MeasuredProjection,
)
from ssnbrian.analysis.power_law import PowerLaw
from ssnbrian.analysis.ssn import SSN
from ssnbrian.analysis.steady_state_search import steady_states_of_many
from ssnbrian.models.papers import allen_mouse_v1, ekelmans2023

from ssnbrian.circuit import InvalidInputError
from ssnbrian.workflow.connectivity import circuit_from_connectivity, find_connectivity

# Ekelmans et al. 2023, mouse V1: weights of one synapse, J and in-degrees.
PUBLISHED_WEIGHTS = {"E->E": 0.0035865, "I->E": 0.0681373, "E->I": 0.0286966, "I->I": 0.1123526}
PUBLISHED_J = {"E->E": 0.672, "I->E": 13.173, "E->I": 23.675, "I->I": 11.846}
PUBLISHED_IN_DEGREES = {"E->E": 187, "I->E": 193, "E->I": 825, "I->I": 105}
PAPER = {
    "E": PowerLaw(1.0792e-4, -11.1425, 3.0814),
    "I": PowerLaw(2.2099e-6, 4.7670, 3.8150),
}


def by_name(measured):
    return {one.name: one for one in measured.projections}


def half_unit(text):
    """Half a unit of the last printed digit."""
    digits = text.split()[0].partition(".")[2]
    return 0.5 * 10.0 ** -len(digits)


@pytest.mark.parametrize("name", PUBLISHED_WEIGHTS)
def test_weights_from_psps_are_the_published_ones_within_the_rounding_of_the_data(name):
    measured = find_connectivity("allen_mouse_v1")
    projection = by_name(measured)[name]
    texts = {**allen_mouse_v1.PSPS[name]._asdict()}
    cells = allen_mouse_v1.POPULATIONS[projection.target]
    numbers = {key: abs(float(text.split()[0])) for key, text in texts.items()}
    numbers |= {"tau": float(cells.tau_membrane.split()[0]), "distance": float(cells.threshold_minus_rest.split()[0])}
    texts |= {"tau": cells.tau_membrane, "distance": cells.threshold_minus_rest}

    def weight(sign):
        up = {key: value + sign * half_unit(texts[key]) for key, value in numbers.items()}
        down = {key: value - sign * half_unit(texts[key]) for key, value in numbers.items()}
        return up["peak"] * (up["rise_time"] / 2 + up["decay_time"]) / down["tau"] / down["distance"]

    assert weight(-1) < PUBLISHED_WEIGHTS[name] < weight(1)
    assert measured.weight(projection) == pytest.approx(weight(0), rel=1e-14)
    assert measured.weight(projection) == pytest.approx(PUBLISHED_WEIGHTS[name], rel=2e-4)


@pytest.mark.parametrize("name", PUBLISHED_J)
def test_the_published_J_is_N_p_j_and_not_K_j(name):
    measured = find_connectivity("allen_mouse_v1_weights")
    projection = by_name(measured)[name]
    assert measured.weight(projection) == PUBLISHED_WEIGHTS[name]
    assert measured.in_degree(projection) == PUBLISHED_IN_DEGREES[name]
    digit = 5.0001e-4
    assert measured.J(projection) == pytest.approx(PUBLISHED_J[name], abs=digit)
    if name != "E->I":  # where N p is a whole number
        assert abs(measured.in_degree(projection) * PUBLISHED_WEIGHTS[name] - PUBLISHED_J[name]) > digit


def test_the_circuit_has_the_J_and_in_degrees_of_the_published_one():
    circuit = circuit_from_connectivity(find_connectivity("allen_mouse_v1_weights"))
    published = ekelmans2023.mouse_v1()
    for projection in circuit.projections:
        twin = published.projection(projection.source, projection.target)
        assert projection.rule == twin.rule
        assert circuit.weight_total(projection).to("mV") == pytest.approx(
            published.weight_total(twin).to("mV"), abs=5.0001e-4
        )
    from_psps = circuit_from_connectivity(find_connectivity("allen_mouse_v1"), parameters={"I": {"tau": "10 ms"}})
    assert from_psps.population("E").parameters["tau"].to("ms") == 20.066
    assert from_psps.population("I").parameters["tau"].to("ms") == 10.0


def test_area_of_a_psp():
    """Linear rise to the peak, then exponential decay, integrated; a kick j to a membrane has the area j tau."""
    peak, rise, decay, tau, distance = 0.4, 3.0, 25.0, 15.0, 30.0
    area = quad(lambda t: peak * t / rise, 0, rise)[0] + quad(lambda t: peak * np.exp(-t / decay), 0, np.inf)[0]
    j = quad(lambda t: np.exp(-t / tau), 0, np.inf)[0]
    measured = MeasuredConnectivity(
        (MeasuredPopulation("E", 100, tau * ms, distance * mV),),
        (MeasuredProjection("E", "E", 1, 4, peak * mV, rise * ms, 0.025 * 1000 * ms),),
    )
    assert measured.weight(measured.projections[0]) * j * distance == pytest.approx(area, rel=1e-9)
    assert measured.J(measured.projections[0]) == pytest.approx(100 / 4 * area / tau / distance)


def test_quantities_and_spreads():
    one = MeasuredProjection(
        "E", "I", 5, 80, Measured.from_spread(0.102 * mV, 0.06 * mV, 9), 3.811 * ms, Measured(25.83, 2.583)
    )
    assert one.psp_peak == Measured(pytest.approx(0.102), pytest.approx(0.02), 9)
    assert one.decay_time.relative_error == pytest.approx(0.1)
    assert one.rise_time.standard_error == 0.0


def population(name="E", **more):
    return MeasuredPopulation(name, **{"size": 10, "tau_membrane": 20.0, "threshold_minus_rest": 30.0, **more})


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: population(tau_membrane=20 * mV), "expected ms"),
        (lambda: population(tau_membrane=-20 * ms), "tau_membrane must be positive, got -20 ms"),
        (lambda: population(tau_membrane=float("nan")), "finite"),
        (lambda: population(tau_membrane=[20.0, 21.0]), "expected one value in ms, got an array"),
        (lambda: population(size=0.5), "size must be a whole number of at least 1"),
        (lambda: population(kind="exc"), "'excitatory' or 'inhibitory'"),
        (lambda: MeasuredProjection("E", "I", 9, 8, weight=0.1), "9 connected pairs out of 8 probed"),
        (lambda: MeasuredProjection("E", "I", 0, 0, weight=0.1), "probed must be a whole number of at least 1"),
        (lambda: MeasuredProjection("E", "I", 1, 8), "give psp_peak, rise_time and decay_time, or else weight"),
        (lambda: MeasuredProjection("E", "I", 1, 8, 1 * mV, 1 * ms, 1 * ms, 0.1), "or else weight"),
        (lambda: MeasuredProjection("E", "I", 1, 8, 0 * volt, 1 * ms, 1 * ms), "psp_peak is 0"),
        (lambda: MeasuredProjection("E", "I", 1, 8, Measured(1.0, -1.0), 1, 1), "standard error must be"),
        (lambda: MeasuredProjection("E", "I", 1, 8, Measured(1.0, 1.5), 1, 1), "smaller than the mean"),
        (lambda: Measured.from_spread(1.0, 1.0, 2), "count must be a whole number of at least 3"),
    ],
)
def test_wrong_measurements(make, sentence):
    with pytest.raises(InvalidInputError) as caught:
        make()
    assert sentence in str(caught.value)


def test_interchanged_source_and_target_are_noticed():
    text = allen_mouse_v1.measurements()
    swapped = text.replace('"E->I"', '"X"').replace('"I->E"', '"E->I"').replace('"X"', '"I->E"')
    with pytest.raises(InvalidInputError, match=r"interchanged\? Projections are named source->target"):
        connectivity_from_toml(swapped)


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        ("probed = 80", "prbed = 80", ['mine: [projections."E->E"]', "'probed' is missing", "Did you mean 'prbed'?"]),
        ("rise_time = ", "rise = ", ["unknown key 'rise'", "Did you mean 'rise_time'?"]),
        ('"3.811 ms"', '"3.811 mV"', ['[projections."E->E"].rise_time', "expected a value in ms", "3.811 mV"]),
        ('"3.811 ms"', "3.811", ["rise_time", "expected a value in ms", "a plain number (3.811)"]),
        ('"3.811 ms"', '"long"', ["cannot read 'long' as a value"]),
        ("connected = 5", "connected = 5.0", ["'connected' should be of type int, got 5.0"]),
        ("connected = 5", "connected = 500", ['[projections."E->E"]', "500 connected pairs out of 80"]),
        ('"E->I"', '"E-I"', ['a projection is named "source->target"']),
        ('"E->I"', '"E->In"', ["its target 'In' is not a population", "Did you mean"]),
        ("[populations.I]", "[populations.PV]", ["its target 'I' is not a population"]),
        ('kind = "inhibitory"', 'kind = "inhibit"', ["[populations.I]", "'excitatory' or 'inhibitory'"]),
        ("size = 3000", "", ["[populations.E]: the key 'size' is missing"]),
        ("size = 3000", "size = 3000\ntau_membrane_count = 1.5", ["tau_membrane_count", "type int"]),
        (
            "size = 3000",
            'size = 3000\ntau_membrane_standard_deviation = "2 ms"',
            ["tau_membrane_standard_deviation needs tau_membrane_count"],
        ),
        (
            "size = 3000",
            'size = 3000\ntau_membrane_standard_deviation = "2 ms"\ntau_membrane_standard_error = "2 ms"',
            ["give tau_membrane_standard_error or tau_membrane_standard_deviation, not both"],
        ),
        ("connected = 5", 'connected = 5\nweight_standard_error = "0.1"', ["'weight' itself is missing"]),
        ("[populations.E]", "[populations.E", ["mine is not valid TOML"]),
    ],
)
def test_messages_for_wrong_files(old, new, sentences):
    text = allen_mouse_v1.measurements()
    assert old in text
    with pytest.raises(InvalidInputError) as caught:
        connectivity_from_toml(text.replace(old, new), where="mine")
    for sentence in sentences:
        assert sentence in str(caught.value)


def test_spreads_in_a_file(tmp_path):
    text = allen_mouse_v1.measurements().replace(
        "connected = 5\n", 'connected = 5\npsp_peak_standard_deviation = "0.06 mV"\npsp_peak_count = 9\n'
    )
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("size = 1000", 'size = 1000\ntau_membrane_standard_error = "400 us"'))
    measured = load_connectivity(path)
    assert by_name(measured)["E->E"].psp_peak == Measured(0.102, pytest.approx(0.02), 9)
    assert measured.population("I").tau_membrane == Measured(11.322, pytest.approx(0.4))
    with pytest.raises(InvalidInputError, match="there is no file"):
        load_connectivity(tmp_path / "missing.toml")


def test_clopper_pearson_by_its_definition():
    """The ends are the p at which the tail beyond the count has half of 1 - confidence (Clopper & Pearson 1934)."""
    low, high = proportion_interval(5, 80, 0.9)
    assert binom.sf(4, 80, low) == pytest.approx(0.05)
    assert binom.cdf(5, 80, high) == pytest.approx(0.05)
    assert proportion_interval(0, 10, 0.95) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert proportion_interval(10, 10, 0.95) == (pytest.approx(0.025**0.1), 1.0)
    for found, probed in ((5, 80), (44, 160), (29, 150), (64, 607)):
        exact = binomtest(found, probed).proportion_ci(0.95, method="exact")
        assert proportion_interval(found, probed, 0.95) == pytest.approx((exact.low, exact.high), rel=1e-9)


def test_the_box_is_the_product_of_the_intervals_of_its_parts():
    """E->E with a spread of the PSP peak and of the membrane: 4 proportions and 2 means share 5 %."""
    measured = find_connectivity("allen_mouse_v1")
    first = replace(by_name(measured)["E->E"], psp_peak=Measured(0.102, 0.01))
    E = replace(measured.population("E"), tau_membrane=Measured(20.066, 1.0, 12))
    measured = MeasuredConnectivity(
        (E, measured.population("I")), (first, *(one for one in measured.projections if one.name != "E->E"))
    )
    found = estimate_connectivity(measured, samples=200)
    level = 1 - 0.05 / 6
    p, peak, tau = proportion_interval(5, 80, level), mean_interval(first.psp_peak, level), None
    tau = mean_interval(E.tau_membrane, level)
    scale = 3000 * (3.811 / 2 + 25.83) / 39.31
    assert found.projections[0].box == pytest.approx(
        (scale * p[0] * peak[0] / tau[1], scale * p[1] * peak[1] / tau[0]), rel=1e-12
    )
    assert [one.weight_spread_known for one in found.projections] == [True, False, True, False]
    (sentence,) = found.assumptions
    assert "E->I, I->I" in sentence


def test_a_wild_spread_gives_wide_finite_intervals():
    peak = Measured(0.4, 0.39, 3)
    measured = MeasuredConnectivity((population("E"),), (MeasuredProjection("E", "E", 9, 90, peak, 4.0, 25.0),))
    found = estimate_connectivity(measured, confidence=0.999999, samples=5000)
    assert np.all(np.isfinite(found.samples))
    assert np.all(np.isfinite(found.projections[0].box))
    assert found.projections[0].J.high > 100 * found.projections[0].J.value


def test_no_connection_and_all_connections():
    """The interval holds the estimate: from 0 where no pair was connected, up to N j where all were."""
    for found, end in ((0, "low"), (12, "high")):
        measured = MeasuredConnectivity((population("E"),), (MeasuredProjection("E", "E", found, 12, weight=0.5),))
        one = estimate_connectivity(measured).projections[0]
        assert getattr(one.J, end) == one.J.value == pytest.approx(10 * 0.5 * found / 12)
        assert one.J.low < one.J.high


def test_without_a_spread_the_intervals_say_that_they_hold_p_alone():
    found = estimate_connectivity(find_connectivity("allen_mouse_v1"), samples=200)
    assert all(one.weight.low == one.weight.high == one.weight.value for one in found.projections)
    assert "E->E, E->I, I->E, I->I" in found.assumptions[0]
    again = estimate_connectivity(find_connectivity("allen_mouse_v1"), samples=200)
    assert np.array_equal(found.samples, again.samples)
    assert not np.array_equal(
        found.samples, estimate_connectivity(find_connectivity("allen_mouse_v1"), samples=200, seed=2).samples
    )
    for wrong in ({"confidence": 1.0}, {"samples": 5}, {"samples": 10**9}):
        with pytest.raises(InvalidInputError):
            estimate_connectivity(found.measured, **wrong)


RELATIONS = ("supersaturation_possible", "balanced_exists", "balanced_stable", "inhibition_stabilized")


@pytest.mark.parametrize("relation", RELATIONS)
def test_statements_over_a_box_hold_for_every_point_of_it(relation):
    """Seed 4: 40 boxes, each with its corners and 200 points inside; all three answers occur."""
    rng, formula, seen = np.random.default_rng(4), condition(relation), set()
    values = {"a_E": 1.0792e-4, "n_E": 3.0814, "rate_E": 2.0}
    for _ in range(40):
        centre, width = rng.uniform(0.5, 12, 4), rng.uniform(0, 0.3)
        low, high = centre * (1 - width), centre * (1 + width)
        names = ("J_EE", "J_EI", "J_IE", "J_II")
        r = {"r": float(rng.uniform(0.2, 2))}
        answer = over_box(formula, dict(zip(names, zip(low, high, strict=True), strict=True)), values | r)
        points = np.concatenate(
            [rng.uniform(low, high, (200, 4)), list(itertools.product(*zip(low, high, strict=True)))]
        )
        holds = formula.evaluate(values | r | dict(zip(names, points.T, strict=True)))
        seen.add(answer)
        if answer == "depends":
            continue
        assert np.all(holds) if answer == "always" else not np.any(holds)
    assert seen == {"always", "never", "depends"}


def test_eq_4_over_a_box_turns_where_its_extreme_ratios_are():
    """r > J_II/J_EI for all weights: r > 6/8; for none: r <= 4/10 (J_EI from 8 to 10, J_II from 4 to 6)."""
    box = {"J_EE": (1, 2), "J_EI": (8, 10), "J_IE": (1, 2), "J_II": (4, 6)}
    answers = [over_box(condition("supersaturation_possible"), box, {"r": r}) for r in (0.4, 0.401, 0.75, 0.751)]
    assert answers == ["never", "depends", "depends", "always"]
    silent = box | {"J_EI": (0, 10), "J_II": (0, 6)}
    assert over_box(condition("supersaturation_possible"), silent, {"r": 1.0}) == "depends"
    with pytest.raises(ValueError, match="not a relation"):
        over_box(condition("det_J"), box, {})
    assert range_over_box(condition("det_J"), box, {}) == (8 * 1 - 2 * 6, 10 * 2 - 1 * 4)
    with pytest.raises(ValueError, match="also needs r"):
        over_box(condition("supersaturation_possible"), box, {})


def test_isn_reached_agrees_with_all_steady_states():
    """Seed 9, 30 networks: steady states at 4001 inputs; cases within 2 % of the edge of the range are not compared."""
    rng = np.random.default_rng(9)
    fixed = {"a_E": 1.0792e-4, "b_E": -11.1425, "n_E": 3.0814, "a_I": 2.2099e-6, "b_I": 4.7670, "n_I": 3.8150}
    compared, reached = 0, 0
    mu = np.linspace(-250, 350, 4001)
    for _ in range(30):
        J = dict(zip(("J_EE", "J_EI", "J_IE", "J_II"), rng.uniform(0.5, [6, 12, 12, 12]), strict=True))
        r, limit = float(rng.uniform(0, 1.6)), 10.0
        answers = [
            bool(isn_reached({**fixed, **{k: np.array([v]) for k, v in J.items()}, "r": r}, scale * limit)[0])
            for scale in (0.98, 1.0, 1.02)
        ]
        if len(set(answers)) > 1:
            continue
        network = TwoPopulationSSN(*fixed.values(), *J.values())
        states = steady_states_of_many(network, mu, r * mu)
        gain = fixed["n_E"] * fixed["a_E"] ** (1 / fixed["n_E"]) * states.rates[:, 0] ** (1 - 1 / fixed["n_E"])
        seen = np.any((J["J_EE"] * gain > 1) & np.all(states.rates <= limit, axis=1))
        assert seen == answers[1], (J, r)
        compared, reached = compared + 1, reached + int(seen)
    assert compared >= 22
    assert 5 <= reached <= compared - 5


def known(J, probed=10**8):
    """Connectivity of which J is known to about 1e-4: half of very many pairs are connected."""
    sizes = {"E": 3000, "I": 1000}
    populations = (population("E", size=3000), population("I", size=1000, kind="inhibitory"))
    projections = tuple(
        MeasuredProjection(s, t, probed // 2, probed, weight=J[t + s] / sizes[s] * 2)
        for t, s in itertools.product("EI", "EI")
    )
    return MeasuredConnectivity(populations, projections)


def regimes(measured, ratio, window, samples=100, taus=("20 ms", "10 ms"), transfer=PAPER):
    parameters = {name: {"tau": tau} for name, tau in zip("EI", taus, strict=True)}
    ssn = SSN.from_circuit(circuit_from_connectivity(measured, parameters=parameters), transfer=transfer)
    return regimes_of(estimate_connectivity(measured, samples=samples), ssn, ratio, window, state_samples=20)


def test_mouse_v1_has_the_published_regimes():
    """No balanced state above r = .8993, supersaturation possible at r = 1, inhibition-stabilized above 27.41 Hz."""
    found = regimes(find_connectivity("allen_mouse_v1_weights"), 1.0, (0, 100))
    at = {name: one.at_estimate for name, one in found.regimes.items()}
    assert at["supersaturation_possible"] and at["det_J_positive"]
    assert not any(at[name] for name in ("balanced_exists", "isn_threshold_within_range", "isn_reached_within_range"))
    assert found.thresholds["supersaturation_ratio"].value == pytest.approx(0.8993, abs=6e-5)
    # The table's J_EE of .672 is .67247 before rounding, which lowers the threshold by .1 %.
    assert found.thresholds["isn_rate_E"].value == pytest.approx(
        27.41 * (0.672 / 0.672469) ** (3.0814 / 2.0814), abs=0.01
    )
    below = regimes(find_connectivity("allen_mouse_v1_weights"), 0.899, (0, 100)).regimes
    assert below["balanced_exists"].at_estimate and below["balanced_stable"].at_estimate
    assert found.regimes["det_J_positive"].guaranteed == "always"
    assert found.regimes["supersaturation_possible"].guaranteed == "depends"


@pytest.mark.parametrize(
    ("window", "expected"), [((0, 2.1), False), ((0, 2.3), True), ((3.4, 9.0), True), ((3.65, 9.0), False)]
)
def test_bistability_of_figure_4_lies_between_its_folds(window, expected):
    """Folds at 2.1634 and 3.5700 mV/s."""
    one = regimes(known({"EE": 5, "EI": 10, "IE": 7, "II": 11}), 1.0, window).regimes["bistability"]
    assert one.at_estimate is expected
    assert one.probability == float(expected)
    assert one.standard_error > 0
    assert one.undetermined == 0


def test_a_window_of_bistability_that_a_grid_would_miss():
    """Fig 4B, tau_E = 18 ms: bistable from 6.571 to 6.579 mV/s only."""
    transfer = PAPER | {"E": PowerLaw(7.8904e-5, -9.4929, 3.1357)}
    measured = known({"EE": 5, "EI": 10, "IE": 7, "II": 11})
    for window, expected in (((0, 20), True), ((0, 6.57), False), ((6.58, 20), False)):
        found = regimes(measured, 1.0, window, taus=("18 ms", "10 ms"), transfer=transfer).regimes
        assert found["bistability"].at_estimate is expected


def test_negative_determinant_has_no_state_at_large_input_for_ratio_1_and_always_two_for_ratio_3():
    """Fig 5B: r = 1 has no steady state above 17.703 mV/s, r = 3 always two."""
    measured = known({"EE": 1.25, "EI": 1, "IE": 1, "II": 1.25})
    for ratio, expected in ((1.0, True), (3.0, False)):
        found = regimes(measured, ratio, (0, 50)).regimes
        assert found["no_steady_state_at_large_input"].at_estimate is expected
        assert found["no_steady_state_at_large_input"].probability == float(expected)
        assert found["det_J_positive"].guaranteed == "never"


def test_regimes_are_refused_where_they_cannot_be():
    measured = find_connectivity("allen_mouse_v1")
    ssn = SSN.from_circuit(circuit_from_connectivity(measured))
    partial = replace(measured, projections=measured.projections[:3])
    with pytest.raises(InvalidInputError, match="I->I was not measured"):
        regimes_of(estimate_connectivity(partial, samples=100), ssn)
    for wrong in ({"ratio": -1.0}, {"window": (3.0, 2.0)}):
        with pytest.raises(InvalidInputError):
            regimes_of(estimate_connectivity(measured, samples=100), ssn, **wrong)


def test_circuits_that_cannot_be_built_say_why():
    rare = MeasuredConnectivity((population("E", size=10),), (MeasuredProjection("E", "E", 1, 80, weight=0.1),))
    with pytest.raises(InvalidInputError, match="in-degree below 1"):
        circuit_from_connectivity(rare)
    absent = MeasuredConnectivity((population("E", size=10),), (MeasuredProjection("E", "E", 0, 80, weight=0.1),))
    circuit = circuit_from_connectivity(absent)
    assert circuit.weight_total(circuit.projections[0]).si == 0
    with pytest.raises(InvalidInputError, match=r"no population 'F'"):
        circuit_from_connectivity(absent, parameters={"F": {}})
    with pytest.raises(InvalidInputError, match="must be 1 mV above"):
        circuit_from_connectivity(absent, parameters={"E": {"threshold": "2 mV"}})
