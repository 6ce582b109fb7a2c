"""The refractory density equation of an infinite population, by exact transport along the age.

(d/dt + d/d age) p = -rho p, p(0, t) = A(t) = int rho p d age. Cells of the width of the time step move by one cell per
step, so that nothing diffuses numerically and the mass is conserved to round-off. The hazard is taken at the centres of
the cells, half a step after the youngest spike on average, which makes the activity exact to second order in the step.
Source: Pietras, Gallice & Schwalger 2020; Gerstner & Kistler.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ssnbrian.circuit import InvalidInputError

Hazard = Callable[[float, np.ndarray], np.ndarray]


class RefractoryDensity:
    """The state of the population and its stepper.

    ``hazard(h, ages)`` gives rho (Hz, shape of ages) at ages in s; h is whatever it depends on, e.g. the potential or
    the time. Neurons older than ``longest`` (s) are counted together, with the hazard of the oldest cell.

    Attributes
    ----------
    mass : probability per cell of ages, shape (k,); the sum is 1.
    """

    def __init__(self, hazard: Hazard, step: float, longest: float) -> None:
        if not 0 < step < longest < np.inf:
            raise InvalidInputError(f"the step must be above 0 and below the longest age, got {step} and {longest} s")
        self.hazard, self.step = hazard, float(step)
        self.ages = (np.arange(round(longest / step)) + 0.5) * self.step
        self.mass = np.zeros(len(self.ages))
        self.mass[0] = 1.0

    def _survival(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Probability to survive the step from every cell; the oldest stay where they are."""
        return np.exp(-self.step / 2 * (before + np.append(after[1:], after[-1])))

    def synchronise(self) -> None:
        """All neurons have just fired."""
        self.mass[:] = 0.0
        self.mass[0] = 1.0

    def rest(self, h: float) -> None:
        """The stationary density of constant h; InvalidInputError where the oldest neurons never fire."""
        hazard = self.hazard(h, self.ages)
        survival = self._survival(hazard, hazard)
        if not survival[-1] < 1:
            raise InvalidInputError("the hazard of the oldest neurons is 0: there is no stationary density")
        self.mass = np.concatenate([[1.0], np.cumprod(survival[:-1])])
        self.mass[-1] /= 1 - survival[-1]
        self.mass /= self.mass.sum()

    def advance(self, before: float, after: float) -> float:
        """One step from h ``before`` to ``after``; the activity in it, Hz."""
        later = self.hazard(after, self.ages)
        survival = self._survival(self.hazard(before, self.ages), later)
        kept = self.mass * survival
        fired = float(np.sum(self.mass - kept))
        self.mass[1:] = kept[:-1]
        self.mass[-1] += kept[-1]
        self.mass[0] = fired
        # Of those that fired, a few fire again in the same step, half of it old on average.
        again = -np.expm1(-self.step / 2 * float(self.hazard(after, self.ages[:1] / 2)[0]))
        return fired * (1 + again) / self.step

    def respond(self, potential: np.ndarray) -> np.ndarray:
        """Activity in every step, Hz, shape (t,), for h given at the ends of the steps, shape (t + 1,)."""
        potential = np.asarray(potential, float)
        return np.array([self.advance(a, b) for a, b in pairwise(potential)])

    def feed_back(self, drive: np.ndarray, h: float, coupling: float, tau_h: float) -> tuple[np.ndarray, np.ndarray]:
        """Activity (Hz) and h at the end of every step, both (t,), of tau_h h' = -h + drive + coupling A from h.

        ``drive`` (t,) is constant within a step, ``coupling`` in units of h per Hz, ``tau_h`` s. The activity of the
        step before enters, so that the error of the feedback is of first order in the step.
        """
        if not tau_h > 0:
            raise InvalidInputError(f"tau_h must be above 0, got {tau_h}")
        decay = np.exp(-self.step / tau_h)
        hazard = self.hazard(h, self.ages)
        activity, potential, last = [], [], float(hazard @ self.mass)
        for one in np.asarray(drive, float):
            target = one + coupling * last
            following = target + (h - target) * decay
            last = self.advance(h, following)
            h = following
            activity.append(last)
            potential.append(h)
        return np.array(activity), np.array(potential)
