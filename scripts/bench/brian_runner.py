"""Brian2 circuits as programs: built once in a child process, then run as often as needed.

As a program (the child) it reads a JSON specification from its only argument, builds in ``folder`` and prints JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import run_child, run_program

DEVICES = {"plain": "cpp_standalone", "ours": "ssnbrian_standalone"}
STEP = "SSNBRIAN_BENCH_DT"


def build(device, folder, name, n, p, duration, dt=1e-4, synapses=True, rates=False, changes=None, variables=None):
    """Build a circuit; the manifest says how long it took and where the counts are.

    Parameters
    ----------
    device : key of ``DEVICES``.
    duration, dt : s; compiled in.
    changes : fields of :class:`circuits.Numbers` to replace.
    variables : environment variables of the build.

    Raises
    ------
    BenchError : the device is missing or the build fails.
    """
    manifest = Path(folder, "bench.json")
    specification = {
        "device": device,
        "folder": str(folder),
        "name": name,
        "n": n,
        "p": p,
        "duration": duration,
        "dt": dt,
        "synapses": synapses,
        "rates": rates,
        "changes": changes or {},
    }
    if manifest.is_file():
        found = json.loads(manifest.read_text())
        if found["specification"] == specification:
            return found
    output = run_child([sys.executable, __file__, json.dumps(specification)], variables)
    built = json.loads(output.splitlines()[-1]) | {"specification": specification}
    manifest.write_text(json.dumps(built))
    return built


def run(manifest, dt=None):
    """One run of a build, on request with another ``dt`` (s).

    Gives seconds per biological second of the loop, seconds of the whole, peak RSS, rates, and the rate in every step
    when the build records it.
    """
    specification = manifest["specification"]
    folder = Path(specification["folder"])
    with tempfile.TemporaryDirectory() as results:
        command = [str(folder / "main"), "--results_dir", results + os.sep]
        variables = {"LD_BIND_NOW": "1"} | ({} if dt is None else {STEP: repr(dt)})
        whole, rss, _ = run_program(command, cwd=folder, env=os.environ | variables)
        loop = float(Path(results, "last_run_info.txt").read_text().split()[0])
        spikes = {x: int(np.fromfile(Path(results, file), np.int32).sum()) for x, file in manifest["counts"].items()}
        traces = {x: np.fromfile(Path(results, file)) for x, file in manifest["rates"].items()}
    duration = specification["duration"]
    rates = {x: number / manifest["sizes"][x] / duration for x, number in spikes.items()}
    result = {"loop": loop / duration, "whole": whole, "rss": rss, "rates": rates}
    return result | {"traces": traces} if traces else result


def _build_here(specification):
    import brian2
    import networks
    from brian2.devices.device import all_devices

    if specification["device"] == "ours":
        import ssnbrian.device  # noqa: F401
    from dataclasses import replace

    brian2.prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{os.cpu_count() or 1}"]
    if DEVICES[specification["device"]] not in all_devices:
        raise LookupError(f"no device {DEVICES[specification['device']]} is registered with Brian2")
    started = time.perf_counter()
    brian2.set_device(DEVICES[specification["device"]], build_on_run=False)
    brian2.defaultclock.dt = specification["dt"] * brian2.second
    changes = specification["changes"]
    built = networks.build(
        specification["name"],
        specification["n"],
        specification["p"],
        synapses=specification["synapses"],
        rates=specification["rates"],
        replace=lambda of: replace(of, **changes),
    )
    # Steps of another length than the one at hand need no build of their own.
    brian2.device.insert_code(
        "main", f'if (std::getenv("{STEP}")) brian::_array_defaultclock_dt[0] = std::atof(std::getenv("{STEP}"));'
    )
    built.network.run(specification["duration"] * brian2.second, namespace={})
    generated = time.perf_counter()
    brian2.device.build(directory=specification["folder"], run=False)
    finished = time.perf_counter()

    def files(monitors, variable):
        return {x: Path(brian2.device.get_array_filename(one.variables[variable])).name for x, one in monitors.items()}

    return {
        "declare_seconds": generated - started,
        "build_seconds": finished - started,
        "binary_bytes": Path(specification["folder"], "main").stat().st_size,
        "counts": files(built.counters, "count"),
        "rates": files(built.rates, "rate"),
        "sizes": built.numbers.sizes,
        "synapses": built.numbers.synapses if specification["synapses"] else 0,
    }


if __name__ == "__main__":
    try:
        print(json.dumps(_build_here(json.loads(sys.argv[1]))))
    except Exception as error:
        raise SystemExit(f"{type(error).__name__}: {error}".splitlines()[0]) from None
