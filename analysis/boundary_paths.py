"""The conditions that bound regimes, as curves of steady states t -> (z, w), and where each has left a window.

With z = mu_E - b_E and w = mu_I - b_I (drives, mV/s), C = J_EI J_IE and D the determinant of S10:

* folds, D = 0: for w > 0 the gains, z and w grow with one parameter (``folds``); for w <= 0, phi_E J_EE = 1. The rows
  of the Jacobian of (z, w) -> inputs are then proportional with signs (-, +), so along a fold both external inputs grow
  or both fall, from cusp to cusp;
* onset of inhibition stabilisation (Eq 7): nu_E at its threshold, w any;
* a silent excitatory population: z = 0, w any; a rate at the end of its fitted range: z or w fixed;
* Hopf: the trace vanishes, which gives nu_E as an increasing function of nu_I; D > 0;
* onset of supersaturation (S6): ``SupersaturationPath``.

Each function below returns the path and the parameter beyond which it provably stays outside the window, or None.
Source: Ekelmans, Kraynyukova & Tchumatchenko 2023; the statements on tails follow from Eq 3. Units: mV/s, Hz.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .boundary_tracing import Drives, MonotonePath, Path, Window, external_inputs, rates_of
from .characteristic import TwoPopulationSSN
from .conditions import condition
from .folds import _FoldCondition
from .regime_map import state_values
from .ssn import SSN

_GRID = 2.0 ** np.arange(-40, 200)
FARTHEST = 1e6
"""Parameter up to which a curve is followed whose end is not proven."""


def first_beyond(outside: Callable[[np.ndarray], np.ndarray], largest: float = np.inf) -> float | None:
    """The least power of two, up to ``largest``, beyond which ``outside`` says that a curve is out of the window."""
    grid = _GRID[largest >= _GRID]
    with np.errstate(all="ignore"):
        proven = np.asarray(outside(grid), dtype=bool)
    return float(grid[np.argmax(proven)]) if np.any(proven) else None


def drive_of_rate(ssn: SSN, population: int, rate: np.ndarray | float) -> np.ndarray:
    """Drive in mV/s at which population 0 (E) or 1 (I) has a rate in Hz."""
    law = ssn.transfer[population]
    return np.asarray(law.inverse(rate)) - law.b


def isn_threshold(ssn: SSN) -> float:
    """Excitatory rate in Hz of Eq 7; infinite if J_EE = 0."""
    return float(condition("inhibition_stabilized").evaluate_threshold(ssn.values()))


def fixed_excitation(ssn: SSN, window: Window, z: float, sign: int) -> tuple[Path, float | None]:
    """The states with drive z and w = t (sign 1) or -t (sign -1): mu_ext_I is monotone in t and unbounded."""

    def drives(t: np.ndarray) -> Drives:
        return np.full(np.shape(t), z), sign * t

    def outside(t: np.ndarray) -> np.ndarray:
        inhibitory = external_inputs(ssn.network, *drives(t))[:, 1]
        limits = window.corners[:, 1]
        return inhibitory > limits.max() if sign > 0 else inhibitory < limits.min()

    return MonotonePath(drives), first_beyond(outside)


def fixed_inhibition(ssn: SSN, window: Window, w: float, sign: int) -> tuple[Path, float | None]:
    """The states with drive w and z = t (sign 1) or -t (sign -1).

    mu_ext_E falls with falling z < 0; for z > 0 it falls once phi_E J_EE > 1, a break, and grows if J_EE = 0.
    """

    def drives(t: np.ndarray) -> Drives:
        return sign * t, np.full(np.shape(t), w)

    def outside(t: np.ndarray) -> np.ndarray:
        excitatory = external_inputs(ssn.network, *drives(t))[:, 0]
        low, high = window.mu_ext
        if sign > 0 and ssn.network.J_EE == 0:
            return excitatory > high
        falling = sign < 0 or rates_of(ssn.network, *drives(t))[:, 0] > isn_threshold(ssn)
        return falling & (excitatory < low)

    return MonotonePath(drives), first_beyond(outside)


def active_fold(ssn: SSN, window: Window) -> tuple[Path, float | None]:
    """Folds with active inhibition, for C > 0 and J_EE > 0; the parameter is that of ``folds``.

    phi_E J_EE >= 1 there, so z - J_EE nu_E falls along the curve. det J > 0: nu_I is bounded, so mu_ext_E falls
    without bound. det J < 0: z - J_EE nu_E has a limit, nu_I has none, so mu_ext_E grows without bound.
    """
    network = ssn.network
    curve = _FoldCondition(network, 0.0).curve
    sign = (network.det_J_exact > 0) - (network.det_J_exact < 0)
    low, high = window.mu_ext

    def drives(s: np.ndarray) -> Drives:
        return curve(s)[:2]

    def excitatory(z: np.ndarray, w: np.ndarray) -> np.ndarray:
        return external_inputs(network, *np.broadcast_arrays(z, w))[:, 0]

    def outside(s: np.ndarray) -> np.ndarray:
        z, w = drives(s)
        limit = drives(np.array([10.0 ** min(100, 100 / (network.n_I - 1))]))
        if sign > 0:
            return excitatory(z, limit[1]) < low - 1e-6 * (1 + abs(low))
        return excitatory(limit[0], w) > high + 1e-6 * (1 + abs(high))

    return MonotonePath(drives), first_beyond(outside) if sign else None


def hopf_path(ssn: SSN, window: Window) -> tuple[Path, float | None]:
    """States with vanishing trace, for J_EE > 0; t = w.

    J_EI mu_ext_I - J_II mu_ext_E = J_EI (w + b_I) - J_II (z + b_E) - det J nu_E by Eq 3. For det J > 0 and n_I >= 2
    nu_E is convex in w, so once J_EI w - det J nu_E has fallen below what the window allows and falls, it stays below.
    det J < 0: D is concave in the gain of I along the curve, so it stays negative once it is negative and falls; with
    J_II = 0 nu_E is constant and mu_ext_E grows with w.
    """
    network = ssn.network

    def drives(w: np.ndarray) -> Drives:
        rate_I = rates_of(network, 0 * w, w)[:, 1]
        rate_E = condition("hopf_rate_E").evaluate(ssn.values(rate_I=rate_I))
        return drive_of_rate(ssn, 0, rate_E), w

    def determinant(w: np.ndarray) -> np.ndarray:
        return condition("determinant").evaluate(state_values(ssn, rates_of(network, *drives(w))))

    def combination(w: np.ndarray) -> np.ndarray:
        return network.J_EI * w - network.det_J * rates_of(network, *drives(w))[:, 0]

    def outside(w: np.ndarray) -> np.ndarray:
        if network.J_II == 0:
            return external_inputs(network, *drives(w))[:, 0] > window.mu_ext[1]
        if network.det_J_exact < 0:
            # phi_I grows with w; a tenth more w gives a larger gain, and concavity needs nothing else.
            return (determinant(w) < 0) & (determinant(1.1 * w) < determinant(w))
        least = (window.corners @ np.array([-network.J_II, network.J_EI])).min()
        least += network.J_II * network.b_E - network.J_EI * network.b_I
        proven = network.det_J_exact > 0 and network.n_I >= 2
        return proven & (combination(w) < least) & (combination(w) < combination(w / 2))

    return MonotonePath(drives, monotone_image=False), first_beyond(outside, largest=2.0**40)


class SupersaturationPath(Path):
    """States at the onset of supersaturation (S6) with active E and D > 0; t = ratio - J_II / J_EI > 0.

    At each ratio S6 with equality gives nu_I, w, and from the equation of I (``peak_mu_ext``) mu_ext as a function of
    nu_E. Put into the equation of E this leaves z - c nu_E(z) + K = 0 with c = J_EE - J_IE / ratio, and
    D = phi_I ratio J_EI (1 - phi_E c). So the left side rises where D > 0, and there is at most one such state: for
    K < 0, and if c > 0 only while K is above minus the maximum of z - c nu_E. The state falls with K and rises with c.
    """

    def __init__(self, ssn: SSN) -> None:
        self.ssn = ssn
        self.lowest_ratio = float(condition("supersaturation_possible").evaluate_threshold(ssn.values()))

    def _onset(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """w (mV/s), the external inputs needed at nu_E = 0 (mV/s), and c (mV), each of shape (m,)."""
        values = self.ssn.values(r=ratio, rate_E=0.0)
        rate_I = condition("peak_rate_I").evaluate(values)
        needed = [condition(f"required_mu_ext_{x}").evaluate(values | {"rate_I": rate_I}) for x in "EI"]
        network = self.ssn.network
        return drive_of_rate(self.ssn, 1, rate_I), needed[0], needed[1], network.J_EE - network.J_IE / ratio

    def drives(self, t: np.ndarray) -> Drives:
        """See :class:`Path`."""
        ratio = self.ratio(t)
        w, needed_E, needed_I, c = self._onset(ratio)
        z, state = self._state(c, needed_E - needed_I / ratio)
        return np.where(state == 0, z, np.nan), w

    def _state(self, c: np.ndarray, K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """z in mV/s, and 0; or 0.0 and -1 where K >= 0; or the maximum's z and 1 where there is no state above."""
        network = self.ssn.network
        values = self.ssn.values() | {"J_EE": np.maximum(c, 0)}
        with np.errstate(all="ignore"):
            top = condition("inhibition_stabilized").evaluate_threshold(values)
            top = (top / network.a_E) ** (1 / network.n_E)

            def left(z: np.ndarray) -> np.ndarray:
                return z - c * network.a_E * z**network.n_E + K

            silent = ~(K < 0)
            missing = ~silent & (c > 0) & np.isfinite(top) & ~(left(top) >= 0)
            z = np.where(c > 0, 0.0, np.where(silent, 0.0, -K))
            # Concave (c > 0) or convex: Newton's method from this side approaches the root monotonically.
            for _ in range(200):
                slope = 1 - c * network.n_E * network.a_E * z ** (network.n_E - 1)
                step = np.where(silent | missing, 0.0, -left(z) / slope)
                z = np.where(c > 0, np.minimum(z + step, top), z + step)
                if np.all(np.abs(step) <= 1e-15 * np.abs(z)):
                    break
        return np.where(silent, 0.0, np.where(missing, top, z)), np.where(silent, -1, np.where(missing, 1, 0))

    def enclosed(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Path`. w, nu_I and the needed inputs fall with t, c rises."""
        r = self.ratio(left), self.ratio(right)
        w_high, E_high, I_high, c_low = self._onset(r[0])
        w_low, _, I_low, c_high = self._onset(r[1])
        # At the onset K' = (needed input of I) / ratio^2: its change through w cancels, as phi_I (r J_EI - J_II) = 1.
        K = E_high - I_high / r[0]
        change = 1 / r[0] - 1 / r[1]
        K_low, K_high = K + np.minimum(I_low, 0) * change, K + np.maximum(I_high, 0) * change
        size = 1e-12 * (np.abs(E_high) + np.abs(I_high) / r[0])
        z_low, low_state = self._state(c_low, K_high + size)
        z_high, high_state = self._state(c_high, K_low - size)
        z_low = np.where((low_state == 1) | (high_state == -1), np.inf, z_low * (1 - 1e-12))
        # Without a state at the most favourable end, the state stays below the maximum for the smallest c.
        bound = np.where(c_low > 0, self._state(np.maximum(c_low, 1e-300), np.full_like(c_low, -1e300))[0], np.inf)
        z_high = np.where(high_state == 1, bound, z_high * (1 + 1e-12))
        return np.stack([z_low, w_low * (1 - 1e-12)], axis=-1), np.stack([z_high, w_high * (1 + 1e-12)], axis=-1)

    def ratio(self, t: np.ndarray) -> np.ndarray:
        """See :class:`Path`."""
        return self.lowest_ratio + np.asarray(t, dtype=float)

    def input_bounds(
        self, network: TwoPopulationSSN, left: np.ndarray, right: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Path`; the ratio of the inputs is that of t."""
        lower, upper = super().input_bounds(network, left, right)
        r = np.stack([self.ratio(left), self.ratio(right)])
        low = np.fmax(lower[:, 0], (lower[:, 1] / r).min(axis=0) - 1e-12 * np.abs(lower[:, 1] / r[0]))
        high = np.fmin(upper[:, 0], (upper[:, 1] / r).max(axis=0) + 1e-12 * np.abs(upper[:, 1] / r[0]))
        bounds = np.stack([low, np.fmax(lower[:, 1], (low * r).min(axis=0))], axis=-1)
        return bounds, np.stack([high, np.fmin(upper[:, 1], (high * r).max(axis=0))], axis=-1)

    def start(self, window: Window) -> float | None:
        """The t below which no onset lies in the window; None if that is not proven.

        As t -> 0, w grows without bound. J_IE > ratio J_EE: nu_E is at most linear in w by the two equations, nu_I
        grows as w^n_I, so mu_ext_E grows without bound (its lower bound is convex in w). Else, for det J < 0,
        K <= |b_E| + (|b_I| - w (1 - 1/n_I)) / ratio falls below minus the maximum of z - c nu_E.
        """
        network, lowest = self.ssn.network, self.lowest_ratio
        slack = window.ratio[0] - lowest
        if slack > 0:
            return slack

        def bound(w: np.ndarray, ratio: np.ndarray) -> np.ndarray:
            free = network.J_IE - ratio * network.J_EE
            linear = (w + abs(network.b_I) + ratio * abs(network.b_E)) / free
            inhibition = network.J_EI * rates_of(network, 0 * w, w)[:, 1]
            return inhibition - network.J_EE * linear - abs(network.b_E)

        def outside(inverse: np.ndarray) -> np.ndarray:
            ratio = lowest + 1 / inverse
            w, _, _, _ = self._onset(ratio)
            free = ratio * network.J_EE < network.J_IE
            growing = free & (bound(w, ratio) > window.mu_ext[1]) & (bound(w, ratio) > bound(w / 2, ratio))
            if network.det_J_exact >= 0 or lowest == 0:
                return growing
            c = network.J_EE - network.J_IE / lowest
            top, _ = self._state(np.array([c]), np.array([-1e300]))
            largest = top * (1 - 1 / network.n_E)
            K = abs(network.b_E) + abs(network.b_I) / lowest - w * (1 - 1 / network.n_I) / ratio
            return growing | (-largest * (1 + 1e-9) > K)

        # Closer to the lowest ratio its own rounding decides the gain.
        found = first_beyond(outside, largest=1e9 / max(lowest, 1e-9))
        return None if found is None else 1 / found
