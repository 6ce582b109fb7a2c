"""``simulate``: a circuit and a drive in, a recording out."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ssnbrian.circuit import Circuit, Drive, InvalidInputError, Recording, SsnbrianError
from ssnbrian.circuit.model_checks import check_fit, check_neuron, check_synapse
from ssnbrian.engine.build import build, prepare_folder, run_worker
from ssnbrian.engine.cache import BuildCache
from ssnbrian.engine.crossing import bridge_refusal
from ssnbrian.engine.names import shared_parameters
from ssnbrian.engine.options import BuildOptions, RunOptions
from ssnbrian.engine.processes import child_process
from ssnbrian.engine.progress import Progress, silent
from ssnbrian.engine.settings import checked_settings

TARGETS = ("cpp", "numpy")


class RunError(SsnbrianError):
    """A compiled program ended abnormally."""


def _program_arguments(
    circuit: Circuit, options: BuildOptions, folder: Path, initial: Mapping[str, np.ndarray]
) -> list[str]:
    arguments = []
    for (owner, name), value in shared_parameters(circuit, options.changing_weights).items():
        arguments.append(f"{owner}.{name}={value.si!r}")
    for index, (name, values) in enumerate(initial.items()):
        path = folder / f"initial_{index}.dat"
        values.tofile(path)
        arguments.append(f"{name}={path}")
    return arguments


def _run_program(command: list[str], cwd: Path, folder: Path, progress: Progress) -> None:
    progress("simulating", 0.0)
    with (
        open(folder / "errors.txt", "w+") as errors,
        child_process(command, cwd=cwd, stderr=errors) as child,
    ):
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("progress "):
                progress("simulating", min(1.0, float(line.split()[1])))
        child.wait()
        errors.seek(0)
        said = errors.read().strip()
    if child.returncode or not (folder / "outcome.txt").is_file():
        reason = said.splitlines()[-1].removeprefix("error ") if said else f"exit code {child.returncode}"
        raise RunError(f"the simulation ended before its time: {reason}")
    if said.startswith("Error") or "Cannot set" in said:
        raise RunError(f"the simulation could not read its settings: {said.splitlines()[0]}")


def _read_outcome(folder: Path) -> dict[str, list[str]]:
    lines = (folder / "outcome.txt").read_text().splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines if line}


def _status(outcome: Mapping[str, list[str]], circuit: Circuit, limit: float) -> str:
    status = outcome["status"]
    if status[0] == "runaway":
        name = circuit.populations[int(status[1])].name
        return f"stopped at {float(status[2]):.4g} s: the rate of {name} ran away, above {limit:g} Hz"
    return "completed" if status[0] == "completed" else "interrupted"


def _collect(
    circuit: Circuit, run: RunOptions, manifest: Mapping[str, Any], folder: Path, metadata: dict[str, Any]
) -> Recording:
    """Read what a run wrote into a recording."""

    def array(entry: Mapping[str, str]) -> np.ndarray:
        return np.fromfile(folder / entry["file"], dtype=np.dtype(entry["dtype"]))

    outcome = _read_outcome(folder)
    steps = int(outcome["steps"][0])
    if (chosen := folder / "ssnbrian_paths.txt").is_file():
        metadata["paths"] += chosen.read_text().splitlines()
    metadata |= {
        "status": _status(outcome, circuit, run.runaway_rate),
        "duration": steps * run.dt,
        "steps": steps,
        "loop_seconds": float(outcome["loop_seconds"][0]),
    }
    counts = {
        one.name: np.fromfile(folder / f"counts_{k}", dtype=np.int64) for k, one in enumerate(circuit.populations)
    }
    whole_bins = steps // run.bin_steps
    spikes = {name: (array(entry["t"]), array(entry["i"])) for name, entry in manifest["spikes"].items()}
    variables, neurons, times = {}, {}, np.zeros(0)
    for name, entry in manifest["variables"].items():
        neurons[name] = np.asarray(entry["neurons"])
        variables[name] = array(entry["values"]).reshape(-1, len(entry["neurons"]))
        times = array(entry["t"])
    return Recording(
        sizes={one.name: one.size for one in circuit.populations},
        bin_width=run.bin_steps * run.dt,
        counts={name: values[:whole_bins] for name, values in counts.items()},
        neuron_counts={name: array(entry).astype(np.int64) for name, entry in manifest["neuron_counts"].items()},
        drives={name: (np.asarray(one.times), np.asarray(one.values)) for name, one in run.drives.items()},
        metadata=metadata,
        input_rates={name: (np.asarray(one.times), np.asarray(one.values)) for name, one in run.input_rates.items()},
        weights={name: (np.asarray(one.times), np.asarray(one.values)) for name, one in run.weights.items()},
        spikes=spikes,
        variables=variables,
        variable_neurons=neurons,
        variable_times=times,
    )


def check_models(circuit: Circuit) -> None:
    """Raise :class:`InvalidInputError` for a model whose text is wrong, or a synapse that does not fit its target."""
    for neuron in {population.neuron for population in circuit.populations}:
        check_neuron(neuron)
    for synapse, target in {(one.synapse, circuit.population(one.target).neuron) for one in circuit.projections}:
        check_synapse(synapse)
        check_fit(target, synapse)


def simulate(
    circuit: Circuit,
    drive: Drive | Mapping[str, Drive] | None = None,
    *,
    ratio: float | None = None,
    duration: Any = None,
    dt: Any = 0.1,
    seed: int | None = None,
    bin_width: Any = 1.0,
    spikes: bool = False,
    variables: Mapping[str, Sequence[int]] | None = None,
    initial: Mapping[str, Any] | None = None,
    input_rates: Mapping[str, Drive] | None = None,
    weights: Mapping[str, Drive] | None = None,
    grid_threshold: bool = False,
    runaway_rate: Any = 500.0,
    target: str = "cpp",
    cache: str | Path | None = None,
    progress: Progress = silent,
) -> Recording:
    """Simulate a circuit with Brian2 and return its recording.

    The first run of a structure compiles it (cached for all processes); every later one reuses the program,
    whatever its seed, drive, duration, dt, weights, sigma, tau, threshold, reset or initial state.

    Parameters
    ----------
    circuit : the circuit.
    drive : mu_ext of the excitatory populations (inhibitory: times ``ratio``), or one drive per population;
        default: the circuit's own.
    ratio : mu_ext of inhibitory over excitatory populations; default: the circuit's.
    duration : quantity or seconds; default: the length of the drive.
    dt : quantity or ms.
    seed : whole number; None draws one, kept in the metadata.
    bin_width : width of the bins in which spikes are counted, quantity or ms, rounded to whole steps.
    spikes : whether to keep every spike.
    variables : ``{'E.v': [0, 1]}`` records variables of chosen neurons at every step.
    initial : ``{'E.v': values}`` with units, one per neuron or one for all.
    input_rates : ``{'X1': Course(times, rates, "Hz")}``, what the input populations fire with; default: their rate.
    weights : ``{'E->E.weight': Course(times, weights, "mV")}`` or ``'J.EE'``, weights that change during the run.
    grid_threshold : test the threshold only at the time grid; biased low by O(sqrt(dt)) with white noise.
    runaway_rate : a population above this rate (quantity or Hz, over 0.1 s) stops the run; None for no limit.
    target : 'cpp' (standalone C++) or 'numpy' (no compiler needed, slow).
    cache : folder of the build cache; default ``$SSNBRIAN_CACHE`` or the user's cache folder.
    progress : called with the stage and the fraction done.

    Raises
    ------
    InvalidInputError, NoCompilerError, CompilationError, ModelError, RunError : each with one sentence.
    """
    if not isinstance(circuit, Circuit):
        raise InvalidInputError(f"simulate expects a Circuit, e.g. ekelmans2023.supersaturating(), got {circuit!r}")
    if target not in TARGETS:
        raise InvalidInputError(f"target must be 'cpp' or 'numpy', got '{target}'")
    check_models(circuit)
    options, run = checked_settings(
        circuit,
        drive=drive,
        ratio=ratio,
        duration=duration,
        dt=dt,
        seed=seed,
        bin_width=bin_width,
        spikes=spikes,
        variables=variables,
        initial=initial,
        input_rates=input_rates,
        weights=weights,
        grid_threshold=grid_threshold,
        runaway_rate=runaway_rate,
    )
    started = time.monotonic()
    metadata = _metadata(circuit, run, options, target) | {"ratio": circuit.ratio if ratio is None else float(ratio)}
    with tempfile.TemporaryDirectory(prefix="ssnbrian-") as name:
        folder = Path(name)
        results = folder / "results"
        results.mkdir()
        if target == "cpp":
            entry = build(circuit, options, BuildCache(cache), progress)
            manifest = entry.manifest
            metadata["build"] = {"cached": entry.cached, "seconds": entry.build_seconds}
            metadata["paths"] = list(manifest["paths"])
            (results / "run.txt").write_text(run.run_text(circuit))
            arguments = _program_arguments(circuit, options, folder, run.initial)
            _run_program(
                [str(entry.folder / "main"), "--results_dir", f"{results}/", *arguments],
                entry.folder,
                results,
                progress,
            )
        else:
            metadata["build"] = {"cached": False, "seconds": 0.0}
            _run_on_numpy(circuit, options, run, folder, progress)
            manifest = json.loads((folder / "manifest.json").read_text())
        recording = _collect(circuit, run, manifest, results, metadata)
    recording.metadata["wall_seconds"] = time.monotonic() - started  # type: ignore[index]
    progress("simulating", 1.0)
    return recording


def _run_on_numpy(circuit: Circuit, options: BuildOptions, run: RunOptions, folder: Path, progress: Progress) -> None:
    prepare_folder(folder, circuit, options)
    files = {}
    for index, (name, values) in enumerate(run.initial.items()):
        np.save(folder / f"initial_{index}.npy", values)
        files[name] = f"initial_{index}.npy"
    drives = {name: (one.times, (np.asarray(one.values) / 1000).tolist()) for name, one in run.drives.items()}
    settings = {
        "seed": run.seed % 2**32,
        "duration": run.duration,
        "dt": run.dt,
        "bin_steps": run.bin_steps,
        "runaway_rate": run.runaway_rate,
        "drives": drives,
        "courses": run.courses(circuit),
        "initial": files,
    }
    (folder / "run.json").write_text(json.dumps(settings))
    progress("simulating", 0.0)
    run_worker("numpy", folder, circuit, progress, "simulating")


def _metadata(circuit: Circuit, run: RunOptions, options: BuildOptions, target: str) -> dict[str, Any]:
    refusals = {one.name: bridge_refusal(one.neuron) for one in circuit.populations}
    crossing = {
        name: "grid" if options.grid_threshold or why is not None else "bridge" for name, why in refusals.items()
    }
    return {
        "circuit": circuit.name,
        "content_hash": circuit.content_hash,
        "seed": run.seed,
        "dt": run.dt * 1000,
        "requested_duration": run.duration,
        "target": target,
        "crossing": crossing,
        "versions": {"brian2": version("brian2"), "numpy": version("numpy")},
    }
