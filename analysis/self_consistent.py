"""Self-consistent rates with the Ricciardi transfer function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from ssnbrian.circuit import Circuit
from ssnbrian.circuit.units import floats_of

from . import transfer
from .mean_field import coupling_of, lif_refusal
from .reduction import Reduction
from .self_consistent_solver import Coupling, find_states, jacobian
from .states import SteadyState, SteadyStates


@final
@dataclass(frozen=True, eq=False)
class SelfConsistent(Reduction):
    """Eq 14 of Ekelmans et al. 2023: nu_X = Phi(mean input, sqrt(sigma_ext² + recurrent variance), tau_X).

    Stability is that of tau_population dnu/dt = -nu + Phi, with the membrane time constants by default (an
    assumption). States are searched for up to ``maximum_rate`` Hz.
    """

    name: ClassVar[str] = "self_consistent"
    coupling: Coupling
    kinds: tuple[str, ...]
    maximum_rate: float = 100.0

    @property
    def populations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the populations."""
        return self.coupling.populations

    @classmethod
    def refusal(cls, circuit: Circuit) -> str | None:
        """Leaky integrate-and-fire neurons with white noise are needed."""
        return lif_refusal(circuit)

    @classmethod
    def from_circuit(cls, circuit: Circuit, maximum_rate: Any = 100.0, **_: Any) -> SelfConsistent:
        """The self-consistent theory of a circuit; ``maximum_rate`` (Hz or quantity) bounds the search."""
        cls.require(circuit)
        limit = float(floats_of(maximum_rate, "Hz", "maximum_rate"))
        return cls(coupling_of(circuit), tuple(one.kind for one in circuit.populations), limit)

    def inputs(self, rates: np.ndarray, mu_ext: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (mV/s) and noise (mV/sqrt(s)) of the total input at ``rates``, shape (populations,) (Eq 12)."""
        one = self.coupling
        mean = mu_ext + one.weights @ (one.signs * rates)
        return mean, np.sqrt(one.sigma**2 + one.variances @ rates)

    def rates_of(self, rates: np.ndarray, mu_ext: np.ndarray) -> np.ndarray:
        """Phi at the inputs that ``rates`` produce: equal to ``rates`` at a steady state, Hz."""
        one = self.coupling
        mean, sigma = self.inputs(rates, mu_ext)
        return transfer.rate(mean, sigma, one.tau, one.threshold, one.reset, one.refractory)

    def steady_states(self, mu_ext: Any, ratio: float = 1.0) -> SteadyStates:
        """All states found in the box [0, maximum_rate]; ``complete`` is false where that is not proven."""
        external = self.external_inputs(mu_ext, ratio)
        roots = find_states(self.coupling, external, self.maximum_rate)
        direction = external / external[self.kinds.index("excitatory")] if isinstance(mu_ext, Mapping) else None
        if direction is None or not np.all(np.isfinite(direction)):
            direction = np.array([1.0 if kind == "excitatory" else float(ratio) for kind in self.kinds])
        states = tuple(self._state(rates, external, direction) for rates in roots.rates)
        return SteadyStates(states, roots.complete, roots.reason, self.by_population(external))

    def _state(self, rates: np.ndarray, external: np.ndarray, direction: np.ndarray) -> SteadyState:
        one = self.coupling
        slopes = jacobian(one, rates, external)
        spectrum = np.linalg.eigvals((slopes - np.eye(len(rates))) / one.tau[:, None])
        mean, sigma = self.inputs(rates, external)
        gain, _ = transfer.rate_derivatives(mean, sigma, one.tau, one.threshold, one.reset, one.refractory)
        response = np.linalg.solve(np.eye(len(rates)) - slopes, gain * direction)
        excitatory = [index for index, kind in enumerate(self.kinds) if kind == "excitatory"]
        block = slopes[np.ix_(excitatory, excitatory)]
        stable = bool(np.all(spectrum.real < 0))
        return SteadyState(
            rates=self.by_population(rates),
            inputs=self.by_population(mean),
            stable=stable,
            eigenvalues=tuple(complex(value) for value in spectrum),
            residual=float(np.max(np.abs(self.rates_of(rates, external) - rates))),
            inhibition_stabilized=bool(np.max(np.linalg.eigvals(block).real, initial=-np.inf) > 1),
            supersaturating=stable and bool(np.all(response[excitatory] < 0)) and bool(excitatory),
        )
