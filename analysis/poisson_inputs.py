"""What Poisson input populations add to the input of a circuit's populations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.units import floats_of


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
    """

    names: tuple[str, ...] = ()
    rates: np.ndarray = field(default_factory=lambda: np.zeros(0))
    weights: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    variances: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    @classmethod
    def of_circuit(cls, circuit: Circuit, populations: tuple[str, ...]) -> PoissonInputs:
        """Those of a circuit, with rows in the order of ``populations``."""
        names = tuple(one.name for one in circuit.inputs)
        weights = np.zeros((len(populations), len(names)))
        variances = np.zeros_like(weights)
        for projection in circuit.projections:
            if projection.source in names:
                position = populations.index(projection.target), names.index(projection.source)
                weight = projection.weight.to("mV")
                total = circuit.in_degree(projection) * weight
                weights[position] = circuit.source_of(projection).sign * total
                variances[position] = total * weight
        return cls(names, np.array([one.rate.to("Hz") for one in circuit.inputs]), weights, variances)

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
        return self.weights @ rates if self.names else 0.0

    def variance(self, rates: np.ndarray) -> np.ndarray | float:
        """Variance of the input of every population, mV²/s, at the input rates in Hz, shape (inputs,)."""
        return self.variances @ rates if self.names else 0.0
