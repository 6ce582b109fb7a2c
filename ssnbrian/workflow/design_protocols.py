"""What is simulated to see whether a spiking network has the regime it was designed for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from ssnbrian.analysis.design.request import Regime
from ssnbrian.analysis.design.search import DesignResult
from ssnbrian.analysis.self_consistent import SelfConsistent
from ssnbrian.analysis.statistics import binned_rates
from ssnbrian.circuit import Circuit, Drive, InvalidInputError, PiecewiseLinear, Ramp, Recording
from ssnbrian.engine.progress import Progress
from ssnbrian.engine.simulate import simulate
from ssnbrian.workflow.verify_design import STANDARD_ERRORS, Quantity

Outcome = tuple[str, list[Quantity], list[str], dict[str, Any]]
BATCHES = 20
SETTLE = 1.0
"""Seconds left out after a step of the input."""
RUNAWAY = 500.0
"""Rate in Hz above which a run is stopped."""


@dataclass(frozen=True)
class Runs:
    """How a circuit is simulated."""

    circuit: Circuit
    seed: int
    dt: Any
    progress: Progress

    def run(self, drive: Drive | Mapping[str, Drive]) -> Recording:
        """One run over the length of the drive, from the reset potential, so that it does not start with a burst."""
        initial = {
            f"{one.name}.{one.neuron.membrane}": one.parameters["reset"]
            for one in self.circuit.populations
            if "reset" in one.parameters
        }
        return simulate(
            self.circuit,
            drive,
            dt=self.dt,
            seed=self.seed,
            initial=initial,
            runaway_rate=RUNAWAY,
            progress=self.progress,
        )


def rates_between(recording: Recording, start: float, end: float) -> dict[str, tuple[float, float]]:
    """(mean rate, standard error by batch means) of every population from ``start`` to ``end`` (s), Hz."""
    first, last = round(start / recording.bin_width), round(end / recording.bin_width)
    per_batch = (last - first) // BATCHES
    result = {}
    for name, counts in recording.counts.items():
        part = counts[first : first + per_batch * BATCHES]
        if per_batch < 1 or len(part) < per_batch * BATCHES:
            raise InvalidInputError(f"nothing to measure from {start:g} to {end:g} s: the run lasted less")
        batches = part.reshape(BATCHES, per_batch).sum(axis=1) / (
            recording.sizes[name] * per_batch * recording.bin_width
        )
        result[name] = float(batches.mean()), float(batches.std(ddof=1) / np.sqrt(BATCHES))
    return result


def supersaturation(result: DesignResult, runs: Runs) -> Outcome:
    """A ramp through the peak; its place from a polynomial through the binned rates around it.

    The same fit to the curve of the SSN, whose peak is known, gives the bias of this estimate, which is removed.
    """
    duration = 100.0
    end = result.verification.found["ramp_end_mV_per_s"]
    recording = runs.run(Ramp(0.0, end, duration=duration))
    binned = binned_rates(recording, 1.0)[runs.circuit.populations[0].name]
    mu = binned.times * end / duration
    found, theory = result.of_ssn, result.self_consistent or {}
    curve = np.array([result.ssn.steady_states(float(x), result.ratio)[0].rates["E"] for x in mu])
    near = curve > 0.75 * found["peak_Hz"]
    errors = binned.standard_errors[near]
    of_theory = _peak_of(mu[near], curve[near], errors, runs.seed)
    bias = of_theory[0][0] - found["at_mV_per_s"], of_theory[1][0] - found["peak_Hz"]
    fitted = _peak_of(mu[near], binned.rates[near], errors, runs.seed)
    place, height = ((value - off, error) for (value, error), off in zip(fitted, bias, strict=True))
    quantities = [
        Quantity(name, *measured, result.verification.asked[name], found[name], theory.get(name))
        for name, measured in (("peak_Hz", height), ("at_mV_per_s", place))
    ]
    last, error = rates_between(recording, duration - 5, duration)[runs.circuit.populations[0].name]
    quantities.append(Quantity("rate_E_at_ramp_end_Hz", last, error, None, found["rate_E_at_ramp_end_Hz"]))
    reasons = []
    if last + STANDARD_ERRORS * np.hypot(error, height[1]) > height[0]:
        reasons.append("the rate at the end of the ramp is not below the peak")
    text = f"a ramp from 0 to {end:g} mV/s in {duration:g} s"
    return text, quantities, reasons, {"status": recording.status, "bias_removed_mV_per_s_and_Hz": list(bias)}


def _peak_of(
    mu: np.ndarray, rates: np.ndarray, errors: np.ndarray, seed: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """((mu, standard error), (height, standard error)) of the highest point of a weighted quartic fit."""
    centre, width = mu.mean(), np.ptp(mu) / 2
    x = (mu - centre) / width
    weights = 1 / np.maximum(errors, 1e-3)
    coefficients, covariance = np.polyfit(x, rates, 4, w=weights, cov="unscaled")
    rest = (np.polyval(coefficients, x) - rates) * weights
    # Errors that the scatter shows to be too small are enlarged; they are never reduced.
    covariance *= max(1.0, float((rest**2).sum()) / (len(x) - 5))
    drawn = np.random.default_rng(seed).multivariate_normal(coefficients, covariance, size=400)
    fine = np.linspace(-1, 1, 2001)
    values = np.array([np.polyval(one, fine) for one in drawn])
    best = np.polyval(coefficients, fine)
    place, height = fine[best.argmax()] * width + centre, best.max()
    return (float(place), float(fine[values.argmax(axis=1)].std() * width)), (float(height), float(values.max(1).std()))


def inhibition_stabilized(result: DesignResult, runs: Runs) -> Outcome:
    """Below and above the threshold the input to I is raised: above it the rate of I must fall (paradoxical)."""
    threshold, found = result.regime.from_rate, result.verification.found  # type: ignore[attr-defined]
    start = found["rates_at_zero_Hz"][0]
    below = _input_for_rate(result, max(0.6 * threshold, (start + threshold) / 2))
    above = found["reached_at_mV_per_s"]
    step = _step_to_rate(result, above, float(np.sqrt(threshold * found["reached_Hz"])))
    length = 20.0
    E, I = (one.name for one in runs.circuit.populations)
    to_E = [below, below, above, above]
    to_I = [result.ratio * mu + extra for mu, extra in zip(to_E, (0.0, step, 0.0, step), strict=True)]
    drives = {E: _steps(to_E, length), I: _steps(to_I, length)}
    recording = runs.run(drives)
    theory = SelfConsistent.from_circuit(runs.circuit) if SelfConsistent.applies_to(runs.circuit) else None
    quantities: list[Quantity] = []
    measured, predicted, refined = [], [], []
    for k, place in enumerate(("below", "below_stepped", "above", "above_stepped")):
        rates = rates_between(recording, k * length + SETTLE, (k + 1) * length)
        external = {"E": to_E[k], "I": to_I[k]}
        ssn = result.ssn.steady_states(external)[0].rates
        other = _lowest_rates(theory, {E: to_E[k], I: to_I[k]})
        quantities.append(Quantity(f"rate_E_{place}_Hz", *rates[E], None, ssn["E"], other.get(E)))
        quantities.append(Quantity(f"rate_I_{place}_Hz", *rates[I], None, ssn["I"], other.get(I)))
        measured.append(rates[I])
        predicted.append(ssn["I"])
        refined.append(other.get(I, np.nan))
    reasons = []
    for place, k, sign in (("below", 0, 1), ("above", 2, -1)):
        change = measured[k + 1][0] - measured[k][0]
        error = float(np.hypot(measured[k][1], measured[k + 1][1]))
        other_change = refined[k + 1] - refined[k] if np.isfinite(refined[k + 1] - refined[k]) else None
        change_of_theory = predicted[k + 1] - predicted[k]
        quantities.append(Quantity(f"change_of_I_{place}_Hz", change, error, None, change_of_theory, other_change))
        if sign * change < STANDARD_ERRORS * error:
            word = "rises" if sign > 0 else "falls"
            reasons.append(f"that the rate of I {word} {place} the threshold is not shown by {change:.3g} Hz")
    text = (
        f"inputs with nu_E below and above the threshold of {threshold:g} Hz, each with and without {step:.4g} mV/s "
        f"more to I, {length:g} s each"
    )
    reference = (result.self_consistent or {}).get("isn_from_Hz")
    return text, quantities, reasons, {"status": recording.status, "self_consistent_threshold_Hz": reference}


def _lowest_rates(theory: SelfConsistent | None, mu_ext: dict[str, float]) -> Mapping[str, float]:
    if theory is None:
        return {}
    states = theory.steady_states(mu_ext)
    return states[0].rates if len(states) else {}


def _steps(levels: list[float], length: float) -> Drive:
    edges = np.arange(len(levels) + 1) * length
    times = np.column_stack([edges[:-1], edges[1:]]).ravel()
    return PiecewiseLinear(times, np.repeat(levels, 2))


def _input_for_rate(result: DesignResult, rate: float) -> float:
    """mu_ext (mV/s) at which nu_E of the lowest SSN state is ``rate`` on the ramp of the design."""
    top = result.verification.found["reached_at_mV_per_s"]
    return float(brentq(lambda mu: result.ssn.steady_states(mu, result.ratio)[0].rates["E"] - rate, 0.0, top))


def _step_to_rate(result: DesignResult, mu_ext: float, rate: float) -> float:
    """Additional input to I (mV/s) that lowers nu_E of the lowest SSN state at ``mu_ext`` to ``rate``."""

    def excess(step: float) -> float:
        return result.ssn.steady_states({"E": mu_ext, "I": result.ratio * mu_ext + step})[0].rates["E"] - rate

    most = 1.0
    while excess(most) > 0 and most < 1e6:
        most *= 2
    return float(brentq(excess, 0.0, most))


def persistence(result: DesignResult, runs: Runs) -> Outcome:
    """The default drive: quiet, an input that ends slowly, and nothing again; the activity must stay."""
    drive = result.regime.drive(result, result.setting)  # type: ignore[arg-type]
    assert drive is not None and drive.duration is not None
    on, off, end = drive.times[1], drive.times[4], drive.duration
    recording = runs.run(drive)
    E = runs.circuit.populations[0].name
    found, theory = result.verification.found, result.self_consistent or {}
    quiet, active = rates_between(recording, SETTLE, on), rates_between(recording, off + 2 * SETTLE, end)
    last = rates_between(recording, end - 2 * SETTLE, end)[E]
    of_ssn = result.of_ssn
    quantities = [
        Quantity(name, *measured, asked, of_ssn.get(of), theory.get(of))
        for name, measured, asked, of in (
            ("persistent_Hz", active[E], result.regime.rate, "persistent_Hz"),  # type: ignore[attr-defined]
            ("quiet_Hz", quiet[E], None, "quiet_Hz"),
            ("last_Hz", last, None, "persistent_Hz"),
        )
    ]
    reasons = []
    if quiet[E][0] - STANDARD_ERRORS * quiet[E][1] > result.regime.quiet + (quantities[1].theory_error or 0.0):  # type: ignore[attr-defined]
        reasons.append("before the input the network is not quiet")
    if last[0] < found["saddle_Hz"]:
        reasons.append("the activity is lost before the end of the run")
    kick = f"{max(drive.values):.4g} mV/s that end after {off - on:g} s"
    text = f"{on:g} s without input, {kick}, {end - off:g} s without"
    return text, quantities, reasons, {"status": recording.status}


def bistability(result: DesignResult, runs: Runs) -> Outcome:
    """A slow ramp up through the window and back: in its middle the rate must depend on where the ramp came from."""
    low, high = result.regime.window  # type: ignore[attr-defined]
    width = high - low
    margin = max(1.0, 0.5 * width)
    bottom, top, length = low - margin, high + margin, 100.0
    recording = runs.run(PiecewiseLinear([0.0, length, 2 * length], [bottom, top, bottom]))
    speed = (top - bottom) / length
    E = runs.circuit.populations[0].name
    middle = (low + high) / 2
    half = max(0.15 * width / speed, 1.0)
    passes = [(middle - bottom) / speed, 2 * length - (middle - bottom) / speed]
    ssn = [one.rates["E"] for one in result.ssn.steady_states(middle, result.ratio).stable]
    theory = SelfConsistent.from_circuit(runs.circuit)
    other = [one.rates[E] for one in theory.steady_states(middle, result.ratio).stable]
    expected = [(ssn[0], other[0] if other else None), (ssn[-1], other[-1] if len(other) > 1 else None)]
    quantities = []
    for name, time, (of_ssn, of_theory) in zip(("lower_Hz", "upper_Hz"), passes, expected, strict=True):
        measured = rates_between(recording, time - half, time + half)[E]
        quantities.append(Quantity(name, *measured, of_ssn, of_ssn, of_theory))
    lower, upper = quantities
    reasons = []
    if upper.measured - lower.measured < STANDARD_ERRORS * np.hypot(upper.standard_error, lower.standard_error):
        reasons.append("in the middle of the window the rates on the way up and down do not differ")
    binned = binned_rates(recording, 1.0)[E]
    mu = np.where(binned.times < length, bottom + speed * binned.times, top - speed * (binned.times - length))
    active = binned.rates > np.sqrt(ssn[0] * ssn[-1])
    ends = active[0], active[len(active) // 2], active[-1]
    if ends != (False, True, False):
        reasons.append("below the window the network is not quiet, or above it not active")
    up = mu[(binned.times < length) & active]
    down = mu[(binned.times > length) & active]
    observations = {
        "status": recording.status,
        "jump_up_at_mV_per_s": float(up.min()) if len(up) else None,
        "jump_down_at_mV_per_s": float(down.min()) if len(down) else None,
        "ssn_folds_mV_per_s": [low, high],
        "note": "jumps come early by fluctuations and late by the speed of the ramp",
    }
    text = f"a ramp from {bottom:g} to {top:g} mV/s and back in {2 * length:g} s, rates at {middle:g} mV/s"
    return text, quantities, reasons, observations


def no_steady_state(result: DesignResult, runs: Runs) -> Outcome:
    """An input below the last fold, at which the rate must stay, and a ramp beyond it, on which it must run away."""
    above = result.regime.above  # type: ignore[attr-defined]
    level, top = above - max(1.0, 0.2 * abs(above)), above + max(5.0, 0.5 * abs(above))
    knots, E = (5.0, 25.0, 45.0, 105.0), runs.circuit.populations[0].name
    recording = runs.run(PiecewiseLinear([0.0, *knots], [min(0.0, level), min(0.0, level), level, level, top]))
    states = result.ssn.steady_states(level, result.ratio).stable
    other = SelfConsistent.from_circuit(runs.circuit).steady_states(level, result.ratio).stable
    reasons, quantities = [], []
    observations: dict[str, Any] = {"status": recording.status, "last_fold_mV_per_s": above}
    if recording.duration < knots[2]:
        reasons.append(f"the rates ran away at {level:g} mV/s, below the last fold, or before")
    else:
        measured = rates_between(recording, knots[1] + SETTLE, knots[2])[E]
        of_theory = other[0].rates[E] if other else None
        quantities.append(
            Quantity("rate_E_below_Hz", *measured, states[0].rates["E"], states[0].rates["E"], of_theory)
        )
    if recording.completed:
        reasons.append(f"the rates stay below {RUNAWAY:g} Hz up to mu_ext = {top:g} mV/s")
    elif recording.duration > knots[2]:
        slope = (top - level) / (knots[3] - knots[2])
        observations["runaway_at_mV_per_s"] = level + slope * (recording.duration - knots[2])
    text = f"{level:g} mV/s for {knots[2] - knots[1]:g} s, then a ramp to {top:g} mV/s in {knots[3] - knots[2]:g} s"
    return text, quantities, reasons, observations


PROTOCOLS: dict[str, Callable[[DesignResult, Runs], Outcome]] = {
    "supersaturation": supersaturation,
    "inhibition_stabilized": inhibition_stabilized,
    "persistence": persistence,
    "bistability": bistability,
    "no_steady_state": no_steady_state,
}


def protocol_of(regime: Regime) -> Callable[[DesignResult, Runs], Outcome]:
    """The protocol by the name of the regime; :class:`InvalidInputError` if there is none."""
    if regime.name not in PROTOCOLS:
        raise InvalidInputError(f"there is no protocol to verify '{regime.name}' by simulation")
    return PROTOCOLS[regime.name]
