"""The sections of a report up to its results: what matters first, then scope, map, tolerances, plan and method."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.reports.document import Block, Cell, bullets, cell, chart, facts, nothing, para, table
from gameday.reports.figures import (
    amount,
    authority_words,
    clock_of,
    limit_words,
    measured_words,
    offset_words,
    tone,
    used_words,
)
from gameday.reports.model import Report, Sentence, ToleranceTold
from gameday.reports.words import clock, day

VERIFY = (
    "This report is a draft as long as it lies outside a sealed bag. gameday evidence seal binds it to the run and "
    "signs it; gameday evidence verify and the VERIFY.md in the bag check that."
)
Blocks = Iterator[Block]


def outcome(report: Report) -> Blocks:
    """The verdict in a word and a few sentences."""
    yield Block("lead", report.outcome_words, report.outcome, tone(report.outcome))
    for sentence in report.summary:
        yield para(sentence.text, sentence.source)


def summary(report: Report) -> Blocks:
    """One page: what was tested, what happened, did the tolerances hold, what to do."""
    yield from outcome(report)
    yield from _judged(report)
    yield facts(
        [
            ("What was tested", f"{report.title}. {report.hypothesis}."),
            ("The fault", "; ".join(f.title + _lasts(report, i) for i, f in enumerate(report.faults)) or "none"),
            ("Taken back?", _taken_back(report)),
            ("Where", _where(report)),
            ("When", f"{day(report.began) or 'there was no go'}; the whole run took {_lasted(report)}"),
        ]
    )
    found = findings(report)
    yield bullets(found[:3], "What was found") if found else nothing("Nothing was found that asks for a change.")
    if len(found) > 3:
        yield para(f"{len(found) - 3} more stand in the sections below.")
    yield bullets(decisions(report), "What to do now")


def _judged(report: Report) -> Blocks:
    if not report.tolerances:
        yield nothing("The service declares no tolerance, so nothing was judged.")
        return
    rows = [_judged_row(t) for t in report.tolerances]
    head = ("tolerance", "verdict", "measured", "limit", "share of it")
    yield table(head, rows, title="Were the tolerances kept?", widths=(3, 1.6, 1.8, 1.6, 1.6))
    words = "; ".join(f"{t.id} {used_words(t)} of its limit, {t.verdict}" for t in report.tolerances)
    yield chart("tolerances", "What was used of each limit: certainly, and possibly", words)


def _judged_row(found: ToleranceTold) -> tuple[Cell, ...]:
    word = found.verdict if found.tested else f"{found.verdict}: not tested"
    return (
        cell(f"{found.id} ({authority_words(found.authority)}): {found.metric}"),
        cell(word, tone(found.verdict) if found.tested else "warn"),
        cell(measured_words(found), source=found.source),
        cell(limit_words(found), source=found.limit.source if found.limit else ()),
        cell(used_words(found)),
    )


def _lasts(report: Report, index: int) -> str:
    planned = report.faults[index].planned
    return "" if planned is None else f", planned for {clock(planned.value)}"


def _lasted(report: Report) -> str:
    return clock(round(report.lasted.value)) if report.lasted else "unknown"


def _taken_back(report: Report) -> Cell:
    left = [f.step for f in report.faults if not f.seen_gone]
    if left:
        return cell(f"NOT SEEN GONE: {', '.join(left)}", "bad")
    return cell("every fault was seen gone", "good") if report.faults else cell("nothing was injected")


def _where(report: Report) -> str:
    speed = "" if report.speed is None else f", at {report.speed.value:g} times real speed"
    stand_in = " (a stand-in on one machine; nothing ran on AWS)" if report.environment == "rehearsal" else ""
    return f"{report.environment}{speed}{stand_in}"


def findings(report: Report) -> list[Sentence]:
    """What the data shows that asks for somebody's attention, the gravest first."""
    return [*_of_faults(report), *_of_tolerances(report), *_of_responses(report)]


def _of_faults(report: Report) -> Iterator[Sentence]:
    for fault in report.faults:
        if not fault.seen_gone:
            yield Sentence(text=f"{fault.title}: NOT SEEN GONE. Look at it now.", source=fault.source)
    for fault in report.faults:
        if fault.result != "effective":
            yield Sentence(text=f"{fault.title}: {fault.says}", source=fault.source)


def _of_tolerances(report: Report) -> Iterator[Sentence]:
    for found in sorted(report.tolerances, key=lambda t: t.verdict != "breached"):
        if found.verdict != "within":
            text = f"{found.id} is {found.verdict}: {measured_words(found)}, limit {limit_words(found)}."
            yield Sentence(text=text, source=found.source)


def _of_responses(report: Report) -> Iterator[Sentence]:
    for expected in report.expectations:
        if expected.result not in ("met", "done"):
            why = f" ({expected.why})" if expected.why else ""
            yield Sentence(text=f"{expected.title}: {expected.result}{why}.", source=expected.source)
    known = {e.title for e in report.expectations}
    for alarm in report.alarms:
        if alarm.result == "unexpected" and alarm.alarm not in known:
            yield Sentence(text=f"Alarm {alarm.alarm} fired, though nothing expected it.", source=alarm.source)


def decisions(report: Report) -> list[str]:
    """What has to be decided or done now, from the outcome and what was missed."""
    asked = [f"Look at {f.title} now: it was not seen gone." for f in report.faults if not f.seen_gone]
    for found in report.tolerances:
        if found.verdict == "breached":
            asked.append(f"Decide who remedies what breached {found.id}, by when, and test it again.")
        elif found.verdict == "inconclusive" and found.cheapest_change:
            asked.append(f"To have {found.id} judged: {found.cheapest_change}")
    if report.outcome in ("not tested", "stopped"):
        asked.append("Run it again: this run proves nothing about the hypothesis.")
    missed = [e for e in report.expectations if e.result not in ("met", "done")]
    if missed:
        some = "one expectation that was" if len(missed) == 1 else f"{len(missed)} expectations that were"
        asked.append(f"Name an owner and a date for the {some} not met.")
    return asked or ["Nothing has to be decided. Test again before the service or its map changes."]


def story(report: Report) -> Blocks:
    """What happened, a line for each moment that matters."""
    yield chart("timeline", "The day in lanes", f"{len(report.moments)} moments; the table tells each")
    rows = [(cell(clock_of(m)), cell(m.kind), cell(m.says, source=m.source)) for m in report.moments]
    yield table(("after the go", "", "what"), rows, title="What happened", name="moments", widths=(1, 1.1, 7))


def cover(report: Report) -> Blocks:
    """Which run this is, and how to check it."""
    bound = (
        "as the journal registered it" if report.provenance.plan_bound else "NOT bound: the journal does not name it"
    )
    yield facts(
        [
            ("Run", report.run),
            ("Service", report.service_title),
            ("Scenario", report.scenario),
            ("Status", "a report; what is sealed and approved is the bag of gameday evidence"),
            ("Classification", "not set; nobody classified this run"),
            ("Plan, SHA-256", f"{report.provenance.plan_sha256}, {bound}"),
            ("Journal", f"{report.provenance.journal_events.value} events; SHA-256 of the last "
                        f"{report.provenance.journal_head_sha256}"),
        ]
    )  # fmt: skip
    yield para(VERIFY)


def scope(report: Report) -> Blocks:
    """Objective, environment, and who allowed it."""
    yield facts(
        [
            ("Objective", report.hypothesis),
            ("Method", "a live fault" if report.method == "live" else "on paper: nothing was injected"),
            ("Environment", report.environment),
            ("How it resembles production", report.representative),
        ]
    )
    yield bullets(report.authorised, "Who allowed it") if report.authorised else nothing("Nobody gave the go.")
    yield nothing(
        "What preflight found and somebody waived stands in the timeline; waivers of rules: gameday lint --regulatory."
    )


def service_map(report: Report) -> Blocks:
    """What the service is made of, what was struck, and where the calls failed."""
    if not report.service_map:
        yield nothing("The plan holds no map of the service.")
    else:
        struck = ", ".join(p.id for p in report.service_map if p.struck) or "none of them"
        yield chart("map", "The service, and what was broken", f"{len(report.service_map)} resources; struck: {struck}")
        rows = [(cell(p.id), cell(", ".join(p.needs) or "nothing"), cell("struck" if p.struck else "",
                 "bad" if p.struck else "")) for p in report.service_map]  # fmt: skip
        yield table(("resource", "needs", ""), rows, widths=(2, 4, 1))
    yield nothing("People, facilities, information and third parties are no part of the map in this plan.")
    if report.where_it_broke is None:
        yield nothing("No service graph was read, so no place is named.")
        return
    yield para(report.where_it_broke.text, report.where_it_broke.source)
    yield table(("calls", "failed before", "failed during", "change"), list(_edges(report)), title="Where it broke",
                widths=(4, 1.5, 1.5, 1.5))  # fmt: skip


def _edges(report: Report) -> Iterator[tuple[Cell, ...]]:
    for edge in report.edges[:12]:
        counts = []
        for some, total in ((edge.faults_before, edge.calls_before), (edge.faults_during, edge.calls_during)):
            counts.append("not seen" if some is None or total is None else f"{some.value} of {total.value}")
        rise = "unknown" if edge.rise is None else f"{edge.rise.value * 100:+.1f} points"
        worse = edge.rise is not None and edge.rise.value >= 0.05
        yield (
            cell(f"{edge.caller} to {edge.called}"),
            cell(counts[0]),
            cell(counts[1]),
            cell(rise, "bad" if worse else ""),
        )


def tolerances(report: Report) -> Blocks:
    """What was promised, why, and who approved it."""
    if not report.tolerances:
        yield nothing("The service declares no tolerance.")
    for found in report.tolerances:
        approved = found.approved or "nobody is named"
        yield facts(
            [
                ("Tolerance", f"{found.id} ({authority_words(found.authority)})"),
                (
                    "Limit",
                    cell(f"{found.metric}: {limit_words(found)}", source=found.limit.source if found.limit else ()),
                ),
                ("Why this limit", found.rationale or "no reason is written down"),
                ("Approved by", approved),
            ]
        )
    yield para(f"Hypothesis: {report.hypothesis}")
    yield nothing("How sure the authors were beforehand is not recorded.")


def planned(report: Report) -> Blocks:
    """Each step as it was planned and as it ran, then all else that differed."""
    rows = [
        (
            cell(f"{s.step}: {s.title}"), cell(s.planned), cell(offset_words(s.started) or "not started"),
            cell(offset_words(s.ended)), cell(s.result, source=s.source),
            cell(s.differs or "no", "warn" if s.differs else ""),
        )
        for s in report.steps
    ]  # fmt: skip
    head = ("step", "planned", "started", "ended", "result", "differs")
    yield table(head, rows, widths=(4, 1.6, 1.3, 1.2, 2.4, 1.6)) if rows else nothing("The plan has no steps.")
    if report.deviations:
        yield bullets(report.deviations, "The day as a whole")
    else:
        yield nothing("The day was not held, stopped or taken over, and no step was skipped by hand.")


def method(report: Report) -> Blocks:
    """Where the numbers come from, and how good they are."""
    signals = [
        (cell(s.id), cell(s.reader), cell(f"{s.period.value:g} s"), cell(f"{s.settles.value:g} s"),
         cell(f"{s.points.value:,}", source=s.points.source))
        for s in report.signals
    ]  # fmt: skip
    yield table(("signal", "read by", "period", "late by", "readings"), signals, widths=(3, 3, 1, 1, 1.4))
    windows = [
        (
            cell(w.tolerance), cell(f"{w.begins[11:19]} to {w.ends[11:19]} UTC"),
            cell(f"{w.buckets.value} of {w.resolution.value:g} s"), cell(f"{w.baseline_buckets.value}"),
            cell(f"{w.missing.value}"), cell(f"{w.disturbed.value}"), cell(f"{w.longest_gap.value:g} s"),
        )
        for w in report.windows
    ]  # fmt: skip
    head = ("tolerance", "window", "buckets", "baseline", "missing", "disturbed", "longest gap")
    yield (
        table(head, windows, title="Windows that were judged", widths=(2.6, 2.6, 1.5, 1.2, 1.1, 1.3, 1.3))
        if windows
        else (nothing("No window was judged."))
    )
    yield facts(
        [
            ("Added to every interval for scheduling", cell(f"{report.lag.value:g} s", source=report.lag.source)),
            ("Reads that failed", cell(report.failed_reads.value, source=report.failed_reads.source)),
            ("Clock steps", cell(report.clock_steps.value, source=report.clock_steps.source)),
            ("Disturbed spans", cell(report.disturbed_spans.value, source=report.disturbed_spans.source)),
        ]
    )
    rows = [(cell(f.step), cell(f.result, tone(f.result)), cell(f.says, source=f.source)) for f in report.faults]
    yield table(("fault", "result", "what its witness saw"), rows, title="Had the fault an effect?",
                widths=(2, 1.4, 6)) if rows else nothing("No fault was planned.")  # fmt: skip


def results(report: Report) -> Blocks:
    """Each tolerance with its interval, its reasons and what would have settled it."""
    yield chart("signals", "Signals, with fault, hold and undo", _signals_in_words(report))
    for found in (*report.tolerances, *report.objectives):
        yield facts(_result(found))
        yield bullets(found.reasons)
    for name, verdict in report.authorities.items():
        yield para(f"Towards {authority_words(name)}: {verdict}.")
    if not report.objectives:
        yield nothing("No recovery objective of a resource was measured.")


def _result(found: ToleranceTold) -> list[tuple[str, Cell | str | None]]:
    return [
        ("Tolerance", f"{found.id}: {found.metric}"),
        ("Verdict", cell(found.verdict if found.tested else f"{found.verdict}: not tested", tone(found.verdict))),
        ("Measured", cell(f"{measured_words(found)}, limit {limit_words(found)}", source=found.source)),
        ("Share of the limit", used_words(found)),
        ("Headroom", amount(found.margin, found) if found.verdict == "within" else "none"),
        ("Coverage", f"{found.coverage.value:.1%} of the window"),
        ("Validity codes", ", ".join(found.codes) or "none"),
        ("Cheapest change", found.cheapest_change),
    ]


def _signals_in_words(report: Report) -> str:
    return f"Readings of {', '.join(s.id for s in report.signals if s.points.value) or 'no signal'} over the day."
