"""Recordings: saved and loaded whole, or refused with a reason; a killed save leaves the old file."""

import os
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest
from brian2 import ms, mV, second

from ssnbrian.circuit import InvalidInputError, Recording, UnitError
from ssnbrian.engine.build import child_environment


def recording(**changes):
    rng = np.random.default_rng(2)
    fields = {
        "sizes": {"E": 4, "I_2": 2},
        "bin_width": 0.001,
        "counts": {"E": np.arange(10), "I_2": np.ones(10, dtype=np.int64)},
        "neuron_counts": {"E": np.array([9, 12, 11, 13]), "I_2": np.array([4, 6])},
        "drives": {"E": (np.array([0.0, 0.01]), np.array([1.0, 0.1])), "I_2": (np.array([0.0]), np.array([2.0]))},
        "metadata": {"duration": 0.01, "status": "completed", "seed": 2**62 + 1, "circuit": "Ü ->"},
        "spikes": {"E": (np.array([0.001, 0.002]), np.array([3, 0], dtype=np.int32))},
        "variables": {"E.v": rng.normal(size=(5, 2))},
        "variable_neurons": {"E.v": np.array([0, 3])},
        "variable_times": np.arange(5) * 1e-4,
    }
    return Recording(**(fields | changes))


def test_everything_comes_back(tmp_path):
    one = recording()
    one.save(tmp_path / "run.npz")
    two = Recording.load(tmp_path / "run.npz")
    assert (two.sizes, two.bin_width, two.metadata) == (one.sizes, one.bin_width, one.metadata)
    for field in ("counts", "neuron_counts", "variables", "variable_neurons"):
        first, second_one = getattr(one, field), getattr(two, field)
        assert list(first) == list(second_one)
        for name in first:
            np.testing.assert_array_equal(first[name], second_one[name])
            assert first[name].dtype == second_one[name].dtype
    for field in ("drives", "spikes"):
        first, second_one = getattr(one, field), getattr(two, field)
        assert list(first) == list(second_one)
        for name in first:
            np.testing.assert_array_equal(first[name], second_one[name])
    np.testing.assert_array_equal(one.variable_times, two.variable_times)
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


def test_the_name_is_kept_as_it_was_given(tmp_path):
    recording().save(tmp_path / "run.data")
    assert Recording.load(str(tmp_path / "run.data")).completed


def test_a_saved_file_can_be_read_by_those_whom_the_umask_allows(tmp_path):
    old = os.umask(0o022)
    try:
        recording().save(tmp_path / "run.npz")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "run.npz").stat().st_mode) == 0o644


def test_rates_status_and_times():
    one = recording()
    assert one.rates() == {"E": pytest.approx(45 / (4 * 0.01)), "I_2": pytest.approx(10 / (2 * 0.01))}
    assert one.rates(0.005)["E"] == pytest.approx(35 / (4 * 0.005))
    assert one.rates(5 * ms) == one.rates(0.005 * second) == one.rates(0.005)
    np.testing.assert_allclose(one.bin_times, (np.arange(10) + 0.5) / 1000)
    assert one.completed
    stopped = recording(metadata={"duration": 0.003, "status": "stopped at 0.003 s: the rate of E ran away"})
    assert not stopped.completed
    assert stopped.duration == 0.003


def test_a_wrong_start_of_the_rates_is_refused():
    with pytest.raises(InvalidInputError, match=r"must not be negative, got -1"):
        recording().rates(-1)
    with pytest.raises(UnitError, match=r"start of the rates: expected s"):
        recording().rates(3 * mV)


@pytest.mark.parametrize("keep", [0, 10, 300, 0.5, 0.95])
def test_a_truncated_file_is_named(tmp_path, keep):
    path = tmp_path / "run.npz"
    recording().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(InvalidInputError, match=r"run.npz' is not a readable recording, or it is damaged"):
        Recording.load(path)


def test_no_flipped_byte_ends_in_another_kind_of_error(tmp_path):
    path = tmp_path / "run.npz"
    recording().save(path)
    content = path.read_bytes()
    refused = 0
    for position in range(0, len(content), 7):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
        try:
            Recording.load(path)
        except InvalidInputError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > len(content) / 7 / 4


def write_array(path):
    with open(path, "wb") as stream:
        np.save(stream, np.arange(3))


def write_objects(path):
    with open(path, "wb") as stream:
        np.savez(stream, header=np.array([{"format": 1}], dtype=object))


def header(text):
    def write(path):
        with open(path, "wb") as stream:
            np.savez(stream, header=np.frombuffer(text, dtype=np.uint8))

    return write


@pytest.mark.parametrize(
    "write",
    [
        write_array,
        write_objects,
        lambda path: path.write_text("hello"),
        lambda path: np.savez(path, other=np.arange(3)),
        header(b"not json"),
        header(b"[]"),
        header(b'{"format": 1}'),
        header(b'{"format": 1, "sizes": {"E": 3}, "bin_width": 1, "metadata": {}}'),
    ],
)
def test_other_files_are_refused(tmp_path, write):
    path = tmp_path / "other.npz"
    write(path)
    with pytest.raises(InvalidInputError, match=r"'.*other.npz' is not a readable recording"):
        Recording.load(path)


def test_a_later_format_says_so(tmp_path):
    header(b'{"format": 99}')(tmp_path / "later.npz")
    with pytest.raises(InvalidInputError, match=r"has format 99; this version reads format 1"):
        Recording.load(tmp_path / "later.npz")


def test_missing_files_and_directories(tmp_path):
    with pytest.raises(InvalidInputError, match=r"there is no file '.*missing.npz'"):
        Recording.load(tmp_path / "missing.npz")
    with pytest.raises(InvalidInputError, match=r"cannot read '.*': Is a directory"):
        Recording.load(tmp_path)


def test_an_unwritable_path_is_named_and_nothing_is_left(tmp_path):
    (tmp_path / "file").write_text("x")
    for path, reason in (
        (tmp_path / "missing" / "run.npz", "No such file or directory"),
        (tmp_path / "file" / "run.npz", "Not a directory"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            recording().save(path)
        assert f"cannot write '{path}': {reason}" in str(caught.value)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInputError, match=r"cannot write '.*folder': Is a directory"):
        recording().save(tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


SAVE_FOR_EVER = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[2])
from test_recording import recording
big = recording(variables={"E.v": np.random.default_rng(0).normal(size=(2_000_000, 2))})
print("saving", flush=True)
big.save(sys.argv[1])
"""


def test_a_killed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "run.npz"
    recording().save(path)
    before = path.read_bytes()
    command = [sys.executable, "-c", SAVE_FOR_EVER, str(path), os.path.dirname(__file__)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=child_environment()) as child:
        assert child.stdout.readline() == b"saving\n"
        while not any(part.stat().st_size > 100_000 for part in tmp_path.glob("run.npz*.part")):
            assert child.poll() is None
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    recording(bin_width=0.5).save(path)
    assert Recording.load(path).bin_width == 0.5
