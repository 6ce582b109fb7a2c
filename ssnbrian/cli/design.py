"""``ssnbrian design``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.paths import require_writable, write_text
from ssnbrian.cli.parsing import add_json, number, span, whole_number
from ssnbrian.cli.progress import TerminalProgress

if TYPE_CHECKING:
    from ssnbrian.analysis.design import DesignBounds, DesignResult, Regime
    from ssnbrian.analysis.design.search import Solution

EXAMPLE = "ssnbrian design supersaturation --peak 3 --at 20 --bound J.EE=0.5:10 --simulate --out peak.toml"
REGIMES = {
    "supersaturation": "the excitatory rate peaks with a given height at a given input and then falls",
    "bistability": "two stable states inside a window of inputs, one outside",
    "isn": "inhibition-stabilized from a given excitatory rate on",
    "persistence": "activity of a given rate that stays after its input is gone",
    "no-steady-state": "no steady state above a given input",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A sub-command for every regime."""
    regimes = parser.add_subparsers(dest="regime", required=True, metavar="REGIME")
    for name, explanation in REGIMES.items():
        one = regimes.add_parser(
            name, help=explanation, description=explanation[0].upper() + explanation[1:] + ".", allow_abbrev=False
        )
        _OPTIONS[name](one)
        _add_common(one)


def _ratio(parser: argparse.ArgumentParser, default: float | None = None) -> None:
    free = "left to the search" if default is None else f"{default:g}"
    parser.add_argument(
        "--ratio", type=number, default=default, help=f"mu_ext of inhibitory over excitatory (default: {free})"
    )


def _supersaturation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--peak", type=number, required=True, help="height of the peak, Hz")
    parser.add_argument("--at", type=number, required=True, help="mu_ext at the peak, mV/s")
    _ratio(parser)


def _bistability(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--window", type=span, required=True, metavar="LOW:HIGH", help="window of mu_ext, mV/s")
    _ratio(parser, 1.0)


def _isn(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from-rate", type=number, required=True, help="excitatory rate above which it holds, Hz")
    parser.add_argument("--up-to", type=number, default=2.0, help="the ramp reaches this multiple of it (default 2)")
    parser.add_argument(
        "--largest-input", type=number, default=100.0, help="largest mu_ext of the ramp, mV/s (default 100)"
    )
    _ratio(parser)


def _persistence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=number, required=True, help="excitatory rate that stays, Hz")
    parser.add_argument("--quiet", type=number, default=1.0, help="highest rate of the quiet state, Hz (default 1)")


def _no_steady_state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--above", type=number, required=True, help="mu_ext above which there is none, mV/s")
    _ratio(parser, 1.0)


_OPTIONS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "supersaturation": _supersaturation,
    "bistability": _bistability,
    "isn": _isn,
    "persistence": _persistence,
    "no-steady-state": _no_steady_state,
}


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bound",
        action="append",
        default=[],
        metavar="NAME=LOW:HIGH",
        help="J.EE (mV, target first; J for all four), ratio, p.EE (connection probability), or a single value: "
        "j (largest weight of one synapse, mV), N.E, N.I (neurons)",
    )
    parser.add_argument("--seed", type=whole_number, default=1, help="of search and simulation (default 1)")
    parser.add_argument("--count", type=whole_number, default=24, help="networks to choose from (default 24)")
    parser.add_argument(
        "--template", metavar="CIRCUIT", help="circuit whose neurons and synapses are used (default: the paper's)"
    )
    parser.add_argument("--transfer", choices=("fit", "paper"), default="fit", help="power law: fitted or as published")
    parser.add_argument(
        "--theory",
        choices=("ssn", "self_consistent"),
        default="ssn",
        help="which theory must give what is asked for (default ssn; self_consistent is closer to spiking networks)",
    )
    parser.add_argument("--simulate", action="store_true", help="also verify the spiking network by simulation")
    parser.add_argument("--out", metavar="FILE", help="save the circuit (.toml)")
    parser.add_argument("--figure", metavar="FILE", help="draw the steady states over the input")
    add_json(parser)


def _regime(arguments: argparse.Namespace) -> Regime:
    from ssnbrian.analysis import design

    if arguments.regime == "supersaturation":
        return design.Supersaturation(arguments.peak, arguments.at, arguments.ratio)
    if arguments.regime == "bistability":
        return design.Bistability(arguments.window, arguments.ratio)
    if arguments.regime == "isn":
        return design.InhibitionStabilized(
            arguments.from_rate, arguments.ratio, arguments.up_to, arguments.largest_input
        )
    if arguments.regime == "persistence":
        return design.Persistence(arguments.rate, arguments.quiet)
    return design.NoSteadyState(arguments.above, arguments.ratio)


def _bounds(given: list[str]) -> DesignBounds:
    """Bounds from ``NAME=LOW:HIGH`` or ``NAME=VALUE``."""
    from ssnbrian.analysis.design.request import PAIRS, DesignBounds

    ranges: dict[str, dict[str, Any]] = {"J": {}, "p": {}}
    values: dict[str, Any] = {}
    sizes = {"E": 3000, "I": 1000}
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            raise InvalidInputError(f"--bound expects NAME=LOW:HIGH, e.g. J.EE=0.5:10, got '{text}'")
        kind, _, member = name.partition(".")
        if kind in ranges and (member in PAIRS or not member):
            ranges[kind] |= dict.fromkeys([member] if member else PAIRS, _span(value, text))
        elif name == "ratio":
            values["ratio"] = _span(value, text)
        elif name == "j":
            values["largest_synapse"] = _parsed(number, value, text)
        elif name in ("N.E", "N.I"):
            sizes[member] = _parsed(whole_number, value, text)
        else:
            known = [f"J.{pair}" for pair in PAIRS]
            raise InvalidInputError(
                f"--bound: there is nothing called '{name}'; known are {', '.join(known)}, J, ratio, p.EE and so on, "
                f"p, j, N.E and N.I"
            )
    return DesignBounds(weights=ranges["J"], probability=ranges["p"], sizes=sizes, **values)


def _span(value: str, text: str) -> tuple[float, float]:
    return _parsed(span, value if ":" in value else f"{value}:{value}", text)


def _parsed(reader: Callable[[str], Any], value: str, text: str) -> Any:
    try:
        return reader(value)
    except argparse.ArgumentTypeError as error:
        raise InvalidInputError(f"--bound '{text}': {error}") from None


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Search, verify, and where asked for simulate, save and draw."""
    from ssnbrian.analysis.design.figure import plot_design
    from ssnbrian.cli.theories import published_transfer
    from ssnbrian.models.library import find_circuit
    from ssnbrian.workflow.verify_design import designed, template_of, verify_by_simulation

    regime, bounds = _regime(arguments), _bounds(arguments.bound)
    for path in filter(None, (arguments.out, arguments.figure)):
        require_writable(path)
    template = find_circuit(arguments.template) if arguments.template else template_of(regime)
    transfer = published_transfer(template) if arguments.transfer == "paper" else None
    result = designed(
        regime,
        bounds,
        seed=arguments.seed,
        count=arguments.count,
        template=template,
        transfer=transfer,
        theory=arguments.theory,
    )
    data = _data(result) | {"out": arguments.out, "figure": arguments.figure}
    lines = [str(result)]
    if arguments.simulate:
        progress = TerminalProgress()
        simulation = verify_by_simulation(result, seed=arguments.seed, progress=progress)
        progress.finish()
        data["simulation"] = _plain(simulation.to_json())
        lines.append(str(simulation))
    if arguments.out:
        write_text(Path(arguments.out), data["circuit"])
        lines.append(f"circuit: {arguments.out}")
    if arguments.figure:
        plot_design(result, arguments.figure)
        lines.append(f"figure: {arguments.figure}")
    return "\n".join(lines), data


def _data(result: DesignResult) -> dict[str, Any]:
    from ssnbrian.circuit import circuit_to_toml

    laws = zip(result.ssn.populations, result.setting.transfer, strict=True)
    return {
        "regime": result.regime.name,
        "request": str(result.regime),
        "seed": result.seed,
        "theory": result.theory,
        **_solution(result),
        "transfer": {name: {"a": law.a, "b": law.b, "n": law.n} for name, law in laws},
        "tau_population": dict(zip(result.ssn.populations, result.setting.tau_population, strict=True)),
        "circuit": circuit_to_toml(result.circuit),
        "verified": result.verification.satisfied,
        "self_consistent": _plain(result.self_consistent),
        "examined": result.examined,
        "alternatives": [_solution(one) for one in result.alternatives],
        "simulation": None,
    }


def _solution(solution: Solution) -> dict[str, Any]:
    verification = solution.verification
    return {
        "weights": dict(solution.weights),
        "ratio": solution.ratio,
        "robustness": solution.robustness,
        "margins": _plain(solution.margins),
        "verification": _plain(
            {
                "satisfied": verification.satisfied,
                "asked": verification.asked,
                "found": verification.found,
                "reasons": verification.reasons,
            }
        ),
    }


def _plain(value: Any) -> Any:
    """Values that JSON has, with null for what is no finite number."""
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
