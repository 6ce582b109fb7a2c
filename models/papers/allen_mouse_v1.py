"""Connectivity of mouse primary visual cortex measured by the Allen Institute, as Ekelmans et al. 2023 use it.

Connections found among the pairs probed, mean postsynaptic potentials (PSPs), membrane time constants and distances
from rest to threshold. They are means only: nothing here says how much PSPs or membranes of single cells differ.
The paper's J (``ekelmans2023.WEIGHTS_MOUSE_V1``) come from PSPs with more digits than those given: computed from
``PSPS``, J agrees with them within the rounding of the PSPs, computed from ``WEIGHTS`` in every digit. Names are
``source->target``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

SOURCE = (
    "Allen Institute for Brain Science, synaptic physiology of mouse primary visual cortex, as used by Ekelmans, "
    "Kraynyukova, Tchumatchenko 2023"
)


class Cells(NamedTuple):
    """One population: number of neurons in the model, membrane time constant, distance from rest to threshold."""

    kind: str
    size: int
    tau_membrane: str
    threshold_minus_rest: str


class PSP(NamedTuple):
    """Mean postsynaptic potential: signed peak, time to the peak, decay time constant."""

    peak: str
    rise_time: str
    decay_time: str


POPULATIONS: Mapping[str, Cells] = MappingProxyType(
    {
        "E": Cells("excitatory", 3000, "20.066 ms", "39.31 mV"),
        "I": Cells("inhibitory", 1000, "11.322 ms", "37.66 mV"),
    }
)
#: Pairs that were connected, pairs that were probed.
COUNTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"E->E": (5, 80), "E->I": (44, 160), "I->E": (29, 150), "I->I": (64, 607)}
)
PSPS: Mapping[str, PSP] = MappingProxyType(
    {
        "E->E": PSP("0.102 mV", "3.811 ms", "25.83 ms"),
        "E->I": PSP("0.465 mV", "3.446 ms", "24.59 ms"),
        "I->E": PSP("-0.362 mV", "6.639 ms", "145.16 ms"),
        "I->I": PSP("-0.530 mV", "5.767 ms", "87.52 ms"),
    }
)
#: Weight of one synapse in units of the distance from rest to threshold.
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"E->E": 0.0035865, "E->I": 0.0286966, "I->E": 0.0681373, "I->I": 0.1123526}
)

_HEAD = """\
# Measured connectivity. Projections are named "source->target".
# A measured value may have its spread: KEY_standard_error, or KEY_standard_deviation with KEY_count (3 or more),
# e.g. psp_peak_standard_deviation = "0.06 mV" and psp_peak_count = 5. Without it the value is taken as exact.
"""


def _population_lines() -> list[str]:
    lines = []
    for name, cells in POPULATIONS.items():
        lines += [f"\n[populations.{name}]", f'kind = "{cells.kind}"', f"size = {cells.size}"]
        lines += [f'tau_membrane = "{cells.tau_membrane}"', f'threshold_minus_rest = "{cells.threshold_minus_rest}"']
    return lines


def measurements() -> str:
    """The measurements as a connectivity file (TOML), with PSP peaks and kinetics."""
    lines = [_HEAD, 'name = "allen_mouse_v1"', f'source = "{SOURCE}"', *_population_lines()]
    for name, (connected, probed) in COUNTS.items():
        psp = PSPS[name]
        lines += [f'\n[projections."{name}"]', f"connected = {connected}", f"probed = {probed}"]
        lines += [f'psp_peak = "{psp.peak}"', f'rise_time = "{psp.rise_time}"', f'decay_time = "{psp.decay_time}"']
    return "\n".join(lines) + "\n"


def measurements_with_weights() -> str:
    """The same counts with the weights of single synapses as the paper gives them (TOML): its J to every digit."""
    lines = [_HEAD, 'name = "allen_mouse_v1_weights"', f'source = "{SOURCE}"', *_population_lines()]
    for name, (connected, probed) in COUNTS.items():
        lines += [f'\n[projections."{name}"]', f"connected = {connected}", f"probed = {probed}"]
        lines += [f"weight = {WEIGHTS[name]}  # of the distance from rest to threshold"]
    return "\n".join(lines) + "\n"
