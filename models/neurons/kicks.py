"""Neurons that collect kicks, with a refractory period of random length.

External kicks of 1 mV arrive as a Poisson process of rate ``kick_rate`` + ``mu_ext``/mV: a mean input of 0 leaves the
kicks of ``kick_rate``. ``integer_kicks`` stays on whole millivolts: what arrives in a step is rounded at random to one
of the two neighbouring numbers, with the right mean. In ``kick_conductance`` the external kicks are their diffusion,
of the same mean and variance. Both are meant for synapses of pending kicks, which reverse at -66 mV.

The threshold is tested at the end of each step. The refractory period, in which what arrives is lost, ends on average
tau_refractory - dt/2 later: as for a spike in the middle of its step, to second order in dt. What synapses deliver in a
step finds the membrane where it was at its beginning, and excitation and inhibition of one step cancel: of first order.
"""

from ssnbrian.circuit import NeuronModel, Parameter

_RESET = "v = reset\npause = dt - tau_refractory*log(1 - rand())"
_INITIAL = (("v", "reset + floor(rand()*(threshold - reset)/mV)*mV"), ("pause", "0*second"))
_PARAMETERS = (
    Parameter("kick_rate", "1/ms", "7 1/ms", "rate of the external kicks of 1 mV"),
    Parameter("threshold", "mV", "100 mV", "potential at which the neuron spikes"),
    Parameter("reset", "mV", "0 mV", "potential after the refractory period"),
)

INTEGER_KICKS = NeuronModel(
    name="integer_kicks",
    equations="""
dv/dt = jump/dt : volt (unless refractory)
kicks = poisson(clip(kick_rate + mu_ext/mV, 0*hertz, inf*hertz)*dt) : 1 (constant over dt)
jump = floor(kicks + mu_synaptic*dt/mV + rand())*mV : volt (constant over dt)
pause : second""",
    # A sum of whole millivolts, counted in volts, may be off by its rounding.
    threshold="v > threshold - 0.5*mV",
    reset=_RESET,
    refractory="pause",
    method="euler",
    parameters=(*_PARAMETERS, Parameter("tau_refractory", "ms", "2.5 ms", "mean of the exponential refractory period")),
    initial=_INITIAL,
    explanation="whole potentials moved by external and synaptic kicks, with a random refractory period",
    source="Li, Chariker, Young 2019; Cai et al. 2021",
)

KICK_CONDUCTANCE = NeuronModel(
    name="kick_conductance",
    equations="""
dv/dt = kicks*mV/dt + mu_synaptic - leak_rate*v : volt (unless refractory)
rate = clip(kick_rate + mu_ext/mV, 0*hertz, inf*hertz) : hertz
kicks = rate*dt + sqrt(rate*dt)*randn() : 1 (constant over dt)
pause : second""",
    threshold="v > threshold",
    reset=_RESET,
    refractory="pause",
    method="euler",
    parameters=(
        *_PARAMETERS,
        Parameter("tau_refractory", "ms", "4 ms", "mean of the exponential refractory period"),
        Parameter("leak_rate", "1/ms", "0 1/ms", "leak towards 0 mV: one over the membrane time constant"),
    ),
    initial=_INITIAL,
    explanation="real potentials moved by the diffusion of external kicks and by synaptic currents, with a random "
    "refractory period",
    source="Chang, Li, Wang, Tao, Xiao 2025",
)
