"""``ssnbrian map``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.paths import require_writable
from ssnbrian.cli.parsing import add_circuit, add_json, circuit_of, number
from ssnbrian.cli.progress import TerminalProgress

if TYPE_CHECKING:
    import numpy as np

    from ssnbrian.analysis.boundary_results import BoundaryPoint, RegimeBoundaries
    from ssnbrian.analysis.regime_map import RegimeMap

EXAMPLE = "ssnbrian map bistable --mu 0:15:61 --ratio 0:5:51"
MOST_POINTS = 4_000_000
NO_BOUNDARIES = (
    "no boundary curves and no balanced limit: they are derived for constant weights, and some synapses are plastic"
)
_COLUMNS, _ROWS = 60, 20
SYMBOLS = {
    "x": "no steady state",
    "o": "states, none of them stable",
    ".": "one stable state",
    "i": "inhibition-stabilized",
    "s": "supersaturating",
    "*": "supersaturating and inhibition-stabilized (perhaps in different states)",
    "B": "several stable states",
}


def grid_range(text: str) -> tuple[float, float, int]:
    """A range with a number of points such as ``0:15:61``."""
    parts = text.split(":")
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"expected FROM:TO:COUNT, e.g. 0:15:61, got '{text}'")
    low, high = number(parts[0]), number(parts[1])
    if not parts[2].isdecimal() or int(parts[2]) < 2:
        raise argparse.ArgumentTypeError(f"the number of points must be a whole number of at least 2, got '{parts[2]}'")
    if not low < high:
        raise argparse.ArgumentTypeError(f"a range must ascend, e.g. 0:15:61, got '{text}'")
    return low, high, int(parts[2])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_circuit(parser)
    parser.add_argument(
        "--mu",
        type=grid_range,
        metavar="FROM:TO:COUNT",
        help="mu_ext of the excitatory population, mV/s (default: the range of the circuit's drive, 61 points; 31 "
        "with plastic synapses)",
    )
    parser.add_argument(
        "--ratio",
        type=grid_range,
        metavar="FROM:TO:COUNT",
        help="mu_ext of inhibitory over excitatory (default: 0 to twice the circuit's ratio, at least 2, 51 points; 26 "
        "with plastic synapses)",
    )
    parser.add_argument(
        "--transfer", choices=("fit", "paper"), default="fit", help="power law: fitted (default) or as published"
    )
    parser.add_argument("--figure", metavar="FILE", help="default: CIRCUIT_map.png in the current folder")
    add_json(parser)


def _ranges(
    arguments: argparse.Namespace, circuit: Circuit
) -> tuple[tuple[float, float, int], tuple[float, float, int]]:
    from ssnbrian.analysis.mean_field import constant_weight_refusal

    columns, rows = (61, 51) if constant_weight_refusal(circuit) is None else (31, 26)
    mu = arguments.mu
    if mu is None:
        values = circuit.drive.values if circuit.drive else (0.0, 50.0)
        low, high = min(0.0, *values), max(values)
        mu = (low, high if high > low else low + 50.0, columns)
    ratio = arguments.ratio or (0.0, max(2.0, 2 * circuit.ratio), rows)
    if ratio[0] < 0:
        raise InvalidInputError(f"--ratio must not be negative, got {ratio[0]:g}; start the range at 0 or above")
    if mu[2] * ratio[2] > MOST_POINTS:
        raise InvalidInputError(f"a map of {mu[2]} x {ratio[2]} points is too large; at most {MOST_POINTS} in all")
    return mu, ratio


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """All steady states on the grid, with constant weights the exact boundaries, and a figure."""
    import numpy as np

    from ssnbrian.analysis.plastic_folds import plastic_regime_map
    from ssnbrian.analysis.plastic_network import PlasticSSN
    from ssnbrian.analysis.regime_boundaries import regime_boundaries
    from ssnbrian.analysis.regime_map import regime_map
    from ssnbrian.analysis.ssn import SSN
    from ssnbrian.cli.theories import ssn_of

    circuit = circuit_of(arguments)
    mu, ratio = _ranges(arguments, circuit)
    figure = arguments.figure or f"{circuit.name}_map.png"
    require_writable(figure)
    reason = SSN.refusal(circuit)
    if reason is not None:
        raise InvalidInputError(f"map needs the SSN of '{circuit.name}': {reason}")
    ssn = ssn_of(circuit, arguments.transfer)
    progress = TerminalProgress()
    plastic = isinstance(ssn.network, PlasticSSN)
    draw = plastic_regime_map if plastic else regime_map
    regimes = draw(ssn, np.linspace(*mu), np.linspace(*ratio), progress)
    boundaries = None if plastic else regime_boundaries(ssn, mu[:2], ratio[:2], progress)
    progress.finish()
    regimes.plot(figure, boundaries)
    transfer = {
        name: {"a": law.a, "b": law.b, "n": law.n} for name, law in zip(ssn.populations, ssn.transfer, strict=True)
    }
    data = as_json(circuit.name, regimes, boundaries) | {"transfer": transfer, "figure": figure}
    return f"{report(circuit.name, regimes, boundaries)}\nfigure: {figure}", data


def _points(found: Sequence[BoundaryPoint], names: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"mu_ext": one.mu_ext, "ratio": one.ratio, "rates": dict(zip(names, one.rates, strict=True))} for one in found
    ]


def _boundaries_json(names: tuple[str, str], boundaries: RegimeBoundaries | None) -> dict[str, Any]:
    """Curves and special points; null without them."""
    if boundaries is None:
        fields = ("boundaries", "cusps", "bogdanov_takens", "balanced_lines")
        return dict.fromkeys(fields) | {
            "boundaries_complete": False, "boundaries_reason": NO_BOUNDARIES, "cusps_complete": False
        }  # fmt: skip
    curves = [
        {
            "name": curve.name,
            "meaning": curve.meaning,
            "complete": curve.complete,
            "reason": curve.reason,
            "segments": [
                {
                    "mu_ext": part.mu_ext.tolist(),
                    "ratio": part.ratio.tolist(),
                    "rates": {names[k]: part.rates[:, k].tolist() for k in range(2)},
                    "stable": part.stable.tolist(),
                }
                for part in curve.segments
            ],
        }
        for curve in boundaries.curves.values()
    ]
    return {
        "boundaries": curves,
        "boundaries_complete": boundaries.complete,
        "boundaries_reason": None,
        "cusps": _points(boundaries.cusps, names),
        "cusps_complete": boundaries.cusps_complete,
        "bogdanov_takens": _points(boundaries.bogdanov_takens, names),
        "balanced_lines": [{"ratio": x.ratio, "below": x.below, "above": x.above} for x in boundaries.balanced],
    }


def as_json(name: str, regimes: RegimeMap, boundaries: RegimeBoundaries | None) -> dict[str, Any]:
    """What --json prints; arrays are indexed [ratio][mu]."""
    names = regimes.populations

    def rates(values: np.ndarray) -> dict[str, list[list[float | None]]]:
        def row(given: list[float]) -> list[float | None]:
            return [None if math.isnan(rate) else rate for rate in given]

        return {names[k]: [row(one) for one in values[:, :, k].tolist()] for k in range(2)}

    return {
        "circuit": name,
        "mu_ext": regimes.mu_ext.tolist(),
        "ratio": regimes.ratio.tolist(),
        "states": regimes.states.tolist(),
        "stable": regimes.stable.tolist(),
        "isn": regimes.isn.tolist(),
        "supersaturating": regimes.supersaturating.tolist(),
        "extrapolated": regimes.extrapolated.tolist(),
        "lowest": rates(regimes.lowest),
        "highest": rates(regimes.highest),
        "balanced": regimes.balanced.tolist(),
        "complete": bool(regimes.complete.all()),
        "complete_reason": regimes.reason,
        "tau_population": dict(zip(names, regimes.tau_population, strict=True)),
    } | _boundaries_json(names, boundaries)


def _symbols(regimes: RegimeMap) -> np.ndarray:
    import numpy as np

    isn, falling = regimes.isn, regimes.supersaturating
    cases = [regimes.empty, regimes.stable == 0, regimes.multistable, isn & falling, isn, falling]
    return np.select(cases, list("xoB*is"), default=".")


def report(name: str, regimes: RegimeMap, boundaries: RegimeBoundaries | None) -> str:
    """A map in letters with its legend, then the special points."""
    import numpy as np

    letters = _symbols(regimes)
    rows = np.unique(np.linspace(0, len(regimes.ratio) - 1, min(_ROWS, len(regimes.ratio))).round().astype(int))
    columns = np.unique(np.linspace(0, len(regimes.mu_ext) - 1, min(_COLUMNS, len(regimes.mu_ext))).round().astype(int))
    lines = [f"{name}: {regimes.states.size} points; ratio upwards, mu_ext (mV/s) to the right"]
    for j in rows[::-1]:
        known = regimes.balanced[j] in ("stable", "unstable")
        balanced = f"  balanced limit {regimes.balanced[j]}" if known else ""
        lines.append(f"{regimes.ratio[j]:8.3g} {''.join(letters[j, columns])}{balanced}")
    lines.append(f"{'':8} {regimes.mu_ext[0]:<{len(columns) - 6}g}{regimes.mu_ext[-1]:>6g}")
    for letter, meaning in SYMBOLS.items():
        share = np.mean(letters == letter)
        if share > 0:
            mu = regimes.mu_ext[np.any(letters == letter, axis=0)]
            ratio = regimes.ratio[np.any(letters == letter, axis=1)]
            where = f"mu_ext {mu[0]:g} to {mu[-1]:g}, ratio {ratio[0]:g} to {ratio[-1]:g}"
            lines.append(f"  {letter}  {meaning}: {100 * share:.1f} % of the points, within {where}")
    if np.any(regimes.extrapolated):
        lines.append(
            f"  {100 * np.mean(regimes.extrapolated):.1f} % of the points hold a stable state outside the fitted range"
        )
    status = f"states {'complete' if regimes.complete.all() else 'perhaps not complete'}: {regimes.reason}"
    if boundaries is None:
        return "\n".join([*lines, status, NO_BOUNDARIES])
    for found, word in ((boundaries.cusps, "cusp"), (boundaries.bogdanov_takens, "Bogdanov-Takens point")):
        lines += [f"{word}: mu_ext = {point.mu_ext:.6g} mV/s, ratio {point.ratio:.6g}" for point in found]
    lines += [f"balanced limit: {x.below} below ratio {x.ratio:.6g}, {x.above} above" for x in boundaries.balanced]
    lines.append(status)
    lines += [f"{curve.name} perhaps not complete: {curve.reason}" for curve in boundaries.curves.values()
              if not curve.complete]  # fmt: skip
    return "\n".join(lines)
