"""Drives as functions of time, and who gets which drive for how long."""

import numpy as np
import pytest
from brian2 import ms, mV, second, volt

from ssnbrian.circuit import Constant, Drive, InvalidInputError, PiecewiseLinear, Ramp, Samples, Staircase, UnitError
from ssnbrian.circuit.drive import resolve_drives

EI = [("E", "excitatory"), ("I", "inhibitory")]


def test_units_and_plain_numbers_mean_the_same():
    assert Constant(19 * mV / second) == Constant(19) == Constant("19 mV/s") == Constant(19, unit="mV/s")
    assert Constant(0.019, unit=volt / second) == Constant(19)
    ramps = [
        Ramp(0, 50, unit=mV / second, duration=50 * second),
        Ramp(0, 50, duration=50),
        Ramp(0 * mV / second, 50 * mV / second, duration=50_000 * ms),
    ]
    assert ramps[0] == ramps[1] == ramps[2]


def test_courses():
    assert Ramp(10, 20, duration=4)(np.array([0, 1, 4, 9])).tolist() == [10, 12.5, 20, 20]
    stairs = Staircase([1, 5, 2], step=0.5)
    assert stairs.duration == 1.5
    assert stairs(np.array([0, 0.49, 0.5, 0.99, 1.0, 1.49, 3])).tolist() == [1, 1, 5, 5, 2, 2, 2]
    assert Samples([1, 5, 2], dt=0.5)(0.75) == 5
    jump = PiecewiseLinear([0, 1, 1, 2], [0, 2, -2, 0])
    assert [jump(t) for t in (0.5, 1 - 1e-12, 1, 1.5)] == pytest.approx([1, 2, -2, -1])
    assert isinstance(jump(0.5), float)
    assert Constant(3)(np.zeros((2, 3))).shape == (2, 3)
    assert jump.scaled(-2)(1) == 4
    assert jump.scaled(-2).duration == 2


def test_a_drive_is_a_value_whatever_sequence_it_was_given():
    drive = Drive("x", [0, 1], np.array([2, 3]), 1)
    assert drive == Drive("x", (0.0, 1.0), (2.0, 3.0), 1.0)
    assert hash(drive) == hash(Drive("x", (0.0, 1.0), (2.0, 3.0), 1.0))
    assert all(type(entry) is float for entry in (*drive.times, *drive.values, drive.duration))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Constant(19 * mV), "level of the constant drive: expected mV/s"),
        (lambda: Constant(float("nan")), "level of the constant drive: expected finite"),
        (lambda: Constant([1, 2]), "level of the constant drive: expected one number, got 2"),
        (lambda: Constant(1, duration=0), "duration must be positive"),
        (lambda: Constant(1, duration=float("inf")), "duration of the constant drive: expected finite"),
        (lambda: Constant(1, duration=3 * mV), "duration of the constant drive: expected s"),
        (lambda: Ramp(0, 50, unit=mV), "unit of the drive"),
        (lambda: Ramp(0, 50, duration=-1), "never decrease"),
        (lambda: Ramp(0, [1, 2], duration=1), "stop of the ramp: expected one number"),
        (lambda: Staircase([], step=1), "at least one"),
        (lambda: Staircase([[1, 2], [3, 4]], step=1), "as many values as times"),
        (lambda: PiecewiseLinear([0, 2, 1], [1, 2, 3]), "never decrease"),
        (lambda: PiecewiseLinear([1, 2], [1, 2]), "start at 0 s"),
        (lambda: PiecewiseLinear([0, 2], [1, 2, 3]), "got 2 times and 3 values"),
        (lambda: PiecewiseLinear([], []), "at least one"),
        (lambda: Drive("own", (0.0,), (float("nan"),), None), "finite"),
        (lambda: Drive("own", (0.0,), (1.0,), float("inf")), "positive and finite"),
        (lambda: Drive("own", (0.0,), ("a",), None), "must be plain numbers"),
    ],
)
def test_an_impossible_drive_says_what_is_wrong(make, said):
    with pytest.raises(InvalidInputError, match=said):
        make()


def test_a_unit_that_is_not_that_of_a_drive_is_a_unit_error():
    with pytest.raises(UnitError, match=r"e\.g\. 20 mV/s"):
        Constant(19 * mV)


def test_every_population_gets_its_drive():
    drives, duration = resolve_drives(EI, Ramp(0, 10, duration=2), 3.0, None)
    assert duration == 2
    assert (drives["E"](2), drives["I"](2)) == (10, 30)
    own = {"E": Ramp(0, 1, duration=5), "I": Constant(2)}
    assert resolve_drives(EI, own, 3.0, None) == (own, 5)
    assert resolve_drives(EI, own, 3.0, 4.0)[1] == 4


@pytest.mark.parametrize(
    ("drive", "duration", "said"),
    [
        (Ramp(0, 1, duration=2), 3, "drive of E ends at 2 s, before the end of the run at 3 s; shorten"),
        (Constant(1), None, "has no end: give the run a duration"),
        (Constant(1), 0, "duration of a run must be positive"),
        (Constant(1), float("nan"), "duration of a run must be positive"),
        ({"E": Constant(1)}, 1, "no drive was given for population 'I'"),
        ({"E": Constant(1), "I": Constant(1), "X": Constant(1)}, 1, "'X', which is not a population"),
        ({"E": Constant(1), "I": 5}, 1, "no drive was given for population 'I'"),
        (19, 1, "expected a drive such as Constant"),
        (19 * mV / second, 1, "expected a drive such as Constant"),
    ],
)
def test_missing_short_and_foreign_drives(drive, duration, said):
    with pytest.raises(InvalidInputError, match=said):
        resolve_drives(EI, drive, 1.0, duration)


def test_a_run_of_exactly_the_length_of_its_drive_is_allowed():
    assert resolve_drives(EI, Staircase([1, 2, 3], step=0.1), 1.0, 0.3)[1] == 0.3
