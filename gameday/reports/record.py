"""The report as data, from plan, journal and verdict: pure, so that the same folder gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gameday.clock import Ms, from_iso
from gameday.journal.events import Event
from gameday.journal.state import fold
from gameday.plan import Plan, PlannedStep
from gameday.reports import deviations, timeline
from gameday.reports.edges import graph_of
from gameday.reports.limits import limits
from gameday.reports.model import (
    AlarmTold,
    ClockTold,
    EdgeTold,
    ExpectationTold,
    FaultTold,
    Figure,
    Interval,
    MomentTold,
    PartTold,
    Provenance,
    Report,
    RunbookStepTold,
    Sentence,
    SignalTold,
    StepTold,
    ToleranceTold,
    WindowTold,
)
from gameday.reports.sources import Book, figure, pointer, told
from gameday.reports.summary import sentences
from gameday.reports.words import CLOCKS, METRICS, OUTCOMES, reasons
from gameday.verdict.facts import Facts, gather


def record(plan: Plan, events: Sequence[Event], verdict: dict[str, Any], run_id: str) -> Report:
    """Everything that the report of this run says."""
    book = Book(plan, list(events))
    return Report(
        **_identity(book, verdict, run_id),
        **_results(book, verdict),
        **_as_run(book),
        **_data(book, verdict),
        service_map=tuple(_parts(plan)),
        edges=tuple(_edges(verdict)),
        where_it_broke=_broke(verdict),
        not_shown=tuple(limits(plan, verdict)),
        moments=tuple(_moments(book, timeline.moments(plan, events, verdict["impact"], None))),
        timeline=tuple(_moments(book, timeline.whole(plan, events, None))),
        debrief=tuple(plan.debrief),
        provenance=_provenance(book, verdict),
    )


def _identity(book: Book, verdict: dict[str, Any], run_id: str) -> dict[str, Any]:
    plan, events = book.plan, book.events
    ends = (f"event:{events[0].seq}", f"event:{events[-1].seq}")
    return {
        "run": run_id,
        **{
            key: getattr(plan, key) for key in ("title", "service", "service_title", "scenario", "hypothesis", "method")
        },
        "environment": verdict["environment"],
        "representative": plan.environment_definition.representative,
        "outcome": verdict["outcome"],
        "outcome_words": OUTCOMES[verdict["outcome"]],
        "began": verdict["t_go"],
        "lasted": told((events[-1].at - events[0].at) / 1000, "s", ends),
        "speed": figure(verdict["speed"], "number", book.opened),
        "summary": tuple(sentences(verdict)),
        "authorised": tuple(_authorised(events)),
        "authorities": verdict["authorities"],
    }


def _authorised(events: Sequence[Event]) -> Iterator[Sentence]:
    for event in events:
        if event.type == "go":
            yield Sentence(text=f"Go by {event.who}, on {event.what.get('on')}", source=(f"event:{event.seq}",))
        elif event.type == "plan.registered":
            text = f"The plan was registered before the fault: {event.what.get('digest')}"
            yield Sentence(text=text, source=(f"event:{event.seq}",))


def _results(book: Book, verdict: dict[str, Any]) -> dict[str, Any]:
    tested = verdict["outcome"] != "not tested"
    judged = {
        kind: tuple(_tolerance(book, kind, i, t, tested) for i, t in enumerate(verdict[kind]))
        for kind in ("tolerances", "objectives")
    }
    return {
        **judged,
        "faults": tuple(_fault(book, s, verdict) for s in book.plan.steps if s.fault is not None),
        "clocks": tuple(_clocks(verdict)),
        "alarms": tuple(AlarmTold(alarm=a["alarm"], result=a["result"], source=tuple(a["evidence"]))
                        for a in verdict["alarms"]),
        "expectations": tuple(_expectation(book, e) for e in verdict["expectations"]),
    }  # fmt: skip


def _tolerance(book: Book, kind: str, index: int, judged: dict[str, Any], tested: bool) -> ToleranceTold:
    tolerance = getattr(book.plan, kind)[index]
    shown, known = tuple(judged["evidence"]) or book.whole, "METRIC_NOT_MEASURED" not in judged["codes"]
    unit = "s" if "limit_s" in judged else "minor" if judged.get("currency") else "count"
    value = {key: judged.get(f"{key}_s", judged.get(key)) for key in ("m_lo", "m_hi", "limit", "margin")}
    limit = (pointer(kind, index, "limit"),)
    return ToleranceTold(
        **{key: judged[key] for key in ("id", "authority", "verdict")},
        metric=METRICS[judged["metric"]],
        tested=tested,
        comparator=tolerance.comparator,
        currency=judged.get("currency"),
        limit=figure(value["limit"], unit, limit),
        measured=_interval((value["m_lo"], value["m_hi"]), unit, shown, known),
        used=_interval(judged["used"], "share", (*shown, *limit), known),
        margin=figure(value["margin"], unit, (*shown, *limit)) if known else None,
        coverage=told(judged["coverage"], "share", shown),
        resolution=told(judged["resolution_s"], "s", shown),
        codes=tuple(judged["codes"]),
        reasons=tuple(reasons(judged)),
        cheapest_change=judged["to_conclude"],
        rationale=tolerance.rationale,
        approved=f"{tolerance.approved.by}, {tolerance.approved.on}" if tolerance.approved else None,
        source=tuple(judged["evidence"]),
    )


def _interval(bounds: Sequence[float | None], unit: str, source: tuple[str, ...], known: bool = True) -> Interval:
    lo, hi = bounds
    return Interval(lo=figure(lo, unit, source), hi=figure(hi, unit, source)) if known else Interval(lo=None, hi=None)


def _fault(book: Book, step: PlannedStep, verdict: dict[str, Any]) -> FaultTold:
    fault = step.fault
    assert fault is not None
    unasked = {"step": step.id, "result": "never asked for", "says": "It was never asked for.", "seen_gone": True,
               "requested": None, "effective": None, "gone": None, "gone_witness": None, "evidence": []}  # fmt: skip
    seen: dict[str, Any] = next((f for f in verdict["faults"] if f["step"] == step.id), unasked)
    lasts = None if fault.duration_ms is None else fault.duration_ms / 1000
    return FaultTold(
        step=step.id,
        title=step.title,
        action=f"{fault.provider} {fault.action}",
        resources=tuple(fault.resources),
        targets=tuple(arn for arns in fault.targets.values() for arn in arns),
        planned=figure(lasts, "s", book.step(step.id, "fault", "duration_ms")),
        **{key: seen[key] for key in ("result", "says", "seen_gone", "requested", "effective", "gone", "gone_witness")},
        source=tuple(seen["evidence"]),
    )


def _clocks(verdict: dict[str, Any]) -> Iterator[ClockTold]:
    found, shown = verdict["clocks"], verdict["clocks_evidence"]
    effect = shown.get("fault_effective_after_request_s", ())
    for key in [*(k for k in CLOCKS if k in found), *(k for k in found if k not in CLOCKS)]:
        source = tuple(dict.fromkeys([*shown.get(key, ()), *effect]))
        name = CLOCKS.get(key, key.removesuffix("_s").replace("_", " "))
        yield ClockTold(key=key, name=name, after=_interval(found[key], "s", source))


def _expectation(book: Book, found: dict[str, Any]) -> ExpectationTold:
    shown = tuple(found["evidence"]) or book.whole
    return ExpectationTold(
        step=found["id"],
        title=next(s.title for s in book.plan.steps if s.id == found["id"]),
        result=found["result"],
        after=figure(found["after_s"], "s", shown),
        within=figure(found["within_s"], "s", book.step(found["id"], "within_ms")),
        why=found["why"],
        source=tuple(found["evidence"]),
    )


def _as_run(book: Book) -> dict[str, Any]:
    plan, events = book.plan, book.events
    rows = deviations.steps(plan, events, book.go_ms)
    others = deviations.others(plan, events, book.go_ms)
    return {
        "runbook_steps": tuple(_runbooks(book)),
        "steps": tuple(_steps(book, rows)),
        "deviations": tuple(Sentence(text=f"{d['offset']} {d['says']} (by {d['who']})".strip(), source=(d["evidence"],))
                            for d in others),
    }  # fmt: skip


def _steps(book: Book, rows: Sequence[dict[str, str]]) -> Iterator[StepTold]:
    state = fold(book.events)
    marks = {(e.type, e.what.get("step")): f"event:{e.seq}" for e in book.events if e.type.startswith("step.")}
    for row in rows:
        found, name = state.step(row["id"]), row["id"]
        began, ended = (marks.get((kind, name)) for kind in ("step.started", "step.ended"))
        yield StepTold(
            step=name,
            title=str(row["title"]),
            planned=str(row["planned"]),
            result=str(row["result"]),
            differs=str(row["differs"]),
            started=book.since_go(found.started_ms, [began] if began else book.whole),
            ended=book.since_go(found.ended_ms, [ended] if ended else book.whole),
            source=tuple(m for m in (began, ended) if m),
        )


def _runbooks(book: Book) -> Iterator[RunbookStepTold]:
    done = {(e.what["step"], e.what["number"]): e for e in book.events if e.type == "task.step_done"}
    for step in book.plan.steps:
        for place, runbook in enumerate(book.plan.runbooks):
            for index, item in enumerate(runbook.steps if runbook.id == step.runbook else ()):
                event = done.get((step.id, item.number))
                shown = (f"event:{event.seq}",) if event else ()
                yield RunbookStepTold(
                    step=step.id,
                    runbook=runbook.title,
                    number=told(item.number, "number", (pointer("runbooks", place, "steps", index, "number"),)),
                    says=item.says,
                    done=book.since_go(event.at, shown) if event else None,
                    by=event.who if event else None,
                    source=shown,
                )


def _parts(plan: Plan) -> Iterator[PartTold]:
    struck = {name for step in plan.steps if step.fault for name in step.fault.resources}
    known = {part.id for part in plan.service_map}
    for part in plan.service_map:
        yield PartTold(id=part.id, needs=tuple(n for n in part.needs if n in known), struck=part.id in struck)


def _edges(verdict: dict[str, Any]) -> Iterator[EdgeTold]:
    graph = verdict.get("graph") or {"edges": (), "evidence": ()}
    for row in graph["edges"]:
        counts: dict[str, Figure | None] = {
            f"{name}_{when}": figure((row[when] or {}).get(key), "count", graph["evidence"])
            for when in ("before", "during")
            for name, key in (("faults", "faults"), ("calls", "total"))
        }
        rise = figure(row["rise"], "share", graph["evidence"])
        yield EdgeTold(caller=row["from"], called=row["to"], rise=rise, **counts)


def _broke(verdict: dict[str, Any]) -> Sentence | None:
    found = graph_of(verdict)
    return None if found is None else Sentence(text=found["says"], source=tuple(verdict["graph"]["evidence"]))


def _data(book: Book, verdict: dict[str, Any]) -> dict[str, Any]:
    data, facts = verdict["data"], gather(book.events)
    lag = (*book.of("rehearsal.disturbed", "phase.entered"),)
    return {
        "signals": tuple(_signals(book, facts)),
        "windows": tuple(_window(book, name, found) for name, found in data["windows"].items()),
        "lag": told(data["lag_s"], "s", lag),
        "failed_reads": told(data["failed_reads"], "count", book.of("observer.failed")),
        "clock_steps": told(data["clock_steps"], "count", book.of("clock.stepped")),
        "disturbed_spans": told(len(data["disturbed"]), "count", book.of("rehearsal.disturbed")),
    }


def _window(book: Book, name: str, found: dict[str, Any]) -> WindowTold:
    judged = [*book.plan.tolerances, *book.plan.objectives]
    signal = next(t for t in judged if t.id == name).pair[1]
    shown = book.of("signals.sampled") if signal else book.whole
    units = {"buckets": "count", "baseline_buckets": "count", "missing": "count", "disturbed": "count"}
    return WindowTold(
        tolerance=name,
        begins=found["from"],
        ends=found["to"],
        **{key: told(found[key], unit, shown) for key, unit in units.items()},
        longest_gap=told(found["longest_gap_s"], "s", shown),
        resolution=told(found["resolution_s"], "s", shown),
    )


def _signals(book: Book, facts: Facts) -> Iterator[SignalTold]:
    for index, signal in enumerate(book.plan.signals):
        points = [v for v in facts.series.get(signal.id, {}).values() if v is not None]
        yield SignalTold(
            id=signal.id,
            reader=signal.source,
            unit=signal.unit,
            period=told(signal.period_ms / 1000, "s", (pointer("signals", index, "period_ms"),)),
            settles=told(signal.settles_ms / 1000, "s", (pointer("signals", index, "settles_ms"),)),
            points=told(len(points), "count", book.of("signals.sampled")),
        )


def _moments(book: Book, rows: Sequence[dict[str, str]]) -> Iterator[MomentTold]:
    for row in rows:
        at: Ms = from_iso(row["at"])
        yield MomentTold(
            at=row["at"],
            kind=row["kind"],
            who=row["who"],
            says=row["says"],
            offset=book.since_go(at, (row["evidence"],)),
            source=(row["evidence"],),
        )


def _provenance(book: Book, verdict: dict[str, Any]) -> Provenance:
    found = verdict["provenance"]
    return Provenance(
        plan_digest=book.plan.digest,
        **{key: found[key] for key in ("plan_sha256", "plan_bound", "journal_head_sha256", "run_by_version",
                                       "judged_by_version")},
        journal_events=told(found["journal_events"], "count", book.whole),
        journal_torn_bytes=told(found["journal_torn_bytes"], "count", book.whole),
        inputs=dict(plan_inputs(book.plan)),
    )  # fmt: skip


def plan_inputs(plan: Plan) -> dict[str, str]:
    """The files that the plan was made from, by path."""
    return dict(sorted(plan.inputs.items()))
