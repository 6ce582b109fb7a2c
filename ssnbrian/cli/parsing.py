"""Arguments of the command line that several commands share."""

from __future__ import annotations

import argparse
import math
import re
from typing import Any

from ssnbrian.circuit import (
    Circuit,
    Constant,
    Drive,
    InvalidInputError,
    PiecewiseLinear,
    Ramp,
    Recording,
    Sine,
)
from ssnbrian.circuit.changes import changes
from ssnbrian.circuit.errors import nearest
from ssnbrian.engine.progress import Progress

STRUCTURE = ("size", "kind", "neuron", "synapse", "rule", "in_degree", "probability")


def number(text: str) -> float:
    """A finite number; argparse names the option when it is none."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got '{text}'") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"expected a finite number, got '{text}'")
    return value


def whole_number(text: str) -> int:
    """A whole number of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got '{text}'")
    return int(text)


def span(text: str) -> tuple[float, float]:
    """A range such as ``0:50``."""
    parts = text.split(":")
    if len(parts) != 2:
        raise argparse.ArgumentTypeError(f"expected FROM:TO, e.g. 0:50, got '{text}'")
    return number(parts[0]), number(parts[1])


def sine(text: str) -> tuple[float, float, float]:
    """Mean, amplitude and frequency of a sine such as ``20:10:1``."""
    parts = text.split(":")
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"expected MEAN:AMPLITUDE:FREQUENCY, e.g. 20:10:1, got '{text}'")
    return number(parts[0]), number(parts[1]), number(parts[2])


def add_circuit(parser: argparse.ArgumentParser) -> None:
    """The circuit and its changes."""
    parser.add_argument("circuit", metavar="CIRCUIT", help="name from 'ssnbrian list', or a .toml file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a value, e.g. --set 'E.tau=22 ms', 'E->E.weight=0.0254 mV', 'J.EE=4.75 mV' (target first)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Machine-readable output."""
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, nothing else there")


def add_drive(parser: argparse.ArgumentParser) -> None:
    """The external input and how long it lasts."""
    parser.add_argument("--mu", type=number, help="constant mu_ext of the excitatory population, mV/s")
    parser.add_argument("--ramp", type=span, metavar="FROM:TO", help="linear ramp of mu_ext over the duration, mV/s")
    parser.add_argument(
        "--sine", type=sine, metavar="MEAN:AMPLITUDE:HZ", help="sine of mu_ext, mV/s at a frequency, e.g. 20:10:1"
    )
    parser.add_argument("--ratio", type=number, help="mu_ext of inhibitory over excitatory populations")
    parser.add_argument("--duration", type=number, help="s (default: that of the circuit's drive)")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Drive and settings of a simulation."""
    add_drive(parser)
    parser.add_argument("--dt", type=number, default=0.1, help="ms (default 0.1)")
    parser.add_argument("--seed", type=whole_number, default=1, help="default 1")
    parser.add_argument(
        "--grid-threshold", action="store_true", help="test the threshold only at the time grid (biased)"
    )
    parser.add_argument(
        "--runaway", type=number, default=500.0, metavar="HZ", help="stop above this rate (default 500; 0: never)"
    )
    parser.add_argument("--target", choices=("cpp", "numpy"), default="cpp", help="numpy needs no compiler and is slow")


def drive_of(arguments: argparse.Namespace, circuit: Circuit) -> tuple[Drive | None, float | None]:
    """Drive and duration from --mu, --ramp, --sine and --duration; None: the circuit's own. A constant goes on."""
    given = [name for name in ("mu", "ramp", "sine") if getattr(arguments, name) is not None]
    if len(given) > 1:
        raise InvalidInputError(f"{' and '.join(f'--{name}' for name in given)} exclude each other; give one")
    duration = arguments.duration
    if duration is not None and duration <= 0:
        raise InvalidInputError(f"--duration must be positive, got {duration:g} s")
    if arguments.mu is not None:
        return PiecewiseLinear([0.0, duration or 20.0], [arguments.mu, arguments.mu]), duration or 20.0
    if arguments.ramp is not None:
        length = duration or (circuit.drive.duration if circuit.drive else None) or 50.0
        first, last = arguments.ramp
        return Ramp(first, last, duration=length), length
    if arguments.sine is not None:
        length = duration or (circuit.drive.duration if circuit.drive else None) or 20.0
        mean, amplitude, frequency = arguments.sine
        return Sine(mean, amplitude, frequency, duration=length), length
    if duration is not None and circuit.drive is not None and circuit.drive.kind == "constant":
        return Constant(circuit.drive.values[0]), duration
    return None, duration


def simulated(arguments: argparse.Namespace, circuit: Circuit, progress: Progress, **more: Any) -> Recording:
    """The recording that the options of :func:`add_run` ask for."""
    from ssnbrian.engine.simulate import simulate

    drive, duration = drive_of(arguments, circuit)
    return simulate(
        circuit,
        drive,
        ratio=arguments.ratio,
        duration=duration,
        dt=arguments.dt,
        seed=arguments.seed,
        grid_threshold=arguments.grid_threshold,
        runaway_rate=arguments.runaway or None,
        target=arguments.target,
        progress=progress,
        **more,
    )


def change(circuit: Circuit, setting: str) -> Circuit:
    """The circuit with one ``NAME=VALUE`` applied; names that do not exist are answered with the nearest one."""
    name, equals, text = (part.strip() for part in setting.partition("="))
    if not equals or not text:
        raise InvalidInputError(f"--set expects NAME=VALUE, e.g. 'E.tau=22 ms', got '{setting}'")
    known = changes(circuit)
    if name == "ratio":
        raise InvalidInputError("--set: the ratio has an option of its own, --ratio")
    if name not in known and name.rpartition(".")[2] in STRUCTURE:
        raise InvalidInputError(
            f"--set: '{name}' is part of the circuit's structure; write the circuit with "
            f"'ssnbrian show {circuit.name} --toml' and change it in the file"
        )
    if name not in known:
        raise InvalidInputError(f"--set: there is nothing called '{name}'. {nearest(name, known)}")
    return known[name].apply(circuit, text)


def circuit_of(arguments: argparse.Namespace) -> Circuit:
    """The circuit named on the command line with its --set changes."""
    from ssnbrian.models.library import find_circuit

    circuit = find_circuit(arguments.circuit)
    for setting in arguments.set:
        circuit = change(circuit, setting)
    return circuit


_RANGE_LIKE = re.compile(r"^-[\d.]+([eE][-+]?\d+)?(:|$)")


def protect_negative_ranges(words: list[str]) -> list[str]:
    """``--ramp -5:10`` as ``--ramp=-5:10``: argparse would take the value for an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1].startswith("--") and "=" not in joined[-1] and _RANGE_LIKE.match(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined
