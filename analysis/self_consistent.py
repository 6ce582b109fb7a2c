"""Self-consistent rates with the Ricciardi transfer function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np

from ssnbrian.circuit import Circuit
from ssnbrian.circuit.units import floats_of

from .conductance_coupling import ConductanceCoupling
from .linear_response import excitation_falls, excitation_unstable, input_direction, linear_spectrum
from .mean_field import coupling_of, lif_refusal
from .poisson_inputs import PoissonInputs
from .reduction import Reduction
from .self_consistent_solver import Coupling
from .states import SteadyState, SteadyStates


@final
@dataclass(frozen=True, eq=False)
class SelfConsistent(Reduction):
    """Eq 14 of Ekelmans et al. 2023: nu_X = Phi(mean input, sqrt(sigma_ext² + recurrent variance), tau_X).

    Stability is that of tau_population dnu/dt = -nu + Phi, with the membrane time constants by default (an
    assumption). States are searched for up to ``maximum_rate`` Hz. Short-term plasticity multiplies the weights by the
    mean efficacy at the rate of their source and the variances by its square (an approximation, see `Coupling`); the
    eigenvalues are then those of the rates and the variables of the synapses together. Conductances shorten the time
    constants, see `ConductanceCoupling`; the states are then not proven to be all.
    """

    name: ClassVar[str] = "self_consistent"
    coupling: Coupling | ConductanceCoupling
    kinds: tuple[str, ...]
    maximum_rate: float = 100.0
    poisson_inputs: PoissonInputs = field(default_factory=PoissonInputs)

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
        names = tuple(one.name for one in circuit.populations)
        inputs = PoissonInputs.of_circuit(circuit, names)
        return cls(coupling_of(circuit), tuple(one.kind for one in circuit.populations), limit, inputs)

    def with_input_noise(self, input_rates: np.ndarray) -> SelfConsistent:
        """The theory whose external noise includes that of the input populations at ``input_rates`` (inputs,), Hz."""
        if not self.poisson_inputs.names:
            return self
        coupling = self.coupling.with_inputs(self.poisson_inputs, np.asarray(input_rates, dtype=float))
        return replace(self, coupling=coupling, poisson_inputs=PoissonInputs())

    def inputs(self, rates: np.ndarray, mu_ext: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (mV/s) and noise (mV/sqrt(s)) of the total input at ``rates``, shape (populations,) (Eq 12)."""
        return self.coupling.inputs(rates, mu_ext)

    def rates_of(self, rates: np.ndarray, mu_ext: np.ndarray) -> np.ndarray:
        """Phi at the inputs that ``rates`` produce: equal to ``rates`` at a steady state, Hz."""
        return self.coupling.rates_of(rates, mu_ext)

    def steady_states(self, mu_ext: Any, ratio: float = 1.0) -> SteadyStates:
        """All states found in the box [0, maximum_rate]; ``complete`` is false where that is not proven."""
        external = self.external_inputs(mu_ext, ratio)
        theory = self.with_input_noise(self.poisson_inputs.rates_in(mu_ext))
        roots = theory.coupling.find_states(external, self.maximum_rate)
        direction = input_direction(self.kinds, external if isinstance(mu_ext, Mapping) else None, ratio)
        states = tuple(theory._state(rates, external, direction) for rates in roots.rates)
        reason = roots.reason
        fastest = 1.0 / np.maximum(self.coupling.refractory, 1e-300)
        if roots.complete:
            bounded = np.all(fastest <= self.maximum_rate)
            reason += "; the refractory period excludes higher rates" if bounded else "; higher rates are not excluded"
        return SteadyStates(states, roots.complete, reason, self.by_population(external))

    def _state(self, rates: np.ndarray, external: np.ndarray, direction: np.ndarray) -> SteadyState:
        slopes = self.coupling.jacobian(rates, external)
        spectrum, isn = self._stability(slopes, rates, external)
        mean, _ = self.inputs(rates, external)
        gain = self.coupling.gains(rates, external)
        return SteadyState(
            rates=self.by_population(rates),
            inputs=self.by_population(mean),
            stable=bool(np.all(spectrum.real < 0)),
            eigenvalues=tuple(complex(value) for value in spectrum),
            residual=float(np.max(np.abs(self.rates_of(rates, external) - rates))),
            inhibition_stabilized=isn,
            supersaturating=excitation_falls(slopes, gain * direction, self.kinds),
        )

    def _stability(self, slopes: np.ndarray, rates: np.ndarray, external: np.ndarray) -> tuple[np.ndarray, bool]:
        """The eigenvalues, 1/s, and whether the state is inhibition-stabilized."""
        one = self.coupling
        if one.efficacies is None:
            return linear_spectrum(slopes, one.time_constants(rates)), excitation_unstable(slopes, self.kinds)
        matrix = one.linearisation(rates, external)
        return np.linalg.eigvals(matrix).astype(complex), one.efficacies.excitation_unstable(matrix, self.kinds)

    def required_inputs(self, rates: Mapping[str, float]) -> dict[str, float]:
        """External inputs, mV/s, that make ``rates`` (Hz, > 0) a steady state: Phi inverted in the mean input at the
        noise that the rates cause (Eq 14). Raises ValueError for a rate that no input gives (0, or above 1/t_ref).
        """
        wanted = np.array([float(rates[name]) for name in self.populations])
        return self.by_population(self.required_mu_ext(wanted))

    def required_mu_ext(self, rates: np.ndarray) -> np.ndarray:
        """:meth:`required_inputs` for arrays of rates (..., populations), Hz; mV/s."""
        return self.total_external_inputs(rates) - self.poisson_inputs.mean(self.poisson_inputs.rates)

    def total_external_inputs(self, rates: np.ndarray) -> np.ndarray:
        """:meth:`required_mu_ext` with the part of input populations, mV/s, at rates (..., populations), Hz."""
        return self.with_input_noise(self.poisson_inputs.rates).coupling.required(rates)
