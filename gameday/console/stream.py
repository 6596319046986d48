"""Server-sent events (WHATWG HTML, 9.2): one tail of the journal for each run, shared by all who read it.

Messages, each with the number of the last event that is in it as its id, so that a browser whose network was cut goes
on from ``Last-Event-ID``:

``told``     one :class:`~gameday.console.views.Line`
``signals``  new datapoints, ``{"values": {signal: [[start_ms, value or null], ...]}}``; not for players
``view``     the whole view of this role without its lines; it replaces the one before
``gauges``   all tolerances so far; without an id; not for players
``damaged``  the journal cannot be read; what is shown is as of before
``over``     the session has ended; ``full``: too many streams are open, try later

A comment is sent when nothing else was for ten seconds.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gameday.clock import Clock, Ms
from gameday.console.access import Grant
from gameday.console.known import Known
from gameday.console.limits import Rates
from gameday.console.reading import SharesUsed, gauges, look
from gameday.console.timeline import drawn
from gameday.console.views import GaugeView
from gameday.journal.events import Event
from gameday.plan import load_plan
from gameday.runs import JOURNAL, is_live

LOOKS_EVERY_S = 0.2
SENDS_EVERY_S = 0.25
QUIET_S = 10.0
LET_GO_S = 30.0
JUDGE_EVERY_MS = 1_000
JUDGE_SHARE = 10  # judging takes at most a tenth of the time, however long the journal is
ALIVE = b": still here\n\n"


class Unread(Exception):
    """The run's folder cannot be read; says why."""


@dataclass
class Following:
    """One run, followed. :meth:`refresh` reads what is new; whoever waits is woken."""

    run_dir: Path
    clock: Clock
    shares: SharesUsed | None
    known: Known
    gauges: tuple[GaugeView, ...] = ()
    gauges_version: int = 0
    version: int = 0
    damaged: str = ""
    readers: int = 0
    _offset: int = 0
    _judged: tuple[Ms, int] = (0, -1)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    _views: dict[tuple[str, ...], tuple[int, bytes]] = field(default_factory=dict)
    _messages: dict[tuple[str, ...], list[bytes]] = field(default_factory=dict)

    async def refresh(self) -> None:
        """Read what the journal has more than before."""
        async with self._alone:
            damaged = self.damaged
            events, live = await asyncio.to_thread(self._read)
            if events or live != self.known.live or damaged != self.damaged:
                for event in events:
                    self.known.take(event)
                self.known.live = live
                self._woken()

    def _read(self) -> tuple[list[Event], bool]:
        live = is_live(self.run_dir)
        try:
            with (self.run_dir / JOURNAL).open("rb") as file:
                file.seek(self._offset)
                raw = file.read()
        except OSError as error:
            self.damaged = f"the journal cannot be read: {error.strerror}"
            return [], live
        whole = raw.rfind(b"\n") + 1
        return self._parsed(raw[:whole]), live

    def _parsed(self, raw: bytes) -> list[Event]:
        events: list[Event] = []
        for line in raw.splitlines(keepends=True):
            try:
                event = Event.parse(line)
            except (ValueError, KeyError, TypeError, RecursionError):
                self.damaged = f"the journal is damaged after event {self.known.seq + len(events)}"
                return events
            if event.seq != self.known.seq + len(events) + 1:
                self.damaged = f"event {event.seq} does not follow in the journal"
                return events
            self._offset += len(line)
            events.append(event)
        return events

    async def judge(self) -> None:
        """Read the tolerances again if there is something new; slow judging is done less often."""
        wall, (not_before, judged) = self.clock.wall(), self._judged
        if wall < not_before or judged == self.known.seq or not self.known.events:
            return
        seq = self.known.seq
        try:
            found = await asyncio.to_thread(gauges, self.known, self.shares, wall)
        except (KeyError, ValueError, TypeError, RuntimeError):
            found = self.gauges  # they stay as they were; the rest must not go with them
        took = self.clock.wall() - wall
        self._judged = (self.clock.wall() + max(JUDGE_EVERY_MS, took * JUDGE_SHARE), seq)
        if found != self.gauges:
            self.gauges, self.gauges_version = found, self.gauges_version + 1
            self._woken()

    def _woken(self) -> None:
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def newer(self, version: int, seconds: float) -> bool:
        """Wait until there is something after this version; False when nothing came in time."""
        if self.version != version:
            return True
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def view(self, grant: Grant) -> bytes:
        """The view message of this role; made once for all who see the same."""
        key = (grant.role, grant.who, grant.run)
        held = self._views.get(key)
        if held is None or held[0] != self.version:
            seen = look(self.known, grant, self.clock.wall(), lines=False)
            held = (self.version, message("view", seen.model_dump_json(), self.known.seq))
            self._views[key] = held
        return held[1]

    def messages(self, grant: Grant, after: int) -> list[bytes]:
        """What happened after event ``after``, a message an event; empty bytes for those that are not told."""
        key = (grant.role, grant.who if grant.role == "player" else "")
        made = self._messages.setdefault(key, [])
        if len(made) < len(self.known.events):
            new = [line for line in self.known.lines(grant).told if line.seq > len(made)]
            lines = {line.seq: line.model_dump_json() for line in new}
            signals = frozenset() if grant.role == "player" else frozenset(s.id for s in drawn(self.known))
            made += [_told(e, lines.get(e.seq), signals) for e in self.known.events[len(made) :]]
        return made[max(0, after) :]


def _told(event: Event, line: str | None, signals: frozenset[str]) -> bytes:
    """A line, or datapoints that are drawn, or nothing."""
    if line is not None:
        return message("told", line, event.seq)
    if event.type == "signals.sampled" and signals:
        values = {name: points for name, points in event.what["values"].items() if name in signals}
        return message("signals", json.dumps({"values": values}), event.seq) if values else b""
    return b""


def message(kind: str, data: str, ident: int | None = None) -> bytes:
    """One message. ``data`` is JSON on one line: what people wrote cannot begin another field."""
    told = f"id: {ident}\n" if ident is not None else ""
    return f"{told}event: {kind}\ndata: {data}\n\n".encode()


@dataclass
class Streams:
    """All runs that somebody follows."""

    clock: Clock
    shares: SharesUsed | None = None
    rates: Rates = Rates()
    _open_by: Counter[str] = field(default_factory=Counter)
    _followed: dict[Path, Following] = field(default_factory=dict)
    _tails: set[asyncio.Task[None]] = field(default_factory=set)

    async def follow(self, run_dir: Path) -> Following:
        """This run, read up to now. Unread when it cannot be."""
        found = self._followed.get(run_dir)
        if found is None:
            found = await asyncio.to_thread(self._open, run_dir)
            found = self._followed.setdefault(run_dir, found)
        await found.refresh()
        if not found.known.events:
            raise Unread(found.damaged or "the journal holds no event yet")
        return found

    def _open(self, run_dir: Path) -> Following:
        from gameday.errors import GamedayError

        try:
            plan = load_plan(run_dir / "plan.json")
        except GamedayError as error:
            raise Unread(error.problems[0].message) from error
        return Following(run_dir, self.clock, self.shares, Known(run_dir.name, plan))

    @contextmanager
    def place(self, grant: Grant) -> Iterator[bool]:
        """A place for one more reader; False when this link, or everybody, has too many open."""
        full = self._open_by[grant.id] >= self.rates.streams or self._open_by.total() >= self.rates.all_streams
        if full:
            yield False
            return
        self._open_by[grant.id] += 1
        try:
            yield True
        finally:
            self._open_by[grant.id] -= 1

    async def read(self, following: Following, grant: Grant, after: int, still: Callable[[], bool]
                   ) -> AsyncIterator[bytes]:  # fmt: skip
        """What this reader gets, for as long as the session is ``still`` good. Starts with the view as it is."""
        self._tail(following)
        following.readers += 1
        try:
            async for part in _parts(following, grant, after, still):
                yield part
        finally:
            following.readers -= 1

    def _tail(self, following: Following) -> None:
        """One task follows the journal, for as long as somebody reads."""
        if following.readers == 0 and not any(t.get_name() == following.run_dir.name for t in self._tails):
            task = asyncio.create_task(self._follow(following), name=following.run_dir.name)
            self._tails.add(task)
            task.add_done_callback(self._tails.discard)

    async def _follow(self, following: Following) -> None:
        idle_s = 0.0
        while idle_s < LET_GO_S:
            await following.refresh()
            await following.judge()
            idle_s = 0.0 if following.readers else idle_s + LOOKS_EVERY_S
            await asyncio.sleep(LOOKS_EVERY_S)
        self._followed.pop(following.run_dir, None)

    async def close(self) -> None:
        """End all tails."""
        for task in list(self._tails):
            task.cancel()
        await asyncio.gather(*self._tails, return_exceptions=True)


async def _parts(following: Following, grant: Grant, after: int, still: Callable[[], bool]) -> AsyncIterator[bytes]:
    version = gauges_version = -1
    damaged = ""
    while still():
        if not await following.newer(version, QUIET_S):
            yield ALIVE
            continue
        version, seq = following.version, following.known.seq
        said = [part for part in following.messages(grant, after) if part]
        after = seq
        said.append(following.view(grant))
        if grant.role != "player" and gauges_version != following.gauges_version:
            gauges_version = following.gauges_version
            said.append(message("gauges", json.dumps([g.model_dump() for g in following.gauges])))
        if damaged != following.damaged:
            damaged = following.damaged
            said.append(message("damaged", json.dumps({"why": damaged})))
        yield b"".join(said)
        await asyncio.sleep(SENDS_EVERY_S)
