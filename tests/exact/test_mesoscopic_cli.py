"""Wrong options of ``ssnbrian mesoscopic`` and ``compare`` are refused in one sentence before anything is simulated."""

import pytest

from ssnbrian.cli.main import main

pytestmark = pytest.mark.xdist_group("mesoscopic")

WRONG = {
    "mesoscopic escape_ei --modes 3": "--modes is for --model langevin; sie has no eigenmodes",
    "mesoscopic escape_ei --model langevin --modes 0": "--modes must be at least 1, got 0",
    "mesoscopic escape_ei --model macro --draws poisson": "--draws is for --model sie or naive; macro draws no spikes",
    "mesoscopic escape_ei --dt 0": "--dt must be positive and at most the duration, got 0 ms",
    "mesoscopic escape_ei --dt 20 --duration 2": "below the shortest membrane time constant, 20 ms, got 20 ms",
    "mesoscopic escape_ei --duration 1e9": "1e+13 steps, too many to be held in memory; at most 100000000",
    "mesoscopic escape_ei --dt 1e-9 --duration 1": "1e+12 steps, too many",
    "mesoscopic escape_ei --duration 1 --discard 99": "--discard must lie between 0 and the duration of 1 s",
    "mesoscopic escape_ei --duration 1 --discard 0.99999": "leave a step, got 0.99999",
    "mesoscopic escape_ei --duration 1 --discard 0.2 --spectrum": "--spectrum needs 1 s after what is left out; 0.8 s",
    "mesoscopic adex_ei --duration 1": "are not leaky integrate-and-fire neurons with an exponential escape rate",
    "compare escape_ei --bin 0": "--bin must be positive, got 0 s",
    "compare escape_ei --duration 0.01": "--duration 0.01 s is shorter than one bin of 1 s",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_options_are_refused(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert WRONG[words] in said.err
    assert len(said.err.splitlines()) == 1


def test_times_that_are_no_whole_steps_are_named(capsys):
    assert main(["mesoscopic", "escape_ei", "--dt", "3", "--duration", "0.03", "--model", "macro"]) == 0
    said = capsys.readouterr().err
    assert "a refractory period of 4 ms is 3 ms in steps of 3 ms" in said
    assert "a delay of 1 ms is 3 ms in steps of 3 ms" in said
