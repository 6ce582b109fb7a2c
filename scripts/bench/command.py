"""Wall time of one whole command in a fresh process: the ramp of Fig 2A with a finished build."""

from __future__ import annotations

import json
import sys
import tempfile

from measuring import BenchError, environment, run_program


def ramp(rounds, duration=50.0, dt_ms=0.2, cache=None):
    """Seconds of the first command (with the build) and of ``rounds`` later ones, and the last one's loop time.

    Raises :class:`~measuring.BenchError` when the command fails or does not find its finished build.
    """
    with tempfile.TemporaryDirectory() as folder:
        surroundings = environment() | {"SSNBRIAN_CACHE": str(cache or folder)}
        command = [sys.executable, "-m", "ssnbrian.cli.main", "run", "supersaturating", "--ramp", "0:50", "--json"]
        command += ["--duration", f"{duration:g}", "--dt", f"{dt_ms:g}"]
        times, built_anew = [], 0
        for _ in range(rounds + 1):
            seconds, _, said = run_program(command, env=surroundings)
            result = json.loads(said)
            built_anew += bool(times) and not result["build"]["cached"]
            times.append(seconds)
    if built_anew:
        raise BenchError(f"{built_anew} of {rounds} later commands compiled anew: the sources changed meanwhile")
    return {"first": times[0], "cached": times[1:], "loop": result["loop_seconds"], "duration": duration}
