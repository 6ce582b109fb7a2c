"""The first-passage time of the Ricciardi transfer function, over the whole plane of its two bounds.

What is computed (Ekelmans et al. 2023, Eq 9; Ricciardi 1977; Siegert 1951):

    I(b, w) = ∫_{b-w}^{b} f(z) dz,     f(z) = erfcx(-z) = exp(z²)(1 + erf z),

b the scaled distance of the threshold and w > 0 the scaled distance from reset to threshold. For b > 0 the
integral grows like exp(b²) and overflows at b ≈ 26.6, so every function here returns it divided by
exp(max(b, 0)²). No formula is good everywhere; the regimes, with what fails without them:

narrow      w small against the length on which f changes: the closed forms below subtract nearly equal
            numbers, so six Gauss-Legendre nodes are used (truncation error below 3e-15).
below       b ≤ 0: I = G(w - b) - G(-b), G(x) = ∫_0^x erfcx. √π G(x) = log1p(x) + R(x) with R bounded, and the
            difference of the two logarithms is log1p(w/(1 - b)), without cancellation even at x = 1e300.
straddling  b > 0 ≥ b - w: erfcx(-z) = 2 exp(z²) - erfcx(z), and ∫_0^b exp(z²) dz = exp(b²) D(b) with D Dawson's
            function: I = 2 exp(b²) D(b) - G(b) + G(w - b).
above       b - w > 0: as straddling with 2 exp(a²) D(a) - G(a) taken off, a = b - w; after scaling,
            exp(a² - b²) = exp(-w(2b - w)), which needs no difference of squares.

The formulas are written with arithmetic and ufuncs only, so the same lines serve arrays and single floats.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import dawsn, erfc, erfcx

SQRT_PI = math.sqrt(math.pi)

# Farther from threshold than this, in units of σ√τ, 1/y² is below rounding: the noiseless formulas are exact.
FAR = 1e8
_UNREACHABLE = 1e154  # b² must not overflow
_ORDINARY = (1e-140, 1e140)
_VELTKAMP = 134217729.0  # 2**27 + 1

# Below this ratio of w to the length on which f changes, quadrature replaces differences.
_NARROW = 0.25
_NODES = tuple(
    (0.5 * (float(node) + 1.0), 0.5 * float(weight))
    for node, weight in zip(*np.polynomial.legendre.leggauss(6), strict=True)
)

# R(x) = √π ∫_0^x erfcx(t) dt - log1p(x) as a polynomial in (p - x)/(p + x), p = 2.25: the Chebyshev
# interpolant of degree 23 for x in [0, ∞), written in powers (highest first). Truncation error 2.3e-17. In
# this variable the singularity at x = -1 lies at 2.6, so the powers are as well conditioned as the Chebyshev
# polynomials. tests/oracle/test_transfer.py checks it against mpmath.
_REMAINDER_PIVOT = 2.25
_REMAINDER = (
    5.003586465579948e-10,
    -4.316307253722835e-11,
    -4.345207127807849e-09,
    3.874823538535288e-09,
    1.877402294793953e-08,
    -3.193404572111547e-08,
    -2.2622213395325226e-08,
    1.86749696578796e-07,
    -1.0480550133869747e-07,
    -4.4690744049671764e-07,
    1.823085640767345e-06,
    1.626760120746325e-06,
    -6.582537745196809e-06,
    1.2860409009268405e-05,
    7.031442299581516e-05,
    -1.410928244127227e-05,
    -0.00015176536481850095,
    0.0011595571863520936,
    0.005072159190239164,
    0.002834724476637794,
    -0.03731697007504154,
    -0.17086095251247319,
    -0.4585463727280861,
    0.6577440877282796,
)

# From here on the alternating asymptotic series of erfcx, cut at its smallest term, is exact in double
# precision, while 1 - √π x erfcx(x) formed by subtraction loses 2x² units in the last place.
_ASYMPTOTIC = 7.0
_ASYMPTOTIC_TERMS = 24


def log_remainder(x):
    """R(x) = √π ∫_0^x erfcx(t) dt - log1p(x), for x ≥ 0 (array or float). Absolute error below 4e-16."""
    t = (_REMAINDER_PIVOT - x) / (_REMAINDER_PIVOT + x)
    value = _REMAINDER[0] * t + _REMAINDER[1]
    for coefficient in _REMAINDER[2:]:
        value = value * t + coefficient
    return value


def erfcx_defect(x):
    """k(x) = 1 - √π x erfcx(x) for x ≥ 0 (array or float), relative error below 1e-13; k(x) → 1/(2x²)."""
    if isinstance(x, np.ndarray):
        value = 1.0 - SQRT_PI * x * erfcx(x)
        large = x >= _ASYMPTOTIC
        if large.any():
            value[large] = _defect_series(x[large])
        return value
    return _defect_series(x) if x >= _ASYMPTOTIC else 1.0 - SQRT_PI * x * float(erfcx(x))


def _defect_series(x):
    """k(x) for large x: 1 - k = Σ (-1)ⁿ (2n-1)!!/(2x²)ⁿ, by Horner's rule."""
    u = 0.5 / x / x
    value = 1.0 + 0.0 * u
    for n in range(_ASYMPTOTIC_TERMS, 1, -1):
        value = 1.0 - (2 * n - 1) * u * value
    return u * value


def _curvature_below(x):
    """f(-x) - (2/√π) x k(x) = f''(-x)/2 for x ≥ 0: the derivative of z f(z), without cancellation at large x."""
    if isinstance(x, np.ndarray):
        value = erfcx(x) - (2.0 / SQRT_PI) * x * erfcx_defect(x)
        large = x >= _ASYMPTOTIC
        if large.any():
            value[large] = _curvature_series(x[large])
        return value
    if x >= _ASYMPTOTIC:
        return _curvature_series(x)
    return float(erfcx(x)) - (2.0 / SQRT_PI) * x * erfcx_defect(x)


def _curvature_series(x):
    """f''(-x)/2 for large x: Σ (-1)ⁿ (2n+1)!! (n+1) / (√π 2ⁿ x^{2n+3}), by Horner's rule."""
    u = 0.5 / x / x
    value = 1.0 + 0.0 * u
    for n in range(_ASYMPTOTIC_TERMS, 0, -1):
        value = 1.0 - (2 * n + 1) * (n + 1) / n * u * value
    return value * 2.0 * u / x / SQRT_PI


def _narrow_below(x, w, slopes):
    """b = -x ≤ 0 and w small against 1 + x."""
    total = first = second = 0.0
    for node, weight in _NODES:
        y = x + w * node
        total = total + weight * erfcx(y)
        if slopes:
            first = first + weight * erfcx_defect(y)
            second = second + weight * _curvature_below(y)
    return w * total, w * first * (2.0 / SQRT_PI), w * second


def _narrow_above(b, w, slopes):
    """b > 0 and w small against 1/(1 + 2b); the lower bound may be slightly negative."""
    total = first = second = 0.0
    scale = np.exp(-b * b) if slopes else 0.0
    for node, weight in _NODES:
        s = w * node
        z = b - s
        value = erfc(-z) * np.exp(-s * (b + z))
        total = total + weight * value
        if slopes:
            slope = 2.0 * z * value + (2.0 / SQRT_PI) * scale
            first = first + weight * slope
            second = second + weight * (value + z * slope)
    return w * total, w * first, w * second


def _wide_below(x, w, slopes):
    """b = -x ≤ 0, w of the order of 1 + x or larger."""
    lower = x + w
    total = (np.log1p(w / (1.0 + x)) + (log_remainder(lower) - log_remainder(x))) / SQRT_PI
    if not slopes:
        return total, 0.0, 0.0
    return total, erfcx(x) - erfcx(lower), (erfcx_defect(x) - erfcx_defect(lower)) / SQRT_PI


def _straddling(b, w, slopes):
    """b > 0 ≥ b - w."""
    lower = w - b
    decay = np.exp(-b * b)
    difference = np.log1p(lower) - np.log1p(b) + (log_remainder(lower) - log_remainder(b))
    total = 2.0 * dawsn(b) + decay * difference / SQRT_PI
    if not slopes:
        return total, 0.0, 0.0
    at_threshold = erfc(-b)
    at_reset = decay * erfcx(lower)
    return total, at_threshold - at_reset, b * at_threshold + lower * at_reset


def _above(b, w, slopes):
    """b - w > 0."""
    lower = b - w
    decay = np.exp(-b * b)
    ratio = np.exp(-w * (b + lower))
    difference = np.log1p(w / (1.0 + lower)) + (log_remainder(b) - log_remainder(lower))
    total = 2.0 * (dawsn(b) - ratio * dawsn(lower)) - decay * difference / SQRT_PI
    if not slopes:
        return total, 0.0, 0.0
    at_threshold = erfc(-b)
    at_reset = ratio * erfc(-lower)
    return total, at_threshold - at_reset, b * at_threshold - lower * at_reset


def scaled_integral(b, w, slopes=False):
    """I(b, w) exp(-max(b, 0)²) and, with ``slopes``, its two derivatives scaled alike.

    Parameters
    ----------
    b : float, or array of shape (m,): upper bound (Θ - μτ)/(σ√τ), finite, |b| < 1e154.
    w : float, or array of shape (m,): width (Θ - V_R)/(σ√τ), finite, > 0.

    Returns
    -------
    integral, difference_f, difference_zf : each float or array of shape (m,); the last two are
        f(b) - f(b-w) and b f(b) - (b-w) f(b-w), scaled alike, or 0.0 without ``slopes``.
    """
    if not isinstance(b, np.ndarray):
        if b <= 0.0:
            branch = _narrow_below if w <= _NARROW * (1.0 - b) else _wide_below
            return branch(-b, w, slopes)
        if w * (1.0 + 2.0 * b) <= _NARROW:
            return _narrow_above(b, w, slopes)
        return (_above if w < b else _straddling)(b, w, slopes)
    below = b <= 0.0
    narrow = w * (1.0 + np.abs(b) * np.where(below, 0.0, 2.0)) <= _NARROW * (1.0 + np.where(below, -b, 0.0))
    result = tuple(np.zeros_like(b) for _ in range(3 if slopes else 1))
    reset_above = ~below & ~narrow & (w < b)
    regimes = (
        (below & narrow, _narrow_below, True),
        (below & ~narrow, _wide_below, True),
        (~below & narrow, _narrow_above, False),
        (reset_above, _above, False),
        (~below & ~narrow & ~reset_above, _straddling, False),
    )
    for mask, branch, mirrored in regimes:
        if not mask.any():
            continue
        bound = b[mask]
        values = branch(-bound if mirrored else bound, w[mask] if isinstance(w, np.ndarray) else w, slopes)
        for target, value in zip(result, values, strict=False):
            target[mask] = value
    return result if slopes else (result[0], 0.0, 0.0)


def _two_sum(a, b):
    """a + b = s + e exactly (Knuth)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def two_product(a, b):
    """a b = p + e exactly (Dekker, Veltkamp), for magnitudes below 1e290."""
    p = a * b
    t = _VELTKAMP * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = _VELTKAMP * b
    b_high = t - (t - b)
    b_low = b - b_high
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


def _distance(mu, tau, threshold):
    """Θ - μτ as an unevaluated sum of two floats."""
    product, product_low = two_product(mu, tau)
    distance, low = _two_sum(threshold, -product)
    return _two_sum(distance, low - product_low)


def _compensated(mu, sigma, tau, threshold):
    """b = (Θ - μτ)/(σ√τ) rounded, and b² as a sum of two floats."""
    distance, distance_low = _distance(mu, tau, threshold)
    root = np.sqrt(tau)
    square, square_low = two_product(root, root)
    scale, scale_low = two_product(sigma, root)
    scale_low = scale_low + sigma * ((tau - square) - square_low) / (2.0 * root)
    b = distance / scale
    product, product_low = two_product(b, scale)
    b_low = (((distance - product) - product_low) + distance_low - b * scale_low) / scale
    square, square_low = two_product(b, b)
    return b, square, square_low + 2.0 * b * b_low


def scaled_passage(mu, sigma, tau, threshold, reset, slopes=False):
    """The mean first-passage time T from reset to threshold, scaled so that it neither over- nor underflows.

    Returns (E, e, T exp(-E), -∂T/∂μ exp(-E), -∂T/∂σ exp(-E)), where E + e = max(y_Θ, 0)², E ≥ 0, |e| tiny; the
    slopes are 0.0 unless asked for. Either every argument is a checked float, or ``mu`` is an array of shape
    (m,) and the others are floats or such arrays. T is inf (and E = 0) where threshold is never reached.
    """
    scale = sigma * np.sqrt(tau)
    width = np.divide(threshold - reset, scale)
    plain = np.divide(threshold - mu * tau, scale)
    if not isinstance(mu, np.ndarray):
        if not (-FAR <= plain < _UNREACHABLE and width < np.inf):
            return _noiseless(mu, sigma, tau, threshold, reset, slopes)
        if plain <= FAR and _is_ordinary(mu, sigma, tau, threshold):
            bound = map(float, _compensated(mu, sigma, tau, threshold))
        else:
            bound = float(plain), float(plain) ** 2, 0.0
        return _noisy(*bound, float(width), sigma, tau, slopes)
    near = (np.abs(plain) <= FAR) & _is_ordinary(mu, sigma, tau, threshold) & (width < np.inf)
    if near.all():
        return _noisy(*_compensated(mu, sigma, tau, threshold), width, sigma, tau, slopes)
    noisy = ~near & (plain >= -FAR) & (plain < _UNREACHABLE) & (width < np.inf)
    result = tuple(np.zeros(plain.shape) for _ in range(5))
    for mask, kind in ((near, "near"), (noisy, "noisy"), (~near & ~noisy, "noiseless")):
        if not mask.any():
            continue
        m, s, t, v, r, w = (x[mask] if np.ndim(x) else x for x in (mu, sigma, tau, threshold, reset, width))
        if kind == "noiseless":
            values = _noiseless(m, s, t, v, r, slopes)
        else:
            b = plain[mask]
            values = _noisy(
                *(_compensated(m, s, t, v) if kind == "near" else (b, b * b, 0.0)), w, s, t, slopes
            )
        for target, value in zip(result, values, strict=True):
            target[mask] = value
    return result


def _noisy(b, exponent, low, width, sigma, tau, slopes):
    integral, difference_f, difference_zf = scaled_integral(b, width, slopes)
    factor = tau * SQRT_PI
    above = b > 0.0  # mean input below threshold
    if slopes:
        difference_f = difference_f * factor * (np.sqrt(tau) / sigma)
        difference_zf = difference_zf * factor / sigma
    return exponent * above, low * above, factor * integral, difference_f, difference_zf


def _noiseless(mu, sigma, tau, threshold, reset, slopes):
    """σ → 0: T = τ ln((μτ - V_R)/(μτ - Θ)), and -∂T/∂σ to first order in σ."""
    distance, low = _distance(mu, tau, threshold)
    distance = np.where(np.isfinite(low), distance + low, threshold - mu * tau)
    excess = -distance
    fires = excess > 0.0
    excess = np.where(fires, excess, 1.0)
    span = threshold - reset
    passage = np.where(fires, tau * np.log1p(span / excess), np.inf)
    zero = np.zeros_like(passage)
    if not slopes:
        return _unwrap(zero, zero, passage, zero, zero)
    total = excess + span
    never = np.where((distance == 0.0) & (np.asarray(sigma) == 0.0), np.inf, 0.0)
    slope_mu = np.where(fires, tau * (tau / excess) * (span / total), never)
    slope_sigma = 0.5 * sigma * tau * (tau / excess) * (span / total) * (1.0 / excess + 1.0 / total)
    return _unwrap(zero, zero, passage, slope_mu, np.where(fires, slope_sigma, never))


def _unwrap(*values):
    return tuple(value if value.ndim else float(value) for value in values)


def _is_ordinary(*values):
    """Where products and their errors can be formed without over- or underflow: a bool, or a mask."""
    smallest, largest = _ORDINARY
    ordinary = True
    for value in values:
        if isinstance(value, np.ndarray):
            magnitude = np.abs(value)
            if magnitude.max() > largest or magnitude.min() < smallest:
                ordinary = ordinary & (((magnitude >= smallest) & (magnitude <= largest)) | (value == 0.0))
        elif not (smallest <= abs(value) <= largest or value == 0.0):
            return False
    return ordinary
