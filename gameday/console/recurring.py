"""The schedules page: what recurs, its next times, and what became of the last, as ``gameday schedule`` says it.

It is told to those who run or score any day of the workspace: a player or a reader would learn what is to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, HTTPException, Request

from gameday.console import views
from gameday.console.access import Grant
from gameday.console.api import Problems
from gameday.console.door import Session, console_of
from gameday.errors import GamedayError
from gameday.model.schedule import Schedule
from gameday.reports.telling import short
from gameday.schedules.due import upcoming
from gameday.wiring.recurring import Standing, standing

router = APIRouter(prefix="/api", responses={code: Problems[code] for code in (401, 403, 409)})
NEXT, LAST = 5, 5


class NextView(views.View):
    """A time to come. ``reason`` and ``says``: why it will be skipped, as the calendars and its past stand now."""

    start: str
    reason: str | None
    says: str | None


class LastView(views.View):
    """What became of a time, or what a person changed. ``what``: an outcome, a reason, paused or resumed."""

    when: str
    kind: str  # ended | skipped | paused | resumed
    what: str
    says: str
    run: str | None


class ScheduleView(views.View):
    """One schedule. ``stopped``: why its next time would be skipped whenever it comes."""

    id: str
    scenario: str
    environment: str
    cron: str
    tz: str
    owner: str
    active: str | None
    stopped: str | None
    nexts: tuple[NextView, ...]
    lasts: tuple[LastView, ...]  # newest first


def may_see(grant: Grant) -> bool:
    """Whether the schedules are told to this session."""
    return grant.everywhere and grant.role in ("facilitator", "evaluator")


@router.get("/schedules")
def schedules(request: Request, grant: Session) -> list[ScheduleView]:
    """Each schedule of the workspace; for facilitators and evaluators to whom all runs are open."""
    if not may_see(grant):
        raise HTTPException(
            403, "Schedules tell what is to come: they are for facilitators and evaluators of all runs."
        )
    console = console_of(request)
    try:
        found = standing(console.settings.root, console.now())
    except GamedayError as error:
        raise HTTPException(409, "The files of this workspace cannot be read: gameday lint says why.") from error
    return [_view(found, loaded.model) for loaded in found.content.schedules.values()]


def _view(found: Standing, held: Schedule) -> ScheduleView:
    row, coming = found.row(held), found.nexts(upcoming(held, found.now), NEXT)
    return ScheduleView(
        id=held.id, scenario=held.scenario, environment=held.environment, cron=held.cron, tz=held.tz,
        owner=short(held.owner), active=row["active"], stopped=row["stopped"] and short(row["stopped"], 1000),
        nexts=tuple(NextView(start=one["start"], reason=one.get("reason"),
                             says=short(one["says"]) if "says" in one else None) for one in coming),
        lasts=tuple(_last(line) for line in reversed(found.lasts(held.id, LAST))),
    )  # fmt: skip


def _last(line: Mapping[str, Any]) -> LastView:
    by = f"{line['by']}: {line['because']}" if "because" in line else ""
    return LastView(
        when=str(line.get("due") or str(line.get("time", "")).partition("@")[2] or line["at"]), kind=line["kind"],
        what=short(line.get("outcome") or line.get("reason") or line["kind"]),
        says=short(line.get("says") or by, 1000), run=line.get("run") or None,
    )  # fmt: skip
