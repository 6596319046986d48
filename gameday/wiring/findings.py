"""What preflight finds, and what of it somebody waived by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from gameday.errors import CouldNotStart, Problem, could_not_start
from gameday.journal.events import Draft
from gameday.model.content import Content
from gameday.model.waiver import Waiver

EVERYTHING = ""
NEVER = frozenset({
    "APPROVAL_MISSING", "APPROVAL_EXPIRED", "CONFIRMATION_MISSING", "ABORT_THRESHOLD_MISSING", "WRONG_ACCOUNT",
    "ENVELOPE_ACCOUNT", "ENVELOPE_ACTION", "ENVELOPE_CALL", "ENVELOPE_DURATION", "ENVELOPE_TAG", "ENVELOPE_TARGETS",
    "TAGS_NOT_READ", "NO_TARGETS", "PLAN_DRIFTED", "TARGETS_CHANGED", "SERVICE_BUSY", "LEFTOVERS", "NO_FIS_ROLE",
    "NOT_IN_REHEARSAL", "NOT_LOOPBACK", "SOURCE_UNREADABLE", "SAFETY_LEVER_ENGAGED",
})  # fmt: skip
"""Codes that nobody can waive: envelope, account, drift, approval, and what could not work anyhow."""


@dataclass(frozen=True)
class Finding:
    """A problem, and what it is about: a signal, a step, an alarm, a role. ``waived`` is who waived it, and why."""

    problem: Problem
    subject: str = EVERYTHING
    waived: Waived | None = None

    @property
    def blocks(self) -> bool:
        """Whether the run must not begin for it."""
        return self.problem.severity == "error" and self.waived is None


@dataclass(frozen=True)
class Waived:
    """One thing that need not be shown this time."""

    code: str
    subject: str
    because: str
    by: str

    def covers(self, finding: Finding) -> bool:
        """Whether it is this that was meant; without a subject all of the code."""
        return self.code == finding.problem.code and self.subject in (EVERYTHING, finding.subject)


@dataclass(frozen=True)
class Line:
    """One check as it is shown: what was looked at, and what came of it."""

    name: str
    result: str  # shown | warned | waived | failed | not looked at
    said: str


@dataclass
class Checked:
    """All of a preflight. ``clock_off_ms``: how far our clock is from that of AWS, None when it is not known."""

    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    clock_off_ms: int | None = None

    @property
    def blocking(self) -> list[Problem]:
        """What keeps the run from beginning."""
        return [f.problem for f in self.findings if f.blocks]

    @property
    def ready(self) -> bool:
        """Whether somebody may say go."""
        return not self.blocking

    def stop_if_not_ready(self) -> None:
        """Raise CouldNotStart with all that was found, when anything blocks."""
        if not self.ready:
            raise CouldNotStart([f.problem for f in self.findings if f.waived is None])

    def drafts(self) -> list[Draft]:
        """What the journal keeps of it."""
        lines = [{"check": line.name, "result": line.result, "said": line.said} for line in self.lines]
        waived = [f for f in self.findings if f.waived is not None]
        return [
            Draft("preflight.done", {"checks": lines, "clock_off_ms": self.clock_off_ms}),
            *(Draft("preflight.waived", _waived(f), f.waived.by) for f in waived if f.waived is not None),
        ]

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "ready": self.ready,
            "clock_off_ms": self.clock_off_ms,
            "checks": [{"check": x.name, "result": x.result, "said": x.said} for x in self.lines],
            "findings": [_found(f) for f in self.findings],
        }


def _waived(finding: Finding) -> dict[str, Any]:
    assert finding.waived is not None
    return {"code": finding.problem.code, "subject": finding.subject, "said": finding.problem.message,
            "because": finding.waived.because}  # fmt: skip


def _found(finding: Finding) -> dict[str, Any]:
    problem = finding.problem
    return {"code": problem.code, "subject": finding.subject, "severity": problem.severity, "said": problem.message,
            "write": problem.write, "waived_by": finding.waived.by if finding.waived else None}  # fmt: skip


def judged(found: Iterable[Finding], waivers: Sequence[Waived]) -> list[Finding]:
    """The same, with who waived what. A warning needs none; some codes can never be waived."""
    out = []
    for finding in found:
        by = next((w for w in waivers if w.covers(finding)), None)
        able = finding.problem.severity == "error" and finding.problem.code not in NEVER
        out.append(Finding(finding.problem, finding.subject, by if able else None))
    return out


def asked_waivers(wanted: Sequence[str], because: str | None, by: str) -> list[Waived]:
    """Of ``--waive CODE[:subject] --because TEXT``. CouldNotStart when there is no reason, or it can never be."""
    if wanted and not (because or "").strip():
        raise could_not_start("WAIVER_UNEXPLAINED", "a waiver says why", '--because "what makes it safe to go on"')
    found = []
    for text in wanted:
        code, _, subject = text.partition(":")
        if code in NEVER:
            write = "put right what it says; nobody can waive this"
            raise could_not_start("WAIVER_NEVER", f"{code} can never be waived", write)
        found.append(Waived(code, subject, str(because), by))
    return found


def filed_waivers(content: Content, scenario: str, environment: str, today: date) -> list[Waived]:
    """Of the waiver files for this scenario and environment that have not run out."""
    models: list[Waiver] = [loaded.model for loaded in content.waivers.values()]
    return [
        Waived(one.code, one.subject or EVERYTHING, one.because, waiver.by)
        for waiver in models
        if waiver.scenario in (None, scenario) and waiver.environment == environment and waiver.until >= today
        for one in waiver.waives
    ]
