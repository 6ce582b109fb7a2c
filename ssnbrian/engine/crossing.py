"""Threshold crossing between the points of the time grid (the Brownian bridge).

A threshold tested only on the grid misses the paths that cross and return within a step; the rate is too low by
O(sqrt(dt)). Between V_k (after the kicks of step k, before the update) and V_{k+1} the path is a Brownian bridge to
leading order, and has touched the threshold with probability exp(-2 (Th - V_k)(Th - V_{k+1})/(sigma^2 dt)). After a
crossing the path goes on from the reset: V <- V_R + (V_{k+1} - max(V_k, Th)). (Giraudo & Sacerdote 1999.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ssnbrian.circuit import NeuronModel

# exp(-40) is below the resolution of a uniform number; most neurons need neither the exponential nor the draw.
_NEGLIGIBLE_EXPONENT = 40


@dataclass(frozen=True)
class Crossing:
    """Brian2 text that decides on spikes: extra equations, threshold, reset and refractory period."""

    equations: str
    threshold: str
    reset: str
    refractory: str | None


def bridge_refusal(model: NeuronModel) -> str | None:
    """Why the bridge is not valid for a model, or None when it is.

    It needs a linear membrane with additive white noise, a constant threshold and a reset to a constant.
    """
    names = {parameter.name for parameter in model.parameters}
    membrane = re.escape(model.membrane)
    if model.noise is None:
        return "it has no white noise"
    if model.method != "exact":
        return "its membrane equation is not integrated exactly"
    match = re.fullmatch(rf"\s*{membrane}\s*>=?\s*(\w+)\s*", model.threshold)
    if match is None or match.group(1) not in names:
        return "its threshold is not a constant parameter"
    first, _ = _split_reset(model)
    match = re.fullmatch(rf"\s*{membrane}\s*=\s*(\w+)\s*", first)
    if match is None or match.group(1) not in names:
        return "its reset does not set the membrane to a constant parameter"
    return None


def _split_reset(model: NeuronModel) -> tuple[str, list[str]]:
    """The one statement that sets the membrane, and the others; no statement is the one if several touch it."""
    statements = [one.strip() for one in re.split(r"[;\n]", model.reset) if one.strip()]
    touching = [one for one in statements if re.match(rf"{re.escape(model.membrane)}\b\s*[-+*/]?=", one)]
    if len(touching) != 1 or touching[0] != statements[0]:
        return "", statements
    if any(re.search(rf"\b{re.escape(model.membrane)}\b", one) for one in statements[1:]):
        return "", statements
    return touching[0], statements[1:]


def grid_crossing(model: NeuronModel) -> Crossing:
    """Threshold and reset as the model states them, tested at the points of the time grid only."""
    return Crossing("", model.threshold, model.reset, model.refractory)


def bridge_crossing(model: NeuronModel) -> Crossing:
    """The model's threshold with the Brownian-bridge test and the rest of the path carried over the reset.

    The rest of the step is carried over, so that of n blocked steps counted from the one with the crossing n - 1 are
    lost: the refractory period, rounded to whole steps.
    """
    v, start = model.membrane, f"{model.membrane}_start"
    threshold = re.split(">=?", model.threshold)[1].strip()
    first, others = _split_reset(model)
    reset = first.split("=")[1].strip()
    distances = f"({threshold} - {start})*({threshold} - {v})"
    variance = f"({model.noise}**2*dt)"
    return Crossing(
        equations=f"{start} = {v} : volt (constant over dt)",
        threshold=(
            f"{v} > {threshold} or ({distances} < {_NEGLIGIBLE_EXPONENT / 2:g}*{variance} and "
            f"rand() < exp(-2*{distances}/{variance}))"
        ),
        reset="\n".join([f"{v} = {reset} + {v} - clip({start}, {threshold}, inf*volt)", *others]),
        refractory=None if model.refractory is None else f"(floor({model.refractory}/dt + 0.5) + 1)*dt",
    )
