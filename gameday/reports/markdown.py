"""report.md: one page for those who were not there, then everything. The same run gives the same bytes.

The template is content: ``reports/templates/report.md.j2`` of the workspace around the run, else the one that ships. A
user's template runs in a sandbox, sees plain data alone, and fails on a name that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gameday.clock import Ms
from gameday.journal.events import Event
from gameday.model.types import write_duration
from gameday.plan import Plan, PlannedStep
from gameday.reports import deviations, played, timeline
from gameday.reports.bars import bar
from gameday.reports.edges import graph_of
from gameday.reports.escape import Safe, md
from gameday.reports.limits import limits
from gameday.reports.summary import expected, in_short, span, taken_back
from gameday.reports.templates import Template, broken, fill, find_template
from gameday.reports.words import (
    CLOCKS,
    METRICS,
    OUTCOMES,
    beside,
    clock,
    day,
    interval,
    measured,
    offset,
    outward,
    reasons,
    used,
    worded,
)

TEMPLATE = "report.md.j2"


def template_of(run_dir: Path | None = None) -> Template:
    """The template for the report.md of this run: the workspace's own, else the built-in one."""
    return find_template(TEMPLATE, run_dir)


def render(
    plan: Plan,
    events: Sequence[Event],
    verdict: dict[str, Any],
    run_id: str,
    template: Template | None = None,
    debrief: Sequence[Event] = (),
) -> str:
    """The report as Markdown; InvalidFiles (TEMPLATE_BROKEN) names file and line of a template that fails."""
    template = template or template_of()
    content = {**_content(plan, events, verdict, run_id), "template": template.words(),
               "debriefed": played.debriefed(debrief)}  # fmt: skip
    return tidy(fill(template, compiled(template), content))


def tidy(text: str) -> str:
    """No blank at an end of a line, no two blank lines."""
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for i, line in enumerate(lines) if line or (i and lines[i - 1])]
    return "\n".join(kept).strip("\n") + "\n"


def compiled(template: Template) -> jinja2.Template:
    """A Markdown template, each value escaped by itself; InvalidFiles (TEMPLATE_BROKEN) where it is none."""
    try:
        return _compiled(template.text)
    except TemplateSyntaxError as error:
        raise broken(template.path, error.lineno, str(error.message)) from error


@lru_cache(maxsize=4)
def _compiled(text: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(  # no HTML is made: ``finalize`` escapes every value for Markdown
        undefined=StrictUndefined, finalize=md, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)


def _content(plan: Plan, events: Sequence[Event], verdict: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Everything a template may use: plain data, so that a template can change nothing."""
    go = next((e.what["t_go_ms"] for e in events if e.type == "timeline.started"), None)
    return {
        "plan": plan.model_dump(mode="json", by_alias=True),
        "verdict": verdict,
        "run_id": run_id,
        "in_short": in_short(verdict),
        "outcome_words": OUTCOMES[verdict["outcome"]],
        "when": day(verdict["t_go"]) or "there was no go",
        "lasted": clock((events[-1].at - events[0].at) // 1000) if events else "",
        "taken_back": taken_back(verdict),
        "expected": expected(plan, verdict),
        **_judged(plan, verdict),
        "objectives": [_tolerance(plan, t) for t in verdict["objectives"]],
        "faults": [_fault(s, verdict) for s in plan.steps if s.fault is not None],
        "moments": timeline.moments(plan, events, verdict["impact"], go),
        "clocks": list(_clocks(verdict)),
        "alarms": verdict["alarms"],
        "graph": graph_of(verdict),
        "expectations": [_expectation(plan, e) for e in verdict["expectations"]],
        "tasks": list(_tasks(plan, events, go)),
        "steps": deviations.steps(plan, events, go),
        "deviations": deviations.others(plan, events, go),
        "reactions": played.reactions(plan, events, go),
        "runbook_notes": played.runbook_notes(plan, events, go),
        "timeline": timeline.whole(plan, events, go),
        "sampled": sum(e.type in timeline.NOT_IN_TIMELINE for e in events),
        "limits": limits(plan, verdict),
        "provenance": verdict.get("provenance") or {},
    }


def _judged(plan: Plan, verdict: dict[str, Any]) -> dict[str, Any]:
    """The tolerances, and the reasons that hold for every one that is not within: those are told once."""
    judged = [_tolerance(plan, t) for t in verdict["tolerances"]]
    told = [t["reasons"] for t in judged if t["verdict"] != "within"]
    shared = [r for r in told[0] if all(r in reasons_of for reasons_of in told)] if len(told) > 1 else []
    for tolerance in judged:
        tolerance["own_reasons"] = [r for r in tolerance["reasons"] if r not in shared]
        tolerance["tested"] = verdict["outcome"] != "not tested"
    return {"judged": judged, "shared_reasons": shared}


def _tolerance(plan: Plan, judged: dict[str, Any]) -> dict[str, Any]:
    tolerance = next(t for t in (*plan.tolerances, *plan.objectives) if t.id == judged["id"])
    lo, hi, limit = (judged.get(f"{n}_s", judged.get(n)) for n in ("m_lo", "m_hi", "limit"))
    known = "METRIC_NOT_MEASURED" not in judged["codes"]
    return {
        **{key: judged[key] for key in ("id", "verdict")},
        "authority": judged["authority"] if judged["authority"] == "internal" else judged["authority"].upper(),
        "metric": METRICS[judged["metric"]],
        "change": _change(judged),
        "measured": span(*interval(judged)) if known else "not measured",
        "beside": beside(judged) if known else [],
        "limit": worded(judged, "limit"),
        "comparator": "at most" if tolerance.comparator == "<=" else "less than",
        "margin": "none" if judged["verdict"] != "within" else measured(judged, "margin"),
        "used": used(judged) if known else "unknown",
        "bar": Safe(f"`{bar(lo or 0, hi, limit or 0)}`"),
        "codes": ", ".join(judged["codes"]) or "none",
        "coverage": f"{judged['coverage']:.1%}",
        "reasons": reasons(judged),
        "evidence": ", ".join(judged["evidence"]) or "none",
        "rationale": tolerance.rationale,
        "approved": f"{tolerance.approved.by}, {tolerance.approved.on}" if tolerance.approved else None,
    }


def _change(judged: dict[str, Any]) -> str | None:
    """The cheapest change, without the details that stand among the reasons."""
    text: str | None = judged["to_conclude"]
    for detail in judged["details"].values():
        text = text.replace(f" {detail}", "") if text else text
    return text


def _fault(step: PlannedStep, verdict: dict[str, Any]) -> dict[str, Any]:
    fault = step.fault
    assert fault is not None
    named = ", ".join(arn for arns in fault.targets.values() for arn in arns) or ", ".join(fault.resources)
    asked = next((f for f in verdict["faults"] if f["step"] == step.id), None)
    return {
        "id": step.id,
        "title": step.title,
        "action": f"{fault.provider} {fault.action}",
        "resources": ", ".join(fault.resources) or named or "no target",
        "targets": named or "no target",
        "lasts": "" if fault.duration_ms is None else write_duration(fault.duration_ms),
        "says": asked["says"] if asked else "It was never asked for.",
        "seen": asked,
        "evidence": ", ".join(asked["evidence"]) if asked else "",
    }


def _clocks(verdict: dict[str, Any]) -> Iterator[dict[str, str]]:
    """In the order in which they matter, those that this version does not know by name last."""
    found = verdict["clocks"]
    for key in [*(k for k in CLOCKS if k in found), *(k for k in found if k not in CLOCKS)]:
        lo, hi = found[key]
        yield {
            "name": CLOCKS.get(key, key.removesuffix("_s").replace("_", " ")),
            "time": outward(lo, hi),
            "evidence": ", ".join(verdict["clocks_evidence"].get(key, ())),
        }


def _expectation(plan: Plan, told: dict[str, Any]) -> dict[str, str]:
    return {
        "id": told["id"],
        "title": next(s.title for s in plan.steps if s.id == told["id"]),
        "result": told["result"],
        "after": "" if told["after_s"] is None else clock(told["after_s"]),
        "within": "no limit" if told["within_s"] is None else clock(told["within_s"]),
        "why": told["why"] or "",
        "evidence": ", ".join(told["evidence"]),
    }


def _tasks(plan: Plan, events: Sequence[Event], go: Ms | None) -> Iterator[dict[str, Any]]:
    done = {(e.what["step"], e.what["number"]): e for e in events if e.type == "task.step_done"}
    for step in plan.steps:
        for runbook in (r for r in plan.runbooks if r.id == step.runbook):
            for item in runbook.steps:
                event = done.get((step.id, item.number))
                yield {
                    "runbook": f"{step.id} ({runbook.title})",
                    "number": item.number,
                    "says": item.says,
                    "done": Safe(offset(event.at, go)) if event else "not done",
                    "by": event.who if event else "",
                    "evidence": f"event:{event.seq}" if event else "",
                }
