"""Progress of builds and runs, reported to whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with a stage ('compiling', 'simulating', ...) and the fraction done, from 0 to 1."""


def silent(stage: str, fraction: float) -> None:
    """Show nothing."""
