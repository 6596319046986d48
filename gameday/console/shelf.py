"""What lies on the shelf: the list of runs, a run's plan and report, and the services of the workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gameday.clock import iso
from gameday.console import views as v
from gameday.console.known import Known
from gameday.console.timeline import step_view
from gameday.errors import GamedayError
from gameday.journal.events import Event
from gameday.library import content_root
from gameday.model.content import Content
from gameday.model.load import load_content
from gameday.model.service import Service
from gameday.model.tolerance import Tolerance
from gameday.plan import Plan, load_plan
from gameday.reports.telling import short
from gameday.runs import JOURNAL, all_runs, is_live

MOST_ROWS = 200
END = 4096


def rows(root: Path, only: str | None) -> list[v.RunRow]:
    """The runs of the workspace, newest first; or the one of this id."""
    found = [run for run in reversed(all_runs(root)) if only in (None, run.name)]
    return [row for run in found[:MOST_ROWS] if (row := _row(run)) is not None]


def _row(run: Path) -> v.RunRow | None:
    try:
        plan, first = load_plan(run / "plan.json"), _first(run)
    except (OSError, ValueError, KeyError, TypeError, GamedayError):
        return None
    live, production = is_live(run), plan.environment_definition.production
    return v.RunRow(
        ref=run.name, run=run.name, title=short(plan.title), service=short(plan.service_title),
        banner=f"PRODUCTION {plan.environment}" if production else plan.environment.upper(),
        status="running" if live else "ended" if _ended(run) else "not conducted",
        opened=iso(first.wall), outcome=_verdict(run).get("outcome"), live=live,
    )  # fmt: skip


def _first(run: Path) -> Event:
    with (run / JOURNAL).open("rb") as file:
        return Event.parse(file.readline())


def _ended(run: Path) -> bool:
    """Whether the journal's last lines hold the end."""
    with (run / JOURNAL).open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - END))
        return b'"type":"run.ended"' in file.read()


def _verdict(run: Path) -> dict[str, Any]:
    try:
        found = json.loads((run / "verdict.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def plan_view(known: Known, ref: str) -> v.PlanView:
    """The plan as it was before anything began."""
    plan = known.plan
    before = Known(known.name, plan)
    return v.PlanView(
        ref=ref, title=short(plan.title), service=short(plan.service_title), environment=plan.environment,
        hypothesis=short(plan.hypothesis, 1000), method=plan.method, baseline_ms=plan.baseline_ms,
        max_duration_ms=plan.max_duration_ms, steps=tuple(step_view(before, s) for s in plan.steps),
        guards=tuple(_guard(g) for g in plan.guards), roles=roles(plan), debrief=tuple(map(short, plan.debrief)),
    )  # fmt: skip


def roles(plan: Plan) -> tuple[str, ...]:
    """Who is asked for something, and their deputies."""
    asked = {s.to for s in plan.steps if s.to}
    return tuple(sorted(asked | {plan.deputies[r] for r in asked if r in plan.deputies}))


def _guard(guard: Any) -> str:
    facts = guard.model_dump(mode="json", exclude_none=True)
    return short(", ".join(f"{key} {value}" for key, value in facts.items()))


def report(run: Path, ref: str) -> v.ReportView:
    """The report, if there is one yet."""
    try:
        text = (run / "report.md").read_text("utf-8")
    except (OSError, ValueError):
        text = None
    return v.ReportView(ref=ref, outcome=_verdict(run).get("outcome"), markdown=text)


def content(root: Path) -> Content | None:
    """What the workspace holds; None when it cannot be read."""
    try:
        return load_content(content_root(None, root))
    except GamedayError:
        return None


def services(root: Path, with_scenarios: bool) -> list[v.ServiceView]:
    """Every service with its tolerances, by id."""
    held = content(root)
    if held is None:
        return []
    return [_service(held, ident, with_scenarios) for ident in sorted(held.services)]


def _service(held: Content, ident: str, with_scenarios: bool) -> v.ServiceView:
    service: Service = held.services[ident].model
    scenarios = sorted(k for k, s in held.scenarios.items() if s.model.service == ident)
    return v.ServiceView(
        id=ident, title=short(service.title), tolerances=tuple(_tolerance(t) for t in service.tolerances),
        scenarios=tuple(scenarios) if with_scenarios else (),
    )  # fmt: skip


def _tolerance(found: Tolerance) -> v.ToleranceView:
    approved = found.approved
    return v.ToleranceView(
        id=found.id, authority=found.authority, metric=found.metric, limit=f"{found.comparator} {found.limit_text()}",
        harm=found.harm, rationale=short(found.rationale, 1000) if found.rationale else None,
        approved=short(f"{approved.by}, {approved.on.isoformat()}") if approved else None,
    )  # fmt: skip
