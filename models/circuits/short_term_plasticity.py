"""E-I pairs with short-term plasticity, after the effects in the literature; sizes and weights are illustrative."""

from __future__ import annotations

from ssnbrian.models.circuits.pair import ILLUSTRATIVE, lif_populations, pair
from ssnbrian.models.plasticity.short_term import DEPRESSION, FACILITATION, TSODYKS_MARKRAM
from ssnbrian.models.synapses.current import DELTA, EXPONENTIAL

from ssnbrian.circuit import Circuit, Drive, PiecewiseLinear, Ramp

_DELTA = (DELTA, {})


def _steps(baseline: float, pulses: tuple[tuple[float, float, float], ...], duration: float) -> Drive:
    """A baseline (mV/s) with pulses (start in s, length in s, added mV/s), in their order and apart."""
    times, values = [0.0], [baseline]
    for start, length, added in pulses:
        times += [start, start, start + length, start + length]
        values += [baseline, baseline + added, baseline + added, baseline]
    return PiecewiseLinear([*times, duration], [*values, baseline])


def depression_ei() -> Circuit:
    """Strong recurrent excitation that depression holds: the excitatory rate levels off as the input grows.

    However high the rate, E->E brings at most J/tau_depression = 20 mV/s of mean input. At low input a spike of E is
    worth J U = 8 mV; with that weight held constant, the SSN has E fire several times as fast. The noise that the
    network makes itself, which the SSN leaves out, counts for the inhibitory rate.
    """
    return pair(
        "depression_ei",
        lif_populations(2000, 500),
        {"EE": 16.0, "EI": 10.0, "IE": 7.0, "II": 5.0},
        {"E": 200, "I": 100},
        {"EE": (EXPONENTIAL + DEPRESSION, {}), "EI": _DELTA, "IE": _DELTA, "II": _DELTA},
        Ramp(0, 30, duration=30),
        1.0,
        "depressing E->E: recurrent excitation is bounded, and the excitatory rate levels off",
        f"effect: Tsodyks, Markram 1997, Proc Natl Acad Sci USA 94; {ILLUSTRATIVE}",
    )


def facilitating_memory_ei() -> Circuit:
    """Working memory: a cue from 3 to 5 s lifts the network into an active state, which facilitation sustains.

    At mu_ext = 4 mV/s there are two stable states. In the lower one E->E transmits little more than J U; in the upper
    one its own rate keeps the synapses facilitated, and inhibition, which is needed for its stability, keeps it low.
    The active state of the simulation lies below that of the theories, the more so the smaller the network.
    """
    slow = {"U": "0.2", "tau_facilitation": "1500 ms", "tau_synapse": "20 ms", "delay_high": "50 ms"}
    return pair(
        "facilitating_memory_ei",
        lif_populations(4000, 1000),
        {"EE": 7.0, "EI": 16.0, "IE": 5.1, "II": 6.0},
        {"E": 400, "I": 200},
        {"EE": (EXPONENTIAL + FACILITATION, slow), "EI": _DELTA, "IE": _DELTA, "II": _DELTA},
        _steps(4.0, ((3.0, 2.0, 15.0),), 15.0),
        0.5,
        "facilitating E->E: two stable states, the active one outlasts a cue",
        f"effect: Mongillo, Barak, Tsodyks 2008, Science 319; {ILLUSTRATIVE}",
    )


def dynamic_microcircuit() -> Circuit:
    """Memory in the synapses: a weak probe reactivates what a cue had stored, after activity has been silenced.

    E->E facilitates and depresses (u R), E->I depresses. The drive: a probe at 1 s that has no lasting effect, a cue
    from 3 to 5 s, silence until 5.4 s, in which no activity but u remains, and the same probe at 5.6 s, which now
    brings the active state back. Look at it in bins narrower than a second (``compare --bin 0.2``). The theories there
    are those of steady states, which do not know that a probe is too short to facilitate the synapses.
    """
    return pair(
        "dynamic_microcircuit",
        lif_populations(2000, 500),
        {"EE": 10.0, "EI": 14.0, "IE": 26.0, "II": 8.0},
        {"E": 400, "I": 200},
        {
            "EE": (
                EXPONENTIAL + TSODYKS_MARKRAM,
                {
                    "U": "0.2",
                    "tau_facilitation": "1500 ms",
                    "tau_depression": "50 ms",
                    "tau_synapse": "20 ms",
                    "delay_high": "50 ms",
                },
            ),
            "IE": (DELTA + DEPRESSION, {"U": "0.3", "tau_depression": "100 ms"}),
            "EI": _DELTA,
            "II": _DELTA,
        },
        _steps(2.0, ((1.0, 0.3, 25.0), (3.0, 2.0, 20.0), (5.0, 0.4, -40.0), (5.6, 0.3, 25.0)), 12.0),
        0.5,
        "microcircuit with dynamic synapses: a weak probe reactivates a cued memory after silence",
        f"effect: Mongillo, Barak, Tsodyks 2008, Science 319; {ILLUSTRATIVE}",
    )
