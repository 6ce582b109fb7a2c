"""Synapses that leave pending kicks: every spike one, which ends after an exponential time of its own.

``pending`` counts the kicks of one projection at each target; poisson(pending dt/tau_synapse) of them, but no more than
there are, end in a step. With ``pending_kicks`` the membrane jumps when a kick ends; with ``pending_conductance`` every
kick is a current weight/tau_synapse as long as it is pending. ``weight`` is what a kick moves the membrane in total (on
average, for the current); inhibitory ones move it by weight (v - reversal)/(reference - reversal), so by the weight
while the membrane is at the reference potential. Among many pending kicks the mean time to the end is tau_synapse at
any time step; one that is alone lasts dt/2 longer. A spike leaves a whole kick, so there is no plasticity.
"""

from ssnbrian.circuit import Parameter, SynapseModel

_PENDING = """
dpending/dt = -ended/dt : 1
ended = clip(poisson(pending*dt/tau_synapse), 0, pending) : 1 (constant over dt)
"""
_ON_PRE = "pending_post += 1"
_DISTANCE = "(v - reversal)/(reference - reversal)"
_POTENTIALS = (
    Parameter("reversal", "mV", "-66 mV", "reversal potential"),
    Parameter("reference", "mV", "100 mV", "potential at which the weight is what a kick moves the membrane"),
)
_KICKS = "Li, Chariker, Young 2019; Cai et al. 2021"
_CONDUCTANCE = "Chang, Li, Wang, Tao, Xiao 2025"


def _tau(default: str) -> Parameter:
    return Parameter("tau_synapse", "ms", default, "mean time for which a kick is pending")


PENDING_KICKS = SynapseModel(
    name="pending_kicks",
    target_equations=f"{_PENDING}mu_kicks = ended*weight/dt : volt/second",
    current="mu_kicks",
    on_pre=_ON_PRE,
    parameters=(_tau("4 ms"),),
    explanation="a kick of the weight after an exponential time",
    source=_KICKS,
)

PENDING_KICKS_INHIBITORY = SynapseModel(
    name="pending_kicks_inhibitory",
    target_equations=f"{_PENDING}mu_kicks = ended*weight*{_DISTANCE}/dt : volt/second",
    current="mu_kicks",
    on_pre=_ON_PRE,
    parameters=(_tau("4.5 ms"), *_POTENTIALS),
    explanation="a kick towards the reversal potential after an exponential time",
    source=_KICKS,
)

PENDING_CONDUCTANCE = SynapseModel(
    name="pending_conductance",
    target_equations=f"{_PENDING}mu_kicks = pending*weight/tau_synapse : volt/second",
    current="mu_kicks",
    on_pre=_ON_PRE,
    parameters=(_tau("1.4 ms"),),
    explanation="a constant current that ends after an exponential time",
    source=_CONDUCTANCE,
)

PENDING_CONDUCTANCE_INHIBITORY = SynapseModel(
    name="pending_conductance_inhibitory",
    target_equations=f"{_PENDING}mu_kicks = pending*weight*{_DISTANCE}/tau_synapse : volt/second",
    current="mu_kicks",
    on_pre=_ON_PRE,
    parameters=(_tau("4.5 ms"), *_POTENTIALS),
    explanation="a constant conductance towards the reversal potential that ends after an exponential time",
    source=_CONDUCTANCE,
)
