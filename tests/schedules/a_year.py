"""A year of schedules on a virtual clock, from one look to the next, as the scheduler takes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gameday.clock import VirtualClock, from_iso, iso, to_datetime
from gameday.model.schedule import Schedule
from gameday.schedules.calendars import Freezes
from gameday.schedules.due import Agenda, Board, Decision, Place
from gameday.schedules.past import Past

HERE = Path(__file__).parent
MINUTE, DAY = 60_000, 86_400_000


def schedule(ident: str, cron: str, **keys: Any) -> Schedule:
    base = {"kind": "schedule", "id": ident, "scenario": "stop", "owner": "sre", "cron": cron, "tz": "Europe/London"}
    return Schedule.model_validate_json(json.dumps({**base, **keys}))


def board(schedules: Iterable[Schedule], since: str | int, places: Mapping[str, Place] | None = None) -> Board:
    held = {s.id: s for s in schedules}
    began = from_iso(since) if isinstance(since, str) else since
    freezes = Freezes({"freeze.ics": (HERE / "freeze.ics").read_bytes(), "gone.ics": None})
    own = {ident: Place(f"rehearsal-{ident}", "pay") for ident in held}
    return Board(held, places or own, freezes, Agenda(held, dict.fromkeys(held, began)))


def line_of(decision: Decision, now: int) -> dict[str, Any]:
    kind = "intended" if decision.act == "fire" else "skipped"
    return {"kind": kind, "time": decision.time.id, "schedule": decision.time.schedule,
            "due": iso(decision.time.due), "reason": decision.reason, "at": iso(now)}  # fmt: skip


def lived(
    board: Board, clock: VirtualClock, until: str, away: tuple[str, str] | None = None, outcome: str = "within"
) -> Iterator[Decision]:
    """Look whenever something is due. A run is over at once with ``outcome``; nobody looks while ``away``."""
    past, end = Past(), from_iso(until)
    while (at := board.agenda.next_ms()) is not None and at < end:
        clock.advance(max(0, at - clock.now()))
        if away and from_iso(away[0]) <= clock.now() < from_iso(away[1]):
            clock.advance(from_iso(away[1]) - clock.now())
        for decision in board.due(past, clock.now()):
            past.apply(line_of(decision, clock.now()))
            if decision.act == "fire":
                past.apply({"kind": "ended", "time": decision.time.id, "schedule": decision.time.schedule,
                            "outcome": outcome})  # fmt: skip
            yield decision


def told(decision: Decision, zone: str) -> str:
    """One line of the golden file: the time as cron says it and as it begins, in the schedule's zone."""
    due, start = (to_datetime(ms).astimezone(ZoneInfo(zone)) for ms in (decision.time.due, decision.time.start))
    why = f"  {decision.reason}: {decision.says}" if decision.reason else ""
    return f"{due:%a %Y-%m-%d %H:%M%z}  {start:%H:%M:%S}  {decision.time.schedule:12}  {decision.act}{why}"
