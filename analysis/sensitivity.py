"""How the rates of a steady state change with every weight, input and coefficient.

A state solves nu = Phi(nu, p). Its slope in a parameter p is d nu/dp = (1 - dPhi/dnu)^-1 dPhi/dp (implicit function
theorem), which diverges at a fold, where D = det(1 - dPhi/dnu) = 0. The external inputs are held fixed, in the slopes
of mu_ext all but the one named.

Units: rates in Hz, J in mV, mu_ext and b in mV/s, a in Hz/(mV/s)^n.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import InvalidInputError

from . import transfer
from .linear_response import response
from .reduction import NotApplicableError, Reduction
from .self_consistent import SelfConsistent
from .self_consistent_solver import jacobian
from .ssn import SSN
from .states import SteadyState

__all__ = ["Sensitivities", "sensitivities"]


@dataclass(frozen=True, eq=False)
class Sensitivities:
    """Slopes of the n rates of a steady state.

    Attributes
    ----------
    populations : names, n of them; they order every axis.
    rates : (n,), Hz, of the state.
    J : (n, n), mV, magnitudes, [target, source].
    weights : (n, n, n), Hz/mV: ``weights[X, Y, Z]`` = d nu_X / d J_YZ, J_YZ a magnitude with target Y and source Z.
        A connection that is absent (J = 0) has the slope of adding it. In the self-consistent theory J changes
        through the weight j of a synapse at fixed in-degree K, so that the recurrent variance j J = J²/K changes with
        it; there a connection that is absent has no K, and its slope is that of the mean input alone.
    external : (n,), mV/s, mu_ext. mu_ext : (n, n), ``mu_ext[X, Y]`` = d nu_X / d mu_ext_Y, Hz/(mV/s).
    coefficients : (n,) values of a, b and n of the power laws by name; empty for the self-consistent theory.
    transfer : (n, n) d nu_X / d a_Y, d b_Y, d n_Y by name.
    determinant : D = det(1 - dPhi/dnu); the slopes diverge where it is 0, at a fold.
    """

    populations: tuple[str, ...]
    rates: np.ndarray
    J: np.ndarray
    weights: np.ndarray
    external: np.ndarray
    mu_ext: np.ndarray
    coefficients: Mapping[str, np.ndarray]
    transfer: Mapping[str, np.ndarray]
    determinant: float

    def weight_elasticities(self) -> np.ndarray:
        """(n, n, n): d ln nu_X / d ln J_YZ; NaN for the rate 0, of which there is no logarithm."""
        return self._relative(self.weights, self.J)

    def mu_ext_elasticities(self) -> np.ndarray:
        """(n, n): (mu_ext_Y / nu_X) d nu_X / d mu_ext_Y; NaN for the rate 0."""
        return self._relative(self.mu_ext, self.external)

    def transfer_elasticities(self) -> dict[str, np.ndarray]:
        """(n, n) by coefficient p: (p_Y / nu_X) d nu_X / d p_Y; NaN for the rate 0."""
        return {name: self._relative(slopes, self.coefficients[name]) for name, slopes in self.transfer.items()}

    def _relative(self, slopes: np.ndarray, values: np.ndarray) -> np.ndarray:
        rates = self.rates.reshape(-1, *(1,) * (slopes.ndim - 1))
        return np.where(rates > 0, slopes * values / np.where(rates > 0, rates, 1.0), np.nan)

    def as_data(self) -> dict[str, Any]:
        """Plain numbers for JSON, null for what has no value; connections of J = 0 are left out."""
        relative, by_mu, by_law = self.weight_elasticities(), self.mu_ext_elasticities(), self.transfer_elasticities()
        return {
            "determinant": self.determinant,
            "weights": {
                f"{self.populations[source]}->{self.populations[target]}": {
                    "J": float(self.J[target, source]),
                    "slopes": self._named(self.weights[:, target, source]),
                    "elasticities": self._named(relative[:, target, source]),
                }
                for target, source in np.argwhere(self.J > 0).tolist()
            },
            "mu_ext": {
                name: {"slopes": self._named(self.mu_ext[:, k]), "elasticities": self._named(by_mu[:, k])}
                for k, name in enumerate(self.populations)
            },
            "transfer": {
                name: {
                    law: {"slopes": self._named(slopes[:, k]), "elasticities": self._named(by_law[law][:, k])}
                    for law, slopes in self.transfer.items()
                }
                for k, name in enumerate(self.populations)
                if self.transfer
            },
        }

    def _named(self, values: np.ndarray) -> dict[str, float | None]:
        numbers = (float(value) for value in values)
        return {name: x if math.isfinite(x) else None for name, x in zip(self.populations, numbers, strict=True)}

    def __str__(self) -> str:
        def row(name: str, slopes: np.ndarray) -> str:
            return f"{name:14s}" + "  ".join(f"{x:+10.4g}" for x in slopes)

        rows = [f"{'d rate of':14s}" + "  ".join(f"{name:>10s}" for name in self.populations)]
        for target, source in np.argwhere(self.J > 0).tolist():
            name = f"J {self.populations[source]}->{self.populations[target]}"
            rows.append(row(name, self.weights[:, target, source]))
        rows += [row(f"mu_ext {name}", self.mu_ext[:, k]) for k, name in enumerate(self.populations)]
        for law, slopes in self.transfer.items():
            rows += [row(f"{law} {name}", slopes[:, k]) for k, name in enumerate(self.populations)]
        return "\n".join([*rows, f"D = {self.determinant:.4g} (0 at a fold)"])


def sensitivities(theory: Reduction, state: SteadyState, mu_ext: Mapping[str, float] | None = None) -> Sensitivities:
    """Slopes of the rates of ``state`` of an `SSN` or `SelfConsistent` theory.

    Parameters
    ----------
    state : one of the states that ``theory.steady_states`` returned.
    mu_ext : external input of each population, mV/s, at which it was found (``steady_states(...).mu_ext``); it sets
        the elasticities of mu_ext and, if given, is checked against the state. Default: the input that the state has.

    Raises
    ------
    NotApplicableError : another theory. InvalidInputError : the state is none of this theory at ``mu_ext``, or is at
    a fold, where no slope exists.
    """
    if not isinstance(theory, (SSN, SelfConsistent)):
        raise NotApplicableError(f"sensitivities are those of SSN and SelfConsistent, not of {type(theory).__name__}")
    rates, inputs = (np.array([given[name] for name in theory.populations]) for given in (state.rates, state.inputs))
    external = inputs - _signed_weights(theory) @ rates
    if mu_ext is not None:
        given = np.array([mu_ext[name] for name in theory.populations])
        scale = 1.0 + np.abs(given) + np.abs(_signed_weights(theory)) @ rates
        if (np.abs(given - external) > 1e-6 * scale).any():
            raise InvalidInputError(
                f"the state has the external inputs {theory.by_population(external)} mV/s, not {dict(mu_ext)}"
            )
        external = given
    if isinstance(theory, SSN):
        residual = theory.network.rates(inputs) - rates
        slopes, by_mu, by_J, by_law = _ssn_slopes(theory, rates, inputs)
    else:
        theory = theory.with_input_noise(theory.poisson_inputs.rates)
        residual = theory.rates_of(rates, external) - rates
        slopes, by_mu, by_J, by_law = _ricciardi_slopes(theory, rates, external)
    if (np.abs(residual) > 1e-6 * (1e-6 + rates)).any():
        raise InvalidInputError(
            f"{theory.by_population(rates)} Hz are no steady state of this theory (residual "
            f"{np.abs(residual).max():.2g} Hz); a state found at other rates of the input populations belongs to "
            f"theory.with_input_noise(their rates)"
        )
    matrix = np.eye(len(rates)) - slopes
    determinant = float(np.linalg.det(matrix))
    if np.linalg.cond(matrix) > 1e14:
        raise InvalidInputError(f"the state is at a fold (D = {determinant:.2g}); its rates have no slopes there")
    answer = response(slopes, np.eye(len(rates)))  # [X, Y]: d nu_X per change of Phi_Y
    laws = theory.transfer if isinstance(theory, SSN) else ()
    coefficients = {name: np.array([getattr(law, name) for law in laws]) for name in by_law}
    return Sensitivities(
        theory.populations,
        rates,
        np.abs(_signed_weights(theory)),
        answer[:, :, None] * by_J[None],
        external,
        answer * by_mu,
        coefficients,
        {name: answer * change for name, change in by_law.items()},
        determinant,
    )


def _signed_weights(theory: SSN | SelfConsistent) -> np.ndarray:
    return theory.network.weights if isinstance(theory, SSN) else theory.coupling.constant_weights


def _signs(theory: SSN | SelfConsistent) -> np.ndarray:
    return np.array([1.0 if kind == "excitatory" else -1.0 for kind in theory.kinds])


def _ssn_slopes(
    ssn: SSN, rates: np.ndarray, inputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """dPhi/dnu (n, n), dPhi_X/dmu_X (n,), dPhi_X/dJ_XY (n, n) and dPhi_X/d(a, b, n)_X (n,) of Eq 1-3."""
    gains = ssn.network.gains(rates)
    above = np.array([inputs[k] - law.b for k, law in enumerate(ssn.transfer)])
    logarithm = np.log(np.where(rates > 0, np.maximum(above, 1e-300), 1.0))
    by_law = {"a": rates / np.array([law.a for law in ssn.transfer]), "b": -gains, "n": rates * logarithm}
    return gains[:, None] * ssn.network.weights, gains, gains[:, None] * (_signs(ssn) * rates), by_law


def _ricciardi_slopes(
    theory: SelfConsistent, rates: np.ndarray, external: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """As `_ssn_slopes` for Eq 14, with d(j J)/dJ = 2 j J/J at fixed in-degree."""
    one = theory.coupling
    mean, sigma = one.inputs(rates, external)
    by_mu, by_sigma = transfer.rate_derivatives(mean, sigma, *one.neuron)
    variance = 2.0 * one.variances / np.where(one.weights > 0, one.weights, 1.0)
    by_variance = by_sigma / (2.0 * np.maximum(sigma, 1e-100))
    by_J = by_mu[:, None] * (_signs(theory) * rates) + by_variance[:, None] * variance * rates
    return jacobian(one, rates, external), by_mu, by_J, {}
