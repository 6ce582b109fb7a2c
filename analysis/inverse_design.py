"""Inverse design: inputs or weights that make given rates a steady state.

Eq 5/6 of Ekelmans et al. 2023 and their generalisation to n populations and to the self-consistent theory say which
external inputs hold a circuit at the rates nu; applied to every point of a trajectory of rates they give the drives.
The same relation solved for one incoming weight of each population at constant input is the plastic-connection
variant. Both hold the target as a steady state at every instant: a circuit follows it as far as the states are stable
(:func:`stable_along`) and the trajectory is slow against the population time constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import Drive, InvalidInputError
from ssnbrian.circuit.drive import PiecewiseLinear
from ssnbrian.circuit.errors import nearest
from ssnbrian.circuit.units import floats_of

from .linear_response import linear_spectrum
from .plastic_network import PlasticSSN
from .reduction import NotApplicableError, Reduction
from .self_consistent import SelfConsistent
from .ssn import SSN

__all__ = ["RequiredWeights", "inputs_for_trajectory", "required_weights", "stable_along"]


@dataclass(frozen=True, eq=False)
class RequiredWeights:
    """Courses of the free weights that make a trajectory of rates a steady state at constant input.

    Attributes
    ----------
    weights : J in mV by (target, source), each (T,), magnitudes; where no weight is possible, the number that the
        relation gives (negative) or NaN (a silent source).
    possible : (T,), whether all free weights exist and are not negative.
    times : (T,), s, or 0, 1, 2 … where none were given.
    violations : one sentence per connection and stretch of time with what is violated; empty if all is possible.
    """

    weights: Mapping[tuple[str, str], np.ndarray]
    possible: np.ndarray
    times: np.ndarray
    violations: tuple[str, ...]

    def require(self) -> Mapping[tuple[str, str], np.ndarray]:
        """The weights; :class:`~ssnbrian.circuit.InvalidInputError` with the violations if they are not possible."""
        if self.violations:
            raise InvalidInputError("no weights make these rates a steady state: " + "; ".join(self.violations))
        return self.weights


def required_weights(
    theory: Reduction,
    rates: Any,
    mu_ext: Any,
    ratio: float = 1.0,
    free: Mapping[str, str] | None = None,
    times: Any = None,
) -> RequiredWeights:
    """The J of one incoming connection per population that make ``rates`` a steady state at constant input.

    Eq 5/6 solved for J_XY with mu_ext given: s_Y J_XY nu_Y = mu_X(nu_X) - mu_ext_X - sum over Z other than Y of
    s_Z J_XZ nu_Z, where mu_X(nu_X) = (nu_X / a_X)^(1/n_X) + b_X. For a silent target, which a half-line of inputs
    keeps silent, its largest input is taken.

    Parameters
    ----------
    theory : SSN of the circuit; its other weights stay.
    rates : Hz, a mapping from every population to a number or (T,), or an array (T, populations) in their order.
    mu_ext, ratio : constant external input as in ``theory.steady_states``, mV/s.
    free : source of the free connection by target, at most one per target; default: from the first excitatory
        population to every one. All populations must be targets.
    times : (T,), s, named in what is violated.

    Raises
    ------
    NotApplicableError : the theory is no SSN. InvalidInputError : a population is unknown or has no free
    connection, or rates are negative, not finite or of different lengths.
    """
    if not isinstance(theory, SSN):
        raise NotApplicableError(f"weights are found from the relation of the SSN, not from {type(theory).__name__}")
    course = _course(theory, rates)
    moments = _moments(times, len(course))
    sources = _free_sources(theory, free)
    external = theory.external_inputs(mu_ext, ratio)
    lacking = theory.total_external_inputs(course) - external  # what more the recurrent input must bring, mV/s
    weights: dict[tuple[str, str], np.ndarray] = {}
    possible = np.ones(len(course), bool)
    violations: list[str] = []
    for x, name in enumerate(theory.populations):
        y = theory.populations.index(sources[name])
        sign, active = (1.0 if theory.kinds[y] == "excitatory" else -1.0), course[:, y] > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            change = lacking[:, x] / (sign * course[:, y])
        size = abs(theory.network.weights[x, y])
        # A silent source brings nothing: then any weight serves or none does.
        kept = ~active & (np.abs(lacking[:, x]) <= 1e-9 * (1.0 + np.abs(external[x])))
        needed = np.where(active, size + change, np.where(kept, size, np.nan))
        rounding = 1e-12 * (1.0 + size)
        needed = np.where((needed < 0) & (needed > -rounding), 0.0, needed)
        weights[name, sources[name]] = needed
        good = needed >= 0
        possible &= good
        violations += _violations(f"{sources[name]}->{name}", needed, good, moments)
    return RequiredWeights(weights, possible, moments, tuple(violations))


def inputs_for_trajectory(theory: Reduction, times: Any, rates: Any) -> dict[str, Drive]:
    """The drive of every population that makes each point of a trajectory a steady state.

    Parameters
    ----------
    theory : SSN (Eq 5/6) or SelfConsistent, where Phi is inverted in the mean input at the noise that the rates cause.
    times : (T,), s, from 0, increasing. rates : Hz, as for :func:`required_weights`; above 0 for SelfConsistent.

    Returns
    -------
    Piecewise linear drives, mV/s, by population, exact at ``times``: between them the inputs, not the rates, are
    interpolated. Input populations of the circuit are taken at their own rates.

    Raises
    ------
    NotApplicableError : another theory. InvalidInputError : times or rates that are not possible, with the time.
    """
    if not isinstance(theory, (SSN, SelfConsistent)):
        raise NotApplicableError(f"inputs are designed with SSN or SelfConsistent, not with {type(theory).__name__}")
    course = _course(theory, rates)
    moments = _moments(times, len(course))
    _check_reachable(theory, course, moments)
    inputs = theory.required_mu_ext(course)
    return {name: PiecewiseLinear(moments, inputs[:, k]) for k, name in enumerate(theory.populations)}


def stable_along(theory: Reduction, rates: Any) -> np.ndarray:
    """Whether each point of a trajectory of rates is a stable steady state at the inputs that it requires, (T,).

    ``theory`` and ``rates`` as for :func:`inputs_for_trajectory`. Where it is false the circuit leaves the target.
    """
    if not isinstance(theory, (SSN, SelfConsistent)):
        raise NotApplicableError(f"stability is that of SSN or SelfConsistent, not of {type(theory).__name__}")
    course = _course(theory, rates)
    if isinstance(theory, SSN):
        if isinstance(theory.network, PlasticSSN):
            matrices = [theory.network.linearisation(one, theory.tau_population) for one in course]
            return np.all(np.linalg.eigvals(matrices).real < 0, axis=-1)
        slopes = theory.network.gains(course)[..., None] * theory.network.weights
        tau = np.array(theory.tau_population)
    else:
        _check_reachable(theory, course, np.arange(len(course), dtype=float))
        theory = theory.with_input_noise(theory.poisson_inputs.rates)
        one, external = theory.coupling, theory.total_external_inputs(course)
        if one.efficacies is not None:
            matrices = [one.linearisation(*point) for point in zip(course, external, strict=True)]
            return np.all(np.linalg.eigvals(matrices).real < 0, axis=-1)
        slopes, tau = one.jacobian(course, external), one.time_constants(course)
    return np.all(linear_spectrum(slopes, tau).real < 0, axis=-1)


def _course(theory: Reduction, rates: Any) -> np.ndarray:
    """Rates as an array (T, populations)."""
    names = theory.populations
    if isinstance(rates, Mapping):
        missing = [name for name in names if name not in rates]
        if missing:
            raise InvalidInputError(f"rates: no entry for population '{missing[0]}'")
        for name in rates:
            if name not in names:
                raise InvalidInputError(f"rates: '{name}' is not a population. {nearest(name, names)}")
        columns = [np.atleast_1d(floats_of(rates[name], "Hz", f"rates of {name}")) for name in names]
        lengths = {len(column) for column in columns} - {1}
        if len(lengths) > 1 or any(column.ndim != 1 for column in columns):
            raise InvalidInputError(f"rates: the populations have courses of different shapes, {sorted(lengths)}")
        course = np.stack(np.broadcast_arrays(*columns), axis=-1)
    else:
        course = np.atleast_2d(floats_of(rates, "Hz", "rates"))
        if course.ndim != 2 or course.shape[1] != len(names):
            raise InvalidInputError(f"rates: expected shape (T, {len(names)}) for {names}, got {course.shape}")
    if not np.isfinite(course).all() or (course < 0).any():
        raise InvalidInputError("rates: must be finite and not negative, in Hz")
    return np.array(course, dtype=float)


def _moments(times: Any, count: int) -> np.ndarray:
    if times is None:
        return np.arange(count, dtype=float)
    moments = np.atleast_1d(floats_of(times, "s", "times"))
    if moments.shape != (count,):
        raise InvalidInputError(f"times: expected {count} times, one per point of the rates, got shape {moments.shape}")
    return moments


def _free_sources(theory: SSN, free: Mapping[str, str] | None) -> dict[str, str]:
    names = theory.populations
    if free is None:
        if "excitatory" not in theory.kinds:
            raise InvalidInputError("free: there is no excitatory population; say which connection of each is free")
        return dict.fromkeys(names, names[theory.kinds.index("excitatory")])
    for name in [*free.keys(), *free.values()]:
        if name not in names:
            raise InvalidInputError(f"free: '{name}' is not a population. {nearest(name, names)}")
    for name in names:
        if name not in free:
            raise InvalidInputError(f"free: population '{name}' needs a free incoming connection, e.g. '{names[0]}'")
    return dict(free)


def _violations(connection: str, needed: np.ndarray, good: np.ndarray, times: np.ndarray) -> list[str]:
    """A sentence for each stretch of ``times`` on which the weight of ``connection`` is not possible."""
    bad = np.flatnonzero(~good)
    stretches = np.split(bad, np.flatnonzero(np.diff(bad) > 1) + 1) if len(bad) else []
    sentences = []
    for part in stretches:
        first, last = times[part[0]], times[part[-1]]
        when = f"at {first:.6g} s" if len(part) == 1 else f"from {first:.6g} to {last:.6g} s"
        lowest = part[np.argmin(np.nan_to_num(needed[part], nan=np.inf))]
        if np.isnan(needed[lowest]):
            sentences.append(f"J {connection} {when}: its source is silent, so no weight brings the input needed")
        else:
            sentences.append(
                f"J {connection} >= 0 is violated {when}: {needed[lowest]:.4g} mV at {times[lowest]:.6g} s"
            )
    return sentences


def _check_reachable(theory: Reduction, course: np.ndarray, times: np.ndarray) -> None:
    """Raise with the population and the time for a rate that no mean input gives (SelfConsistent)."""
    if not isinstance(theory, SelfConsistent):
        return
    limit = 1.0 / np.maximum(theory.coupling.refractory, 1e-300)
    wrong = np.argwhere((course <= 0) | (course >= limit))
    if len(wrong):
        k, x = wrong[0]
        bound = f" and below 1/refractory = {limit[x]:g} Hz" if limit[x] < 1e299 else ""
        raise InvalidInputError(
            f"rates of {theory.populations[x]}: {course[k, x]:g} Hz at {times[k]:g} s is given by no mean input; "
            f"expected a rate above 0{bound}"
        )
