"""What all channels share that leave this machine: when they try again, how they tell the same prompt from another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from gameday.clock import Clock, Ms
from gameday.model.types import Duration
from gameday.protocols import Prompt

Within = Annotated[Duration, Field(ge=1000, le=45_000)]
"""How long a channel may try, in wall time."""
WITHIN_MS = 20_000
FIRST_REST_MS, LONGEST_REST_MS = 500, 8_000
LinkFor = Callable[[Prompt], str | None]
"""A link by which whoever is asked can answer; None when there is no console."""


class Undelivered(Exception):
    """The other side does not have it, or nobody can say; the text says why and holds no secret."""


class TryAgain(Undelivered):
    """It may work a little later. ``after_ms``: the other side asked for so much patience."""

    def __init__(self, text: str, after_ms: Ms = 0) -> None:
        super().__init__(text)
        self.after_ms = after_ms


def key_of(prompt: Prompt) -> str:
    """The same for the same prompt to the same role, however often it is sent: 32 hexadecimal digits."""
    return hashlib.sha256("\n".join((prompt.run, prompt.id, prompt.to)).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Patience:
    """A time budget on the wall, whatever the speed of scenario time."""

    clock: Clock
    within_ms: Ms

    def carry(self, send: Callable[[Ms], str]) -> str:
        """``send`` with the wall milliseconds left, again while it raises TryAgain and there is time; longer rests each
        time. Undelivered, with how often it was tried, in the end."""
        speed, ends = self.clock.speed, self.clock.now() + self.within_ms * self.clock.speed
        rest, tried = FIRST_REST_MS, 0
        while True:
            tried += 1
            try:
                return send(max(1, round((ends - self.clock.now()) / speed)))
            except TryAgain as error:
                pause = max(rest, error.after_ms)
                if self.clock.now() + pause * speed >= ends:
                    raise Undelivered(f"{error} (tried {_times(tried)})") from error
            self.clock.sleep(round(pause * speed))
            rest = min(LONGEST_REST_MS, rest * 2)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
