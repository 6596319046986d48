"""The sections of a report from people to annexes, and the sections in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gameday.reports import chapters
from gameday.reports.chapters import Blocks
from gameday.reports.document import (
    CUTS,
    Audience,
    Block,
    Section,
    bullets,
    cell,
    chart,
    facts,
    nothing,
    para,
    table,
    without_sources,
)
from gameday.reports.figures import after_words, clock_of, offset_words, tone
from gameday.reports.model import Report
from gameday.reports.words import clock


def people(report: Report) -> Blocks:
    """Detection, response and what was expected."""
    if report.clocks:
        words = "; ".join(f"{c.name} {after_words(c.after)}" for c in report.clocks)
        yield chart("clocks", "How long after the fault took effect", words)
        rows = [(cell(c.name), cell(after_words(c.after), source=c.after.lo.source if c.after.lo else ()))
                for c in report.clocks]  # fmt: skip
        yield table(("since the fault took effect", "shortest to longest"), rows, widths=(4, 2))
    else:
        yield nothing("No fault was seen effective, so there is no time to count from.")
    if not report.expectations:
        yield nothing("Nothing was expected of people or alarms.")
        return
    rows_of = [
        (
            cell(e.title), cell(e.result, tone(e.result)), cell("" if e.after is None else clock(e.after.value)),
            cell("no limit" if e.within is None else clock(e.within.value)), cell(e.why, source=e.source),
        )
        for e in report.expectations
    ]  # fmt: skip
    yield table(("expected", "result", "after", "within", "why"), rows_of, title="What was expected",
                widths=(4, 1.3, 1, 1.2, 3))  # fmt: skip
    yield nothing("When an incident was declared and who was told first is not recorded by this version.")


def process(report: Report) -> Blocks:
    """Runbooks, line by line."""
    if not report.runbook_steps:
        yield nothing("No runbook was followed.")
        return
    rows = [
        (
            cell(f"{s.runbook}, {s.number.value}"), cell(s.says), cell(offset_words(s.done) or "not done",
             "" if s.done else "warn"), cell(s.by, source=s.source),
        )
        for s in report.runbook_steps
    ]  # fmt: skip
    yield table(("runbook, step", "says", "done", "by"), rows, widths=(2.6, 5, 1.2, 2))


def technology(report: Report) -> Blocks:
    """Faults and their undo, alarms that fired and those that did not."""
    rows = [
        (
            cell(f.title), cell(f"{f.action} on {', '.join(f.targets or f.resources) or 'no target'}"),
            cell(f.effective or "not seen"), cell(f.gone or "never started" if f.seen_gone else "NOT SEEN",
             "" if f.seen_gone else "bad"), cell(f.gone_witness or "nobody", source=f.source),
        )
        for f in report.faults
    ]  # fmt: skip
    head = ("fault", "what", "effective", "gone", "gone, seen by")
    yield table(head, rows, widths=(2.2, 4, 1.9, 1.9, 2)) if rows else nothing("Nothing was to be injected.")
    said = {"silent": "silent, though it was expected", "fired": "fired, as expected",
            "unexpected": "fired, though nothing expected it"}  # fmt: skip
    alarms = [(cell(a.alarm), cell(said[a.result], tone(a.result), a.source)) for a in report.alarms]
    yield (
        table(("alarm", "what it did"), alarms, widths=(2, 3)) if alarms else nothing("No alarm fired or was expected.")
    )


def timeline(report: Report) -> Blocks:
    """People, process and technology on one clock; every event but the readings of signals."""
    yield from chapters.story(report)
    rows = [
        (cell(m.at[11:19]), cell(clock_of(m)), cell(m.kind), cell(m.who), cell(m.says, source=m.source))
        for m in report.timeline
    ]
    yield table(("UTC", "after the go", "", "who", "what"), rows, title="Everything, as the journal has it",
                name="timeline", widths=(1.1, 1.1, 1.3, 1.8, 6))  # fmt: skip


def learned(report: Report) -> Blocks:
    """What the debrief asks; what was answered is written by people."""
    yield nothing("What went well, where we were lucky and what surprised us is not written down in this run's folder.")
    if report.debrief:
        yield bullets(report.debrief, "To talk about")


def factors(_report: Report) -> Blocks:
    """Several, never one root cause; people write them."""
    yield nothing("No contributing factors are written down yet. There is never just one root cause.")


def actions(report: Report) -> Blocks:
    """What to close, and with which test."""
    found = chapters.findings(report)
    yield bullets(found, "What the data shows") if found else nothing("The data shows nothing to act on.")
    yield nothing("No action with owner, date and closing test is written down in this run's folder.")


def comparison(_report: Report) -> Blocks:
    """With earlier runs, like for like."""
    yield nothing("This report is made from one run's folder; nothing is compared here.")


def coverage(report: Report) -> Blocks:
    """What this run does not show."""
    yield bullets(report.not_shown)


def crosswalk(report: Report) -> Blocks:
    """Which authority's tolerances this run supports a claim on."""
    rows = [
        (
            cell(t.id),
            cell(t.authority),
            cell(t.verdict, tone(t.verdict)),
            cell(", ".join(t.codes) or "none", source=t.source),
        )
        for t in report.tolerances
    ]
    if rows:
        yield table(("tolerance", "towards", "verdict", "caveats"), rows, widths=(3, 1.5, 1.6, 4))
        yield para("A verdict supports a claim about its tolerance. It never shows that anybody complies with a rule.")
    yield nothing("Clauses are not named in this report.")


def annexes(report: Report) -> Blocks:
    """What everything was made from."""
    found = report.provenance
    yield nothing("A report is not signed. Who approved this run stands in its sealed bag: gameday evidence verify.")
    yield facts(
        [
            ("Plan digest", found.plan_digest),
            ("Run by", f"gameday {found.run_by_version or '(not recorded)'}"),
            ("Judged by", f"gameday {found.judged_by_version}"),
            ("Bytes of the journal that were never a whole line", cell(found.journal_torn_bytes.value)),
            *((f"Input {path}", digest) for path, digest in found.inputs.items()),
        ]
    )
    yield para(
        "event:41 is line 41 of journal.jsonl; signal:NAME@TIME is the row of signals/NAME.csv that starts then. "
        "This report is made from plan.json and journal.jsonl alone, and the same command makes the same bytes again."
    )


CHAPTERS: Mapping[str, tuple[str, Callable[[Report], Blocks]]] = {
    "outcome": ("What came of it", chapters.outcome),
    "summary": ("Summary", chapters.summary),
    "cover": ("This run", chapters.cover),
    "scope": ("Scope and authorisation", chapters.scope),
    "map": ("The service, and what was broken", chapters.service_map),
    "tolerances": ("Tolerances and hypothesis", chapters.tolerances),
    "planned": ("As planned, as run", chapters.planned),
    "method": ("Method and data quality", chapters.method),
    "results": ("Results: tolerances", chapters.results),
    "people": ("Results: people", people),
    "process": ("Results: process", process),
    "technology": ("Results: technology", technology),
    "story": ("What happened", chapters.story),
    "timeline": ("Timeline", timeline),
    "learned": ("What went well, what surprised us", learned),
    "factors": ("Contributing factors", factors),
    "actions": ("Vulnerabilities and actions", actions),
    "comparison": ("Earlier runs", comparison),
    "coverage": ("What this run does not show", coverage),
    "crosswalk": ("What it supports", crosswalk),
    "annexes": ("Sign-off and annexes", annexes),
}


def document(
    report: Report, audience: Audience = "engineering", more: Mapping[str, Sequence[Block]] | None = None
) -> tuple[Section, ...]:
    """The sections for this audience. ``more`` puts blocks of others in place of a section's own, by its id: lessons,
    actions and comparisons come from outside the run's folder."""
    given = more or {}
    made = []
    for ident in CUTS[audience]:
        title, blocks = CHAPTERS[ident]
        made.append(Section(ident, title, tuple(given.get(ident) or blocks(report))))
    return tuple(_on_one_page(made) if audience == "executive" else made)


def _on_one_page(sections: Sequence[Section]) -> list[Section]:
    """Without sources, and with a word on where they stand."""
    where = para("Where each number comes from stands in the full report, and in report.json for machines.")
    *first, last = (without_sources(section) for section in sections)
    return [*first, replace(last, blocks=(*last.blocks, where))]
