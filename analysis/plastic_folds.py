"""Folds and regime maps of an SSN with short-term plasticity, whose weights depend on the rates.

Branches of steady states over mu_ext are traced in the total mean inputs, in which a silent population is no singular
case, from complete sets of states at a grid of mu_ext; folds are the zeros of det(1 - dPhi/dnu) along them.
Units: mV/s, Hz, s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.units import floats_of

from .bifurcation_builder import DiagramBuilder
from .bifurcation_results import crossings
from .continuation import Array, Curve
from .folds import Folds
from .plastic_equations import PlasticEquations
from .plastic_network import PlasticSSN
from .reduction import NotApplicableError
from .regime_map import RegimeMap, checked_ratios

if TYPE_CHECKING:
    from .ssn import SSN

__all__ = ["plastic_folds", "plastic_regime_map"]

_GRID = 41


class _AlongInput(PlasticEquations):
    """Any number of populations along mu_ext, of which the inhibitory ones receive ``ratio`` times as much."""

    family: Any = None  # the parameter is mu_ext alone

    def __init__(self, ssn: SSN, network: PlasticSSN, ratio: float, limits: tuple[float, float]) -> None:
        self.populations, self.kinds, self._network = ssn.populations, ssn.kinds, network
        self.direction = np.array([1.0 if kind == "excitatory" else ratio for kind in ssn.kinds])
        self.tau_population, self.maximum_rate, self.limits = np.array(ssn.tau_population), ssn.maximum_rate, limits

    def network(self, p: Sequence[float]) -> PlasticSSN:
        return self._network

    def external(self, p: Sequence[float]) -> Array:
        return self.direction * p[0]

    def tau(self, p: Sequence[float]) -> Array:
        return self.tau_population

    def curve(self) -> Curve:
        """Steady states in y = (mu, mu_ext)."""
        scale = np.array([self.state_scale] * len(self.populations) + [(self.limits[1] - self.limits[0]) / 10])

        def jacobian(y: Array) -> Array:
            return np.column_stack([self.state_jacobian(y[:-1], [y[-1]]), self.direction])

        return Curve(lambda y: self.residual(y[:-1], [y[-1]]), jacobian, scale)


def plastic_folds(ssn: SSN, ratio: float = 1.0, mu_ext: tuple[float, float] | None = None) -> Folds:
    """Folds in mu_ext of an SSN with plastic synapses, at mu_ext of I = ratio times that of E.

    Parameters
    ----------
    ratio : at least 0.
    mu_ext : (lowest, highest) in mV/s; default: from 0 to the input at which a population alone fires at
        ``ssn.maximum_rate``.

    ``complete`` is False: pairs of folds closer together than the grid of mu_ext, or above ``ssn.maximum_rate``, are
    not excluded; ``reason`` says so, and whether the branches agree with the states found at every value of the grid.
    Raises :class:`~ssnbrian.circuit.InvalidInputError` for an empty range or a negative ratio.
    """
    network = _plastic(ssn)
    ratio = float(checked_ratios(ratio)[0])
    if mu_ext is None:
        mu_ext = (0.0, max(float(law.inverse(np.array(ssn.maximum_rate))) for law in ssn.transfer))
    low, high = (float(floats_of(limit, "mV/s", "mu_ext limit")) for limit in mu_ext)
    if not low < high:
        raise InvalidInputError(f"mu_ext = ({low:g}, {high:g}) is an empty range; give (lowest, highest)")
    equations = _AlongInput(ssn, network, ratio, (low, high))
    builder = DiagramBuilder(equations, (low, high), _GRID, {})
    states, complete, why = builder.trace_all()
    points = sorted((y for test, y in builder.events if test == 0), key=lambda y: float(y[-1]))
    inputs = np.array([y[:-1] for y in points]).reshape(-1, len(ssn.populations))
    counts = [_crossings(builder, ssn.maximum_rate, value) for value in builder.grid]
    agree = counts == [len(here) for here in states]
    return Folds(
        mu_ext=np.array([float(y[-1]) for y in points]),
        rates=network.rates(inputs),
        z=inputs[:, 0] - network.static.b[0],
        multiplicity=np.ones(len(points), dtype=int),
        complete=False,
        reason=_reason(builder, ssn.maximum_rate, agree, all(complete), why),
    )


def _crossings(builder: DiagramBuilder, maximum_rate: float, value: float) -> int:
    found = [x for branch in builder.branches for x in crossings(builder.equations, branch, value)]
    return sum(bool(np.max(builder.equations.rates(x, [value])) <= maximum_rate) for x in found)


def _reason(builder: DiagramBuilder, maximum_rate: float, agree: bool, complete: bool, why: str) -> str:
    count, (low, high) = len(builder.grid), builder.limits
    if not complete:
        return f"the states at single values of mu_ext are not proven complete: {why}"
    if not agree:
        return f"branches and counts of states differ on {count} values of mu_ext: folds are missing"
    return (
        f"branches traced from {low:g} to {high:g} mV/s agree with the complete sets of states up to "
        f"{maximum_rate:g} Hz at {count} values of mu_ext, but two folds closer together than "
        f"{(high - low) / (count - 1):.3g} mV/s could lie between them"
    )


def plastic_regime_map(
    ssn: SSN,
    mu_ext: Any,
    ratio: Any,
    progress: Callable[[str, float], None] = lambda stage, fraction: None,
) -> RegimeMap:
    """All steady states of an E-I pair with plastic synapses at every pair of mu_ext and ratio, and what they are.

    Parameters
    ----------
    mu_ext : external input of E, mV/s or a quantity, shape (m,), ascending.
    ratio : mu_ext of I over that of E, shape (k,), ascending, at least 0.
    progress : called with the stage and the fraction done.

    Stability includes the dynamics of the synapses. ``balanced`` is "not derived" for every ratio.
    Raises :class:`~ssnbrian.analysis.reduction.NotApplicableError` unless one excitatory and one inhibitory
    population, and :class:`~ssnbrian.circuit.InvalidInputError` for an axis that is not finite and ascending.
    """
    _plastic(ssn)
    if ssn.kinds != ("excitatory", "inhibitory"):
        raise NotApplicableError(f"a regime map needs one excitatory and one inhibitory population, not {ssn.kinds}")
    mu = np.atleast_1d(np.asarray(floats_of(mu_ext, "mV/s", "mu_ext"), dtype=float))
    if mu.ndim != 1 or mu.size == 0 or np.any(np.diff(mu) <= 0):
        raise InvalidInputError("mu_ext: expected an array of shape (count,) with ascending values")
    ratios = checked_ratios(ratio)
    shape = len(ratios), len(mu)
    names = ("states", "stable", "isn_states", "supersaturating_states", "extrapolated_states")
    counts = {name: np.zeros(shape, dtype=np.int16) for name in names}
    rates = {name: np.full((*shape, 2), np.nan) for name in ("lowest", "highest")}
    complete, reasons = np.zeros(shape, dtype=bool), set()
    for k, at in enumerate(np.ndindex(shape)):
        found = ssn.steady_states(float(mu[at[1]]), float(ratios[at[0]]))
        stable = found.stable
        judged = ("inhibition_stabilized", "supersaturating", "extrapolated")
        numbers = [len(found), len(stable), *(sum(getattr(one, name) for one in stable) for name in judged)]
        for name, number in zip(names, numbers, strict=True):
            counts[name][at] = number
        if stable:
            rates["lowest"][at], rates["highest"][at] = (list(one.rates.values()) for one in (stable[0], stable[-1]))
        complete[at] = found.complete
        if not found.complete:
            reasons.add(found.reason)
        progress("steady states", (k + 1) / complete.size)
    known = f"at every point all states with rates up to {ssn.maximum_rate:g} Hz are found by branch and bound"
    return RegimeMap(
        populations=(ssn.populations[0], ssn.populations[1]),
        mu_ext=mu,
        ratio=ratios,
        **counts,
        **rates,
        complete=complete,
        reason=f"at {np.sum(~complete)} of {complete.size} points: {'; '.join(sorted(reasons))}" if reasons else known,
        balanced=np.full(len(ratios), "not derived"),
        tau_population=(ssn.tau_population[0], ssn.tau_population[1]),
        rate_limits=(ssn.transfer[0].rate_range[1], ssn.transfer[1].rate_range[1]),
    )


def _plastic(ssn: SSN) -> PlasticSSN:
    if not isinstance(ssn.network, PlasticSSN):
        raise NotApplicableError("no synapse of the circuit is plastic; use folds() and regime_map()")
    if np.any(ssn.poisson_inputs.mean(ssn.poisson_inputs.rates)):
        raise NotApplicableError(
            f"mu_ext and its ratio are not all that drives the circuit: set the rates of its input populations "
            f"({', '.join(ssn.poisson_inputs.names)}) to 0"
        )
    return ssn.network
