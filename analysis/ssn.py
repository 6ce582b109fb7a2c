"""The stabilized supralinear network of a circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from ssnbrian.circuit import Circuit, InvalidInputError, Population
from ssnbrian.circuit.units import floats_of

from .characteristic import TwoPopulationSSN, eigenvalues
from .conditions import condition
from .folds import Folds, folds
from .mean_field import excitatory_first, lif_numbers, recognise_lif
from .power_law import PowerLaw, fit_transfer
from .reduction import Reduction
from .states import SteadyState, SteadyStates
from .steady_state_search import steady_state_roots


def _fitted(circuit: Circuit, population: Population) -> PowerLaw:
    try:
        return fit_transfer(**lif_numbers(population))
    except ValueError as error:
        raise InvalidInputError(
            f"the transfer function of {population.name} in '{circuit.name}' cannot be fitted by a power law: {error}"
        ) from None


@final
@dataclass(frozen=True)
class SSN(Reduction):
    """Eq 2 of Ekelmans et al. 2023 for one excitatory and one inhibitory population.

    Attributes
    ----------
    populations : names, excitatory first.
    transfer : power law of each population (a in Hz/(mV/s)^n, b in mV/s), excitatory first.
    network : the coefficients.
    tau_population : population time constants, s. The paper looks at equilibria only and gives none; by default
        they are the membrane time constants, an assumption on which stability, eigenvalues and Hopf points depend.
    """

    name: ClassVar[str] = "ssn"
    populations: tuple[str, str]
    transfer: tuple[PowerLaw, PowerLaw]
    network: TwoPopulationSSN
    tau_population: tuple[float, float]
    kinds: tuple[str, ...] = ("excitatory", "inhibitory")

    @classmethod
    def refusal(cls, circuit: Circuit) -> str | None:
        """One excitatory and one inhibitory population are needed."""
        kinds = sorted(population.kind for population in circuit.populations)
        if kinds != ["excitatory", "inhibitory"]:
            return f"it needs one excitatory and one inhibitory population, the circuit has {', '.join(kinds)}"
        return None

    @classmethod
    def from_circuit(
        cls, circuit: Circuit, transfer: Mapping[str, PowerLaw] | None = None, tau_population: Any = None, **_: Any
    ) -> SSN:
        """The SSN of a circuit.

        Parameters
        ----------
        transfer : power law of each population by name; default: fitted to the Ricciardi function at the external
            noise of each population, for leaky integrate-and-fire neurons.
        tau_population : mapping name -> population time constant (quantity, or s); default: the membrane's.

        Raises
        ------
        NotApplicableError : not one excitatory and one inhibitory population.
        InvalidInputError : a transfer function is missing for a neuron that is not a leaky integrate-and-fire one.
        """
        cls.require(circuit)
        ordered, weights = excitatory_first(circuit)
        laws, taus = [], []
        for population in ordered:
            lif = recognise_lif(population.neuron)
            if transfer is not None and population.name in transfer:
                laws.append(transfer[population.name])
            elif lif is not None:
                laws.append(_fitted(circuit, population))
            else:
                raise InvalidInputError(
                    f"the SSN of '{circuit.name}' needs the transfer function of {population.name} "
                    f"({population.neuron.name}): give transfer={{'{population.name}': PowerLaw(a, b, n)}}"
                )
            given = (tau_population or {}).get(population.name)
            if given is not None:
                taus.append(float(floats_of(given, "s", f"population time constant of {population.name}")))
            elif lif is not None:
                taus.append(lif_numbers(population)["tau"])
            else:
                raise InvalidInputError(f"give tau_population for {population.name}, whose membrane has no single one")
        E, I = laws
        network = TwoPopulationSSN(E.a, E.b, E.n, I.a, I.b, I.n, *weights.ravel().tolist())
        return cls(tuple(one.name for one in ordered), (E, I), network, tuple(taus))

    def values(self, **more: Any) -> dict[str, Any]:
        """The coefficients by the names that the conditions use, with ``more`` added."""
        names = ("a_E", "b_E", "n_E", "a_I", "b_I", "n_I", "J_EE", "J_EI", "J_IE", "J_II")
        taus = {"tau_E": self.tau_population[0], "tau_I": self.tau_population[1]}
        return {name: getattr(self.network, name) for name in names} | taus | more

    def steady_states(self, mu_ext: Any, ratio: float = 1.0) -> SteadyStates:
        """All steady states, silent and unstable ones included, through the characteristic function (S10)."""
        mu_E, mu_I = self.external_inputs(mu_ext, ratio)
        roots = steady_state_roots(self.network, mu_E, mu_I)
        local_ratio = mu_I / mu_E if isinstance(mu_ext, Mapping) and mu_E else ratio
        states = tuple(
            self._state(rates, inputs, float(local_ratio))
            for rates, inputs in zip(roots.rates, roots.inputs, strict=True)
        )
        return SteadyStates(states, roots.complete, roots.reason, self.by_population((mu_E, mu_I)))

    def _state(self, rates: np.ndarray, inputs: np.ndarray, ratio: float) -> SteadyState:
        values = self.values(rate_E=rates[0], rate_I=rates[1], r=max(ratio, 0.0))
        spectrum = eigenvalues(self.network, rates, *self.tau_population)
        limits = [law.rate_range[1] for law in self.transfer]
        stable = bool(np.all(spectrum.real < 0))
        saddle = bool(condition("saddle").evaluate(values))
        return SteadyState(
            rates=self.by_population(rates),
            inputs=self.by_population(inputs),
            stable=stable,
            eigenvalues=tuple(complex(value) for value in spectrum),
            residual=float(np.max(np.abs(self.network.rates(inputs) - rates))),
            inhibition_stabilized=bool(condition("inhibition_stabilized").evaluate(values)),
            supersaturating=not saddle and bool(rates[0] > 0) and bool(condition("supersaturation").evaluate(values)),
            extrapolated=bool(np.any(rates > np.array(limits))),
        )

    def folds(self, ratio: float = 1.0, mu_ext: tuple[float, float] | None = None) -> Folds:
        """All folds in mu_ext at this ratio (F = F' = 0)."""
        return folds(self.network, ratio, mu_ext)

    def required_inputs(self, rates: Mapping[str, float]) -> dict[str, float]:
        """External inputs, mV/s, that make ``rates`` (Hz) a steady state (Eq 5/6).

        For a silent population, which has a half-line of inputs, the largest of them. Raises ValueError for a
        negative or infinite rate.
        """
        E, I = self.populations
        values = self.values(rate_E=float(rates[E]), rate_I=float(rates[I]))
        return self.by_population([condition(f"required_mu_ext_{one}").evaluate(values) for one in "EI"])

    def conditions(self, ratio: float = 1.0) -> dict[str, dict[str, Any]]:
        """Which regimes are possible at this ratio and from which rate on, from the SymPy derivations.

        Returns ``supersaturation`` {possible, threshold_rate_I (Hz or None)}, ``isn`` {threshold_rate_E} and
        ``balanced`` {exists, stable}.
        """
        if ratio < 0:
            raise InvalidInputError(f"ratio must not be negative, got {ratio:g}")
        values = self.values(r=ratio)

        def finite(number: float) -> float | None:
            return float(number) if np.isfinite(number) else None

        return {
            "supersaturation": {
                "possible": bool(condition("supersaturation_possible").evaluate(values)),
                "threshold_rate_I": finite(condition("supersaturation").evaluate_threshold(values)),
            },
            "isn": {"threshold_rate_E": finite(condition("inhibition_stabilized").evaluate_threshold(values))},
            "balanced": {
                "exists": bool(condition("balanced_exists").evaluate(values)),
                "stable": bool(condition("balanced_stable").evaluate(values)),
            },
        }
