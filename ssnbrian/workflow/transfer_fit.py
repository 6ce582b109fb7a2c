"""The power law of any spiking neuron: its F–I curve under white noise, measured and fitted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.analysis.conductance_transfer import NAMELESS, without_noise
from ssnbrian.analysis.mean_field import lif_numbers, recognise_lif
from ssnbrian.analysis.power_law import PowerLaw, fit_power_law
from ssnbrian.circuit import Circuit, InvalidInputError, NeuronModel, Population
from ssnbrian.circuit.units import parse_unit
from ssnbrian.engine.progress import Progress, silent
from ssnbrian.workflow.curve_cache import kept_curve
from ssnbrian.workflow.transfer_curve import TransferCurve, level_bins, measured_transfer

INPUTS = 36
RESAMPLES = 200
ASSUMED_TIME_CONSTANT = 0.01
"""s; the population time constant of neurons whose parameters name none."""

_MOST_FAILED = 0.1  # of the resampled curves
_LOWEST_SHARE = 1e-3  # of maximum_rate, where the fitted range begins
_LARGEST_INPUT = 2.0**17  # mV/s, about twenty times what a Hodgkin–Huxley neuron needs
_LEVELS_PER_RUN = 6
_ZOOM_LEVELS = 13
_MOST_ZOOMS = 5
_COARSE_DURATION = 0.25  # s
_SETTLE_TAUS = 5.0
_SHORTEST_SETTLE = 0.1  # s
_TIME = parse_unit("s")[1]


@dataclass(frozen=True)
class MeasuredLaw:
    """A power law with what it was fitted to and how well the measurement fixes it.

    Attributes
    ----------
    curve : the measured F–I curve.
    law : the unweighted least-squares power law below its ``rate_range[1]``; ``law.rmse`` (Hz) is the misfit, which
        does not shrink with longer measurement.
    standard_errors : of "a" (Hz/(mV/s)^n), "b" (mV/s) and "n", statistical only. That of a is a times the standard
        error of log a, as a itself is far from normal. The three are strongly correlated.
    curve_errors : statistical standard errors of ``law(curve.mu)``, Hz, shape (inputs,).
    resamples : resampled curves that the standard errors come from.
    """

    curve: TransferCurve
    law: PowerLaw
    standard_errors: Mapping[str, float]
    curve_errors: np.ndarray
    resamples: int


def is_noisy(population: Population) -> bool:
    """Whether the neurons fire irregularly by themselves: white noise above zero, or random numbers."""
    neuron = population.neuron
    text = "\n".join((neuron.equations, neuron.threshold, neuron.reset))
    white = {neuron.noise} if neuron.noise is not None else set()
    if any(population.parameters[name].si > 0 for name in white):
        return True
    return bool(re.search(r"\brandn?\s*\(", text) or (not white and re.search(r"\bxi(_\w+)?\b", text)))


def _taus(population: Population) -> dict[str, float]:
    return {
        name: value.si
        for name, value in population.parameters.items()
        if name.startswith("tau") and value.dimension == _TIME
    }


def membrane_time_constant(population: Population) -> float | None:
    """The membrane time constant (s) where the parameters name it, see :func:`population_time_constants`."""
    if recognise_lif(population.neuron) is not None:
        return lif_numbers(population)["tau"]
    taus, values = _taus(population), population.parameters
    for name in ("tau", "tau_m", "tau_membrane"):
        if name in taus:
            return taus[name]
    for capacitance in ("C", "C_m", "Cm", "capacitance"):
        for leak in ("g_L", "gL", "g_leak"):
            if capacitance in values and leak in values and values[leak].si > 0:
                ratio = values[capacitance].si / values[leak].si
                exponents = zip(values[capacitance].dimension, values[leak].dimension, strict=True)
                if tuple(one - other for one, other in exponents) == _TIME and ratio > 0:
                    return ratio
    return None


def population_time_constants(circuit: Circuit) -> dict[str, float]:
    """The time constant (s) that the SSN takes for each population, by name.

    The membrane's where the parameters name it: ``tau``, ``tau_m`` or ``tau_membrane``, else C/g_L (``C``, ``C_m``,
    ``Cm`` or ``capacitance`` over ``g_L``, ``gL`` or ``g_leak``), else :data:`ASSUMED_TIME_CONSTANT`. All of these are
    assumptions: steady states do not depend on them, their stability does.
    """
    return {one.name: membrane_time_constant(one) or ASSUMED_TIME_CONSTANT for one in circuit.populations}


def described(population: Population) -> str:
    """A population's neurons in words."""
    owner = "" if population.name == NAMELESS else f" of {population.name}"
    return f"neurons{owner} ({population.neuron.name})"


class _Measurement:
    """Runs of one population's neurons without connections, all with one program."""

    def __init__(self, population: Population, neurons: int, settle: float, dt: float, seed: int, progress: Progress):
        self.population = population
        self.settings: dict[str, Any] = {"neurons": neurons, "settle": settle, "dt": dt, "seed": seed}
        self.progress = progress
        self.built: Mapping[str, Any] = {}
        self.coarse_runs = 0

    def curve(
        self, mu: Any, duration: float, what: str = "measuring the F–I curve", runaway_rate: float | None = None
    ) -> TransferCurve:
        """The curve at ascending inputs ``mu`` (mV/s)."""

        def progress(stage: str, fraction: float) -> None:
            self.progress(what if stage == "simulating" else stage, fraction)

        (curve,) = measured_transfer(
            [self.population.parameters],
            mu,
            model=self.population.neuron,
            duration=duration,
            runaway_rate=runaway_rate,
            progress=progress,
            **self.settings,
        )
        self.built = self.built or curve.build
        return curve

    def coarse(self, mu: np.ndarray, maximum_rate: float) -> np.ndarray:
        """Rates (Hz) at ascending inputs, infinite from the one on where the run was stopped."""
        # The neurons may all fire a few spikes at the step of the input, within the 0.1 s of the guard.
        self.coarse_runs += 1
        what = f"finding the range of inputs, run {self.coarse_runs}"
        curve = self.curve(mu, _COARSE_DURATION, what, runaway_rate=20.0 * maximum_rate + 100.0)
        rates = np.full(len(mu), np.inf)
        rates[: len(curve.rates)] = curve.rates
        return rates


def _ends(mu: np.ndarray, rates: np.ndarray, maximum_rate: float) -> tuple[int | None, int | None]:
    """The first input at or above ``maximum_rate``, and before it the last one below a thousandth of it."""
    above = np.flatnonzero(rates >= maximum_rate)
    high = int(above[0]) if above.size else None
    quiet = np.flatnonzero(rates[:high] < _LOWEST_SHARE * maximum_rate)
    return (int(quiet[-1]) if quiet.size else None), high


def _ladder(run: _Measurement, maximum_rate: float) -> tuple[float, float]:
    """Inputs (mV/s) between which the rate rises, from powers of two on both sides of zero."""
    steps = 2.0 ** np.arange(round(np.log2(_LARGEST_INPUT)) + 1)
    chunks = np.array_split(steps, len(steps) // _LEVELS_PER_RUN)
    mu, rates = np.zeros(0), np.zeros(0)
    for number, chunk in enumerate(chunks):
        levels = np.concatenate([[0.0], chunk]) if number == 0 else chunk
        mu, rates = np.concatenate([mu, levels]), np.concatenate([rates, run.coarse(levels, maximum_rate)])
        if (rates >= maximum_rate).any():
            break
    who = described(run.population)
    if _ends(mu, rates, maximum_rate)[1] is None:
        top = int(np.argmax(rates))
        found = "never fire" if rates[top] == 0 else f"fire at {rates[top]:.3g} Hz at most, at {mu[top]:g} mV/s,"
        raise InvalidInputError(
            f"the {who} {found} for mean inputs from 0 to {mu[-1]:g} mV/s, so {maximum_rate:g} Hz is not reached; "
            f"{'change their parameters or lower dt' if rates[top] == 0 else 'lower the maximum rate'}"
        )
    for chunk in chunks:
        if _ends(mu, rates, maximum_rate)[0] is not None:
            break
        levels = -chunk[::-1]
        mu, rates = np.concatenate([levels, mu]), np.concatenate([run.coarse(levels, maximum_rate), rates])
    low, high = _ends(mu, rates, maximum_rate)
    if low is None or high is None:
        raise InvalidInputError(
            f"the {who} always fire, at {rates[0]:.3g} Hz even at a mean input of {mu[0]:g} mV/s, so there is no rise "
            f"from rest to fit; check their threshold and noise"
        )
    return float(mu[low]), float(mu[high])


def _range(run: _Measurement, maximum_rate: float) -> tuple[float, float]:
    """Inputs (mV/s) from about a thousandth of ``maximum_rate`` to just above it."""
    low, high = _ladder(run, maximum_rate)
    for _ in range(_MOST_ZOOMS):
        mu = np.linspace(low, high, _ZOOM_LEVELS)
        rates = run.coarse(mu, maximum_rate)
        # The ends were chosen by noisy rates; what they were chosen for stands if these rates contradict it.
        rates[0], rates[-1] = 0.0, max(rates[-1], maximum_rate)
        first, last = _ends(mu, rates, maximum_rate)
        assert first is not None
        assert last is not None
        low, high = float(mu[first]), float(mu[last])
        if last - first > _ZOOM_LEVELS // 3:
            break
    return low, high


def _checked(neuron: Population | NeuronModel, parameters: Mapping[str, Any] | None) -> Population:
    if isinstance(neuron, NeuronModel):
        neuron = Population(NAMELESS, 1, neuron, parameters=parameters or {})
    elif parameters is not None:
        raise InvalidInputError("parameters go with a neuron model; a population has its own")
    if not is_noisy(neuron):
        raise InvalidInputError(without_noise(neuron))
    return neuron


def measured_curve(
    neuron: Population | NeuronModel,
    parameters: Mapping[str, Any] | None = None,
    *,
    maximum_rate: float = 10.0,
    neurons: int = 500,
    duration: float = 2.0,
    settle: float | None = None,
    seed: int = 1,
    dt: float = 0.1,
    progress: Progress = silent,
) -> TransferCurve:
    """The F–I curve of a neuron's own noise at 36 inputs over which the rate rises to ``maximum_rate`` (Hz).

    The inputs are found by short runs: powers of two up to ±131 V/s, then ever narrower even steps, from about a
    thousandth of ``maximum_rate`` to just above it. All runs use one program, and the curve is kept beside the build
    cache. The arguments are those of
    :func:`measured_law`, and so are the errors raised, but for that of the fit.
    """
    if not maximum_rate > 0:
        raise InvalidInputError(f"the maximum rate must be positive, got {maximum_rate:g} Hz")
    if neurons < 1:
        raise InvalidInputError(f"neurons: at least one is needed, got {neurons}")
    population = _checked(neuron, parameters)
    if settle is None:
        slowest = max([*_taus(population).values(), membrane_time_constant(population) or ASSUMED_TIME_CONSTANT])
        settle = max(_SETTLE_TAUS * slowest, _SHORTEST_SETTLE)
    level_bins(settle, duration, dt)  # refused before time is spent on finding the range
    run = _Measurement(population, neurons, settle, dt, seed, progress)

    def measure() -> TransferCurve:
        low, high = _range(run, maximum_rate)
        inputs = np.linspace(low, high, INPUTS)
        inputs[np.abs(inputs) < 1e-9 * (high - low)] = 0.0
        curve = run.curve(inputs, duration)
        return TransferCurve(curve.parameters, curve.mu, curve.rates, curve.standard_errors, dt, seed, run.built)

    settings = {"maximum_rate": maximum_rate, "neurons": neurons, "duration": duration}
    return kept_curve(population, settings | {"settle": settle, "seed": seed, "dt": dt}, measure, progress)


def law_of_curve(curve: TransferCurve, maximum_rate: float = 10.0, seed: int = 1) -> MeasuredLaw:
    """The power law of a measured curve below ``maximum_rate`` (Hz), with its statistical standard errors.

    Parametric bootstrap: 200 curves are drawn around the measured rates with their standard errors (normal, negative
    rates set to zero; ``seed``) and fitted in the same way, the choice of the points below ``maximum_rate`` included.

    Raises ValueError when no power law fits, or not to more than a tenth of the drawn curves.
    """
    try:
        law = fit_power_law(curve.mu, curve.rates, maximum_rate)
    except ValueError as error:
        raise ValueError(f"{error}; more noise or a lower maximum rate makes the rise supralinear") from None
    generator = np.random.default_rng(seed)
    laws = []
    for _ in range(RESAMPLES):
        drawn = np.maximum(curve.rates + curve.standard_errors * generator.standard_normal(len(curve.mu)), 0.0)
        try:
            laws.append(fit_power_law(curve.mu, drawn, maximum_rate))
        except ValueError:
            continue
    if len(laws) < (1 - _MOST_FAILED) * RESAMPLES:
        raise ValueError(
            f"the measured rates do not fix a power law: {RESAMPLES - len(laws)} of {RESAMPLES} curves drawn within "
            f"their standard errors have none; measure more neurons or longer"
        )
    drawn_values = np.array([(np.log(one.a), one.b, one.n) for one in laws])
    errors = dict(zip("abn", (np.std(drawn_values, axis=0, ddof=1) * (law.a, 1.0, 1.0)).tolist(), strict=True))
    curve_errors = np.std([one(curve.mu) for one in laws], axis=0, ddof=1)
    return MeasuredLaw(curve, law, errors, curve_errors, len(laws))


def measured_law(
    neuron: Population | NeuronModel,
    parameters: Mapping[str, Any] | None = None,
    *,
    maximum_rate: float = 10.0,
    neurons: int = 500,
    duration: float = 2.0,
    settle: float | None = None,
    seed: int = 1,
    dt: float = 0.1,
    progress: Progress = silent,
) -> MeasuredLaw:
    """The power law (Ekelmans et al. 2023, Eq 1) of any neuron with noise, from its measured F–I curve.

    Parameters
    ----------
    neuron : a population, or a neuron model with ``parameters`` (name -> value with unit; the rest by default).
    maximum_rate : Hz, the upper end of the fit.
    neurons : independent neurons, all simulated at once.
    duration : s for which each input is measured.
    settle : s left out before; default: five times the longest time constant among the parameters named tau…, at
        least 0.1 s, so that adaptation has settled.
    seed : of the simulations and of the resampled curves.
    dt : ms.
    progress : called with the stage and the fraction done.

    Raises
    ------
    InvalidInputError : the neurons have no noise, never reach ``maximum_rate`` or always fire; a parameter is wrong.
    ValueError : no power law fits the curve, as when the rate jumps.
    """
    curve = measured_curve(
        neuron,
        parameters,
        maximum_rate=maximum_rate,
        neurons=neurons,
        duration=duration,
        settle=settle,
        seed=seed,
        dt=dt,
        progress=progress,
    )
    return law_of_curve(curve, maximum_rate, seed)
