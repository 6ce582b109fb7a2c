"""Linear-nonlinear-Poisson (LNP) populations of finite size: simulation, fluctuations, escape from attractors.

Everything is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .dwell_times import DwellStatistics, dominance, dwell_statistics
    from .escape import Escape, diffusion_action, escapes, jump_action
    from .first_passage import (
        MeanPassage,
        PassageTimes,
        diffusion_first_passage,
        mean_first_passage,
        simulated_first_passage,
    )
    from .fixed_point_search import FixedPoint, fixed_points
    from .linear_noise import Fluctuations, fluctuations
    from .network import LNPNetwork
    from .simulation import LNPRun, simulate
    from .transfer import BoundedTransfer, ExponentialTransfer, LinearTransfer, SigmoidTransfer

_HOMES = {
    "BoundedTransfer": "transfer",
    "DwellStatistics": "dwell_times",
    "Escape": "escape",
    "ExponentialTransfer": "transfer",
    "FixedPoint": "fixed_point_search",
    "Fluctuations": "linear_noise",
    "LNPNetwork": "network",
    "LNPRun": "simulation",
    "LinearTransfer": "transfer",
    "MeanPassage": "first_passage",
    "PassageTimes": "first_passage",
    "SigmoidTransfer": "transfer",
    "diffusion_action": "escape",
    "diffusion_first_passage": "first_passage",
    "dominance": "dwell_times",
    "dwell_statistics": "dwell_times",
    "escapes": "escape",
    "fixed_points": "fixed_point_search",
    "fluctuations": "linear_noise",
    "jump_action": "escape",
    "mean_first_passage": "first_passage",
    "simulate": "simulation",
    "simulated_first_passage": "first_passage",
}
__all__ = [
    "BoundedTransfer",
    "DwellStatistics",
    "Escape",
    "ExponentialTransfer",
    "FixedPoint",
    "Fluctuations",
    "LNPNetwork",
    "LNPRun",
    "LinearTransfer",
    "MeanPassage",
    "PassageTimes",
    "SigmoidTransfer",
    "diffusion_action",
    "diffusion_first_passage",
    "dominance",
    "dwell_statistics",
    "escapes",
    "fixed_points",
    "fluctuations",
    "jump_action",
    "mean_first_passage",
    "simulate",
    "simulated_first_passage",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
