"""A bifurcation diagram as a figure: rates over the parameter, stable solid, unstable dashed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .bifurcation import BifurcationDiagram, Branch
from .comparison_report import save_figure
from .continuation import Array
from .limit_cycles import CycleBranch

_COLOURS = {"excitatory": "tab:blue", "inhibitory": "tab:red"}
_WORDS = {
    "mu_ext": "external input μ_ext",
    "mu_ext_I": "external input to I, μ_ext,I",
    "ratio": "ratio of the external inputs, I over E",
}
_TITLES = {"ssn": "SSN", "self_consistent": "self-consistent theory"}


def bifurcation_figure(
    diagram: BifurcationDiagram, path: str | Path, cycles: Sequence[CycleBranch] = (), title: str = ""
) -> None:
    """One panel for each population; folds, Hopf points and the envelopes of limit cycles are marked.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` if the figure cannot be written.
    """
    from matplotlib.figure import Figure

    names = diagram.populations
    figure = Figure(figsize=(5.0 * len(names), 4.2), layout="constrained")
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for k, (axis, name, kind) in enumerate(zip(axes, names, diagram.equations.kinds, strict=True)):
        colour = _COLOURS[kind]
        for branch in diagram.branches:
            _draw_branch(axis, branch, k, colour)
        for cycle in cycles:
            _draw_cycles(axis, cycle, k)
        _mark(axis, [(one.value, one.rates[name]) for one in diagram.folds], "o", "black")
        _mark(axis, [(one.value, one.rates[name]) for one in diagram.hopf], "D", "tab:orange")
        axis.set_xlim(diagram.range)
        height = _height(diagram, cycles, k)
        axis.set_ylim(0, height)
        fitted = diagram.transfer[name].rate_range[1] if name in diagram.transfer else height
        if height > fitted:
            axis.axhspan(fitted, height, color="0.94", zorder=0)
        unit = "" if diagram.unit == "1" else f" ({diagram.unit})"
        axis.set_xlabel(f"{_WORDS.get(diagram.parameter, diagram.parameter)}{unit}")
        axis.set_ylabel(f"firing rate of {name} (Hz)")
        axis.legend(handles=_legend(diagram, cycles, colour, height > fitted), frameon=False, fontsize=8)
    state = "complete" if diagram.complete else "not proven complete"
    figure.suptitle(f"{title}{': ' if title else ''}{_TITLES[diagram.theory]}, {state}", fontsize=10)
    save_figure(figure, path)


def _draw_branch(axis: Any, branch: Branch, k: int, colour: str) -> None:
    for first, last, stable in _runs(branch.stable):
        part = slice(first, last + 1)
        axis.plot(branch.values[part], branch.rates[part, k], color=colour, ls="-" if stable else "--", lw=1.6)


def _runs(flags: Array) -> list[tuple[int, int, bool]]:
    """(first, last, flag) of the runs of equal flags; each run reaches to the first point of the next."""
    edges = [0, *(np.flatnonzero(np.diff(flags.astype(int))) + 1).tolist(), len(flags)]
    return [(first, min(last, len(flags) - 1), bool(flags[first])) for first, last in itertools.pairwise(edges)]


def _draw_cycles(axis: Any, cycle: CycleBranch, k: int) -> None:
    for first, last, stable in _runs(cycle.stable):
        part = slice(first, last + 1)
        for rates in (cycle.lowest, cycle.highest):
            axis.plot(cycle.values[part], rates[part, k], color="tab:green", ls="-" if stable else ":", lw=1.3)


def _mark(axis: Any, points: list[tuple[float, float]], marker: str, colour: str) -> None:
    if points:
        x, y = zip(*points, strict=True)
        axis.plot(x, y, marker, color=colour, ms=5, mfc="white" if marker == "o" else colour, zorder=5, clip_on=False)


def _height(diagram: BifurcationDiagram, cycles: Sequence[CycleBranch], k: int) -> float:
    """Upper end of the rate axis. A branch that runs off to high rates is cut at five times what else there is."""
    highest = [float(np.max(branch.rates[:, k])) for branch in diagram.branches if "maximum_rate" not in branch.ends]
    highest += [point.rates[diagram.populations[k]] for point in (*diagram.folds, *diagram.hopf)]
    highest += [float(np.max(cycle.highest[:, k])) for cycle in cycles]
    leaving = [float(np.max(branch.rates[:, k])) for branch in diagram.branches if "maximum_rate" in branch.ends]
    if leaving:
        highest.append(min(max(leaving), 5 * max(highest, default=max(leaving))))
    return 1.06 * max([*highest, 1e-12])


def _legend(diagram: BifurcationDiagram, cycles: Sequence[CycleBranch], colour: str, beyond: bool) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    stable = [flag for branch in diagram.branches for flag in (branch.stable.any(), (~branch.stable).any())]
    entries = []
    if any(stable[::2]):
        entries.append(Line2D([], [], color=colour, label="stable"))
    if any(stable[1::2]):
        entries.append(Line2D([], [], color=colour, ls="--", label="unstable"))
    if diagram.folds:
        entries.append(Line2D([], [], color="black", marker="o", mfc="white", ls="", ms=5, label="fold"))
    if diagram.hopf:
        entries.append(Line2D([], [], color="tab:orange", marker="D", ls="", ms=5, label="Hopf point"))
    if any(cycle.stable.any() for cycle in cycles):
        entries.append(Line2D([], [], color="tab:green", label="limit cycle, lowest and highest rate"))
    if any((~cycle.stable).any() for cycle in cycles):
        entries.append(Line2D([], [], color="tab:green", ls=":", label="unstable limit cycle"))
    if beyond:
        entries.append(Patch(color="0.94", label="beyond the fitted rates"))
    return entries
