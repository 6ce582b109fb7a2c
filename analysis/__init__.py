"""Theory on plain numbers: transfer functions, reductions, conditions, comparison.

Everything is imported on first use, so that asking for one thing does not pay for all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .balanced import BalancedLimit
    from .comparison import Comparison, compare
    from .power_law import PowerLaw, fit_power_law, fit_transfer
    from .reduction import Reduction
    from .self_consistent import SelfConsistent
    from .ssn import SSN
    from .states import SteadyState, SteadyStates

_HOMES = {
    "SSN": "ssn",
    "BalancedLimit": "balanced",
    "Comparison": "comparison",
    "PowerLaw": "power_law",
    "Reduction": "reduction",
    "SelfConsistent": "self_consistent",
    "SteadyState": "states",
    "SteadyStates": "states",
    "compare": "comparison",
    "fit_power_law": "power_law",
    "fit_transfer": "power_law",
}
__all__ = [
    "SSN",
    "BalancedLimit",
    "Comparison",
    "PowerLaw",
    "Reduction",
    "SelfConsistent",
    "SteadyState",
    "SteadyStates",
    "compare",
    "fit_power_law",
    "fit_transfer",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
