"""Exact boundaries between the regimes of a two-population SSN in the plane of mu_ext and ratio.

Every boundary is a curve of steady states given in closed form or by one scalar equation (``boundary_paths``), traced
without gaps (``boundary_tracing``); nothing is read off a grid of the plane. Cusps are the points of the fold curve
where D does not change along the kernel of the Jacobian. With e = phi_E J_EE - 1, C = J_EI J_IE, p_X = n_X - 1 the
logarithm of the ratio of the two terms of that derivative has, in log e, a slope that vanishes only at the roots of

    det J (2 + 1/p_E) e^2 + [(1 - 1/p_I)(C + det J) + (2 + 1/p_I) det J - (1 - 1/p_E) C] e + (1 - 1/p_I) C,

so between them lies at most one cusp, three in all at most.
Source: Ekelmans, Kraynyukova & Tchumatchenko 2023, S2, S4, S6, S10, Eq 7. Units: mV/s, Hz, s.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import sympy
from scipy.optimize import brentq

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.units import floats_of

from .balanced import balanced_limit
from .boundary_paths import (
    FARTHEST,
    SupersaturationPath,
    active_fold,
    drive_of_rate,
    fixed_excitation,
    fixed_inhibition,
    hopf_path,
    isn_threshold,
)
from .boundary_results import (
    MEANINGS,
    BalancedLine,
    Boundary,
    BoundaryPoint,
    BoundarySegment,
    RegimeBoundaries,
)
from .boundary_tracing import Path, Window, points, rates_of, trace
from .conditions import condition
from .rate_equations import symbol
from .regime_map import state_values
from .ssn import SSN

_COVERED = "the whole curve is covered by enclosures, and beyond their end it provably stays outside the window"
_ABSENT = "no state can fulfil the condition with these weights"
_FOLLOWED = f"the curve was followed up to its parameter {FARTHEST:g} only; that it stays outside beyond is not proven"


def _window(mu_ext: Any, ratio: Any) -> Window:
    limits = []
    for name, given, unit in (("mu_ext", mu_ext, "mV/s"), ("ratio", ratio, "1")):
        values = np.asarray(floats_of(given, unit, name), dtype=float)
        if values.shape != (2,) or values[0] >= values[1]:
            raise InvalidInputError(f"{name}: expected (lowest, highest) with lowest < highest, got {given!r}")
        limits.append((float(values[0]), float(values[1])))
    if limits[1][0] < 0:
        raise InvalidInputError(f"ratio must not be negative, got {limits[1][0]:g}; start the range at 0 or above")
    return Window(*limits)


def _is_stable(ssn: SSN, limits: tuple[float, float] = (np.inf, np.inf)) -> Callable[..., np.ndarray]:
    def wanted(rates: np.ndarray) -> np.ndarray:
        stable = np.asarray(condition("stable").evaluate(state_values(ssn, rates)), dtype=bool)
        return stable & np.all(rates <= np.array(limits), axis=1)

    return wanted


def _segment(ssn: SSN, name: str, path: Path, t: np.ndarray) -> BoundarySegment:
    mu, ratio, rates = points(ssn.network, path, t)
    values = state_values(ssn, rates, r=np.maximum(ratio, 0.0))
    flags = {
        key: np.asarray(condition(key).evaluate(values), dtype=bool)
        for key in ("hopf", "inhibition_stabilized", "supersaturation")
    }
    all_ = np.ones(len(t), dtype=bool)
    # Folds with silent or uncoupled inhibition lie at the threshold of Eq 7 itself; their stable state is below it.
    coupled = ssn.network.J_EI * ssn.network.J_IE > 0
    isn = flags["inhibition_stabilized"] & (rates[:, 1] > 0) & coupled
    beyond = np.any(rates > np.array([law.rate_range[1] for law in ssn.transfer]), axis=1)
    return BoundarySegment(
        mu_ext=mu,
        ratio=ratio,
        rates=rates,
        stable=~flags["hopf"] if name == "fold" else all_,
        isn=all_ if name == "isn" else isn,
        supersaturating=all_ if name == "supersaturation" else flags["supersaturation"],
        extrapolated=all_ if name.startswith("extrapolated") else beyond,
    )


_FLAGS = ("stable", "isn", "supersaturating", "extrapolated")


def _switched(ssn: SSN, name: str, path: Path, t: np.ndarray) -> BoundarySegment:
    """The segment with two more vertices at each switch of a flag, on both sides of it, 1e-12 of a step apart."""
    segment = _segment(ssn, name, path, t)
    added = []
    for flag in _FLAGS:
        values = getattr(segment, flag)
        k = np.flatnonzero(values[1:] != values[:-1])
        left, right = t[k], t[k + 1]
        for _ in range(40 if len(k) else 0):
            middle = (left + right) / 2
            same = getattr(_segment(ssn, name, path, middle), flag) == values[k]
            left, right = np.where(same, middle, left), np.where(same, right, middle)
        added += [left, right]
    return _segment(ssn, name, path, np.unique(np.concatenate([t, *added])))


def _boundary(
    ssn: SSN,
    window: Window,
    name: str,
    paths: list[tuple[Path, float | None, list[float]]],
    wanted: Callable[[np.ndarray], np.ndarray] | None,
) -> Boundary:
    """Trace paths, each with the end of its parameter range (None: not proven) and parameters to be vertices."""
    segments = []
    for path, top, marks in paths:
        end = FARTHEST if top is None else top
        breaks = np.unique([*(mark for mark in marks if mark < end), end])
        breaks = breaks if breaks[0] == 0 or isinstance(path, SupersaturationPath) else np.append(0.0, breaks)
        segments += [_switched(ssn, name, path, t) for t in trace(ssn.network, path, window, breaks, wanted)]
    complete = all(top is not None for _, top, _ in paths)
    reason = _ABSENT if not paths else _COVERED if complete else _FOLLOWED
    return Boundary(name, MEANINGS[name], tuple(segments), complete, reason)


def _both_ways(make: Callable[..., Any], ssn: SSN, window: Window, drive: float) -> list[Any]:
    threshold = isn_threshold(ssn)
    marks = [float(drive_of_rate(ssn, 0, threshold))] if np.isfinite(threshold) else []
    return [(*make(ssn, window, drive, sign), marks) for sign in (1, -1)]


def _folds(ssn: SSN, window: Window, cusps: np.ndarray) -> Boundary:
    network, paths = ssn.network, []
    if network.J_EE > 0:
        z = float(drive_of_rate(ssn, 0, isn_threshold(ssn)))
        if network.J_EI * network.J_IE > 0:
            paths = [(*active_fold(ssn, window), cusps.tolist()), (*fixed_excitation(ssn, window, z, -1), [])]
        else:
            paths = _both_ways(fixed_excitation, ssn, window, z)
    return _boundary(ssn, window, "fold", paths, None)


def _isn(ssn: SSN, window: Window) -> Boundary:
    """With phi_E J_EE = 1, D = phi_E phi_I J_EI J_IE: positive for w > 0, and then the trace is negative."""
    network, paths = ssn.network, []
    if network.J_EE * network.J_EI * network.J_IE > 0:
        z = float(drive_of_rate(ssn, 0, isn_threshold(ssn)))
        paths = [(*fixed_excitation(ssn, window, z, 1), [])]
    return _boundary(ssn, window, "isn", paths, _is_stable(ssn))


def _hopf(ssn: SSN, window: Window) -> Boundary:
    def oscillates(rates: np.ndarray) -> np.ndarray:
        return np.asarray(condition("determinant").evaluate(state_values(ssn, rates))) > 0

    network = ssn.network
    paths = [(*hopf_path(ssn, window), [])] if network.J_EE * network.J_EI * network.J_IE > 0 else []
    return _boundary(ssn, window, "hopf", paths, oscillates)


def _supersaturation(ssn: SSN, window: Window) -> Boundary:
    paths: list[Any] = []
    if ssn.network.J_EI > 0:
        path = SupersaturationPath(ssn)
        top = window.ratio[1] - path.lowest_ratio
        if top > 0:
            start = path.start(window)
            first = 1e-9 * top if start is None else start
            paths = [(path, top, [first])] if first < top else []
            boundary = _boundary(ssn, window, "supersaturation", paths, _is_stable(ssn))
            if start is not None:
                return boundary
            reason = "that the curve stays outside the window as the ratio falls to J_II/J_EI is not proven"
            return Boundary(boundary.name, boundary.meaning, boundary.segments, False, reason)
    return _boundary(ssn, window, "supersaturation", paths, None)


def cusp_parameters(ssn: SSN, top: float) -> np.ndarray:
    """Parameters of the fold curve (see ``active_fold``) in [0, top] at which folds meet, ascending; needs C > 0."""
    network = ssn.network
    path = active_fold(ssn, Window((0.0, 1.0), (0.0, 1.0)))[0]
    p_E, p_I = network.n_E - 1, network.n_I - 1
    C, det = network.J_EI * network.J_IE, network.det_J
    middle = (1 - 1 / p_I) * (C + det) + (2 + 1 / p_I) * det - (1 - 1 / p_E) * C
    e = np.roots([det * (2 + 1 / p_E), middle, (1 - 1 / p_I) * C])
    e = e[(np.abs(e.imag) <= 1e-12 * np.abs(e)) & (e.real > 0)].real
    if det < 0:
        e = e[e < C / -det]
        e = e * network.J_EE / (C + e * det)
    least = 10.0 ** -min(30.0, 250 / network.n_I)

    def derivative(log_s: float) -> float:
        rates = rates_of(network, *path.drives(np.array([np.exp(log_s)])))
        return float(condition("cusp").evaluate(state_values(ssn, rates))[0])

    splits = np.clip(e ** (1 / p_I), least, top)
    ends = np.log(np.unique([least, *splits, top]))
    signs = [derivative(end) > 0 for end in ends]
    found = [
        float(np.exp(brentq(derivative, a, b, xtol=1e-14, rtol=1e-14)))
        for a, b, left, right in zip(ends[:-1], ends[1:], signs[:-1], signs[1:], strict=True)
        if left != right
    ]
    # With silent inhibition the derivative is negative; n_I <= 2 lets it jump where inhibition sets in.
    return np.array([0.0, *found] if signs[0] else found)


def _points(ssn: SSN, window: Window, path: Path, parameters: np.ndarray) -> tuple[BoundaryPoint, ...]:
    if not len(parameters):
        return ()
    segment = _segment(ssn, "fold", path, parameters)
    inside = window.contains(segment.mu_ext, segment.ratio)
    return tuple(
        BoundaryPoint(float(segment.mu_ext[k]), float(segment.ratio[k]), tuple(segment.rates[k].tolist()))
        for k in np.argsort(segment.mu_ext, kind="stable")
        if inside[k]
    )


def _bogdanov_takens(folds: Boundary) -> tuple[BoundaryPoint, ...]:
    """Where the trace changes sign along the fold curve, a vertex by ``_switched``."""
    found = []
    for segment in folds.segments:
        for k in np.flatnonzero(segment.stable[1:] != segment.stable[:-1]):
            rates = segment.rates[k].tolist()
            found.append(BoundaryPoint(float(segment.mu_ext[k]), float(segment.ratio[k]), tuple(rates)))
    return tuple(sorted(found, key=lambda point: point.mu_ext))


def balanced_lines(ssn: SSN, ratio: tuple[float, float]) -> tuple[BalancedLine, ...]:
    """Ratios in [lowest, highest] at which the balanced limit changes (S2, S4), ascending.

    The bounds come from ``balanced_exists``. Between them the trace changes sign at most once, as gain_E/gain_I is
    monotone in the ratio; that point is bisected.
    """
    relations = condition("balanced_exists").expression.atoms(sympy.core.relational.Relational)
    bounds = {relation.rhs for relation in relations if relation.lhs == symbol("r")}
    values = {symbol(name): sympy.Float(value) for name, value in ssn.values().items()}
    numbers = [bound.xreplace(values) for bound in bounds]
    low, high = ratio
    inner = sorted(float(number) for number in numbers if number.is_finite and low < number < high)
    edges = [low, *inner, high]
    lines = []
    last = None
    for a, b in pairwise(edges):
        left, right = a + 1e-9 * (b - a), b - 1e-9 * (b - a)
        first, end = balanced_limit(ssn, np.array([left, right]))
        if last is not None and last != first:
            lines.append(BalancedLine(a, str(last), str(first)))
        if first != end:
            for _ in range(60):
                middle = (left + right) / 2
                left, right = (middle, right) if balanced_limit(ssn, np.array([middle]))[0] == first else (left, middle)
            lines.append(BalancedLine((left + right) / 2, str(first), str(end)))
        last = end
    return tuple(lines)


def regime_boundaries(
    ssn: SSN,
    mu_ext: tuple[float, float],
    ratio: tuple[float, float],
    progress: Callable[[str, float], None] = lambda stage, fraction: None,
) -> RegimeBoundaries:
    """Folds, cusps, Hopf points and the onsets of every regime in a window, exactly.

    Parameters
    ----------
    ssn : the network; stability rests on its ``tau_population``.
    mu_ext : (lowest, highest) external input of E in mV/s or quantities.
    ratio : (lowest, highest) mu_ext of I over that of E, at least 0.

    Raises
    ------
    InvalidInputError : a window is empty, not finite, or holds a negative ratio.
    """
    window, network = _window(mu_ext, ratio), ssn.pair_driven_by_mu_ext
    cusps, tips, proven = np.empty(0), (), True
    if network.J_EE * network.J_EI * network.J_IE > 0:
        path, top = active_fold(ssn, window)
        cusps, proven = cusp_parameters(ssn, FARTHEST if top is None else top), top is not None
        tips = _points(ssn, window, path, cusps)
    limit_E, limit_I = (law.rate_range[1] for law in ssn.transfer)
    z, w = float(drive_of_rate(ssn, 0, limit_E)), float(drive_of_rate(ssn, 1, limit_I))
    no = np.inf
    makers: dict[str, Callable[[], Boundary]] = {
        "fold": lambda: _folds(ssn, window, cusps),
        "hopf": lambda: _hopf(ssn, window),
        "isn": lambda: _isn(ssn, window),
        "supersaturation": lambda: _supersaturation(ssn, window),
        "silent_E": lambda: _line(ssn, window, "silent_E", fixed_excitation, 0.0, (no, no)),
        "extrapolated_E": lambda: _line(ssn, window, "extrapolated_E", fixed_excitation, z, (no, limit_I)),
        "extrapolated_I": lambda: _line(ssn, window, "extrapolated_I", fixed_inhibition, w, (limit_E, no)),
    }
    curves = {}
    for done, (name, make) in enumerate(makers.items()):
        curves[name] = make()
        progress("boundaries", (done + 1) / len(makers))
    lines = balanced_lines(ssn, window.ratio)
    return RegimeBoundaries(
        window.mu_ext, window.ratio, curves, tips, _bogdanov_takens(curves["fold"]), lines, proven
    )


def _line(
    ssn: SSN, window: Window, name: str, make: Callable[..., Any], drive: float, limits: tuple[float, float]
) -> Boundary:
    return _boundary(ssn, window, name, _both_ways(make, ssn, window, drive), _is_stable(ssn, limits))
