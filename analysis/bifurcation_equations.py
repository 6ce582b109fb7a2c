"""The steady-state equations of a theory along parameters, as continuation needs them.

``RateTheory`` says what is needed; ``SSNEquations`` uses the total mean inputs mu_X as unknowns, in which a silent
population is no singular case (its input simply lies below b_X), ``SelfConsistentEquations`` the inverse hyperbolic
sines of the rates. In both, D = det(1 - d(rates)/d(rates)) vanishes at folds and branch points. Where two eigenvalues
add up to zero, their product over all pairs vanishes: a Hopf point if the pair is imaginary, else a neutral saddle.
Dynamics: tau_X d nu_X / dt = -nu_X + Phi_X (Eq 2 of Ekelmans et al. 2023).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from . import transfer
from .bifurcation_parameters import coupling_with, network_of
from .continuation import Array, Curve, differences
from .parameter_family import Family, Slice
from .self_consistent_solver import Coupling, find_states
from .self_consistent_solver import jacobian as self_consistent_slopes
from .self_consistent_solver import linearisation as self_consistent_linearisation
from .steady_state_search import REASONS, steady_states_of_many

_RATE_UNIT = 0.1
"""Hz; below, rates of the self-consistent theory are resolved linearly, above logarithmically."""


class RateTheory(ABC):
    """Steady states x of one theory along the parameters p of ``family``; x has shape (populations,).

    Attributes
    ----------
    theory : "ssn" or "self_consistent".
    populations, kinds : names and kinds, in the order of x.
    state_scale : typical change of an unknown x.
    """

    theory: ClassVar[str]
    populations: tuple[str, ...]
    kinds: tuple[str, ...]
    family: Family | Slice
    state_scale: float

    @abstractmethod
    def residual(self, x: Array, p: Sequence[float]) -> Array:
        """Zero at a steady state, shape (populations,)."""

    @abstractmethod
    def state_jacobian(self, x: Array, p: Sequence[float]) -> Array:
        """d residual / dx, shape (populations, populations)."""

    @abstractmethod
    def rates(self, x: Array, p: Sequence[float]) -> Array:
        """Rates in Hz."""

    @abstractmethod
    def slopes(self, x: Array, p: Sequence[float]) -> Array:
        """d Phi_X / d nu_Y, no unit, shape (populations, populations)."""

    @abstractmethod
    def tau(self, p: Sequence[float]) -> Array:
        """Population time constants in s."""

    @abstractmethod
    def all_states(self, values: Array) -> tuple[list[Array], list[bool], str]:
        """Every steady state x, shape (k, populations), at each value of the one parameter; complete or not; how."""

    def margins(self, x: Array, p: Sequence[float]) -> Array:
        """Input of each population above the border of its rectifier, mV/s; empty where there is no rectifier."""
        return np.zeros(0)

    def linearisation(self, x: Array, p: Sequence[float]) -> Array:
        """Jacobian of the dynamics in 1/s."""
        return (self.slopes(x, p) - np.eye(len(x))) / self.tau(p)[:, None]

    def determinant(self, x: Array, p: Sequence[float]) -> float:
        """D, no unit: negative at a saddle, zero at a fold."""
        return float(np.linalg.det(np.eye(len(x)) - self.slopes(x, p)))

    def pair_sums(self, x: Array, p: Sequence[float]) -> float:
        """Product over all pairs of eigenvalues of their sum, 1/s each; the trace for two populations."""
        matrix = self.linearisation(x, p)
        if len(matrix) == 2:
            return float(np.trace(matrix))
        spectrum = np.linalg.eigvals(matrix)
        pairs = np.triu_indices(len(spectrum), 1)
        return float(np.prod(spectrum[pairs[0]] + spectrum[pairs[1]]).real)

    def inhibition_stabilized(self, x: Array, p: Sequence[float]) -> bool:
        """Whether the excitatory populations alone would be unstable at these rates (Eq 7)."""
        excitatory = [k for k, kind in enumerate(self.kinds) if kind == "excitatory"]
        block = self.slopes(x, p)[np.ix_(excitatory, excitatory)]
        return bool(np.max(np.linalg.eigvals(block).real, initial=-np.inf) > 1)

    def curve(self) -> Curve:
        """Steady states over the parameters, which follow x in y = (x, p)."""
        P = len(self.populations)
        spans = [(high - low) / 10 for low, high in self.family.ranges]
        scale = np.array([self.state_scale] * P + spans)

        def split(y: Array) -> tuple[Array, Array]:
            return y[:P], y[P:]

        def jacobian(y: Array) -> Array:
            x, p = split(y)
            by_parameter = differences(lambda q: self.residual(x, q), p, scale[P:])
            return np.hstack([self.state_jacobian(x, p), by_parameter])

        return Curve(lambda y: self.residual(*split(y)), jacobian, scale)


class SSNEquations(RateTheory):
    """Eq 3 in the total mean inputs: 0 = -mu_X + J_XE nu_E - J_XI nu_I + mu_ext_X, in mV/s."""

    theory = "ssn"
    kinds = ("excitatory", "inhibitory")
    state_scale = 5.0

    def __init__(
        self, populations: tuple[str, ...], family: Family | Slice, maximum_rate: float, fitted: Sequence[float] = ()
    ) -> None:
        """``fitted``: the rate in Hz up to which each population's transfer function was fitted."""
        self.populations, self.family, self.maximum_rate = populations, family, maximum_rate
        self.fitted = np.array(fitted if len(fitted) else [np.inf] * len(populations))

    def law(self, p: Sequence[float]) -> tuple[Array, Array, Array, Array]:
        """log a, b (mV/s), n, each (populations,), and the signed weights (mV), [target, source]."""
        numbers = self.family.numbers(p)
        E_E, E_I, I_E, I_I = numbers[6:10]
        return numbers[[0, 3]], numbers[[1, 4]], numbers[[2, 5]], np.array([[E_E, -E_I], [I_E, -I_I]])

    def residual(self, x: Array, p: Sequence[float]) -> Array:
        log_a, b, n, weights = self.law(p)
        return weights @ _power(log_a, x - b, n) - x + self.family.inputs(p)

    def state_jacobian(self, x: Array, p: Sequence[float]) -> Array:
        log_a, b, n, weights = self.law(p)
        return weights * (n * _power(log_a, x - b, n - 1)) - np.eye(len(x))

    def rates(self, x: Array, p: Sequence[float]) -> Array:
        log_a, b, n, _ = self.law(p)
        return _power(log_a, x - b, n)

    def slopes(self, x: Array, p: Sequence[float]) -> Array:
        log_a, b, n, weights = self.law(p)
        return (n * _power(log_a, x - b, n - 1))[:, None] * weights

    def tau(self, p: Sequence[float]) -> Array:
        return self.family.numbers(p)[10:12]

    def margins(self, x: Array, p: Sequence[float]) -> Array:
        return x - self.law(p)[1]

    def drift_derivatives(self, x: Array, p: Sequence[float], order: int) -> Array:
        """d^order Phi_X / d mu_X^order in Hz/(mV/s)^order, shape (populations,)."""
        log_a, b, n, _ = self.law(p)
        return np.prod([n - k for k in range(order)], axis=0) * _power(log_a, x - b, n - order)

    def signed_weights(self, p: Sequence[float]) -> Array:
        """J in mV with sign, [target, source]."""
        return self.law(p)[3]

    def all_states(self, values: Array) -> tuple[list[Array], list[bool], str]:
        states, complete, reason = [], [], ""
        inputs = np.array([self.family.inputs([value]) for value in values])
        numbers = np.array([self.family.numbers([value]) for value in values])
        same = bool(np.all(numbers[:, :10] == numbers[0, :10]))
        for group in [np.arange(len(values))] if same else [np.array([k]) for k in range(len(values))]:
            found = steady_states_of_many(network_of(numbers[group[0]]), inputs[group, 0], inputs[group, 1])
            for k in range(len(group)):
                mine = found.inputs[found.problem == k]
                low = np.max(found.rates[found.problem == k], axis=-1, initial=0) <= self.maximum_rate
                states.append(mine[low])
                complete.append(bool(found.complete[k]) and bool(np.all(low)))
                if not complete[-1]:
                    left_out = f"states above {self.maximum_rate:g} Hz are left out"
                    reason = REASONS[int(found.reason[k])] if not found.complete[k] else left_out
        return states, complete, reason


def _power(log_a: Array, above: Array, exponent: Array) -> Array:
    """a above_+^exponent, 0 where above is not positive."""
    positive = above > 0
    with np.errstate(over="ignore"):
        return np.where(positive, np.exp(log_a + exponent * np.log(np.where(positive, above, 1.0))), 0.0)


class SelfConsistentEquations(RateTheory):
    """Eq 14 in x_X = arsinh(nu_X / 0.1 Hz): 0 = -nu_X + Phi(mean, noise), in Hz."""

    theory = "self_consistent"
    state_scale = 1.0

    def __init__(self, coupling: Coupling, kinds: tuple[str, ...], family: Family | Slice, maximum_rate: float) -> None:
        self.populations, self.kinds, self.family = coupling.populations, kinds, family
        self._coupling, self.maximum_rate = coupling, maximum_rate
        self._constant = all(name in ("mu_ext", "ratio", "mu_ext_I") for name in family.names)

    def coupling(self, p: Sequence[float]) -> Coupling:
        """The coupling at the parameters."""
        return self._coupling if self._constant else coupling_with(self._coupling, self.family.numbers(p))

    def _external(self, p: Sequence[float]) -> Array:
        mu_E, mu_I = self.family.inputs(p)
        return np.array([mu_E if kind == "excitatory" else mu_I for kind in self.kinds])

    def rates(self, x: Array, p: Sequence[float]) -> Array:
        return _RATE_UNIT * np.sinh(x)

    def residual(self, x: Array, p: Sequence[float]) -> Array:
        coupling, rates = self.coupling(p), self.rates(x, p)
        mean, variance_root = coupling.inputs(np.maximum(rates, 0.0), self._external(p))
        return transfer.rate(mean, variance_root, *coupling.neuron) - rates

    def slopes(self, x: Array, p: Sequence[float]) -> Array:
        return self_consistent_slopes(self.coupling(p), np.maximum(self.rates(x, p), 0.0), self._external(p))

    def state_jacobian(self, x: Array, p: Sequence[float]) -> Array:
        return (self.slopes(x, p) - np.eye(len(x))) * (_RATE_UNIT * np.cosh(x))

    def tau(self, p: Sequence[float]) -> Array:
        return self.coupling(p).tau

    def linearisation(self, x: Array, p: Sequence[float]) -> Array:
        rates = np.maximum(self.rates(x, p), 0.0)
        return self_consistent_linearisation(self.coupling(p), rates, self._external(p))

    def inhibition_stabilized(self, x: Array, p: Sequence[float]) -> bool:
        efficacies = self._coupling.efficacies
        if efficacies is None:
            return super().inhibition_stabilized(x, p)
        return efficacies.excitation_unstable(self.linearisation(x, p), self.kinds)

    def all_states(self, values: Array) -> tuple[list[Array], list[bool], str]:
        states, complete, reason = [], [], ""
        for value in values:
            found = find_states(self.coupling([value]), self._external([value]), self.maximum_rate)
            states.append(np.arcsinh(found.rates / _RATE_UNIT))
            complete.append(found.complete)
            reason = reason if found.complete else found.reason
        return states, complete, reason
