"""All channels of a run: the terminal, at once, and beside it what gameday.yaml names, each in its own time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence

from gameday.people.carrying import Undelivered
from gameday.people.terminal import TerminalChannel
from gameday.protocols import Channel, Prompt

__all__ = ["EveryChannel", "TerminalChannel"]
ANSWERS_WITHIN_S = 60.0  # wall; our own channels give up before


class EveryChannel:
    """The terminal, and all that gameday.yaml names beside it. A prompt stands on the terminal before any other
    channel is tried, and no channel waits for another.

    One that fails keeps the prompt from no other; it is not asked again by the conductor, since only the channel knows
    whether trying again would tell somebody twice.
    """

    def __init__(self, others: Mapping[str, Channel], terminal: Channel | None = None) -> None:
        self._terminal, self._others = terminal or TerminalChannel(), dict(others)
        self.name = ", ".join([self._terminal.name, *self._others])

    def deliver(self, prompt: Prompt) -> str:
        """By the terminal; the receipt names the channels that the day keeps from carrying it."""
        down = [f"{name}: not sent, it is down" for name in self._others if name in prompt.without]
        return "; ".join([self._terminal.deliver(prompt), *down])

    def beside(self, prompt: Prompt) -> Sequence[str]:
        """All others that carry something now."""
        return [name for name in self._others if name not in prompt.without]

    def page(self, name: str, prompt: Prompt) -> str:
        """Deliver by this one; Undelivered when it does not answer in a minute, since a channel of somebody else's may
        hang for ever. What it raises itself is passed on."""
        came: queue.SimpleQueue[str | BaseException] = queue.SimpleQueue()

        def carry() -> None:
            try:
                came.put(str(self._others[name].deliver(prompt)))
            except BaseException as error:  # noqa: BLE001  # told to whoever waits, who raises it
                came.put(error)

        threading.Thread(target=carry, name=f"channel {name}", daemon=True).start()
        try:
            said = came.get(timeout=ANSWERS_WITHIN_S)
        except queue.Empty:
            text = f"it has not answered in {ANSWERS_WITHIN_S:.0f} s; whether anything arrived is not known"
            raise Undelivered(text) from None
        if isinstance(said, BaseException):
            raise said if isinstance(said, Undelivered) else Undelivered(f"{type(said).__name__}: {said}") from said
        return said
