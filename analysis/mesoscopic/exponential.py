"""Exponentials in plain additions and multiplications, which compilers turn into vector instructions.

The library's exp is called number by number and would take most of the time of a step. Here e^x = 2^k e^r with
k = round(x/ln 2), |r| <= ln(2)/2: a polynomial gives e^r - 1 to a relative 2e-14, and 2^k is made of the bits of k.
The functions are plain Python and are compiled with those of :mod:`.step`.
"""

from __future__ import annotations

import math

import numpy as np

_PER_OCTAVE = 1.0 / math.log(2.0)
# Added to a number, it leaves the nearest whole number in the lowest bits of the mantissa.
_ROUNDING = 1.5 * 2.0**52
# ln 2 in two parts; the first has so few digits that its products with k are exact.
_OCTAVE, _OCTAVE_REST = 0.6931471803691238, 1.9082149292705877e-10


def split_exponent(x: float) -> tuple[float, float]:
    """(the rounded exponent of 2 in its low bits, r) of e^x, |x| at most 700."""
    power = x * _PER_OCTAVE + _ROUNDING
    octaves = power - _ROUNDING
    return power, (x - octaves * _OCTAVE) - octaves * _OCTAVE_REST


def to_powers_of_two(bits: np.ndarray) -> None:
    """Turns, in place, the bits of the first results of :func:`split_exponent` into those of 2^k."""
    for i in range(len(bits)):
        bits[i] = (bits[i] + 1023) << 52


def polynomial_expm1(r: float) -> float:
    """e^r - 1 for |r| <= ln(2)/2, Taylor's polynomial of degree 11."""
    tail = 1 / 5040 + r * (1 / 40320 + r * (1 / 362880 + r * (1 / 3628800 + r * (1 / 39916800))))
    return r * (1.0 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r * tail))))))
