"""Preflight and the workspace: who can be reached, and whether the day begins in a freeze."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from gameday.clock import VirtualClock
from gameday.model.content import Content
from gameday.model.load import load_content
from gameday.model.workspace import Environment
from gameday.plan import Plan
from gameday.wiring.findings import Finding
from gameday.wiring.looking import Look
from gameday.wiring.readying import contacts, freezes, workspace_checks
from tests.conductor.bench import a_plan, expect

FREEZE = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//
BEGIN:VEVENT
UID:1
DTSTART;VALUE=DATE:20260701
DTEND;VALUE=DATE:20260702
SUMMARY:Quarter end
END:VEVENT
END:VCALENDAR
"""
ON_AWS = {"account": "111122223333", "regions": ["eu-west-2"]}


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def the_plan(*, production: bool = False, environment: str = "prod", **changes: Any) -> Plan:
    where = Environment.model_validate_json(json.dumps({**ON_AWS, "production": production}))
    plan = a_plan(expect("acked", {"role": "on-call", "does": "answer"}), **changes)
    return plan.model_copy(update={"environment": environment, "environment_definition": where})


def content(root: Path, roster: str | None = None, calendars: str = "{freeze: freeze.ics}") -> Content:
    (root / "gameday.yaml").write_text(f"kind: workspace\ncalendars: {calendars}\n")
    (root / "freeze.ics").write_text(FREEZE.replace("\n", "\r\n"))
    if roster is not None:
        (root / "roster.yaml").write_text(f"kind: roster\n{roster}\n")
    return load_content(root)


def told(found: list[Finding]) -> list[tuple[str, str, str]]:
    return [(f.problem.code, f.subject, f.problem.severity) for f in found]


@pytest.mark.parametrize(("roster", "found"), [
    ("roles: {on-call: {who: Ann, contacts: {pager: x}, deputy: {who: Bob, contacts: {pager: y}}}}", []),
    ("roles: {on-call: {who: Ann, contacts: {pager: x}}, deputy: {who: Bob, contacts: {pager: y}}}", []),
    ("roles: {on-call: {who: Ann, contacts: {pager: x}}}", [("ROLE_NOT_REACHED", "deputy", "error")]),
    ("roles: {on-call: {who: Ann}, deputy: {who: Bob, contacts: {pager: y}}}",
     [("ROLE_NOT_REACHED", "on-call", "error")]),
    ("roles: {someone: {who: Ann, contacts: {pager: x}}}",
     [("ROLE_NOT_REACHED", "on-call", "error"), ("ROLE_NOT_REACHED", "deputy", "error")]),
    ("scenarios: [another]\nroles: {someone: {who: Ann}}", [("ROLE_NOT_REACHED", "", "warning")]),
    (None, [("ROLE_NOT_REACHED", "", "warning")]),
])  # fmt: skip
def test_each_role_that_is_asked_has_somebody_and_a_channel(
    roster: str | None, found: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    seen = list(contacts(the_plan(), content(tmp_path, roster)))
    assert told(seen) == found
    assert not any("Ann" in str(f.problem) or "Bob" in str(f.problem) for f in seen), "names stay in the roster"


def test_a_day_that_asks_nobody_needs_no_roster(tmp_path: Path) -> None:
    assert list(contacts(a_plan(), content(tmp_path))) == []


@pytest.mark.parametrize(("start", "end", "within"), [
    ("2026-06-30T22:00", "2026-06-30T23:59", False),
    ("2026-06-30T22:00", "2026-07-01T00:01", True),
    ("2026-07-01T12:00", "2026-07-01T13:00", True),
    ("2026-07-02T00:00", "2026-07-02T01:00", False),
])  # fmt: skip
@pytest.mark.parametrize(("production", "unattended", "severity"), [
    (True, True, "error"), (True, False, "warning"), (False, True, "warning"), (False, False, "warning"),
])  # fmt: skip
def test_a_freeze_stops_an_unattended_run_in_production_and_warns_elsewhere(
    start: str, end: str, within: bool, production: bool, unattended: bool, severity: str, tmp_path: Path
) -> None:
    plan = the_plan(production=production)
    found = list(freezes(plan, content(tmp_path), ms(start), ms(end), unattended=unattended))
    assert told(found) == ([("IN_FREEZE", "freeze", severity)] if within else [])
    assert all("Quarter end" in f.problem.message for f in found)


def test_a_whole_day_is_one_of_the_zone_of_the_services_hours(tmp_path: Path) -> None:
    """In London the first of July begins at 23:00 UTC on the last of June."""
    hours = {"hours": "08:00-18:00", "tz": "Europe/London"}
    outage = json.loads(a_plan().tolerances[0].model_dump_json(by_alias=True, exclude_none=True))
    plan = the_plan(tolerances=[{**outage, "calendar": hours}])
    seen = freezes(plan, content(tmp_path), ms("2026-06-30T23:10"), ms("2026-06-30T23:20"), unattended=True)
    assert told(list(seen)) == [("IN_FREEZE", "freeze", "warning")]


def test_a_calendar_that_cannot_be_read_counts_as_a_freeze(tmp_path: Path) -> None:
    held = content(tmp_path, calendars="{gone: gone.ics, outside: ../freeze.ics}")
    found = list(freezes(the_plan(production=True), held, ms("2026-01-01"), ms("2026-01-02"), unattended=True))
    assert told(found) == [("FREEZE_NOT_SHOWN", "gone", "error"), ("FREEZE_NOT_SHOWN", "outside", "error")]


@pytest.mark.parametrize(("environment", "unattended", "codes"), [
    ("rehearsal", True, []), ("rehearsal", False, []), ("prod", True, ["IN_FREEZE"]),
    ("prod", False, ["ROLE_NOT_REACHED", "IN_FREEZE"]),
])  # fmt: skip
def test_a_rehearsal_asks_for_neither_and_scripted_people_need_not_be_reached(
    environment: str, unattended: bool, codes: list[str], tmp_path: Path
) -> None:
    checks = workspace_checks(content(tmp_path), unattended=unattended)
    look = Look(the_plan(environment=environment), cast(Any, None), VirtualClock(ms("2026-07-01T12:00")), "r")
    assert [f.problem.code for _, check in checks for f in check(look)] == codes
