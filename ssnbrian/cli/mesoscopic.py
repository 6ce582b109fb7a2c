"""``ssnbrian mesoscopic``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import Circuit, Drive, InvalidInputError
from ssnbrian.cli.parsing import add_circuit, add_drive, add_json, circuit_of, drive_of, number, whole_number

if TYPE_CHECKING:
    import numpy as np

    from ssnbrian.analysis.mesoscopic import FittedEscape, LangevinNetworkRun, MesoscopicNetwork, MesoscopicRun

EXAMPLE = "ssnbrian mesoscopic escape_ei --duration 10 --seed 1"
SPECTRUM_SEGMENT = 0.5  # s
FLUCTUATION_BIN = 0.001  # s
_MEAN_POINTS = 1000  # at which a drive is averaged over a run
SMOOTHING = 0.05  # s, of the two rates that compete
MODES, DRAWS = 2, "binomial"
DRAWN = ("sie", "naive")  # models that draw spikes
MOST_COUNTS = 200_000_000  # populations times steps; a run holds two or three arrays of so many numbers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_circuit(parser)
    add_drive(parser)
    parser.add_argument("--dt", type=number, default=0.1, help="ms (default 0.1)")
    parser.add_argument("--seed", type=whole_number, default=1, help="default 1")
    parser.add_argument(
        "--model",
        choices=("sie", "naive", "macro", "langevin"),
        default="sie",
        help="with finite-size noise and its correction (default), without the correction, infinitely large, or a few "
        "eigenmodes of each population with noise",
    )
    parser.add_argument("--modes", type=whole_number, help=f"pairs of eigenmodes of langevin (default {MODES})")
    parser.add_argument(
        "--draws", choices=("binomial", "poisson", "gaussian"), help="of spikes of sie and naive (default binomial)"
    )
    parser.add_argument("--discard", type=number, metavar="S", help="left out of rates (default: a tenth, up to 1 s)")
    parser.add_argument("--spectrum", action="store_true", help="also the power spectra of the activities")
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The finite-size population model of a circuit of escape-noise or white-noise neurons."""
    from ssnbrian.analysis.mesoscopic.circuits import drive_in_steps

    _check_model(arguments)
    circuit = circuit_of(arguments)
    drives, duration = _drives(arguments, circuit)
    dt = arguments.dt / 1000
    steps, first = _steps(arguments, duration, len(circuit.populations))
    network, fits = _network(circuit, drives, duration)
    _check_step(network, dt)
    drive = drive_in_steps(circuit, drives, steps * dt, dt)
    started = time.monotonic()
    run = _run(arguments, network, steps * dt, dt, drive)
    seconds = time.monotonic() - started
    data = {
        "circuit": circuit.name,
        "model": arguments.model,
        "draws": (arguments.draws or DRAWS) if arguments.model in DRAWN else None,
        "duration": steps * dt,
        "dt": arguments.dt,
        "seed": arguments.seed,
        "discarded": first * dt,
        "wall_seconds": seconds,
        **_numbers(circuit, run, first),
    }
    if fits:
        data["fitted_escape"] = {name: _fit_data(fit) for name, fit in fits.items()}
    if arguments.spectrum:
        data["spectra"] = _spectra(run, first)
    return "\n".join([_text(data), *(f"{name}: {fit}" for name, fit in fits.items())]), data


def _check_model(arguments: argparse.Namespace) -> None:
    if arguments.modes is not None and arguments.model != "langevin":
        raise InvalidInputError(f"--modes is for --model langevin; {arguments.model} has no eigenmodes")
    if arguments.modes == 0:
        raise InvalidInputError("--modes must be at least 1, got 0")
    if arguments.draws is not None and arguments.model not in DRAWN:
        raise InvalidInputError(f"--draws is for --model {' or '.join(DRAWN)}; {arguments.model} draws no spikes")


def _steps(arguments: argparse.Namespace, duration: float, populations: int) -> tuple[int, int]:
    """The number of steps, and how many of them are left out at the beginning."""
    dt = arguments.dt / 1000
    if not 0 < dt <= duration:
        raise InvalidInputError(f"--dt must be positive and at most the duration, got {arguments.dt:g} ms")
    if duration / dt * populations > MOST_COUNTS:
        raise InvalidInputError(
            f"{duration:g} s in steps of {arguments.dt:g} ms are {duration / dt:.3g} steps, too many to be held in "
            f"memory; at most {MOST_COUNTS // populations} are possible"
        )
    discard = min(1.0, 0.1 * duration) if arguments.discard is None else arguments.discard
    steps, first = max(1, round(duration / dt)), round(discard / dt)
    if discard < 0 or first >= steps:
        raise InvalidInputError(
            f"--discard must lie between 0 and the duration of {duration:g} s and leave a step, got {discard:g}"
        )
    if arguments.spectrum and (steps - first) * dt < 2 * SPECTRUM_SEGMENT * (1 - 1e-9):
        raise InvalidInputError(
            f"--spectrum needs {2 * SPECTRUM_SEGMENT:g} s after what is left out; {(steps - first) * dt:g} s are left, "
            "give a longer --duration or a shorter --discard"
        )
    return steps, first


def _check_step(network: MesoscopicNetwork, dt: float) -> None:
    """Refuses steps in which neurons settle, and says on standard error which times are not whole steps."""
    import numpy as np

    shortest = min(one.tau for one in network.neurons)
    if dt >= shortest:
        raise InvalidInputError(
            f"--dt must be below the shortest membrane time constant, {1000 * shortest:g} ms, got {1000 * dt:g} ms"
        )
    refractory = np.array([one.refractory for one in network.neurons])
    for words, times in (("a refractory period", refractory), ("a delay", network.delays[network.weights != 0])):
        for value in np.unique(times[times > 0]):
            used = max(round(value / dt), 1 if words == "a delay" else 0) * dt
            if abs(used - value) > 1e-6 * dt:
                print(
                    f"{words} of {1000 * value:g} ms is {1000 * used:g} ms in steps of {1000 * dt:g} ms",
                    file=sys.stderr,
                )


def _network(
    circuit: Circuit, drives: Mapping[str, Drive], duration: float
) -> tuple[MesoscopicNetwork, dict[str, FittedEscape]]:
    """The population model, and the fits where white noise is stood for by escape rates, at the run's mean input."""
    import numpy as np

    from ssnbrian.analysis.mesoscopic import (
        fitted_network_of,
        fitted_refusal,
        mesoscopic_refusal,
        network_of,
        working_rates,
    )

    plain, fitted = mesoscopic_refusal(circuit), fitted_refusal(circuit)
    if plain is None:
        return network_of(circuit), {}
    if fitted is not None:
        raise InvalidInputError(
            f"there is no mesoscopic model of '{circuit.name}': {plain}; nor one with escape rates fitted to white "
            f"noise: {fitted}"
        )
    times = (np.arange(_MEAN_POINTS) + 0.5) * duration / _MEAN_POINTS
    mean = {name: float(np.mean(drive(times))) for name, drive in drives.items()}
    return fitted_network_of(circuit, working_rates(circuit, mean))


def _fit_data(fit: FittedEscape) -> dict[str, Any]:
    return {
        "working_rate": fit.working_rate,
        "rates": list(fit.rates),
        "rms_error": fit.rms_error,
        "largest_error": fit.largest_error,
        "cv": fit.cv,
        "white_noise_cv": fit.white_noise_cv,
    }


def _run(
    arguments: argparse.Namespace, network: MesoscopicNetwork, duration: float, dt: float, drive: np.ndarray
) -> MesoscopicRun | LangevinNetworkRun:
    from ssnbrian.analysis.mesoscopic import simulate, simulate_langevin

    if arguments.model == "langevin":
        modes = MODES if arguments.modes is None else arguments.modes
        return simulate_langevin(network, duration, dt, arguments.seed, modes=modes, drive=drive)
    draws = arguments.draws or DRAWS
    return simulate(network, duration, dt, arguments.seed, model=arguments.model, draws=draws, drive=drive)


def _drives(arguments: argparse.Namespace, circuit: Circuit) -> tuple[dict[str, Drive], float]:
    from ssnbrian.circuit.drive import resolve_drives

    drive, duration = drive_of(arguments, circuit)
    drive = drive or circuit.drive
    if drive is None:
        raise InvalidInputError(f"'{circuit.name}' has no drive of its own; give --mu")
    ratio = circuit.ratio if arguments.ratio is None else arguments.ratio
    return resolve_drives([(one.name, one.kind) for one in circuit.populations], drive, ratio, duration)


def _numbers(circuit: Circuit, run: MesoscopicRun | LangevinNetworkRun, first: int) -> dict[str, Any]:
    import numpy as np

    from ssnbrian.analysis.statistics import BATCHES, batch_means

    activity = run.activity[0, :, first:]
    errors = batch_means(activity)[1] if activity.shape[1] >= BATCHES else np.full(len(activity), np.nan)
    per_bin = max(1, round(FLUCTUATION_BIN / run.dt))
    binned = activity[:, : activity.shape[1] // per_bin * per_bin].reshape(len(activity), -1, per_bin).mean(axis=2)

    def named(values: Any) -> dict[str, Any]:
        plain = [float(value) if np.isfinite(value) else None for value in values]
        return dict(zip(run.names, plain, strict=True))

    found = {
        "rates": named(activity.mean(axis=1)),
        "standard_errors": named(errors),
        "fluctuations": named(binned.std(axis=1)),
        "fluctuation_bin": per_bin * run.dt,
        "mass": {"mean": named(run.mass_mean[0]), "sd": named(run.mass_deviation[0])},
        "clips": dict(zip(run.names, run.clips[0].tolist(), strict=True)),
        "outside": _beyond_tables(run),
    }
    excitatory = [k for k, one in enumerate(circuit.populations) if one.kind == "excitatory"]
    if len(excitatory) == 2:
        found["dwell_times"] = _dwell_times(activity[excitatory], run.dt)
    return found


def _beyond_tables(run: MesoscopicRun | LangevinNetworkRun) -> dict[str, int] | None:
    from ssnbrian.analysis.mesoscopic import LangevinNetworkRun

    if not isinstance(run, LangevinNetworkRun):
        return None
    return dict(zip(run.names, run.outside[0].tolist(), strict=True))


def _dwell_times(activity: np.ndarray, dt: float) -> dict[str, Any]:
    """Of the two populations' turns: mean (s), coefficient of variation and number of complete stays."""
    import numpy as np

    from ssnbrian.analysis.lnp.dwell_times import dominance
    from ssnbrian.analysis.switching import dwells

    per_bin = max(1, round(SMOOTHING / dt))
    smooth = activity[:, : activity.shape[1] // per_bin * per_bin].reshape(2, -1, per_bin).mean(axis=2)
    stays = [one for one in dwells(dominance(*smooth), per_bin * dt) if one.starts_inside and one.ends_inside]
    times = np.array([one.duration for one in stays])
    mean = float(times.mean()) if len(times) else None
    cv = float(times.std(ddof=1) / times.mean()) if len(times) > 1 else None
    return {"mean": mean, "cv": cv, "count": len(times)}


def _spectra(run: MesoscopicRun | LangevinNetworkRun, first: int) -> dict[str, Any]:
    from ssnbrian.analysis.renewal import estimated_spectrum

    found = {}
    for name, activity in zip(run.names, run.activity[0, :, first:], strict=True):
        one = estimated_spectrum(activity, run.dt, SPECTRUM_SEGMENT)
        shown = one.frequencies <= 1000.0
        found[name] = {
            "frequencies": one.frequencies[shown].tolist(),
            "power": one.spectrum[shown].tolist(),
            "standard_errors": one.standard_errors[shown].tolist(),
        }
    return found


def _text(data: dict[str, Any]) -> str:
    lines = [f"{data['circuit']}: {data['model']}, {data['duration']:g} s, dt {data['dt']:g} ms, seed {data['seed']}"]
    for name, rate in data["rates"].items():
        error = data["standard_errors"][name]
        spread = "" if error is None else f" +- {error:.3f}"
        lines.append(
            f"  {name}  {rate:.3f}{spread} Hz, activity in {1000 * data['fluctuation_bin']:g} ms: standard deviation "
            f"{data['fluctuations'][name]:.3f} Hz"
        )
    lines.append("mass of the age distribution (1 where it is kept)")
    for name, mean in data["mass"]["mean"].items():
        clips = f", clipped in {data['clips'][name]} steps" if data["clips"][name] else ""
        beyond = (data["outside"] or {}).get(name)
        clips += f", {beyond} steps at inputs beyond the table of modes" if beyond else ""
        lines.append(f"  {name}  {mean:.4f}, standard deviation {data['mass']['sd'][name]:.4f}{clips}")
    if (turns := data.get("dwell_times")) is not None:
        cv = "" if turns["cv"] is None else f", coefficient of variation {turns['cv']:.2f}"
        mean = "no complete stay" if turns["mean"] is None else f"{turns['mean']:.3f} s on average"
        lines.append(f"turns of the two excitatory populations: {mean}{cv}, {turns['count']} complete")
    return "\n".join(lines)
