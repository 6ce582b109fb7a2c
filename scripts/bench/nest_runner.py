"""The circuits in NEST, with its own noise generator and neuron models, where a model is close enough.

As a program (the child) it reads a JSON specification from its only argument, simulates and prints JSON. The time
of the loop is that of the Run call, after Prepare.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time

from measuring import BenchError, run_child

_LIF = "exact step for noise held constant over a step; "
_GRID = _LIF + "threshold on the grid where the others have the bridge (rates lower); synapses one step late"
DIFFERENCES = {
    "delta": _LIF + "synapses one step late",
    "exponential": _LIF + "exact synaptic current",
    "escape": "hazard at the end of the step, a Poisson number of spikes; synapses one step late",
    "conductance": "adaptive Runge-Kutta, noise held constant over a step; synapses one step late",
    "supersaturating": _GRID,
    "mouse_v1": _GRID,
    "mouse_v1_isn": _GRID,
}


def run(name, n, p, duration, dt, threads, connected=True):
    """One run in a child process: the same entries as a Brian2 run, and bytes per synapse.

    Raises :class:`~measuring.BenchError` when NEST is missing or has no model for the circuit.
    """
    if name not in DIFFERENCES:
        raise BenchError("NEST has no neuron model close enough")
    specification = {"name": name, "n": n, "p": p, "duration": duration, "dt": dt, "threads": threads}
    command = [sys.executable, __file__, json.dumps(specification | {"connected": connected})]
    return json.loads(run_child(command).splitlines()[-1])


def model_of(of, x, dt):
    """NEST's model, its parameters and the standard deviation of the noise current, pA, for population ``x``."""
    capacitance = 200.0  # pF; a current of C/1000 (pA) changes the membrane by 1 mV/s
    scale = capacitance / 1000
    common = {
        "C_m": capacitance,
        "V_reset": of.reset,
        "I_e": of.mu[x] * scale,
    }
    noise = of.sigma / math.sqrt(dt) * scale
    if of.name == "conductance":
        extra = of.extra
        model = {
            "g_L": capacitance / (of.tau[x] * 1000),
            "E_L": extra["rest"],
            "E_ex": extra["E_e"],
            "E_in": extra["E_i"],
            "tau_syn_ex": extra["tau_e"] * 1000,
            "tau_syn_in": extra["tau_i"] * 1000,
            "t_ref": extra["refractory"] * 1000,
            "V_th": of.threshold,
        }
        return "iaf_cond_exp", common | model, noise
    common |= {"E_L": 0.0, "tau_m": of.tau[x] * 1000}
    if of.name == "escape":
        width = of.extra["width"]
        hazard = {"c_1": 0.0, "c_2": of.extra["rate"] * math.exp(-of.threshold / width), "c_3": 1 / width}
        del common["V_reset"], common["E_L"]
        return "pp_psc_delta", common | hazard | {"dead_time": 0.0, "with_reset": True}, 0.0
    common |= {"V_th": of.threshold, "t_ref": 0.0}
    if of.filtered:
        times = {"tau_syn_ex": of.tau_s * 1000, "tau_syn_in": of.tau_s * 1000}
        return "iaf_psc_exp", common | times, noise
    return "iaf_psc_delta", common, noise


def weight_of(of, pair):
    """Weight of one synapse in the model's unit."""
    if of.name == "conductance":
        return of.weight(pair) * 200.0 / (of.tau[pair[0]] * 1000)  # times the leak conductance, nS
    if of.filtered:
        return of.weight(pair) / of.tau_s * 200.0 / 1000  # mV/s to pA
    return of.weight(pair)


def _resident(field):
    """``VmRSS`` or ``VmHWM`` of this process in bytes, 0 where /proc is missing."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(field):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _simulate(specification):
    import nest
    from circuits import PAIRS, numbers

    nest.set_verbosity("M_ERROR")
    of = numbers(specification["name"], specification["n"], specification["p"])
    dt = specification["dt"] * 1000
    started = time.perf_counter()
    nest.ResetKernel()
    nest.resolution = dt
    nest.local_num_threads = specification["threads"]
    nest.rng_seed = int.from_bytes(os.urandom(4), "little") % (2**31 - 1) + 1
    groups, recorders = {}, {}
    for x in "EI":
        model, parameters, deviation = model_of(of, x, specification["dt"])
        groups[x] = nest.Create(model, of.sizes[x], params=parameters)
        groups[x].V_m = nest.random.uniform(of.reset, of.threshold)
        recorders[x] = nest.Create("spike_recorder")
        nest.Connect(groups[x], recorders[x])
        if deviation:
            generator = nest.Create("noise_generator", params={"std": deviation, "dt": dt})
            nest.Connect(generator, groups[x])
    before = _resident("VmRSS")
    for pair in PAIRS if specification["connected"] else ():
        rule = {"rule": "fixed_indegree", "indegree": of.in_degrees[pair]}
        rule |= {"allow_autapses": False, "allow_multapses": False}
        delay = of.delay * 1000 if pair in of.filtered and of.delay else dt
        synapse = {"synapse_model": "static_synapse", "weight": weight_of(of, pair), "delay": delay}
        nest.Connect(groups[pair[1]], groups[pair[0]], rule, synapse)
    nest.Prepare()
    # Processor time on one thread, as Brian2 takes it; waiting threads would make it meaningless on several.
    clock = time.process_time if specification["threads"] == 1 else time.perf_counter
    begun = clock()
    nest.Run(specification["duration"] * 1000)
    loop = clock() - begun
    nest.Cleanup()
    duration, peak = specification["duration"], _resident("VmHWM")
    return {
        "loop": loop / duration,
        "whole": time.perf_counter() - started,
        "rss": peak,
        "rates": {x: recorders[x].n_events / of.sizes[x] / duration for x in "EI"},
        "bytes_per_synapse": (peak - before) / of.synapses if of.synapses else None,
    }


if __name__ == "__main__":
    try:
        print(json.dumps(_simulate(json.loads(sys.argv[1]))))
    except Exception as error:
        raise SystemExit(f"{type(error).__name__}: {error}".splitlines()[0]) from None
