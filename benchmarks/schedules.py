"""What is due of 10,000 schedules: the agenda, beside a linear scan of all with the same cron library.

Each turn moves the clock to the next time that is due, asks both, and checks that they name the same schedules. Prints
one JSON line, in milliseconds.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from gameday.clock import Ms, from_iso, to_datetime
from gameday.model.schedule import Schedule, times
from gameday.schedules.due import Agenda

COUNT, TURNS = 10_000, 9
SINCE = from_iso("2026-06-01T00:00:30Z")


def schedule(number: int) -> Schedule:
    """One of many: hourly to weekly, spread over the minutes."""
    hour, day = ("*", "*") if number % 10 == 0 else (str(number % 24), "*" if number % 3 else str(number % 7))
    return Schedule.model_validate_json(json.dumps({
        "kind": "schedule", "id": f"s-{number}", "scenario": "stop", "owner": "sre", "tz": "Europe/London",
        "cron": f"{number % 60} {hour} * * {day}"}))  # fmt: skip


def timed(work: Callable[[], set[str]]) -> tuple[float, set[str]]:
    """Milliseconds, and what it found."""
    before = time.perf_counter()
    found = work()
    return (time.perf_counter() - before) * 1000, found


def scan(schedules: dict[str, Schedule], last: Ms, now: Ms) -> set[str]:
    """Every schedule asked when it is due next after the last look."""
    after = to_datetime(last)
    return {ident for ident, held in schedules.items()
            if next(iter(times(held.cron, after.astimezone(_zone(held))))).timestamp() * 1000 <= now}  # fmt: skip


def _zone(held: Schedule) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(held.tz)


def main() -> None:
    schedules = {held.id: held for held in map(schedule, range(COUNT))}
    built, agenda = time.perf_counter(), Agenda(schedules, dict.fromkeys(schedules, SINCE))
    agenda.refill()
    built_ms = (time.perf_counter() - built) * 1000
    ours, theirs, idle, ahead = list[float](), list[float](), list[float](), list[float]()
    due, last = list[int](), SINCE
    for _ in range(TURNS):
        now = agenda.next_ms() or last
        idle.append(timed(lambda now=now: {t.schedule for t in agenda.take(now - 1)})[0])  # type: ignore[misc]  # bound now
        spent, found = timed(lambda now=now: {t.schedule for t in agenda.take(now)})  # type: ignore[misc]  # bound now
        peer, same = timed(lambda now=now, last=last: scan(schedules, last, now))  # type: ignore[misc]  # bound now
        ahead.append(timed(lambda: _worked_ahead(agenda))[0])
        if found != same:
            sys.exit(f"the agenda and the scan disagree at {now}: {sorted(found ^ same)[:5]}")
        ours, theirs, due, last = [*ours, spent], [*theirs, peer], [*due, len(found)], now
    print(json.dumps({
        "schedules": COUNT, "turns": TURNS, "due_median": statistics.median(due), "nothing_due_ms": _three(idle),
        "agenda_ms": _three(ours), "ahead_when_idle_ms": _three(ahead), "scan_ms": _three(theirs),
        "built_once_ms": round(built_ms), "ratio": round(statistics.median(theirs) / statistics.median(ours), 1),
        "python": platform.python_version()}))  # fmt: skip


def _worked_ahead(agenda: Agenda) -> set[str]:
    agenda.refill()
    return set()


def _three(values: list[float]) -> list[float]:
    """Median, fastest, slowest."""
    return [round(value, 3) for value in (statistics.median(values), min(values), max(values))]


if __name__ == "__main__":
    main()
