"""What is due now: each time of each schedule is begun once, waits a little, or is skipped with its reason.

The agenda keeps the next time of each schedule in a heap, so that to look costs what is due and not what there is. A
decision depends on the schedule, its time, the past (:class:`gameday.schedules.past.Past`) and now, on nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from itertools import chain
from typing import Literal
from zoneinfo import ZoneInfo

from gameday.clock import Ms, iso, to_datetime
from gameday.model.schedule import Schedule, times
from gameday.schedules.calendars import Freezes, holiday, in_window, local_days
from gameday.schedules.past import Past

REASONS = {
    "missed": "its time passed while nobody looked, or while another run went on",
    "window": "it would not lie within its window",
    "blackout": "a blackout of its file",
    "freeze": "a freeze of a calendar",
    "holiday": "a public holiday",
    "expired": "its file says until when it holds",
    "paused": "a person paused it",
    "paused after breaches": "so many breaches in a row; a person has to look",
    "previous run not closed": "the run before it goes on, or left something behind",
    "service busy": "another game day goes on there",
    "dependency busy": "a game day goes on on a service that it names in not_while",
    "precondition": "a precondition did not hold, or nobody knows whether it does",
    "open incident": "preflight found an incident open",
    "open alarm": "preflight found an alarm that was not OK",
    "safety lever": "the FIS safety lever is engaged",
    "approval": "nobody approved its plan, or the approval expired, or the plan changed",
    "error budget spent": "the error budget of its service is spent",
    "preflight": "preflight could not show that it is safe",
}


@dataclass(frozen=True, order=True)
class Time:
    """One time of a schedule, UTC milliseconds: ``due`` as cron says it, ``start`` with its jitter."""

    start: Ms
    schedule: str
    due: Ms

    @property
    def id(self) -> str:
        """``weekly@2026-11-24T10:00:00.000Z``, once in the life of a workspace."""
        return f"{self.schedule}@{iso(self.due)}"


@dataclass(frozen=True)
class Decision:
    """What becomes of a time. ``wait``: not now, but it is not too late either."""

    time: Time
    act: Literal["fire", "skip", "wait"]
    reason: str = ""
    says: str = ""


@dataclass(frozen=True)
class Place:
    """What a schedule's run holds while it goes on: two of one ``lock`` cannot go on together."""

    lock: str
    service: str


def jitter_of(schedule: Schedule, due: Ms) -> Ms:
    """From 0 to the schedule's jitter; the same for the same seed, schedule and time, on every machine."""
    if not schedule.jitter:
        return 0
    digest = hashlib.sha256(f"{schedule.seed}\0{schedule.id}\0{due}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (schedule.jitter + 1)


def time_of(schedule: Schedule, due: Ms) -> Time:
    """With its jitter, unless that would lead out of the window."""
    start, zone = due + jitter_of(schedule, due), ZoneInfo(schedule.tz)
    if not in_window(schedule, zone, start, start + schedule.lasts):
        start = due
    return Time(start, schedule.id, due)


def upcoming(schedule: Schedule, after: Ms) -> Iterator[Time]:
    """Its times after ``after``, by cron alone."""
    for when in times(schedule.cron, _local(schedule, after)):
        yield time_of(schedule, round(when.timestamp() * 1000))


def _local(schedule: Schedule, ms: Ms) -> datetime:
    return to_datetime(ms).astimezone(ZoneInfo(schedule.tz))


@dataclass
class Agenda:
    """The next time of each schedule. ``since`` says from when on a schedule's times count."""

    schedules: Mapping[str, Schedule]
    since: Mapping[str, Ms]
    _heap: list[Time] = field(default_factory=list)
    _ahead: dict[str, Time] = field(default_factory=dict)  # the time after the one in the heap, where it is known
    _thin: list[str] = field(default_factory=list)
    _times: dict[str, Iterator[Time]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for schedule in self.schedules.values():
            self._times[schedule.id] = upcoming(schedule, self.since[schedule.id])
            self._push(schedule.id)

    def _push(self, ident: str) -> None:
        time = self._ahead.pop(ident, None) or next(self._times[ident], None)
        if time is not None:
            heappush(self._heap, time)
            self._thin.append(ident)

    def refill(self) -> None:
        """Work ahead while nothing is due: cron is what costs. Without it everything is right, and slower."""
        for ident in self._thin:
            if ident not in self._ahead and (time := next(self._times[ident], None)):
                self._ahead[ident] = time
        self._thin.clear()

    def next_ms(self) -> Ms | None:
        """When to look again; None when nothing will ever be due."""
        return self._heap[0].start if self._heap else None

    def take(self, now: Ms) -> Iterator[Time]:
        """The times whose start has come, the oldest first; each is given once."""
        while self._heap and self._heap[0].start <= now:
            time = heappop(self._heap)
            self._push(time.schedule)
            yield time


@dataclass
class Board:
    """What has come and is not decided yet, and the rules. Nothing here is remembered beyond the process: what was
    decided is in the past that is handed in."""

    schedules: Mapping[str, Schedule]
    places: Mapping[str, Place]
    freezes: Freezes
    agenda: Agenda
    waiting: dict[str, list[Time]] = field(default_factory=dict)
    held_by: dict[str, tuple[str, str]] = field(default_factory=dict)  # time id -> what it waits for

    def due(self, past: Past, now: Ms) -> Iterator[Decision]:
        """Decide what has come. The caller writes each decision into the past before it asks for the next one."""
        for time in self.agenda.take(now):
            self.waiting.setdefault(time.schedule, []).append(time)
        order = sorted((held[-1].start, ident) for ident, held in self.waiting.items())
        for _, ident in order:
            yield from self._of(ident, past, now)

    def _of(self, ident: str, past: Past, now: Ms) -> Iterator[Decision]:
        """Of one schedule only its newest time may still begin; the others were missed."""
        *older, newest = self.waiting.pop(ident)
        for time in older:
            yield Decision(time, "skip", *self.held_by.pop(time.id, ("missed", REASONS["missed"])))
        decision = self.decide(newest, past, now)
        if decision.act == "wait":
            self.waiting[ident] = [newest]
        yield decision

    def decide(self, time: Time, past: Past, now: Ms) -> Decision:
        """By the first rule that says no. What is busy is waited for until it is too late."""
        schedule = self.schedules[time.schedule]
        begin = max(now, time.start)
        found = next(chain(_itself(schedule, time, past), _calendar(schedule, self.freezes, begin)), None)
        if found is None and now > time.start + schedule.late and schedule.catch_up == "never":
            ago = f"its time passed {(now - time.start) // 60_000} minutes ago"
            found = self.held_by.pop(time.id, ("missed", ago))
        if found:
            return Decision(time, "skip", *found)
        busy = next(self._busy(schedule, past), None)
        if busy:
            self.held_by[time.id] = busy
            return Decision(time, "wait", *busy)
        self.held_by.pop(time.id, None)
        return Decision(time, "fire")

    def _busy(self, schedule: Schedule, past: Past) -> Iterator[tuple[str, str]]:
        place = self.places[schedule.id]
        for other, run in past.active.items():
            if other == schedule.id:
                yield "previous run not closed", f"{run} goes on"
            elif other in self.places and self.places[other].lock == place.lock:
                yield "service busy", f"{run} goes on there"
            elif other in self.places and self.places[other].service in schedule.not_while:
                yield "dependency busy", f"{run} goes on on {self.places[other].service}"


def _itself(schedule: Schedule, time: Time, past: Past) -> Iterator[tuple[str, str]]:
    """What its own file and its own past say."""
    day = to_datetime(time.start).astimezone(ZoneInfo(schedule.tz)).date()
    if schedule.expires and day > schedule.expires:
        yield "expired", f"it held until {schedule.expires}"
    if schedule.paused:
        yield "paused", schedule.paused
    if schedule.id in past.paused:
        yield "paused", past.paused[schedule.id]
    if past.breaches.get(schedule.id, 0) >= schedule.pause_after:
        yield "paused after breaches", f"{past.breaches[schedule.id]} in a row; gameday schedule resume {schedule.id}"
    if schedule.id in past.unsafe:
        yield "previous run not closed", f"{past.unsafe[schedule.id]} left something behind, or nobody knows"


def _calendar(schedule: Schedule, freezes: Freezes, start: Ms) -> Iterator[tuple[str, str]]:
    """What the calendars say of a run that begins now."""
    zone, end = ZoneInfo(schedule.tz), start + schedule.lasts
    if not in_window(schedule, zone, start, end):
        yield "window", "it would not lie within its window"
    days = local_days(start, end, zone)
    for blackout in schedule.blackouts:
        if blackout.first <= days[-1] and days[0] <= blackout.last:
            yield "blackout", blackout.because
    for name in schedule.freezes:
        if found := freezes.within(name, zone, start, end):
            yield "freeze", f"{found} ({name})"
    for day in days:
        if found := holiday(schedule, day):
            yield "holiday", f"{day} is {found}"
