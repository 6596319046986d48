"""A small run to judge: one fault, one tolerance, one minute a bucket; each test changes what it is about."""

from __future__ import annotations

import json
from typing import Any

from gameday.journal.events import Draft, Event
from gameday.model.tolerance import Tolerance
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Cost, Plan

GO = 1_700_000_040_000
MINUTE = 60_000
CELLS = {"U": (100.0, 0.0), "D": (100.0, 100.0), "?": (None, None)}


def tolerance(**changes: Any) -> dict[str, Any]:
    return {
        "id": "outage", "authority": "fca", "metric": "duration", "limit": "30m", "counts_as_disrupted": ["down"],
        "measure": {"attempts": "attempts", "failures": "failures"}, **changes,
    }  # fmt: skip


def plan(*tolerances: dict[str, Any], **changes: Any) -> Plan:
    fault = {
        "provider": "fis", "action": "aws:lambda:invocation-error", "settings": {}, "targets": {"F": ("arn:f",)},
        "resources": ("payments",), "duration_ms": 60 * MINUTE, "effective": {"signal": "failures", "at_least": 1},
    }  # fmt: skip
    signal = {"source": "cloudwatch.metric", "query": {}, "period_ms": MINUTE, "settles_ms": 0}
    judged = tuple(Tolerance.model_validate_json(json.dumps(t)) for t in tolerances or (tolerance(),))
    facts: dict[str, Any] = {
        "digest": "sha256:aa", "scenario": "stop", "service": "pay", "title": "Stop", "service_title": "Payments",
        "hypothesis": "Payments keep flowing", "environment": "rehearsal", "method": "live",
        "environment_definition": REHEARSAL_ENVIRONMENT, "baseline_ms": 10 * MINUTE, "max_duration_ms": 90 * MINUTE,
        "steps": (
            {"id": "stop", "kind": "fault", "title": "Stop", "at_ms": 0, "fault": fault},
            {"id": "ack", "kind": "expect", "title": "Ack", "within_ms": 5 * MINUTE, "to": "on-call"},
        ),
        "signals": ({"id": "attempts", **signal}, {"id": "failures", **signal}),
        "tolerances": judged, "guards": (), "runbooks": (), "scripts": {}, "deputies": {}, "calls": (),
        "cost": Cost(action_minutes=0, action_usd=0.0, metric_reads=0, metric_usd=0.0), "inputs": {},
    }  # fmt: skip
    return Plan.model_validate({**facts, **changes})


def sampled(shape: str) -> Draft:
    """Datapoints from ten minutes before the go; ``-`` is never read."""
    times = [GO - 10 * MINUTE + i * MINUTE for i in range(len(shape))]
    cells = [(t, CELLS[c]) for t, c in zip(times, shape, strict=True) if c != "-"]
    values = {"attempts": [[t, n] for t, (n, _) in cells], "failures": [[t, f] for t, (_, f) in cells]}
    return Draft("signals.sampled", {"values": values})


def script(shape: str, *extra: tuple[int, Draft], without: tuple[str, ...] = (), ended: int = 60) -> list[Event]:
    """The events of a whole run; times are minutes after the go. The fault is withdrawn at ``ended``."""
    opened = {"run": "r-1", "environment": "rehearsal", "speed": 20, "scenario": "stop", "service": "pay"}
    length = len(shape) - 10
    story: list[tuple[int, Draft]] = [
        (-10, Draft("run.opened", opened)),
        (-10, Draft("plan.registered", {"digest": "sha256:aa"})),
        (0, Draft("timeline.started", {"t_go_ms": GO})),
        (0, Draft("step.started", {"step": "stop"})),
        (0, Draft("fault.requested", {"step": "stop", "token": "t"})),
        (0, Draft("fault.accepted", {"step": "stop", "trace": {}})),
        (1, Draft("fault.effective", {"step": "stop", "witness": "failures", "bucket_ms": GO, "t0_ms": GO})),
        (ended, Draft("fault.ended", {"step": "stop", "status": "completed"})),
        (ended, Draft("fault.gone", {"step": "stop", "witness": "failures"})),
        *extra,
    ]
    told = sorted((s for s in story if s[1].type not in without), key=lambda s: s[0])
    last = max(length, *(at for at, _ in told))
    told += [(last, d) for d in (sampled(shape), Draft("run.ended", {"status": "completed"})) if d.type not in without]
    return [
        Event(i, 1, GO + at * MINUTE, GO + at * MINUTE, "", d.type, d.who, d.what) for i, (at, d) in enumerate(told, 1)
    ]
