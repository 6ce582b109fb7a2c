"""Stochastic resonance: modulated Poisson processes of known ratio, first-passage integrals, and simulated neurons."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import erfcx
from ssnbrian.analysis import stochastic_resonance as module
from ssnbrian.analysis import transfer
from ssnbrian.analysis.interval_variation import interval_variation
from ssnbrian.analysis.stochastic_resonance import adiabatic_signal, optimal_noise, signal_to_noise
from ssnbrian.models.library import find_circuit

from ssnbrian.circuit import InvalidInputError, Recording, Sine
from ssnbrian.circuit.changes import changes
from ssnbrian.engine.simulate import simulate

pytestmark = pytest.mark.xdist_group("stochastic-resonance")

TAU = 0.02


def modulated_poisson(seed, neurons, rate, depth, frequency, duration):
    """Neurons of rate ``rate (1 + depth sin(2 pi f t))`` as a recording, by thinning, which is exact."""
    generator = np.random.default_rng(seed)
    number = generator.poisson(rate * (1 + depth) * duration * neurons)
    times, indices = generator.random(number) * duration, generator.integers(neurons, size=number)
    kept = generator.random(number) * (1 + depth) < 1 + depth * np.sin(2 * np.pi * frequency * times)
    times, indices = times[kept], indices[kept]
    order = np.argsort(times)
    counts = np.bincount(indices, minlength=neurons)
    metadata = {"duration": duration, "status": "completed"}
    spikes = {"E": (times[order], indices[order])}
    return Recording({"E": neurons}, duration, {"E": np.array([len(times)])}, {"E": counts}, {}, metadata, spikes)


@pytest.mark.parametrize(("rate", "depth", "frequency"), [(5, 0.8, 0.5), (20, 0.3, 4.0), (0.5, 1.0, 1.0)])
def test_a_modulated_poisson_process_has_depth_squared_rate_over_four(rate, depth, frequency):
    """Seed 1; line (rate depth/2)^2 over the background rate; within 4 standard errors, which are below 5 %."""
    recording = modulated_poisson(1, 1000, rate, depth, frequency, 40 + 20 / frequency)
    found = signal_to_noise(recording, "E", frequency, start=0.3)
    expected = depth**2 * rate / 4
    assert found.error < 0.05 * expected
    assert abs(found.ratio - expected) < 4 * found.error
    # The density of a Poisson process is its rate; it scatters by one over the root of the number of ordinates.
    ordinates = found.neurons * found.segments * (2 * found.periods - 2)
    assert abs(found.background / rate - 1) < 4 / np.sqrt(ordinates) + 1e-3
    together = signal_to_noise(recording, "E", frequency, start=0.3, of="population", periods=4)
    assert abs(together.ratio - 1000 * expected) < 4 * together.error


@pytest.mark.parametrize("of", ["neurons", "population"])
def test_the_standard_error_is_that_of_repetitions(of):
    """100 repetitions, seeds 0 to 99: deviations over standard errors have mean 0 and spread 1, within 4 s.e. of each.

    The population has 10 segments, so its ratio is Student-like, with a spread of about sqrt(9/7).
    """
    deviations = []
    for seed in range(100):
        recording = modulated_poisson(seed, 40, 4, 0.5, 2.0, 20)
        found = signal_to_noise(recording, "E", 2.0, of=of, periods=4)
        expected = 0.25 * 4 / 4 * (40 if of == "population" else 1)
        deviations.append((found.ratio - expected) / found.error)
    spread = np.std(deviations)
    assert abs(np.mean(deviations)) < 4 * spread / 10
    widest = np.sqrt(9 / 7) if of == "population" else 1.0
    assert 1 - 4 / np.sqrt(200) < spread < widest * (1 + 4 / np.sqrt(200))


def test_without_a_signal_the_ratio_is_zero():
    """Seed 2; within 4 standard errors, below a hundredth of the ratio of a full modulation (5/4 Hz)."""
    found = signal_to_noise(modulated_poisson(2, 1000, 5, 0, 1.0, 64), "E", 3.3)
    assert abs(found.ratio) < 4 * found.error < 0.0125


def test_parts_of_the_neurons_give_the_whole(monkeypatch):
    recording = modulated_poisson(3, 50, 5, 0.5, 1.0, 20)
    whole = signal_to_noise(recording, "E", 1.0)
    monkeypatch.setattr(module, "_MOST_CELLS", 3000)
    assert signal_to_noise(recording, "E", 1.0) == whole


def double_integral(mu, sigma):
    """CV^2 with the two integrals as published, one inside the other."""
    high, low = ((v - mu * TAU) / (sigma * np.sqrt(TAU)) for v in (1, 0))

    def inner(x):
        first = -np.sqrt(x * x + 60) if x < 0 else -9
        return quad(lambda y: np.exp(x * x - y * y) * erfcx(-y) ** 2, first, x, epsabs=0, epsrel=1e-11, limit=200)[0]

    outer = quad(inner, low, high, epsabs=0, epsrel=1e-10, limit=200)[0]
    return 2 * np.pi * (transfer.rate(mu, sigma, TAU) * TAU) ** 2 * outer


@pytest.mark.parametrize(("mu", "sigma"), [(20, 2.7), (45, 0.5), (60, 2), (80, 0.3), (200, 0.1), (20, 0.9), (-20, 3)])
def test_variation_of_the_intervals(mu, sigma):
    assert interval_variation(mu, sigma, TAU) == pytest.approx(double_integral(mu, sigma), rel=1e-8)


def test_variation_of_the_intervals_in_its_limits():
    rare = interval_variation(20, np.array([0.3, 0.1, 0.01, 0.006]), TAU)
    assert rare == pytest.approx(np.ones(4), abs=1e-9)
    # Far beyond threshold the noise perturbs the period T(mu) little: the variance of a first passage with drift
    # (mu - v/tau) is the integral of sigma^2 exp(-2(T - t)/tau)/drift(end)^2 dt, up to terms of relative order sigma^2.
    period = TAU * np.log(4 / 3)
    sigma = np.array([0.1, 0.05])
    variance = sigma**2 * TAU / 2 * (1 - np.exp(-2 * period / TAU)) / (200 - 1 / TAU) ** 2
    deviation = interval_variation(200, sigma, TAU) / (variance / period**2) - 1
    assert np.all(np.abs(deviation) < 1e-4) and deviation[0] / deviation[1] == pytest.approx(4, rel=1e-2)
    # A constant added to all intervals changes their mean alone.
    slower = transfer.rate(30, 3, TAU, refractory=5e-3) / transfer.rate(30, 3, TAU)
    expected = interval_variation(30, 3, TAU) * slower**2
    assert interval_variation(30, 3, TAU, refractory=5e-3) == pytest.approx(expected, rel=1e-10)
    for mu, sigma, said in ((30, 0, "sigma must be positive"), (30, 1e-3, "sigma is too small"), (30, -1, "noise")):
        with pytest.raises(ValueError, match=said):
            interval_variation(mu, sigma, TAU)


def test_a_weak_signal_follows_the_slope_of_the_transfer_function():
    """(A dPhi/dmu)^2/(4 Phi), to second order in A."""
    sigma = np.array([1.5, 3.0, 6.0])
    slope, _ = transfer.rate_derivatives(20, sigma, TAU)
    rate = transfer.rate(20, sigma, TAU)
    poisson = adiabatic_signal(20, 1e-3, sigma, TAU, background="poisson")
    assert poisson.ratio == pytest.approx((1e-3 * slope) ** 2 / (4 * rate), rel=1e-5)
    renewal = adiabatic_signal(20, 1e-3, sigma, TAU)
    assert renewal.ratio == pytest.approx(poisson.ratio / interval_variation(20, sigma, TAU), rel=1e-5)


def test_a_strong_signal_against_quadrature():
    found = adiabatic_signal(20, 12, 2.0, TAU, background="poisson")
    period = (0, 2 * np.pi)
    mean = quad(lambda x: transfer.rate(20 + 12 * np.sin(x), 2.0, TAU), *period, epsrel=1e-11)[0] / (2 * np.pi)
    first = quad(lambda x: np.sin(x) * transfer.rate(20 + 12 * np.sin(x), 2.0, TAU), *period, epsrel=1e-11)[0]
    assert (found.rate, found.background) == pytest.approx((mean, mean), rel=1e-9)
    assert found.harmonic == pytest.approx(first / (2 * np.pi), rel=1e-9)
    assert found.ratio == pytest.approx(found.harmonic**2 / mean, rel=1e-12)


def test_too_little_noise_transmits_nothing():
    """Where the rate underflows so does the ratio; it is 0, not undefined."""
    found = adiabatic_signal(20, 10, np.array([1e-5, 0.1, 2.7]), TAU)
    assert list(found.ratio[:2]) == [0, 0] and found.ratio[2] > 1
    with pytest.raises(ValueError, match="sigma is too small"):
        adiabatic_signal(100, 10, 1e-3, TAU)


def test_the_best_noise_of_a_weak_signal():
    def negative(sigma):
        slope, _ = transfer.rate_derivatives(20, sigma, TAU)
        return -float(slope**2 / (4 * transfer.rate(20, sigma, TAU)))

    expected = minimize_scalar(negative, bounds=(1, 6), method="bounded", options={"xatol": 1e-9})
    sigma, ratio = optimal_noise(20, 1e-2, TAU, background="poisson")
    assert sigma == pytest.approx(expected.x, rel=1e-4)
    assert ratio == pytest.approx(-1e-4 * expected.fun, rel=1e-4)


@pytest.fixture(scope="module")
def simulated(build_cache):
    """Ratios at a slow sine of 0.5 Hz, one run of 1000 neurons for 64 s per sigma, seeds 11, 12, 13."""
    circuit, drive, found = find_circuit("stochastic_resonance"), Sine(20, 10, 0.5, duration=64), {}
    for seed, sigma in ((11, 1.2), (12, 2.7), (13, 8.0)):
        noisy = changes(circuit)["E.sigma"].apply(circuit, f"{sigma} mV/sqrt(s)")
        recording = simulate(noisy, drive, seed=seed, spikes=True, bin_width=10, cache=build_cache)
        found[sigma] = signal_to_noise(recording, "E", 0.5)
    return found


@pytest.mark.parametrize("sigma", [1.2, 2.7, 8.0])
def test_simulated_neurons_keep_the_adiabatic_ratio(simulated, sigma):
    """Within 4 standard errors and 2 (2 pi f tau)^2, 0.8 %, for what a slow signal is not (second order in f)."""
    found, expected = simulated[sigma], float(adiabatic_signal(20, 10, sigma, TAU).ratio)
    slowness = 2 * (2 * np.pi * 0.5 * TAU) ** 2
    assert found.error < 0.05 * expected + 5e-4
    assert abs(found.ratio - expected) < 4 * found.error + slowness * expected


def test_noise_helps_at_an_interior_amplitude_only(simulated):
    """The middle exceeds both ends by more than 5 standard errors, as in theory, whose peak lies between them."""
    low, middle, high = simulated.values()
    for end in (low, high):
        assert middle.ratio - end.ratio > 5 * np.hypot(middle.error, end.error)
    best, ratio = optimal_noise(20, 10, TAU)
    assert 1.2 < best < 8.0
    assert abs(middle.ratio - ratio) < 4 * middle.error + 0.02 * ratio
    # The trains are more regular than Poisson: their background alone would be refused.
    poisson = float(adiabatic_signal(20, 10, 2.7, TAU, background="poisson").ratio)
    assert middle.ratio - poisson > 5 * middle.error


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"frequency": 0}, "positive frequency"),
        ({"frequency": "3 mV"}, "frequency of the signal: expected"),
        ({"periods": 1}, "at least 2 whole periods"),
        ({"of": "E"}, "must be 'neurons' or 'population'"),
        ({"periods": 100}, "give 0 segments of 100 periods"),
        ({"of": "population", "periods": 8}, "needs at least 4 segments"),
        ({"population": "I"}, "no population 'I'"),
        ({"start": 19.9, "frequency": 100}, "has no spikes there in all but one of its 5 neurons"),
        ({"periods": 8.5}, "whole periods"),
    ],
)
def test_wrong_input_is_answered(changed, said):
    recording = modulated_poisson(3, 5, 2, 0.5, 1.0, 20)
    times, indices = recording.spikes["E"]
    recording.spikes["E"] = (times[times < 19.9], indices[times < 19.9])
    with pytest.raises(InvalidInputError, match=said):
        signal_to_noise(**({"recording": recording, "population": "E", "frequency": 1.0} | changed))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: adiabatic_signal(20, 10, 0.0, TAU), "sigma must be positive"),
        (lambda: adiabatic_signal(20, 10, 3.0, -TAU), "membrane time constant"),
        (lambda: adiabatic_signal(20, 10, 3.0, TAU, background="white"), "must be 'renewal' or 'poisson'"),
        (lambda: optimal_noise(45, 10, TAU), "below threshold"),
        (lambda: optimal_noise(20, 10, TAU, limits=(4, 8)), "widen the limits"),
    ],
)
def test_theory_refuses_what_has_no_answer(call, said):
    with pytest.raises(ValueError, match=said):
        call()
