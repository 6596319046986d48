"""report.md: what was tested, what was seen, what it does not show. The same run gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gameday.clock import iso
from gameday.journal.events import Event
from gameday.model.types import write_duration
from gameday.model.workspace import REHEARSAL
from gameday.plan import Plan, PlannedStep
from gameday.reports.escape import md
from gameday.reports.words import cheapest, clock, measured, offset, reasons, says, used

OUTCOMES = {
    "within": "Every tolerance was kept, and the data proves it.",
    "breached": "At least one tolerance was breached: even the lower bound is beyond its limit.",
    "inconclusive": "At least one tolerance is neither proven kept nor proven breached; the reasons follow.",
    "not tested": "No fault was seen effective, so the hypothesis was not tested.",
    "stopped": "The run was stopped before its timeline ended; what was measured until then still stands.",
    "unsafe": "Something that was injected was NOT seen gone. Look at the witnesses below, and at the resource, now.",
}
NOT_IN_TIMELINE = frozenset({"signals.sampled"})


def render(plan: Plan, events: Sequence[Event], verdict: dict[str, Any], run_id: str) -> str:
    """The report as Markdown."""
    environment = Environment(  # no HTML is made: ``finalize`` escapes every value for Markdown instead
        loader=PackageLoader("gameday.reports"), undefined=StrictUndefined, finalize=md, keep_trailing_newline=True
    )
    text = environment.get_template("report.md.j2").render(_content(plan, events, verdict, run_id))
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for i, line in enumerate(lines) if line or (i and lines[i - 1])]
    return "\n".join(kept).strip("\n") + "\n"


def _content(plan: Plan, events: Sequence[Event], verdict: dict[str, Any], run_id: str) -> dict[str, Any]:
    go = next((e.what["t_go_ms"] for e in events if e.type == "timeline.started"), None)
    return {
        "plan": plan,
        "verdict": verdict,
        "run_id": run_id,
        "outcome_words": OUTCOMES[verdict["outcome"]],
        "judged": [_tolerance(plan, t) for t in verdict["tolerances"]],
        "faults": [_fault(s) for s in plan.steps if s.fault is not None],
        "steps": [_step(s, events, go) for s in plan.steps],
        "clocks": [(_name(n), f"{clock(lo)} to {clock(hi)}") for n, (lo, hi) in verdict["clocks"].items()],
        "expectations": [_expectation(e) for e in verdict["expectations"]],
        "tasks": list(_tasks(plan, events, go)),
        "timeline": [_line(e, go) for e in events if e.type not in NOT_IN_TIMELINE],
        "sampled": sum(e.type in NOT_IN_TIMELINE for e in events),
        "limits": list(_limits(plan, verdict)),
    }


def _tolerance(plan: Plan, judged: dict[str, Any]) -> dict[str, Any]:
    numbers = {"lo": "m_lo", "hi": "m_hi", "limit": "limit", "margin": "margin"}
    return {
        **{name: measured(judged, key) for name, key in numbers.items()},
        **{key: judged[key] for key in ("id", "authority", "verdict")},
        "comparator": next(t.comparator for t in plan.tolerances if t.id == judged["id"]),
        "margin": "none" if judged["verdict"] != "within" else measured(judged, "margin"),
        "used": used(judged),
        "codes": ", ".join(judged["codes"]) or "none",
        "reasons": reasons(judged),
        "change": cheapest(judged),
        "evidence": ", ".join(judged["evidence"]) or "none",
    }


def _fault(step: PlannedStep) -> dict[str, str]:
    fault = step.fault
    assert fault is not None
    lasts = "" if fault.duration_ms is None else write_duration(fault.duration_ms)
    named = ", ".join(arn for arns in fault.targets.values() for arn in arns) or ", ".join(fault.resources)
    action = f"{fault.provider} {fault.action}"
    return {"id": step.id, "action": action, "resources": named or "no target", "lasts": lasts}


def _planned(step: PlannedStep) -> str:
    parts = [f"+{clock(step.at_ms / 1000)}"] if step.at_ms is not None else []
    parts += [f"after {', '.join(step.after)}"] if step.after else []
    parts += [f"when {step.when}"] if step.when else []
    return "; ".join(parts) or "+0:00"


def _step(step: PlannedStep, events: Sequence[Event], go: int | None) -> dict[str, str]:
    def of(kind: str) -> Event | None:
        return next((e for e in events if e.type == kind and e.what.get("step") == step.id), None)

    started, ended = of("step.started"), of("step.ended")
    why = ended.what.get("why") if ended else None
    return {
        "id": step.id,
        "planned": _planned(step),
        "started": offset(started.at, go) if started else "not started",
        "ended": offset(ended.at, go) if ended else "",
        "result": f"{ended.what['result']}{f': {why}' if why else ''}" if ended else "not reached",
    }


def _expectation(expected: dict[str, Any]) -> dict[str, str]:
    return {
        "id": expected["id"],
        "result": expected["result"],
        "after": "" if expected["after_s"] is None else clock(expected["after_s"]),
        "within": "no limit" if expected["within_s"] is None else clock(expected["within_s"]),
        "why": expected["why"] or "",
    }


def _tasks(plan: Plan, events: Sequence[Event], go: int | None) -> Iterator[dict[str, Any]]:
    done = {(e.what["step"], e.what["number"]): e for e in events if e.type == "task.step_done"}
    for step in plan.steps:
        for runbook in (r for r in plan.runbooks if r.id == step.runbook):
            for item in runbook.steps:
                event = done.get((step.id, item.number))
                yield {
                    "runbook": f"{step.id} ({runbook.title})",
                    "number": item.number,
                    "says": item.says,
                    "done": offset(event.at, go) if event else "not done",
                    "by": event.who if event else "",
                }


def _line(event: Event, go: int | None) -> dict[str, str]:
    return {
        "at": iso(event.at),
        "offset": offset(event.at, go),
        "who": event.who,
        "says": says(event),
        "seq": f"event:{event.seq}",
    }


def _name(key: str) -> str:
    return key.removesuffix("_s").replace("_", " ")


def _limits(plan: Plan, verdict: dict[str, Any]) -> Iterator[str]:
    yield "One run is one piece of evidence: 1 of 1 supports a success probability of at least 0.05 at 95 %, no more."
    yield "It shows this scenario at this severity, not the ability to stay within tolerance in any disruption."
    if verdict["environment"] == REHEARSAL:
        yield "It was a rehearsal against an embedded stand-in for AWS; nothing here was observed on AWS."
    elif not plan.environment_definition.production:
        yield "The environment is not production; a breach here is a gap in capability, to be remedied."
    if verdict["environment"] == REHEARSAL and plan.scripts:
        yield f"These people were scripted unless somebody held the role: {', '.join(sorted(plan.scripts))}."
    if verdict["speed"] != 1:
        yield f"It ran at {verdict['speed']:g} times real speed; above speed 5 latency is not judged."
    yield from _limits_of_data(verdict)


def _limits_of_data(verdict: dict[str, Any]) -> Iterator[str]:
    for judged in verdict["tolerances"]:
        if judged["metric"] == "duration" and judged.get("m_hi_s") == 0:
            yield f"{judged['id']}: disruptions shorter than {judged['resolution_s']:g} s may be unseen."
        if judged["metric"] == "failed_transactions" and "METRIC_NOT_MEASURED" not in judged["codes"]:
            yield f"{judged['id']}: suppressed demand was estimated from this run's own baseline, not from peak demand."
        if "METRIC_NOT_MEASURED" in judged["codes"]:
            yield f"{judged['id']}: nothing was measured; {judged['metric']} needs evidence from elsewhere."
