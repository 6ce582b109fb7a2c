"""Lab: what it costs to replace a network of spiking neurons by differential equations.

    python scripts/labs/markov_reduction.py [--quick] [--seed 1]

Five steps, each with numbers that are simulated as they are printed (+- is one standard error), and questions to try
at the end. Less than a minute with the extra 'fast' (numba); without it the networks are a hundred times slower.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from functools import cache
from textwrap import fill

import numpy as np
from ssnbrian.analysis.markov import (
    MarkovNetwork,
    RunMeasures,
    linear_rates,
    measure,
    network_of,
    run_equations,
    run_network,
    simulate_counts,
)
from ssnbrian.analysis.markov.conductance_network import simulate_decorrelated_network
from ssnbrian.analysis.markov.kick_equations import KickEquations
from ssnbrian.analysis.markov.kick_network import SpikeTrains, simulate_network
from ssnbrian.models.library import find_circuit

REGIMES = {"homogeneous": "kicks", "regular": "kicks_regular", "synchronous": "kicks_synchronous"}
BIN = 2e-4  # s
STEP = 1e-4  # s, of the conductance network
TRANSIENT = 0.3  # s
SETTLING = 0.6  # s, of the equations: without noise they ring for longer
WINDOWS = (1e-3, 5e-3, 20e-3, 50e-3)  # s
QUESTIONS = (
    ("Where do the volleys of the equations begin? Look for the step from no period to 1.",
     "ssnbrian markov kicks --scan tau_EE=1.4:2:7 --duration 3 --discard 2"),
    ("Does the stationary rate depend on the decay times? Compare with tau_EE = 2 ms. Does the network's?",
     "ssnbrian markov kicks --network --set 'tau_EE=2 ms'"),
    ("How many neurons until the error of the synchronous rate is below 5 %?",
     "ssnbrian markov kicks_synchronous --network --neurons 1600 --duration 3"),
    ("At which p_EI does the period double, in equations and network?",
     "ssnbrian markov conductance --network --scan p_EI=0.65:0.85:9 --duration 2 --discard 0.5"),
    ("From how many neurons on are the equations cheaper than the network?",
     "python scripts/bench/markov.py --regimes synchronous"),
    ("All of it in one figure.", "python scripts/figures/markov.py --quick"),
)  # fmt: skip


@dataclass(frozen=True)
class Lengths:
    """Seconds that are simulated: of a network of 400, of the equations, and of the conductance network."""

    network: float
    equations: float
    conductance: float


LONG, SHORT = Lengths(3.0, 0.8, 1.5), Lengths(0.8, 0.3, 0.6)


def say(text: str) -> None:
    """A paragraph."""
    print(fill(" ".join(text.split()), 100) + "\n")


def table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Columns under their titles."""
    lines = [titles, *rows]
    widths = [max(len(line[k]) for line in lines) + 2 for k in range(len(titles))]
    for line in lines:
        print(("  " + "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))).rstrip())
    print()


def rate(found: RunMeasures, name: str = "E") -> str:
    """With its standard error, if it has one."""
    error = found.standard_errors[name]
    return f"{found.rates[name]:.2f}" + (f" +- {error:.2f}" if error else "")


def index(found: RunMeasures) -> str:
    """The synchrony index of E."""
    one = found.synchrony["E"]
    return f"{one.index:.4f}" + (f" +- {one.standard_error:.4f}" if one.standard_error else "")


def peak(found: RunMeasures) -> str:
    """The strongest frequency."""
    one = found.spectral_peak
    if one is None or found.period.volleys is None:
        return "no volleys"
    return f"{one.frequency:.1f}" + (f" +- {one.standard_error:.1f}" if one.standard_error else "")


def deviation(theory: RunMeasures, truth: RunMeasures) -> str:
    """Of the rate of E of a theory from that of a network, in per cent."""
    ratio = theory.rates["E"] / truth.rates["E"]
    error = ratio * np.hypot(*(one.standard_errors["E"] / one.rates["E"] for one in (theory, truth)))
    return f"{100 * (ratio - 1):+.1f} +- {100 * error:.1f} %"


def kicks(regime: str) -> MarkovNetwork:
    """300 E and 100 I neurons with integer kicks."""
    return network_of(find_circuit(REGIMES[regime]))


@cache
def equations(regime: str, seconds: float) -> RunMeasures:
    """Of the master equation, after it has settled."""
    return measure(run_equations("kicks", kicks(regime), SETTLING + seconds, BIN).after(SETTLING))


@cache
def network(regime: str, seconds: float, seed: int, factor: int) -> RunMeasures:
    """Of the network, event by event, with ``factor`` times the neurons."""
    duration = round((TRANSIENT + seconds) / BIN) * BIN
    return measure(run_network("kicks", kicks(regime).scaled(factor), duration, seed, BIN).after(TRANSIENT))


def first_step(lengths: Lengths, seed: int) -> None:
    """What is assumed."""
    model = kicks("synchronous")
    print("1  From 400 neurons to differential equations\n")
    say(f"""Each neuron has a whole potential from -66 to 99 mV. A spike leaves one pending kick at every neuron of a
        population with probability P (here {model.probabilities[0, 0]:g} from E to E, {model.probabilities[0, 1]:g}
        from I to E), drawn anew at each spike; a pending kick arrives after an exponential time. Assume that, given
        the spikes so far, the kicks of a neuron are a Poisson stream that shares nothing with those of its
        neighbours. Then only the distribution of potentials and the mean numbers of pending kicks are left:
        {KickEquations(model).size} equations instead of the state of {int(model.sizes.sum())} neurons.""")
    say("""Two things are lost. (a) Neighbours do share the spikes: with few neurons the activity of the whole
        population fluctuates, and the equations replace it by its mean. (b) A spike gives a neuron one kick or none,
        never two: the number is binomial, not Poisson, with 1 - P of the variance. Both vanish for many neurons N with
        small P at fixed N P, where the equations become exact.""")
    found = {
        "network": network("synchronous", lengths.network, seed, 1),
        "equations": equations("synchronous", lengths.equations),
    }
    rows = [
        (name, rate(one), rate(one, "I"), index(one), peak(one), f"{one.volleys.sizes.mean():.2f}")
        for name, one in found.items()
    ]
    table(("synchronous regime", "E (Hz)", "I (Hz)", "synchrony", "peak (Hz)", "spikes per E neuron and volley"), rows)
    say(f"""At 400 neurons the equations miss the rate of E by {deviation(found["equations"], found["network"])}.
        Synchrony is the part of the E neurons that fire within 1 ms around a spike of one of them, itself
        included: 1/300 in this network.""")


def second_step(lengths: Lengths, seed: int) -> None:
    """Where the limit is."""
    print("2  More neurons, fewer connections\n")
    rows, theory = [], equations("synchronous", lengths.equations)
    for factor in (1, 4, 9):
        larger = kicks("synchronous").scaled(factor)
        found = network("synchronous", lengths.network / factor**0.5, seed, factor)
        rows.append((f"{int(larger.sizes.sum())}", f"{larger.probabilities[0, 1]:.3f}", rate(found), index(found),
                     deviation(theory, found)))  # fmt: skip
    rows.append(("equations", "", rate(theory), index(theory), ""))
    table(("neurons", "P (I to E)", "E (Hz)", "synchrony", "error of the equations"), rows)
    say("""The equations are the same in all rows: they know N P alone. The network comes to them as N grows.""")


def third_step(lengths: Lengths, seed: int) -> None:
    """Binomial or Poisson."""
    print("3  Binomial or Poisson kicks\n")
    model = kicks("synchronous")
    run = simulate_network(model, TRANSIENT + lengths.network, seed, bin=BIN, spike_times=True)
    p, tau = model.probabilities[0, 1], model.decay_times[0, 1]
    rows = []
    for window in WINDOWS:
        found, error = kick_dispersion(run.spikes[0], model, window, seed)
        expected = 1 - p * (1 - tau / window * -np.expm1(-window / tau))
        rows.append((f"{1000 * window:g}", f"{found:.3f} +- {error:.3f}", f"{expected:.3f}", "1"))
    table(("window (ms)", "variance/mean", "1 - P (1 - tau/T (1 - exp(-T/tau)))", "Poisson"), rows)
    say(f"""The kicks that I neurons send to E neurons (P = {p:g}, tau = {1000 * tau:g} ms), given the spikes of this
        very run: targets and delays are drawn anew for every neuron, the arrivals in a window of length T are
        counted, and variance and mean are taken across neurons. In short windows the kicks are nearly
        as random as Poisson's; over long ones they are not, because no spike can give a neuron two kicks. The third
        column is the same for a constant rate of spikes.""")


def kick_dispersion(spikes: SpikeTrains, model: MarkovNetwork, window: float, seed: int) -> tuple[float, float]:
    """Variance over mean, across E neurons, of the kicks from I that arrive in a window (s), given the spikes of I.

    Mean and standard error over windows, sums of variances over sums of means in ten groups of them.
    """
    random = np.random.default_rng(seed)
    times = spikes.times[spikes.neurons >= model.sizes[0]]
    windows = int((times[-1] - TRANSIENT) / window) // 10 * 10
    edges = TRANSIENT + window * np.arange(windows + 1)
    p, tau, neurons = model.probabilities[0, 1], model.decay_times[0, 1], 200
    counts = np.empty((neurons, windows))
    for one in counts:
        arrivals = times[random.random(len(times)) < p]
        one[:], _ = np.histogram(arrivals + random.exponential(tau, len(arrivals)), edges)
    variances, means = (values.reshape(10, -1).sum(axis=1) for values in (counts.var(axis=0, ddof=1), counts.mean(0)))
    ratios = variances / means
    return float(variances.sum() / means.sum()), float(ratios.std(ddof=1) / np.sqrt(10))


def fourth_step(lengths: Lengths, seed: int) -> None:
    """Which of the two losses matters."""
    print("4  Which loss matters\n")
    say("""Between network and equations stands a model of whole numbers of neurons at each potential: it has the
        fluctuations of the population, loss (a), but its kicks are Poisson, loss (b).""")
    rows = []
    for regime in REGIMES:
        model = kicks(regime)
        truth, theory = network(regime, lengths.network, seed, 1), equations(regime, lengths.equations)
        counts = simulate_counts(model, TRANSIENT + lengths.network, seed, bin=BIN)
        whole = measure(counts.after(TRANSIENT))
        linear = f"{100 * (linear_rates(model)[0] / truth.rates['E'] - 1):+.0f} %"
        rows.append((regime, rate(truth), deviation(whole, truth), deviation(theory, truth), linear,
                     index(truth), index(whole), index(theory)))  # fmt: skip
    titles = ("400 neurons", "E (Hz)", "whole numbers", "equations", "linear", "synchrony", "whole", "equations")
    table(titles, rows)
    say("""Columns 3 to 5 are errors of the rate of E; 'linear' is the linear mean field, which has no noise at all.
        Where whole numbers are nearer to the network than the equations, it was the population's fluctuations that
        were missing; what whole numbers still get wrong is due to the kicks, but for about 1 % from its steps of
        40 µs. Differences below two standard errors say nothing.""")


def fifth_step(lengths: Lengths, seed: int) -> None:
    """Model of conductances."""
    print("5  Conductances that decorrelate themselves\n")
    model, rows = network_of(find_circuit("conductance")), []
    seconds = TRANSIENT + lengths.conductance
    for p in (0.7, 0.8):
        probabilities = np.array(model.probabilities)
        probabilities[0, 1] = p
        changed = replace(model, probabilities=probabilities)
        for name, run in (
            ("network", run_network("conductance", changed, seconds, seed, STEP)),
            ("white noise", simulate_decorrelated_network(changed, seconds, seed, dt=STEP, bin=STEP)),
            ("equations", run_equations("conductance", changed, TRANSIENT + 1.0, STEP)),
        ):
            found = measure(run.after(TRANSIENT))
            period = "-" if found.period.volleys is None else str(found.period.volleys)
            rows.append((f"{p:g}", name, rate(found), rate(found, "I"), index(found), period))
    table(("p_EI", "", "E (Hz)", "I (Hz)", "synchrony", "period (volleys)"), rows)
    say("""Here kicks act for milliseconds, and the equations assume that a neuron sees white noise of its own instead.
        'white noise' is the network of 400 neurons under this assumption alone, so that two steps can be told apart:
        from the first row to the second neurons lose the memory of the kicks that they themselves have got; from the
        second to the third their number becomes infinite. Which of the two makes the volleys too synchronous?""")


def questions() -> None:
    """To go on."""
    print("To try\n")
    for question, command in QUESTIONS:
        print(f"- {question}\n    {command}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a quarter of the simulated time, larger errors")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    options = parser.parse_args()
    if options.seed < 0:
        parser.error("--seed must not be negative")
    lengths = SHORT if options.quick else LONG
    for step in (first_step, second_step, third_step, fourth_step, fifth_step):
        step(lengths, options.seed)
    questions()
    return 0


if __name__ == "__main__":
    sys.exit(main())
