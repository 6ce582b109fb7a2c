"""A script as a user writes it for the fast device: noise, functions in C++, a seed; what it finds goes to an npz.

    python device_script.py FOLDER RESULT.npz [unguarded]

With ``unguarded`` two code objects include a header that bears to be included only once.
"""

import sys
from pathlib import Path

import numpy as np
from brian2 import (
    Function,
    Network,
    NeuronGroup,
    SpikeMonitor,
    Synapses,
    device,
    ms,
    prefs,
    seed,
    set_device,
)

import ssnbrian  # noqa: F401  (after Brian2: the device is known either way)


def cpp_function(code, **options):
    """A function of one number with an implementation in C++."""
    function = Function(lambda x: x, arg_units=[1], return_unit=1)
    function.implementations.add_implementation("cpp", code, **options)
    return function


def main(folder, result, *options):
    """Build, run twice, read what there is to read."""
    set_device("ssnbrian_standalone", build_on_run=False)
    prefs.devices.ssnbrian_standalone.synapses_in_results = False
    seed(11)
    namespace = {
        "twice": cpp_function({"hashdefine_code": "#define scaled(x) (2*(x))"}, name="scaled"),
        "thrice": cpp_function({"hashdefine_code": "#define scaled(x) (3*(x))"}, name="scaled"),
    }
    if options:
        header = Path(folder).parent / "unguarded.h"
        header.write_text("static double half(double x) { return x / 2; }\n")
        needed = {"headers": ['"unguarded.h"'], "include_dirs": [str(header.parent)]}
        namespace["half"] = cpp_function("", compiler_kwds=needed, name="half")
    else:
        namespace["half"] = cpp_function("inline double half(double x) { return x / 2; }")
    equations = """dv/dt = (1.1 - v)/(10*ms) + 0.3*xi*(10*ms)**-0.5 : 1
                   a : 1
                   b : 1"""
    made = {"threshold": "v > 1", "reset": "v = 0", "method": "euler", "namespace": namespace}
    first = NeuronGroup(300, equations, name="first", **made)
    second = NeuronGroup(100, equations, name="second", **made)
    first.a = "half(i)"
    second.a = "half(i)"
    first.run_regularly("b = twice(a)", dt=5 * ms)
    second.run_regularly("b = thrice(a)", dt=5 * ms)
    synapses = Synapses(first, second, on_pre="v_post += 0.01", name="synapses")
    synapses.connect(p=0.2)
    spikes = SpikeMonitor(second)
    network = Network(first, second, synapses, spikes)
    network.run(100 * ms, namespace={})
    device.build(directory=folder, run=True)
    times, neurons = np.asarray(spikes.t / ms), np.asarray(spikes.i)
    device.run(folder)
    try:
        refusal = f"read {len(synapses.i[:])} synapses"
    except NotImplementedError as error:
        refusal = str(error)
    np.savez(
        result,
        times=times,
        neurons=neurons,
        again=np.asarray(spikes.t / ms),
        halves=np.asarray(first.a),
        doubles=np.asarray(first.b),
        triples=np.asarray(second.b),
        number=len(synapses),
        refusal=refusal,
        report=[str(choice) for choice in device.report()],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
