"""The register: each service, its tolerances, when they were last reviewed and approved, and what its map lacks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from gameday.model.content import Content
from gameday.model.rules import YEAR_DAYS, Tested
from gameday.model.service import Service
from gameday.model.tolerance import Tolerance
from gameday.model.workspace import REHEARSAL


def register(content: Content, runs: Sequence[Tested], today: date) -> list[dict[str, Any]]:
    """Every service as JSON, in the order of the files. ``due`` is the day of the next review: a year after the last,
    or the day of a material change since; None where it was never reviewed."""
    return [_service(content, s.model, [r for r in runs if r.service == s.model.id], today)
            for s in content.services.values()]  # fmt: skip


def _service(content: Content, service: Service, runs: Sequence[Tested], today: date) -> dict[str, Any]:
    newest = max(runs, key=lambda r: (r.on, r.run), default=None)
    return {
        "service": service.id,
        "title": service.title,
        "owner": service.owner,
        "reviewed": _day(service.reviewed),
        "review": due(service, service.reviewed, today),
        "map_review": due(service, service.resources.reviewed or service.reviewed, today),
        "map_drift": {"run": newest.run, "not_on_map": list(newest.drift)} if newest else None,
        "changes": [{"on": _day(c.on), "what": c.what} for c in service.changes],
        "tolerances": [_tolerance(service, t, runs, today) for t in service.tolerances],
        "scenarios": [s.model.id for s in content.scenarios.values() if s.model.service == service.id],
        "runs": len(runs),
        "valid_runs": sum(run.valid for run in runs),
        "valid_rehearsals": sum(run.valid and run.environment == REHEARSAL for run in runs),
    }


def _tolerance(service: Service, tolerance: Tolerance, runs: Sequence[Tested], today: date) -> dict[str, Any]:
    valid = [r for r in runs if r.valid and r.method == "live"]
    last = max(valid, key=lambda r: (r.on, r.run), default=None)
    reviewed = tolerance.reviewed or (tolerance.approved.on if tolerance.approved else None)
    verdict = None
    if last is not None:
        verdict = "within" if tolerance.id in last.within else last.failed.get(tolerance.id)
    return {
        "id": tolerance.id,
        "authority": tolerance.authority,
        "metric": tolerance.metric,
        "limit": tolerance.limit_text(),
        "approved_by": tolerance.approved.by if tolerance.approved else None,
        "approved_on": _day(tolerance.approved.on if tolerance.approved else None),
        "review": due(service, reviewed, today),
        "last_valid_run": last.run if last else None,
        "verdict": verdict,
        "environment": last.environment if last else None,
        "age_days": (today - last.on).days if last else None,
    }


def due(service: Service, reviewed: date | None, today: date) -> dict[str, Any]:
    """When the next review is due, and whether that day has passed."""
    if reviewed is None:
        return {"due": None, "overdue": True}
    changed = min((c.on for c in service.changes if c.on > reviewed), default=None)
    day = changed or reviewed + timedelta(days=YEAR_DAYS)
    return {"due": day.isoformat(), "overdue": day < today or changed is not None}


def _day(on: date | None) -> str | None:
    return None if on is None else on.isoformat()
