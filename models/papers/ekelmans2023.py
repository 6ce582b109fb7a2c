"""The circuits of Ekelmans, Kraynyukova, Tchumatchenko 2023, PLoS Comput Biol 19(5).

Threshold-normalised mV: threshold 1 mV, reset 0 mV. Weights are J_XY/K_XY with X the target and Y the source, so
theory and simulation share the J of the paper's tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.synapses.current import DELTA, EXPONENTIAL

from ssnbrian.circuit import (
    Circuit,
    Constant,
    Drive,
    FixedInDegree,
    InputPopulation,
    InvalidInputError,
    Population,
    Projection,
    Ramp,
    Value,
)
from ssnbrian.circuit.drive import PiecewiseLinear

CITATION = (
    "Ekelmans P, Kraynyukova N, Tchumatchenko T (2023) Targeting operational regimes of interest in recurrent neural "
    "networks. PLoS Comput Biol 19(5)"
)
SIZES = {"E": 3000, "I": 1000}
PROBABILITIES = {"EE": 0.065, "EI": 0.2, "IE": 0.275, "II": 0.1}
PROBABILITIES_MOUSE_V1 = {"EE": 0.0625, "EI": 0.1933, "IE": 0.275, "II": 0.1054}
WEIGHTS_MOUSE_V1 = {"EE": 0.672, "EI": 13.173, "IE": 23.675, "II": 11.846}

# (sigma in mV/sqrt(s), tau in ms) -> (a in Hz/(mV/s)^n, b in mV/s, n), for threshold 1 mV and reset 0 mV.
PUBLISHED_POWER_LAWS: dict[tuple[float, float], tuple[float, float, float]] = {
    (3.0, 20.0): (1.0792e-4, -11.1425, 3.0814),
    (3.0, 10.0): (2.2099e-6, 4.7670, 3.8150),
    (3.0, 18.0): (7.8904e-5, -9.4929, 3.1357),
    (3.0, 22.0): (1.5997e-4, -12.121, 3.0053),
}

# Target first -> parameters of the exponential synapse; projections that are not named have delta synapses.
WITHIN_POPULATIONS: dict[str, dict[str, str]] = {"EE": {"delay_high": "100 ms"}, "II": {"delay_high": "100 ms"}}


def _all_exponential(tau_EE: str) -> dict[str, dict[str, str]]:
    """All four exponential: 50 ms but for E->E, which has its own decay time and delays of 0–150 ms."""
    others = {pair: {"tau_synapse": "50 ms"} for pair in ("EI", "IE", "II")}
    return {"EE": {"tau_synapse": tau_EE, "delay_high": "150 ms"}} | others


def _circuit(
    name: str,
    weights: dict[str, float],
    drive: Drive,
    description: str,
    ratio: float = 1.0,
    probabilities: dict[str, float] = PROBABILITIES,
    exponential: Mapping[str, Mapping[str, str]] | None = None,
    tau_E: Any = "20 ms",
) -> Circuit:
    """An E–I circuit with J in mV (target first); ``exponential``: parameters of the exponential synapses."""
    populations = (
        Population("E", SIZES["E"], LIF, "excitatory", {"tau": tau_E}),
        Population("I", SIZES["I"], LIF, "inhibitory", {"tau": "10 ms"}),
    )
    projections = []
    for pair, total in weights.items():
        target, source = pair
        rule = FixedInDegree.from_probability(probabilities[pair], SIZES[source])
        weight = Value(total / rule.in_degree / 1000, populations[0].parameters["threshold"].dimension)
        parameters = (exponential or {}).get(pair)
        synapse = DELTA if parameters is None else EXPONENTIAL
        projections.append(Projection(source, target, weight, rule, synapse, parameters or {}))
    return Circuit(name, populations, tuple(projections), drive, ratio, description, CITATION)


def supersaturating(factor: float = 1.0, slow_synapses: bool = False) -> Circuit:
    """Fig 2: the excitatory rate peaks and falls as the input grows; ``factor`` raises the peak (Fig 2B).

    ``factor`` scales J_EI by f, J_IE and the input ratio by 1/f, which keeps the inhibitory rate at the peak.
    ``slow_synapses`` makes all synapses exponential with decay times of 50 ms and E->E delays of 0–150 ms, as in
    the run for correlations (Fig 2C,D); all other delays are 0. J and so the steady states stay.
    """
    if not factor > 0:
        raise InvalidInputError(f"supersaturating: factor must be positive, got {factor}")
    weights = {"EE": 2.0, "EI": 12.0 * factor, "IE": 6.0 / factor, "II": 1.0}
    text = "supersaturation, Fig 2A" if factor == 1 else f"supersaturation with peak factor {factor:g}, Fig 2B"
    synapses = _all_exponential("50 ms") if slow_synapses else None
    if slow_synapses:
        text = f"{text}, with the slow synapses of Fig 2C,D"
    return _circuit("supersaturating", weights, Ramp(0, 50, duration=50), text, 1.0 / factor, exponential=synapses)


def xor_gate() -> Circuit:
    """Fig 2G: the network of Fig 2A driven by two Poisson input populations alone.

    Each of them brings J ν = 2.5 mV x its rate to E and I alike: with one at 10 Hz and one at 0 Hz the excitatory rate
    is near its peak, with none or both it is low.
    """
    network = supersaturating()
    inputs = tuple(InputPopulation(name, 2000, "5 Hz") for name in ("X1", "X2"))
    rule = FixedInDegree.from_probability(0.5, 2000)
    projections = tuple(
        Projection(one.name, target, "0.0025 mV", rule, DELTA) for one in inputs for target in ("E", "I")
    )
    return network.replace(
        name="xor_gate",
        projections=network.projections + projections,
        inputs=inputs,
        drive=Constant(0, duration=20),
        description="exclusive or of two inputs, Fig 2G",
    )


def mouse_v1(ratio: float = 1.0) -> Circuit:
    """Fig 3A: weights of mouse V1 from the Allen Institute."""
    return _circuit(
        "mouse_v1",
        WEIGHTS_MOUSE_V1,
        Ramp(0, 100, duration=50),
        "mouse V1, Fig 3A",
        ratio,
        PROBABILITIES_MOUSE_V1,
    )


def mouse_v1_isn() -> Circuit:
    """Fig 3B: mouse V1 with a stronger J_EE; inhibition-stabilised above some 1.5 Hz.

    The default drive is the first part of the protocol, with half the input to I; :func:`paradoxical_drives`
    gives the whole of it.
    """
    weights = {**WEIGHTS_MOUSE_V1, "EE": 4.75}
    text = "mouse V1 with more E->E, inhibition-stabilised, Fig 3B"
    return _circuit("mouse_v1_isn", weights, Ramp(0, 100, duration=50), text, 0.5, PROBABILITIES_MOUSE_V1)


def paradoxical_drives(part: float = 50.0) -> dict[str, Drive]:
    """Fig 3B: growing inputs, then only the input to I grows, from 50 to 100 mV/s; each ``part`` lasts 50 s."""
    times = [0, part, 2 * part]
    return {"E": PiecewiseLinear(times, [0, 100, 100]), "I": PiecewiseLinear(times, [0, 50, 100])}


def bistable(tau_E: Any = "20 ms", slow_synapses: bool = False) -> Circuit:
    """Fig 4: two stable states for the same input; E->E and I->I are exponential with delays of 0–100 ms.

    Parameters
    ----------
    tau_E : membrane time constant of the excitatory neurons (text or quantity): 18, 20 or 22 ms in Fig 4B.
    slow_synapses : all synapses exponential, E->E with a decay time of 250 ms and delays of 0–150 ms, the others with
        50 ms and no delay, as in S2 Fig. J and so the steady states stay.
    """
    weights = {"EE": 5.0, "EI": 10.0, "IE": 7.0, "II": 11.0}
    drive = PiecewiseLinear([0, 500, 1000], [0, 10, 0])
    synapses = _all_exponential("250 ms") if slow_synapses else WITHIN_POPULATIONS
    text = "bistability, Fig 4" + (", with the slow synapses of S2 Fig" if slow_synapses else "")
    return _circuit("bistable", weights, drive, text, exponential=synapses, tau_E=tau_E)


def negative_determinant() -> Circuit:
    """Fig 5B and 6EF: det J < 0, an even number of steady states, perhaps none."""
    weights = {"EE": 1.25, "EI": 1.0, "IE": 1.0, "II": 1.25}
    drive = Ramp(0, 50, duration=50)
    return _circuit("negative_determinant", weights, drive, "det J < 0, Fig 5B", 3.0, exponential=WITHIN_POPULATIONS)
