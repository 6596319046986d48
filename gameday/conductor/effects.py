"""Effects in threads of their own, so that nothing that hangs keeps the conductor from stopping a fault.

One effect of a key at a time; after a failure the key rests, longer each time. A thread that never comes back is left
behind when the process ends. In tests effects run at once, in the caller's thread.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FIRST_REST_S = 0.2
LONGEST_REST_S = 5.0
Work = Callable[[], Any]


@dataclass(frozen=True)
class Outcome:
    """What came of an effect: a value, or what it raised."""

    key: str
    value: Any = None
    error: BaseException | None = None


@dataclass
class Threads:
    """Runs effects in daemon threads; ``outcomes`` says what came of them, in the order they ended."""

    done: queue.SimpleQueue[Outcome | None] = field(default_factory=queue.SimpleQueue)
    busy: dict[str, float] = field(default_factory=dict)
    rests: dict[str, tuple[float, float]] = field(default_factory=dict)

    def run(self, key: str, work: Work) -> bool:
        """Begin, unless this key is busy or rests. Whether it was begun."""
        now = time.monotonic()
        if key in self.busy or self.rests.get(key, (0.0, 0.0))[1] > now:
            return False
        self.busy[key] = now
        try:
            threading.Thread(target=self._work, args=(key, work), name=key, daemon=True).start()
        except RuntimeError as error:  # no thread to be had: it is tried again, and the conductor goes on
            self.done.put(Outcome(key, None, error))
        return True

    def _work(self, key: str, work: Work) -> None:
        try:
            self.done.put(Outcome(key, work()))
        except BaseException as error:  # noqa: BLE001  # whatever it raises, the conductor hears of it and goes on
            self.done.put(Outcome(key, None, error))

    def wake(self) -> None:
        """Let a waiting conductor look around at once; safe in a signal handler."""
        self.done.put(None)

    def wait(self, seconds: float) -> list[Outcome]:
        """What has ended; waits so long for the first."""
        found: list[Outcome | None] = []
        try:
            found.append(self.done.get(timeout=max(0.0, seconds)))
            while True:
                found.append(self.done.get_nowait())
        except queue.Empty:
            pass
        outcomes = [o for o in found if o is not None]
        for outcome in outcomes:
            self._settle(outcome)
        return outcomes

    def _settle(self, outcome: Outcome) -> None:
        self.busy.pop(outcome.key, None)
        rest = self.rests.pop(outcome.key, (0.0, 0.0))[0]
        if outcome.error is not None:
            rest = min(LONGEST_REST_S, rest * 2 or FIRST_REST_S)
            self.rests[outcome.key] = (rest, time.monotonic() + rest)

    def busy_for(self, key: str) -> float:
        """Seconds since a running effect began; 0 when none runs."""
        began = self.busy.get(key)
        return 0.0 if began is None else time.monotonic() - began


@dataclass
class Inline:
    """Runs effects at once; for tests on a virtual clock."""

    ended: list[Outcome] = field(default_factory=list)

    def run(self, key: str, work: Work) -> bool:
        """Do it now."""
        try:
            self.ended.append(Outcome(key, work()))
        except Exception as error:  # noqa: BLE001  # as Threads does
            self.ended.append(Outcome(key, None, error))
        return True

    def wake(self) -> None:
        """Nobody waits."""

    def wait(self, seconds: float) -> list[Outcome]:
        """What has ended."""
        found, self.ended = self.ended, []
        return found

    def busy_for(self, key: str) -> float:
        """Nothing is ever under way."""
        return 0.0
