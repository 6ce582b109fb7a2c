"""One network without random numbers, built of the cases that synapses can be; run on a device, results to an npz.

    python device_networks.py DEVICE FOLDER RESULT.npz [FLAG …]

On Brian2's runtime device (numpy) it is the reference for any standalone device: same spikes, same states.
"""

import sys

import brian2
import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    defaultclock,
    ms,
)


def build():
    """The network and its monitors by name."""
    random = np.random.default_rng(3)
    defaultclock.dt = 0.1 * ms
    size = 150
    times = np.sort(random.integers(0, 300, 2000))
    who = random.integers(0, size, 2000)
    times, who = np.unique(np.stack([times, who]), axis=1)
    source = SpikeGeneratorGroup(size, who, times * 0.1 * ms, name="source")
    target = NeuronGroup(
        size,
        """dv/dt = -v/(5*ms) : 1 (unless refractory)
           dg/dt = -g/(3*ms) : 1
           x : 1
           y : 1
           z : 1
           total : 1""",
        threshold="v > 4",
        reset="v = 0",
        refractory=0.3 * ms,
        method="exact",
        name="target",
    )
    made = {}

    def connected(name, model, density=0.1, before=source, after=target, **options):
        made[name] = Synapses(before, after, model, name=name, **options)
        made[name].connect(condition=f"(7*i + 13*j + i*j) % 1000 < {1000 * density:.0f}")
        return made[name]

    # Additive: refractory target, one delay, none, values per synapse, many delays, two effects, sparse.
    connected("shared", "w : 1 (shared)", 0.3, on_pre="v += w").w = 0.11
    connected("delayed", "", 0.02, on_pre="g += 0.25", delay=1.3 * ms)
    many = connected("many", "", 0.2, on_pre="x += 2; y -= 0.5")
    many.delay = "(0.03 + 0.1*((7*i + 3*j) % 23))*ms"
    # Not additive.
    connected("weighted", "w : 1", 0.1, on_pre="y += w").w = "0.01*i + 0.003*j"
    saturating = connected("saturating", "", 0.1, on_pre="z = 0.9*z + 0.1")
    saturating.delay = "((i + 2*j) % 20)*0.1*ms"
    connected(
        "plastic",
        """w : 1
           da/dt = -a/(4*ms) : 1 (event-driven)
           db/dt = -b/(6*ms) : 1 (event-driven)""",
        0.1,
        on_pre="total_post += w; a += 0.1; w = clip(w - 0.02*b, 0, 1)",
        on_post="b += 0.1; w = clip(w + 0.03*a, 0, 1)",
    ).w = 0.5
    # Subgroups, two pathways of one object, made in two steps, every neuron with every other.
    connected("parts", "", 0.4, before=target[20:90], after=target[60:], on_pre="x += 0.001")
    connected("twice", "", 0.1, on_pre={"up": "v += 0.01", "late": "g += 0.02"}, delay={"late": 0.7 * ms})
    given = made["given"] = Synapses(source, target, on_pre="y -= 0.02", name="given")
    given.connect(i=random.integers(0, size, 400), j=random.integers(0, size, 400))
    double = made["double"] = Synapses(source, target, on_pre="x += 0.5", name="double")
    double.connect(condition="(i + 2*j) % 11 == 0", n=2)
    steps = Synapses(target, target, on_pre="y += 1e-3", name="steps")
    steps.connect(condition="i != j and (i + j) % 3 == 0")
    steps.connect(j="k for k in range(i - 3, i + 3) if i != k", skip_if_invalid=True)
    whole = Synapses(target, target, on_pre="g += 1e-3", name="whole", delay=0.2 * ms)
    whole.connect(condition="i != j")
    back = Synapses(target, target, on_post="z_pre += 0.01", name="back")
    back.connect(j="(i + 1) % N_post")
    spikes = SpikeMonitor(target, name="spikes")
    states = StateMonitor(target, ["v", "g", "x", "y", "z", "total"], record=True, name="states")
    extra = [steps, whole, back, spikes, states]
    return Network(source, target, *made.values(), *extra), spikes, states, made


def main(device, folder, result, *flags):
    """Run and save; flags for the compiler replace Brian2's."""
    if flags:
        brian2.prefs.codegen.cpp.extra_compile_args_gcc = list(flags)
    if device == "runtime":
        brian2.prefs.codegen.target = "numpy"
    else:
        brian2.set_device(device, build_on_run=False)
    network, spikes, states, made = build()
    network.run(20 * ms, namespace={})
    # What is on its way when a run ends arrives in the next one, at the time it was due.
    made["many"].delay = "(0.12 + 0.1*((3*i + 7*j) % 9))*ms"
    made["delayed"].delay = 0.9 * ms
    network.run(15 * ms, namespace={})
    if device != "runtime":
        brian2.device.build(directory=folder, compile=True, run=True)
    recorded = {name: np.asarray(getattr(states, name)) for name in ("v", "g", "x", "y", "z", "total")}
    made_pairs = {f"i_{name}": np.asarray(one.i[:]) for name, one in made.items()}
    report = [str(choice) for choice in brian2.device.report()] if device.startswith("ssn") else []
    np.savez(
        result,
        spike_times=np.asarray(spikes.t / ms),
        spike_neurons=np.asarray(spikes.i),
        weights=np.asarray(made["plastic"].w[:]),
        report=np.asarray(report, dtype=str),
        **recorded,
        **made_pairs,
    )


if __name__ == "__main__":
    import ssnbrian  # noqa: F401  (makes the device known)

    main(*sys.argv[1:])
