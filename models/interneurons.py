"""Excitatory neurons with three classes of interneurons: PV, SOM and VIP."""

from __future__ import annotations

from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import Circuit, FixedInDegree, Population, Projection, Ramp, Value

MOTIF = "connection motif: Pfeffer et al. (2013) Nat Neurosci 16; the numbers are illustrative, from no data"
SIZES = {"E": 3200, "PV": 360, "SOM": 240, "VIP": 200}
TAUS = {"E": "20 ms", "PV": "10 ms", "SOM": "20 ms", "VIP": "18 ms"}
# (target, source) -> (J in mV, in-degree)
CONNECTIONS = {
    ("E", "E"): (6.0, 192),
    ("E", "PV"): (3.5, 144),
    ("E", "SOM"): (3.0, 96),
    ("PV", "E"): (22.0, 320),
    ("PV", "PV"): (3.0, 144),
    ("PV", "SOM"): (3.0, 96),
    ("SOM", "E"): (4.0, 192),
    ("SOM", "VIP"): (3.0, 80),
    ("VIP", "E"): (5.0, 192),
    ("VIP", "SOM"): (1.5, 96),
}


def interneurons() -> Circuit:
    """E, PV, SOM and VIP: inhibition-stabilised at mu_ext = 10 mV/s, where more input to VIP disinhibits E.

    PV inhibits E and PV; SOM inhibits E, PV and VIP but not itself; VIP inhibits SOM; E excites all. The motif is
    published (see ``MOTIF``), the weights, in-degrees and sizes are illustrative. The ratio scales the external input
    of all three inhibitory populations; a mapping of drives gives each its own.
    """
    populations = tuple(
        Population(name, size, LIF, "excitatory" if name == "E" else "inhibitory", {"tau": TAUS[name]})
        for name, size in SIZES.items()
    )
    dimension = populations[0].parameters["threshold"].dimension
    projections = tuple(
        Projection(source, target, Value(total / in_degree / 1000, dimension), FixedInDegree(in_degree), DELTA)
        for (target, source), (total, in_degree) in CONNECTIONS.items()
    )
    text = "E, PV, SOM and VIP: inhibition-stabilised, disinhibited through VIP; weights illustrative, from no data"
    return Circuit("interneurons", populations, projections, Ramp(0, 20, duration=20), 1.0, text, MOTIF)
