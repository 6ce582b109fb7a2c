"""Environments inside the checkout, made with the standard library alone."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


def _wanted(extras: str) -> str:
    """Changes when the packages to install change."""
    digest = hashlib.sha256((CHECKOUT / "setup.cfg").read_bytes() + (CHECKOUT / "pyproject.toml").read_bytes())
    return f"{digest.hexdigest()} {extras} {sys.version}"


def ensure(name: str, extras: str = "") -> Path:
    """The Python of an environment of this name with the package and its extras installed, made if need be."""
    if sys.version_info < OLDEST:
        sys.exit(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; this is {sys.version.split()[0]}.")
    folder = CHECKOUT / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "installed.txt"
    if python.exists() and stamp.is_file() and stamp.read_text() == _wanted(extras):
        return python
    print(f"Making the environment {folder.name} and installing (about a minute) …", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit("Cannot make an environment; on Debian and Ubuntu install the package python3-venv.")
    target = f"{CHECKOUT}[{extras}]" if extras else str(CHECKOUT)
    command = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-e", target]
    if subprocess.run(command, check=False).returncode:
        shutil.rmtree(folder, ignore_errors=True)
        sys.exit("The installation failed; the lines above say why (is there a network?).")
    stamp.write_text(_wanted(extras))
    return python
