"""What a run shows: a live screen where there is a terminal, plain lines where there is none."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gameday.cli.day import Wishes
    from gameday.clock import Clock
    from gameday.journal.events import Event
    from gameday.plan import Plan


class Display(Protocol):
    """Something that is told of each event."""

    def event(self, event: Event) -> None:
        """One more event; returns at once."""
        ...

    def close(self) -> None:
        """Show the last of it, and give the terminal back."""
        ...


def open_display(plan: Plan, clock: Clock, run_dir: Path, wishes: Wishes) -> Display:
    """The display that fits this terminal and these wishes."""
    if not wishes.plain and sys.stdout.isatty():
        from rich.console import Console

        from gameday.cli.screen import LiveScreen

        keyboard = sys.stdin.fileno() if sys.stdin.isatty() and not wishes.unattended else None
        return LiveScreen(plan, clock, run_dir, Console(), keyboard)
    from gameday.cli.plain import PlainLines

    return PlainLines(plan, sys.stderr if wishes.quiet else sys.stdout)
