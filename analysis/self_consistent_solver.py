"""All self-consistent states of coupled populations of integrate-and-fire neurons in a box of rates, with proof.

A state solves ν_X = Φ(μ_X, σ_X, τ_X) for every population X (Ekelmans et al. 2023, Eqs 9, 12 and 14), with

    μ_X = Σ_Y s_Y J_XY ν_Y + μ_ext,X,      σ_X² = σ_ext,X² + Σ_Y (j J)_XY ν_Y.

The solver halves boxes of rates, throws away those that provably hold no state, and settles those that provably
hold at most one. Write b = (Θ - μτ)/(σ√τ), w = (Θ - V_R)/(σ√τ), f(z) = exp(z²)(1 + erf z), I = ∫_{b-w}^b f dz.
What makes the bounds tight is that all of the following are monotone, so that corners of a box bound them:

- Φ grows with μ (f > 0) and with σ: ∂Φ/∂σ ∝ b f(b) - (b-w) f(b-w), and z f(z) grows: its slope at z = -x is
  (1 + 2x²) erfcx(x) - 2x/√π > 0.
- ∂ ln I/∂b = (f(b) - f(b-w))/I is the mean of f'/f over [b-w, b] with weight f. f is a mixture of exponentials
  exp(2tz), t > 0, hence log-convex: f'/f grows with z, and a larger b at equal w moves weight to larger z. The mean
  grows with b and falls with w.
- (b f(b) - (b-w) f(b-w))/I is the mean of 1 + z f'/f with the same weight. For z > 0 it grows as f'/f does; at
  z = -x it is 1 - E[2s] with s of density ∝ exp(-2s - s²/x²), s > 0, and E[2s] grows with x. So again the mean grows
  with b and falls with w.

Floating-point errors are covered by relative pads larger than the errors of `transfer` (not by directed rounding).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .erfcx_integral import scaled_integral
from .transfer import rate, rate_derivatives

__all__ = ["Coupling", "SelfConsistentRoots", "find_states", "jacobian"]

_RATE_PAD = 2e-13  # relative; errors of Φ are below 1e-14
_INPUT_PAD = 1e-14  # relative to the sum of magnitudes; rounding of μ, σ² and b
_SLOPE_PAD = 1e-10
_UNDERFLOW = 1e-306  # Hz; below, floats lose relative precision
_SMALLEST_WIDTH = 1e-8  # relative to 1 Hz + rate; narrower boxes are not halved further
_MOST_BOXES = 400_000


@dataclass(frozen=True, eq=False)
class Coupling:
    """Coupled populations, n of them; index [target, source].

    Attributes
    ----------
    populations : names, length n.
    signs : (n,) +1 for an excitatory source population, -1 for an inhibitory one.
    weights : (n, n) J ≥ 0, mV: change of μ_X in mV/s per Hz of Y, without sign (Eq 13).
    variances : (n, n) j J ≥ 0, mV²: change of σ_X² per Hz of Y (Eq 12).
    sigma : (n,) or float, external noise, mV/√s, ≥ 0.
    tau : (n,) or float, s. threshold, reset : (n,) or float, mV. refractory : (n,) or float, s.

    Raises ValueError on wrong shapes, signs or ranges.
    """

    populations: tuple[str, ...]
    signs: np.ndarray
    weights: np.ndarray
    variances: np.ndarray
    sigma: np.ndarray
    tau: np.ndarray
    threshold: np.ndarray = 1.0
    reset: np.ndarray = 0.0
    refractory: np.ndarray = 0.0

    def __post_init__(self):
        object.__setattr__(self, "populations", tuple(self.populations))
        n = len(self.populations)
        for name in ("signs", "weights", "variances", "sigma", "tau", "threshold", "reset", "refractory"):
            given = np.asarray(getattr(self, name), float)
            shape = (n, n) if name in ("weights", "variances") else (n,)
            if given.shape != shape and (given.ndim or name in ("signs", "weights", "variances")):
                raise ValueError(f"{name} has shape {given.shape}; expected {shape} for {n} populations")
            value = np.broadcast_to(given, shape).copy()
            if not np.isfinite(value).all():
                raise ValueError(f"{name} contains values that are not finite: {value.tolist()}")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if not np.isin(self.signs, (-1.0, 1.0)).all():
            raise ValueError(f"signs must be +1 (excitatory) or -1 (inhibitory), got {self.signs.tolist()}")
        for name in ("weights", "variances"):
            if (getattr(self, name) < 0).any():
                raise ValueError(
                    f"{name} must be ≥ 0 (signs says who inhibits), got {getattr(self, name).tolist()}"
                )
        rate(0.0, self.sigma, self.tau, self.threshold, self.reset, self.refractory)  # checks the ranges

    @property
    def neuron(self):
        """The arguments of `transfer.rate` after μ and σ: (tau, threshold, reset, refractory), each (n,)."""
        return self.tau, self.threshold, self.reset, self.refractory

    def inputs(self, rates, mu_ext):
        """Mean input (mV/s) and noise amplitude (mV/√s), each of the shape (..., n) of ``rates`` (Hz)."""
        mu = rates @ (self.weights * self.signs).T + mu_ext
        return mu, np.sqrt(self.sigma**2 + rates @ self.variances.T)


@dataclass(frozen=True, eq=False)
class SelfConsistentRoots:
    """The states found, and whether they are all.

    Attributes
    ----------
    rates : (k, n), Hz, ordered by the rate of the first population. Every row is proven to be within 1e-6
        (relative; away from folds 1e-11) of exactly one state; 0.0 stands for a rate below 1e-306 Hz.
    complete : no other state has all rates in [0, maximum_rate].
    reason : how that is known, or why not and where.
    boxes_examined : work done.
    """

    rates: np.ndarray
    complete: bool
    reason: str
    boxes_examined: int


def jacobian(coupling, rates, mu_ext):
    """∂Φ_X/∂ν_Y = s_Y J_XY ∂Φ/∂μ + (j J)_XY/(2σ_X) ∂Φ/∂σ at ``rates``.

    Parameters
    ----------
    coupling : Coupling of n populations.
    rates : (..., n), Hz. mu_ext : (n,) or (..., n), mV/s.

    Returns
    -------
    (..., n, n), dimensionless, index [target, source].
    """
    mu, sigma = coupling.inputs(np.asarray(rates, float), np.asarray(mu_ext, float))
    # ∂Φ/∂σ ∝ σ as σ → 0, so the quotient at the smallest σ is its limit.
    sigma = np.maximum(sigma, 1e-100)
    by_mu, by_sigma = rate_derivatives(mu, sigma, *coupling.neuron)
    signed = coupling.weights * coupling.signs
    return by_mu[..., None] * signed + (by_sigma / (2.0 * sigma))[..., None] * coupling.variances


def find_states(coupling, mu_ext, maximum_rate=100.0):
    """All states ν = Φ(ν) with every rate in [0, ``maximum_rate``].

    Parameters
    ----------
    coupling : Coupling of n populations (fast and well tested for n = 2; the work grows steeply with n).
    mu_ext : (n,) external mean input, mV/s.
    maximum_rate : Hz, > 0.

    Returns
    -------
    SelfConsistentRoots

    Raises
    ------
    ValueError : mu_ext has another shape or is not finite, or maximum_rate is not a finite positive number.
    """
    n = len(coupling.populations)
    mu_ext = np.asarray(mu_ext, float)
    if mu_ext.shape != (n,) or not np.isfinite(mu_ext).all():
        raise ValueError(
            f"mu_ext must be {n} finite numbers in mV/s, one per population, got {mu_ext.tolist()}"
        )
    if not (np.isfinite(maximum_rate) and maximum_rate > 0):
        raise ValueError(f"maximum_rate={maximum_rate!r}; expected a finite rate above 0, in Hz")
    low, high = np.zeros((1, n)), np.full((1, n), float(maximum_rate))
    found, undecided, examined = [], [], 0
    with np.errstate(all="ignore"):
        while len(low):
            examined += len(low)
            if examined > _MOST_BOXES:
                undecided.extend(zip(low, high, strict=True))
                break
            before = high - low
            low, high, before = _contract(coupling, mu_ext, low, high, before)
            image, spread, slopes, regular = _krawczyk(coupling, mu_ext, low, high)
            usable = np.isfinite(image).all(1) & np.isfinite(spread).all(1)
            low = np.where(usable[:, None], np.maximum(low, image - spread), low)
            high = np.where(usable[:, None], np.minimum(high, image + spread), high)
            keep = (low <= high).all(1)
            settled = np.zeros(len(low), bool)
            for i in np.flatnonzero(keep & (regular | ((high - low).max(1) <= 1e-300))):
                state = _settle(coupling, mu_ext, low[i], high[i])
                if state is not None:
                    settled[i] = True
                    if not any(_same(coupling, mu_ext, state, other) for other in found):
                        found.append(state)
            keep &= ~settled
            small = (high - low <= _SMALLEST_WIDTH * (1.0 + low)).all(1)
            undecided.extend(zip(low[keep & small], high[keep & small], strict=True))
            keep &= ~small
            low, high = _halve(low[keep], high[keep], before[keep], slopes[keep])
    rates = np.array([state[0] for state in found]).reshape(-1, n)
    rates = rates[np.lexsort(rates.T[::-1])]
    rates[rates < _UNDERFLOW] = 0.0
    return SelfConsistentRoots(rates, not undecided, _reason(undecided, examined, maximum_rate), examined)


def _reason(undecided, examined, maximum_rate):
    if not undecided:
        return f"branch and bound over all rates from 0 to {maximum_rate:g} Hz left no box undecided"
    low = np.min([box[0] for box in undecided], axis=0)
    high = np.max([box[1] for box in undecided], axis=0)
    where = ", ".join(f"{a:.9g} to {b:.9g} Hz" for a, b in zip(low, high, strict=True))
    if examined > _MOST_BOXES:
        return f"stopped after {examined} boxes; undecided within {where}"
    return f"{len(undecided)} boxes of the smallest width are undecided, as close to a fold, within {where}"


def _rate_bounds(coupling, mu_ext, low, high):
    """Bounds of Φ, μ and σ over boxes: three pairs of arrays of shape (m, n)."""
    signed = coupling.weights * coupling.signs
    positive, negative = np.maximum(signed, 0.0).T, np.minimum(signed, 0.0).T
    pad = _INPUT_PAD * (high @ coupling.weights.T + np.abs(mu_ext))
    mu = low @ positive + high @ negative + mu_ext - pad, high @ positive + low @ negative + mu_ext + pad
    sigma = tuple(
        np.sqrt(coupling.sigma**2 + x @ coupling.variances.T) * (1.0 + sign * _INPUT_PAD)
        for x, sign in ((low, -1.0), (high, 1.0))
    )
    lower = rate(mu[0], sigma[0], *coupling.neuron) * (1.0 - _RATE_PAD)
    upper = rate(mu[1], sigma[1], *coupling.neuron)
    upper = upper * (1.0 + _RATE_PAD) + np.where((upper < 1e-290) & (sigma[1] > 0.0), _UNDERFLOW, 0.0)
    return (np.where(lower < 1e-290, 0.0, lower), upper), mu, sigma


def _contract(coupling, mu_ext, low, high, before):
    """Boxes cut to ν_X ∈ Φ_X(box), twice; boxes left empty are dropped."""
    for _ in range(2):
        (lower, upper), _, _ = _rate_bounds(coupling, mu_ext, low, high)
        low, high = np.maximum(low, lower), np.minimum(high, upper)
        keep = (low <= high).all(1)
        low, high, before = low[keep], high[keep], before[keep]
    return low, high, before


def _slope_bounds(coupling, mu_ext, low, high):
    """Bounds of ∂Φ_X/∂ν_Y over boxes, each (m, n, n); infinite where σ reaches 0."""
    phi, mu, sigma = _rate_bounds(coupling, mu_ext, low, high)
    tau, threshold, reset, refractory = coupling.neuron
    root = np.sqrt(tau)
    gap = threshold - mu[1] * tau, threshold - mu[0] * tau
    width = (threshold - reset) / (sigma[1] * root), (threshold - reset) / (sigma[0] * root)
    near = gap[0] / (np.where(gap[0] >= 0, sigma[1], sigma[0]) * root)
    far = gap[1] / (np.where(gap[1] >= 0, sigma[0], sigma[1]) * root)
    scale = np.abs(mu[0]) * tau + np.abs(mu[1]) * tau + np.abs(threshold)
    slack = 1e-14 * (scale / (sigma[0] * root) + np.abs(near) + np.abs(far))
    possible = np.isfinite(near) & np.isfinite(far) & np.isfinite(width[1]) & (far < 1e150) & (near > -1e150)
    safe = [np.where(possible, x, 1.0).ravel() for x in (near - slack, width[1], far + slack, width[0])]
    at_near = scaled_integral(safe[0], safe[1], slopes=True)
    at_far = scaled_integral(safe[2], safe[3], slopes=True)
    # ∂Φ/∂ν = Φ (1 - t_ref Φ) × logarithmic slope of the passage time.
    ends = [x * np.maximum(1.0 - refractory * x, 0.0) for x in phi]
    top = (refractory * phi[0] <= 0.5) & (refractory * phi[1] >= 0.5)
    factor = np.minimum(*ends), np.where(top, 0.25 / np.maximum(refractory, 1e-300), np.maximum(*ends))
    bounds = []
    for part, unit in ((1, root), (2, 1.0)):
        smallest = (at_near[part] / at_near[0]).reshape(near.shape) * unit * (1.0 - _SLOPE_PAD)
        largest = (at_far[part] / at_far[0]).reshape(near.shape) * unit * (1.0 + _SLOPE_PAD)
        power = 1 if part == 1 else 2  # ∂/∂μ carries 1/σ, ∂/∂σ times 1/(2σ) carries 1/(2σ²)
        bounds.append(
            (
                np.where(possible, factor[0] * np.maximum(smallest, 0.0) / (power * sigma[1] ** power), 0.0),
                np.where(possible, factor[1] * largest / (power * sigma[0] ** power), np.inf),
            )
        )
    (mu_low, mu_high), (noise_low, noise_high) = bounds
    positive = np.maximum(coupling.weights * coupling.signs, 0.0)
    negative = np.minimum(coupling.weights * coupling.signs, 0.0)
    variances = coupling.variances
    lower = mu_low[..., None] * positive + mu_high[..., None] * negative + noise_low[..., None] * variances
    upper = mu_high[..., None] * positive + mu_low[..., None] * negative + noise_high[..., None] * variances
    return lower, upper


def _krawczyk(coupling, mu_ext, low, high):
    """Krawczyk's operator for ν - Φ(ν) on boxes.

    Returns its centre and radius (m, n), the largest |slopes| of ν - Φ (m, n, n), and whether all matrices
    1 - ∂Φ/∂ν of the box are regular with one approximate inverse, so that it holds at most one state.
    """
    n = low.shape[1]
    centre, radius = 0.5 * (low + high), 0.5 * (high - low) * (1.0 + 1e-15)
    slope_low, slope_high = _slope_bounds(coupling, mu_ext, low, high)
    middle = np.eye(n) - 0.5 * (slope_low + slope_high)
    half = 0.5 * (slope_high - slope_low)
    good = np.isfinite(middle).all((1, 2)) & np.isfinite(half).all((1, 2))
    middle = np.where(good[:, None, None], middle, np.eye(n))
    inverse, solvable = _scaled_inverse(middle, high)
    good &= solvable
    size = np.abs(inverse)
    # Rounding is bounded entry by entry: an absolute bound would swamp rows that belong to tiny rates.
    rest = np.abs(np.eye(n) - inverse @ middle) + size @ (half + 1e-14 * np.abs(middle))
    phi, _, _ = _rate_bounds(coupling, mu_ext, centre, centre)
    residual = centre - 0.5 * (phi[0] + phi[1])
    doubt = 0.5 * (phi[1] - phi[0]) + 1e-15 * centre
    image = centre - (inverse @ residual[..., None])[..., 0]
    spread = (size @ doubt[..., None] + rest @ radius[..., None])[..., 0] + 1e-15 * np.abs(image)
    regular = np.zeros(len(low), bool)
    usable = good & np.isfinite(rest).all((1, 2))
    regular[usable] = np.abs(np.linalg.eigvals(rest[usable])).max(1) < 0.999
    image[~good] = np.nan
    return image, spread, np.abs(middle) + half, regular


def _scaled_inverse(matrix, rates):
    """Inverses of matrices (m, n, n), and which exist, computed in units of the rates (m, n).

    Rates may differ by a hundred orders of magnitude; without the scaling, pivoting would mix rounding errors of
    the large ones into the rows of the tiny ones.
    """
    unit = np.maximum(rates, 1e-300)
    ratio = unit[:, None, :] / unit[:, :, None]
    scaled = matrix * ratio
    exists = np.isfinite(scaled).all((1, 2))
    scaled = np.where(exists[:, None, None], scaled, np.eye(matrix.shape[1]))
    exists &= np.abs(np.linalg.det(scaled)) > 1e-300
    scaled = np.where(exists[:, None, None], scaled, np.eye(matrix.shape[1]))
    return np.linalg.inv(scaled) / ratio, exists


def _settle(coupling, mu_ext, low, high):
    """(state, low, high) of the one state in a box that holds at most one; None if none is found there."""
    point = 0.5 * (low + high)
    for _ in range(30):
        mu, sigma = coupling.inputs(point, mu_ext)
        residual = point - rate(mu, sigma, *coupling.neuron)
        matrix = np.eye(len(point)) - jacobian(coupling, point, mu_ext)
        inverse, solvable = _scaled_inverse(matrix[None], high[None])
        if not solvable[0]:
            break
        following = np.clip(point - inverse[0] @ residual, low, high)
        done = (np.abs(following - point) <= 1e-15 * point).all()
        point = following
        if done:
            break
    enclosure = _verify(coupling, mu_ext, point)
    if enclosure is None:
        return (point, low, high) if _is_silent(coupling, mu_ext, low, high) else None
    hull = np.minimum(low, enclosure[0]), np.maximum(high, enclosure[1])
    inside = (enclosure[0] <= high).all() and (enclosure[1] >= low).all()
    return (point, *enclosure) if inside and _is_regular(coupling, mu_ext, *hull) else None


def _is_silent(coupling, mu_ext, low, high):
    """Whether a box of width zero is mapped into itself: neurons without noise that do not fire at all."""
    (lower, upper), _, _ = _rate_bounds(coupling, mu_ext, low[None], high[None])
    return bool((high - low).max() <= 1e-300 and (lower[0] >= low).all() and (upper[0] <= high).all())


def _verify(coupling, mu_ext, point):
    """A tiny box around ``point`` which Krawczyk's operator maps into its interior: it holds exactly one state."""
    radius = 1e-11 * point + 10 * _UNDERFLOW
    for _ in range(12):
        # Rates are positive; a silent population's box may not extend below 0, which the map respects by itself.
        low, high = np.maximum(point - radius, 0.0), point + radius
        image, spread, _, regular = _krawczyk(coupling, mu_ext, low[None], high[None])
        lower, upper = np.maximum(image[0] - spread[0], 0.0), image[0] + spread[0]
        if regular[0] and ((lower > low) | (low == 0.0)).all() and (upper < high).all():
            return low, high
        needed = np.maximum(np.abs(image[0] - point) + spread[0], radius)
        radius = 1.5 * needed
        if not np.isfinite(radius).all() or (radius > 1e-6 * point + 1e-290).any():
            return None
    return None


def _is_regular(coupling, mu_ext, low, high):
    return bool(_krawczyk(coupling, mu_ext, low[None], high[None])[3][0])


def _same(coupling, mu_ext, one, other):
    """Whether two verified states are one: their common hull holds at most one."""
    return _is_regular(coupling, mu_ext, np.minimum(one[1], other[1]), np.maximum(one[2], other[2])) or bool(
        (one[0] == other[0]).all()
    )


def _halve(low, high, before, slopes):
    """Boxes that hardly shrank are halved where the residual varies most; the others are kept."""
    width = high - low
    # Infinite slopes (noise reaching 0) must not make every direction equal.
    weight = np.fmin(slopes, 1e3).max(1)
    importance = weight * width
    ready = importance.max(1) < 0.5 * (weight * before).max(1)
    split = np.flatnonzero(~ready)
    axis = importance[split].argmax(1)
    middle = 0.5 * (low[split, axis] + high[split, axis])
    left_high, right_low = high[split].copy(), low[split].copy()
    left_high[np.arange(len(split)), axis] = middle
    right_low[np.arange(len(split)), axis] = middle
    return np.concatenate([low[ready], low[split], right_low]), np.concatenate(
        [high[ready], left_high, high[split]]
    )
