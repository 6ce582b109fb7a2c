"""What ``ssnbrian markov`` tells of runs: numbers by name, and lines for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ssnbrian.analysis.markov.attractor_geometry import Plane
    from ssnbrian.analysis.markov.fixed_points import FixedPoints
    from ssnbrian.analysis.markov.measures import RunMeasures
    from ssnbrian.analysis.markov.parameters import MarkovNetwork
    from ssnbrian.analysis.markov.run import MarkovRun


def parameters_of(network: MarkovNetwork) -> dict[str, Any]:
    """As the network was simulated: times in ms, weights in mV, drive in 1/ms, target before source."""
    pairs = [(x, y) for x in network.populations for y in network.populations if network.probabilities[x, y] > 0]
    found: dict[str, Any] = {f"N_{one}": int(size) for one, size in zip(network.names, network.sizes, strict=True)}
    for prefix, values, factor in (
        ("tau", network.decay_times, 1000.0),
        ("p", network.probabilities, 1.0),
        ("s", network.weights, 1.0),
    ):
        found |= {f"{prefix}_{network.names[x]}{network.names[y]}": values[x, y] * factor for x, y in pairs}
    for x, name in enumerate(network.names):
        found |= {f"drive_{name}": network.drive[x] / 1000, f"tau_r_{name}": network.refractory[x] * 1000}
    found["tau_m"] = network.leak_time * 1000 if math.isfinite(network.leak_time) else None
    return found


def numbers_of(found: RunMeasures, run: MarkovRun) -> dict[str, Any]:
    peak, period, volleys, chosen = found.spectral_peak, found.period, found.volleys, found.population
    sizes = dict(zip(run.names, run.sizes.astype(int).tolist(), strict=True))
    some = len(volleys) > 1
    return {
        "neurons": sizes,
        "measured": run.rates.shape[1] * run.dt,
        "rates": dict(found.rates),
        "standard_errors": dict(found.standard_errors),
        "spectral_peak": peak and peak.frequency,
        "spectral_peak_error": peak and plain(peak.standard_error),
        "synchrony": found.synchrony[chosen].index if chosen in found.synchrony else None,
        "synchronies": {
            name: {"index": one.index, "standard_error": plain(one.standard_error), "independent": one.independent}
            for name, one in found.synchrony.items()
        },
        "period": period.volleys,
        "period_reason": period.reason,
        "period_correlations": [plain(one) for one in period.correlations],
        "volleys": {
            "population": chosen,
            "count": len(volleys),
            "interval": float(volleys.intervals.mean()) if some else None,
            "interval_sd": float(volleys.intervals.std()) if some else None,
            "size": float(volleys.sizes.mean()) if some else None,
            "size_sd": float(volleys.sizes.std()) if some else None,
            "duration": float(volleys.durations.mean()) if some else None,
        },
    }


def plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def fixed_points_of(found: FixedPoints[Any]) -> dict[str, Any]:
    points = [
        {
            "rates": dict(zip(one.names, one.rates.tolist(), strict=True)),
            "leading_eigenvalue": [one.leading.real, one.frequency],
            "stable": one.stable,
        }
        for one in found
    ]
    return {
        "fixed_point": points[0] if points else None,
        "fixed_points": points,
        "complete": found.complete,
        "complete_reason": found.reason,
    }


def difference_of(equations: MarkovRun, run: MarkovRun, data: dict[str, Any]) -> dict[str, Any]:
    """Of the equations from the network: rates relative, and how far the attractors are apart."""
    from ssnbrian.analysis.markov.attractor_geometry import attractor_distance

    theory, measured = data["ode"]["rates"], data["network"]["rates"]
    rates = {name: theory[name] / measured[name] - 1 if measured[name] > 0 else None for name in measured}
    plane = plane_of(equations)
    moving = any(equations.pending[equations.names.index(plane.target)].any(axis=1))
    if not moving:
        return {"rates": rates, "attractor": None}
    found = attractor_distance(run, equations, plane)
    attractor = {
        "plane": [plane.target + plane.horizontal, plane.target + plane.vertical],
        "energy_distance": found.energy,
        "deviation": found.deviation,
        "gyration": found.gyration,
    }
    return {"rates": rates, "attractor": attractor}


def plane_of(run: MarkovRun) -> Plane:
    """H_EE and H_EI where there are E and I, else the kicks at the first population from itself and the last."""
    from ssnbrian.analysis.markov.attractor_geometry import FIRST_PLANE, Plane

    if {"E", "I"} <= set(run.names):
        return FIRST_PLANE
    return Plane(run.names[0], run.names[0], run.names[-1])


def heading(data: dict[str, Any]) -> str:
    """Which network it is, and how it was scaled."""
    line = f"{data['circuit']}: network of {'whole kicks' if data['family'] == 'kicks' else 'conductances'}"
    if data["scaled"]:
        factor = data["scaled"]["factor"]
        line += f", {factor:g} times the neurons with 1/{factor:g} of the {data['scaled']['divided']}"
    return line


def text_of(data: dict[str, Any]) -> str:
    """Everything but a scan."""
    lines = [heading(data)]
    for title, key in (("differential equations", "ode"), ("network", "network")):
        if key in data:
            lines += _run_lines(title, data[key])
    for point in data["fixed_points"]:
        growth, frequency = point["leading_eigenvalue"]
        rates = ", ".join(f"{name} {rate:.4f}" for name, rate in point["rates"].items())
        kind = "stable" if point["stable"] else "unstable"
        lines.append(f"fixed point  {rates} Hz, {kind}: leading eigenvalue {growth:.2f}/s at {frequency:.2f} Hz")
    lines.append(f"fixed points {'complete' if data['complete'] else 'not complete'}: {data['complete_reason']}")
    if "difference" in data:
        lines += _difference_lines(**data["difference"])
    return "\n".join(lines)


def _difference_lines(rates: dict[str, float | None], attractor: dict[str, Any] | None) -> list[str]:
    parts = [f"{name} {'-' if one is None else f'{100 * one:+.1f} %'}" for name, one in rates.items()]
    lines = [f"equations against network: rates {', '.join(parts)}"]
    if attractor is not None:
        plane, deviation = " and H_".join(attractor["plane"]), attractor["deviation"]
        more = "" if deviation is None else f", deviation {deviation:.3f} of the radius of gyration"
        lines.append(f"  attractors in H_{plane}: energy distance {attractor['energy_distance']:.3f}{more}")
    return lines


def _run_lines(title: str, run: dict[str, Any]) -> list[str]:
    neurons = ", ".join(f"{size} {name}" for name, size in run["neurons"].items())
    lines = [f"{title} ({neurons}), {run['measured']:g} s measured, {run['wall_seconds']:.2f} s of computing"]
    for name, rate in run["rates"].items():
        error = run["standard_errors"][name]
        lines.append(f"  {name}  {rate:.3f}{f' +- {error:.3f}' if error else ''} Hz")
    chosen = run["volleys"]["population"]
    peak = "none" if run["spectral_peak"] is None else f"{run['spectral_peak']:.2f} Hz"
    index = "none" if run["synchrony"] is None else f"{run['synchrony']:.3f}"
    lines.append(f"  spectral peak of {chosen}: {peak}; synchrony index (1 ms): {index}")
    period = "no period" if run["period"] is None else f"period {run['period']}"
    lines.append(f"  {run['volleys']['count']} volleys, {period}: {run['period_reason']}")
    return lines
