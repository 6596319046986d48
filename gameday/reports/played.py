"""What people did, as a report tells it: injects as planned against as run with their receipt and score, what was said
of runbooks, and the debrief."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gameday.clock import Ms
from gameday.journal.events import Event
from gameday.journal.state import fold
from gameday.plan import Plan
from gameday.reports.escape import Safe
from gameday.reports.words import offset

Row = dict[str, Any]
RUNBOOK_NOTES = {
    "task.step_wrong": "wrong",
    "task.step_missing": "a step is missing after it",
    "task.step_skipped": "left out",
}


def reactions(plan: Plan, events: Sequence[Event], go: Ms | None) -> list[Row]:
    """Each reaction that an evaluator scored or could have scored."""
    state = fold(events)
    receipts = {e.what["step"]: e for e in reversed(events) if e.type == "prompt.delivered"}
    pages = [e for e in events if e.type in ("prompt.paged", "prompt.unpaged")]
    found = []
    for step in plan.steps:
        given, sent = state.played.scores.get(step.id), receipts.get(step.id)
        if given is None and not step.scored and step.told is None:
            continue
        found.append(
            {
                "id": step.id,
                "title": step.title,
                "delivered": Safe(offset(sent.at, go)) if sent else "not delivered",
                "receipt": _receipt(sent, pages) if sent else "",
                "score": given.score.replace("_", " ") if given else "not scored",
                "by": given.by if given else "",
                "comment": given.comment if given else "",
                "evidence": f"event:{sent.seq}" if sent else "",
            }
        )
    return found


def _receipt(sent: Event, pages: Sequence[Event]) -> str:
    """What the terminal and each channel said."""
    of_step = [e for e in pages if e.what.get("step") == sent.what["step"]]
    said = [f"{e.what.get('channel')}: {e.what.get('receipt') or 'NOT delivered: ' + str(e.what.get('error'))}"
            for e in of_step]  # fmt: skip
    return "; ".join([str(sent.what.get("receipt") or "none"), *said])


def runbook_notes(plan: Plan, events: Sequence[Event], go: Ms | None) -> list[Row]:
    """What was wrong, missing, left out, out of order or done by hand in the runbooks under test."""
    found = []
    for event in events:
        kind = RUNBOOK_NOTES.get(event.type)
        if event.type == "task.step_done" and event.what.get("early"):
            kind = "done before its turn" + (", and its call by hand" if event.what.get("by_hand") else "")
        if kind:
            says = str(event.what.get("text") or event.what.get("why") or "")
            where = f"{event.what['step']}#{event.what['number']}"
            found.append({"offset": Safe(offset(event.at, go)), "where": where, "kind": kind, "says": says,
                          "who": event.who, "evidence": f"event:{event.seq}"})  # fmt: skip
    return found


def debriefed(debrief: Sequence[Event]) -> list[Row]:
    """What was said after the day, by question, in the order in which the questions were first answered."""
    found: dict[str, list[Row]] = {}
    for event in debrief:
        if event.type == "debrief.answered":
            said = {"text": str(event.what.get("text") or ""), "who": event.who, "evidence": f"debrief:{event.seq}"}
            found.setdefault(str(event.what.get("question") or ""), []).append(said)
    return [{"question": question, "answers": answers} for question, answers in found.items()]
