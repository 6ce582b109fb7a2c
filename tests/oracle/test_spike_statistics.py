"""Statistics of spike trains against point processes whose statistics are known in closed form.

Seeds are stated at every test; tolerances are four standard errors, by the error that the function itself reports
and that its own test compares with the spread over repetitions.
"""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta
from ssnbrian.analysis.balance import balance_course, balance_factors, balance_factors_of_states, mean_balance_factors
from ssnbrian.analysis.self_consistent import SelfConsistent
from ssnbrian.analysis.spike_correlations import autocorrelation, autocorrelation_time, cross_correlation
from ssnbrian.analysis.spike_statistics import fano_factors, irregularity, rate_distribution, spike_trains
from ssnbrian.analysis.ssn import SSN
from ssnbrian.models.papers import ekelmans2023
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import FixedInDegree, InvalidInputError, Projection, Recording
from ssnbrian.circuit.circuit import InputPopulation


def recorded(trains, duration, bin_width=0.01, **fields):
    """A recording of one population E from a list of spike times (s) per neuron."""
    times = np.concatenate([*trains, np.zeros(0)])
    neurons = np.repeat(np.arange(len(trains)), [len(one) for one in trains]).astype(np.int32)
    order = np.argsort(times, kind="stable")
    times, neurons = times[order], neurons[order]
    counts = np.histogram(times, np.arange(round(duration / bin_width) + 1) * bin_width)[0]
    return Recording(
        sizes={"E": len(trains)},
        bin_width=bin_width,
        counts={"E": counts},
        neuron_counts={"E": np.bincount(neurons, minlength=len(trains))},
        drives={"E": (np.zeros(1), np.ones(1))},
        metadata={"duration": duration, "status": "completed"},
        spikes={"E": (times, neurons)},
        **fields,
    )


def renewal(rng, neurons, rate, duration, shape):
    """Stationary gamma renewal processes: started long before the window."""
    number = int(2 * (duration + 20 / rate) * rate + 50)
    intervals = rng.gamma(shape, 1 / (shape * rate), (neurons, number))
    times = np.cumsum(intervals, axis=1) - 20 / rate
    assert times[:, -1].min() > duration
    return [one[(one >= 0) & (one < duration)] for one in times]


def modulated(rng, neurons, rate, spread, tau, duration, shared=False, step=0.001):
    """Poisson neurons driven by a Gaussian Ornstein–Uhlenbeck rate (Hz), exact steps, in bins of ``step``."""
    decay, sources, bins = np.exp(-step / tau), 1 if shared else neurons, round(duration / step)
    state, trains = rng.normal(size=sources), []
    noise = np.sqrt(1 - decay**2)
    for _ in range(bins):
        trains.append(state)
        state = decay * state + noise * rng.normal(size=sources)
    intensity = rate + spread * np.array(trains)
    assert np.mean(intensity < 0) < 1e-3
    fired = rng.random((bins, neurons)) < np.maximum(intensity, 0) * step
    return [(np.flatnonzero(fired[:, k]) + 0.5) * step for k in range(neurons)]


@pytest.mark.parametrize("shape", [1, 2, 4])
def test_gamma_renewal_processes(shape):
    """Seed 1 + shape: CV = 1/sqrt(k), LV = 3/(2k + 1) (Shinomoto), CV2 by quadrature of the beta distribution."""
    recording = recorded(renewal(np.random.default_rng(1 + shape), 400, 5.0, 60.0, shape), 60.0)
    result = irregularity(recording)["E"]
    cv2 = beta(shape, shape).expect(lambda x: 2 * abs(2 * x - 1))
    for value, error in (result.pooled_cv, result.pooled_cv_corrected):
        assert abs(value - shape**-0.5) < 4 * error
    assert abs(result.mean_lv[0] - 3 / (2 * shape + 1)) < 4 * result.mean_lv[1]
    assert abs(result.mean_cv2[0] - cv2) < 4 * result.mean_cv2[1]
    assert result.mean_cv[0] == pytest.approx(shape**-0.5, abs=0.006)
    assert result.excluded == 0
    dispersion, error = rate_distribution(recording)["E"].dispersion
    # The variance over the mean of renewal counts: CV² + (1 - CV⁴)/(6·mean) for gamma intervals (Cox 1962).
    expected = 1 / shape + (1 - shape**-2.0) / (6 * 300)
    assert abs(dispersion - expected) < 4 * error


def moment_ratio(weight):
    """CV of an exponential variable of mean 1 whose density is multiplied by ``weight`` on [0, 6]."""
    moments = [quad(lambda x, k=k: weight(x) * x**k * np.exp(-x), 0, 6)[0] for k in range(3)]
    mean = moments[1] / moments[0]
    return np.sqrt(moments[2] / moments[0] - mean**2) / mean


def test_the_bias_of_a_short_window_and_its_correction():
    """Seed 5: Poisson neurons with 6 spikes per window; the exact pooled CV is .953, by the weight 6 - x.

    Corrected it is that of an exponential cut off at the window, .968; CV2 and LV are 1; the CV per neuron is far off.
    """
    recording = recorded(renewal(np.random.default_rng(5), 4000, 3.0, 2.0, 1), 2.0)
    result = irregularity(recording, minimum_spikes=3)["E"]
    assert abs(result.pooled_cv[0] - moment_ratio(lambda x: 6 - x)) < 4 * result.pooled_cv[1]
    assert abs(result.pooled_cv_corrected[0] - moment_ratio(lambda x: 1.0)) < 4 * result.pooled_cv_corrected[1]
    assert result.mean_cv[0] < 0.9
    assert abs(result.mean_cv2[0] - 1) < 4 * result.mean_cv2[1]
    assert abs(result.mean_lv[0] - 1) < 4 * result.mean_lv[1]


@pytest.mark.parametrize(("spikes", "bias"), [(10, -0.09), (20, -0.05), (50, -0.02)])
def test_the_stated_bias_of_the_cv_per_neuron(spikes, bias):
    """Seed 6: 4000 Poisson neurons; the percentages that the documentation states, to one percent."""
    recording = recorded(renewal(np.random.default_rng(6), 4000, 1.0, float(spikes), 1), float(spikes))
    mean, error = irregularity(recording, minimum_spikes=3)["E"].mean_cv
    assert abs(mean - 1 - bias) < 0.01
    assert error < 0.006


def test_reported_errors_are_the_spread_over_repetitions():
    """Seeds 100 to 139: the standard errors of CV, LV and dispersion against 40 repetitions (11 % uncertainty)."""
    results = []
    for seed in range(100, 140):
        recording = recorded(renewal(np.random.default_rng(seed), 60, 5.0, 20.0, 2), 20.0)
        one = irregularity(recording)["E"]
        results.append([one.pooled_cv, one.mean_lv, rate_distribution(recording)["E"].dispersion])
    results = np.array(results)
    assert results[:, :, 0].std(axis=0, ddof=1) / results[:, :, 1].mean(axis=0) == pytest.approx(np.ones(3), abs=0.45)


def test_unequal_rates_disperse_the_counts():
    """Seed 8: gamma distributed rates of mean 4 and standard deviation 2 Hz for 50 s: dispersion 1 + 50·4/4 = 51."""
    rng = np.random.default_rng(8)
    rates = rng.gamma(4.0, 1.0, 2000)
    result = rate_distribution(recorded([np.sort(rng.random(rng.poisson(50 * r)) * 50) for r in rates], 50.0))["E"]
    assert abs(result.dispersion[0] - 51) < 4 * result.dispersion[1]
    assert result.rate_spread == pytest.approx(2.0, abs=0.15)
    assert result.mean == pytest.approx(4.0, abs=0.2)


@pytest.mark.parametrize(("tau", "seed"), [(0.1, 11), (0.3, 12)])
def test_time_constant_of_independently_modulated_neurons(tau, seed):
    """60 neurons of 40 ± 12 Hz for 60 s: covariance of the rate 144·exp(-lag/tau) Hz², smoothed by the 20 ms bins."""
    recording = recorded(modulated(np.random.default_rng(seed), 60, 40.0, 12.0, tau, 60.0), 60.0)
    measured = autocorrelation(recording, method="neuron", bin_width=0.02, maximum_lag=1.4)["E"]
    fit = autocorrelation_time(measured)
    assert fit.resolved
    assert abs(fit.tau - tau) < 4 * fit.standard_error < tau
    smoothing = (2 * tau / 0.02 * np.sinh(0.01 / tau)) ** 2
    assert fit.amplitude == pytest.approx(144 * smoothing, rel=0.1)
    assert autocorrelation_time(measured, minimum_lag=0.06).tau == pytest.approx(tau, abs=6 * fit.standard_error)


def test_shared_modulation_is_seen_in_the_population_and_between_neurons():
    """Seed 13, 80 neurons of 40 ± 10 Hz, tau 0.1 s, 80 s: the correlation of counts is 100·v/(100·v + 40/width).

    v is the smoothing of the covariance by a bin; independent neurons give none.
    """
    rng, tau, width = np.random.default_rng(13), 0.1, 0.02
    recording = recorded(modulated(rng, 80, 40.0, 10.0, tau, 80.0, shared=True), 80.0)
    fit = autocorrelation_time(autocorrelation(recording, method="population", bin_width=width, maximum_lag=0.7)["E"])
    assert fit.resolved
    assert abs(fit.tau - tau) < 4 * fit.standard_error < tau
    pairs = cross_correlation(recording, bin_width=width, maximum_lag=0.1)["E", "E"]
    ratio = width / tau
    inside = 100 * 2 * (ratio - 1 + np.exp(-ratio)) / ratio**2
    between = 100 * (2 / ratio * np.sinh(ratio / 2)) ** 2 * np.exp(-np.arange(1, 6) * ratio)
    # Within a bin of 1 ms at most one spike per neuron: the variance is that of a Bernoulli, 4 % below Poisson.
    noise = 40 * (1 - 0.04) / width
    expected = np.array([inside, *between]) / (inside + noise)
    assert np.all(np.abs(pairs.correlation - expected) < 4 * pairs.standard_errors)
    assert pairs.pairs == 80 * 79 / 2


def test_independent_neurons_show_nothing():
    """Seed 14: no pair correlation, no time constant, Fano factor 1."""
    recording = recorded(renewal(np.random.default_rng(14), 200, 10.0, 50.0, 1), 50.0)
    pairs = cross_correlation(recording, bin_width=0.05, maximum_lag=0.5)["E", "E"]
    assert np.all(np.abs(pairs.correlation) < 4 * pairs.standard_errors)
    for method in ("neuron", "population"):
        measured = autocorrelation(recording, method=method, bin_width=0.05, maximum_lag=1.0)["E"]
        fit = autocorrelation_time(measured)
        assert not fit.resolved
        assert fit.reason
    fano, error = fano_factors(recording, 0.5)["E"]
    assert abs(fano - 1) < 4 * error


def test_the_trough_after_a_spike_is_no_time_constant():
    """Seed 16: regular neurons (gamma of shape 4) have a covariance that rises with the lag, and nothing beyond."""
    recording = recorded(renewal(np.random.default_rng(16), 200, 10.0, 50.0, 4), 50.0)
    measured = autocorrelation(recording, method="neuron", bin_width=0.01, maximum_lag=1.0)["E"]
    fit = autocorrelation_time(measured)
    assert (fit.tau, fit.resolved) == (None, False)
    assert "raise minimum_lag" in fit.reason
    assert not autocorrelation_time(measured, minimum_lag=0.4).resolved


def test_sums_over_spikes_equal_those_over_a_matrix_of_counts():
    """Seed 15: covariances and correlations against dense arrays of neurons by bins."""
    rng, bins, lags = np.random.default_rng(15), 400, 6
    counts = rng.poisson(rng.gamma(2.0, 0.3, 12)[:, None] * (1 + 0.5 * np.sin(np.arange(bins) / 9)), (12, bins))
    trains = [np.repeat(np.arange(bins), one) * 0.1 + 0.05 for one in counts]
    recording = recorded(trains, bins * 0.1)
    centred = counts - counts.mean(axis=1, keepdims=True)
    scaled = centred / counts.std(axis=1, ddof=1, keepdims=True)
    own = autocorrelation(recording, method="neuron", bin_width=0.1, maximum_lag=0.6)["E"]
    together = autocorrelation(recording, method="population", bin_width=0.1, maximum_lag=0.6)["E"]
    pairs = cross_correlation(recording, bin_width=0.1, maximum_lag=0.6)["E", "E"]
    for lag in range(lags + 1):
        early, late = slice(0, bins - lag), slice(lag, bins)
        matrix = scaled[:, early] @ scaled[:, late].T / (bins - lag)
        assert pairs.correlation[lag] == pytest.approx((matrix.sum() - np.trace(matrix)) / 132, abs=1e-12)
        if lag:
            dense = (centred[:, early] * centred[:, late]).mean() / 0.1**2
            assert own.covariance[lag - 1] == pytest.approx(dense, abs=1e-9)
            mean = centred.mean(axis=0)
            assert together.covariance[lag - 1] == pytest.approx((mean[early] * mean[late]).mean() / 0.1**2, abs=1e-9)


def test_windows_and_bad_input():
    recording = recorded([np.array([0.1, 0.5, 1.5]), np.array([1.0, 1.2])], 2.0)
    trains = spike_trains(recording, "E", 0.5, 1.5)
    assert trains.times.tolist() == [0.0, 0.5, pytest.approx(0.7)]
    assert trains.counts.tolist() == [1, 2]
    without = recorded([np.zeros(0)] * 3, 2.0)
    for function in (irregularity, rate_distribution, lambda one: cross_correlation(one, bin_width=0.02)):
        with pytest.raises(InvalidInputError):
            function(without)
    silent = Recording(**{**vars(recording), "spikes": {}})
    with pytest.raises(InvalidInputError, match="spikes=True"):
        irregularity(silent)
    with pytest.raises(InvalidInputError, match="spikes=True"):
        autocorrelation(silent, method="neuron", bin_width=0.01, maximum_lag=0.05)
    with pytest.raises(InvalidInputError, match="'neuron' or 'population'"):
        autocorrelation(recording, method="both", bin_width=0.01, maximum_lag=0.05)
    with pytest.raises(InvalidInputError, match="at least 20 times the longest lag"):
        autocorrelation(recording, method="population", bin_width=0.01, maximum_lag=1.0)
    with pytest.raises(InvalidInputError, match="outside the recording"):
        irregularity(recording, stop=3.0)
    with pytest.raises(InvalidInputError, match="only 0 neurons have 10 spikes"):
        irregularity(recording)
    with pytest.raises(InvalidInputError, match="no population 'X'"):
        spike_trains(recording, "X")


def test_balance_factors_of_the_paper():
    """Fig 2C at mu_ext = 19: BF_E about .39 and BF_I about .02, by the formula at the rates of Eq 14."""
    circuit = ekelmans2023.supersaturating()
    for theory in (SSN, SelfConsistent):
        (one,) = balance_factors_of_states(circuit, theory.from_circuit(circuit).steady_states(19))
        assert one == {"E": pytest.approx(0.39, abs=0.035), "I": pytest.approx(0.02, abs=0.005)}
    at_20 = balance_factors(circuit, {"E": 2.5553, "I": 0.9401}, 20)
    assert at_20["E"] == pytest.approx(12 * 0.9401 / (2 * 2.5553 + 20), rel=1e-12)
    assert at_20["I"] == pytest.approx(1 * 0.9401 / (6 * 2.5553 + 20), rel=1e-12)
    half = balance_factors(circuit, {"E": 2.5553, "I": 0.9401}, 20, ratio=0.5)
    assert half["I"] == pytest.approx(1 * 0.9401 / (6 * 2.5553 + 10), rel=1e-12)
    with pytest.raises(InvalidInputError, match="not positive"):
        balance_factors(circuit, {"E": 0, "I": 1}, 0)
    with pytest.raises(InvalidInputError, match="no entry for population 'I'"):
        balance_factors(circuit, {"E": 1}, 5)
    with pytest.raises(InvalidInputError, match="must not be negative"):
        balance_factors(circuit, {"E": 1, "I": -1}, 5)


def poisson_rates(seed):
    """20 s at rates of 3 + t/10 Hz (E) and 1 Hz (I) with mu_ext = 10 + t mV/s, in bins of 10 ms."""
    rng, times = np.random.default_rng(seed), (np.arange(2000) + 0.5) * 0.01
    counts = {"E": rng.poisson(3000 * (3 + times / 10) * 0.01), "I": rng.poisson(np.full(2000, 1000 * 0.01))}
    knots = (np.array([0.0, 20.0]), np.array([10.0, 30.0]))
    metadata = {"duration": 20.0, "status": "completed"}
    return Recording({"E": 3000, "I": 1000}, 0.01, counts, {}, {"E": knots, "I": knots}, metadata)


def test_balance_factor_over_time():
    """Seeds 21 to 60: J_EE 2, J_EI 12; mean of 40 repetitions within 4 s.e., reported errors equal to their spread."""
    circuit = ekelmans2023.supersaturating()
    courses = [balance_course(circuit, poisson_rates(seed), 2.0)["E"] for seed in range(21, 61)]
    times = courses[0].times
    np.testing.assert_allclose(times, np.arange(10) * 2 + 1)
    expected = 12 / (2 * (3 + times / 10) + 10 + times)
    factors, errors = (np.array([getattr(one, name) for one in courses]) for name in ("factors", "standard_errors"))
    spread = factors.std(axis=0, ddof=1)
    assert np.all(np.abs(factors.mean(axis=0) - expected) < 4 * spread / np.sqrt(40) + 1e-4)
    assert np.sqrt((errors**2).mean()) / np.sqrt((spread**2).mean()) == pytest.approx(1, abs=0.15)


def test_balance_with_input_populations_and_changing_weights():
    """An input of J = 2.5 mV counts as excitation at 5 Hz, or at its course; J_EE follows its recorded course."""
    source = InputPopulation("X", 2000, "5 Hz")
    into = Projection("X", "E", "0.0025 mV", FixedInDegree(1000), DELTA)
    plain = ekelmans2023.supersaturating()
    circuit = plain.replace(inputs=(source,), projections=(*plain.projections, into))
    rates = {"E": 3.0, "I": 1.0}
    assert balance_factors(circuit, rates, 10)["E"] == pytest.approx(12 / (6 + 12.5 + 10), rel=1e-12)
    assert balance_factors(circuit, rates | {"X": 8}, 10)["E"] == pytest.approx(12 / (6 + 20 + 10), rel=1e-12)
    assert balance_factors(circuit, rates, {"E": 10, "I": 4})["I"] == pytest.approx(1 / (18 + 4), rel=1e-12)
    start, knots = np.zeros(1), np.array([0.0, 20.0])
    still = Recording(
        {"E": 3000, "I": 1000},
        0.01,
        {"E": np.full(2000, 90), "I": np.full(2000, 10)},
        {},
        {"E": (start, np.array([10.0])), "I": (start, np.array([10.0]))},
        {"duration": 20.0, "status": "completed"},
        input_rates={"X": (knots, np.array([0.0, 20.0]))},
        weights={"E->E": (knots, np.array([0.0, 4.0]) / 195)},
    )
    course = balance_course(circuit, still, 1.0)["E"]
    expected = course.times / 5 * 3 + 2.5 * course.times + 10
    np.testing.assert_allclose(course.excitation, expected, rtol=1e-9)
    np.testing.assert_allclose(course.factors, 12 / expected, rtol=1e-9)


def test_balance_factor_of_a_window():
    """Seed 70: from 10 to 12 s, mean inputs 12 over 2·4.1 + 21; and what cannot be measured is refused."""
    circuit, recording = ekelmans2023.supersaturating(), poisson_rates(70)
    factor, error = mean_balance_factors(circuit, recording, start=10, stop=12)["E"]
    assert abs(factor - 12 / (2 * 4.1 + 21)) < 4 * error
    with pytest.raises(InvalidInputError, match="fewer than 20 count bins"):
        mean_balance_factors(circuit, recording, start=19.95)
    with pytest.raises(InvalidInputError, match="at most 5 ms"):
        balance_course(circuit, recording, 0.1)
    recording.metadata["content_hash"] = "another"
    with pytest.raises(InvalidInputError, match="another circuit"):
        balance_course(circuit, recording)
