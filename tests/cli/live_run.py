"""A run of the open-banking scenario as events: what a facilitator sees over half an hour, told once for all tests."""

from __future__ import annotations

from typing import Any

from gameday.journal.events import Draft, Event
from gameday.model.runbook import Runbook
from gameday.model.scenario import AlarmExpectation, Condition, RoleExpectation, ToleranceGuard
from gameday.model.tolerance import Tolerance
from gameday.model.workspace import REHEARSAL_ENVIRONMENT, Environment
from gameday.plan import Cost, Plan, PlannedFault, PlannedStep, Signal

GO = 1_795_515_000_000  # 2026-11-24T10:10:00Z
MINUTE, PERIOD = 60_000, 20_000
RUN = "20261124-1000-payment-functions-stop"
PRODUCTION = Environment(account="111122223333", regions=("eu-west-2",), production=True)


def _signal(ident: str, source: str = "cloudwatch.metric", **more: Any) -> Signal:
    return Signal(id=ident, source=source, query={}, period_ms=PERIOD, settles_ms=PERIOD, **more)


def _tolerance(ident: str, limit: int | str, authority: str = "fca", metric: str = "duration") -> Tolerance:
    return Tolerance.model_validate(
        {
            "id": ident, "authority": authority, "metric": metric, "limit": limit, "counts_as_disrupted": ("down",),
            "measure": {"attempts": "payments-attempts", "failures": "payments-failures"},
        }
    )  # fmt: skip


def steps() -> tuple[PlannedStep, ...]:
    fault = PlannedFault(
        provider="fis", action="aws:lambda:invocation-error", settings={}, targets={"Functions": ("arn:f",)},
        resources=("payments-function",), duration_ms=20 * MINUTE,
        effective=Condition.model_validate({"signal": "payments-failures", "at_least": 1, "within": "1m"}),
    )  # fmt: skip
    ack, answer = (RoleExpectation(does=d) for d in ("acknowledge", "answer"))
    return (
        PlannedStep(id="stop-payments", kind="fault", title="Every call of the payment function fails", at_ms=0,
                    fault=fault),
        PlannedStep(id="alarm", kind="expect", title="The alarm payments-5xx fires", at_ms=0, within_ms=3 * MINUTE,
                    expect=AlarmExpectation(alarm="payments-5xx")),
        PlannedStep(id="ack", kind="expect", title="On-call acknowledges [red]the page[/red]", after=("alarm",),
                    within_ms=5 * MINUTE, expect=ack, to="payments-on-call"),
        PlannedStep(id="regulator-calls", kind="inject", title="The supervisor calls", at_ms=6 * MINUTE,
                    within_ms=10 * MINUTE, to="incident-commander", expect=answer,
                    says="The supervisor is on the phone and asks how many customers are affected."),
        PlannedStep(id="failover", kind="task", title="Send payments to the standby", after=("ack",),
                    within_ms=10 * MINUTE, to="payments-on-call", runbook="payments-failover"),
    )  # fmt: skip


def plan(production: bool = False, **changes: Any) -> Plan:
    says = enumerate(("Look.", "Send all.", "Check."), 1)
    runbook: dict[str, Any] = {"kind": "runbook", "id": "payments-failover", "title": "Payments to the standby",
                               "steps": tuple({"number": n, "says": s} for n, s in says)}  # fmt: skip
    facts: dict[str, Any] = {
        "digest": "sha256:aa11", "scenario": "payment-functions-stop", "service": "open-banking",
        "title": "The payment functions stop abruptly on a pay day", "service_title": "Open Banking payments",
        "hypothesis": "Service is back within 12 minutes through the standby", "method": "live",
        "environment": "prod-eu" if production else "rehearsal",
        "environment_definition": PRODUCTION if production else REHEARSAL_ENVIRONMENT,
        "baseline_ms": 10 * MINUTE, "max_duration_ms": 60 * MINUTE, "steps": steps(),
        "signals": (_signal("payments-attempts"), _signal("payments-failures"), _signal("payments-latency", unit="ms"),
                    _signal("payments-5xx", "cloudwatch.alarm"), _signal("witness-1", implicit=True)),
        "tolerances": (_tolerance("payments-outage", "30m"), _tolerance("payments-failed", 4500, "internal",
                                                                       "failed_transactions")),
        "guards": (ToleranceGuard.model_validate({"tolerance": "payments-outage", "at": "50%"}),),
        "runbooks": (Runbook(**runbook),),
        "scripts": {}, "deputies": {}, "calls": (), "inputs": {},
        "cost": Cost(action_minutes=0, action_usd=0.0, metric_reads=0, metric_usd=0.0),
    }  # fmt: skip
    return Plan(**{**facts, **changes})


def _said(offset: int, type_: str, who: str = "conductor", **what: Any) -> tuple[int, Draft]:
    return offset * 1000, Draft(type_, what, who)


def story() -> list[tuple[int, Draft]]:
    """What happened; offsets in seconds from the go."""
    stop, ack, task = ({"step": s} for s in ("stop-payments", "ack", "failover"))
    opened: dict[str, Any] = {"run": RUN, "environment": "rehearsal", "speed": 20, "scenario": "payment-functions-stop",
              "service": "open-banking", "version": "0"}  # fmt: skip
    return [
        _said(-605, "run.opened", **opened),
        _said(-605, "conductor.claimed", pid=1),
        _said(-604, "phase.entered", phase="preflight"),
        _said(-602, "plan.registered", digest="sha256:aa11"),
        _said(-601, "go", "facilitator", on="a green preflight"),
        _said(-600, "phase.entered", phase="baseline"),
        _said(0, "timeline.started", t_go_ms=GO),
        _said(0, "phase.entered", phase="execute"),
        _said(0, "step.started", **stop),
        _said(0, "fault.requested", **stop, token="t"),
        _said(0, "step.started", step="alarm"),
        _said(2, "fault.accepted", **stop, trace={}),
        _said(2, "fault.targets", **stop, targets={"Functions": ["arn:f"]}),
        _said(50, "fault.effective", **stop, witness="payments-failures", value=98, bucket_ms=GO, t0_ms=GO),
        _said(70, "alarm.changed", signal="payments-5xx", state="ALARM", since_ms=GO + 65_000),
        _said(70, "step.ended", step="alarm", result="met", after_ms=65_000),
        _said(71, "step.started", **ack),
        _said(71, "prompt.delivered", **ack, prompt="ack", to="payments-on-call", via="console",
              says="payments-5xx is in ALARM\x1b[31m: [bold]acknowledge[/bold]", expects="acknowledge"),
        _said(166, "prompt.acknowledged", "payments-on-call", **ack, prompt="ack", role="payments-on-call"),
        _said(166, "step.ended", **ack, result="met", after_ms=95_000),
        _said(167, "step.started", **task),
        _said(167, "prompt.delivered", **task, prompt="failover-1", to="payments-on-call", via="console", number=1,
              says="Look.", expects="perform"),
        _said(200, "task.step_done", "payments-on-call", **task, number=1, after_ms=33_000, prompt="failover-1"),
        _said(200, "prompt.acknowledged", "payments-on-call", **task, prompt="failover-1", role="payments-on-call"),
        _said(201, "prompt.delivered", **task, prompt="failover-2", to="payments-on-call", via="console", number=2,
              says="Send all payments to the standby.", expects="perform"),
        _said(240, "observer.failed", source="cloudwatch.metric", error="Throttling", signals=["payments-latency"]),
        _said(260, "observer.failed", source="cloudwatch.metric", error="Throttling", signals=["payments-latency"]),
        _said(265, "rehearsal.disturbed", from_ms=GO + 250_000, to_ms=GO + 262_000, lag_ms=400),
        _said(300, "note", "facilitator", text="The supplier rang\nback"),
        _said(360, "step.started", step="regulator-calls"),
        _said(360, "prompt.delivered", step="regulator-calls", prompt="regulator-calls", to="incident-commander",
              via="console", expects="answer",
              says="The supervisor is on the phone and asks how many customers are affected."),
        _said(420, "hold.started", "facilitator", why="lunch", command="c-1"),
        _said(480, "hold.ended", "facilitator", command="c-2"),
        _said(490, "prompt.acknowledged", "incident-commander", step="regulator-calls", prompt="regulator-calls",
              role="incident-commander"),
        _said(490, "step.ended", step="regulator-calls", result="met", after_ms=70_000),
        _said(500, "task.step_done", "payments-on-call", **task, number=2, after_ms=333_000),
        _said(540, "task.step_checked", **task, number=3, ok=True, said="payments-failures below 1"),
        _said(541, "step.ended", **task, result="done", after_ms=374_000),
        _said(1202, "fault.ended", **stop, status="completed"),
        _said(1260, "fault.gone", **stop, witness="payments-function-errors"),
        _said(1260, "step.ended", **stop, result="done", after_ms=1_260_000),
        _said(1260, "phase.entered", phase="verify"),
        _said(1560, "phase.entered", phase="ended"),
        _said(1560, "run.ended", status="completed"),
    ]  # fmt: skip


def _values(start: int) -> dict[str, list[list[float | None]]]:
    down = 0 <= start - GO < 500_000
    late = 240_000 <= start - GO < 300_000
    values = {"payments-attempts": 100.0, "payments-failures": 98.0 if down else 0.0,
              "payments-latency": None if late else 900.0 if down else 120.0 + start // PERIOD % 5}  # fmt: skip
    return {signal: [[start, value]] for signal, value in values.items()}


def samples(until: int = 1560) -> list[tuple[int, Draft]]:
    """Datapoints from ten minutes before the go, each read a period and a half after its end."""
    starts = range(GO - 10 * MINUTE, GO + until * 1000 - 2 * PERIOD, PERIOD)
    return [(s - GO + 2 * PERIOD, Draft("signals.sampled", {"values": _values(s)})) for s in starts]


def events(until: int = 10_000, *extra: tuple[int, Draft], production: bool = False) -> list[Event]:
    """The journal up to ``until`` seconds after the go; ``extra`` has offsets in seconds."""
    told = [*story(), *samples(), *((at * 1000, draft) for at, draft in extra)]
    told = sorted((s for s in told if s[0] <= until * 1000), key=lambda s: s[0])
    if production:
        opened = {**told[0][1].what, "environment": "prod-eu", "speed": 1}
        told[0] = (told[0][0], Draft("run.opened", opened))
    first = told[0][0]
    return [
        Event(i, 1, GO + at, GO + first + (at - first) // 20, "", d.type, d.who, d.what)
        for i, (at, d) in enumerate(told, 1)
    ]
