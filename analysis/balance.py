"""The balance factor of inputs: which part of the excitation inhibition cancels.

BF_X = sum_I J_XI nu_I / (sum_E J_XE nu_E + mu_ext,X) of Ekelmans, Kraynyukova & Tchumatchenko 2023; 1 is tight
balance. Input populations count as sources of their kind, beside mu_ext. Units: mV, Hz, mV/s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import Circuit, Drive, InvalidInputError, Projection, Recording
from ssnbrian.circuit.units import floats_of

from .efficacy import efficacy_of
from .mean_field import constant_weight_refusal
from .reduction import NotApplicableError
from .states import SteadyStates
from .statistics import BATCHES, batch_means


@dataclass(frozen=True)
class BalanceCourse:
    """The balance factor of one population over time.

    Attributes
    ----------
    times : centres of the bins, s, shape (bins,).
    factors, standard_errors : shape (bins,); errors from batches within a bin, in which excitation and inhibition
        fluctuate together.
    inhibition, excitation : mean inputs in the bins, magnitudes, mV/s, shape (bins,); excitation includes mu_ext.
    """

    times: np.ndarray
    factors: np.ndarray
    standard_errors: np.ndarray
    inhibition: np.ndarray
    excitation: np.ndarray


def balance_factors(
    circuit: Circuit, rates: Mapping[str, Any], mu_ext: Any, ratio: float | None = None
) -> dict[str, float]:
    """The balance factor of every population at given rates.

    Parameters
    ----------
    circuit : any number of excitatory and inhibitory populations.
    rates : Hz (or quantities) of every population; input populations fire at their own rate unless given here.
    mu_ext : mV/s (or quantity) of the excitatory populations, ``ratio`` times as much (default: the circuit's) of the
        inhibitory ones; or a mapping with one entry per population.

    Weights with short-term plasticity are taken at their mean efficacy. Raises
    :class:`~ssnbrian.circuit.InvalidInputError` for a missing or negative rate, where the excitation of a population
    is not positive, so that there is nothing to be balanced, or where the rates do not fix the weights.
    """
    known = {one.name: one.rate.to("Hz") for one in circuit.inputs}
    for name in [*(one.name for one in circuit.populations), *known]:
        if name not in rates and name not in known:
            raise InvalidInputError(f"rates: no entry for population '{name}' of '{circuit.name}'")
        if name in rates:
            known[name] = float(floats_of(rates[name], "Hz", f"rate of {name}"))
        if known[name] < 0:
            raise InvalidInputError(f"rate of {name}: must not be negative, got {known[name]:g} Hz")
    factor = circuit.ratio if ratio is None else float(ratio)
    result = {}
    for one in circuit.populations:
        if isinstance(mu_ext, Mapping):
            if one.name not in mu_ext:
                raise InvalidInputError(f"mu_ext: no entry for population '{one.name}'")
            external = float(floats_of(mu_ext[one.name], "mV/s", f"mu_ext of {one.name}"))
        else:
            external = float(floats_of(mu_ext, "mV/s", "mu_ext")) * (1.0 if one.sign > 0 else factor)
        weights = {each.name: _transmitted(circuit, each, known[each.source]) for each in circuit.projections}
        inhibition, excitation = _inputs(circuit, one.name, known, external, weights)
        result[one.name] = float(inhibition / _positive(np.array([excitation]), one.name)[0])
    return result


def _transmitted(circuit: Circuit, projection: Projection, rate: float) -> float:
    """J in mV, times the efficacy at the rate of the source (Hz) where the synapses are plastic."""
    efficacy = efficacy_of(projection)
    return circuit.weight_total(projection).to("mV") * (1.0 if efficacy is None else float(efficacy(rate)))


def balance_factors_of_states(circuit: Circuit, states: SteadyStates) -> tuple[dict[str, float], ...]:
    """:func:`balance_factors` at every steady state of a theory, at the inputs that it was solved for."""
    return tuple(balance_factors(circuit, state.rates, states.mu_ext) for state in states)


def balance_course(circuit: Circuit, recording: Recording, width: Any = 1.0) -> dict[str, BalanceCourse]:
    """Balance factors of a recording in bins of ``width`` (s), per population.

    Weights that changed during the run are taken at their course; input populations at their nominal rates. Raises
    :class:`~ssnbrian.circuit.InvalidInputError` for a recording of another circuit, shorter than one bin, with count
    bins too wide for a standard error, with plastic synapses, or where excitation is not positive.
    """
    seconds = float(floats_of(width, "s", "width of the bins"))
    per_batch = round(seconds / recording.bin_width) // BATCHES
    if per_batch < 1:
        raise InvalidInputError(
            f"bins of {seconds:g} s hold fewer than {BATCHES} count bins of {recording.bin_width:g} s; "
            f"record with a bin width of at most {seconds / BATCHES * 1000:g} ms"
        )
    bins = len(recording.bin_times) // (per_batch * BATCHES)
    if bins == 0:
        raise InvalidInputError(f"the recording ({recording.duration:g} s) is shorter than one bin of {seconds:g} s")
    used = slice(0, bins * BATCHES * per_batch)
    times = recording.bin_times[used].reshape(bins, -1).mean(axis=1)
    result = {}
    for name, (inhibition, excitation) in _input_courses(circuit, recording).items():
        inhibition, excitation = (one[used].reshape(bins, -1) for one in (inhibition, excitation))
        factors, errors = _ratio(name, inhibition, excitation)
        result[name] = BalanceCourse(times, factors, errors, inhibition.mean(axis=1), excitation.mean(axis=1))
    return result


def mean_balance_factors(
    circuit: Circuit, recording: Recording, *, start: Any = 0.0, stop: Any = None
) -> dict[str, tuple[float, float]]:
    """(balance factor of the mean inputs from ``start`` to ``stop`` (s), standard error) per population.

    The error is from ``BATCHES`` batches of the window. Errors as in :func:`balance_course`.
    """
    first = round(float(floats_of(start, "s", "start of the window")) / recording.bin_width)
    last = len(recording.bin_times)
    if stop is not None:
        last = round(float(floats_of(stop, "s", "stop of the window")) / recording.bin_width)
    per_batch = (last - first) // BATCHES
    if first < 0 or last > len(recording.bin_times) or per_batch < 1:
        raise InvalidInputError(
            f"the window from {first * recording.bin_width:g} to {last * recording.bin_width:g} s holds fewer than "
            f"{BATCHES} count bins of the recording of {recording.duration:g} s"
        )
    used = slice(first, first + per_batch * BATCHES)
    result = {}
    for name, (inhibition, excitation) in _input_courses(circuit, recording).items():
        factors, errors = _ratio(name, inhibition[None, used], excitation[None, used])
        result[name] = float(factors[0]), float(errors[0])
    return result


def _ratio(name: str, inhibition: np.ndarray, excitation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ratio of the means over the last axis (a multiple of ``BATCHES``) and its standard error to first order."""
    below = _positive(excitation.mean(axis=1), name)
    factors = inhibition.mean(axis=1) / below
    return factors, batch_means(inhibition - factors[:, None] * excitation)[1] / below


def _positive(excitation: np.ndarray, name: str) -> np.ndarray:
    if not np.all(excitation > 0):
        raise InvalidInputError(
            f"the balance factor of {name} is not defined: its recurrent excitation and mu_ext together are "
            f"{float(excitation.min()):g} mV/s, which is not positive"
        )
    return excitation


def _inputs(
    circuit: Circuit, target: str, rates: Mapping[str, Any], external: Any, weights: Mapping[str, Any]
) -> tuple[Any, Any]:
    """Inhibition and excitation of ``target``, mV/s, from rates (Hz) and J (mV) by projection, of any one shape."""
    inhibition, excitation = 0.0 * external, 1.0 * external
    for projection in circuit.projections:
        if projection.target == target:
            drive = weights[projection.name] * rates[projection.source]
            if circuit.source_of(projection).sign > 0:
                excitation = excitation + drive
            else:
                inhibition = inhibition + drive
    return inhibition, excitation


def _input_courses(circuit: Circuit, recording: Recording) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Inhibition and excitation of every population in the count bins of a recording."""
    if recording.metadata.get("content_hash") not in (None, circuit.content_hash):
        raise InvalidInputError(
            f"the recording is of another circuit than '{circuit.name}' as it is now; its content hash is "
            f"{recording.metadata['content_hash']}, the circuit's {circuit.content_hash}"
        )
    if (reason := constant_weight_refusal(circuit)) is not None:
        raise NotApplicableError(f"what the synapses transmit in the course of a recording is not known: {reason}")
    times, width = recording.bin_times, recording.bin_width
    rates: dict[str, Any] = {
        name: counts / (recording.sizes[name] * width) for name, counts in recording.counts.items()
    }
    for source in circuit.inputs:
        knots = recording.input_rates.get(source.name)
        rates[source.name] = source.rate.to("Hz") if knots is None else _course(knots)(times)

    def weight(projection: Projection) -> Any:
        knots = recording.weights.get(projection.name)
        if knots is None:
            return circuit.weight_total(projection).to("mV")
        return circuit.in_degree(projection) * _course(knots)(times)

    weights = {one.name: weight(one) for one in circuit.projections}
    return {
        one.name: _inputs(circuit, one.name, rates, _course(recording.drives[one.name])(times), weights)
        for one in circuit.populations
    }


def _course(knots: tuple[np.ndarray, np.ndarray]) -> Drive:
    return Drive("recorded", tuple(knots[0].tolist()), tuple(knots[1].tolist()), None)
