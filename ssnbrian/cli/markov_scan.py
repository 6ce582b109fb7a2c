"""``ssnbrian markov --scan``: peaks of the rate along a parameter, of the equations and of the network."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.errors import nearest
from ssnbrian.cli.parsing import number, whole_number
from ssnbrian.cli.progress import TerminalProgress

if TYPE_CHECKING:
    import numpy as np

    from ssnbrian.analysis.markov.parameters import MarkovNetwork
    from ssnbrian.analysis.markov.peak_scan import PeakScan
    from ssnbrian.analysis.markov.run import MarkovRun

MOST_POINTS = 501
TITLES = {"ode": "differential equations", "network": "network"}


@dataclass(frozen=True)
class Scanned:
    """``NAME=FROM:TO:POINTS``, the values in the unit of the short name."""

    name: str
    first: float
    last: float
    points: int


def scanned(text: str) -> Scanned:
    """A range such as ``p_EI=0.5:1:11``."""
    name, _, values = text.partition("=")
    parts = values.split(":")
    if not name.strip() or len(parts) != 3:
        raise argparse.ArgumentTypeError(f"expected NAME=FROM:TO:POINTS, e.g. p_EI=0.5:1:11, got '{text}'")
    points = whole_number(parts[2])
    if not 2 <= points <= MOST_POINTS:
        raise argparse.ArgumentTypeError(f"expected 2 to {MOST_POINTS} points, got {points}")
    return Scanned(name.strip(), number(parts[0]), number(parts[1]), points)


def scan(
    wanted: Scanned,
    network: MarkovNetwork,
    runs: Mapping[str, Callable[[MarkovNetwork], MarkovRun]],
    discard: float,
    figure: str | None,
) -> dict[str, Any]:
    """Volleys along the values for each of ``runs`` by key ('ode', 'network'), and how far the two are apart."""
    import numpy as np

    from ssnbrian.analysis.markov.peak_scan import scan_distance, scan_peaks
    from ssnbrian.cli.markov_settings import set_short, short_names

    known = short_names(network)
    if wanted.name not in known:
        raise InvalidInputError(f"--scan: there is nothing called '{wanted.name}'. {nearest(wanted.name, known)}")
    unit = known[wanted.name].unit
    values = np.linspace(wanted.first, wanted.last, wanted.points)
    networks = {value: set_short(network, wanted.name, f"{value!r} {unit}") for value in values.tolist()}
    found = {key: scan_peaks(_shown(TITLES[key], run, networks), values, discard=discard) for key, run in runs.items()}
    data: dict[str, Any] = {
        "name": wanted.name,
        "unit": unit,
        "values": values.tolist(),
        "population": found["ode"].population,
        **{key: _numbers(one) for key, one in found.items()},
    }
    if "network" in found:
        for quantity in ("height_differences", "intervals"):
            distances = scan_distance(found["ode"], found["network"], quantity)
            data[f"distance_of_{quantity}"] = [float(one) if np.isfinite(one) else None for one in distances]
    if figure:
        data["figure"] = _drawn(found, wanted.name, unit, figure)
    return data


def _shown(
    title: str, run: Callable[[MarkovNetwork], MarkovRun], networks: dict[float, MarkovNetwork]
) -> Callable[[float], MarkovRun]:
    """The runs by value, with their progress shown."""
    progress = TerminalProgress()

    def run_at(value: float) -> MarkovRun:
        found = run(networks[value])
        part = (list(networks).index(value) + 1) / len(networks)
        progress(title, part)
        if part == 1:
            progress.finish()
        return found

    return run_at


def _numbers(found: PeakScan) -> dict[str, Any]:
    """At each value: the period, the number of volleys, their mean interval (s) and mean |height difference| (Hz)."""
    import numpy as np

    def means(samples: list[np.ndarray]) -> list[float | None]:
        return [float(np.abs(one).mean()) if len(one) else None for one in samples]

    return {
        "periods": [one.volleys for one in found.periods],
        "volleys": [len(one) for one in found.volleys],
        "intervals": means(found.samples("intervals")),
        "height_differences": means(found.samples("height_differences")),
    }


def _drawn(found: dict[str, PeakScan], name: str, unit: str, figure: str) -> str:
    from ssnbrian.analysis.markov.figures import peak_scan_figure

    label = name if unit == "1" else f"{name} ({unit})"
    peak_scan_figure({TITLES[key]: one for key, one in found.items()}, figure, label)
    return figure


def scan_lines(data: dict[str, Any]) -> list[str]:
    """A line for each value."""
    kinds = [one for one in ("ode", "network") if one in data]
    lines = [
        f"periods of the volleys of {data['population']} and mean difference of successive peaks, without its sign, "
        f"along {data['name']}"
    ]
    for k, value in enumerate(data["values"]):
        parts = []
        for kind in kinds:
            period, height = data[kind]["periods"][k], data[kind]["height_differences"][k]
            shown = "-" if height is None else f"{height:.1f} Hz"
            parts.append(f"{kind} {'-' if period is None else period} ({shown})")
        lines.append(f"  {value:g}  {', '.join(parts)}")
    return lines
