"""Fast random numbers for Brian2's C++ standalone.

In a network of leaky integrate-and-fire neurons with white noise, most of the time of Brian2's standalone
binary goes into ``randn()``: a Mersenne twister and a polar method, one number at a time. `install` puts the
generator of ``random_numbers.h`` (xoshiro128++ in sixteen lanes, Box--Muller, made in blocks; see the header
for sources and reasons) in the place of ``rand`` and ``randn``. Scripts stay as they are. What Brian2 builds on
these two follows: ``connect`` with ``p=`` or ``sample()``, ``poisson()``, ``BinomialFunction``.

Which seed counts, in the order in which the binary runs:

1. A generator without a seed takes 64 bits from Brian2's own generator at its first block. Brian2 seeds that
   from the operating system, so two runs differ.
2. `seed_at_start` seeds it at the start of the process, before anything is drawn: seeds per run without a new
   build.
3. ``brian2.seed(n)`` in the script seeds Brian2's generator, and ours forgets its seed at that point, so that
   (1) starts it anew from ``n``. It is compiled in and overrides (2): use one or the other.

Uniforms are the same bits on every machine, normals the same up to rounding. A run gives other numbers than
Brian2 alone does with the same seed.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import wraps
from pathlib import Path

from brian2 import prefs
from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

#: The folder to put on the include path, and the header as Brian2 wants it: with its quotes.
INCLUDE_DIR = str(Path(__file__).resolve().parent)
HEADER = '"random_numbers.h"'

# Brian2 declares the generator in objects.h, which every code object includes before its support code. Its
# numbers have 53 bits: two of them fill the 64 of a seed.
_SUPPORT_CODE = """
#ifndef SSNBRIAN_BRIAN_ENTROPY
#define SSNBRIAN_BRIAN_ENTROPY
struct _ssnbrian_entropy {
    std::uint64_t operator()() const {
        const double scale = 4294967296.0;
        const std::uint64_t high = static_cast<std::uint64_t>(brian::_random_generators[0].rand() * scale);
        return high << 32 | static_cast<std::uint64_t>(brian::_random_generators[0].rand() * scale);
    }
};
#endif
inline double _%FUNCTION%(const int _vectorisation_idx) {
    return ssnbrian::generator().%METHOD%(_ssnbrian_entropy());
}
"""


def include_header(device):
    """Make ``random_numbers.h`` known to the ``main.cpp`` and the compiler of a standalone `device`."""
    if HEADER not in device.headers:
        device.headers.append(HEADER)
    if INCLUDE_DIR not in device.include_dirs:
        device.include_dirs.append(INCLUDE_DIR)


def seed_at_start(device, expression):
    """Seed the generator when the binary of `device` starts.

    Parameters
    ----------
    device : CPPStandaloneDevice
        The device of the build; call this before ``device.build``.
    expression : str
        C++ expression of an integer, evaluated in ``main`` when Brian2's arrays exist, for instance
        ``'std::strtoull(std::getenv("SEED"), nullptr, 10)'``. All 64 bits count.
    """
    include_header(device)
    device.insert_code("after_start", f"ssnbrian::generator().seed(static_cast<std::uint64_t>({expression}));")


def install():
    """Use this generator for ``rand`` and ``randn`` in all C++ standalone code generated from now on.

    Returns
    -------
    contextlib.ExitStack
        A context manager that gives Brian2 its own functions back when it is left or closed. Close nested
        installations in reverse order.

    Notes
    -----
    Code is generated when a statement is executed: install before the first statement that draws a number.
    With OpenMP (``prefs.devices.cpp_standalone.openmp_threads``) code objects keep Brian2's generators, because
    one generator cannot serve several threads.
    """
    undo = ExitStack()
    for function, method in (("rand", "uniform"), ("randn", "normal")):
        _register(undo, function, method)

    original_seed = CPPStandaloneDevice.seed

    @wraps(original_seed)
    def seed(self, seed=None):
        original_seed(self, seed)
        include_header(self)
        self.insert_code("main", "ssnbrian::generator().unseed();")

    CPPStandaloneDevice.seed = seed
    undo.callback(setattr, CPPStandaloneDevice, "seed", original_seed)
    return undo


def _register(undo, function, method):
    container = DEFAULT_FUNCTIONS[function].implementations
    registry = getattr(container, "_implementations", None)
    if registry is None or CPPStandaloneCodeObject not in registry:
        raise RuntimeError(
            f"this version of Brian2 registers '{function}' for C++ standalone in another way than 2.9 does"
        )
    previous = registry[CPPStandaloneCodeObject]
    support_code = _SUPPORT_CODE.replace("%FUNCTION%", function).replace("%METHOD%", method)

    def code(owner):
        if prefs.devices.cpp_standalone.openmp_threads != 0:
            return previous.get_code(owner)
        return {"support_code": support_code}

    container.add_dynamic_implementation(
        CPPStandaloneCodeObject,
        code=code,
        namespace=lambda owner: {},
        name=f"_{function}",
        compiler_kwds={"headers": [HEADER], "include_dirs": [INCLUDE_DIR]},
    )
    # The public interface can add an implementation but not put one back.
    undo.callback(registry.__setitem__, CPPStandaloneCodeObject, previous)
