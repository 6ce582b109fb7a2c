"""Markov reductions of networks of neurons that collect kicks: networks, differential equations, what sets them apart.

Two families share one description (:class:`MarkovNetwork`) and one form of result (:class:`MarkovRun`): neurons that
move by whole kicks (``kick_*`` modules: master equation, cycles, Hopf points, network event by event) and by
conductances (``conductance_*`` modules: binned density, finite volumes, clocked networks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .attractor_geometry import AttractorDistance, Plane, attractor_distance
    from .circuits import family_of, markov_refusal, network_of
    from .families import find_fixed_points, run_equations, run_network
    from .figures import attractor_figure, peak_scan_figure
    from .fixed_points import FixedPoint, FixedPoints
    from .kick_counts import simulate_counts
    from .kick_cycles import KickCycle, limit_cycle
    from .kick_hopf import KickHopfPoint, hopf_points
    from .linear_mean_field import linear_rates
    from .measures import RunMeasures, mean_rates, measure
    from .parameters import MarkovNetwork
    from .peak_scan import PeakScan, scan_distance, scan_peaks
    from .periods import Period, period_of
    from .run import MarkovRun, RepeatedRun, RunOfEquations
    from .spectral_peaks import SpectralPeak, spectral_peak
    from .synchrony_index import Synchrony, synchrony
    from .theory import MarkovEquations
    from .volleys import PeakRule, Volleys, find_volleys

_HOMES = {
    "AttractorDistance": "attractor_geometry",
    "FixedPoint": "fixed_points",
    "FixedPoints": "fixed_points",
    "KickCycle": "kick_cycles",
    "KickHopfPoint": "kick_hopf",
    "MarkovEquations": "theory",
    "MarkovNetwork": "parameters",
    "MarkovRun": "run",
    "PeakRule": "volleys",
    "PeakScan": "peak_scan",
    "Period": "periods",
    "Plane": "attractor_geometry",
    "RepeatedRun": "run",
    "RunMeasures": "measures",
    "RunOfEquations": "run",
    "SpectralPeak": "spectral_peaks",
    "Synchrony": "synchrony_index",
    "Volleys": "volleys",
    "attractor_distance": "attractor_geometry",
    "attractor_figure": "figures",
    "family_of": "circuits",
    "find_fixed_points": "families",
    "find_volleys": "volleys",
    "hopf_points": "kick_hopf",
    "limit_cycle": "kick_cycles",
    "linear_rates": "linear_mean_field",
    "markov_refusal": "circuits",
    "mean_rates": "measures",
    "measure": "measures",
    "network_of": "circuits",
    "peak_scan_figure": "figures",
    "period_of": "periods",
    "run_equations": "families",
    "run_network": "families",
    "scan_distance": "peak_scan",
    "scan_peaks": "peak_scan",
    "simulate_counts": "kick_counts",
    "spectral_peak": "spectral_peaks",
    "synchrony": "synchrony_index",
}
__all__ = [
    "AttractorDistance",
    "FixedPoint",
    "FixedPoints",
    "KickCycle",
    "KickHopfPoint",
    "MarkovEquations",
    "MarkovNetwork",
    "MarkovRun",
    "PeakRule",
    "PeakScan",
    "Period",
    "Plane",
    "RepeatedRun",
    "RunMeasures",
    "RunOfEquations",
    "SpectralPeak",
    "Synchrony",
    "Volleys",
    "attractor_distance",
    "attractor_figure",
    "family_of",
    "find_fixed_points",
    "find_volleys",
    "hopf_points",
    "limit_cycle",
    "linear_rates",
    "markov_refusal",
    "mean_rates",
    "measure",
    "network_of",
    "peak_scan_figure",
    "period_of",
    "run_equations",
    "run_network",
    "scan_distance",
    "scan_peaks",
    "simulate_counts",
    "spectral_peak",
    "synchrony",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
