"""Set up an environment with the test extras and run the whole test suite.

Usage: python3 scripts/test.py [arguments for pytest]
"""

from __future__ import annotations

import subprocess
import sys

import environment


def main() -> int:
    """Style first, then all tests on two processes."""
    python = str(environment.ensure(".venv-test", "test"))
    style = subprocess.run([python, "-m", "ruff", "check", "--quiet", "."], cwd=environment.CHECKOUT, check=False)
    command = [python, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", *sys.argv[1:]]
    tests = subprocess.run(command, cwd=environment.CHECKOUT, check=False)
    if style.returncode:
        print("ruff found the style errors above")
    return tests.returncode or style.returncode


if __name__ == "__main__":
    sys.exit(main())
