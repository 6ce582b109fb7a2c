"""The power law of a leaky integrate-and-fire neuron, also with a steady conductance towards its resting potential."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.optimize import minimize_scalar

from ssnbrian.circuit import Circuit, InvalidInputError, Population

from .mean_field import conductance_range, has_conductances, lif_numbers
from .power_law import PowerLaw, fit_power_law, fit_transfer
from .transfer import mean_input, rate

__all__ = ["NAMELESS", "fit_conductance_law", "fit_conductance_transfer", "fitted_law", "without_noise"]

NAMELESS = "neuron"
"""The population of a neuron model that stands alone."""

_CONDUCTANCES = 7
_INPUTS = 81
_LOWEST_SHARE = 1e-3  # of the maximum rate, where the inputs begin


def fit_conductance_transfer(
    sigma: float,
    tau: float,
    threshold: float = 1.0,
    reset: float = 0.0,
    refractory: float = 0.0,
    conductances: tuple[float, float] = (0.0, 0.0),
    maximum_rate: float = 10.0,
) -> PowerLaw:
    """nu = a (mu - b - shunt g)_+^n for conductances g between the two of ``conductances``.

    A conductance g (1/s, relative to the capacitance) that pulls towards rest shortens the time constant to
    1/(1/tau + g). That it shifts the curve along the input, rather than scales it, is the finding of Holt & Koch 1997,
    Neural Computation 9; how well it holds here is the law's ``rmse``, over all conductances together. What else
    noisy conductances do, their noise, is not part of it.

    Parameters
    ----------
    sigma (mV/sqrt(s)), tau (s), threshold, reset (mV above rest), refractory (s) : as for `transfer.rate`.
    conductances : smallest and largest, 1/s, >= 0; at (0, 0) the law is that of `fit_transfer`.
    maximum_rate : Hz, the upper end of the fit at every conductance.

    Raises
    ------
    ValueError : as `fit_transfer`; the conductances are negative, not finite, or equal but not 0.
    """
    low, high = conductances
    if high == 0 == low:
        return fit_transfer(sigma, tau, threshold, reset, refractory, maximum_rate)
    if not (math.isfinite(high) and 0 <= low < high):
        raise ValueError(f"conductances={conductances!r}; expected two finite numbers with 0 <= low < high, in 1/s")
    levels = np.linspace(low, high, _CONDUCTANCES)
    mu, rates = [], []
    for conductance in levels:
        neuron = {"tau": 1 / (1 / tau + conductance), "threshold": threshold, "reset": reset, "refractory": refractory}
        ends = mean_input([maximum_rate * _LOWEST_SHARE, maximum_rate * (1 - 1e-9)], sigma, **neuron)
        inputs = np.linspace(*ends, _INPUTS)
        mu.append(inputs)
        rates.append(rate(inputs, sigma, **neuron))
    return fit_conductance_law(np.array(mu), levels, np.array(rates), maximum_rate)


def fit_conductance_law(
    mu: np.ndarray, conductances: np.ndarray, rates: np.ndarray, maximum_rate: float = 10.0
) -> PowerLaw:
    """The least-squares power law nu = a (mu - b - shunt g)_+^n through rates measured at several conductances.

    Parameters
    ----------
    mu : (conductances, inputs), mV/s. conductances : (conductances,), 1/s, at least two different ones.
    rates : (conductances, inputs), Hz.
    maximum_rate : Hz; points at or above are left out.

    Raises
    ------
    ValueError : as `fit_power_law`; there are no two conductances.
    """
    mu, rates, conductances = (np.asarray(one, dtype=float) for one in (mu, rates, conductances))
    if np.ptp(conductances) <= 0:
        raise ValueError("at least two different conductances are needed to see what they change")

    def law(shunt: float) -> PowerLaw:
        return fit_power_law((mu - shunt * conductances[:, None]).ravel(), rates.ravel(), maximum_rate)

    def misfit(shunt: float) -> float:
        try:
            found = law(shunt)
        except ValueError:
            return float(np.max(rates))
        assert found.rmse is not None
        return found.rmse

    guess = _shift(mu, conductances, rates, 0.5 * min(maximum_rate, rates.max(axis=1).min()))
    width = abs(guess) + 1e-3
    bounds = guess - width, guess + width
    best = minimize_scalar(misfit, bounds=bounds, method="bounded", options={"xatol": 1e-9 * width})
    return replace(law(float(best.x)), shunt=float(best.x))


def _shift(mu: np.ndarray, conductances: np.ndarray, rates: np.ndarray, level: float) -> float:
    """How far the input for the rate ``level`` moves per conductance, mV, by a straight line."""
    inputs = []
    for row, values in zip(mu, rates, strict=True):
        inputs.append(np.interp(level, np.maximum.accumulate(values), row))
    return float(np.polyfit(conductances, inputs, 1)[0])


def fitted_law(circuit: Circuit, population: Population) -> PowerLaw:
    """The power law of a leaky integrate-and-fire population at its external noise.

    With conductances, between that of the circuit's input populations and what all sources bring at 10 Hz. Raises
    :class:`~ssnbrian.circuit.InvalidInputError` where no power law fits.
    """
    numbers = lif_numbers(population)
    if numbers["sigma"] == 0:
        raise InvalidInputError(without_noise(population))
    conductances = conductance_range(circuit, population.name) if has_conductances(circuit, population.name) else (0, 0)
    try:
        return _fit(tuple(numbers.items()), conductances)
    except ValueError as error:
        raise InvalidInputError(
            f"the transfer function of {population.name} in '{circuit.name}' cannot be fitted by a power law: {error}"
        ) from None


def without_noise(population: Population) -> str:
    """The sentence that refuses neurons without noise."""
    owner = "" if population.name == NAMELESS else f" of {population.name}"
    model = population.neuron
    remedy = f"add white noise, e.g. `{model.name} + white_noise`, with an amplitude above 0"
    if model.noise is not None:
        remedy = f"give {model.noise} a value above 0"
    return f"the neurons{owner} ({model.name}) have no noise, and without it there is no power law; {remedy}"


@lru_cache(maxsize=4096)
def _fit(numbers: tuple[tuple[str, float], ...], conductances: tuple[float, float]) -> PowerLaw:
    return fit_conductance_transfer(**dict(numbers), conductances=conductances)
