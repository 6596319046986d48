"""A whole game day for the reports: Open Banking, a failover by hand, a hold, an alarm that kept silent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gameday.journal.events import Draft, Event
from gameday.journal.store import FIRST
from gameday.model.tolerance import Tolerance
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Cost, Plan

GO = 1_795_000_800_000
SECOND, MINUTE = 1_000, 60_000
PERIOD = 20 * SECOND
ON_CALL, COMMANDER = "payments-on-call", "incident-commander"
BOOK = [
    "Look at the edge: is the payment function failing for everybody?",
    "Check that the standby answers canary calls.",
    "Send all payments to the standby.",
    "Tell the incident commander that payments flow again.",
]


def tolerances(lost: bool = False) -> tuple[Tolerance, ...]:
    measure = {"attempts": "payments-attempts", "failures": "payments-failures", "basis": "census"}
    shared = {"authority": "fca", "measure": measure, "counts_as_disrupted": ["down", "degraded"], "harm": "consumer",
              "approved": {"by": "board-risk-committee", "on": "2026-05-14"}}  # fmt: skip
    told: list[dict[str, Any]] = [
        {"id": "payments-outage", "metric": "duration", "limit": "30m", **shared,
         "rationale": "After 30 minutes wages and rent due today start to miss their cut-off."},
        {"id": "payments-failed", "metric": "failed_transactions", "limit": 4500, **shared,
         "rationale": "Up to 4,500 payments can be repeated by hand or compensated on the same day."},
        {"id": "payments-lost", "metric": "data_loss_time", "limit": "1m", "authority": "pra"},
    ]  # fmt: skip
    return tuple(Tolerance.model_validate_json(json.dumps(t)) for t in told if lost or t["id"] != "payments-lost")


def plan(**changes: Any) -> Plan:
    signal = {"source": "cloudwatch.metric", "query": {}, "period_ms": PERIOD, "settles_ms": PERIOD}
    alarm = {"source": "cloudwatch.alarm", "query": {}, "period_ms": 10 * SECOND, "settles_ms": 0}
    fault = {
        "provider": "fis", "action": "aws:lambda:invocation-error", "settings": {"invocationPercentage": 100},
        "targets": {"Functions": ("arn:aws:lambda:eu-west-2:123456789012:function:payments-function",)},
        "resources": ("payments-function",), "duration_ms": 20 * MINUTE,
        "effective": {"signal": "payments-failures", "at_least": 1, "within": "1m"},
        "gone": {"signal": "payments-function-errors", "equals": 0, "within": "2m"},
    }  # fmt: skip
    steps = (
        {"id": "stop-payments", "kind": "fault", "title": "Every call of the payment function fails", "at_ms": 0,
         "fault": fault},
        {"id": "alarm", "kind": "expect", "title": "The edge raises its alarm", "at_ms": 0, "within_ms": 3 * MINUTE,
         "expect": {"alarm": "payments-5xx"}},
        {"id": "fraud-alarm", "kind": "expect", "title": "Fraud checks raise theirs", "at_ms": 0,
         "within_ms": 5 * MINUTE, "expect": {"alarm": "fraud-latency"}},
        {"id": "ack", "kind": "expect", "title": "The on-call engineer acknowledges", "after": ("alarm",),
         "within_ms": 5 * MINUTE, "to": ON_CALL, "expect": {"role": ON_CALL, "does": "acknowledge"}},
        {"id": "regulator-calls", "kind": "inject", "title": "The supervisor calls", "at_ms": 6 * MINUTE,
         "within_ms": 10 * MINUTE, "to": COMMANDER, "says": "How many customers are affected?",
         "expect": {"role": COMMANDER, "does": "answer"}},
        {"id": "failover", "kind": "task", "title": "Move payments to the standby", "after": ("ack",),
         "within_ms": 10 * MINUTE, "to": ON_CALL, "runbook": "payments-failover"},
    )  # fmt: skip
    book = {
        "kind": "runbook", "id": "payments-failover", "title": "Send all payments to the standby",
        "steps": tuple({"number": i, "says": says} for i, says in enumerate(BOOK, 1)),
    }  # fmt: skip
    facts: dict[str, Any] = {
        "digest": "sha256:" + "5e" * 32, "scenario": "payment-functions-stop", "service": "open-banking",
        "title": "The payment functions stop abruptly on a pay day", "service_title": "Open Banking payment initiation",
        "hypothesis": "Service is back within 12 minutes through the standby", "environment": "rehearsal",
        "environment_definition": REHEARSAL_ENVIRONMENT, "method": "live", "baseline_ms": 10 * MINUTE,
        "max_duration_ms": 60 * MINUTE, "steps": steps,
        "signals": (*({"id": i, **signal} for i in (
            "payments-attempts", "payments-failures", "payments-function-errors")),
            {"id": "payments-5xx", **alarm}, {"id": "fraud-latency", **alarm}),
        "tolerances": tolerances(), "guards": (), "runbooks": (book,),
        "scripts": {ON_CALL: {}, COMMANDER: {}}, "deputies": {}, "calls": (),
        "cost": Cost(action_minutes=20, action_usd=2.0, metric_reads=400, metric_usd=0.01),
        "inputs": {"scenarios/open-banking/payment-functions-stop.yaml": "sha256:" + "a1" * 32},
        "debrief": ("What surprised you?", "Where were we lucky?"),
    }  # fmt: skip
    return Plan.model_validate({**facts, **changes})


def points(until_s: int, broken: tuple[int, int] = (0, 425)) -> dict[str, list[list[float | None]]]:
    """What was read from ten minutes before the go: 100 payments a bucket; all fail between the two offsets."""
    values: dict[str, list[list[float | None]]] = {
        n: [] for n in ("payments-attempts", "payments-failures", "payments-function-errors")
    }
    for start in range(-600, until_s, 20):
        at, bad = GO + start * SECOND, broken[0] <= start < broken[1]
        attempts = 60.0 if bad else 100.0
        values["payments-attempts"].append([at, attempts])
        values["payments-failures"].append([at, attempts if bad else 0.0])
        values["payments-function-errors"].append([at, attempts if broken[0] <= start < 1200 else 0.0])
    return values


def story(sha256: str | None = None) -> list[tuple[float, Draft]]:
    """The day, in seconds from the go."""

    def prompt(ident: str, step: str, to: str, expects: str, says: str) -> Draft:
        what = {"prompt": ident, "step": step, "to": to, "says": says, "via": "console", "expects": expects}
        return Draft("prompt.delivered", what)

    opened = {"run": "20261118-1020-payment-functions-stop", "environment": "rehearsal", "speed": 20,
              "scenario": "payment-functions-stop", "service": "open-banking", "version": "0.1.0"}  # fmt: skip
    registered = {"digest": "sha256:" + "5e" * 32, **({"sha256": sha256} if sha256 else {})}
    step, ack = "stop-payments", {"prompt": "p1", "step": "ack", "role": ON_CALL}
    done = [
        (at, Draft("task.step_done", {"step": "failover", "number": number, "after_ms": 0}, ON_CALL))
        for at, number in ((260, 1), (330, 2), (410, 3))
    ]
    late = {"step": "failover", "result": "missed", "why": "step 4 was not done in time", "after_ms": 600_000}
    return [
        (-640, Draft("run.opened", opened)), (-640, Draft("conductor.claimed", {"pid": 7})),
        (-639, Draft("plan.registered", registered)),
        (-638, Draft("go", {"on": "plan and preflight"}, "facilitator")),
        (-638, Draft("phase.entered", {"phase": "baseline"})),
        (0, Draft("phase.entered", {"phase": "execute"})), (0, Draft("timeline.started", {"t_go_ms": GO})),
        *((0, Draft("step.started", {"step": s})) for s in (step, "alarm", "fraud-alarm")),
        (0.2, Draft("fault.requested", {"step": step, "token": "t"})),
        (1, Draft("fault.accepted", {"step": step, "trace": {"experiment": "EXP1"}})),
        (45, Draft("fault.effective", {"step": step, "witness": "payments-failures at least 1", "value": 60.0,
                                       "bucket_ms": GO, "t0_ms": GO + 200})),
        (75, Draft("alarm.changed", {"signal": "payments-5xx", "state": "ALARM", "since_ms": GO + 70 * SECOND})),
        (75, Draft("step.ended", {"step": "alarm", "result": "met", "after_ms": 75_000})),
        (75, Draft("step.started", {"step": "ack"})),
        (76, prompt("p1", "ack", ON_CALL, "acknowledge", "Please acknowledge: payments fail at the edge")),
        (166, Draft("prompt.acknowledged", ack, ON_CALL)),
        (166, Draft("step.ended", {"step": "ack", "result": "met", "after_ms": 91_000})),
        (167, Draft("step.started", {"step": "failover"})),
        (168, prompt("p2", "failover", ON_CALL, "perform", BOOK[0])), *done,
        (300, Draft("step.ended", {"step": "fraud-alarm", "result": "missed", "after_ms": 300_000,
                                   "why": "the alarm stayed OK"})),
        (305, Draft("hold.started", {"why": "the safety officer asks for a look at the ledger"}, "safety-officer")),
        (350, Draft("hold.ended", {}, "safety-officer")),
        (425, Draft("step.started", {"step": "regulator-calls"})),
        (426, prompt("p3", "regulator-calls", COMMANDER, "answer", "How many customers are affected?")),
        (500, Draft("note", {"text": "Support says the app still shows an error to some | <b>customers</b>"},
                    "communications-lead")),
        (546, Draft("prompt.acknowledged", {"prompt": "p3", "step": "regulator-calls", "role": COMMANDER}, COMMANDER)),
        (546, Draft("step.ended", {"step": "regulator-calls", "result": "met", "after_ms": 121_000})),
        (767, Draft("step.ended", late)),
        (1203, Draft("fault.ended", {"step": step, "status": "completed"})),
        (1204, Draft("undo.done", {"step": step, "resource": "EXT1"})),
        (1265, Draft("fault.gone", {"step": step, "witness": "payments-function-errors equals 0"})),
        (1265, Draft("step.ended", {"step": step, "result": "done", "after_ms": 1_265_000})),
        (1265, Draft("phase.entered", {"phase": "verify"})),
        (1580, Draft("signals.sampled", {"values": points(1560), "read_to_ms": {
            n: GO + 1560 * SECOND for n in points(0)}})),
        (1581, Draft("run.ended", {"status": "completed"})),
    ]  # fmt: skip


def write(folder: Path, made: Plan, told: Iterable[tuple[float, Draft]]) -> Path:
    """The folder of this run; the journal's own chain, the plan's own bytes."""
    folder.mkdir(parents=True)
    (folder / "plan.json").write_bytes(plan_bytes(made))
    lines, prev, epoch = [], FIRST, 0
    for seq, (at, draft) in enumerate(sorted(told, key=lambda s: s[0]), 1):
        ms, epoch = GO + round(at * SECOND), epoch + (draft.type == "conductor.claimed")
        lines.append(Event(seq, epoch, ms, ms, prev, draft.type, draft.who, draft.what).line())
        prev = hashlib.sha256(lines[-1]).hexdigest()
    (folder / "journal.jsonl").write_bytes(b"".join(lines))
    return folder


def plan_bytes(made: Plan) -> bytes:
    return made.model_dump_json(by_alias=True).encode()


def a_day(folder: Path) -> Path:
    """The whole day in this folder, its plan bound to its journal."""
    made = plan()
    return write(folder, made, story(hashlib.sha256(plan_bytes(made)).hexdigest()))
