"""Fluctuations of the finite-size population model: seeds, standard errors and tolerances are stated with each test."""

import numpy as np
import pytest
from ssnbrian.analysis.mesoscopic import EscapeNeuron, MesoscopicNetwork, network_rates, simulate

pytestmark = pytest.mark.xdist_group("mesoscopic")

LIF = EscapeNeuron(tau=0.02, threshold=10.0, reset=0.0, escape_rate=10.0, escape_width=1.0)
DRIVE = [1000.0]


def alone(size):
    return MesoscopicNetwork(["A"], [size], [LIF])


@pytest.mark.parametrize(("size", "deviation"), [(50, 0.0402), (200, 0.0201), (500, 0.0127), (5000, 0.0040)])
def test_the_correction_holds_the_mass_of_the_population(size, deviation):
    """Mean 1 and sd sqrt(F/(2 Lambda N)) of the mass, F 46.570 Hz, Lambda 287.6/s, as published.

    Seed 12, 40 realisations of 1 s in steps of .5 ms; standard errors from the realisations, 4 of them allowed. The
    formula is linear in the fluctuations and continuous in time: 2 % of the sd and (sd)^2 of the mean are allowed too.
    """
    run = simulate(alone(size), 1.0, 5e-4, 12, drive=DRIVE, realisations=40)
    predicted = np.sqrt(46.570 / (2 * 287.6 * size))
    assert predicted == pytest.approx(deviation, abs=6e-5)
    for measured, value, systematic in (
        (run.mass_mean[:, 0], 1.0, predicted**2),
        (run.mass_deviation[:, 0], predicted, 0.02 * predicted),
    ):
        error = measured.std(ddof=1) / np.sqrt(len(measured))
        assert abs(measured.mean() - value) < 4 * error + systematic
    assert np.sum(run.clips) <= 1e-3 * run.counts.size


def test_the_rate_of_a_finite_population_is_near_that_of_an_infinite_one():
    """Seed 5, 40 realisations of 1 s, N = 500: within 4 standard errors of the rate of the macroscopic equation."""
    run = simulate(alone(500), 1.0, 5e-4, 5, drive=DRIVE, realisations=40)
    rates = run.rates[:, 0]
    error = rates.std(ddof=1) / np.sqrt(len(rates))
    assert abs(rates.mean() - network_rates(alone(500), DRIVE, 5e-4)[0]) < 4 * error
    assert error < 0.1


def test_without_the_correction_the_population_dies_out():
    """N = 20, Poisson counts, Lambda = 0: extinct by t with probability exp(-2N/(F_0 t)), as published.

    The published law is the diffusion limit. Exactly, each spike has a Poisson number of successors of mean 1, one
    interval later: a critical branching process whose extinction by generation g is q_g^N, q_(g+1) = exp(q_g - 1). A
    population is extinct from its last spike on, that is between generations F t and F t + 1. Seed 8, 800 realisations
    of 2.5 s in steps of 1 ms; standard error sqrt(q (1 - q)/800) <= .018, 3.5 of them allowed around the exact process.
    """
    size, dt, count = 20, 1e-3, 800
    run = simulate(alone(size), 2.5, dt, 8, model="naive", draws="poisson", drive=DRIVE, realisations=count)
    fired = run.counts[:, 0] > 0
    last = (fired.shape[1] - np.argmax(fired[:, ::-1], axis=1)) * dt
    rate = network_rates(alone(size), DRIVE, dt)[0]
    extinct = [0.0]
    for _ in range(200):
        extinct.append(np.exp(extinct[-1] - 1))
    for time, published in ((0.5, 0.179), (1.0, 0.424), (1.24, 0.500), (2.0, 0.651)):
        assert np.exp(-2 * size / (46.570 * time)) == pytest.approx(published, abs=1e-3)
        measured = np.mean(last < time)
        error = np.sqrt(measured * (1 - measured) / count)
        low, high = (np.interp(rate * time + shift, np.arange(201), extinct) ** size for shift in (-0.5, 1.5))
        assert low - 3.5 * error < measured < high + 3.5 * error
    corrected = simulate(alone(size), 2.5, dt, 8, draws="poisson", drive=DRIVE, realisations=20)
    assert np.all(corrected.counts[:, 0, -100:].sum(axis=1) > 0)
