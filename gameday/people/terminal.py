"""The channels that lead nowhere else: what stands in the journal is shown on the run's screen and in the console."""

from __future__ import annotations

from gameday.protocols import Prompt


class TerminalChannel:
    """The run's own terminal. The screen shows each prompt from the journal, so delivering it is to journal it; the
    receipt says no more than that."""

    name = "terminal"

    def deliver(self, prompt: Prompt) -> str:
        """Shown by whoever shows the journal."""
        down = ", though the day says it is down" if self.name in prompt.without else ""
        return f"on the screen of the run{down}"


class ConsoleChannel:
    """The web console. It shows each prompt from the journal too; whether somebody looks is not known here."""

    name = "console"

    def deliver(self, prompt: Prompt) -> str:
        """Shown to whoever has the page of this role open."""
        return "on the console's page of the role"
