"""The benchmark circuits in plain Brian2, as an expert writes them; they know nothing of the device.

Weights are shared by a projection, spikes are counted and not recorded, connectivity is a fixed in-degree without
autapses. No circuit has Poisson input: the noise is white noise in the membrane, or the escape rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from brian2 import Hz, Network, NeuronGroup, PopulationRateMonitor, SpikeMonitor, Synapses, mV, nS, pA, pF, second
from circuits import PAIRS, Numbers, numbers

# The Brownian-bridge threshold and reset, as in ssnbrian/engine/crossing.py; exp(-40) is never reached by rand().
_DISTANCES = "(theta - v_start)*(theta - v)"
_VARIANCE = "(sigma**2*dt)"
BRIDGE_EQUATION = "v_start = v : volt (constant over dt)"
BRIDGE_THRESHOLD = f"v > theta or ({_DISTANCES} < 20*{_VARIANCE} and rand() < exp(-2*{_DISTANCES}/{_VARIANCE}))"
BRIDGE_RESET = "v = v_reset + v - clip(v_start, theta, inf*volt)"


@dataclass
class Built:
    """A network ready to run and, by population, its spike counters and rate monitors."""

    network: Network
    counters: dict[str, SpikeMonitor]
    rates: dict[str, PopulationRateMonitor]
    numbers: Numbers


def exact_step(inputs):
    """Method that gives the exact law of one step of the linear membrane driven by exponential ``inputs``."""

    def code(equations, variables=None, method_options=None):
        driven = "".join(f" + {x}*dt*exp(-dt/tau)*exprel((1/tau - 1/tau_s)*dt)" for x in inputs)
        noise = "sigma*sqrt(tau/2*(1 - exp(-2*dt/tau)))*randn()"
        lines = [f"v = v*exp(-dt/tau) + mu*tau*(1 - exp(-dt/tau)){driven} + {noise}"]
        return "\n".join(lines + [f"{x} = {x}*exp(-dt/tau_s)" for x in inputs])

    return code


def _lif(of, name):
    """LIF group with white noise: Euler's step and grid, or the exact step and the bridge."""
    inputs = [f"x_{y}" for y in "EI" if name + y in of.filtered]
    lines = [f"dv/dt = {' + '.join(['-v/tau + mu', *inputs])} + sigma*xi : volt"]
    lines += [f"d{x}/dt = -{x}/tau_s : volt/second" for x in inputs]
    lines += [BRIDGE_EQUATION] if of.bridge else []
    namespace = {
        "tau": of.tau[name] * second,
        "mu": of.mu[name] * mV / second,
        "sigma": of.sigma * mV / second**0.5,
        "theta": of.threshold * mV,
        "v_reset": of.reset * mV,
        "tau_s": of.tau_s * second,
    }
    return NeuronGroup(
        of.sizes[name],
        "\n".join(lines),
        threshold=BRIDGE_THRESHOLD if of.bridge else "v > theta",
        reset=BRIDGE_RESET if of.bridge else "v = v_reset",
        method=exact_step(inputs) if of.exact else "euler",
        namespace=namespace,
        name=f"neurons_{name}",
    )


def _escape(of, name):
    namespace = {
        "tau": of.tau[name] * second,
        "mu": of.mu[name] * mV / second,
        "theta": of.threshold * mV,
        "v_reset": of.reset * mV,
        "c": of.extra["rate"] * Hz,
        "width": of.extra["width"] * mV,
    }
    equations = """
    dv/dt = -v/tau + mu : volt
    hazard = c*exp((v - theta)/width) : Hz
    """
    threshold = "rand() < 1 - exp(-hazard*dt)"
    size, title = of.sizes[name], f"neurons_{name}"
    return NeuronGroup(
        size, equations, threshold=threshold, reset="v = v_reset", method="exact", namespace=namespace, name=title
    )


def _conductance(of, name):
    namespace = {
        "tau": of.tau[name] * second,
        "mu": of.mu[name] * mV / second,
        "sigma": of.sigma * mV / second**0.5,
        "theta": of.threshold * mV,
        "v_reset": of.reset * mV,
        "tau_E": of.extra["tau_e"] * second,
        "tau_I": of.extra["tau_i"] * second,
        "rest": of.extra["rest"] * mV,
        "E_e": of.extra["E_e"] * mV,
        "E_i": of.extra["E_i"] * mV,
    }
    equations = """
    dv/dt = (rest - v + x_E*(E_e - v) + x_I*(E_i - v))/tau + mu + sigma*xi : volt (unless refractory)
    dx_E/dt = -x_E/tau_E : 1
    dx_I/dt = -x_I/tau_I : 1
    """
    return NeuronGroup(
        of.sizes[name],
        equations,
        threshold="v > theta",
        reset="v = v_reset",
        refractory=of.extra["refractory"] * second,
        method="euler",
        namespace=namespace,
        name=f"neurons_{name}",
    )


_SYNAPTIC = """
dx_E/dt = -x_E/(5*ms) : siemens
dx_I/dt = -x_I/(10*ms) : siemens
synaptic = x_E*(0*mV - v) + x_I*(-80*mV - v) : amp
"""


def _adex(of, name):
    equations = (
        """
    dv/dt = (g_L*(E_L - v) + g_L*2*mV*exp((v + 50.4*mV)/(2*mV)) - adaptation + mu + synaptic)/C + sigma*xi/C : volt
    dadaptation/dt = (a*(v - E_L) - adaptation)/(144*ms) : amp
    """
        + _SYNAPTIC
    )
    namespace = {"C": 281 * pF, "g_L": 30 * nS, "E_L": -70.6 * mV, "a": 4 * nS, "b": 80.5 * pA}
    namespace |= {"mu": of.mu[name] * pA, "sigma": of.sigma * pA * second**0.5}
    reset = "v = E_L; adaptation += b"
    size, title = of.sizes[name], f"neurons_{name}"
    return NeuronGroup(
        size, equations, threshold="v > -40*mV", reset=reset, method="euler", namespace=namespace, name=title
    )


def _hodgkin_huxley(of, name):
    equations = (
        """
    noise = sigma*randn()/sqrt(dt) : amp (constant over dt)
    dv/dt = (g_L*(-60*mV - v) + g_Na*m**3*h*(50*mV - v) + g_K*n**4*(-90*mV - v) + mu + noise + synaptic)/C : volt
    dm/dt = 0.32/ms*4/exprel((13*mV - u)/(4*mV))*(1 - m) - 0.28/ms*5/exprel((u - 40*mV)/(5*mV))*m : 1
    dn/dt = 0.032/ms*5/exprel((15*mV - u)/(5*mV))*(1 - n) - 0.5/ms*exp((10*mV - u)/(40*mV))*n : 1
    dh/dt = 0.128/ms*exp((17*mV - u)/(18*mV))*(1 - h) - 4/ms/(1 + exp((40*mV - u)/(5*mV)))*h : 1
    u = v + 63*mV : volt
    """
        + _SYNAPTIC
    )
    namespace = {"C": 200 * pF, "g_L": 10 * nS, "g_Na": 20000 * nS, "g_K": 6000 * nS}
    namespace |= {"mu": of.mu[name] * pA, "sigma": of.sigma * pA * second**0.5}
    return NeuronGroup(
        of.sizes[name],
        equations,
        threshold="v > -20*mV",
        refractory="v > -20*mV",
        method="exponential_euler",
        namespace=namespace,
        name=f"neurons_{name}",
    )


_GROUPS = {"escape": _escape, "conductance": _conductance, "adex": _adex, "hodgkin_huxley": _hodgkin_huxley}


def _effect(of, pair):
    """``on_pre``, the weight with its unit, and its declaration."""
    x, size = f"x_{pair[1]}_post", of.weight(pair)
    if of.name == "conductance":
        return f"{x} += w", abs(size), "w : 1 (shared, constant)"
    if of.name in ("adex", "hodgkin_huxley"):
        return f"{x} += w", abs(size) * nS, "w : siemens (shared, constant)"
    if pair in of.filtered:
        return f"{x} += w", size / of.tau_s * mV / second, "w : volt/second (shared, constant)"
    return "v_post += w", size * mV, "w : volt (shared, constant)"


def build(name, n=4000, p=None, synapses=True, rates=False, replace=None):
    """A circuit of ``circuits.DESCRIPTIONS`` as Brian2 objects, in the current device.

    Parameters
    ----------
    name, n, p : circuit, neurons, connection probability (None: .1, or the published ones).
    synapses : False leaves the synapses out, for the memory that the neurons alone take.
    rates : also record the rate of each population step by step.
    replace : function of :class:`~circuits.Numbers` that returns the ones to use instead.

    Returns
    -------
    Built
    """
    of = numbers(name, n, p)
    of = replace(of) if replace else of
    groups = {x: _GROUPS.get(name, _lif)(of, x) for x in "EI" if of.sizes[x]}
    counters = {x: SpikeMonitor(group, record=False, name=f"counts_{x}") for x, group in groups.items()}
    monitors = {x: PopulationRateMonitor(group, name=f"rates_{x}") for x, group in groups.items()} if rates else {}
    objects = [*groups.values(), *counters.values(), *monitors.values()]
    for pair in PAIRS if synapses else ():
        target, source = pair
        on_pre, weight, declaration = _effect(of, pair)
        delay = of.delay * second if pair in of.filtered and of.delay and not of.spread_delay else None
        projection = Synapses(
            groups[source], groups[target], declaration, on_pre=on_pre, delay=delay, name=f"synapses_{pair}"
        )
        sample = f"sample(N_pre, size={of.in_degrees[pair]})"
        if source == target:
            sample = f"sample(N_pre - 1, size={of.in_degrees[pair]})"
            projection.connect(i=f"k + int(k >= j) for k in {sample}")
        else:
            projection.connect(i=f"k for k in {sample}")
        projection.w = weight
        if pair in of.filtered and of.spread_delay:
            projection.delay = f"rand()*{of.delay!r}*second"
        objects.append(projection)
    for group in groups.values():
        _initialise(of, group)
    return Built(Network(objects), counters, monitors, of)


def _initialise(of, group):
    if of.name == "hodgkin_huxley":
        group.v = "(-65 + 5*rand())*mV"
        group.h = 1
    elif of.name == "adex":
        group.v = "(-70 + 15*rand())*mV"
    else:
        group.v = f"({of.reset!r} + {of.threshold - of.reset!r}*rand())*mV"
