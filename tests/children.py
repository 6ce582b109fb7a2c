"""Child processes of the tests: Brian2's devices are global, so each build has a process of its own."""

import subprocess
import sys

import numpy as np

from ssnbrian.engine.build import child_environment


def run_python(arguments, folder):
    """Run Python with this package on its path; returns the finished process, which did not fail."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=child_environment(), cwd=folder, check=False)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    return done


def arrays_of(script, *arguments, result):
    """The arrays that a script saves in ``result``."""
    run_python([script, *arguments], result.parent)
    with np.load(result) as data:
        return dict(data)
