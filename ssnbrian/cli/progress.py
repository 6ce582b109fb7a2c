"""Progress on standard error: a line that is rewritten on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import time


class TerminalProgress:
    """Shows the stage and the fraction done."""

    def __init__(self) -> None:
        self.stage = ""
        self.shown = -1.0
        self.started = time.monotonic()

    def __call__(self, stage: str, fraction: float) -> None:
        """Show it, if it differs enough from what is shown."""
        if stage != self.stage:
            self.finish()
            self.stage, self.shown, self.started = stage, -1.0, time.monotonic()
        step = 0.01 if sys.stderr.isatty() else 0.25
        if fraction < self.shown + step and not (fraction >= 1 > self.shown):
            return
        self.shown = fraction
        elapsed = time.monotonic() - self.started
        text = f"{stage}: {100 * fraction:3.0f} %  {elapsed:5.1f} s"
        if sys.stderr.isatty():
            print(f"\r{text}   ", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def finish(self) -> None:
        """End the line."""
        if self.stage and sys.stderr.isatty():
            print(file=sys.stderr, flush=True)
        self.stage = ""
