"""``ssnbrian markov``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import InvalidInputError
from ssnbrian.cli.markov_report import (
    difference_of,
    fixed_points_of,
    heading,
    numbers_of,
    parameters_of,
    plane_of,
    text_of,
)
from ssnbrian.cli.markov_scan import scan, scan_lines, scanned
from ssnbrian.cli.parsing import add_json, number, whole_number

if TYPE_CHECKING:
    import numpy as np

    from ssnbrian.analysis.markov import MarkovNetwork, MarkovRun
    from ssnbrian.analysis.markov.kick_forms import Family

    Runner = Callable[[MarkovNetwork], MarkovRun]

EXAMPLE = 'ssnbrian markov kicks --set "tau_EE=1.3 ms" --set "tau_IE=0.95 ms" --network --neurons 400 --seed 1'
LONGEST_EQUATIONS = 3.0  # s


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "circuit",
        metavar="CIRCUIT",
        help="kicks, conductance or another circuit of such neurons from 'ssnbrian list', or a .toml file",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="tau_EE, tau_I (both from I), p_EI, s_EE (target first), tau_r, tau_m (of the leak), drive ('7 1/ms'), "
        "N_E, or a name of the circuit, e.g. --set 'tau_EE=1.3 ms' --set p_EI=0.7",
    )
    parser.add_argument("--network", action="store_true", help="also simulate the network itself")
    parser.add_argument(
        "--neurons", type=whole_number, metavar="N", help="scale all populations to N neurons in all; see --scale"
    )
    parser.add_argument(
        "--scale",
        choices=("probabilities", "weights"),
        default="probabilities",
        help="what --neurons divides, for the network and the equations: N P (default) or N s stay the same",
    )
    parser.add_argument("--seed", type=whole_number, default=1, help="of the network, default 1")
    parser.add_argument("--duration", type=number, default=6.0, metavar="S", help="default 6, with what is left out")
    parser.add_argument("--discard", type=number, default=1.0, metavar="S", help="left out at the beginning, default 1")
    parser.add_argument(
        "--dt",
        type=number,
        default=0.1,
        metavar="MS",
        help="bins of the rates and step of conductances, default 0.1; kicks are exact in time",
    )
    parser.add_argument(
        "--complete", action="store_true", help="all fixed points of the equations of kicks, with a proof (seconds)"
    )
    parser.add_argument(
        "--scan",
        type=scanned,
        metavar="NAME=FROM:TO:POINTS",
        help="instead: periods and peaks of the rate along a value, e.g. p_EI=0.5:1:11 (times in ms)",
    )
    parser.add_argument(
        "--figure",
        metavar="FILE",
        help="attractors in the plane of two pending kicks, or the peaks along a scan, .png or .pdf",
    )
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Differential equations of a network of pending kicks, their fixed point, and the network beside them."""
    from ssnbrian.cli.markov_settings import network_with
    from ssnbrian.models.library import find_circuit

    circuit = find_circuit(arguments.circuit)
    _check(arguments)
    family, network = network_with(circuit, arguments.set)
    network, factor = _scaled(arguments, network)
    solve, simulate = _runners(arguments, family)
    data: dict[str, Any] = {
        "circuit": circuit.name,
        "family": family,
        "parameters": parameters_of(network),
        "scaled": None if factor == 1 else {"factor": factor, "divided": arguments.scale},
        "duration": arguments.duration,
        "discarded": arguments.discard,
        "dt": arguments.dt,
        "seed": arguments.seed if arguments.network else None,
    }
    if arguments.scan:
        both = {"ode": solve, "network": simulate} if arguments.network else {"ode": solve}
        data["scan"] = scan(arguments.scan, network, both, arguments.discard, arguments.figure)
        return "\n".join([heading(data), *scan_lines(data["scan"])]), data
    equations, data["ode"] = _timed(lambda: solve(network), arguments.discard)
    data |= _stationary(family, network, None if arguments.complete else equations.rates.mean(axis=1))
    runs = {"differential equations": equations}
    if arguments.network:
        run, data["network"] = _timed(lambda: simulate(network), arguments.discard)
        runs[f"network of {int(network.sizes.sum())}"] = run
        data["difference"] = difference_of(equations, run, data)
    if arguments.figure:
        data["figure"] = _figure(runs, arguments.figure)
    return text_of(data), data


def _runners(arguments: argparse.Namespace, family: Family) -> tuple[Runner, Runner]:
    """What solves the differential equations of a network, and what simulates it."""
    from ssnbrian.analysis.markov import run_equations, run_network

    dt = arguments.dt / 1000
    # The equations have no sampling error, so that a few seconds of them are enough.
    length = _whole(min(arguments.duration, arguments.discard + LONGEST_EQUATIONS), dt)
    seconds = _whole(arguments.duration, dt)
    return (
        lambda network: run_equations(family, network, length, dt),
        lambda network: run_network(family, network, seconds, arguments.seed, dt),
    )


def _stationary(family: Family, network: MarkovNetwork, near: np.ndarray | None) -> dict[str, Any]:
    """Fixed points, the one near the rates (n,) Hz if they are given, and the seconds it took."""
    from ssnbrian.analysis.markov import find_fixed_points

    started = time.monotonic()
    found = find_fixed_points(family, network, near)
    return {**fixed_points_of(found), "stationary_seconds": time.monotonic() - started}


def _check(arguments: argparse.Namespace) -> None:
    from ssnbrian.circuit.paths import require_writable

    if not 0 < arguments.dt <= 1:
        raise InvalidInputError(f"--dt must be above 0 and at most 1 ms, got {arguments.dt:g}")
    if not 0 <= arguments.discard < arguments.duration:
        raise InvalidInputError(
            f"--discard must be at least 0 and less than --duration ({arguments.duration:g} s), got "
            f"{arguments.discard:g} s"
        )
    if arguments.duration - arguments.discard < 0.1:
        raise InvalidInputError("--duration must be at least 0.1 s longer than --discard, for rates to be measured")
    if arguments.neurons == 0:
        raise InvalidInputError("--neurons 0: there must be at least one neuron")
    if arguments.figure:
        require_writable(arguments.figure)


def _whole(duration: float, dt: float) -> float:
    return max(1, round(duration / dt)) * dt


def _scaled(arguments: argparse.Namespace, network: MarkovNetwork) -> tuple[MarkovNetwork, float]:
    if arguments.neurons is None:
        return network, 1.0
    factor = arguments.neurons / float(network.sizes.sum())
    try:
        if arguments.scale == "probabilities":
            return network.scaled(factor), factor
        return replace(network, sizes=(network.sizes * factor).round(), weights=network.weights / factor), factor
    except InvalidInputError as error:
        raise InvalidInputError(
            f"--neurons {arguments.neurons} with --scale {arguments.scale}: {error}; take more neurons or the other "
            f"--scale"
        ) from None


def _timed(simulate: Callable[[], MarkovRun], discard: float) -> tuple[MarkovRun, dict[str, Any]]:
    """A run without its beginning, and what is measured of it."""
    from ssnbrian.analysis.markov import measure

    started = time.monotonic()
    run = simulate()
    seconds = time.monotonic() - started
    steady = run.after(discard)
    return steady, {**numbers_of(measure(steady), steady), "wall_seconds": seconds}


def _figure(runs: dict[str, MarkovRun], path: str) -> str:
    from ssnbrian.analysis.markov import attractor_figure

    attractor_figure(runs, path, plane_of(next(iter(runs.values()))))
    return path
