"""Bifurcation diagrams: all steady states over one parameter, stable and unstable, with folds and Hopf points.

Branches are traced by pseudo-arclength continuation from complete sets of states, so that isolated branches are found
too. Afterwards the number of branches that cross each of many parameter values is compared with the number of states
there. For mu_ext at a fixed ratio all folds are known with proof (``folds``); as det J != 0 keeps the states bounded
over a bounded range of mu_ext, their number can change nowhere else, and one complete count between every two
neighbouring folds proves the diagram complete. For other parameters it is not proven, and said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.units import floats_of

from .bifurcation_builder import DiagramBuilder
from .bifurcation_equations import RateTheory, SelfConsistentEquations, SSNEquations
from .bifurcation_parameters import require_parameter, self_consistent_family, ssn_family
from .bifurcation_points import BifurcationPoint, HopfPoint
from .bifurcation_results import BifurcationDiagram, Branch
from .parameter_family import DRIVE_UNITS, Drive
from .plastic_equations import PlasticSSNEquations
from .plastic_network import PlasticSSN
from .power_law import PowerLaw
from .self_consistent import SelfConsistent
from .ssn import SSN

__all__ = [
    "BifurcationDiagram",
    "BifurcationPoint",
    "Branch",
    "HopfPoint",
    "bifurcation_diagram",
    "drive_of",
    "parameter_limits",
]

_FAST_VALUES, _VALUES = 401, 41
"""Parameter values with complete sets of states: through the characteristic function, and by branch and prune."""
_MAXIMUM_RATE = {"ssn": 1000.0, "self_consistent": 100.0}


def bifurcation_diagram(
    subject: Circuit | SSN,
    parameter: str,
    range: Any,
    mu_ext: Any = None,
    ratio: float | None = None,
    mu_ext_I: Any = None,
    theory: str = "ssn",
    transfer: Mapping[str, PowerLaw] | None = None,
    tau_population: Any = None,
    values: int | None = None,
    maximum_rate: Any = None,
) -> BifurcationDiagram:
    """All steady states over one parameter with their bifurcations.

    Parameters
    ----------
    subject : a circuit, or an SSN (whose own coefficients only can then be varied).
    parameter : "mu_ext" (I receives ``ratio`` times it), "ratio", "mu_ext_I"; a coefficient of the SSN, e.g. "J.EE",
        "a_E", "b_I", "n_E", "tau_population_I"; a value of the circuit, e.g. "E.tau", "E.sigma", "E->E.weight", for
        which the transfer function is fitted along. Units: mV/s, 1, mV, Hz/(mV/s)^n, s; the circuit's values in
        their natural unit (ms, mV, mV/sqrt(s)), as ``unit`` of the result says.
    range : (lowest, highest) of the parameter, in its unit.
    mu_ext : mV/s, needed unless it is the parameter. mu_ext_I : mV/s, in place of ``ratio`` times mu_ext.
    ratio : default that of the circuit, 1 for an SSN.
    theory : "ssn" or "self_consistent" (Eq 14; for circuits only).
    transfer, tau_population : as for ``SSN.from_circuit``.
    values : number of parameter values with complete sets of states; default 401 for the SSN of constant weights, 41
        with plastic synapses and for the self-consistent theory.
    maximum_rate : Hz, default 1000 for the SSN and 100 for the self-consistent theory.

    Raises
    ------
    InvalidInputError : unknown or idle parameter, an empty range, a missing mu_ext, values no network has.
    """
    if theory not in _MAXIMUM_RATE:
        raise InvalidInputError(f"theory: expected 'ssn' or 'self_consistent', got '{theory}'")
    require_parameter(subject, parameter)
    limits = parameter_limits(range, parameter)
    drive = drive_of(subject, (parameter,), mu_ext, ratio, mu_ext_I)
    limit = float(floats_of(_MAXIMUM_RATE[theory] if maximum_rate is None else maximum_rate, "Hz", "maximum_rate"))
    if not limit > 0:
        raise InvalidInputError(f"maximum_rate must be positive, got {limit:g} Hz")
    equations: RateTheory
    laws: dict[str, PowerLaw] = {}
    if theory == "ssn":
        ssn, family = ssn_family(subject, [parameter], [limits], drive, transfer, tau_population, plastic=True)
        laws = dict(zip(ssn.populations, ssn.transfer, strict=True))
        if isinstance(ssn.network, PlasticSSN):
            equations = PlasticSSNEquations(ssn.populations, ssn.network, family, limit)
        else:
            equations = SSNEquations(ssn.populations, family, limit, [law.rate_range[1] for law in ssn.transfer])
    else:
        if not isinstance(subject, Circuit):
            raise InvalidInputError("the self-consistent theory needs a circuit, not an SSN")
        if transfer is not None or tau_population is not None:
            raise InvalidInputError("the self-consistent theory takes neither transfer nor tau_population")
        SelfConsistent.require(subject)
        coupling, family = self_consistent_family(subject, [parameter], [limits], drive)
        equations = SelfConsistentEquations(coupling, tuple(one.kind for one in subject.populations), family, limit)
    fast = isinstance(equations, SSNEquations)
    count = (_FAST_VALUES if fast else _VALUES) if values is None else int(values)
    if count < 2:
        raise InvalidInputError(f"values must be at least 2, got {count}")
    return DiagramBuilder(equations, limits, count, laws).diagram()


def parameter_limits(given: Any, parameter: str) -> tuple[float, float]:
    try:
        low, high = (float(floats_of(one, DRIVE_UNITS.get(parameter, "1"), f"range of {parameter}")) for one in given)
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(f"range of {parameter}: expected (lowest, highest), got {given!r}") from None
    if not low < high:
        raise InvalidInputError(f"range of {parameter}: {low:g} to {high:g} is empty; give the lower limit first")
    if parameter == "ratio" and low < 0:
        raise InvalidInputError(f"range of ratio: it must not be negative, got {low:g}")
    return low, high


def drive_of(subject: Any, varied: tuple[str, ...], mu_ext: Any, ratio: Any, mu_ext_I: Any) -> Drive:
    """The drive from what was given; InvalidInputError where an input is missing or given although it is varied."""
    given = {"mu_ext": mu_ext, "ratio": ratio, "mu_ext_I": mu_ext_I}
    for name in varied:
        if given.get(name) is not None:
            raise InvalidInputError(f"{name} is varied; do not also give it a value")
    if "mu_ext" not in varied and mu_ext is None:
        raise InvalidInputError(f"mu_ext is needed (mV/s) when {' and '.join(varied)} varies")
    if len({"ratio", "mu_ext_I"} & {*varied, *(name for name, one in given.items() if one is not None)}) > 1:
        raise InvalidInputError("ratio and mu_ext_I both set the input to I; use one of them")
    level = 0.0 if mu_ext is None else float(floats_of(mu_ext, "mV/s", "mu_ext"))
    own = float(getattr(subject, "ratio", 1.0) if ratio is None else floats_of(ratio, "1", "ratio"))
    if own < 0:
        raise InvalidInputError(f"ratio must not be negative, got {own:g}")
    return Drive(level, own, None if mu_ext_I is None else float(floats_of(mu_ext_I, "mV/s", "mu_ext_I")))
