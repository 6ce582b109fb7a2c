"""What Poisson input populations add to the input of a circuit's populations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.units import floats_of

from .mean_efficacy import Efficacy


@dataclass(frozen=True, eq=False)
class PoissonInputs:
    """Input populations of a circuit, for mean-field theory.

    Attributes
    ----------
    names : of the input populations.
    rates : their rates where no others are given, Hz, shape (inputs,).
    weights : J = K j with the sign of the input, mV, shape (populations, inputs): mean input in mV/s per Hz (Eq 13 of
        Ekelmans et al. 2023).
    variances : K j² in mV², shape (populations, inputs): variance of the input per Hz (Eq 12).
    efficacies : (population, input, efficacy) of the plastic projections, whose weight the efficacy at the rate of the
        input multiplies, and whose variance its square (an approximation, see `Coupling`).
    """

    names: tuple[str, ...] = ()
    rates: np.ndarray = field(default_factory=lambda: np.zeros(0))
    weights: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    variances: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    efficacies: tuple[tuple[int, int, Efficacy], ...] = ()

    @classmethod
    def of_circuit(
        cls, circuit: Circuit, populations: tuple[str, ...], shunts: Mapping[str, float] | None = None
    ) -> PoissonInputs:
        """Those of a circuit, with rows in the order of ``populations``; ``shunts`` as in `mean_field.weight_matrix`.

        Raises :class:`~ssnbrian.analysis.reduction.NotApplicableError` with `efficacy_refusal` of a projection.
        """
        # Both import `reduction`, which imports this module.
        from .efficacy import efficacy_of
        from .mean_field import input_of

        names = tuple(one.name for one in circuit.inputs)
        weights = np.zeros((len(populations), len(names)))
        variances = np.zeros_like(weights)
        efficacies = []
        for projection in circuit.projections:
            if projection.source in names:
                position = populations.index(projection.target), names.index(projection.source)
                one, weight = input_of(circuit, projection), projection.weight.to("mV")
                in_degree = circuit.in_degree(projection)
                shift = one.conductance * (shunts or {}).get(projection.target, 0.0)
                weights[position] = circuit.source_of(projection).sign * in_degree * weight * (one.area - shift)
                variances[position] = in_degree * weight * one.area * weight * one.area
                efficacy = efficacy_of(projection)
                if efficacy is not None:
                    efficacies.append((*position, efficacy))
        rates = np.array([one.rate.to("Hz") for one in circuit.inputs])
        return cls(names, rates, weights, variances, tuple(efficacies))

    def rates_in(self, given: Any) -> np.ndarray:
        """The rates in a mapping name -> rate (Hz or quantity), the default ones for what it leaves out.

        Raises :class:`~ssnbrian.circuit.InvalidInputError` for a negative rate.
        """
        rates = self.rates.copy()
        if isinstance(given, Mapping):
            for k, name in enumerate(self.names):
                if name in given:
                    rates[k] = float(floats_of(given[name], "Hz", f"rate of {name}"))
                    if not rates[k] >= 0:
                        raise InvalidInputError(f"rate of {name}: must not be negative, got {rates[k]:g} Hz")
        return rates

    def mean(self, rates: np.ndarray) -> np.ndarray | float:
        """Mean input of every population, mV/s, at the input rates in Hz, shape (inputs,)."""
        return self._total(self.weights, rates, 1)

    def variance(self, rates: np.ndarray) -> np.ndarray | float:
        """Variance of the input of every population, mV²/s, at the input rates in Hz, shape (inputs,)."""
        return self._total(self.variances, rates, 2)

    def _total(self, strengths: np.ndarray, rates: np.ndarray, power: int) -> np.ndarray | float:
        if not self.names:
            return 0.0
        if not self.efficacies:
            return strengths @ rates
        return (strengths * self.factors(rates) ** power) @ rates

    def factors(self, rates: np.ndarray) -> np.ndarray:
        """The efficacy of every projection at the input rates in Hz, shape (populations, inputs)."""
        factors = np.ones_like(self.weights)
        for population, source, efficacy in self.efficacies:
            factors[population, source] = efficacy(rates[source])
        return factors
