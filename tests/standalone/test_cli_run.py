"""``run`` and ``compare`` as processes: standard output carries the result alone, progress goes to standard error."""

import json
import os
import subprocess
import sys

import pytest
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import Recording, circuit_to_toml
from ssnbrian.circuit.transforms import resized


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("circuits") / "small.toml"
    path.write_text(circuit_to_toml(resized(ekelmans2023.supersaturating(), {"E": 150, "I": 50})), encoding="utf-8")
    return path


def command(*words, cache, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "ssnbrian.cli.main", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SSNBRIAN_CACHE": str(cache), **environment},
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("target", ["cpp", "numpy"])
def test_run_gives_one_json_object_and_a_recording(small_file, build_cache, tmp_path, target):
    out = tmp_path / "run.npz"
    words = ("--mu", 10, "--ratio", 1, "--duration", 2, "--dt", 0.5, "--seed", 3, "--target", target, "--out", out)
    done = command("run", small_file, *words, "--json", cache=build_cache)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    fields = {"rates", "standard_errors", "duration", "dt", "seed", "status", "build", "wall_seconds"}
    assert fields <= set(data)
    assert set(data["build"]) == {"cached", "seconds"}
    assert (data["duration"], data["dt"], data["seed"], data["status"]) == (2.0, 0.5, 3, "completed")
    assert 0.5 < data["rates"]["E"] < 4
    assert "simulating" in done.stderr
    recording = Recording.load(out)
    assert recording.rates(0.2)["E"] == pytest.approx(data["rates"]["E"])
    assert recording.metadata["crossing"] == {"E": "bridge", "I": "bridge"}


def test_compare_gives_table_json_and_figure(small_file, build_cache, tmp_path):
    figure = tmp_path / "figure.png"
    words = ("--ramp", "0:20", "--duration", 4, "--dt", 0.2, "--figure", figure)
    done = command("compare", small_file, *words, "--json", cache=build_cache)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert [row["mu_ext"] for row in data["rows"]] == pytest.approx([2.5, 7.5, 12.5, 17.5])
    assert set(data["rows"][0]) >= {"simulated", "standard_errors", "theories"}
    assert set(data["rmse"]) == {"ssn", "self_consistent"}
    assert set(data["error_budget"]) == {"dt_bias", "sampling_error", "theory_error"}
    assert data["conditions"]["supersaturation"]["possible"] is True
    assert figure.read_bytes().startswith(b"\x89PNG")
    text = command("compare", small_file, *words, cache=build_cache)
    assert "compiling" not in text.stderr
    for words in ("supersaturation possible (Eq 4)", "error budget", "sampling error", "dt bias", str(figure)):
        assert words in text.stdout


def test_runaway_is_reported_with_its_time(small_file, build_cache):
    words = ("--mu", 400, "--duration", 3, "--dt", 0.5, "--runaway", 20, "--json")
    done = command("run", small_file, *words, cache=build_cache)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert "ran away, above 20 Hz" in data["status"]
    assert data["duration"] < 3


def test_without_a_compiler_one_sentence_says_what_to_install(small_file, tmp_path):
    done = command("run", small_file, "--mu", 10, "--duration", 1, cache=tmp_path, PATH=str(tmp_path))
    assert done.returncode == 1
    assert "install g++ and make" in done.stderr
    assert done.stdout == ""


def test_the_brian2_script_runs_by_itself_and_gives_the_same_network(small_file, build_cache, tmp_path):
    """Seed 1 of two generators: rates agree within four standard errors of their difference."""
    done = command("show", small_file, "--brian2", "--set", "E.tau=19 ms", cache=build_cache)
    assert done.returncode == 0, done.stderr
    script = done.stdout.replace("set_device('cpp_standalone')", "prefs.codegen.target = 'numpy'")
    script = script.replace("run(50.0*second", "run(1.5*second")
    script = script.replace("defaultclock.dt = 0.1*ms", "defaultclock.dt = 0.5*ms")
    script = script.replace("clip((t + 0.5*dt)/second - 0.0, 0, 50.0)", "(0*t/second + 10.0)")
    assert "ssnbrian" not in script
    path = tmp_path / "script.py"
    path.write_text(script, encoding="utf-8")
    plain = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert plain.returncode == 0, plain.stderr
    rate = float(next(line for line in plain.stdout.splitlines() if line.startswith("E ")).split()[1])
    words = ("--mu", 10, "--duration", 12, "--dt", 0.5, "--discard", 0, "--set", "E.tau=19 ms", "--json")
    data = json.loads(command("run", small_file, *words, cache=build_cache).stdout)
    standard_error = data["standard_errors"]["E"] * (1 + 12 / 1.5) ** 0.5
    assert standard_error < 0.3
    assert abs(rate - data["rates"]["E"]) < 4 * standard_error
