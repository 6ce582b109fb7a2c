"""The build cache: killed builds, two builds at once, damaged entries."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ssnbrian.models.neurons.lif import LIF

from ssnbrian.circuit import Circuit, Constant, InvalidInputError, Population
from ssnbrian.engine.build import child_environment, structure_key
from ssnbrian.engine.cache import BuildCache, default_cache
from ssnbrian.engine.options import BuildOptions
from ssnbrian.engine.simulate import simulate

LONE = Circuit("lone", (Population("E", 3, LIF),), drive=Constant(60))
RUN = """
import sys
from test_cache import LONE
from ssnbrian.engine.simulate import simulate
recording = simulate(LONE, duration=0.2, seed=4, cache=sys.argv[1])
print(recording.metadata["build"]["cached"], recording.neuron_counts["E"].sum())
"""


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """A compiler that keeps a list of its calls, and saves time by not optimising."""
    calls, script = tmp_path / "calls", tmp_path / "cxx"
    script.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec {shutil.which("g++")} "$@" -O0\n')
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    return calls


def start(cache):
    environment = child_environment()
    environment["PYTHONPATH"] += f":{Path(__file__).parent}"
    command = [sys.executable, "-c", RUN, str(cache)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)


def links(calls):
    """How often a program was linked."""
    return sum("-o main" in line and "-c" not in line.split() for line in calls.read_text().splitlines())


def test_killed_builds_two_builds_at_once_and_a_truncated_program(compiler, tmp_path):
    cache = tmp_path / "cache"
    killed = start(cache)
    while not (compiler.exists() and "-c" in compiler.read_text().split()):
        assert killed.poll() is None
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    key = structure_key(LONE, BuildOptions())
    assert list(cache.glob("building-*"))
    assert not (cache / key).exists()
    assert links(compiler) == 0

    both = [start(cache) for _ in range(2)]
    said = [child.communicate()[0].split() for child in both]
    assert [child.returncode for child in both] == [0, 0]
    assert sorted(cached for cached, _ in said) == ["False", "True"]
    assert said[0][1] == said[1][1] != "0"
    assert links(compiler) == 1

    program = cache / key / "main"
    program.write_bytes(program.read_bytes()[:1000])
    again = simulate(LONE, duration=0.2, seed=4, cache=cache)
    assert again.metadata["build"]["cached"] is False
    assert again.metadata["build"]["seconds"] > 0
    assert again.neuron_counts["E"].sum() == int(said[0][1])
    assert links(compiler) == 2
    assert simulate(LONE, duration=0.2, seed=4, cache=cache).metadata["build"]["cached"] is True


def test_what_changes_the_structure_key(monkeypatch):
    keys = {structure_key(LONE, BuildOptions())}
    same = Circuit("other name", (Population("E", 3, LIF, "inhibitory", {"tau": "3 ms", "sigma": "1 mV/sqrt(s)"}),))
    assert structure_key(same, BuildOptions()) in keys
    assert structure_key(LONE.replace(drive=Constant(2), ratio=3, source="x"), BuildOptions()) in keys
    keys.add(structure_key(Circuit("lone", (Population("E", 4, LIF),)), BuildOptions()))
    keys.add(structure_key(Circuit("lone", (Population("F", 3, LIF),)), BuildOptions()))
    keys.add(structure_key(LONE, BuildOptions(spikes=True)))
    keys.add(structure_key(LONE, BuildOptions(grid_threshold=True)))
    keys.add(structure_key(LONE, BuildOptions(variables=(("E", "v", (0,)),))))
    monkeypatch.setenv("CXX", "another-compiler")
    keys.add(structure_key(LONE, BuildOptions()))
    assert len(keys) == 7


class Builder:
    """Stands for a build; counts how often it is needed."""

    def __init__(self):
        self.builds = 0

    def __call__(self, folder):
        self.builds += 1
        (folder / "static").mkdir()
        (folder / "main").write_text("program")
        (folder / "static" / "array").write_text("numbers")
        return ["main", "static/array"], {"build": self.builds}, {"version": "1"}


def truncate(entry):
    (entry / "main").write_text("prog")


def delete_an_array(entry):
    (entry / "static" / "array").unlink()


def delete_the_list(entry):
    (entry / "entry.json").unlink()


def replace_by_a_file(entry):
    shutil.rmtree(entry)
    entry.write_text("not a folder")


def list_is(text):
    def write(entry):
        (entry / "entry.json").write_bytes(text)

    return write


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        delete_an_array,
        delete_the_list,
        replace_by_a_file,
        list_is(b"garbage"),
        list_is(b""),
        list_is(b"\xff\xfe"),
        list_is(b"[]"),
        list_is(b"null"),
        list_is(b'{"files": [], "manifest": {}, "compiler": {}}'),
        list_is(b'{"files": {"main": 1}, "manifest": {}, "compiler": {}}'),
        list_is(b'{"files": {}, "manifest": {}, "compiler": 3}'),
    ],
)
def test_a_damaged_entry_is_built_anew(tmp_path, damage):
    cache, builder = BuildCache(tmp_path / "cache"), Builder()

    def accept(compiler):
        return compiler.get("version") == "1"

    first, second = (cache.get("key", builder, accept) for _ in range(2))
    assert (first.cached, second.cached, builder.builds) == (False, True, 1)
    damage(first.folder)
    third, fourth = (cache.get("key", builder, accept) for _ in range(2))
    assert (third.cached, fourth.cached, builder.builds) == (False, True, 2)
    assert fourth.manifest == {"build": 2}
    assert (fourth.folder / "static" / "array").read_text() == "numbers"
    assert not list(cache.root.glob("building-*"))


def test_an_entry_of_another_compiler_is_built_anew(tmp_path):
    cache, builder = BuildCache(tmp_path), Builder()
    cache.get("key", builder, lambda compiler: True)
    assert cache.get("key", builder, lambda compiler: compiler["version"] == "2").cached is False
    assert builder.builds == 2


def test_a_failed_build_leaves_nothing_and_frees_the_lock(tmp_path):
    def fail(folder):
        (folder / "half").write_text("x")
        raise RuntimeError("no")

    cache = BuildCache(tmp_path)
    with pytest.raises(RuntimeError):
        cache.get("key", fail, lambda compiler: True)
    assert [path.name for path in tmp_path.iterdir()] == ["key.lock"]
    assert cache.get("key", Builder(), lambda compiler: True).cached is False


def test_old_remains_of_killed_builds_are_cleared_and_young_ones_are_left(tmp_path):
    for name, age in (("building-old", 48 * 3600), ("building-young", 60)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.o").write_text("x")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    BuildCache(tmp_path).get("key", Builder(), lambda compiler: True)
    assert [path.name for path in tmp_path.glob("building-*")] == ["building-young"]


def test_the_default_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SSNBRIAN_CACHE", str(tmp_path / "chosen"))
    assert default_cache() == tmp_path / "chosen"
    monkeypatch.delenv("SSNBRIAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "ssnbrian"


@pytest.mark.parametrize("below", ["file", "file/cache"])
def test_an_impossible_folder_is_named_with_the_way_out(tmp_path, below):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInputError) as caught:
        BuildCache(tmp_path / below).get("key", Builder(), lambda compiler: True)
    assert str(tmp_path / below) in str(caught.value)
    assert "SSNBRIAN_CACHE" in str(caught.value)


def test_an_entry_lists_the_hashes_of_its_files(tmp_path):
    entry = BuildCache(tmp_path).get("key", Builder(), lambda compiler: True)
    stored = json.loads((entry.folder / "entry.json").read_text())
    assert set(stored["files"]) == {"main", "static/array"}
    assert all(len(digest) == 64 for digest in stored["files"].values())


def test_a_waiting_build_says_so(tmp_path):
    cache, heard = BuildCache(tmp_path), []
    script = f"import fcntl, sys; f = open({str(tmp_path / 'key.lock')!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX)"
    holder = subprocess.Popen(
        [sys.executable, "-c", script + "; print('held', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with contextlib.closing(holder.stdin), contextlib.closing(holder.stdout):
        assert holder.stdout.readline().strip() == "held"

        def waiting():
            heard.append(True)
            holder.kill()

        assert cache.get("key", Builder(), lambda compiler: True, waiting).cached is False
    holder.wait()
    assert heard == [True]
