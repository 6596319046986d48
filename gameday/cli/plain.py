"""A run as plain lines, for logs and terminals that are none: one line an event worth telling, without colour codes.

Lines are made and written in a thread of their own. A reader that stops reading (a full pipe, Ctrl-S) must not stop the
conductor, which takes faults back.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TextIO

from gameday.cli.live.board import Board, UsedShare
from gameday.clock import Ms
from gameday.journal.events import Event
from gameday.plan import Plan
from gameday.reports.gauges import read_gauges
from gameday.reports.telling import Told, short

GAUGE_EVERY_MS = 60_000
CLOSES_WITHIN_S = 5.0


class Lines:
    """The lines of a run, event by event; pure, so that a whole journal gives the same text each time."""

    def __init__(self, plan: Plan, used_share: UsedShare | None = None) -> None:
        self._board, self._used_share = Board(plan), used_share
        self._headed = False
        self._gauged_ms: Ms | None = None
        self._gauges: dict[str, str] = {}

    def of(self, event: Event) -> list[str]:
        """What to write for one more event."""
        told = self._board.take(event)
        head = [] if self._headed else list(self._head(event))
        lines = [self._line(event.at, told)] if told else []
        return [*head, *lines, *(self._line(event.at, gauge) for gauge in self._changed_gauges(event))]

    def _head(self, event: Event) -> Iterator[str]:
        self._headed = True
        plan, state = self._board.plan, self._board.state
        speed = f"speed {state.speed:g}" if state.run else "speed unknown"
        danger = "  PRODUCTION" if plan.environment_definition.production else ""
        yield f"{short(state.environment or plan.environment).upper()}{danger}  {speed}  {short(plan.title)}"
        yield f"scenario {plan.scenario}, service {short(plan.service_title)}, plan {plan.digest}"

    def _line(self, at: Ms, told: Told) -> str:
        return f"{self._board.since_go(at):>8}  {told.kind:<7}  {told.text}"

    def _changed_gauges(self, event: Event) -> list[Told]:
        if not self._gauge_is_due(event):
            return []
        self._gauged_ms = event.at
        shares = self._board.shares(self._used_share, event.at)
        found = read_gauges(self._board.plan, self._board.events, shares)
        changed = [gauge for gauge in found if self._gauges.get(gauge.id) != gauge.line]
        self._gauges.update({gauge.id: gauge.line for gauge in changed})
        return [Told("GAUGE", gauge.line, "bad" if gauge.word == "breached" else "") for gauge in changed]

    def _gauge_is_due(self, event: Event) -> bool:
        if event.type == "run.ended":
            return True
        if event.type != "signals.sampled" or self._board.state.t_go is None:
            return False
        return self._gauged_ms is None or event.at - self._gauged_ms >= GAUGE_EVERY_MS


class PlainLines:
    """A display of plain lines. Nothing that goes wrong in it reaches the conductor."""

    def __init__(self, plan: Plan, stream: TextIO, used_share: UsedShare | None = None) -> None:
        self._lines = Lines(plan, used_share)
        self._stream = stream
        self._events: queue.SimpleQueue[Event | str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="plain-lines", daemon=True)
        self._thread.start()

    def event(self, event: Event) -> None:
        """Hand over one journalled event; returns at once."""
        self._events.put(event)

    def warn(self, text: str) -> None:
        """One line; that it is no longer so tells the next event."""
        if text:
            self._events.put(f"          SCREEN   {text}")

    def close(self) -> None:
        """Write what is left; gives up on a reader that does not read for five wall seconds."""
        self._events.put(None)
        self._thread.join(CLOSES_WITHIN_S)

    def _write_all(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                lines = [event] if isinstance(event, str) else self._lines.of(event)
            except Exception as error:  # noqa: BLE001  # a line that cannot be made must not silence those after it
                assert not isinstance(event, str)
                lines = [f"          SCREEN   event {event.seq} ({short(event.type)}) cannot be shown: {short(error)}"]
            if not self._write(lines):
                return

    def _write(self, lines: list[str]) -> bool:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            for line in lines:
                self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return False  # nobody reads any more; the journal has it all
        return True
