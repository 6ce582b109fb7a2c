"""Renewal theory of finite populations: intervals, eigenmodes, refractory density, Langevin equation, spectra.

Everything is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .eigenfunctions import AgeGrid, adjoint_eigenfunction, density_eigenfunction, overlap
    from .eigenmode_model import EigenmodeActivity, eigenmode_activity
    from .escape_noise import EscapeNoiseIntervals
    from .intervals import DeadTimeIntervals, GaussianIntervals, Intervals, InverseGaussianIntervals
    from .langevin_equation import LangevinRun, langevin
    from .linear_response import current_response, dead_time_response, hazard_response
    from .measured_spectra import EstimatedSpectrum, estimated_spectrum, expected_spectrum
    from .mode_coupling import couplings, dead_time_coupling, dead_time_eigenvalue_slope
    from .mode_table import ModeCoefficients, ModeTable, mode_coefficients
    from .modes import Eigenmode, eigenmodes, stationary_mode
    from .refractory_density import RefractoryDensity
    from .spectra import integral_equation_spectrum, langevin_spectrum, naive_spectrum, renewal_spectrum
    from .white_noise_lif import WhiteNoiseLIFIntervals

_HOMES = {
    "AgeGrid": "eigenfunctions",
    "DeadTimeIntervals": "intervals",
    "Eigenmode": "modes",
    "EigenmodeActivity": "eigenmode_model",
    "EscapeNoiseIntervals": "escape_noise",
    "EstimatedSpectrum": "measured_spectra",
    "GaussianIntervals": "intervals",
    "Intervals": "intervals",
    "InverseGaussianIntervals": "intervals",
    "LangevinRun": "langevin_equation",
    "ModeCoefficients": "mode_table",
    "ModeTable": "mode_table",
    "RefractoryDensity": "refractory_density",
    "WhiteNoiseLIFIntervals": "white_noise_lif",
    "adjoint_eigenfunction": "eigenfunctions",
    "couplings": "mode_coupling",
    "current_response": "linear_response",
    "dead_time_coupling": "mode_coupling",
    "dead_time_eigenvalue_slope": "mode_coupling",
    "dead_time_response": "linear_response",
    "density_eigenfunction": "eigenfunctions",
    "eigenmode_activity": "eigenmode_model",
    "eigenmodes": "modes",
    "estimated_spectrum": "measured_spectra",
    "expected_spectrum": "measured_spectra",
    "hazard_response": "linear_response",
    "integral_equation_spectrum": "spectra",
    "langevin": "langevin_equation",
    "langevin_spectrum": "spectra",
    "mode_coefficients": "mode_table",
    "naive_spectrum": "spectra",
    "overlap": "eigenfunctions",
    "renewal_spectrum": "spectra",
    "stationary_mode": "modes",
}
__all__ = [
    "AgeGrid",
    "DeadTimeIntervals",
    "Eigenmode",
    "EigenmodeActivity",
    "EscapeNoiseIntervals",
    "EstimatedSpectrum",
    "GaussianIntervals",
    "Intervals",
    "InverseGaussianIntervals",
    "LangevinRun",
    "ModeCoefficients",
    "ModeTable",
    "RefractoryDensity",
    "WhiteNoiseLIFIntervals",
    "adjoint_eigenfunction",
    "couplings",
    "current_response",
    "dead_time_coupling",
    "dead_time_eigenvalue_slope",
    "dead_time_response",
    "density_eigenfunction",
    "eigenmode_activity",
    "eigenmodes",
    "estimated_spectrum",
    "expected_spectrum",
    "hazard_response",
    "integral_equation_spectrum",
    "langevin",
    "langevin_spectrum",
    "mode_coefficients",
    "naive_spectrum",
    "overlap",
    "renewal_spectrum",
    "stationary_mode",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
