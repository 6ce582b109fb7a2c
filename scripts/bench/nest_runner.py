"""The circuits in NEST, with its own noise generator and neuron models, where a model is close enough.

Networks of neurons, and populations as NEST's ``gif_pop_psc_exp``. As a program (the child) it reads a JSON
specification from its only argument, simulates and prints JSON. The time of the loop is that of the Run call, after
Prepare.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import BenchError, run_child

_LIF = "exact step for noise held constant over a step; "
_GRID = _LIF + "threshold on the grid where the others have the bridge (rates lower); synapses one step late"
_CAPACITANCE = 200.0  # pF; a current of C/1000 (pA) changes the membrane by 1 mV/s
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
    scale = _CAPACITANCE / 1000
    common = {
        "C_m": _CAPACITANCE,
        "V_reset": of.reset,
        "I_e": of.mu[x] * scale,
    }
    noise = of.sigma / math.sqrt(dt) * scale
    if of.name == "conductance":
        extra = of.extra
        model = {
            "g_L": _CAPACITANCE / (of.tau[x] * 1000),
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
        return of.weight(pair) * _CAPACITANCE / (of.tau[pair[0]] * 1000)  # times the leak conductance, nS
    if of.filtered:
        return of.weight(pair) / of.tau_s * _CAPACITANCE / 1000  # mV/s to pA
    return of.weight(pair)


def run_populations(network, drive, durations, dt, seed, **changes):
    """A ``MesoscopicNetwork`` as populations of ``gif_pop_psc_exp`` on one thread, in a child process.

    ``drive`` (n,) mV/s. ``durations`` s: between two of them the input of every population is set to the value that
    it has. ``changes`` replace parameters of all populations, in NEST's units. Returns the ``wall`` and ``cpu`` seconds
    of the run, and ``counts`` and ``expected`` (n, steps): spikes per step and their expectation given the past; the
    last ms is missing, which NEST's meter has not read yet.

    Raises :class:`~measuring.BenchError` when NEST is missing or refuses, and for synapses that it has not.
    """
    parameters = [population_parameters(network, drive, x) | changes for x in range(len(network.names))]
    with tempfile.TemporaryDirectory() as folder:
        specification = {
            "parameters": parameters,
            "weights": population_weights(network, parameters),
            "delays": (network.delays * 1000).tolist(),
            "durations": [one * 1000 for one in durations],
            "dt": dt * 1000,
            "seed": seed,
            "out": str(Path(folder, "activity.npy")),
        }
        command = [sys.executable, __file__, json.dumps(specification)]
        result = json.loads(run_child(command, {"OMP_NUM_THREADS": "1"}).splitlines()[-1])
        counts, expected = np.load(specification["out"])
    return result | {"counts": counts, "expected": expected}


def population_parameters(network, drive, x):
    """Parameters of ``gif_pop_psc_exp`` for population ``x``; potentials in mV above rest, times in ms."""
    of, incoming = network.neurons[x], network.weights[x]
    jumps = zip(of.adaptation_amplitudes, of.adaptation_times, strict=True)
    parameters = {
        "N": int(network.sizes[x]),
        "C_m": _CAPACITANCE,
        "tau_m": of.tau * 1000,
        "t_ref": of.refractory * 1000,
        "lambda_0": of.escape_rate,
        "Delta_V": of.escape_width,
        "V_reset": of.reset,
        "V_T_star": of.threshold,
        "E_L": 0.0,
        "I_e": float(drive[x]) * _CAPACITANCE / 1000,
        # NEST refuses empty lists.
        "tau_sfa": [time * 1000 for time in of.adaptation_times] or [300.0],
        "q_sfa": [jump / time for jump, time in jumps] or [0.0],
    }
    for name, sign in (("tau_syn_ex", 1), ("tau_syn_in", -1)):
        times = {float(one) for one in network.tau_synapse[x][sign * incoming > 0]}
        if len(times) > 1 or 0.0 in times:
            raise BenchError(f"NEST has one exponential synapse of either sign per population, not {sorted(times)} s")
        parameters[name] = times.pop() * 1000 if times else 2.0
    return parameters


def population_weights(network, parameters):
    """(n, n) pA, target by source: a current that decays with tau_s moves the membrane by weight tau_s/C_m."""
    times = [
        [of["tau_syn_ex" if weight >= 0 else "tau_syn_in"] for weight in row]
        for of, row in zip(parameters, network.weights, strict=True)
    ]
    return (network.weights * _CAPACITANCE / np.array(times)).tolist()


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


def _simulate_populations(specification):
    import nest

    nest.set_verbosity("M_ERROR")
    dt = specification["dt"]
    nest.ResetKernel()
    nest.resolution = dt
    nest.local_num_threads = 1
    nest.rng_seed = specification["seed"]
    populations = [nest.Create("gif_pop_psc_exp", params=one) for one in specification["parameters"]]
    meter = nest.Create("multimeter", params={"record_from": ["n_events", "mean"], "interval": dt})
    for x, target in enumerate(populations):
        nest.Connect(meter, target)
        for y, source in enumerate(populations):
            if weight := specification["weights"][x][y]:
                nest.Connect(
                    source, target, "all_to_all", {"weight": weight, "delay": specification["delays"][x][y]}
                )
    wall = cpu = 0.0
    for stage, duration in enumerate(specification["durations"]):
        if stage:
            for one in populations:
                one.I_e = one.I_e
        nest.Prepare()
        wall_before, cpu_before = time.perf_counter(), time.process_time()
        nest.Run(duration)
        wall += time.perf_counter() - wall_before
        cpu += time.process_time() - cpu_before
        nest.Cleanup()
    events = meter.events
    step = np.rint(events["times"] / dt).astype(int) - 1
    index = {one.global_id: x for x, one in enumerate(populations)}
    population = np.array([index[sender] for sender in events["senders"]])
    activity = np.full((2, len(populations), step.max() + 1), np.nan)
    for row, name in zip(activity, ("n_events", "mean"), strict=True):
        row[population, step] = events[name]
    np.save(specification["out"], activity)
    return {"wall": wall, "cpu": cpu}


if __name__ == "__main__":
    try:
        given = json.loads(sys.argv[1])
        print(json.dumps(_simulate_populations(given) if "parameters" in given else _simulate(given)))
    except Exception as error:
        raise SystemExit(f"{type(error).__name__}: {error}".splitlines()[0]) from None
