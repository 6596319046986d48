"""What preflight looks at in the workspace, beside AWS: whether those whom the day asks can be reached, and whether it
begins in a freeze. A rehearsal asks for neither: its people are at this machine or scripted, and it breaks nothing.

A freeze stops an unattended run in production. Where a person is there, or nothing of production is, it is a warning:
they may know better, and it is in the journal that they were told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from gameday.errors import Problem
from gameday.model.calendar import ServiceHours
from gameday.model.content import Content
from gameday.model.roster import Held, Roster
from gameday.plan import Plan
from gameday.schedules.calendars import FREEZE_UNREAD, Freezes
from gameday.wiring.findings import Finding
from gameday.wiring.freezing import read
from gameday.wiring.looking import Look

Checks = Sequence[tuple[str, Callable[[Look], Iterable[Finding]]]]


def workspace_checks(content: Content, *, unattended: bool) -> Checks:
    """The checks of preflight that need the workspace; ``unattended``: scripted people do what is asked."""

    def people(look: Look) -> Iterator[Finding]:
        if not look.rehearsed and not unattended:
            yield from contacts(look.plan, content)

    def calendars(look: Look) -> Iterator[Finding]:
        if not look.rehearsed:
            start = look.clock.wall()
            end = start + look.plan.baseline_ms + look.plan.max_duration_ms
            yield from freezes(look.plan, content, start, end, unattended=unattended)

    return (("people and how they are reached", people), ("freezes", calendars))


def contacts(plan: Plan, content: Content) -> Iterator[Finding]:
    """Each role that is asked something has somebody in the roster, and a channel by which they are reached. No name
    is told. Without a roster for this day it is one warning."""
    asked = dict.fromkeys(step.to for step in plan.steps if step.to)
    if not asked:
        return
    roster = content.roster.model if content.roster else None
    if roster is None or (roster.scenarios and plan.scenario not in roster.scenarios):
        what = f"no roster.yaml says who is {', '.join(asked)} on this day"
        yield Finding(
            Problem("ROLE_NOT_REACHED", what, "roster.yaml: who holds them, and contacts", severity="warning")
        )
        return
    deputies = {held: plan.deputies[held] for held in asked if held in plan.deputies}
    for role in dict.fromkeys((*asked, *deputies.values())):
        if what := _unreached(role, roster, deputies):
            write = f"roster.yaml: roles: {{{role}: {{who: ..., contacts: {{CHANNEL: ...}}}}}}"
            yield Finding(Problem("ROLE_NOT_REACHED", what, write), role)


def _unreached(role: str, roster: Roster, deputies: dict[str, str]) -> str:
    held = roster.roles.get(role)
    if held is None:
        stands_in = any(role == deputy and _has_deputy(roster.roles.get(of)) for of, deputy in deputies.items())
        return "" if stands_in else f"nobody holds {role} in roster.yaml"
    if not held.contacts:
        return f"whoever holds {role} in roster.yaml has no channel by which they are reached"
    return ""


def _has_deputy(held: Held | None) -> bool:
    return held is not None and held.deputy is not None and bool(held.deputy.contacts)


def freezes(plan: Plan, content: Content, start: int, end: int, *, unattended: bool) -> Iterator[Finding]:
    """No calendar of gameday.yaml (``calendars``) has an event between these times (UTC milliseconds); one that cannot
    be read counts as a freeze. Its whole days are those of the zones of the service's hours, or else of UTC."""
    named = content.workspace.model.calendars if content.workspace else {}
    held = Freezes({name: read(content.root, where) for name, where in named.items()})
    severity = "error" if unattended and plan.environment_definition.production else "warning"
    for name in named:
        found = _touched(held, name, _zones(plan), start, end)
        if found == FREEZE_UNREAD:
            what = f"calendar {name}: {found}"
            write = "an iCalendar (.ics) in the workspace, or an https address; and pip install 'gameday[schedules]'"
            yield Finding(Problem("FREEZE_NOT_SHOWN", what, write, severity=severity), name)
        elif found:
            what, write = f"the day would lie in a freeze: {found} (calendar {name})", "a time after it"
            yield Finding(Problem("IN_FREEZE", what, write, severity=severity), name)


def _touched(held: Freezes, name: str, zones: Iterable[ZoneInfo], start: int, end: int) -> str | None:
    try:
        return next(filter(None, (held.within(name, zone, start, end) for zone in zones)), None)
    except ImportError:  # what reads iCalendar is an extra
        return FREEZE_UNREAD


def _zones(plan: Plan) -> list[ZoneInfo]:
    named = [t.calendar.tz for t in plan.tolerances if isinstance(t.calendar, ServiceHours)]
    return [ZoneInfo(name) for name in dict.fromkeys(named or ["UTC"])]
