"""Measures of Markov runs against runs made with known rates, volleys, spectra and closed curves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.signal import lfilter
from scipy.special import ellipe
from scipy.stats import norm
from ssnbrian.analysis.markov.attractor_geometry import Plane, attractor_distance, common_edges, occupation
from ssnbrian.analysis.markov.figures import attractor_figure, peak_scan_figure
from ssnbrian.analysis.markov.measures import mean_rates, measure
from ssnbrian.analysis.markov.peak_scan import scan_distance, scan_peaks
from ssnbrian.analysis.markov.periods import repetition
from ssnbrian.analysis.markov.run import MarkovRun
from ssnbrian.analysis.markov.spectral_peaks import spectral_peak
from ssnbrian.analysis.markov.synchrony_index import synchrony
from ssnbrian.analysis.markov.volleys import PeakRule, Volleys, find_volleys

from ssnbrian.circuit import InvalidInputError

SIZE = 300
PERIOD = 0.0163  # s, no whole number of bins
WIDTH = 0.0015  # s, standard deviation of the times of a volley's spikes


def run_of(rates, dt=1e-3, deterministic=True, pending=None, sizes=None) -> MarkovRun:
    rates = np.atleast_2d(np.asarray(rates, float))
    n, bins = rates.shape
    pending = np.zeros((n, n, bins)) if pending is None else pending
    sizes = np.full(n, float(SIZE)) if sizes is None else np.asarray(sizes, float)
    return MarkovRun(("E", "I", "X")[:n], sizes, dt, rates, pending, deterministic)


def volley_run(sizes, dt=1e-3, background=0.0, deterministic=True, times=None) -> MarkovRun:
    """Gaussian volleys of ``sizes`` spikes per neuron, one per PERIOD, over a constant background (Hz)."""
    times = (np.arange(len(sizes)) + 0.5) * PERIOD if times is None else times
    edges = np.arange(round(len(sizes) * PERIOD / dt) + 1) * dt
    spikes = np.diff(sum(s * norm.cdf(edges, t, WIDTH) for s, t in zip(sizes, times, strict=True)))
    return run_of(spikes / dt + background, dt, deterministic)


def closed_curve(horizontal, vertical, deterministic=True) -> MarkovRun:
    pending = np.zeros((2, 2, len(horizontal)))
    pending[0, 0], pending[0, 1] = horizontal, vertical
    return run_of(np.ones((2, len(horizontal))), deterministic=deterministic, pending=pending)


def circle(radius, angles, x=0.0, y=0.0, deterministic=True) -> MarkovRun:
    return closed_curve(x + radius * np.cos(angles), y + radius * np.sin(angles), deterministic)


TURNS = np.linspace(0, 2 * np.pi, 2000, endpoint=False)


class TestSynchrony:
    def test_all_neurons_together(self) -> None:
        rates = np.zeros(1000)
        rates[::20] = 1 / 1e-3
        assert synchrony(run_of(rates)).index == pytest.approx(1.0, rel=1e-12)

    def test_a_constant_rate_is_rate_times_window(self) -> None:
        for window, width in ((1e-3, 1e-3), (1.9e-3, 1e-3), (2e-3, 3e-3), (3e-3, 3e-3)):
            found = synchrony(run_of(np.full(1000, 40.0)), window=window)
            assert found.width == pytest.approx(width)
            assert found.index == pytest.approx(40 * width, rel=1e-12)
            assert found.independent == pytest.approx(40 * width, rel=1e-12)

    def test_independent_poisson_neurons(self) -> None:
        """Seed 1; 200 s of 300 neurons at 40 Hz; 4 standard errors of about 1e-4."""
        counts = np.random.default_rng(1).poisson(SIZE * 40 * 1e-3, 200_000)
        found = synchrony(run_of(counts / SIZE / 1e-3, deterministic=False))
        assert found.independent == pytest.approx(40e-3 + 1 / SIZE, rel=2e-3)
        assert 0 < found.standard_error < 5e-4
        assert abs(found.index - (40e-3 + 1 / SIZE)) < 4 * found.standard_error

    @pytest.mark.parametrize(("dt", "reach"), [(1e-3, 0), (1e-3, 1), (1e-4, 5)])
    def test_gaussian_volleys(self, dt: float, reach: int) -> None:
        """Spikes of a volley are N(0, 2 width**2) apart; at a lag, min(1, reach + 1 - lag/dt) fall into the window."""
        size, deviation = 0.8, np.sqrt(2) * WIDTH
        inner = 2 * norm.cdf(reach * dt, 0, deviation) - 1
        outer, _ = quad(
            lambda lag: 2 * (reach + 1 - lag / dt) * norm.pdf(lag, 0, deviation), reach * dt, (reach + 1) * dt
        )
        found = synchrony(volley_run([size] * 400, dt), window=max(1.0, 2 * reach) * dt)
        assert found.index == pytest.approx(size * (inner + outer), rel=2e-3)

    def test_narrow_bins_give_the_window_itself(self) -> None:
        """Of a spike at the centre of a volley's window: P(|lag| < window/2) of N(0, 2 width**2)."""
        known = 0.8 * (2 * norm.cdf(0.5e-3, 0, np.sqrt(2) * WIDTH) - 1)
        found = [synchrony(volley_run([0.8] * 100, dt)) for dt in (1e-4, 1e-5)]
        assert found[1].index == pytest.approx(known, rel=0.012)
        assert found[0].index / found[1].index == pytest.approx(found[0].width / found[1].width, rel=2e-3)

    def test_refusals(self) -> None:
        for window in (0.5e-3, 0.2, np.nan):
            with pytest.raises(InvalidInputError, match="at least one bin"):
                synchrony(run_of(np.ones(100)), window=window)
        with pytest.raises(InvalidInputError, match="no spike"):
            synchrony(run_of(np.zeros(100)))
        with pytest.raises(InvalidInputError, match="no population 'Q'"):
            synchrony(run_of(np.ones(100)), "Q")


class TestVolleys:
    @pytest.mark.parametrize("dt", [1e-3, 2.5e-4])
    def test_times_sizes_widths(self, dt: float) -> None:
        sizes = np.tile([0.9, 0.5, 0.7], 40)
        found = find_volleys(volley_run(sizes, dt))
        assert len(found) == len(sizes) - 2
        known = (np.arange(len(sizes)) + 0.5)[1:-1] * PERIOD
        # three bins of 1 ms and a parabola for a Gaussian of 1.5 ms
        assert np.abs(found.times - known).max() < 0.05 * WIDTH
        assert np.abs(found.sizes - sizes[1:-1]).max() < 1e-6
        width = 2 * np.sqrt(2 * np.log(2) * (WIDTH**2 + dt**2 / 12 + max(dt, 1e-3) ** 2 / 12 * (dt < 1e-3)))
        assert found.durations.mean() == pytest.approx(width, rel=0.03)
        assert found.intervals.mean() == pytest.approx(PERIOD, rel=1e-3)

    def test_every_spike_belongs_to_one_volley(self) -> None:
        run = volley_run(np.tile([0.9, 0.5], 60), background=8.0)
        found = find_volleys(run)
        first, last = found.borders[0], found.borders[-1]
        cumulated = np.concatenate(([0.0], np.cumsum(run.rates[0]) * run.dt))
        between = np.diff(np.interp([first, last], np.arange(len(cumulated)) * run.dt, cumulated))[0]
        assert found.sizes.sum() == pytest.approx(between, rel=1e-12)

    def test_peak_rule(self) -> None:
        run = volley_run(np.tile([0.9, 0.1], 60))
        highest = find_volleys(run, rule=PeakRule(height=100.0))
        assert highest.intervals.mean() == pytest.approx(2 * PERIOD, rel=1e-3)
        assert find_volleys(run, rule=PeakRule(distance=0.02)).intervals.min() >= 0.02
        assert len(find_volleys(run_of(np.full(1000, 50.0)))) == 0
        with pytest.raises(InvalidInputError, match="distance"):
            PeakRule(distance=-1.0)


def sequence(sizes, intervals=None) -> Volleys:
    sizes = np.asarray(sizes, float)
    gaps = np.full(len(sizes), PERIOD) if intervals is None else np.asarray(intervals, float)
    times = np.cumsum(gaps)
    return Volleys("E", times, 100 * sizes, sizes, np.full(len(sizes), 3e-3), np.append(times - gaps / 2, times[-1]))


class TestPeriod:
    @pytest.mark.parametrize("pattern", [(0.7,), (0.9, 0.5), (0.9, 0.5, 0.7), (0.9, 0.5, 0.8, 0.6)])
    def test_of_a_deterministic_run(self, pattern: tuple[float, ...]) -> None:
        """The bins are no divisor of the period, so that every volley lies differently on them."""
        found = repetition(find_volleys(volley_run(pattern * (96 // len(pattern)), background=5.0)), True)
        assert found.volleys == len(pattern)
        assert found.duration == pytest.approx(len(pattern) * PERIOD, rel=1e-3)

    def test_equal_sizes_have_no_correlation(self) -> None:
        found = repetition(sequence(0.7 + 1e-6 * np.sin(np.arange(100))), True)
        assert found.volleys == 1 and np.all(np.isnan(found.correlations))

    def test_nothing_repeats(self) -> None:
        golden = 0.6 + 0.2 * np.sin(2 * np.pi * np.arange(200) * (np.sqrt(5) - 1) / 2)
        found = repetition(sequence(golden), True)
        assert found.volleys is None and "do not repeat" in found.reason

    def test_alternation_in_noise(self) -> None:
        """x = +-a + noise: the correlation at lag k is (-1)**k a²/(a² + s²).

        Seed 2; 4/sqrt(2000), of independent values.
        """
        a, s, number = 0.2, 0.1, 2000
        noise = s * np.random.default_rng(2).standard_normal(number)
        found = repetition(sequence(0.7 + a * (-1.0) ** np.arange(number) + noise), False)
        assert found.volleys == 2
        known = (-1.0) ** np.arange(1, 9) * a**2 / (a**2 + s**2)
        assert np.abs(found.correlations - known).max() < 4 / np.sqrt(number)

    def test_memory_that_fades_is_no_period(self) -> None:
        """x' = -0.6 x + noise: the correlation at lag 2 is 0.36, below a half. Seed 3; 4 standard errors."""
        number = 2000
        rest = lfilter([1.0], [1.0, 0.6], np.random.default_rng(3).standard_normal(number))
        found = repetition(sequence(0.7 + 0.08 * rest), False)
        assert found.volleys == 1
        assert np.all(found.standard_errors < 0.06)
        assert np.all(np.abs(found.correlations[:2] - [-0.6, 0.36]) < 4 * found.standard_errors[:2])

    def test_no_rhythm(self) -> None:
        """Seed 4: exponential intervals have a coefficient of variation of 1."""
        generator = np.random.default_rng(4)
        sizes = 0.7 + 0.05 * generator.standard_normal(500)
        found = repetition(sequence(sizes, generator.exponential(0.02, 500)), False)
        assert found.volleys is None and "no rhythm" in found.reason

    def test_drift(self) -> None:
        found = repetition(sequence(0.7 + 0.2 * np.sin(np.arange(500) / 40)), False)
        assert found.volleys is None and "drift" in found.reason

    def test_peaks_of_independent_neurons_are_no_volleys(self) -> None:
        """Seed 12: Poisson neurons at 40 Hz, then at 10 Hz with volleys of 0.4 spikes each on top."""
        times = (np.arange(400) + 0.5) * PERIOD
        expected = volley_run([0.4] * 400, background=10.0, times=times).counts[0]
        generator = np.random.default_rng(12)
        for mean, volleys in ((SIZE * 0.04, None), (expected, 1)):
            counts = generator.poisson(mean, len(expected))
            run = run_of(counts / SIZE / 1e-3, deterministic=False)
            found = measure(run).period
            assert found.volleys == volleys
            assert ("no volleys" in found.reason) == (volleys is None)

    def test_too_few(self) -> None:
        found = repetition(sequence([0.7] * 10), True)
        assert found.volleys is None and "too few" in found.reason
        with pytest.raises(InvalidInputError, match="tolerance"):
            repetition(sequence([0.7] * 100), True, tolerance=0.0)


class TestSpectralPeak:
    def test_of_a_periodic_rate(self) -> None:
        run = volley_run([0.8] * 200)
        found = spectral_peak(run)
        assert found is not None and found.standard_error == 0
        assert found.frequency == pytest.approx(1 / PERIOD, rel=2e-4)

    def test_of_noise_with_a_known_spectrum(self) -> None:
        """AR(2) with poles r exp(+-i phi): the spectrum is largest where cos w = (1 + r²)/(2 r) cos phi.

        Seed 5, 400 s; 4 standard errors, and 0.3 Hz for the window and the parabola through the upper half.
        """
        radius, phi, dt = 0.95, 2 * np.pi * 55e-3, 1e-3
        known = np.arccos((1 + radius**2) / (2 * radius) * np.cos(phi)) / (2 * np.pi * dt)
        noise = np.random.default_rng(5).standard_normal(400_000)
        rate = 30 + lfilter([1.0], [1.0, -2 * radius * np.cos(phi), radius**2], noise)
        found = spectral_peak(run_of(rate, dt, deterministic=False))
        assert found is not None and 0.02 < found.standard_error < 1.0
        assert abs(found.frequency - known) < 4 * found.standard_error + 0.3

    def test_noise_has_no_peak(self) -> None:
        """Seeds 20 to 39, 6 s of Poisson neurons each: of 75 frequencies none is 4 standard errors too high."""
        for seed in range(20, 40):
            counts = np.random.default_rng(seed).poisson(SIZE * 0.04, 6000)
            assert spectral_peak(run_of(counts / SIZE / 1e-3, deterministic=False)) is None

    def test_none_and_refusals(self) -> None:
        assert measure(volley_run([0.8] * 60, deterministic=False).after(0.9)).spectral_peak is None
        with pytest.raises(InvalidInputError, match="wider band"):
            spectral_peak(volley_run([0.8] * 60), band=(50.0, 51.0))
        assert spectral_peak(run_of(np.full(1000, 24.0))) is None
        with pytest.raises(InvalidInputError, match="too short"):
            spectral_peak(run_of(np.ones(1000), deterministic=False))


class TestMeasure:
    def test_rates_over_whole_periods(self) -> None:
        """A run that ends within a period: its plain mean is too large, as 5 silent bins of 652 are missing."""
        run = volley_run([0.9, 0.5] * 20)
        cut = MarkovRun(run.names, run.sizes, run.dt, run.rates[:, :-5], run.pending[:, :, :-5], True)
        found = measure(cut)
        assert found.rates["E"] == pytest.approx(0.7 / PERIOD, rel=2e-4)
        assert abs(cut.rates.mean() / (0.7 / PERIOD) - 1) > 6e-3
        assert found.standard_errors == {"E": 0.0}
        assert found.period.volleys == 2

    def test_rates_of_poisson_neurons(self) -> None:
        """Seed 6, 20 s at 40 and 10 Hz; standard error sqrt(rate/(N T)) within a half, 4 of them."""
        means, generator = np.array([40.0, 10.0]), np.random.default_rng(6)
        counts = generator.poisson(SIZE * means[:, None] * 1e-3, (2, 20_000))
        rates, errors = mean_rates(run_of(counts / SIZE / 1e-3, deterministic=False))
        for name, mean in zip("EI", means, strict=True):
            known = np.sqrt(mean / SIZE / 20)
            assert known / 2 < errors[name] < 2 * known
            assert abs(rates[name] - mean) < 4 * known

    def test_silent_population(self) -> None:
        rates = np.vstack([volley_run([0.8] * 60).rates[0], np.zeros(round(60 * PERIOD / 1e-3))])
        assert set(measure(run_of(rates)).synchrony) == {"E"}


class TestAttractors:
    @pytest.mark.parametrize(("radius", "other"), [(1.0, 2.0), (1.0, 1.1), (3.0, 2.9)])
    def test_concentric_circles(self, radius: float, other: float) -> None:
        """E|X - Y| of circles is 2 (r + R)/pi times the complete elliptic integral of m = 4 r R/(r + R)²."""
        between = 2 * (radius + other) / np.pi * ellipe(4 * radius * other / (radius + other) ** 2)
        known = np.sqrt(1 - (4 * radius / np.pi + 4 * other / np.pi) / (2 * between))
        # unpaired points on a grid of angles: their mean distance is too large by 1 part in 2000
        found = attractor_distance(circle(radius, TURNS), circle(other, TURNS + 0.001))
        assert found.energy**2 == pytest.approx(known**2, abs=6e-4)
        assert found.gyration == pytest.approx(other, rel=1e-9)
        nearest = np.sqrt((radius - other) ** 2 + 2 * radius * other * (1 - np.cos(0.001)))
        assert found.deviation == pytest.approx(nearest / other, rel=1e-9)

    def test_moved_turned_and_scaled(self) -> None:
        x, y = circle(1.0, TURNS, 0.3), circle(1.0, TURNS)
        turn = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]]) * 40

        def moved(run: MarkovRun) -> MarkovRun:
            return closed_curve(*(turn @ run.pending[0, [0, 1]] + 7.0))

        before, after = attractor_distance(x, y), attractor_distance(moved(x), moved(y))
        assert after.energy == pytest.approx(before.energy, rel=1e-9)
        assert after.deviation == pytest.approx(before.deviation, rel=1e-9)

    def test_equal_distributions_at_any_length(self) -> None:
        """Seed 7: uniform angles, 400 to 40000 points; the square within 4 of its standard errors of 0."""
        generator = np.random.default_rng(7)
        for number in (400, 4000, 40_000):
            cloud = circle(1.0, generator.uniform(0, 2 * np.pi, number), deterministic=False)
            found = attractor_distance(cloud, circle(1.0, TURNS))
            assert found.energy**2 < 4 * found.standard_error + 1e-3
            assert found.deviation < 2e-3

    def test_length_of_sampling(self) -> None:
        """Seed 8: a ring of radius 1 with noise around a circle of radius 1.5, 4 standard errors of both."""
        generator, found = np.random.default_rng(8), []
        for number in (1000, 30_000):
            radius = 1 + 0.1 * generator.standard_normal(number)
            ring = circle(radius, generator.uniform(0, 2 * np.pi, number), deterministic=False)
            found.append(attractor_distance(ring, circle(1.5, TURNS)))
        short, long = found
        assert abs(short.energy**2 - long.energy**2) < 4 * np.hypot(short.standard_error, long.standard_error)
        # the mean of |1.5 - radius| is 0.5 but for 1e-6 of the normal distribution
        assert short.deviation == pytest.approx(0.5 / 1.5, abs=4 * 0.1 / 1.5 / np.sqrt(1000))
        assert attractor_distance(circle(1.5, TURNS), ring).deviation is None

    def test_two_points(self) -> None:
        moving = circle(1.0, TURNS)
        with pytest.raises(InvalidInputError, match="neither run moves"):
            attractor_distance(circle(0.0, TURNS), circle(0.0, TURNS, 1.0))
        assert attractor_distance(moving, circle(0.0, TURNS)).deviation is None

    def test_occupation_is_a_density(self) -> None:
        """Seed 9: uniform in a square; every bin of 6 by 6 within 5 standard errors of 1/area."""
        x, y = np.random.default_rng(9).uniform(0, 4, (2, 50_000))
        run = closed_curve(x, y, deterministic=False)
        edges = (np.linspace(0, 4, 7), np.linspace(0, 4, 7))
        density = occupation(run, edges)
        assert np.abs(density - 1 / 16).max() < 5 * (1 / 16) * np.sqrt(36 / 50_000)
        own = common_edges([run])
        area = np.outer(np.diff(own[0]), np.diff(own[1]))
        assert (occupation(run, own) * area).sum() == pytest.approx(1.0, rel=1e-12)

    def test_planes(self) -> None:
        with pytest.raises(InvalidInputError, match="no population 'Q'"):
            attractor_distance(circle(1.0, TURNS), circle(1.0, TURNS), Plane(vertical="Q"))


def logistic_run(growth: float, noise: float = 0.0) -> MarkovRun:
    """Volleys whose sizes follow x' = growth x (1 - x) after a transient; seed 10 for the noise of their heights."""
    x, sizes = 0.3, []
    for step in range(460):
        x = growth * x * (1 - x)
        if step >= 400:
            sizes.append(x)
    errors = noise * np.random.default_rng(10).standard_normal(len(sizes))
    return volley_run(np.array(sizes) + errors, dt=1e-4, deterministic=noise == 0)


class TestScans:
    VALUES = (2.6, 2.8, 3.2, 3.4, 3.5)

    def test_period_doubling_of_a_map(self) -> None:
        """The two states of the doubled cycle differ by sqrt((growth - 3)(growth + 1))/growth."""
        scan = scan_peaks(logistic_run, self.VALUES)
        assert [one.volleys for one in scan.periods] == [1, 1, 2, 2, 4]
        bins = np.arange(-0.5e-3, 0.6e-3, 1e-4)  # 1 ms of smoothing
        height = np.diff(norm.cdf(bins, 0, WIDTH)).sum() / 1e-3
        for growth, differences in zip(self.VALUES, scan.samples("height_differences"), strict=True):
            if growth < 3.45:
                known = np.sqrt(max(0.0, growth - 3) * (growth + 1)) / growth * height
                assert np.abs(differences) == pytest.approx(known, abs=2e-3 * height)
        for intervals in scan.samples("intervals"):
            assert intervals == pytest.approx(PERIOD, abs=2e-5)

    def test_distance_and_histograms(self) -> None:
        scan, other = (scan_peaks(lambda g, s=s: logistic_run(g, s), self.VALUES) for s in (0.0, 0.01))
        distances = scan_distance(scan, other, "height_differences")
        assert np.all(distances > 0) and np.all(distances < 10)
        assert scan_distance(scan, scan, "intervals") == pytest.approx(0.0, abs=1e-15)
        parts = scan.histograms("height_differences", np.linspace(-1e4, 1e4, 8))
        assert parts.shape == (5, 7) and parts.sum(axis=1) == pytest.approx(1.0)
        with pytest.raises(InvalidInputError, match="same values"):
            scan_distance(scan, scan_peaks(logistic_run, [2.6]), "intervals")
        with pytest.raises(InvalidInputError, match="quantity"):
            scan.samples("heights")

    def test_discarding(self) -> None:
        with pytest.raises(InvalidInputError, match="not longer"):
            scan_peaks(logistic_run, [2.6], discard=100.0)


class TestFigures:
    def test_are_written(self, tmp_path) -> None:
        scans = {one: scan_peaks(lambda g, s=s: logistic_run(g, s), (2.6, 3.2)) for one, s in (("a", 0.0), ("b", 0.02))}
        for quantity in ("height_differences", "intervals"):
            peak_scan_figure(scans, tmp_path / f"{quantity}.png", "growth", quantity)
        cloud = circle(1.0, np.random.default_rng(11).uniform(0, 2 * np.pi, 3000), deterministic=False)
        attractor_figure({"network": cloud, "ODE": circle(1.2, TURNS)}, tmp_path / "attractors.png")
        written = {one.name for one in tmp_path.iterdir() if one.stat().st_size > 10_000}
        assert written == {"height_differences.png", "intervals.png", "attractors.png"}

    def test_refusals(self, tmp_path) -> None:
        silent = scan_peaks(lambda value: run_of(np.zeros(1000)), [1.0, 2.0])
        assert all(one.volleys is None for one in silent.periods)
        with pytest.raises(InvalidInputError, match="at least two values"):
            peak_scan_figure({"silent": silent}, tmp_path / "a.png")
        with pytest.raises(InvalidInputError, match="at least one run"):
            attractor_figure({}, tmp_path / "a.png")
        with pytest.raises(InvalidInputError, match="cannot write"):
            attractor_figure({"ODE": circle(1.0, TURNS)}, tmp_path / "nowhere" / "a.png")
