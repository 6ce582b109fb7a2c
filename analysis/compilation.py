"""Loops written as plain Python functions, compiled where numba is installed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

__all__ = ["compiled_last"]


def compiled_last(functions: Sequence[Callable[..., Any]], otherwise: str | None = None) -> Callable[..., Any] | None:
    """The last of ``functions`` compiled with the others that it calls, each listed after those it calls itself.

    The functions themselves stay uncompiled. They may be of several modules; each sees the constants of its own. None
    where numba is not installed; a warning then says what happens ``otherwise``, if that is given.
    """
    try:
        import numba
    except ImportError:
        if otherwise is not None:
            warnings.warn(f"numba is not installed: {otherwise}", stacklevel=3)
        return None
    spaces = {id(one.__globals__): dict(one.__globals__) for one in functions}
    compiled = None
    for function in functions:
        own = FunctionType(function.__code__, spaces[id(function.__globals__)], function.__name__)
        compiled = numba.njit(own, error_model="numpy")
        for space in spaces.values():
            if space.get(function.__name__) is function:
                space[function.__name__] = compiled
    return compiled
