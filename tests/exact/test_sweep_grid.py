"""What a sweep is asked for: read, refused in a sentence, and checked for all points before anything is run."""

import json
from pathlib import Path

import numpy as np
import pytest
from ssnbrian.analysis.statistics import mean_rates
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import Constant, InvalidInputError, Recording
from ssnbrian.cli.main import main
from ssnbrian.cli.sweep import MOST_RUNS, Axis, parse_axis
from ssnbrian.engine import sweep as engine
from ssnbrian.engine.build import ModelError
from ssnbrian.engine.cache import BuildEntry
from ssnbrian.engine.sweep import SweepPoint, rebuild_table, sweep
from ssnbrian.engine.sweep_run import whole_recording
from ssnbrian.engine.sweep_table import run_rates

BISTABLE = ekelmans2023.bistable()


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("mu=0:50:11", Axis("mu", (0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50), "")),
        ("E.tau=15:25:5 ms", Axis("E.tau", (15, 17.5, 20, 22.5, 25), "ms")),
        ("E->E.weight=0.02,0.03 mV", Axis("E->E.weight", (0.02, 0.03), "mV")),
        ("J.EE = 4.75mV", Axis("J.EE", (4.75,), "mV")),
        ("dt=0:0.3:4", Axis("dt", (0, 0.1, 0.2, 0.3), "")),
        ("mu=-5 : 5 : 2", Axis("mu", (-5, 5), "")),
        ("mu=3:3:1", Axis("mu", (3,), "")),
        ("mu=10:0:3 mV/s", Axis("mu", (10, 5, 0), "mV/s")),
        ("E.sigma=1e1, .5 mV/sqrt(s)", Axis("E.sigma", (10, 0.5), "mV/sqrt(s)")),
    ],
)
def test_an_axis_is_read_to_the_last_digit(text, axis):
    assert parse_axis(text) == axis


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mu", "--over expects NAME=FROM:TO:COUNT"),
        ("mu=", "--over expects"),
        ("=3", "--over expects"),
        ("mu=0:50", "cannot read '0:50'"),
        ("mu=0:50:11:3", "cannot read"),
        ("mu=0:50:1.5", "cannot read"),
        ("mu=0:50:-3", "cannot read"),
        ("mu=1,,2", "cannot read"),
        ("mu=nan", "cannot read"),
        ("mu=inf", "cannot read"),
        ("mu=1e999", "finite"),
        ("mu=__import__('os')", "cannot read"),
        ("mu=0:50:1", "at least 2 values"),
        ("mu=0:50:0", "at least 2 values"),
        ("mu=5:5:3", "given twice"),
        ("mu=5,6,5", "given twice"),
        ("mu=0:50:999999999", f"at most {MOST_RUNS}"),
    ],
)
def test_an_axis_that_cannot_be_read_is_answered_with_a_sentence(text, said):
    with pytest.raises(InvalidInputError) as caught:
        parse_axis(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def refused(capsys, *words):
    try:
        code = main(["sweep", "bistable", "--duration", "2", *words])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    assert code == 2, err
    assert out == ""
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--over", "E.tua=15,20 ms"], "Did you mean 'E.tau'?"),
        (["--over", "ratios=1,2"], "Did you mean 'ratio'?"),
        (["--over", "durations=1,2"], "Did you mean 'duration'?"),
        (["--over", "E.size=100,200"], "'E.size' is part of the circuit's structure"),
        (["--over", "E->E.in_degree=100,200"], "is part of the circuit's structure"),
        (["--over", "E.tau=15,20 mV"], "--over E.tau: "),
        (["--over", "E.tau=15,20"], "--over E.tau: "),
        (["--over", "E.tau=-15,20 ms"], "a time constant must be positive"),
        (["--over", "E->E.weight=-1:1:3 mV"], "must not be negative"),
        (["--over", "mu=1,2 mV"], "it is in mV/s, got 'mV'"),
        (["--over", "ratio=1,2 mV"], "it has no unit, got 'mV'"),
        (["--over", "ratio=-1,2"], "at ratio = -1.0: ratio must not be negative"),
        (["--over", "dt=0.1,50"], "at dt = 50.0: dt of 50 ms is too large"),
        (["--over", "dt=0,0.1"], "dt must be positive"),
        (["--over", "mu=1,2", "--over", "mu=3,4"], "--over mu is given twice"),
        (["--over", "mu=1,2", "--mu", "3"], "--over mu and --mu exclude each other"),
        (["--over", "mu=1,2", "--ramp", "0:5"], "--over mu and --ramp exclude each other"),
        (["--over", "duration=1,2"], "--over duration and --duration exclude each other"),
        (["--over", "E.tau=1,2 ms", "--set", "E.tau=3 ms"], "--over E.tau and --set E.tau exclude each other"),
        (["--over", "J.EE=1,2 mV", "--over", "E->E.weight=1,2 mV"], "set the same value"),
        (["--over", "mu=0:1:1000", "--over", "ratio=0:1:1000"], "1000 mu × 1000 ratio × 1 seed = 1000000 runs"),
        (["--over", "mu=1,2", "--seeds", "0"], "at least 1"),
        (["--over", "mu=1,2", "--seeds", "3,3"], "a seed is given twice"),
        (["--over", "mu=1,2", "--seeds", "-3"], "whole number"),
        (["--over", "mu=1,2", "--workers", "0"], "--workers must be at least 1"),
        (["--over", "mu=1,2", "--discard", "2"], "discard must lie between 0 and the duration"),
        ([], "--over"),
    ],
)
def test_wrong_input_is_refused_before_the_first_run(capsys, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused(capsys, *words)
    assert not list(tmp_path.rglob("*.npz"))
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("points", "more", "said"),
    [
        ([], {}, "at least one point"),
        ([SweepPoint({"mu": 1}), SweepPoint({"nu": 1})], {}, "every point needs the same names"),
        ([SweepPoint({"mu": 1}), SweepPoint({"mu": 1})], {}, "two points have the values"),
        ([SweepPoint({"seed": 1})], {}, "column of the table"),
        ([SweepPoint({"rate E (Hz)": 1})], {}, "column of the table"),
        ([SweepPoint({"mu": np.nan})], {}, "finite"),
        ([SweepPoint({"mu": 1}, settings={"durations": 2})], {}, "Did you mean 'duration'?"),
        ([SweepPoint({"mu": 1})], {"spike": True}, "Did you mean 'spikes'?"),
        ([SweepPoint({"mu": 1})], {"target": "java"}, "target must be 'cpp' or 'numpy'"),
        ([SweepPoint({"mu": 1})], {"variables": {"E.w": [0]}}, "at mu = 1: "),
        ([SweepPoint({"mu": 1})], {"seeds": 0}, "seeds: expected"),
        ([SweepPoint({"mu": 1})], {"seeds": True}, "seeds: expected"),
        ([SweepPoint({"mu": 1})], {"seeds": "12"}, "seeds: expected"),
        ([SweepPoint({"mu": 1})], {"seeds": [1, 2.5]}, "whole number"),
        ([SweepPoint({"mu": 1})], {"seeds": 2, "first_seed": 2**63 - 1}, "whole number"),
        ([SweepPoint({"mu": 1})], {"workers": 0}, "workers must be at least 1"),
    ],
)
def test_a_wrong_grid_is_refused_before_the_first_run(tmp_path, points, more, said):
    with pytest.raises(InvalidInputError) as caught:
        sweep(BISTABLE, points, folder=tmp_path, **{"drive": Constant(1), "duration": 1} | more)
    assert said in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_and_a_table_of_someone_else_are_left_alone(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInputError, match="cannot write to the results folder"):
        sweep(BISTABLE, [SweepPoint({})], folder=tmp_path / "file", duration=1)
    (tmp_path / "results.csv").write_text("mine,too\n1,2\n")
    with pytest.raises(InvalidInputError, match="not the table of a sweep"):
        sweep(BISTABLE, [SweepPoint({})], folder=tmp_path, duration=1)
    assert (tmp_path / "results.csv").read_text() == "mine,too\n1,2\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "results.csv"]


class Answers:
    """Stands for the runs: an executor whose jobs are answered at once by a recording with known counts."""

    def __init__(self, refuse=lambda job: False):
        self.jobs, self.refuse = [], refuse

    def submit(self, function, job):
        from concurrent.futures import Future

        self.jobs.append(job)
        future = Future()
        if self.refuse(job):
            future.set_exception(OSError("the machine is gone"))
            return future
        spikes = {"E": int(10 * job.settings["drive"].values[0]) + job.seed, "I": 7}
        recording = made(spikes, {"sweep_run": job.key, "status": "completed"})
        recording.save(Path(job.folder) / "runs" / f"{job.key}.npz")
        future.set_result(run_rates(recording, job.discard) | {"found": False})
        return future


def made(spikes, metadata):
    bins = np.arange(1000)
    return Recording(
        sizes={"E": 10, "I": 5},
        bin_width=0.001,
        counts={name: (bins < number).astype(np.int64) for name, number in spikes.items()},
        neuron_counts={name: np.array([number]) for name, number in spikes.items()},
        drives={name: (np.zeros(1), np.zeros(1)) for name in spikes},
        metadata={"duration": 1.0, **metadata},
    )


@pytest.fixture
def no_build(monkeypatch):
    def refuse(*_):
        raise AssertionError("nothing needs to be built")

    monkeypatch.setattr(engine, "build", refuse)


def points(*levels):
    return [SweepPoint({"mu": level}, settings={"drive": Constant(level)}) for level in levels]


def swept(folder, levels=(1, 2), seeds=3, **more):
    settings = {"executor": Answers(), "duration": 1, "target": "numpy", "discard": 0, "units": {"mu": "mV/s"}}
    return sweep(BISTABLE, points(*levels), folder=folder, seeds=seeds, **settings | more)


def rows(folder):
    lines = (folder / "results.csv").read_text().splitlines()
    names = lines[0].split(",")
    return [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]


def test_seeds_means_and_standard_errors(tmp_path, no_build):
    answers = Answers()
    result = swept(tmp_path, executor=answers, first_seed=4)
    assert [(run.values["mu"], run.seed) for run in result.runs] == [(mu, seed) for mu in (1, 2) for seed in (4, 5, 6)]
    assert [job.seed for job in answers.jobs] == [4, 5, 6] * 2
    # 14, 15 and 16 spikes of 10 neurons in 1 s; the standard error of three is that of the mean.
    assert result.points[0].rates["E"] == pytest.approx(1.5)
    assert result.points[0].standard_errors["E"] == pytest.approx(0.1 / 3**0.5)
    assert result.points[1].rates["I"] == pytest.approx(1.4)
    assert result.points[1].standard_errors["I"] == pytest.approx(0)
    assert (result.points[0].seeds, result.resumed, result.failed) == (3, 0, ())
    assert swept(tmp_path / "one", seeds=[9]).points[0].standard_errors == {"E": None, "I": None}
    first = rows(tmp_path)[0]
    assert first["mu (mV/s)"] == "1"
    assert float(first["rate E (Hz)"]) == pytest.approx(1.4)
    assert first["file"] == str(result.runs[0].file.relative_to(tmp_path))


def test_the_standard_errors_are_those_of_the_analysis():
    rng = np.random.default_rng(3)
    recording = made({"E": 500, "I": 3}, {"status": "completed"})
    for name in recording.counts:
        recording.counts[name][:] = rng.poisson(2 + np.arange(1000) / 500)
    for discard in (0.0, 0.1, 0.237):
        found = run_rates(recording, discard)
        for name, (rate, error) in mean_rates(recording, discard).items():
            assert found["rates"][name] == pytest.approx(rate, rel=1e-12)
            assert found["standard_errors"][name] == pytest.approx(error, rel=1e-12)
    assert run_rates(recording, 0.99)["standard_errors"] == {"E": None, "I": None}


def test_what_is_done_is_kept_and_what_is_damaged_or_foreign_is_run_again(tmp_path, no_build):
    first = swept(tmp_path)
    table = (tmp_path / "results.csv").read_bytes()
    again = swept(tmp_path, executor=Answers(refuse=lambda job: True))
    assert (again.resumed, again.failed) == (6, ())
    files = [run.file for run in first.runs]
    files[0].write_bytes(files[0].read_bytes()[:-40])
    files[1].write_bytes(files[2].read_bytes())
    files[3].write_bytes(b"")
    files[4].unlink()
    answers = Answers()
    assert swept(tmp_path, executor=answers).resumed == 2
    assert {job.key for job in answers.jobs} == {files[k].stem for k in (0, 1, 3, 4)}
    assert (tmp_path / "results.csv").read_bytes() == table


def test_no_damage_by_a_byte_is_believed(tmp_path, no_build):
    """Every byte of a stretch of the file is changed in turn; what is read then is what was written."""
    run = swept(tmp_path, levels=(1,), seeds=1).runs[0]
    whole, key = run.file.read_bytes(), run.file.stem
    rng = np.random.default_rng(1)
    believed = 0
    for position in rng.choice(len(whole), size=150, replace=False):
        run.file.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        recording = whole_recording(tmp_path, key)
        if recording is not None:  # time stamps and other bytes that say nothing about the content
            believed += 1
            assert run_rates(recording, 0)["rates"] == run.rates
    assert believed < 75


def test_a_lost_run_is_reported_and_the_others_are_kept(tmp_path, no_build):
    result = swept(tmp_path, executor=Answers(refuse=lambda job: job.seed == 2))
    assert [(run.values, run.seed) for run in result.failed] == [({"mu": 1}, 2), ({"mu": 2}, 2)]
    assert "the machine is gone" in result.failed[0].status
    assert [point.seeds for point in result.points] == [2, 2]
    assert result.points[0].rates["E"] == pytest.approx((1.1 + 1.3) / 2)
    assert [row["status"].split(":")[0] for row in rows(tmp_path)] == ["completed", "failed", "completed"] * 2
    with pytest.raises(InvalidInputError, match="has no recording"):
        result.failed[0].recording()
    assert swept(tmp_path).resumed == 4


def test_every_structure_is_built_once_and_one_that_cannot_be_built_fails_alone(tmp_path, monkeypatch):
    built = []

    def build(circuit, options, cache, progress):
        built.append((circuit.name, options.spikes))
        if options.spikes:
            raise ModelError("Brian2 cannot run the circuit 'bistable': no")
        return BuildEntry(tmp_path, {}, cached=False, build_seconds=2.0)

    monkeypatch.setattr(engine, "build", build)
    drive = {"drive": Constant(1)}
    grid = [
        SweepPoint({"case": 1}, settings=drive),
        SweepPoint({"case": 2}, ekelmans2023.bistable().replace(name="other"), settings={**drive, "dt": 0.2}),
        SweepPoint({"case": 3}, settings={**drive, "spikes": True}),
    ]
    more = {"seeds": 2, "executor": Answers(), "duration": 1}
    result = sweep(BISTABLE, grid, folder=tmp_path / "all", **more)
    assert built == [("bistable", False), ("bistable", True)]
    assert result.build == {"cached": False, "seconds": 2.0, "structures": 1}
    assert [run.status.split(":")[0] for run in result.runs] == ["completed"] * 4 + ["failed"] * 2
    assert "Brian2 cannot run the circuit" in result.failed[0].status
    with pytest.raises(ModelError):
        sweep(BISTABLE, grid[2:], folder=tmp_path / "none", **more)


def test_another_sweep_shares_equal_runs_and_leaves_the_rows_of_the_first(tmp_path, no_build):
    swept(tmp_path, levels=(1, 2))
    before = rows(tmp_path)
    other = swept(tmp_path, levels=(2, 3))
    assert other.resumed == 3
    assert len({row["sweep"] for row in rows(tmp_path)}) == 2
    assert all(row in rows(tmp_path) for row in before)
    assert len(rows(tmp_path)) == 12
    assert len(list(tmp_path.glob("sweep-*.json"))) == 2


def test_an_extended_sweep_is_listed_once(tmp_path, no_build):
    swept(tmp_path, levels=(1, 2))
    assert swept(tmp_path, levels=(1, 2, 3), seeds=4).resumed == 6
    assert len(rows(tmp_path)) == 12
    assert swept(tmp_path, levels=(1, 2)).resumed == 6
    assert len(rows(tmp_path)) == 12


def test_the_table_follows_from_manifests_and_recordings(tmp_path, no_build):
    swept(tmp_path, levels=(1, 2))
    swept(tmp_path, levels=(2, 3))
    table = (tmp_path / "results.csv").read_bytes()
    for damaged in (table[:200], b"sweep,circuit,\n\xff", b""):
        (tmp_path / "results.csv").write_bytes(damaged)
        rebuild_table(tmp_path)
        assert (tmp_path / "results.csv").read_bytes() == table
        (tmp_path / "results.csv").write_bytes(damaged)
        swept(tmp_path, levels=(1, 2))
        assert (tmp_path / "results.csv").read_bytes() == table
    (tmp_path / "sweep-000000000000.json").write_text("[1, 2")
    rebuild_table(tmp_path)
    assert (tmp_path / "results.csv").read_bytes() == table


def test_what_determines_a_run_changes_its_file(tmp_path, no_build):
    def key(**more):
        result = swept(tmp_path, levels=(1,), seeds=1, **more)
        return result.runs[0].file.stem

    keys = [
        key(),
        key(first_seed=2),
        key(duration=0.5),
        key(dt=0.2),
        key(ratio=2),
        key(bin_width=2),
        key(spikes=True),
        key(grid_threshold=True),
        key(runaway_rate=30),
        key(variables={"E.v": [0]}),
        key(initial={"E.v": "0.5 mV"}),
        key(initial={"E.v": "0.6 mV"}),
    ]
    assert len(set(keys)) == len(keys)
    assert key(discard=0.5) == keys[0]


def test_the_manifest_describes_the_sweep(tmp_path, no_build):
    result = swept(tmp_path)
    manifest = json.loads(next(tmp_path.glob("sweep-*.json")).read_text())
    assert manifest["over"] == {"mu": [1, 2]}
    assert manifest["seeds"] == [1, 2, 3]
    assert manifest["circuit"] == "bistable"
    assert [entry["file"] for entry in manifest["runs"]] == [str(r.file.relative_to(tmp_path)) for r in result.runs]
