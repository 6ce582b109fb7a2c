"""Networks of pending kicks and their differential equations side by side, and where the equations fail.

Usage: python scripts/figures/markov.py [--quick] [--out FOLDER]
A: rates of E. B: attractors. C: a period doubling. D: error of the equations over the number of neurons, N P fixed,
beside the same equations with whole numbers of neurons and beside the linear mean field. Integer kicks in A, B and D
(event by event), conductances in C (steps of 0.1 ms). The full version takes some three minutes of one core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from paper_figure import Numbers, Settings, run_figure
from scipy.ndimage import uniform_filter1d
from ssnbrian.analysis.markov import (
    AttractorDistance,
    MarkovNetwork,
    MarkovRun,
    PeakScan,
    RunMeasures,
    attractor_distance,
    linear_rates,
    measure,
    network_of,
    run_equations,
    run_network,
    scan_distance,
    scan_peaks,
    simulate_counts,
)
from ssnbrian.analysis.markov.attractor_geometry import common_edges, occupation, trajectory
from ssnbrian.models.library import find_circuit

REGIMES = {"Hom": "kicks", "Reg": "kicks_regular", "Sync": "kicks_synchronous"}
# E and I, Hz: measured on networks of 300/100 by independent programs, without standard errors.
KNOWN = {"Hom": (23.27, 54.55), "Reg": (25.58, 56.90), "Sync": (33.28, 61.61)}
# E and I, Hz, of the stationary state, which does not depend on the decay times.
STATIONARY = (24.4269, 55.5326)
NEURONS = 400
BIN = 2e-4  # s; five bins are the window of the synchrony index, 1 ms
STEP = 1e-4  # s, of the conductance network and its equations
TRANSIENT = 0.3  # s
SETTLING = 0.5  # s, of the equations of kicks: without noise they ring for longer
COLORS = {"network": "0.25", "equations": "C3", "population counts": "C0", "linear mean field": "C2"}
STYLES = {"Hom": ("o", "-"), "Sync": ("s", "--")}


@dataclass(frozen=True)
class Plan:
    """How much is simulated: seconds of integer kicks by the number of neurons, of the equations, and of the scan."""

    seconds: Mapping[int, float]
    equations: float
    values: np.ndarray
    scanned: float

    @classmethod
    def of(cls, quick: bool) -> Plan:
        """The short or the full one."""
        if quick:
            return cls({400: 1.2, 1600: 0.5}, 0.4, np.linspace(0.6, 0.9, 4), 0.6)
        return cls({400: 10.0, 1000: 5.0, 4000: 3.0}, 2.5, np.linspace(0.5, 1, 51), 1.0)


class Kicks:
    """Runs of integer kicks without their transients, each simulated once, and what is measured of them."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.plan, self.settings = plan, settings
        self._runs: dict[tuple[str, str, int], MarkovRun] = {}

    def model(self, regime: str, neurons: int = NEURONS) -> MarkovNetwork:
        """The network of a regime with N P fixed."""
        return network_of(find_circuit(REGIMES[regime])).scaled(neurons / NEURONS)

    def run(self, kind: str, regime: str, neurons: int = NEURONS) -> MarkovRun:
        """``kind``: network, equations or population counts."""
        key = (kind, regime, neurons)
        if key not in self._runs:
            self._runs[key] = self._simulated(*key).after(SETTLING if kind == "equations" else TRANSIENT)
        return self._runs[key]

    def _simulated(self, kind: str, regime: str, neurons: int) -> MarkovRun:
        model, seed = self.model(regime, neurons), self.settings.seed
        if kind == "equations":
            return run_equations("kicks", model, _whole(SETTLING + self.plan.equations, BIN), BIN)
        seconds = _whole(TRANSIENT + self.plan.seconds[neurons], BIN)
        if kind == "network":
            return run_network("kicks", model, seconds, seed, BIN)
        return simulate_counts(model, seconds, seed, bin=BIN)

    def measured(self, kind: str, regime: str, neurons: int = NEURONS) -> RunMeasures:
        """Rates, synchrony and rhythm."""
        return measure(self.run(kind, regime, neurons))


def _whole(duration: float, width: float) -> float:
    return round(duration / width) * width


def own_spike(measured: RunMeasures, run: MarkovRun) -> float:
    """Synchrony index of E without the part of a neuron's own spike, which depends on N alone."""
    return measured.synchrony["E"].index - (0.0 if run.deterministic else 1 / run.sizes[0])


def courses(axes, kicks: Kicks, numbers: Numbers) -> None:
    """A: the end of the runs of all regimes, smoothed over 1 ms; their phases are not to be compared."""
    shown, width = round(0.2 / BIN), round(1e-3 / BIN)
    for axis, regime in zip(axes, REGIMES, strict=True):
        for kind in ("network", "equations"):
            rate = uniform_filter1d(kicks.run(kind, regime).rates[0], width)[-shown:]
            axis.plot(np.arange(shown) * BIN * 1000, rate, color=COLORS[kind], lw=1, label=kind)
        axis.set(xlabel="time (ms)", title=f"A: {regime}, network of {NEURONS}", ylim=(0, None))
        _regime_numbers(kicks, regime, numbers)
    axes[0].set_ylabel("rate of E (Hz)")
    axes[0].legend(frameon=False, fontsize=8, loc="upper right")


def _regime_numbers(kicks: Kicks, regime: str, numbers: Numbers) -> None:
    network, equations = (kicks.measured(kind, regime) for kind in ("network", "equations"))
    for k, name in enumerate("EI"):
        rate, error = network.rates[name], network.standard_errors[name]
        # The known rate has a sampling error like ours.
        numbers.measured(f"A: {regime}, rate of {name}, N = {NEURONS}", "Hz", rate, error, KNOWN[regime][k],
                         4 * (np.sqrt(2) - 1) * error,
                         note="expected: independent program; 4 s.e. of the difference")  # fmt: skip
        if regime != "Sync":
            numbers.holds(f"A: {regime}, rate of {name}, equations", "Hz", equations.rates[name],
                          STATIONARY[k] - 0.01, STATIONARY[k] + 0.01, note="stationary state")  # fmt: skip
    for kind, found in (("network", network), ("equations", equations)):
        index, peak = found.synchrony["E"], found.spectral_peak
        numbers.shown(f"A: {regime}, synchrony index, {kind}", "1", index.index, error=index.standard_error,
                      note=f"independent neurons: {index.independent:.4f}")  # fmt: skip
        # Equations that settle at a stationary state ring until then.
        if peak is not None and not (kind == "equations" and found.period.volleys is None):
            numbers.shown(f"A: {regime}, spectral peak, {kind}", "Hz", peak.frequency, error=peak.standard_error)


def attractors(axes, kicks: Kicks, numbers: Numbers) -> None:
    """B: where the mean numbers of kicks pending at E stay in the synchronous regime."""
    sizes = list(kicks.plan.seconds)[:: len(kicks.plan.seconds) - 1]
    equations = kicks.run("equations", "Sync")
    runs = {f"network of {size}": kicks.run("network", "Sync", size) for size in sizes} | {"equations": equations}
    edges, cycle = common_edges(list(runs.values())), trajectory(equations)
    densities = {title: occupation(run, edges) for title, run in runs.items()}
    top, distances = max(one.max() for one in densities.values()), []
    for axis, (title, density) in zip(axes, densities.items(), strict=True):
        mesh = axis.pcolormesh(*edges, np.ma.masked_equal(density.T, 0), cmap="viridis_r", norm=LogNorm(top / 1e3, top))
        text = f"B: Sync, {title}"
        if title != "equations":
            axis.plot(*cycle.T, ".", ms=1, color=COLORS["equations"], label="equations")
            axis.legend(frameon=False, fontsize=8, markerscale=6, loc="lower right")
            distances.append(attractor_distance(runs[title], equations))
            text += f"\ndistance {distances[-1].energy:.3f}"
            _distance_numbers(title, distances[-1], numbers)
        axis.set_title(text, fontsize=10)
        axis.set_xlabel("pending kicks at E from E")
    axes[0].set_ylabel("pending kicks at E from I")
    axes[-1].figure.colorbar(mesh, ax=axes[-1], label="occupation density")
    far, near = distances
    apart = (far.energy**2 - near.energy**2) / np.hypot(far.standard_error, near.standard_error)
    numbers.holds(f"B: squared distance, {sizes[0]} farther than {sizes[1]} by", "s.e.", apart, low=2)


def _distance_numbers(title: str, distance: AttractorDistance, numbers: Numbers) -> None:
    numbers.shown(f"B: squared energy distance, {title} to equations", "1", distance.energy**2,
                  error=distance.standard_error, note="0 equal, 1 two points")  # fmt: skip
    numbers.shown(f"B: mean distance from the cycle, {title}", "gyration", distance.deviation)


def scan(axes, settings: Settings, plan: Plan, numbers: Numbers) -> None:
    """C: successive peaks of the smoothed rate of E along p_EI, of the conductance network and of its equations."""
    model = network_of(find_circuit("conductance"))
    kinds: dict[str, Callable[[MarkovNetwork], MarkovRun]] = {
        "equations": lambda given: run_equations("conductance", given, _whole(TRANSIENT + plan.scanned, STEP), STEP),
        "network": lambda given: run_network(
            "conductance", given, _whole(TRANSIENT + plan.scanned, STEP), settings.seed, STEP
        ),
    }
    scans, measures = {}, {}
    for kind, simulated in kinds.items():
        found: list[RunMeasures] = []

        def run_at(value: float, kind=kind, simulated=simulated, found=found) -> MarkovRun:
            settings.progress(f"C: {kind}", len(found) / len(plan.values))
            probabilities = np.array(model.probabilities)
            probabilities[model.index("E"), model.index("I")] = value
            run = simulated(replace(model, probabilities=probabilities))
            found.append(measure(run.after(TRANSIENT)))
            return run

        scans[kind], measures[kind] = scan_peaks(run_at, plan.values, discard=TRANSIENT), found
    _draw_scans(axes[:2], scans)
    _draw_synchrony(axes[2], plan.values, measures)
    _scan_numbers(plan.values, scans, measures, numbers)


def _draw_scans(axes, scans: Mapping[str, PeakScan]) -> None:
    every = np.concatenate([one for scan in scans.values() for one in scan.samples("height_differences")])
    limit = 1.1 * np.abs(every).max()
    edges = np.linspace(-limit, limit, 62)
    for axis, (kind, found) in zip(axes, scans.items(), strict=True):
        values = found.values
        borders = np.append(values, 2 * values[-1] - values[-2]) - 0.5 * (values[1] - values[0])
        shown = np.ma.masked_equal(found.histograms("height_differences", edges).T, 0)
        mesh = axis.pcolormesh(borders, edges, shown, cmap="viridis_r", vmin=0, vmax=0.5)
        axis.set(xlabel="p_EI", title=f"C: conductances, {kind}")
    axes[0].set_ylabel("difference of successive peaks (Hz)")
    axes[1].sharey(axes[0])
    axes[1].figure.colorbar(mesh, ax=axes[1], label="part of the peaks", extend="max")


def _draw_synchrony(axis, values: np.ndarray, measures: Mapping[str, list[RunMeasures]]) -> None:
    for kind, found in measures.items():
        indices = [one.synchrony["E"] for one in found]
        axis.errorbar(values, [one.index for one in indices], [one.standard_error for one in indices], fmt=".-",
                      ms=4, lw=1, color=COLORS[kind], label=kind)  # fmt: skip
    axis.set(xlabel="p_EI", ylabel="synchrony index of E", title="C: synchrony", ylim=(0, None))
    axis.legend(frameon=False, fontsize=8)


def _scan_numbers(values: np.ndarray, scans, measures, numbers: Numbers) -> None:
    for value, period in ((0.7, 1), (0.8, 2)):
        at = int(np.argmin(np.abs(values - value)))
        for kind, found in scans.items():
            seen = found.periods[at].volleys
            here = np.nan if seen is None else seen
            numbers.holds(f"C: period at p_EI = {value}, {kind}", "volleys", here, period, period)
        index, theory = (measures[kind][at].synchrony["E"] for kind in ("network", "equations"))
        excess = (theory.index - index.index) / index.standard_error
        numbers.holds(f"C: the equations' synchrony above the network's at {value} by", "s.e.", excess, low=2,
                      note=f"{theory.index:.3f} and {index.index:.3f}: they over-synchronise")  # fmt: skip
        rate = measures["network"][at]
        numbers.shown(f"C: error of the equations' rate of E at {value}", "%",
                      100 * (measures["equations"][at].rates["E"] / rate.rates["E"] - 1),
                      error=100 * rate.standard_errors["E"] / rate.rates["E"])  # fmt: skip
    for kind, found in scans.items():
        double = [value for value, one in zip(values, found.periods, strict=True) if one.volleys == 2]
        low, high = (0.7, 0.8 + 1e-9) if kind == "equations" else (-np.inf, np.inf)
        numbers.holds(f"C: lowest p_EI with period 2, {kind}", "1", min(double, default=np.nan), low, high)
    distance = scan_distance(scans["equations"], scans["network"], "height_differences")
    numbers.shown("C: median Wasserstein distance of the height differences", "Hz", np.nanmedian(distance))


def errors_over_size(axes, kicks: Kicks, numbers: Numbers) -> None:
    """D: what the theories get wrong of the rate of E, and the synchrony, over the number of neurons."""
    sizes = list(kicks.plan.seconds)
    for axis, regime in zip(axes, ("Hom", "Sync"), strict=False):
        networks = [kicks.measured("network", regime, size) for size in sizes]
        truth = np.array([one.rates["E"] for one in networks])
        truth_error = np.array([one.standard_errors["E"] for one in networks]) / truth
        for theory, (rates, own) in _theories(kicks, regime, sizes).items():
            deviation, error = rates / truth - 1, rates / truth * np.hypot(truth_error, own / rates)
            axis.errorbar(sizes, 100 * deviation, 100 * error, fmt="o-", ms=4, lw=1, color=COLORS[theory], label=theory)
            for size, value, one in zip(sizes, deviation, error, strict=True):
                numbers.shown(f"D: {regime}, error of the rate of E, {theory}, N = {size}", "%", 100 * value,
                              error=100 * one)  # fmt: skip
        axis.axhline(0, color="k", lw=0.5)
        _size_axis(axis, sizes)
        axis.set_title(f"D: {regime}, rate of E")
        _shrinks(kicks, regime, networks, numbers)
    axes[0].set_ylabel("theory / network - 1 (%)")
    axes[0].legend(frameon=False, fontsize=8)
    _draw_synchrony_over_size(axes[2], kicks, sizes)


def _theories(kicks: Kicks, regime: str, sizes: list[int]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rates of E (sizes,) and their standard errors, Hz."""
    nothing = np.zeros(len(sizes))
    counts = [kicks.measured("population counts", regime, size) for size in sizes]
    return {
        "equations": (nothing + kicks.measured("equations", regime).rates["E"], nothing),
        "population counts": (
            np.array([one.rates["E"] for one in counts]),
            np.array([one.standard_errors["E"] for one in counts]),
        ),
        "linear mean field": (nothing + linear_rates(kicks.model(regime))[0], nothing),
    }


def _shrinks(kicks: Kicks, regime: str, networks: list[RunMeasures], numbers: Numbers) -> None:
    """The checks of the limit of many neurons, and of what is missed at few."""
    few, many, most = networks[0], networks[-1], max(kicks.plan.seconds)
    equations = kicks.measured("equations", regime)
    error = np.array([abs(equations.rates["E"] - one.rates["E"]) for one in (few, many)])
    apart = (error[0] - error[1]) / np.hypot(few.standard_errors["E"], many.standard_errors["E"])
    # Less than a second leaves too large an error for a claim.
    least = -np.inf if kicks.settings.quick else 2
    numbers.holds(f"D: {regime}, the equations' error shrinks with N by", "s.e.", apart, low=least)
    for name, part in (("E", 0.025), ("I", 0.01)):
        expected = equations.rates[name]
        numbers.measured(f"D: {regime}, rate of {name}, N = {most}", "Hz", many.rates[name],
                         many.standard_errors[name], expected, part * expected,
                         note=f"expected: equations; 4 s.e. and {100 * part:g} % for the finite N")  # fmt: skip
    if regime == "Sync":
        if not kicks.settings.quick:  # shorter runs do not resolve 3 Hz
            numbers.measured(f"D: Sync, spectral peak, N = {most}", "Hz", many.spectral_peak.frequency,
                             many.spectral_peak.standard_error, equations.spectral_peak.frequency, 3.0,
                             note="expected: equations; 4 s.e. and 3 Hz for the finite N")  # fmt: skip
        linear = abs(linear_rates(kicks.model(regime))[0] - few.rates["E"])
        worse = (linear - error[0]) / few.standard_errors["E"]
        numbers.holds("D: Sync, the linear mean field is worse at N = 400 by", "s.e.", worse, low=4)
        missed = equations.synchrony["E"].index - few.synchrony["E"].index
        below = -missed / few.synchrony["E"].standard_error
        numbers.holds("D: Sync, the equations' synchrony below that of N = 400 by", "s.e.", below, low=4)


def _draw_synchrony_over_size(axis, kicks: Kicks, sizes: list[int]) -> None:
    for regime, (marker, line) in STYLES.items():
        for kind in ("network", "population counts"):
            measured = [kicks.measured(kind, regime, size) for size in sizes]
            indices = [own_spike(one, kicks.run(kind, regime, size)) for one, size in zip(measured, sizes, strict=True)]
            errors = [one.synchrony["E"].standard_error for one in measured]
            axis.errorbar(sizes, indices, errors, marker=marker, ls=line, ms=4, lw=1, color=COLORS[kind],
                          label=f"{kind}, {regime}")  # fmt: skip
        level = own_spike(kicks.measured("equations", regime), kicks.run("equations", regime))
        axis.axhline(level, color=COLORS["equations"], ls=line, lw=1, label=f"equations, {regime}")
    _size_axis(axis, sizes)
    axis.set(ylabel="synchrony index of E - 1/N_E", ylim=(0, 1.45 * axis.get_ylim()[1]), title="D: synchrony")
    axis.legend(frameon=False, fontsize=7, ncols=2, loc="upper right")


def _size_axis(axis, sizes: list[int]) -> None:
    axis.set(xscale="log", xlabel="neurons N (N P fixed)")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()


def draw(settings: Settings):
    """The figure and its numbers."""
    numbers, plan = Numbers(), Plan.of(settings.quick)
    figure, kicks = Figure(figsize=(13, 14), layout="constrained"), Kicks(settings, plan)
    rows = [one.subplots(1, 3) for one in figure.subfigures(4, 1)]
    settings.progress("A", 0.0)
    courses(rows[0], kicks, numbers)
    settings.progress("B", 0.0)
    attractors(rows[1], kicks, numbers)
    scan(rows[2], settings, plan, numbers)
    settings.progress("D", 0.0)
    errors_over_size(rows[3], kicks, numbers)
    return figure, numbers


if __name__ == "__main__":
    sys.exit(run_figure("markov", "Networks of pending kicks and their differential equations", draw))
