"""Independent verified enumeration of the steady states of many two-population SSNs at once.

It shares nothing with ``ssnbrian.analysis``: the scalar function is the S10 characteristic function (inhibition taken
from the excitatory equation), not the solver's; the enclosures are interval arithmetic with every operation rounded
outwards; no theorem on gains or monotone tails is used, only a fixed range of z. What doubles leave open is decided
from signs in 60 digits.
"""

import mpmath
import numpy as np


class Interval:
    """Closed intervals [low, high], arrays of one shape, every result widened to the next doubles."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    @staticmethod
    def point(value):
        return Interval(value, value)

    @staticmethod
    def _outward(low, high):
        return Interval(np.nextafter(low, -np.inf), np.nextafter(high, np.inf))

    def __add__(self, other):
        return self._outward(self.low + other.low, self.high + other.high)

    def __sub__(self, other):
        return self._outward(self.low - other.high, self.high - other.low)

    def __mul__(self, other):
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        corners = [np.where(np.isnan(c), 0.0, c) for c in corners]
        return self._outward(np.minimum.reduce(corners), np.maximum.reduce(corners))

    def over_positive(self, divisor):
        return (
            self._outward(np.minimum(self.low / divisor, self.low), np.maximum(self.high / divisor, self.high))
            if np.any(divisor <= 0)
            else self._outward(self.low / divisor, self.high / divisor)
        )

    def positive_power(self, exponent):
        """max(x, 0)^exponent; numpy's power is granted ten units in the last place."""
        low = np.maximum(self.low, 0.0) ** exponent * (1 - 2.5e-15)
        return Interval(low, np.maximum(self.high, 0.0) ** exponent * (1 + 2.5e-15) + 5e-324)


def _terms(p, z):
    """F and F' enclosed for z; p maps names to arrays, one entry per piece."""
    c = {name: Interval.point(value) for name, value in p.items()}
    m_E, m_I = c["mu_E"] - c["b_E"], c["mu_I"] - c["b_I"]
    nu_E = c["a_E"] * z.positive_power(p["n_E"])
    phi_E = c["n_E"] * (c["a_E"] * z.positive_power(p["n_E"] - 1))
    coupled = p["J_EI"] > 0
    divisor = np.where(coupled, p["J_EI"], 1.0)
    det = c["J_EI"] * c["J_IE"] - c["J_EE"] * c["J_II"]
    direct = det * nu_E + c["J_II"] * z
    ends = []
    for end in (z.low, z.high):
        at = Interval.point(end)
        ends.append(det * (c["a_E"] * at.positive_power(p["n_E"])) + c["J_II"] * at)
    w_slope = det * phi_E + c["J_II"]
    rising, falling = w_slope.low >= 0, w_slope.high <= 0
    low = np.where(rising, ends[0].low, np.where(falling, ends[1].low, direct.low))
    high = np.where(rising, ends[1].high, np.where(falling, ends[0].high, direct.high))
    w = (Interval(low, high) - c["J_II"] * m_E).over_positive(divisor) + m_I
    weight = Interval.point(np.where(coupled, p["J_EI"], 0.0))
    nu_I = c["a_I"] * w.positive_power(p["n_I"])
    phi_I = c["n_I"] * (c["a_I"] * w.positive_power(p["n_I"] - 1))
    gain = Interval(np.where(coupled, phi_I.low, 0.0), np.where(coupled, phi_I.high, 0.0))
    one = Interval.point(np.ones_like(p["a_E"]))
    f = c["J_EE"] * nu_E - weight * nu_I - z + m_E
    df = c["J_EE"] * phi_E - one - gain * w_slope
    return f, df


def _precise(p, z):
    """F(z) in 60 digits for one circuit p."""
    with mpmath.workdps(60):
        q = {name: mpmath.mpf(float(value)) for name, value in p.items()}
        z = mpmath.mpf(z)
        nu_E = q["a_E"] * max(z, 0) ** q["n_E"]
        f = q["J_EE"] * nu_E - z + q["mu_E"] - q["b_E"]
        if q["J_EI"] == 0:
            return f
        det = q["J_EI"] * q["J_IE"] - q["J_EE"] * q["J_II"]
        w = (det * nu_E + q["J_II"] * (z - q["mu_E"] + q["b_E"])) / q["J_EI"] + q["mu_I"] - q["b_I"]
        return f - q["J_EI"] * q["a_I"] * max(w, 0) ** q["n_I"]


def _precise_slope(p, z):
    """F'(z) in 60 digits for one circuit p."""
    with mpmath.workdps(60):
        q = {name: mpmath.mpf(float(value)) for name, value in p.items()}
        z = max(mpmath.mpf(z), 0)
        nu_E, phi_E = q["a_E"] * z ** q["n_E"], q["n_E"] * q["a_E"] * z ** (q["n_E"] - 1)
        if q["J_EI"] == 0:
            return q["J_EE"] * phi_E - 1
        det = q["J_EI"] * q["J_IE"] - q["J_EE"] * q["J_II"]
        w = (det * nu_E + q["J_II"] * (z - q["mu_E"] + q["b_E"])) / q["J_EI"] + q["mu_I"] - q["b_I"]
        phi_I = q["n_I"] * q["a_I"] * max(w, 0) ** (q["n_I"] - 1)
        return q["J_EE"] * phi_E - 1 - phi_I * (det * phi_E + q["J_II"])


def _lowest(function, low, high, steps=160):
    """Where a function with one minimum on [low, high] is least."""
    for _ in range(steps):
        third = (high - low) / 3
        if function(low + third) < function(high - third):
            high -= third
        else:
            low += third
    return (low + high) / 2


def _decide(p, left, right):
    """Brackets of the roots of F in a tiny cluster, on which F' is taken to have at most one extremum.

    Equal signs at the ends: none or two roots, by the sign at the extremum of F. Different signs: one or, if F' changes
    its sign twice (next to a cusp), up to three, by the signs at both extrema.
    """
    with mpmath.workdps(60):
        low, high = mpmath.mpf(left), mpmath.mpf(right)
        at_left, at_right = _precise(p, low) >= 0, _precise(p, high) >= 0
        ends = [low, high]
        if at_left == at_right:
            sign = 1 if at_left else -1
            ends.insert(1, _lowest(lambda z: sign * _precise(p, z), low, high))
        else:
            sign = 1 if at_right else -1
            bend = _lowest(lambda z: sign * _precise_slope(p, z), low, high)
            if sign * _precise_slope(p, bend) < 0:
                ends = [low]
                for outer in (low, high):
                    inner, beyond = bend, outer
                    for _ in range(160):
                        middle = (inner + beyond) / 2
                        if sign * _precise_slope(p, middle) < 0:
                            inner = middle
                        else:
                            beyond = middle
                    ends.append(inner)
                ends.append(high)
        signs = [_precise(p, z) >= 0 for z in ends]
        edges = list(zip(ends[:-1], ends[1:], signs[:-1], signs[1:], strict=True))
        return [(float(a), float(b)) for a, b, before, after in edges if before != after]


def enumerate_states(p, reach=1e6):
    """Brackets (low, high) in z of every state with z < ``reach``, one list per circuit.

    p maps a_E, b_E, n_E, a_I, b_I, n_I, J_EE, J_EI, J_IE, J_II, mu_E, mu_I to arrays of shape (m,).
    """
    count = len(p["a_E"])
    with np.errstate(all="ignore"):
        deepest = np.abs(p["mu_E"] - p["b_E"]) + 1
        deepest += p["J_EI"] * p["a_I"] * np.maximum(p["mu_I"] - p["b_I"], 0.0) ** p["n_I"] * 1.01
        grid = np.concatenate([[0.0], np.geomspace(0.731, reach, 24)])
        left = np.concatenate([-deepest, np.tile(grid[:-1], (count, 1)).T.ravel()])
        right = np.concatenate([np.zeros(count), np.tile(grid[1:], (count, 1)).T.ravel()])
        index = np.tile(np.arange(count), len(grid))
        found = [[] for _ in range(count)]
        clusters = [[] for _ in range(count)]
        for _ in range(90):
            q = {name: value[index] for name, value in p.items()}
            f, df = _terms(q, Interval(left, right))
            middle = left + (right - left) / 2
            at_middle = _terms(q, Interval.point(middle))[0]
            offset = Interval.point(left) - Interval.point(middle), Interval.point(right) - Interval.point(middle)
            mean = at_middle + df * Interval(offset[0].low, offset[1].high)
            open_ = ~((np.fmax(f.low, mean.low) > 0) | (np.fmin(f.high, mean.high) < 0))
            left, right, middle, index = left[open_], right[open_], middle[open_], index[open_]
            if not len(index):
                break
            q = {name: value[open_] for name, value in q.items()}
            monotone = (df.low[open_] > 0) | (df.high[open_] < 0)
            signs = []
            for end in (left, right):
                at = _terms(q, Interval.point(end))[0]
                signs.append(np.where(at.low > 0, 1, np.where(at.high < 0, -1, 0)))
            known = (signs[0] != 0) & (signs[1] != 0)
            for i in np.flatnonzero(monotone & known & (signs[0] != signs[1])):
                found[index[i]].append((left[i], right[i]))
            drowned = (signs[0] == 0) & (signs[1] == 0)
            stuck = (monotone & ~known) | (~monotone & (drowned | (right - left <= 4e-16 * np.abs(right))))
            for i in np.flatnonzero(stuck):
                clusters[index[i]].append((left[i], right[i]))
            cut = ~monotone & ~stuck
            left, right = np.concatenate([left[cut], middle[cut]]), np.concatenate([middle[cut], right[cut]])
            index = np.tile(index[cut], 2)
        else:
            raise AssertionError("the enumeration did not finish")
    for i, pieces in enumerate(clusters):
        merged = []
        for low, high in sorted(pieces):
            if merged and low <= merged[-1][1]:
                merged[-1][1] = max(high, merged[-1][1])
            else:
                merged.append([low, high])
        circuit = {name: value[i] for name, value in p.items()}
        for low, high in merged:
            found[i].extend(_decide(circuit, low, high))
        found[i].sort()
    return found
