"""Self-consistent states along a ramp, by continuation from the lowest state at zero input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar, root

from ..self_consistent import SelfConsistent
from ..self_consistent_solver import jacobian

POINTS = 41


@dataclass(frozen=True)
class SelfConsistentBranch:
    """The branch of Eq 14 of Ekelmans et al. 2023 that starts at the lowest state without input.

    ``theory`` is that of a circuit with the excitatory population first; ``ratio`` is mu_ext of I over that of E.
    """

    theory: SelfConsistent
    ratio: float

    def external(self, mu_ext: float) -> np.ndarray:
        """Inputs of E and I, mV/s."""
        return np.array([mu_ext, self.ratio * mu_ext])

    def start(self) -> np.ndarray | None:
        """Rates (E, I) of the lowest state at zero input, Hz; None if there is none."""
        states = self.theory.steady_states(0.0, self.ratio)
        return np.array(list(states[0].rates.values())) if len(states) else None

    def continued(self, rates: np.ndarray, mu_ext: float) -> np.ndarray | None:
        """The state at ``mu_ext`` (mV/s) near ``rates`` (Hz), None if Newton's method does not find one."""
        external, one = self.external(mu_ext), self.theory.coupling

        def residual(x: np.ndarray) -> np.ndarray:
            return self.theory.rates_of(np.maximum(x, 0.0), external) - x

        def slope(x: np.ndarray) -> np.ndarray:
            return jacobian(one, np.maximum(x, 0.0), external) - np.eye(len(x))

        found = root(residual, rates, jac=slope, tol=1e-12)
        good = np.all(np.isfinite(found.x)) and np.max(np.abs(residual(found.x))) < 1e-8 * (1 + np.max(found.x))
        return np.maximum(found.x, 0.0) if good else None

    def follow(self, end: float, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
        """(mu_ext, rates), shapes (m,) and (m, 2), from 0 to ``end`` or to where the branch is lost."""
        rates = self.start()
        inputs, states = [], []
        for mu_ext in np.linspace(0.0, end, points):
            rates = None if rates is None else self.continued(rates, float(mu_ext))
            if rates is None:
                break
            inputs.append(float(mu_ext))
            states.append(rates)
        return np.array(inputs), np.array(states).reshape(-1, 2)

    def peak(self, end: float) -> tuple[float, np.ndarray] | None:
        """(mu_ext, rates) of the highest excitatory rate inside (0, end), None if it lies at an end."""
        inputs, states = self.follow(end)
        if len(inputs) < POINTS:
            return None
        top = int(states[:, 0].argmax())
        if top in (0, len(inputs) - 1):
            return None

        def at(mu_ext: float) -> np.ndarray:
            found = self.continued(states[top], mu_ext)
            return states[top] if found is None else found

        refined = minimize_scalar(
            lambda mu: -at(mu)[0], bounds=(inputs[top - 1], inputs[top + 1]), method="bounded", options={"xatol": 1e-6}
        )
        return float(refined.x), at(float(refined.x))

    def excitatory_gain(self, rates: np.ndarray, mu_ext: float) -> float:
        """d Phi_E / d nu_E: above 1 the excitatory population alone would be unstable."""
        return float(jacobian(self.theory.coupling, rates, self.external(mu_ext))[0, 0])

    def where_gain_is_one(self, near: np.ndarray, start: np.ndarray) -> tuple[float, np.ndarray]:
        """(mu_ext, rates) between the two inputs ``near`` at which :meth:`excitatory_gain` is 1, from ``start``."""

        def state(mu_ext: float) -> np.ndarray:
            found = self.continued(start, mu_ext)
            return start if found is None else found

        mu = float(brentq(lambda x: self.excitatory_gain(state(x), x) - 1, *near, xtol=1e-8))
        return mu, state(mu)
