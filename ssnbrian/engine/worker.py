"""Child process that touches Brian2's global state: generates C++ for a circuit, or runs it on the numpy target.

Usage: ``python -m ssnbrian.engine.worker generate|numpy FOLDER``; the folder holds circuit.toml and options.json,
for numpy also run.json and results/. One child per build keeps Brian2's device, clock and preferences of the
caller untouched.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2 import second, volt

from ssnbrian.circuit import Circuit, load_circuit
from ssnbrian.engine.network import AssembledNetwork, assemble, group_name
from ssnbrian.engine.options import BuildOptions
from ssnbrian.engine.toolchain import FLAG_SETS, flag_set

RUNTIME_HEADER = "ssnbrian_runtime.h"


def brian2_function(implementation: Any, code: str, return_unit: Any, stateless: bool) -> Any:
    function = brian2.Function(
        implementation, arg_units=[second], arg_names=["t"], return_unit=return_unit, stateless=stateless
    )
    if code:
        function.implementations.add_implementation("cpp", code)
    return function


def _standalone_functions(circuit: Circuit) -> tuple[dict[str, Any], dict[str, Any]]:
    drives, tallies = {}, {}
    for index, population in enumerate(circuit.populations):
        code = f"inline double mu_drive(double t) {{ return ssnbrian::drive({index}, t); }}"
        drives[population.name] = brian2_function(lambda t: t * volt / second**2, code, volt / second, stateless=True)
        spikes = f"brian::_array_{group_name(population.name)}__spikespace"
        code = (
            f"inline double tally(double t) {{ return ssnbrian::tally({index}, {spikes}[{population.size}], "
            f"{population.size}); }}"
        )
        tallies[population.name] = brian2_function(lambda t: t, code, 1, stateless=False)
    return drives, tallies


def course_names(circuit: Circuit, options: BuildOptions) -> list[tuple[str, str, Any]]:
    """(owner, name of the function, unit) of everything that follows a course, in the order of run.txt."""
    rates = [(one.name, "rate_course", 1 / second) for one in circuit.inputs]
    return rates + [(name, "weight_course", volt) for name in options.changing_weights]


def _standalone_courses(circuit: Circuit, options: BuildOptions) -> dict[str, Any]:
    courses = {}
    for index, (owner, name, unit) in enumerate(course_names(circuit, options)):
        code = f"inline double {name}(double t) {{ return ssnbrian::course({index}, t); }}"
        courses[owner] = brian2_function(lambda t, unit=unit: t * unit / second, code, unit, stateless=True)
    return courses


def manifest_of(assembled: AssembledNetwork, options: BuildOptions, file_of: Any) -> dict[str, Any]:
    def entry(monitor: Any, name: str) -> dict[str, str]:
        variable = monitor.variables[name]
        return {"file": file_of(variable), "dtype": np.dtype(variable.dtype).str}

    manifest: dict[str, Any] = {"neuron_counts": {}, "spikes": {}, "variables": {}}
    for name, monitor in assembled.spike_monitors.items():
        manifest["neuron_counts"][name] = entry(monitor, "count")
        if options.spikes:
            manifest["spikes"][name] = {"t": entry(monitor, "t"), "i": entry(monitor, "i")}
    for (group, variable, indices), monitor in zip(options.variables, assembled.state_monitors.values(), strict=True):
        manifest["variables"][f"{group}.{variable}"] = {
            "values": entry(monitor, variable),
            "t": entry(monitor, "t"),
            "neurons": list(indices),
        }
    return manifest


def generate(folder: Path) -> None:
    """Write the C++ project of the circuit in ``folder`` with its manifest.json."""
    import ssnbrian.device.device  # noqa: F401  (registers the device)

    circuit, options = read_task(folder)
    brian2.set_device("ssnbrian_standalone", build_on_run=False)
    if flags := FLAG_SETS[flag_set()]:
        brian2.prefs.codegen.cpp.extra_compile_args_gcc = flags
    brian2.prefs.devices.ssnbrian_standalone.synapses_in_results = False
    brian2.prefs.codegen.cpp.headers += [f'"{RUNTIME_HEADER}"']
    shutil.copy(Path(__file__).with_name(RUNTIME_HEADER), folder / RUNTIME_HEADER)
    device = brian2.get_device()
    brian2.defaultclock.dt = 0.1 * brian2.ms
    device.insert_code("after_start", "ssnbrian::begin(brian::results_dir);")
    device.seed_at_start("ssnbrian::run().seed")
    device.insert_code("main", "_array_defaultclock_dt[0] = ssnbrian::run().dt;")
    device.insert_code("after_end", "ssnbrian::end(brian::results_dir);")
    drives, tallies = _standalone_functions(circuit)
    courses = _standalone_courses(circuit, options)
    assembled = assemble(circuit, options, drives, tallies, courses, after_parameters=device.apply_run_args)
    assembled.network.run(1 * second, report="ssnbrian::report(completed);", report_period=0.25 * second, namespace={})
    device.read_at_run_time(duration="ssnbrian::run().duration")
    device.build(directory=str(folder), compile=False, run=False)
    manifest = manifest_of(assembled, options, lambda variable: Path(device.get_array_filename(variable)).name)
    manifest["paths"] = [str(choice) for choice in device.report()]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def read_task(folder: Path) -> tuple[Circuit, BuildOptions]:
    options = BuildOptions.from_json((folder / "options.json").read_text())
    return load_circuit(folder / "circuit.toml"), options


def main(arguments: list[str]) -> int:
    """Entry point; a Brian2 error ends with a last line that says which."""
    task, folder = arguments[0], Path(arguments[1])
    from ssnbrian.engine.numpy_target import run_numpy

    try:
        {"generate": generate, "numpy": run_numpy}[task](folder)
    except Exception as error:  # the parent process shows the reason; Brian2 raises many kinds
        import traceback

        traceback.print_exc()
        causes = []
        cause: BaseException | None = error
        while cause is not None:
            causes.append(str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__)
            cause = cause.__cause__
        print("reason " + " ".join(causes), file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
