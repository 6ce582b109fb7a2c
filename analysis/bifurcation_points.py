"""Bifurcation points of a diagram, and the normal form of a Hopf point.

At a Hopf point with eigenvalue i omega, A q = i omega q, A^T p = -i omega p, <p, q> = 1, <q, q> = 1, the amplitude
obeys dz/dt = (alpha + i omega) z + c |z|² z; the first Lyapunov coefficient is

    l1 = Re c / omega,
    c = (<p, C(q, q, q*)> - 2 <p, B(q, A^-1 B(q, q*))> + <p, B(q*, (2 i omega - A)^-1 B(q, q))>) / 2,

with the second and third derivatives B, C of the dynamics: l1 < 0 supercritical (stable cycles on the unstable side),
l1 > 0 subcritical. Source: Kuznetsov, Elements of Applied Bifurcation Theory, section 5.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .bifurcation_equations import RateTheory, SSNEquations
from .continuation import Array


@dataclass(frozen=True)
class BifurcationPoint:
    """A fold or the silent border of a population: parameter value and rates (Hz) by population.

    ``kind`` is "fold" or "silent_border"; ``population`` is the one that falls silent.
    """

    kind: str
    value: float
    rates: Mapping[str, float]
    population: str | None = None


@dataclass(frozen=True)
class HopfPoint:
    """A Hopf point.

    Attributes
    ----------
    value, rates : parameter and rates (Hz) by population.
    frequency : omega / (2 pi) in Hz.
    first_lyapunov : l1 of the module text with rates in Hz, 1/Hz²; None where the derivatives are not known.
    criticality : "supercritical", "subcritical", "degenerate" or "unknown".
    """

    value: float
    rates: Mapping[str, float]
    frequency: float
    first_lyapunov: float | None
    criticality: str


Bilinear = Callable[[Array, Array], Array]
Trilinear = Callable[[Array, Array, Array], Array]


def first_lyapunov(A: Array, omega: float, B: Bilinear, C: Trilinear) -> float:
    """l1 of the module text; A real (n, n) with eigenvalues ± i omega, B and C the multilinear derivatives."""
    spectrum, vectors = np.linalg.eig(A)
    q = vectors[:, np.argmin(np.abs(spectrum - 1j * omega))]
    q = q / np.linalg.norm(q)
    adjoint, left = np.linalg.eig(A.T)
    p = left[:, np.argmin(np.abs(adjoint + 1j * omega))]
    p = p / np.conj(np.vdot(p, q))
    bar = np.conj(q)
    mean = np.linalg.solve(A, B(q, bar))
    double = np.linalg.solve(2j * omega * np.eye(len(A)) - A, B(q, q))
    cubic = np.vdot(p, C(q, q, bar)) - 2 * np.vdot(p, B(q, mean)) + np.vdot(p, B(bar, double))
    return float(cubic.real / (2 * omega))


def ssn_derivatives(equations: SSNEquations, x: Array, p: Sequence[float]) -> tuple[Bilinear, Trilinear]:
    """Second and third derivatives of d nu/dt of an SSN in the rates, where both populations are active."""
    J, tau = equations.signed_weights(p), equations.tau(p)
    second, third = (equations.drift_derivatives(x, p, order) / tau for order in (2, 3))
    return (lambda u, v: second * (J @ u) * (J @ v)), (lambda u, v, w: third * (J @ u) * (J @ v) * (J @ w))


def hopf_point(equations: RateTheory, x: Array, p: Sequence[float]) -> HopfPoint | None:
    """The Hopf point at a state whose eigenvalues have a pair with sum 0; None for a neutral saddle (a real pair)."""
    A = equations.linearisation(x, p)
    spectrum = np.linalg.eigvals(A)
    i, k = np.triu_indices(len(spectrum), 1)
    pair = int(np.argmin(np.abs(spectrum[i] + spectrum[k])))
    omega = abs(spectrum[i[pair]].imag)
    if omega <= 1e-9 * np.max(np.abs(A)):
        return None
    l1, word = None, "unknown"
    if isinstance(equations, SSNEquations) and np.all(equations.margins(x, p) > 0):
        l1 = first_lyapunov(A, omega, *ssn_derivatives(equations, x, p))
        word = "supercritical" if l1 < 0 else "subcritical" if l1 > 0 else "degenerate"
    rates = dict(zip(equations.populations, equations.rates(x, p).tolist(), strict=True))
    return HopfPoint(float(p[0]), rates, float(omega / (2 * np.pi)), l1, word)
