"""A circuit's C++ build: generated in a child process, compiled by make, kept in the cache."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ssnbrian
from ssnbrian.circuit import (
    Annealed,
    Circuit,
    InvalidInputError,
    NeuronModel,
    SsnbrianError,
    SynapseModel,
    circuit_to_toml,
)
from ssnbrian.circuit.templates import ConnectionRule, whole_number
from ssnbrian.engine.cache import BuildCache, BuildEntry
from ssnbrian.engine.options import BuildOptions
from ssnbrian.engine.processes import child_process
from ssnbrian.engine.progress import Progress
from ssnbrian.engine.toolchain import (
    CompilationError,
    compiler_command,
    compiler_identity,
    flag_set,
    require_tools,
    same_compiler,
)
from ssnbrian.engine.variables import find_variable

BUILD_LOG_LINES = 15


class ModelError(SsnbrianError):
    """Brian2 refuses the equations of a circuit."""


@cache
def _processor() -> str:
    """What -march=native depends on."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return line
    except OSError:
        pass
    return f"{platform.machine()} {platform.processor()}"


@cache
def _own_sources() -> str:
    """Hash of the code that shapes a build, so that an upgrade never meets a stale binary."""
    package = Path(__file__).parent
    files = [*sorted(package.glob("*.py")), *sorted(package.glob("*.h"))]
    files += sorted(path for path in (package.parent / "device").rglob("*") if path.suffix in (".py", ".h", ".cpp", ""))
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _template(model: NeuronModel | SynapseModel) -> dict[str, Any]:
    """What of a template is compiled: its texts and the names and units of its parameters."""
    fields = {key: value for key, value in asdict(model).items() if key not in ("explanation", "source")}
    fields["parameters"] = [[parameter.name, parameter.unit] for parameter in model.parameters]
    return fields


def _compiled_rule(rule: ConnectionRule) -> list[Any]:
    """What of a connection rule is compiled; with which probability a spike reaches a target is said at each run."""
    return [type(rule).__name__, {} if isinstance(rule, Annealed) else asdict(rule)]


def structure_key(circuit: Circuit, options: BuildOptions) -> str:
    """Identity of what is compiled: templates, sizes, connection rules and recording, not parameter values.

    The versions of Brian2 and of this package, the processor and the compiler's flags belong to it.
    """
    populations = [[one.name, one.size, _template(one.neuron)] for one in circuit.populations]
    projections = [
        [one.name, *_compiled_rule(one.rule), _template(one.synapse)] for one in circuit.projections
    ]
    inputs = [[one.name, one.size] for one in circuit.inputs]
    surroundings = [
        version("brian2"),
        _own_sources(),
        _processor() if flag_set() == "native" else platform.machine(),
        flag_set(),
        compiler_command(),
        os.environ.get("CXXFLAGS", ""),
    ]
    text = json.dumps([populations, projections, inputs, options.to_json(), surroundings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def child_environment() -> dict[str, str]:
    """Environment in which a child process finds this package."""
    root = str(Path(ssnbrian.__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run_worker(task: str, folder: Path, circuit: Circuit, progress: Progress, stage: str) -> None:
    """Run the worker on ``folder``; :class:`ModelError` gives Brian2's reason when it refuses the circuit."""
    command = [sys.executable, "-m", "ssnbrian.engine.worker", task, str(folder)]
    with (
        open(folder / "worker.log", "w+") as log,
        child_process(command, stderr=log, env=child_environment()) as child,
    ):
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("progress "):
                progress(stage, float(line.split()[1]))
        child.wait()
        if child.returncode:
            log.seek(0)
            text = log.read()
            reasons = [line.removeprefix("reason ") for line in text.splitlines() if line.startswith("reason ")]
            reason = reasons[-1] if reasons else (text.strip().splitlines() or ["it ended without a word"])[-1]
            raise ModelError(f"Brian2 cannot run the circuit '{circuit.name}': {reason}")


def prepare_folder(folder: Path, circuit: Circuit, options: BuildOptions) -> None:
    """Write what the worker reads."""
    (folder / "circuit.toml").write_text(circuit_to_toml(circuit), encoding="utf-8")
    (folder / "options.json").write_text(options.to_json())


def _make(folder: Path, progress: Progress) -> None:
    command = ["make", f"-j{os.cpu_count() or 1}", f"CXX={compiler_command()}"]
    sources = max(1, sum(1 for _ in folder.glob("unit_*.cpp")))
    lines: list[str] = []
    with child_process(command, cwd=folder, stderr=subprocess.STDOUT) as child:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line.rstrip())
            progress("compiling", min(0.99, sum(" -c " in one for one in lines) / sources))
    if child.returncode or not (folder / "main").is_file():
        interesting = [line for line in lines if "error" in line.lower()] or lines
        raise CompilationError(
            "the C++ compiler failed on the code generated for this circuit; if g++ works otherwise, please report "
            "the equations together with these lines of its output:\n" + "\n".join(interesting[:BUILD_LOG_LINES])
        )


def build(circuit: Circuit, options: BuildOptions, cache: BuildCache, progress: Progress) -> BuildEntry:
    """The cached build of a circuit's structure, compiled now if need be.

    Raises :class:`ModelError`, :class:`~ssnbrian.engine.toolchain.NoCompilerError` or
    :class:`~ssnbrian.engine.toolchain.CompilationError`.
    """

    def compile_in(folder: Path) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
        require_tools()
        progress("generating", 0.0)
        prepare_folder(folder, circuit, options)
        run_worker("generate", folder, circuit, progress, "generating")
        progress("compiling", 0.0)
        _make(folder, progress)
        progress("compiling", 1.0)
        manifest = json.loads((folder / "manifest.json").read_text())
        static = [f"static_arrays/{path.name}" for path in (folder / "static_arrays").iterdir() if path.is_file()]
        return ["main", *static], manifest, compiler_identity()

    key = structure_key(circuit, options)
    return cache.get(key, compile_in, same_compiler, waiting=lambda: progress("waiting for another build", 0.0))


def recorded_variables(
    circuit: Circuit, variables: Mapping[str, Iterable[int]]
) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """What to record as (population, variable, neurons); :class:`InvalidInputError` when there is no such thing."""
    chosen = []
    for name, given in variables.items():
        population, variable, _ = find_variable(circuit, name, "recording")
        size = circuit.population(population).size
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise InvalidInputError(f"recording {name}: give a list of neurons, e.g. [0, 1], got {given!r}")
        indices = list(given)
        if not indices:
            raise InvalidInputError(f"recording {name}: no neuron was chosen")
        for index in indices:
            if (number := whole_number(index)) is None or not 0 <= number < size:
                raise InvalidInputError(f"recording {name}: neuron {index} is outside 0 … {size - 1}")
        chosen.append((population, variable, tuple(int(index) for index in indices)))
    return tuple(chosen)
