"""``ssnbrian mesoscopic``."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import Circuit, Drive, InvalidInputError
from ssnbrian.cli.parsing import add_circuit, add_drive, add_json, circuit_of, drive_of, number, whole_number

if TYPE_CHECKING:
    import numpy as np

    from ssnbrian.analysis.mesoscopic import MesoscopicRun

EXAMPLE = "ssnbrian mesoscopic escape_ei --duration 10 --seed 1"
SPECTRUM_SEGMENT = 0.5  # s
FLUCTUATION_BIN = 0.001  # s
SMOOTHING = 0.05  # s, of the two rates that compete


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_circuit(parser)
    add_drive(parser)
    parser.add_argument("--dt", type=number, default=0.1, help="ms (default 0.1)")
    parser.add_argument("--seed", type=whole_number, default=1, help="default 1")
    parser.add_argument(
        "--model",
        choices=("sie", "naive", "macro"),
        default="sie",
        help="with finite-size noise and its correction (default), without the correction, or infinitely large",
    )
    parser.add_argument("--draws", choices=("binomial", "poisson", "gaussian"), default="binomial", help="of spikes")
    parser.add_argument("--discard", type=number, metavar="S", help="left out of rates (default: a tenth, up to 1 s)")
    parser.add_argument("--spectrum", action="store_true", help="also the power spectra of the activities")
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The finite-size population model of a circuit of escape-noise neurons."""
    from ssnbrian.analysis.mesoscopic import simulate
    from ssnbrian.analysis.mesoscopic.circuits import drive_in_steps, network_of

    circuit = circuit_of(arguments)
    network = network_of(circuit)
    drives, duration = _drives(arguments, circuit)
    dt = arguments.dt / 1000
    if not 0 < dt <= duration:
        raise InvalidInputError(f"--dt must be positive and at most the duration, got {arguments.dt:g} ms")
    discard = min(1.0, 0.1 * duration) if arguments.discard is None else arguments.discard
    if not 0 <= discard < duration:
        raise InvalidInputError(f"--discard must lie between 0 and the duration of {duration:g} s, got {discard:g}")
    steps = max(1, round(duration / dt))
    drive = drive_in_steps(circuit, drives, steps * dt, dt)
    started = time.monotonic()
    run = simulate(network, steps * dt, dt, arguments.seed, model=arguments.model, draws=arguments.draws, drive=drive)
    seconds = time.monotonic() - started
    data = {
        "circuit": circuit.name,
        "model": arguments.model,
        "draws": None if arguments.model == "macro" else arguments.draws,
        "duration": steps * dt,
        "dt": arguments.dt,
        "seed": arguments.seed,
        "discarded": discard,
        "wall_seconds": seconds,
        **_numbers(circuit, run, round(discard / dt)),
    }
    if arguments.spectrum:
        data["spectra"] = _spectra(run, round(discard / dt))
    return _text(data), data


def _drives(arguments: argparse.Namespace, circuit: Circuit) -> tuple[dict[str, Drive], float]:
    from ssnbrian.circuit.drive import resolve_drives

    drive, duration = drive_of(arguments, circuit)
    drive = drive or circuit.drive
    if drive is None:
        raise InvalidInputError(f"'{circuit.name}' has no drive of its own; give --mu")
    ratio = circuit.ratio if arguments.ratio is None else arguments.ratio
    return resolve_drives([(one.name, one.kind) for one in circuit.populations], drive, ratio, duration)


def _numbers(circuit: Circuit, run: MesoscopicRun, first: int) -> dict[str, Any]:
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
    }
    excitatory = [k for k, one in enumerate(circuit.populations) if one.kind == "excitatory"]
    if len(excitatory) == 2:
        found["dwell_times"] = _dwell_times(activity[excitatory], run.dt)
    return found


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


def _spectra(run: MesoscopicRun, first: int) -> dict[str, Any]:
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
        lines.append(f"  {name}  {mean:.4f}, standard deviation {data['mass']['sd'][name]:.4f}{clips}")
    if (turns := data.get("dwell_times")) is not None:
        cv = "" if turns["cv"] is None else f", coefficient of variation {turns['cv']:.2f}"
        mean = "no complete stay" if turns["mean"] is None else f"{turns['mean']:.3f} s on average"
        lines.append(f"turns of the two excitatory populations: {mean}{cv}, {turns['count']} complete")
    return "\n".join(lines)
