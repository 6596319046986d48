"""Ways to reach people. ``terminal``: what waits for somebody stands on the run's own screen until it is done."""

from __future__ import annotations

from collections.abc import Mapping

from gameday.protocols import Channel, Prompt


class TerminalChannel:
    """The run's own terminal. The screen shows each prompt from the journal, so delivering it is to journal it; the
    receipt says no more than that."""

    name = "terminal"

    def deliver(self, prompt: Prompt) -> str:
        """Shown by whoever shows the journal, also while the day says that nobody looks there."""
        down = ", though the day says it is down" if self.name in prompt.without else ""
        return f"on the screen of the run{down}"


class EveryChannel:
    """The terminal, and all that gameday.yaml names beside it. Each prompt goes once to each that the day does not say
    is down.

    One that fails says so in the receipt, which is journalled; it neither keeps the prompt from the others nor is it
    tried again, since a person who is told twice counts twice.
    """

    def __init__(self, terminal: Channel, others: Mapping[str, Channel]) -> None:
        self._terminal, self._others = terminal, dict(others)
        self.name = ", ".join([terminal.name, *self._others])

    def deliver(self, prompt: Prompt) -> str:
        """The receipts of all, with the name that gameday.yaml gives each."""
        said = [self._terminal.deliver(prompt)]
        said += [f"{name}: {_told(name, channel, prompt)}" for name, channel in self._others.items()]
        return "; ".join(said)


def _told(name: str, channel: Channel, prompt: Prompt) -> str:
    """This channel's receipt, or why it carried nothing."""
    if name in prompt.without:
        return "NOT delivered: it is down, says the day"
    try:
        return channel.deliver(prompt)
    except Exception as error:  # noqa: BLE001  # whatever one channel raises, the others get their turn
        return f"NOT delivered: {type(error).__name__}: {error}"[:500]
