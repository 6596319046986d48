"""Packets: what each role is given before the day, as data and as Markdown. Pure.

A player's packet is made from the service and the briefing alone, never from the timeline, so that it cannot show what
comes: not the scenario's title, its hypothesis, its faults or its injects. Those who run, score or write the day down
get the whole timeline with what is expected of whom, and a sheet to score it. Nobody's name is in either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gameday.model.runbook import Runbook
from gameday.model.scenario import Briefing
from gameday.model.service import Service
from gameday.model.types import write_duration
from gameday.plan import Plan, PlannedStep

STAFF = ("facilitator", "safety-officer", "evaluator", "scribe")
SAFETY = (
    "Anybody may stop the day at any time, without giving a reason: say the stop word, or run gameday abort.",
    "A real incident goes first: say so aloud, and gameday note --incident.",
    "Nobody is judged. What is tested are the service, the runbooks and the arrangements around them.",
)
SCORES = ("performed", "performed_with_challenges", "major_challenges", "unable")


def roles_of(plan: Plan, service: Service) -> tuple[str, ...]:
    """Everybody who gets a packet: who is asked something, their deputies, and those who run the day."""
    asked = [step.to for step in plan.steps if step.to and step.kind in ("inject", "expect", "task", "question")]
    deputies = [plan.deputies[role] for role in asked if role in plan.deputies]
    third = {party.id for party in service.resources.third_parties}
    return tuple(role for role in dict.fromkeys((*STAFF, *asked, *deputies)) if role not in third)


def packet(
    plan: Plan, service: Service, briefing: Briefing, runbooks: Mapping[str, Runbook], role: str
) -> dict[str, Any]:
    """The packet of one role as plain data."""
    person = next((p for p in service.resources.people if p.id == role), None)
    found: dict[str, Any] = {
        "role": role,
        "title": person.title if person else role.replace("-", " "),
        "service": service.title,
        "environment": plan.environment,
        "when": briefing.when,
        "where": briefing.where,
        "stop_word": briefing.stop_word,
        "channels": list(briefing.channels) or ([person.reach] if person and person.reach else []),
        "deputy": person.deputy if person else None,
        "safety": [*SAFETY, *briefing.safety],
        "runbooks": [_runbook(book) for book in _own(service, runbooks, role)],
    }
    if role not in STAFF:
        return found
    return {**found, "scenario": plan.title, "hypothesis": plan.hypothesis, "timeline": [_row(s) for s in plan.steps]}


def _own(service: Service, runbooks: Mapping[str, Runbook], role: str) -> Iterator[Runbook]:
    """Those that the service says this role follows on any day, whatever the scenario asks for."""
    for process in service.resources.processes:
        book = runbooks.get(process.runbook or "")
        if book is not None and (process.by == role or role in book.roles):
            yield book


def _runbook(book: Runbook) -> dict[str, Any]:
    return {"id": book.id, "title": book.title, "steps": [f"{s.number}. {s.says}" for s in book.steps]}


def _row(step: PlannedStep) -> dict[str, Any]:
    scored = step.kind in ("task", "question") or getattr(step.expect, "does", None) is not None
    return {
        "id": step.id,
        "at": _when(step),
        "kind": step.told or step.kind,
        "title": step.title,
        "to": step.to,
        "says": step.says,
        "facilitator": step.facilitator,
        "within": None if step.within_ms is None else write_duration(step.within_ms),
        "leads_to": dict(step.on),
        "evaluator": (step.evaluator or "evaluator") if scored else None,
    }


def _when(step: PlannedStep) -> str:
    parts = [f"T+{write_duration(step.at_ms)}"] if step.at_ms is not None else []
    parts += [f"after {', '.join(step.after)}"] if step.after else []
    parts += [f"when {step.when}"] if step.when else []
    parts += ["through a branch"] if step.branch else []
    return "; ".join(parts)


def markdown(found: Mapping[str, Any]) -> str:
    """A packet to print."""
    lines = [f"# Game day on {found['service']}: {found['title']}", "", "| | |", "|---|---|"]
    lines += [f"| Role | {found['role']} |", f"| Environment | {found['environment']} |"]
    lines += [f"| When | {found['when'] or 'as invited'} |", f"| Where | {found['where'] or 'as invited'} |"]
    lines += [f"| Stop word | **{found['stop_word']}** |", f"| Channels | {', '.join(found['channels']) or 'none'} |"]
    lines += [f"| Deputy | {found['deputy'] or 'none'} |", "", "## Safety", ""]
    lines += [f"- {text}" for text in found["safety"]]
    for book in found["runbooks"]:
        lines += ["", f"## Your runbook: {book['title']} ({book['id']})", "", *book["steps"]]
    if "timeline" in found:
        lines += ["", "## CONFIDENTIAL: not for players", "", f"{found['scenario']}. {found['hypothesis']}", ""]
        lines += [line for row in found["timeline"] for line in _sheet(row)]
    return "\n".join(lines) + "\n"


def _sheet(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {row['at']} {row['id']} ({row['kind']})"
    yield ""
    yield row["title"] if not row["says"] else f"To {row['to']}: {row['says']}"
    yield ""
    if row["facilitator"]:
        yield f"- For the facilitator: {row['facilitator']}"
    if row["within"]:
        yield f"- Expected within {row['within']}"
    yield from (f"- If {score}: {to}" for score, to in row["leads_to"].items())
    if row["evaluator"]:
        yield f"- Score by {row['evaluator']}: " + " ".join(f"[ ] {score}" for score in SCORES)
        yield "- What was seen: ______________________"
    yield ""
