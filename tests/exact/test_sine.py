"""The sine as a drive: what its chords leave out, its file, its option, and what it refuses."""

import pickle

import numpy as np
import pytest
from brian2 import Hz, mV, second
from ssnbrian.models.library import find_circuit
from ssnbrian.models.neurons.lif import LIF

from ssnbrian.circuit import (
    Circuit,
    Constant,
    Drive,
    InvalidInputError,
    Population,
    Sine,
    circuit_from_toml,
    circuit_to_toml,
)
from ssnbrian.cli.main import main


def with_drive(drive):
    return Circuit("x", (Population("E", 10, LIF),), (), drive)


@pytest.mark.parametrize("knots", [4, 7, 100])
def test_error_of_the_chords(knots):
    """Largest error A(1 - cos(pi/n)) in the middle of a chord beside an extremum, first harmonic sinc(1/n)^2."""
    drive = Sine(20, 10, 2, duration=3, phase=np.pi / 2 + np.pi / knots, knots_per_period=knots)
    times = np.arange(60_000) * 5e-5
    exact = 20 + 10 * np.sin(4 * np.pi * times + drive.phase)
    at_knots = 20 + 10 * np.sin(4 * np.pi * np.array(drive.times) + drive.phase)
    assert list(drive.values) == pytest.approx(at_knots, rel=1e-12)
    assert np.abs(drive(times) - exact).max() == pytest.approx(10 * (1 - np.cos(np.pi / knots)), rel=1e-3)
    harmonic = np.abs(np.mean((drive(times) - 20) * np.exp(-4j * np.pi * times)))
    assert harmonic == pytest.approx(10 / 2 * np.sinc(1 / knots) ** 2, rel=1e-5)


def test_units_and_length():
    plain = Sine(20, 10, 1.5, duration=1.9)
    assert plain == Sine(20 * mV / second, 10 * mV / second, 1.5 * Hz, duration=1.9 * second)
    assert plain == Sine(20, 10, "1.5 Hz", unit="mV/s", duration="1900 ms")
    assert plain.times[-1] == plain.duration == 1.9
    assert np.all(np.diff(plain.times) > 0)
    whole = Sine(20, 10, 0.7, duration=3 / 0.7)
    assert len(whole.times) == 301 and np.all(np.diff(whole.times) > 0.014)


def test_it_is_a_value():
    drive = Sine(20, 10, 1, duration=2)
    assert isinstance(drive, Drive) and hash(drive) == hash(Sine(20, 10, 1, duration=2))
    assert drive != Sine(20, 10, 1, duration=2, phase=1)
    assert pickle.loads(pickle.dumps(drive)) == drive
    twice = drive.scaled(-2)
    assert twice(0.25) == pytest.approx(-60) and twice == Sine(-40, -20, 1, duration=2)


def test_its_file_holds_the_numbers_of_the_sine():
    circuit = with_drive(Sine(20.1, 1 / 3, 0.7, duration=30, phase=0.1, knots_per_period=64))
    written = circuit_to_toml(circuit)
    assert 'kind = "sine"' in written and "frequency_in_Hz = 0.7" in written and "times_in_s" not in written
    again = circuit_from_toml(written)
    assert again == circuit and again.content_hash == circuit.content_hash
    assert again.drive.values == circuit.drive.values
    shorter = written.replace("phase_in_rad = 0.1\n", "").replace("knots_per_period = 64\n", "")
    assert circuit_from_toml(shorter).drive == Sine(20.1, 1 / 3, 0.7, duration=30)
    for old, new, said in (
        ("frequency_in_Hz", "frequency_in_hz", r"\[drive\]: the key 'frequency_in_Hz' is missing"),
        ("duration_in_s = 30.0", "", r"\[drive\]: the key 'duration_in_s' is missing"),
        ("frequency_in_Hz = 0.7", "frequency_in_Hz = -1", "frequency must be positive"),
        ("phase_in_rad", "phase_in_degrees", "unknown key 'phase_in_degrees'. Did you mean 'phase_in_rad'"),
    ):
        with pytest.raises(InvalidInputError, match=said):
            circuit_from_toml(written.replace(old, new))
    knots = with_drive(Drive("sine", (0.0, 1.0), (2.0, 3.0), 1.0))
    assert circuit_from_toml(circuit_to_toml(knots)) == knots


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Sine(20 * mV, 10, 1), "mean of the sine: expected mV/s"),
        (lambda: Sine(20, [1, 2], 1), "amplitude of the sine: expected one number"),
        (lambda: Sine(20, 10, 1 * second), "frequency of the sine: expected Hz"),
        (lambda: Sine(20, 10, 0), "frequency must be positive"),
        (lambda: Sine(20, 10, 1, duration=0), "duration must be positive"),
        (lambda: Sine(20, 10, 1, knots_per_period=3), "at least 4 knots"),
        (lambda: Sine(20, 10, 1000, duration=100), "more than 1000000; shorten it"),
        (lambda: Sine(20, float("nan"), 1), "expected finite"),
    ],
)
def test_an_impossible_sine_says_what_is_wrong(make, said):
    with pytest.raises(InvalidInputError, match=said):
        make()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sine", "20:10"), "expected MEAN:AMPLITUDE:FREQUENCY"),
        (("--sine", "20:10:x"), "expected a number"),
        (("--sine", "20:10:1", "--mu", "3"), "--mu and --sine exclude each other"),
        (("--sine", "20:10:-1"), "frequency must be positive"),
    ],
)
def test_wrong_options_are_answered(capsys, words, said):
    try:
        code = main(["run", "stochastic_resonance", *words])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "") and said in err


def test_the_option_of_the_command_line(monkeypatch):
    import argparse

    from ssnbrian.cli.parsing import add_run, drive_of, protect_negative_ranges

    parser = argparse.ArgumentParser()
    add_run(parser)
    circuit = with_drive(Constant(3))
    for words, duration in ((["--sine", "-20:10:0.5"], 20.0), (["--sine", "-20:10:0.5", "--duration", "3"], 3.0)):
        drive, length = drive_of(parser.parse_args(protect_negative_ranges(words)), circuit)
        assert length == duration and drive == Sine(-20, 10, 0.5, duration=duration)


def test_the_circuit_of_the_library_stays_below_threshold():
    circuit = find_circuit("stochastic_resonance")
    values = circuit.populations[0].parameters
    assert max(circuit.drive.values) * values["tau"].si < values["threshold"].to("mV")
