"""Ways to reach people. ``terminal``: what waits for somebody stands on the run's own screen until it is done."""

from __future__ import annotations

from gameday.protocols import Prompt


class TerminalChannel:
    """The run's own terminal. The screen shows each prompt from the journal, so delivering it is to journal it; the
    receipt says no more than that."""

    name = "terminal"

    def deliver(self, prompt: Prompt) -> str:
        """Shown by whoever shows the journal."""
        return "on the screen of the run"
