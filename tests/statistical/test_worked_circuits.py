"""The worked spiking circuits against their theories, and what each of them is there to show.

Those without a cue run as parts of one circuit and those with a cue of another, so that two builds serve all, at dt
0.25 ms. Standard errors come from 20 batches per run. Tolerances are four standard errors plus a theory error, stated
at each test: SSN and self-consistent theory neglect correlations and what finite numbers of neurons add, the SSN
moreover the noise that the network makes itself. To keep it short the memory has half its neurons (and the same
in-degrees), and the microcircuit is silenced at the end.
"""

import dataclasses

import numpy as np
import pytest
from ssnbrian.analysis import SSN, SelfConsistent
from ssnbrian.analysis.statistics import mean_rates
from ssnbrian.models.library import CIRCUITS

from ssnbrian import simulate
from ssnbrian.circuit import Circuit, Constant, PiecewiseLinear
from ssnbrian.circuit.drive import resolve_drives
from ssnbrian.workflow.measured_laws import measured_laws
from ssnbrian.workflow.transfer_fit import population_time_constants

DT = 0.25  # ms; with the exact step and the bridge the bias is below 1 %
SETTLED = 2.0  # s
INPUTS = {"conductance_ei": 350.0, "depression_ei": 15.0, "adex_ei": 1800.0}
SEEDS = (1, 2, 3)
CUE = (5.5, 7.0)  # s; later than in the circuit's own drive, so that 5 s without a cue come first
DURATION = 12.5  # s
END = 8.0  # s, of the microcircuit
BIN = 0.25  # s
pytestmark = pytest.mark.xdist_group("worked-circuits")


def memory_drive():
    """The circuit's cue from CUE[0] to CUE[1]."""
    own = CIRCUITS["facilitating_memory_ei"]().drive.values
    low, high = min(own), max(own)
    return PiecewiseLinear([0, CUE[0], CUE[0], CUE[1], CUE[1], DURATION], [low, low, high, high, low, low])


def part(name, drive, share=1):
    """One circuit with its populations renamed and divided by ``share`` in size, and the drive of each of them."""
    circuit = CIRCUITS[name]()
    populations = tuple(
        dataclasses.replace(one, name=f"{name}_{one.name}", size=one.size // share) for one in circuit.populations
    )
    projections = tuple(
        dataclasses.replace(one, source=f"{name}_{one.source}", target=f"{name}_{one.target}")
        for one in circuit.projections
    )
    pairs = [(one.name, one.kind) for one in populations]
    drives, _ = resolve_drives(pairs, drive, circuit.ratio, DURATION)
    return populations, projections, drives


def together(parts):
    """One circuit of several, and its drives."""
    populations, projections = (sum((one[k] for one in parts), ()) for k in (0, 1))
    drives = {name: drive for one in parts for name, drive in one[2].items()}
    return Circuit("worked_circuits", populations, projections), drives


@pytest.fixture(scope="module")
def steady(build_cache):
    """Constant inputs, seed 1."""
    circuit, drives = together([part(name, Constant(mu)) for name, mu in INPUTS.items()])
    return simulate(circuit, drives, duration=10, dt=DT, seed=1, cache=build_cache)


@pytest.fixture(scope="module")
def cued(build_cache):
    """The circuits with a cue, one recording per seed."""
    own = CIRCUITS["dynamic_microcircuit"]().drive
    silenced = PiecewiseLinear([*own.times[:-1], END, END, DURATION], [*own.values, min(own.values), min(own.values)])
    parts = [part("facilitating_memory_ei", memory_drive(), 2), part("dynamic_microcircuit", silenced)]
    circuit, drives = together(parts)
    return [simulate(circuit, drives, duration=DURATION, dt=DT, seed=seed, cache=build_cache) for seed in SEEDS]


def measured(recordings, name, start, stop=None):
    """(rate, standard error) in Hz over all recordings."""
    found = [mean_rates(one, start, stop)[name] for one in recordings]
    return np.mean([rate for rate, _ in found]), np.sqrt(np.sum([error**2 for _, error in found])) / len(found)


def course(recording, name):
    """Rates in bins of BIN, Hz, and the centres of the bins, s."""
    per_bin = round(BIN / recording.bin_width)
    counts = recording.counts[name]
    bins = len(counts) // per_bin
    rates = counts[: bins * per_bin].reshape(bins, per_bin).sum(1) / (recording.sizes[name] * BIN)
    return rates, (np.arange(bins) + 0.5) * BIN


def stable(theory, mu, ratio):
    return [state for state in theory.steady_states(mu, ratio) if state.stable]


# Theory error allowed, relative to the simulated rate: (E, I).
@pytest.mark.parametrize(
    ("theory", "name", "allowed"),
    [
        (SSN, "conductance_ei", (0.12, 0.08)),
        (SelfConsistent, "conductance_ei", (0.05, 0.03)),
        (SSN, "depression_ei", (0.06, 0.22)),
        (SelfConsistent, "depression_ei", (0.05, 0.07)),
    ],
)
def test_the_theories_are_this_close(steady, theory, name, allowed):
    circuit = CIRCUITS[name]()
    (state,) = stable(theory.from_circuit(circuit), INPUTS[name], circuit.ratio)
    for population, error in zip("EI", allowed, strict=True):
        rate, standard_error = measured([steady], f"{name}_{population}", SETTLED)
        assert standard_error < 0.03 * rate
        assert abs(state.rates[population] - rate) < 4 * standard_error + error * rate, population


def test_the_ssn_of_the_measured_adex_curve(steady):
    """200 neurons for 1 s per input: the curve is good to some 2 %."""
    circuit = CIRCUITS["adex_ei"]()
    laws = measured_laws(circuit, neurons=200, duration=1.0)
    theory = SSN.from_circuit(circuit, transfer=laws, tau_population=population_time_constants(circuit))
    (state,) = stable(theory, INPUTS["adex_ei"], circuit.ratio)
    assert state.inhibition_stabilized
    for population, error in (("E", 0.08), ("I", 0.15)):
        rate, standard_error = measured([steady], f"adex_ei_{population}", SETTLED)
        assert abs(state.rates[population] - rate) < 4 * standard_error + error * rate, population


def test_the_adex_network_is_asynchronous(steady):
    """The variance of the population count in 20 ms is that of independent Poisson neurons times less than 4."""
    counts = steady.counts["adex_ei_E"][round(SETTLED / steady.bin_width) :]
    per_bin = round(0.02 / steady.bin_width)
    counts = counts[: len(counts) // per_bin * per_bin].reshape(-1, per_bin).sum(1)
    assert 0.5 < counts.var() / counts.mean() < 4


def test_the_memory_outlasts_its_cue_and_does_not_come_without(cued):
    """Three seeds: down in every bin of the 5 s before the cue, up in every bin of the 5 s after it.

    The theories have both states. Theory error of E: 10 % in the lower one, 15 % in the active one, where excitation
    amplifies what finite size takes away: at half the size, as here, the rate is lower than in the circuit itself.
    """
    name = "facilitating_memory_ei_E"
    circuit = CIRCUITS["facilitating_memory_ei"]()
    resting = min(circuit.drive.values)
    for theory in (SSN, SelfConsistent):
        states = theory.from_circuit(circuit).steady_states(resting, circuit.ratio)
        down, saddle, up = (state.rates["E"] for state in states)
        assert [state.stable for state in states] == [True, False, True]
        for expected, allowed, span in ((down, 0.1, (0.5, CUE[0])), (up, 0.15, (CUE[1] + 0.5, None))):
            rate, error = measured(cued, name, *span)
            assert abs(expected - rate) < 4 * error + allowed * rate
        for one in cued:
            rates, times = course(one, name)
            before, after = rates[times < CUE[0]], rates[times > CUE[1]]
            assert min(len(before), len(after)) * BIN >= 5
            assert before.max() < saddle < after.min()


def test_the_probe_reactivates_what_the_cue_has_stored(cued):
    """Three seeds: the same probe fades before the cue, and after cue and silence brings 2 s of activity."""
    for one in cued:
        rates, times = course(one, "dynamic_microcircuit_E")
        assert rates[(times > 2) & (times < 3)].max() < 1
        assert rates[(times > 5.25) & (times < 5.5)].max() < 1
        assert rates[(times > 6) & (times < END)].min() > 4
