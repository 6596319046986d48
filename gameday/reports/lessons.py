"""Lessons that close: what a run found, what people say of it, if it was found before, what is done."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from gameday.journal.store import read as read_journal
from gameday.model.action import Action, Lessons
from gameday.model.content import Content
from gameday.model.rules import Tested
from gameday.model.rules_past import closed
from gameday.reports.escape import plain
from gameday.reports.findings import Finding
from gameday.reports.history import Run, tested

DEBRIEF = "debrief.jsonl"  # a chain of its own, beside the journal
ASKED = {"lucky": "lucky", "surprised": "surprised you"}
DAYS = frozenset({"due", "on"})
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]{8}-[0-9]{4}-[a-z0-9-]+")
_WORDS = frozenset({"null", "yes", "no", "true", "false", "on", "off", "y", "n"})  # YAML takes them for something else

NOTHING_SAID = Lessons(kind="lessons", run="00000000-0000-none")


@dataclass(frozen=True)
class Standing:
    """An action and where it stands: ``open``, ``overdue``, ``closed`` by a run, or ``waived``."""

    action: Action
    state: str
    by: str | None
    on: date | None

    def record(self) -> dict[str, Any]:
        """As JSON."""
        body = self.action.model_dump(mode="json", by_alias=True)
        when = None if self.on is None else self.on.isoformat()
        return {**body, "state": self.state, "closed_by": self.by, "closed_on": when}


def standing(content: Content, runs: Sequence[Tested], today: date) -> list[Standing]:
    """Every action: the open ones first, by their day."""
    found = [_standing(loaded.model, runs, today) for loaded in content.actions.values()]
    return sorted(found, key=lambda s: (s.state in ("closed", "waived"), s.action.due, s.action.id))


def _standing(action: Action, runs: Sequence[Tested], today: date) -> Standing:
    done = closed(action, sorted(runs, key=lambda t: t.run))
    if done is None:
        return Standing(action, "overdue" if action.due < today else "open", None, None)
    by, on = done
    waiver = action.closed_without
    return Standing(action, "waived", waiver.by, on) if waiver else Standing(action, "closed", by, on)


def repeats(finding: Finding, runs: Sequence[Run], before: Run) -> list[str]:
    """The ids of earlier runs that found the same."""
    earlier = [run for run in runs if run.id < before.id]
    return [run.id for run in earlier if any(f.fingerprint == finding.fingerprint for f in run.findings)]


def learned(run: Run, runs: Sequence[Run], content: Content, today: date) -> dict[str, Any]:
    """All that is known of what this run taught, as JSON. Findings that people rejected stay, with their reason."""
    loaded = content.lessons.get(run.id)
    said = loaded.model if loaded else NOTHING_SAID
    actions = standing(content, [tested(r, content) for r in runs], today)
    return {
        "run": run.id,
        "by": list(said.by),
        "completed": loaded is not None,
        "findings": [_told(f, run, runs, said, actions) for f in run.findings],
        "also_found": [f.model_dump(mode="json") for f in said.also_found],
        "factors": list(said.factors),
        "went_well": list(said.went_well),
        "lucky": list(said.lucky),
        "surprised": list(said.surprised),
        "falsified": list(said.falsified),
        "actions": [s.record() for s in actions if s.action.origin.run == run.id],
    }


def _told(
    finding: Finding, run: Run, runs: Sequence[Run], said: Lessons, actions: Sequence[Standing]
) -> dict[str, Any]:
    judged = next((j for j in said.findings if j.finding == finding.id), None)
    mine = [s.action.id for s in actions if s.action.origin.finding == finding.id]
    return {
        "id": finding.id,
        "fingerprint": finding.fingerprint,
        "weight": finding.weight,
        "says": finding.says,
        "evidence": list(finding.evidence),
        "propose": finding.propose,
        "seen_before": repeats(finding, runs, run),
        "stands": judged.stands if judged else None,
        "because": judged.because if judged else None,
        "factors": list(judged.factors) if judged else [],
        "actions": mine,
    }


def draft(run: Run, runs: Sequence[Run]) -> str:
    """lessons/<run>.yaml for people to complete: every finding is in it, nothing is decided."""
    lines = [
        "# yaml-language-server: $schema=../.gameday/schema/lessons.json",
        "# What the data of this run proposes. Complete it together: which findings stand, which factors played a part",
        "# (there is no one root cause), what went well, where you were lucky, what surprised you. Roles, never names.",
        "kind: lessons",
        f"run: {run.id}",
        "by: []  # the roles that took part: [facilitator, payments-on-call]",
        "findings:" if run.findings else "findings: []",
    ]
    for finding in run.findings:
        again = repeats(finding, runs, run)
        lines += [f"  # {plain(finding.says)}"]
        lines += [f"  # Seen before: {', '.join(again)}"] if again else []
        lines += [f"  - finding: {_quoted(finding.id)}", "    factors: []"]
    lines += ["also_found: []  # - {id: ..., says: ..., factors: []}"]
    said = debriefed(run)
    lines += [f"  # {plain(role)}, asked {_quoted(question)}: {plain(text)}" for role, question, text in said]
    lines += [f"{key}: [{', '.join(_answers(said, key))}]" for key in ("went_well", "lucky", "surprised", "factors")]
    return "\n".join([*lines, "falsified: []  # assumptions, word for word, that this run showed to be wrong", ""])


def debriefed(run: Run) -> list[tuple[str, str, str]]:
    """What people said in the debrief of this run, as (role, question, answer); nothing where there was none."""
    path = run.folder / DEBRIEF
    events = read_journal(path)[0] if path.is_file() else []
    return [(e.who, str(e.what["question"]), str(e.what["text"])) for e in events if e.type == "debrief.answered"]


def _answers(said: Sequence[tuple[str, str, str]], key: str) -> list[str]:
    """Answers to the questions that ask for just this, by their words."""
    return [_quoted(text) for _, question, text in said if key in ASKED and ASKED[key] in question.lower()]


def action_file(action: Action) -> str:
    """actions/<id>.yaml."""
    body = action.model_dump(mode="json", by_alias=True, exclude_none=True)
    lines = ["# yaml-language-server: $schema=../.gameday/schema/action.json"]
    return "\n".join([*lines, *(f"{key}: {_value(key, value)}" for key, value in body.items()), ""])


def _value(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_value(k, v)}" for k, v in value.items()) + "}"
    return str(value) if key in DAYS else _quoted(value)


def _quoted(value: Any) -> str:
    """A text on one line as YAML reads it back: JSON is YAML."""
    text = plain(value)
    return text if _BARE.fullmatch(text) and text not in _WORDS else json.dumps(text, ensure_ascii=False)


def next_id(content: Content, today: date) -> str:
    """The next free ``A-2026-07``."""
    mine = [int(ident.rsplit("-", 1)[1]) for ident in content.actions if ident.startswith(f"A-{today.year}-")]
    return f"A-{today.year}-{max(mine, default=0) + 1:02}"
