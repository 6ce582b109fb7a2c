"""Set everything up and show the main thing: the network of Fig 2A of Ekelmans et al. 2023, theory and simulation.

Usage: python3 scripts/demo.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import environment

FIGURES = environment.CHECKOUT / "figures"
SMALL_NEURONS = (600, 200)
SMALL_SECONDS = 6


def _full(python: Path) -> int:
    figure = FIGURES / "supersaturating.png"
    command = [str(python), "-m", "ssnbrian.cli.main", "compare", "supersaturating", "--figure", str(figure)]
    print("Simulating 4000 neurons for 50 s of their time, beside the theory:\n", flush=True)
    return subprocess.run(command, check=False).returncode


def _small(python: Path, missing: list[str]) -> int:
    figure = FIGURES / "supersaturating_small.png"
    print(
        f"{' and '.join(missing)} not found: install g++ and make (Debian/Ubuntu: apt-get install g++ make) for the "
        f"full demonstration.\nMeanwhile a smaller one without a compiler: N = {sum(SMALL_NEURONS)} instead of 4000 "
        f"neurons, T = {SMALL_SECONDS} s instead of 50 s, dt = 0.5 ms instead of 0.1 ms. Not shown: rates to the "
        f"percent and finite-size effects at N = 4000.\n",
        flush=True,
    )
    circuit = FIGURES / "supersaturating_small.toml"
    script = Path(__file__).with_name("small_circuit.py")
    if subprocess.run([str(python), str(script), *map(str, SMALL_NEURONS), str(circuit)], check=False).returncode:
        return 1
    command = [str(python), "-m", "ssnbrian.cli.main", "compare", str(circuit), "--figure", str(figure)]
    command += ["--target", "numpy", "--duration", str(SMALL_SECONDS), "--ramp", "0:50", "--dt", "0.5", "--bin", "0.5"]
    return subprocess.run(command, check=False).returncode


def main() -> int:
    """Make the environment, run the comparison, say where the figure is."""
    python = environment.ensure(".venv-demo")
    FIGURES.mkdir(exist_ok=True)
    compiler = (os.environ.get("CXX") or "g++").split()[0]
    missing = [tool for tool in (compiler, "make") if shutil.which(tool) is None]
    code = _small(python, missing) if missing else _full(python)
    if code == 0:
        print("\nMore: .venv-demo/bin/ssnbrian --help")
    return code


if __name__ == "__main__":
    sys.exit(main())
