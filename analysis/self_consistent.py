"""Self-consistent rates with the Ricciardi transfer function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np

from ssnbrian.circuit import Circuit
from ssnbrian.circuit.units import floats_of

from . import transfer
from .linear_response import excitation_falls, excitation_unstable, input_direction, linear_spectrum
from .mean_field import coupling_of, lif_refusal
from .poisson_inputs import PoissonInputs
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
        sigma = np.sqrt(self.coupling.sigma**2 + self.poisson_inputs.variance(input_rates))
        return replace(self, coupling=replace(self.coupling, sigma=sigma), poisson_inputs=PoissonInputs())

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
        theory = self.with_input_noise(self.poisson_inputs.rates_in(mu_ext))
        roots = find_states(theory.coupling, external, self.maximum_rate)
        direction = input_direction(self.kinds, external if isinstance(mu_ext, Mapping) else None, ratio)
        states = tuple(theory._state(rates, external, direction) for rates in roots.rates)
        reason = roots.reason
        fastest = 1.0 / np.maximum(self.coupling.refractory, 1e-300)
        if roots.complete:
            bounded = np.all(fastest <= self.maximum_rate)
            reason += "; the refractory period excludes higher rates" if bounded else "; higher rates are not excluded"
        return SteadyStates(states, roots.complete, reason, self.by_population(external))

    def _state(self, rates: np.ndarray, external: np.ndarray, direction: np.ndarray) -> SteadyState:
        one = self.coupling
        slopes = jacobian(one, rates, external)
        spectrum = linear_spectrum(slopes, one.tau)
        mean, sigma = self.inputs(rates, external)
        gain, _ = transfer.rate_derivatives(mean, sigma, one.tau, one.threshold, one.reset, one.refractory)
        return SteadyState(
            rates=self.by_population(rates),
            inputs=self.by_population(mean),
            stable=bool(np.all(spectrum.real < 0)),
            eigenvalues=tuple(complex(value) for value in spectrum),
            residual=float(np.max(np.abs(self.rates_of(rates, external) - rates))),
            inhibition_stabilized=excitation_unstable(slopes, self.kinds),
            supersaturating=excitation_falls(slopes, gain * direction, self.kinds),
        )

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
        one = self.with_input_noise(self.poisson_inputs.rates).coupling
        rates = np.asarray(rates, dtype=float)
        mean, sigma = one.inputs(rates, 0.0)
        return transfer.mean_input(rates, sigma, *one.neuron) - mean
