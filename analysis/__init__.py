"""Theory on plain numbers: transfer functions, reductions, conditions, comparison.

Everything is imported on first use, so that asking for one thing does not pay for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import lazy_exports

if TYPE_CHECKING:
    from .balanced import BalancedLimit
    from .bifurcation import BifurcationDiagram, bifurcation_diagram
    from .comparison import Comparison, compare
    from .efficacy import Efficacy, efficacy_of
    from .fold_continuation import fold_curve, hopf_curve
    from .inverse_design import inputs_for_trajectory, required_weights, stable_along
    from .markov import MarkovEquations
    from .mesoscopic import Mesoscopic
    from .plastic_folds import plastic_regime_map
    from .power_law import PowerLaw, fit_power_law, fit_transfer
    from .rate_model_analysis import fixed_points, trajectory
    from .rate_model_hopf import hopf_points
    from .rate_system import RateSystem
    from .reduction import Reduction
    from .self_consistent import SelfConsistent
    from .sensitivity import Sensitivities, sensitivities
    from .ssn import SSN
    from .states import SteadyState, SteadyStates
    from .stochastic_resonance import adiabatic_signal, optimal_noise, signal_to_noise

_HOMES = {
    "SSN": "ssn",
    "BalancedLimit": "balanced",
    "BifurcationDiagram": "bifurcation",
    "Comparison": "comparison",
    "Efficacy": "efficacy",
    "MarkovEquations": "markov",
    "Mesoscopic": "mesoscopic",
    "PowerLaw": "power_law",
    "RateSystem": "rate_system",
    "Reduction": "reduction",
    "SelfConsistent": "self_consistent",
    "Sensitivities": "sensitivity",
    "SteadyState": "states",
    "SteadyStates": "states",
    "adiabatic_signal": "stochastic_resonance",
    "bifurcation_diagram": "bifurcation",
    "compare": "comparison",
    "efficacy_of": "efficacy",
    "fit_power_law": "power_law",
    "fit_transfer": "power_law",
    "fixed_points": "rate_model_analysis",
    "fold_curve": "fold_continuation",
    "hopf_curve": "fold_continuation",
    "hopf_points": "rate_model_hopf",
    "inputs_for_trajectory": "inverse_design",
    "optimal_noise": "stochastic_resonance",
    "plastic_regime_map": "plastic_folds",
    "required_weights": "inverse_design",
    "sensitivities": "sensitivity",
    "signal_to_noise": "stochastic_resonance",
    "stable_along": "inverse_design",
    "trajectory": "rate_model_analysis",
}
__all__ = [
    "SSN",
    "BalancedLimit",
    "BifurcationDiagram",
    "Comparison",
    "Efficacy",
    "MarkovEquations",
    "Mesoscopic",
    "PowerLaw",
    "RateSystem",
    "Reduction",
    "SelfConsistent",
    "Sensitivities",
    "SteadyState",
    "SteadyStates",
    "adiabatic_signal",
    "bifurcation_diagram",
    "compare",
    "efficacy_of",
    "fit_power_law",
    "fit_transfer",
    "fixed_points",
    "fold_curve",
    "hopf_curve",
    "hopf_points",
    "inputs_for_trajectory",
    "optimal_noise",
    "plastic_regime_map",
    "required_weights",
    "sensitivities",
    "signal_to_noise",
    "stable_along",
    "trajectory",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
