"""The few small structures that the tests compile; everything else about them is changed from run to run."""

from brian2 import mV
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.synapses.current import DELTA, EXPONENTIAL

from ssnbrian.circuit import Circuit, FixedInDegree, Population, Projection

SIZES = {"E": 30, "I": 20}
IN_DEGREES = {"EE": 10, "IE": 15, "EI": 5}
RECORDED = {
    "E.v": range(30),
    "I.v": range(20),
    "E.mu_ext": [0],
    "I.mu_ext": [0],
    "I.mu_filtered_from_E": range(20),
}


def observed(weights=None, filtered=None, **parameters):
    """30 E and 20 I neurons, recorded in full: E->E and I->E delta, E->I exponential with delays.

    ``weights`` has the target first; ``filtered`` are the parameters of E->I, ``parameters`` those of all neurons.
    """
    weights = {"EE": 0 * mV, "IE": 0 * mV, "EI": 0 * mV} | (weights or {})
    populations = (
        Population("E", SIZES["E"], LIF, "excitatory", parameters),
        Population("I", SIZES["I"], LIF, "inhibitory", parameters),
    )
    projections = tuple(
        Projection(
            source=pair[1],
            target=pair[0],
            weight=weight,
            rule=FixedInDegree(IN_DEGREES[pair]),
            synapse=EXPONENTIAL if pair == "IE" else DELTA,
            parameters=(filtered or {}) if pair == "IE" else {},
        )
        for pair, weight in weights.items()
    )
    return Circuit("observed", populations, projections)


def irregular(coupling="0.02 mV", sigma="3 mV/sqrt(s)"):
    """150 excitatory neurons with white noise and few weak recurrent synapses, threshold with the bridge."""
    population = Population("E", 150, LIF, "excitatory", {"sigma": sigma})
    return Circuit("irregular", (population,), (Projection("E", "E", coupling, FixedInDegree(10), DELTA),))
