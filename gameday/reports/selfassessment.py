"""The written record in the order of SYSC 15A.6.1R: what the files and the runs fill in, and what people have to write.

It supports a self-assessment and is none: no word of it says that a firm complies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from gameday.model.clause import Clause
from gameday.model.content import Content
from gameday.model.rules import NAMES, Broken, Tested, review
from gameday.reports.clauses import told
from gameday.reports.coverage import coverage, tested_only
from gameday.reports.history import Damaged, Run, tested
from gameday.reports.lessons import learned, standing
from gameday.reports.register import register

SECTIONS = (
    "Important business services",
    "Impact tolerances and why they are where they are",
    "Mapping: what each service stands on, and what it found",
    "The testing plan",
    "Scenario tests: results, assumptions and risks",
    "Lessons learned",
    "Vulnerabilities, and what is done about them",
    "Communication",
    "Methodology",
)
PEOPLE_WRITE = (
    "Why these services are important and others are not.",
    "How the limits were found; who challenged them.",
    "How mapping is done, and how it led to vulnerabilities and scenarios.",
    "Why this plan: frequency, methods, order.",
    "Which severe but plausible scenarios were not tested, and why; the risks that remain.",
    "What was learned from real disruptions.",
    "Why the remaining time for each action is acceptable.",
    "The communication strategy, internal and external.",
    "Methods used that are not of this tool.",
)
METHOD = (
    "Each tolerance is measured as an interval: what is proven disrupted, and what cannot be excluded.",
    "A missing datapoint is unknown; it counts as fine for the lower bound and as disrupted for the upper one.",
    "Breached: the lower bound is over the limit. Within: the upper bound is not, and nothing stands against it.",
    "Everything else is inconclusive. A fault that nobody saw take effect tests nothing.",
    "Service that came back only because the fault was withdrawn is not counted as recovered.",
    "Degraded counts as disrupted where the tolerance says so; the duration runs to the restored level of service.",
)
DISCLAIMER = (
    "This record supports a self-assessment. It is no assurance opinion and no determination of compliance; "
    "what it does not show is said beside each clause."
)


@dataclass(frozen=True)
class Record:
    """All that the pack is made of."""

    content: Content
    runs: Sequence[Run]
    damaged: Sequence[Damaged]
    clauses: Sequence[Clause]
    today: date

    @property
    def tested(self) -> list[Tested]:
        return [tested(run, self.content) for run in self.runs]

    @property
    def broken(self) -> list[Broken]:
        """The rules that fire, with what waives them."""
        return review(self.content, self.tested, self.today)


def self_assessment(record: Record) -> dict[str, Any]:
    """The whole pack as JSON."""
    makers = (_services, _tolerances, _mapping, _plan, _tests, _lessons, _vulnerabilities, _communication, _methodology)
    sections = [
        {
            "number": number,
            "title": SECTIONS[number - 1],
            "people_write": PEOPLE_WRITE[number - 1],
            "facts": make(record),
            "clauses": [told(c) for c in record.clauses if c.section == number],
        }
        for number, make in enumerate(makers, 1)
    ]
    given = record.content.workspace.model.self_assessment if record.content.workspace else None
    return {
        "as_of": record.today.isoformat(),
        "disclaimer": DISCLAIMER,
        "approved": given.model_dump(mode="json") if given else None,
        "sections": sections,
        "other_clauses": [told(c) for c in record.clauses if c.section is None],
        "retention": retention(record),
    }


def _services(record: Record) -> list[dict[str, Any]]:
    held = [s.model for s in record.content.services.values()]
    return [{"service": s.id, "title": s.title, "owner": s.owner, "users": list(s.users),
             "reviewed": s.reviewed.isoformat() if s.reviewed else None} for s in held]  # fmt: skip


def _tolerances(record: Record) -> list[dict[str, Any]]:
    return [
        {"service": s.model.id, "tolerance": t.id, "authority": t.authority, "metric": t.metric,
         "limit": t.limit_text(), "harm": t.harm, "rationale": t.rationale, "evidence": list(t.evidence),
         "approved": f"{t.approved.by}, {t.approved.on}" if t.approved else None}
        for s in record.content.services.values() for t in s.model.tolerances
    ]  # fmt: skip


def _mapping(record: Record) -> list[dict[str, Any]]:
    known = register(record.content, record.tested, record.today)
    return [{"service": r["service"], "review due": r["map_review"]["due"], "drift": r["map_drift"],
             "resources": _count(record, r["service"])} for r in known]  # fmt: skip


def _count(record: Record, service: str) -> dict[str, int]:
    resources = record.content.services[service].model.resources
    kinds = ("people", "processes", "technology", "facilities", "information", "third_parties")
    return {kind: len(items) for kind in kinds if isinstance(items := getattr(resources, kind), tuple)}


def _plan(record: Record) -> list[dict[str, Any]]:
    return [
        {"scenario": s.model.id, "service": s.model.service, "method": s.model.method, "adverse": list(s.model.adverse),
         "severity": f"{s.model.severity.level} of {s.model.severity.of}" if s.model.severity else None,
         "expected": s.model.severity.expected if s.model.severity else None,
         "runs": sum(r.scenario == s.model.id for r in record.tested)}
        for s in record.content.scenarios.values()
    ]  # fmt: skip


def _tests(record: Record) -> list[dict[str, Any]]:
    """All runs, also those that were stopped, were no valid test, or cannot be read any more."""
    assumed = {s.model.id: [a.model_dump() for a in s.model.assumptions] for s in record.content.scenarios.values()}
    told = [
        {"run": r.run, "on": r.on.isoformat(), "scenario": r.scenario, "environment": r.environment,
         "outcome": r.outcome, "valid": r.valid, "not within": dict(r.failed),
         "assumptions": assumed.get(r.scenario, [])}
        for r in record.tested
    ]  # fmt: skip
    return [*told, *({"run": d.folder.name, "outcome": "cannot be read", "says": d.says} for d in record.damaged)]


def _lessons(record: Record) -> list[dict[str, Any]]:
    all_ = [learned(run, record.runs, record.content, record.today) for run in record.runs]
    return [
        {
            "run": one["run"],
            "completed by people": one["completed"],
            "findings": [_said(finding) for finding in one["findings"]],
            "also found": [finding["says"] for finding in one["also_found"]],
            **{key: one[key] for key in ("factors", "went_well", "lucky", "surprised", "falsified")},
        }
        for one in all_
    ]


def _said(finding: dict[str, Any]) -> str:
    """A finding with what people made of it; one that they rejected stays."""
    rejected = f" (rejected: {finding['because']})" if finding["stands"] is False else ""
    return f"{finding['says']}{rejected}"


def _vulnerabilities(record: Record) -> list[dict[str, Any]]:
    open_ = [s.record() for s in standing(record.content, record.tested, record.today)]
    rules = [{"rule": b.rule, "name": NAMES[b.rule], "subject": b.subject, "says": b.message,
              "waived": f"by {b.waived.by} until {b.waived.until}: {b.waived.because}" if b.waived else None}
             for b in record.broken]  # fmt: skip
    return [*open_, *rules]


def _communication(record: Record) -> list[dict[str, Any]]:
    return [{"run": r.run, "exercised": r.communicated} for r in record.tested]


def _methodology(record: Record) -> list[dict[str, Any]]:
    cells = tested_only(coverage(record.content, record.tested, record.today))
    untested = [f"{c.kind} {c.resource} of {c.service}" for c in cells if c.run is None]
    return [*({"method": line} for line in METHOD), {"never tested": untested}]


def retention(record: Record) -> dict[str, Any]:
    """What is to be kept, with its digest, and how long: six years for each version (FCA), three for the PRA."""
    kept = [_kept(path, base) for base, path in _files(record)]
    return {
        "fca": "at least 6 years, each version",
        "pra": "the current version and all versions of the preceding 3 years",
        "keep_until": _years(record.today, 6).isoformat(),
        "does_not_show": "that the store really cannot be altered",
        "files": kept,
    }


def _years(day: date, count: int) -> date:
    """The same day so many years later; the first of March where that year has no 29 February."""
    leap = (day.month, day.day) == (2, 29)
    return date(day.year + count, 3, 1) if leap else day.replace(year=day.year + count)


def _files(record: Record) -> Iterator[tuple[Path, Path]]:
    content, root = record.content, record.content.root.resolve()
    groups = (content.services, content.scenarios, content.runbooks, content.observers, content.waivers,
              content.actions, content.lessons)  # fmt: skip
    yield from sorted((root, Path(one.file.path).resolve()) for group in groups for one in group.values())
    for run in record.runs:
        yield from ((run.folder.parent, run.folder / name) for name in ("plan.json", "journal.jsonl", "undo.jsonl"))


def _kept(path: Path, base: Path) -> dict[str, Any]:
    name = path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name
    try:
        raw = path.read_bytes()
    except OSError:
        return {"file": name, "sha256": None, "bytes": None}
    return {"file": name, "sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
