"""Theory on plain numbers: transfer functions, reductions, conditions, comparison.

Everything is imported on first use, so that asking for one thing does not pay for all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .balanced import BalancedLimit
    from .bifurcation import BifurcationDiagram, bifurcation_diagram
    from .comparison import Comparison, compare
    from .fold_continuation import fold_curve, hopf_curve
    from .inverse_design import inputs_for_trajectory, required_weights, stable_along
    from .power_law import PowerLaw, fit_power_law, fit_transfer
    from .reduction import Reduction
    from .self_consistent import SelfConsistent
    from .sensitivity import Sensitivities, sensitivities
    from .ssn import SSN
    from .states import SteadyState, SteadyStates

_HOMES = {
    "SSN": "ssn",
    "BalancedLimit": "balanced",
    "BifurcationDiagram": "bifurcation",
    "Comparison": "comparison",
    "PowerLaw": "power_law",
    "Reduction": "reduction",
    "SelfConsistent": "self_consistent",
    "Sensitivities": "sensitivity",
    "SteadyState": "states",
    "SteadyStates": "states",
    "bifurcation_diagram": "bifurcation",
    "compare": "comparison",
    "fit_power_law": "power_law",
    "fit_transfer": "power_law",
    "fold_curve": "fold_continuation",
    "hopf_curve": "fold_continuation",
    "inputs_for_trajectory": "inverse_design",
    "required_weights": "inverse_design",
    "sensitivities": "sensitivity",
    "stable_along": "inverse_design",
}
__all__ = [
    "SSN",
    "BalancedLimit",
    "BifurcationDiagram",
    "Comparison",
    "PowerLaw",
    "Reduction",
    "SelfConsistent",
    "Sensitivities",
    "SteadyState",
    "SteadyStates",
    "bifurcation_diagram",
    "compare",
    "fit_power_law",
    "fit_transfer",
    "fold_curve",
    "hopf_curve",
    "inputs_for_trajectory",
    "required_weights",
    "sensitivities",
    "stable_along",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
