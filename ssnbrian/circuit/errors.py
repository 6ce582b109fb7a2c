"""The errors a user can cause; each message says what was wrong, where, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SsnbrianError(Exception):
    """Base of all errors raised on purpose by ssnbrian."""


class InvalidInputError(SsnbrianError, ValueError):
    """Something the user gave is wrong."""


class UnitError(InvalidInputError):
    """A value has the wrong dimension or an unreadable unit."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence suggesting the known name closest to a mistyped one, or listing all of them."""
    known = list(known)
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if matches:
        return f"Did you mean '{matches[0]}'?"
    return f"Known: {', '.join(known)}." if known else "None is defined."
