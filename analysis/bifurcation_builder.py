"""Tracing all branches of a bifurcation diagram and checking that none is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .bifurcation_equations import RateTheory, SSNEquations
from .bifurcation_parameters import network_of
from .bifurcation_points import BifurcationPoint, hopf_point
from .bifurcation_results import BifurcationDiagram, Branch, crossings
from .continuation import Array, Trace, tangent, trace
from .folds import folds


class DiagramBuilder:
    """Traces every branch and checks the counts."""

    def __init__(self, equations: RateTheory, limits: tuple[float, float], count: int, laws: Mapping) -> None:
        self.equations, self.limits, self.laws = equations, limits, laws
        self.curve = equations.curve()
        self.P = len(equations.populations)
        self.branches: list[Branch] = []
        self.events: list[tuple[int, Array]] = []
        self.proven_folds = self._proven_folds()
        grid = np.linspace(*limits, count)
        if self.proven_folds is not None:
            inner = self.proven_folds.mu_ext
            cuts = np.array([limits[0], *inner[(inner > limits[0]) & (inner < limits[1])], limits[1]])
            grid = np.concatenate([grid, 0.5 * (cuts[:-1] + cuts[1:])])
        self.grid = np.unique(grid)

    def _proven_folds(self) -> Any:
        family = self.equations.family
        if not isinstance(self.equations, SSNEquations) or family.names != ("mu_ext",):
            return None
        network = network_of(family.numbers([0.0]))
        if family.drive.mu_ext_I is not None or network.det_J_exact == 0:
            return None
        return folds(network, family.drive.ratio, self.limits)

    def trace_all(self) -> tuple[list[Array], list[bool], str]:
        """Trace from every state that no branch explains yet; the complete sets of states as ``all_states`` gives."""
        states, complete, why = self.equations.all_states(self.grid)
        for value, here in zip(self.grid, states, strict=True):
            for x in self._unexplained(value, here):
                if self._unexplained(value, [x]):
                    self._trace(np.append(x, value))
        return states, complete, why

    def diagram(self) -> BifurcationDiagram:
        """Trace all branches, then compare them with the complete sets of states."""
        states, complete, why = self.trace_all()
        agree = all(self._explained(value, here) for value, here in zip(self.grid, states, strict=True))
        folds_found = self._points("fold")
        proven, reason = self._verdict(agree, all(complete), why, folds_found)
        hopf = tuple(
            point
            for test, y in self.events
            if test == 1 and (point := hopf_point(self.equations, y[: self.P], y[self.P :])) is not None
        )
        middle = [0.5 * sum(self.limits)]
        tau = [float(f"{one:.12g}") for one in self.equations.tau(middle)]
        return BifurcationDiagram(
            parameter=self.equations.family.names[0],
            unit=self.equations.family.units[0],
            range=self.limits,
            theory=self.equations.theory,
            populations=tuple(self.equations.populations),
            branches=tuple(sorted(self.branches, key=lambda branch: float(np.min(branch.rates[:, 0])))),
            folds=folds_found,
            hopf=tuple(sorted(hopf, key=lambda point: point.value)),
            silent_borders=self._points("silent_border"),
            complete=proven,
            reason=reason,
            counts_agree=agree,
            checked_values=len(self.grid),
            maximum_rate=self.equations.maximum_rate,
            tau_population=dict(zip(self.equations.populations, tau, strict=True)),
            transfer=self.laws,
            transfer_error=self.equations.family.error,
            drive=self.equations.family.drive,
            equations=self.equations,
        )

    def _near(self, x: Array, y: Array) -> bool:
        return bool(np.all(np.abs(x - y) <= 1e-7 * (self.equations.state_scale + np.abs(x))))

    def _unexplained(self, value: float, states: Any) -> list[Array]:
        there = [y for b in self.branches for y in crossings(self.equations, b, value)]
        return [x for x in states if not any(self._near(x, y) for y in there)]

    def _explained(self, value: float, states: Array) -> bool:
        """Whether states and crossings of branches are the same, one to one."""
        there = [y for b in self.branches for y in crossings(self.equations, b, value)]
        left = [y for y in there if np.max(self.equations.rates(y, [value])) <= self.equations.maximum_rate]
        for x in states:
            distances = [float(np.max(np.abs(x - y))) for y in left]
            if not distances or not self._near(x, left[int(np.argmin(distances))]):
                return False
            left.pop(int(np.argmin(distances)))
        return not left

    def _tests(self, y: Array) -> Array:
        x, p = y[: self.P], y[self.P :]
        top = self.equations.maximum_rate - np.max(self.equations.rates(x, p))
        first = [self.equations.determinant(x, p), self.equations.pair_sums(x, p), top]
        return np.concatenate([first, self.equations.margins(x, p)])

    def _trace(self, start: Array) -> None:
        ahead = tangent(self.curve, start)
        if ahead is None:
            return
        low, high = np.full(self.P + 1, -np.inf), np.full(self.P + 1, np.inf)
        low[self.P], high[self.P] = self.limits
        pieces = []
        for along in (ahead, -ahead):
            slope, value = along[self.P], start[self.P]
            if (slope < 0 and value <= self.limits[0]) or (slope > 0 and value >= self.limits[1]):
                pieces.append(Trace(start[None], (), "window"))
                continue
            pieces.append(trace(self.curve, start, along, (low, high), self._tests, ending=(2,)))
            if pieces[0].end == "closed":
                pieces.append(Trace(start[None], (), "closed"))
                break
        forward, backward = pieces
        points = np.concatenate([backward.points[::-1], forward.points[1:]])
        self.events += [(event.test, event.point) for piece in pieces for event in piece.events]
        self.branches.append(self._branch(points, tuple(piece.end for piece in (backward, forward))))

    def _branch(self, points: Array, ends: tuple[str, ...]) -> Branch:
        x, values = points[:, : self.P], points[:, self.P]
        pairs = [(state, [value]) for state, value in zip(x, values, strict=True)]
        rates = np.array([self.equations.rates(*pair) for pair in pairs])
        eigenvalues = np.array([np.linalg.eigvals(self.equations.linearisation(*pair)) for pair in pairs])
        limits = [self.laws[name].rate_range[1] if self.laws else np.inf for name in self.equations.populations]
        words = {"stopped": "maximum_rate"}
        return Branch(
            values=values,
            rates=rates,
            eigenvalues=eigenvalues.astype(complex),
            stable=np.all(eigenvalues.real < 0, axis=1),
            inhibition_stabilized=np.array([self.equations.inhibition_stabilized(*pair) for pair in pairs]),
            extrapolated=np.any(rates > np.array(limits), axis=1),
            closed=ends[1] == "closed",
            ends=(words.get(ends[0], ends[0]), words.get(ends[1], ends[1])),
            states=x,
        )

    def _points(self, kind: str) -> tuple[BifurcationPoint, ...]:
        found = []
        for test, y in self.events:
            if (kind == "fold" and test == 0) or (kind == "silent_border" and test > 2):
                x, p = y[: self.P], y[self.P :]
                silent = self.equations.populations[test - 3] if test > 2 else None
                rates = self.equations.rates(x, p)
                if silent is not None:
                    rates[test - 3] = 0.0
                by_name = dict(zip(self.equations.populations, rates.tolist(), strict=True))
                found.append(BifurcationPoint(kind, float(p[0]), by_name, silent))
        return tuple(sorted(found, key=lambda point: point.value))

    def _verdict(self, agree: bool, complete: bool, why: str, found: tuple[BifurcationPoint, ...]) -> tuple[bool, str]:
        name, count = self.equations.family.names[0], len(self.grid)
        broken = sorted({end for branch in self.branches for end in branch.ends if end in ("stalled", "long")})
        limit = self.equations.maximum_rate
        if not complete:
            return False, f"the states at single values of {name} are not proven complete: {why}"
        if broken or not agree:
            cause = f"a branch ended early ({', '.join(broken)})" if broken else "branches and counts of states differ"
            return False, f"{cause} on the {count} checked values of {name}: part of the diagram is missing"
        agreement = f"the complete sets of states at {count} values of {name} are those of the branches"
        if any("maximum_rate" in branch.ends for branch in self.branches):
            return False, f"{agreement}, but a branch passes {limit:g} Hz, above which states are left out"
        known = self.proven_folds
        if known is not None and known.complete:
            mine, step = np.array([point.value for point in found]), self.limits[1] - self.limits[0]
            if len(mine) == known.multiplicity.sum() and np.allclose(mine, known.mu_ext, rtol=0, atol=1e-8 * step):
                return True, (
                    f"{agreement}; all {len(mine)} folds are known with proof and agree, so the number of states "
                    f"changes nowhere else, and it was counted between every two of them"
                )
            return False, f"{agreement}, but the folds differ from the {len(known)} that are proven to exist"
        unit = self.equations.family.units[0]
        gap = f"{float(np.max(np.diff(self.grid))):.3g}{'' if unit == '1' else ' ' + unit}"
        return False, f"{agreement}, but two folds closer together than {gap} could lie between them"
