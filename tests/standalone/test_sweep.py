"""Sweeps of real programs: equal to single runs, resumed after kills, shared between processes, by any executor."""

import contextlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from small_circuits import irregular
from ssnbrian.models.neurons.lif import LIF

from ssnbrian import SweepPoint, simulate, sweep
from ssnbrian.circuit import Circuit, Constant, Population, circuit_to_toml
from ssnbrian.engine.build import child_environment
from ssnbrian.engine.sweep_run import whole_recording

pytestmark = pytest.mark.xdist_group("sweep")

CIRCUIT = irregular()
SHORT = {"duration": 0.3, "dt": 0.5}
LONG = 50_000.0


@pytest.fixture(scope="module")
def irregular_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("circuits") / "irregular.toml"
    path.write_text(circuit_to_toml(CIRCUIT), encoding="utf-8")
    return path


def points(*levels):
    return [SweepPoint({"mu": level}, settings={"drive": Constant(level)}) for level in levels]


def command(file, out, *words):
    base = [sys.executable, "-m", "ssnbrian.cli.main", "sweep", str(file), "--dt", "0.5", "--out", str(out)]
    return [*base, *map(str, words)]


def environment_of(cache, folder):
    """An environment in which the folder of temporary files, named in the command line of a program, marks it."""
    folder.mkdir(exist_ok=True)
    return child_environment() | {"SSNBRIAN_CACHE": str(cache), "TMPDIR": str(folder)}


def simulations_in(folder):
    """Ids of the programs that write their results below the folder."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if f"--results_dir {folder}" in line]


def eventually(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return value


def same(one, other):
    for name in one.sizes:
        np.testing.assert_array_equal(one.counts[name], other.counts[name])
        np.testing.assert_array_equal(one.neuron_counts[name], other.neuron_counts[name])


def test_a_run_is_the_one_that_simulate_gives(build_cache, tmp_path):
    changed = irregular("0.05 mV", "2 mV/sqrt(s)")
    grid = [
        SweepPoint({"case": "plain"}, settings={"drive": Constant(20)}),
        SweepPoint({"case": "changed"}, changed, {"drive": Constant(25), "dt": 0.25, "initial": {"E.v": "0.5 mV"}}),
    ]
    result = sweep(CIRCUIT, grid, seeds=[3, 8], folder=tmp_path, cache=build_cache, workers=2, **SHORT)
    assert [(run.values["case"], run.seed) for run in result.runs] == [
        ("plain", 3),
        ("plain", 8),
        ("changed", 3),
        ("changed", 8),
    ]
    assert result.build["structures"] == 1
    assert {run.status for run in result.runs} == {"completed"}
    for run, circuit, settings in zip(
        result.runs, [CIRCUIT] * 2 + [changed] * 2, [grid[0].settings] * 2 + [grid[1].settings] * 2, strict=True
    ):
        alone = simulate(circuit, **{**SHORT, **settings}, seed=run.seed, cache=build_cache)
        same(run.recording(), alone)
        assert run.recording().neuron_counts["E"].sum() > 0
    totals = {int(run.recording().neuron_counts["E"].sum()) for run in result.runs}
    assert len(totals) > 1


class OneByOne:
    """A user's own executor: does the work when the sweep asks for it, in a thread of its own."""

    def __init__(self):
        self.done = 0

    def submit(self, function, *arguments):
        future = Future()

        def work():
            self.done += 1
            future.set_result(function(*arguments))

        threading.Thread(target=work).start()
        return future


@pytest.mark.parametrize("kind", ["threads", "fork", "spawn", "own"])
def test_any_executor_gives_the_same_table(build_cache, tmp_path, kind):
    reference = sweep(CIRCUIT, points(15, 25), seeds=2, folder=tmp_path / "a", cache=build_cache, workers=1, **SHORT)
    with contextlib.ExitStack() as stack:
        if kind == "threads":
            executor = stack.enter_context(ThreadPoolExecutor(2))
        elif kind == "own":
            executor = OneByOne()
        else:
            executor = stack.enter_context(ProcessPoolExecutor(2, multiprocessing.get_context(kind)))
        result = sweep(
            CIRCUIT, points(15, 25), seeds=2, folder=tmp_path / "b", cache=build_cache, executor=executor, **SHORT
        )
    assert result.failed == reference.failed == ()
    assert (tmp_path / "a" / "results.csv").read_bytes() == (tmp_path / "b" / "results.csv").read_bytes()
    assert [point.rates for point in result.points] == [point.rates for point in reference.points]
    assert not list((tmp_path / "b").rglob("*.lock")) + list((tmp_path / "b").rglob("*.part"))
    assert not list((tmp_path / "b").glob("running-*"))


def test_a_sweep_killed_again_and_again_ends_with_the_same_table(irregular_file, build_cache, tmp_path):
    words = ("--over", "mu=10:30:3", "--seeds", 8, "--duration", 4, "--workers", 2)
    environment = environment_of(build_cache, tmp_path / "tmp")
    subprocess.run(command(irregular_file, tmp_path / "whole", *words), env=environment, check=True)
    out, rng = tmp_path / "killed", random.Random(5)
    done = {}
    for attempt in range(4):
        child = subprocess.Popen(command(irregular_file, out, *words), env=environment, start_new_session=True)
        wanted = min(22, len(done) + rng.randrange(1, 6))
        eventually(lambda wanted=wanted, child=child: len(list(out.glob("runs/*.npz"))) >= wanted or child.poll() == 0)
        if attempt % 2:
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
        child.wait()
        after = {path.name: path.read_bytes() for path in out.glob("runs/*.npz")}
        assert {name: after[name] for name in done} == done
        assert all(whole_recording(out, name.removesuffix(".npz")) is not None for name in after)
        assert len(after) >= wanted
        eventually(lambda: not simulations_in(tmp_path / "tmp"), 5)
        done = after
    last = subprocess.run(
        [*command(irregular_file, out, *words), "--json"], env=environment, check=True, capture_output=True, text=True
    )
    assert json.loads(last.stdout)["resumed"] == len(done) >= 4
    assert (out / "results.csv").read_bytes() == (tmp_path / "whole" / "results.csv").read_bytes()
    assert not list(out.rglob("*.part"))


def test_ctrl_c_ends_all_simulations_and_says_how_to_go_on(irregular_file, build_cache, tmp_path):
    words = ("--over", "mu=10,11", "--duration", LONG, "--workers", 2)
    environment = environment_of(build_cache, tmp_path / "tmp")
    child = subprocess.Popen(
        command(irregular_file, tmp_path / "out", *words), env=environment, stderr=subprocess.PIPE, text=True
    )
    eventually(lambda: len(simulations_in(tmp_path / "tmp")) == 2, 60)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=20)
    assert child.returncode == 1
    assert "the same command does the rest" in said
    assert "interrupted" in said
    assert "Traceback" not in said
    assert not simulations_in(tmp_path / "tmp")
    assert not list((tmp_path / "out").glob("running-*"))


POOL = f"""
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from ssnbrian import Constant, SweepPoint, load_circuit, sweep
if __name__ == "__main__":
    file, out, method = sys.argv[1:]
    points = [SweepPoint({{"mu": mu}}, settings={{"drive": Constant(mu)}}) for mu in (10, 11, 12, 13)]
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        sweep(load_circuit(file), points, folder=out, executor=pool, duration={LONG}, dt=0.5)
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_killed_sweep_end_with_it(irregular_file, build_cache, tmp_path, method):
    environment = environment_of(build_cache, tmp_path / "tmp")
    (tmp_path / "script.py").write_text(POOL)
    arguments = [sys.executable, str(tmp_path / "script.py"), str(irregular_file), str(tmp_path / "out"), method]
    child = subprocess.Popen(arguments, env=environment, start_new_session=True)
    try:
        eventually(lambda: len(simulations_in(tmp_path / "tmp")) == 2, 60)
        child.kill()
        child.wait()
        eventually(lambda: not simulations_in(tmp_path / "tmp"), 10)
        eventually(lambda: is_gone(child.pid), 10)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_killed_simulation_and_a_runaway_do_not_lose_the_others(build_cache, tmp_path):
    environment = environment_of(build_cache, tmp_path / "tmp")
    out = tmp_path / "out"
    (tmp_path / "c.toml").write_text(circuit_to_toml(CIRCUIT), encoding="utf-8")
    words = ("--over", "mu=10,400", "--over", f"duration=2,{LONG:g}", "--workers", 1, "--runaway", 100, "--json")
    child = subprocess.Popen(
        command(tmp_path / "c.toml", out, *words),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: len(list(out.glob("runs/*.npz"))) == 1 and simulations_in(tmp_path / "tmp"))
    os.kill(simulations_in(tmp_path / "tmp")[0], signal.SIGKILL)
    said, errors = child.communicate(timeout=60)
    assert child.returncode == 1, errors
    data = json.loads(said)
    assert [run["status"].split(" ")[0] for run in data["runs"]] == ["completed", "failed:", "stopped", "stopped"]
    assert "the simulation ended before its time" in data["failed"][0]["status"]
    assert data["failed"][0]["values"] == {"mu": 10, "duration": LONG}
    assert "ran away, above 100 Hz" in data["failed"][1]["status"]
    assert [point["seeds"] for point in data["points"]] == [1, 0, 0, 0]
    assert data["points"][2]["rates"] == {"E": None}
    words = ("--over", "mu=400", "--duration", 2, "--runaway", 100)
    again = subprocess.run(
        command(tmp_path / "c.toml", out, *words), env=environment, capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert "not completed: mu = 400, seed 1: stopped at" in again.stdout
    assert "1 of them done before" in again.stdout


def test_two_equal_sweeps_and_a_different_one_into_one_folder_and_one_cache(tmp_path):
    compiler, file, out = tmp_path / "cxx", tmp_path / "lone.toml", tmp_path / "out"
    compiler.write_text(f'#!/bin/sh\nexec {shutil.which("g++")} "$@" -O0\n')
    compiler.chmod(0o755)
    file.write_text(circuit_to_toml(Circuit("lone", (Population("E", 40, LIF),))), encoding="utf-8")
    environment = environment_of(tmp_path / "cache", tmp_path / "tmp") | {"CXX": str(compiler)}
    equal = ("--over", "mu=10:30:3", "--seeds", 3, "--duration", 1, "--workers", 1, "--json")
    other = ("--over", "mu=20:40:3", "--seeds", 3, "--duration", 1, "--workers", 1, "--json")
    children = [
        subprocess.Popen(
            command(file, out, *words),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in (equal, equal, other)
    ]
    said = [child.communicate(timeout=200) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], said
    first, second, third = (json.loads(text) for text, _ in said)
    assert first["points"] == second["points"]
    assert first["points"][1:] == third["points"][:2]
    assert sorted(one["build"]["cached"] for one in (first, second, third)) == [False, True, True]
    # 12 different runs, asked for 27 times: each was done once and found by the others.
    assert first["resumed"] + second["resumed"] + third["resumed"] == 27 - 12
    lines = (out / "results.csv").read_text().splitlines()
    assert len(lines) == 1 + 9 + 9
    assert len(list((tmp_path / "cache").glob("*/main"))) == 1
    alone = subprocess.run(command(file, tmp_path / "alone", *equal), env=environment, capture_output=True, check=True)
    assert json.loads(alone.stdout)["points"] == first["points"]


def test_the_command_has_a_table_for_people_and_progress_on_standard_error(irregular_file, build_cache, tmp_path):
    environment = environment_of(build_cache, tmp_path / "tmp")
    words = ["--over", "E.tau=15:25:3 ms", "--over", "ratio=1,2", "--ramp", "0:40", "--duration", "1", "--seeds", "2"]
    base = [sys.executable, "-m", "ssnbrian.cli.main", "sweep", str(irregular_file), "--dt", "0.5"]
    done = subprocess.run([*base, *words], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 E.tau × 2 ratio × 2 seeds = 12 runs, into the folder irregular_sweep" in done.stderr
    assert "12 of 12 runs done" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].split("  ")[0] == "E.tau (ms)"
    assert len([line for line in lines if "±" in line]) == 6
    assert (tmp_path / "irregular_sweep" / "results.csv").is_file()
    # The ratio means nothing to a circuit without inhibition, so both its values share their runs' numbers.
    again = subprocess.run(
        [*base, *words, "--json"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    data = json.loads(again.stdout)
    fields = {"circuit", "over", "runs", "points", "failed", "resumed", "folder", "build", "wall_seconds"}
    assert fields <= set(data)
    assert data["over"] == {"E.tau": [15, 20, 25], "ratio": [1, 2]}
    assert (data["resumed"], data["failed"]) == (12, [])
    assert set(data["runs"][0]) == {"values", "seed", "rates", "standard_errors", "status", "file"}
    assert set(data["points"][0]) == {"values", "rates", "standard_errors", "seeds"}
    assert data["points"][0]["rates"]["E"] < data["points"][4]["rates"]["E"]
