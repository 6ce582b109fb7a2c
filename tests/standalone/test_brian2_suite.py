"""A part of Brian2's own standalone suite on the fast device; ``scripts/brian2_suite.py`` runs all of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "brian2_suite.py"
SHARDS = ["test_poissongroup.py", "test_thresholder.py", "test_poissoninput.py"]


def run_suite(folder, *options):
    """The script on three shards of the suite."""
    command = [sys.executable, str(SCRIPT), "--out", str(folder), "--processes", "1", "--files", *SHARDS, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder.parent)


@pytest.mark.xdist_group("heavy-2")
def test_part_of_brian2s_suite_passes_and_an_interrupted_run_goes_on(tmp_path):
    folder = tmp_path / "suite"
    done = run_suite(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "9 tests, 0 failed"
    # A shard that was cut short runs again; the others are believed.
    cut, whole = folder / "test_thresholder.jsonl", folder / "test_poissongroup.jsonl"
    lines = cut.read_text().splitlines()
    cut.write_text(lines[0] + "\n" + lines[1][:5])
    marked = whole.read_text().replace("passed", "kept")
    whole.write_text(marked)
    again = run_suite(folder)
    assert again.returncode == 0, again.stdout + again.stderr
    assert json.loads(cut.read_text().splitlines()[-1]) == "complete"
    assert len(cut.read_text().splitlines()) == len(lines)
    assert whole.read_text() == marked
