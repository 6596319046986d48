"""Actions for other trackers: CSV, and what GitHub, Jira and a webhook take. No cell can start a formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence

from gameday.reports.escape import plain
from gameday.reports.lessons import Standing

FIELDS = ("id", "state", "priority", "due", "owner", "do", "run", "finding", "closes_with", "closed_by", "link")
_JIRA = {"high": "High", "medium": "Medium", "low": "Low"}
_FORMULA = ("=", "+", "-", "@")


def cell(value: object) -> str:
    """A text as a cell: one line, nothing invisible, and never a formula."""
    text = plain("" if value is None else value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def closing(standing: Standing) -> str:
    """What closes an action, in words."""
    test = standing.action.closes_with
    if test is None:
        return "not said yet"
    what = f"expectation {test.expectation} met" if test.expectation else "the finding not there"
    return f"a valid run of {test.scenario}: {f'tolerance {test.tolerance} within' if test.tolerance else what}"


def as_csv(actions: Sequence[Standing]) -> str:
    """One line an action."""
    rows = [[_field(s, name) for name in FIELDS] for s in actions]
    return _csv(FIELDS, rows)


def _field(standing: Standing, name: str) -> object:
    action = standing.action
    told = {
        "state": standing.state, "run": action.origin.run, "finding": action.origin.finding,
        "closes_with": closing(standing), "closed_by": standing.by,
    }  # fmt: skip
    return told[name] if name in told else getattr(action, name)


def as_jira(actions: Sequence[Standing]) -> str:
    """The columns of Jira's CSV import."""
    head = ("Summary", "Description", "Issue Type", "Priority", "Due Date", "Labels")
    rows = [[f"{s.action.id}: {s.action.do}", _body(s), "Task", _JIRA[s.action.priority], s.action.due, "gameday"]
            for s in actions]  # fmt: skip
    return _csv(head, rows)


def as_github(actions: Sequence[Standing]) -> str:
    """A JSON list; each entry is the body of POST /repos/OWNER/REPO/issues."""
    issues = [
        {
            "title": plain(f"{s.action.id}: {s.action.do}"),
            "body": _body(s),
            "labels": ["gameday", f"priority:{s.action.priority}"],
        }
        for s in actions
    ]
    return json.dumps(issues, indent=2, ensure_ascii=False) + "\n"


def as_webhook(actions: Sequence[Standing]) -> str:
    """One JSON document with all of them."""
    return json.dumps({"kind": "gameday.actions", "actions": [s.record() for s in actions]}, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Sequence[Standing]], str]] = {
    "csv": as_csv, "github": as_github, "jira": as_jira, "webhook": as_webhook,
}  # fmt: skip


def _body(standing: Standing) -> str:
    action = standing.action
    return plain(
        f"From run {action.origin.run}, finding {action.origin.finding}. Owner: {action.owner}. Due: {action.due}. "
        f"Closed by {closing(standing)}; gameday says when, nobody sets it."
    )


def _csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([head, *([cell(value) for value in row] for row in rows)])
    return out.getvalue()
