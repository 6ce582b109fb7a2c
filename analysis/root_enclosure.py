"""All roots of a scalar function on an interval, proven by enclosures of the function and its derivatives.

The interval is cut until every piece is decided by one of three theorems:

* the enclosure of f on the piece excludes zero: no root;
* the enclosure of f' excludes zero, so f is monotone: one root if the signs at both ends differ, else none;
* the enclosure of f'' excludes zero, so f has at most one extremum: the signs at both ends and at (a point near)
  the extremum decide between no, one and two roots.

What double precision leaves open, because the sign of f drowns in rounding errors, is decided by the same
procedure in 50 digits. What even that leaves open (|f| below 1e-30 of its terms at the extremum) is reported as a
degenerate root. Many problems of one family run at once: every array carries the index of its problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

Array = Any
"""A numpy array of floats, or of dtype object holding 50-digit mpmath numbers; the formulas serve both."""

DEGENERATE_BELOW = 1e-30
DEGENERATE_WIDTH = 1e-10
"""Widest piece, relative to its position, that may be reported as one degenerate root: 50 digits hide the sign of a
function with a triple zero over 1e-16, with a quadruple zero over 1e-12 of its position."""
_INITIAL_LEVELS = 70
_NEAR = 1e-12
"""Relative distance within which undecided pieces and degenerate points are one root."""


class Bounds(NamedTuple):
    """Rigorous (lower, upper) bounds on m pieces, each a pair of arrays of shape (m,).

    ``f_left, f_right, df_left, df_right`` hold at the two ends, ``f, df, ddf`` on the whole closed piece.
    """

    f_left: tuple[Array, Array]
    f_right: tuple[Array, Array]
    df_left: tuple[Array, Array]
    df_right: tuple[Array, Array]
    f: tuple[Array, Array]
    df: tuple[Array, Array]
    ddf: tuple[Array, Array]
    width: Array


class Family(Protocol):
    """A scalar function of x >= 0 for each of several problems.

    ``nodes`` evaluates at points whatever ``bounds`` needs from the two ends of a piece; each point is evaluated
    once and its values are handed on when pieces are cut. Derivatives may be taken with respect to any increasing
    function of x as long as ``Bounds.width`` bounds the length of the piece in that variable from above.
    """

    def nodes(self, x: Array, problem: np.ndarray) -> Array:
        """Return values at points x of shape (m,), shape (k, m)."""

    def bounds(self, x_left: Array, x_right: Array, left: Array, right: Array, problem: np.ndarray) -> Bounds:
        """Enclose the function and its derivatives on m pieces, from their node values (k, m)."""

    def value(self, x: Array, problem: np.ndarray) -> tuple[Array, Array, Array]:
        """Return f, df/dx and the sum of the magnitudes of the terms of f, each of shape (m,)."""

    def extended(self) -> Family:
        """The same family in 50-digit arithmetic."""

    def to_array(self, x: np.ndarray) -> Array:
        """Convert floats to this family's numbers."""


@dataclass(frozen=True)
class RootSet:
    """Roots of several problems, sorted by problem and position.

    Attributes
    ----------
    x : positions, shape (k,), floats.
    problem : index of the problem each root belongs to, shape (k,).
    multiplicity : 1 for a certified simple root, 2 or 3 for a degenerate one, shape (k,).
    undecided : problems with a piece, wider than a degenerate root can explain, that 50 digits leave open, shape (j,).
    """

    x: np.ndarray
    problem: np.ndarray
    multiplicity: np.ndarray
    undecided: np.ndarray


class _Brackets(NamedTuple):
    left: Array
    right: Array
    sign_left: np.ndarray
    problem: np.ndarray


def midpoint(left: Array, right: Array) -> Array:
    """A point between left and right (0 <= left < right), on a logarithmic scale when they are far apart."""
    far = right > 4 * left
    if not np.any(far):
        return left + (right - left) / 2
    geometric = (np.where(left > 0, left, right / 64)) ** 0.5 * right**0.5
    return np.where(far, geometric, left + (right - left) / 2)


def sharpen(bounds: Bounds) -> Bounds:
    """Intersect the enclosure of f with its mean-value forms and, where f'' has one sign, its tangents."""
    lower, upper = bounds.f
    dlower, dupper = bounds.df
    h, slack = bounds.width, 1 + 1e-14
    down, up = np.minimum(dlower, 0) * h * slack, np.maximum(dupper, 0) * h * slack
    back_down, back_up = np.maximum(dupper, 0) * h * slack, np.minimum(dlower, 0) * h * slack
    lower = np.fmax(lower, np.fmax(bounds.f_left[0] + down, bounds.f_right[0] - back_down))
    upper = np.fmin(upper, np.fmin(bounds.f_left[1] + up, bounds.f_right[1] - back_up))
    convex, concave = bounds.ddf[0] > 0, bounds.ddf[1] < 0
    if np.any(convex):
        tangent = np.fmax(
            bounds.f_left[0] + np.minimum(bounds.df_left[0], 0) * h * slack,
            bounds.f_right[0] - np.maximum(bounds.df_right[1], 0) * h * slack,
        )
        lower = np.where(convex, np.fmax(lower, tangent), lower)
    if np.any(concave):
        tangent = np.fmin(
            bounds.f_left[1] + np.maximum(bounds.df_left[1], 0) * h * slack,
            bounds.f_right[1] - np.minimum(bounds.df_right[0], 0) * h * slack,
        )
        upper = np.where(concave, np.fmin(upper, tangent), upper)
    return bounds._replace(f=(lower, upper))


def _sign(bounds: tuple[Array, Array]) -> np.ndarray:
    return np.where(bounds[0] > 0, 1, np.where(bounds[1] < 0, -1, 0))


def _extremum(family: Family, left: Array, right: Array, problem: np.ndarray, steps: int) -> Array:
    """A point near the only zero of f' on each piece, by safeguarded secant steps on f'."""
    x0, x1 = left, right
    d0, d1 = family.value(x0, problem)[1], family.value(x1, problem)[1]
    rising = d1 > d0
    low, high = left, right
    for _ in range(steps):
        change = d1 - d0
        x2 = np.where(change == 0, midpoint(low, high), x1 - d1 * (x1 - x0) / np.where(change == 0, 1, change))
        x2 = np.where((x2 > low) & (x2 < high), x2, midpoint(low, high))
        d2 = family.value(x2, problem)[1]
        above = (d2 > 0) == rising
        high, low = np.where(above, x2, high), np.where(above, low, x2)
        x0, d0, x1, d1 = x1, d1, x2, d2
    return x1


class _Search:
    """Branch and bound in one arithmetic; ``enclose_roots`` runs it in doubles, then in 50 digits."""

    def __init__(self, family: Family, exact: bool) -> None:
        self.family = family
        self.exact = exact
        self.brackets: list[_Brackets] = []
        self.open: list[tuple[Array, Array, np.ndarray]] = []
        self.degenerate: list[tuple[Array, int]] = []

    def run(self, left: Array, right: Array, problem: np.ndarray) -> None:
        family = self.family
        at_left, at_right = family.nodes(left, problem), family.nodes(right, problem)
        for _ in range(_INITIAL_LEVELS * (4 if self.exact else 1)):
            bounds = sharpen(family.bounds(left, right, at_left, at_right, problem))
            signs = _sign(bounds.f_left), _sign(bounds.f_right)
            drowned = (signs[0] == 0) & (signs[1] == 0)
            if self.exact:
                # A zero at an end belongs to the piece where the sign changes if zero counts as positive.
                signs = tuple(np.where(sign == 0, 1, sign) for sign in signs)
            possible = ~((bounds.f[0] > 0) | (bounds.f[1] < 0))
            monotone = (bounds.df[0] > 0) | (bounds.df[1] < 0)
            convex, concave = bounds.ddf[0] > 0, bounds.ddf[1] < 0
            signed = (signs[0] != 0) & (signs[1] != 0)
            changes = signed & (signs[0] != signs[1])
            simple = possible & changes & (monotone | convex | concave)
            if np.any(simple):
                self.brackets.append(
                    _Brackets(left[simple], right[simple], signs[0][simple], problem[simple])
                )
            same = signed & ~changes
            rootless = same & (monotone | (convex & (signs[0] < 0)) | (concave & (signs[0] > 0)))
            pending = possible & ~simple & ~rootless
            # Cutting is useless where rounding hides the very signs the theorems ask for.
            tiny = (right - left) <= (1e-40 if self.exact else 1e-14) * right
            theorem = monotone | convex | concave
            hidden = (drowned & ~theorem) if self.exact else (drowned | (theorem & ~signed))
            hopeless = pending & (tiny | hidden)
            if np.any(hopeless):
                self.open.append((left[hopeless], right[hopeless], problem[hopeless]))
            keep = pending & ~hopeless
            if not np.any(keep):
                return
            left, right, problem = left[keep], right[keep], problem[keep]
            at_left, at_right = at_left[:, keep], at_right[:, keep]
            unimodal = ((convex | concave) & same)[keep]
            middle = midpoint(left, right)
            if np.any(unimodal):
                steps = 12 if self.exact else 8
                at = _extremum(family, left[unimodal], right[unimodal], problem[unimodal], steps)
                middle[unimodal] = at
                if self.exact:
                    unimodal_index = np.flatnonzero(unimodal)
                    drop = self._note_degenerate(at, problem[unimodal])
                    if np.any(drop):
                        stay = np.ones(len(left), dtype=bool)
                        stay[unimodal_index[drop]] = False
                        left, right, problem, middle = left[stay], right[stay], problem[stay], middle[stay]
                        at_left, at_right = at_left[:, stay], at_right[:, stay]
                        unimodal = unimodal[stay]
                        if not len(left):
                            return
            at_middle = family.nodes(middle, problem)
            left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
            at_left = np.concatenate([at_left, at_middle], axis=1)
            at_right = np.concatenate([at_middle, at_right], axis=1)
            problem = np.concatenate([problem, problem])
        self.open.append((left, right, problem))

    def _note_degenerate(self, at: Array, problem: np.ndarray) -> np.ndarray:
        f, _, scale = self.family.value(at, problem)
        zero = np.array(abs(f) <= DEGENERATE_BELOW * scale, dtype=bool)
        for x, index in zip(at[zero], problem[zero], strict=True):
            self.degenerate.append((x, int(index)))
        return zero


def polish(family: Family, brackets: _Brackets, tolerance: float) -> Array:
    """The root in each bracket, by Newton steps safeguarded by bisection; shape (k,)."""
    left, right, sign_left, problem = brackets
    x = np.where(left > 0, midpoint(left, right), left)
    active = np.arange(len(problem))
    result = x
    for _ in range(300):
        f, slope, scale = family.value(x[active], problem[active])
        same = (f > 0) == (sign_left[active] > 0)
        left[active] = np.where(same, x[active], left[active])
        right[active] = np.where(same, right[active], x[active])
        step = np.where(slope == 0, 0, -f / np.where(slope == 0, 1, slope))
        new = x[active] + step
        inside = (new > left[active]) & (new < right[active])
        # Once f is within its own rounding, further steps and their signs are noise.
        settled = (abs(step) <= tolerance * abs(new)) | (abs(f) <= tolerance * scale)
        converged = settled & (new >= left[active]) & (new <= right[active])
        new = np.where(inside | converged, new, midpoint(left[active], right[active]))
        done = converged | (f == 0) | (right[active] - left[active] <= tolerance * right[active])
        result[active] = np.where(f == 0, x[active], new)
        active = active[~done]
        if not len(active):
            break
    return result


def enclose_roots(family: Family, left: np.ndarray, right: np.ndarray, problem: np.ndarray) -> RootSet:
    """Enumerate every root on the pieces [left, right] of the given problems.

    Parameters
    ----------
    family : the functions and their enclosures.
    left, right : ends of the pieces, shape (m,), 0 <= left < right; pieces of a problem may touch, not overlap.
    problem : index of the problem of each piece, shape (m,), integers.

    Returns
    -------
    RootSet : every root once. A root within 1e-30 relative of being double (or of higher order, then
        multiplicity 3 or, if it does not change the sign, 2) is given once with its multiplicity.
    """
    keep = right > left
    left, right, problem = left[keep], right[keep], problem[keep]
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    undecided = np.empty(0, dtype=int)
    with np.errstate(all="ignore"):
        search = _Search(family, exact=False)
        if len(problem):
            search.run(left, right, problem)
        if search.brackets:
            brackets = _Brackets(*(np.concatenate(parts) for parts in zip(*search.brackets, strict=True)))
            x = polish(family, brackets, 2.3e-16)
            found.append((x, brackets.problem, np.ones(len(x), dtype=int)))
        if search.open:
            exact, undecided = _decide_exactly(family.extended(), search.open)
            found.extend(exact)
    if not found:
        return RootSet(np.empty(0), np.empty(0, dtype=int), np.empty(0, dtype=int), undecided)
    x, index, multiplicity = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((x, index))
    return RootSet(x[order], index[order], multiplicity[order], undecided)


def _decide_exactly(
    family: Family, pieces: list[tuple[Array, Array, np.ndarray]]
) -> tuple[list[tuple[np.ndarray, np.ndarray, np.ndarray]], np.ndarray]:
    """(x, problem, multiplicity) of the roots in the pieces, in 50 digits, and the problems that stay undecided."""
    left, right, problem = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    left, right, problem = _merge_touching(left, right, problem)
    search = _Search(family, exact=True)
    search.run(family.to_array(left), family.to_array(right), problem)
    found = []
    clusters = [(int(index), x, x) for x, index in search.degenerate]
    undecided = np.empty(0, dtype=int)
    if search.open:
        left, right, problem = (np.concatenate(parts) for parts in zip(*search.open, strict=True))
        left, right, problem = _merge_touching(left, right, problem)
        undecided = problem[np.array(right - left > DEGENERATE_WIDTH * right, dtype=bool)]
        clusters.extend(zip(problem.tolist(), left, right, strict=True))
    if search.brackets:
        brackets = _Brackets(*(np.concatenate(parts) for parts in zip(*search.brackets, strict=True)))
        narrow = np.array(brackets.right - brackets.left <= _NEAR * brackets.right, dtype=bool)
        # Next to an open piece the sign at the shared end was assumed, so a bracket there is no root of its own.
        absorbed = np.zeros(len(brackets.problem), dtype=bool)
        for k in np.flatnonzero(narrow):
            a, b = brackets.left[k], brackets.right[k]
            absorbed[k] = any(
                index == brackets.problem[k] and low <= b * (1 + _NEAR) and a <= high * (1 + _NEAR)
                for index, low, high in clusters
            )
        clusters.extend(
            (int(brackets.problem[k]), brackets.left[k], brackets.right[k]) for k in np.flatnonzero(absorbed)
        )
        brackets = _Brackets(*(part[~absorbed] for part in brackets))
        if len(brackets.problem):
            x = polish(family, brackets, 1e-30).astype(float)
            found.append((x, brackets.problem, np.ones(len(x), dtype=int)))
    merged: list[tuple[int, Array, Array]] = []
    for index, low, high in sorted(clusters):
        if merged and merged[-1][0] == index and low <= merged[-1][2] * (1 + _NEAR):
            merged[-1] = (index, merged[-1][1], max(high, merged[-1][2]))
        else:
            merged.append((index, low, high))
    if merged:
        problem = np.array([index for index, _, _ in merged])
        low, high = (np.array([item[k] for item in merged], dtype=object) for k in (1, 2))
        before = family.value(low * (1 - _NEAR), problem)[0] > 0
        after = family.value(high * (1 + _NEAR), problem)[0] > 0
        simple = np.array((high > low) & (high - low <= 1e-25 * high), dtype=bool)
        multiplicity = np.where(np.array(before == after, dtype=bool), 2, np.where(simple, 1, 3))
        found.append((((low + high) / 2).astype(float), problem, multiplicity))
    return found, undecided


def _merge_touching(left: Array, right: Array, problem: np.ndarray) -> tuple[Array, Array, np.ndarray]:
    order = sorted(range(len(problem)), key=lambda i: (problem[i], left[i]))
    left, right, problem = left[order], right[order], problem[order]
    begins = np.ones(len(problem), dtype=bool)
    begins[1:] = (problem[1:] != problem[:-1]) | np.array(left[1:] != right[:-1], dtype=bool)
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(problem)) - 1
    return left[starts], right[ends], problem[starts]
