"""Six kinds of recurrent circuit in one network, built once for a device and run with many seeds.

    python device_circuits.py DEVICE FOLDER RESULT.npz FIRST_SEED REALISATIONS [NAME=FACTOR …]

Every run of the program has its own seed, read from the environment, and so its own random graph, initial state and
noise. Saved are one value per realisation of each statistic, under names such as ``a_E.rate``. Factors scale the
synaptic weights of a circuit (``all=1.03`` those of every one): they show what difference the comparison finds.
"""

import os
import sys

import brian2
import numpy as np
from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, defaultclock, ms, second

DURATION, SETTLING, WINDOW = 6.0, 0.5, 0.1
#: Populations: group and neurons.
POPULATIONS = {
    "a_E": ("a", slice(0, 550)),
    "a_I": ("a", slice(550, 1000)),
    "b": ("b", slice(0, 600)),
    "c": ("c", slice(0, 600)),
    "d_escape": ("d_escape", slice(0, 600)),
    "d_bridge": ("d_bridge", slice(0, 600)),
    "e": ("e", slice(0, 600)),
    "f": ("f", slice(0, 500)),
}
NOISE = "sigma*sqrt(2/tau)*xi"
DRIVEN = f"dv/dt = (mu - v)/tau + {NOISE} : 1"
BRIDGE = "v > 1 or ((1 - v_start)*(1 - v) < 20*s2*dt and rand() < exp(-2*(1 - v_start)*(1 - v)/(s2*dt)))"


def build(factors):
    """The network, its monitors by group, and the plastic synapses."""
    defaultclock.dt = 0.5 * ms
    parts, monitors = [], {}

    def neurons(name, size, model, threshold="v > 1", *, mu, sigma=0.25, tau=20 * ms, **options):
        namespace = {"tau": tau, "mu": mu, "sigma": sigma, "s2": 2 * sigma**2 / tau}
        options = {"reset": "v = 0", "method": "euler", "namespace": namespace, **options}
        group = NeuronGroup(size, model, threshold=threshold, name=f"group_{name}", **options)
        group.v = "rand()"
        monitors[name] = SpikeMonitor(group, name=f"spikes_{name}")
        parts.extend([group, monitors[name]])
        return group

    def synapses(name, before, after, on_pre, weight, model="", **options):
        factor = factors.get(name[0], factors.get("all", 1.0))
        made = Synapses(
            before, after, model, on_pre=on_pre, namespace={"J": weight * factor, "eta": 0.2},
            method="exact", name=f"synapses_{name}", **options,
        )  # fmt: skip
        parts.append(made)
        return made

    # (a) Delta synapses and white noise; excitation of every pair with a probability, inhibition with fixed in-degree.
    group = neurons("a", 1000, DRIVEN, mu=1.5)
    synapses("a_E", group[:550], group, "v_post += J", 0.007, delay=1 * ms).connect(p=0.3)
    synapses("a_I", group[550:], group, "v_post -= J", 0.1, delay=0.5 * ms).connect(
        i="k for k in sample(N_pre, size=40)"
    )
    # (b) Exponential synapses with one delay, fixed in-degree.
    group = neurons("b", 600, f"dv/dt = (mu - g - v)/tau + {NOISE} : 1\ndg/dt = -g/(5*ms) : 1", mu=1.8)
    synapses("b", group, group, "g_post += J", 0.32, delay=1.5 * ms).connect(i="k for k in sample(N_pre, size=60)")
    # (c) Distributed delays.
    group = neurons("c", 600, DRIVEN, mu=1.8)
    made = synapses("c", group, group, "v_post -= J", 0.08)
    made.connect(i="k for k in sample(N_pre, size=60)")
    made.delay = "0.5*ms + 5*ms*rand()"
    # (d) Refractory neurons: a stochastic threshold, and one that may be crossed between time steps.
    options = {"refractory": 4 * ms, "mu": 1.8}
    group = neurons(
        "d_escape", 600, f"{DRIVEN} (unless refractory)\nh = 0.2*exp((v - 1)/0.1)/ms : Hz",
        "rand() < 1 - exp(-h*dt)", sigma=0.15, **options,
    )  # fmt: skip
    synapses("d_escape", group, group, "v_post -= J", 0.04, delay=1 * ms).connect(p=0.2)
    group = neurons(
        "d_bridge", 600, f"{DRIVEN} (unless refractory)\nv_start = v : 1 (constant over dt)", BRIDGE, **options
    )
    synapses("d_bridge", group, group, "v_post -= J", 0.04, delay=1 * ms).connect(p=0.2)
    # (e) Conductances.
    group = neurons(
        "e", 600, f"dv/dt = (mu - v + g*(-0.5 - v))/tau + {NOISE} : 1\ndg/dt = -g/(5*ms) : 1", mu=1.8, sigma=0.3
    )
    synapses("e", group, group, "g_post += J", 0.25, delay=1 * ms).connect(i="k for k in sample(N_pre, size=60)")
    # (f) Plasticity: weights that depend on the times of spikes before and after, and stay between 0 and 1.
    group = neurons("f", 500, DRIVEN, mu=1.8)
    plastic = synapses(
        "f", group, group, "v_post -= J*w; before += 1; w -= eta*w*after", 0.16,
        """w : 1
           dbefore/dt = -before/(20*ms) : 1 (event-driven)
           dafter/dt = -after/(20*ms) : 1 (event-driven)""",
        on_post="after += 1; w += eta*(1 - w)*before", delay=1 * ms,
    )  # fmt: skip
    plastic.connect(i="k for k in sample(N_pre, size=60)")
    plastic.w = "rand()"
    return Network(*parts), monitors, plastic


def single_neuron_statistics(who, times, neurons):
    """Population rate in Hz, mean Fano factor of counts and mean coefficient of variation of intervals."""
    size, span = neurons.stop - neurons.start, DURATION - SETTLING
    used = (who >= neurons.start) & (who < neurons.stop) & (times >= SETTLING)
    who, times = who[used] - neurons.start, times[used]
    windows = round(span / WINDOW)
    window = np.minimum(((times - SETTLING) / WINDOW).astype(int), windows - 1)
    counts = np.bincount(who * windows + window, minlength=size * windows).reshape(size, windows)
    mean = counts.mean(axis=1)
    fano = (counts.var(axis=1, ddof=1)[mean > 0] / mean[mean > 0]).mean()
    order = np.lexsort((times, who))
    who, intervals = who[order], np.diff(times[order])
    same = who[1:] == who[:-1]
    owner, intervals = who[1:][same], intervals[same]
    number = np.bincount(owner, minlength=size)
    first = np.bincount(owner, intervals, size) / np.maximum(number, 1)
    second_moment = np.bincount(owner, intervals**2, size) / np.maximum(number, 1)
    enough = number >= 5
    variation = (np.sqrt(np.maximum(second_moment - first**2, 0))[enough] / first[enough]).mean()
    return {"rate": len(times) / (size * span), "fano": fano, "cv": variation}


def main(device, folder, result, first_seed, realisations, *factors):
    """Build, run every realisation, save the statistics."""
    brian2.prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2"]
    brian2.set_device(device, build_on_run=False)
    seeded = 'brian::_random_generators[0].seed(std::strtoul(std::getenv("CIRCUITS_SEED"), nullptr, 10));'
    brian2.device.insert_code("after_start", seeded)
    network, monitors, plastic = build({name: float(value) for name, value in (one.split("=") for one in factors)})
    network.run(DURATION * second)
    brian2.device.build(directory=folder, compile=True, run=False)
    values = {}
    for seed in range(int(first_seed), int(first_seed) + int(realisations)):
        os.environ["CIRCUITS_SEED"] = str(seed)
        brian2.device.run(results_directory=f"results_{seed}", with_output=False)
        for name, (group, neurons) in POPULATIONS.items():
            who, times = np.asarray(monitors[group].i), np.asarray(monitors[group].t / second)
            for statistic, value in single_neuron_statistics(who, times, neurons).items():
                values.setdefault(f"{name}.{statistic}", []).append(value)
        values.setdefault("f.weight", []).append(float(np.mean(plastic.w[:])))
    report = [f"{c.name}: {c.path} ({c.reason})" for c in brian2.device.report()] if device.startswith("ssn") else []
    np.savez(result, report=np.asarray(report, dtype=str), **values)


if __name__ == "__main__":
    import ssnbrian  # noqa: F401  (makes the device known)

    main(*sys.argv[1:])
