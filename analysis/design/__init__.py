"""From a regime to a circuit: inverse design of a two-population network, verified by the theory it was not made with.

Everything is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .bistability import Bistability
    from .inhibition_stabilized import InhibitionStabilized
    from .no_steady_state import NoSteadyState
    from .persistence import Persistence
    from .realisation import realised
    from .request import Candidate, DesignBounds, InfeasibleDesignError, Regime, Setting, Verification
    from .search import DesignResult, design
    from .supersaturation import Supersaturation

_HOMES = {
    "Bistability": "bistability",
    "Candidate": "request",
    "DesignBounds": "request",
    "DesignResult": "search",
    "InfeasibleDesignError": "request",
    "InhibitionStabilized": "inhibition_stabilized",
    "NoSteadyState": "no_steady_state",
    "Persistence": "persistence",
    "Regime": "request",
    "Setting": "request",
    "Supersaturation": "supersaturation",
    "Verification": "request",
    "design": "search",
    "realised": "realisation",
}
__all__ = [
    "Bistability",
    "Candidate",
    "DesignBounds",
    "DesignResult",
    "InfeasibleDesignError",
    "InhibitionStabilized",
    "NoSteadyState",
    "Persistence",
    "Regime",
    "Setting",
    "Supersaturation",
    "Verification",
    "design",
    "realised",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
