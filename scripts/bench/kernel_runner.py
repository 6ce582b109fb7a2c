"""The hand-written C++ kernel: compiled once, run with the numbers of a circuit."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path
from random import SystemRandom

from circuits import PAIRS
from measuring import BenchError, run_program

SOURCE = Path(__file__).resolve().parent / "kernel" / "delta_lif.cpp"
FLAGS = ["-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math"]
FORMS = {"kernel": "bits", "kernel_csr": "csr"}


def compile_kernel(folder):
    """Path of the program; :class:`BenchError` when the compiler fails."""
    program = Path(folder, "delta_lif")
    command = [os.environ.get("CXX", "g++"), *FLAGS, str(SOURCE), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(next((line for line in done.stderr.splitlines() if "error" in line), "the compiler failed"))
    return program


def arguments(of, dt, duration, form, seed):
    """Command-line arguments of the kernel for a circuit of delta synapses."""
    if of.filtered or of.name not in ("delta", "supersaturating", "mouse_v1", "mouse_v1_isn"):
        raise BenchError("the kernel is written for delta LIF with white noise only")
    values = {"theta": of.threshold, "reset": of.reset, "bridge": int(of.bridge), "bits": int(form == "bits")}
    values |= {"steps": round(duration / dt), "seed": seed}
    for x in "EI":
        tau, key = of.tau[x], x.lower()
        if of.exact:
            decay = math.exp(-dt / tau)
            drift, noise = of.mu[x] * tau * (1 - decay), of.sigma * math.sqrt(tau / 2 * (1 - decay**2))
        else:
            decay, drift, noise = 1 - dt / tau, of.mu[x] * dt, of.sigma * math.sqrt(dt)
        values |= {f"n_{key}": of.sizes[x], f"decay_{key}": decay, f"drift_{key}": drift, f"noise_{key}": noise}
        values[f"variance_{key}"] = of.sigma**2 * dt
    for pair in PAIRS:
        values |= {f"kick_{pair.lower()}": of.weight(pair), f"k_{pair.lower()}": of.in_degrees[pair]}
    return [f"{key}={value!r}" for key, value in values.items()]


def run(program, of, dt, duration, form):
    """One run: the same entries as a Brian2 run, and bytes per synapse."""
    seed = SystemRandom().randrange(2**31)
    whole, rss, said = run_program([str(program), *arguments(of, dt, duration, form, seed)])
    result = json.loads(said)
    rates = {x: spikes / of.sizes[x] / duration for x, spikes in zip("EI", result["spikes"], strict=True)}
    bytes_per_synapse = result["bytes"] / of.synapses if of.synapses else None
    return {
        "loop": result["loop_seconds"] / duration,
        "whole": whole,
        "rss": rss,
        "rates": rates,
        "bytes_per_synapse": bytes_per_synapse,
    }
