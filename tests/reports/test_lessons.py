"""Lessons that close: findings come from data with evidence, are known again, and close only by a valid re-test."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gameday.journal.events import Draft
from gameday.journal.store import Journal
from gameday.model.action import Action
from gameday.model.load import load_content
from gameday.model.scenario import ToleranceGuard
from gameday.reports.escape import plain
from gameday.reports.exports import FORMATS, cell
from gameday.reports.history import Run, history, read
from gameday.reports.history import tested as as_tested
from gameday.reports.lessons import action_file, draft, learned, standing
from tests.reports.a_day import a_day, plan, plan_bytes, story, write

TODAY = date(2026, 11, 24)
Told = list[tuple[float, Draft]]


def run_of(folder: Path, more: Iterable[tuple[float, Draft]] = (), **changes: Any) -> Run:
    """A day with some events more, and its own name."""
    made = plan(**changes)
    end = [event for event in story() if event[1].type == "run.ended"]
    told = [event for event in story() if event[1].type != "run.ended"]
    return read(write(folder, made, [*told, *more, *end]))


def ids(run: Run) -> set[str]:
    return {finding.id for finding in run.findings}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "gameday.yaml").write_text("kind: workspace\n")
    return tmp_path


def test_each_finding_has_evidence_that_is_there_and_a_proposal(tmp_path: Path) -> None:
    run = read(a_day(tmp_path / "r"))
    seqs = {f"event:{event.seq}" for event in run.events}
    assert ids(run) >= {"alarm-silent:fraud-latency"}
    for finding in run.findings:
        assert finding.says and finding.propose
        assert finding.evidence or finding.id.startswith("guard-unproved:")
        assert {e for e in finding.evidence if e.startswith("event:")} <= seqs


LATE: list[tuple[str, dict[str, Any], str]] = [
    ("guard.fired", {"guard": "payments-outage at 50%", "value": 0.5}, "guard-fired:payments-outage at 50%"),
    ("guard.unreadable", {"guard": "fraud"}, "guard-unreadable:fraud"),
    ("abort.asked", {"why": "the real thing began"}, "stopped:the real thing began"),
    ("observer.failed", {"source": "xray", "error": "denied", "signals": []}, "signal-unreadable:xray"),
    ("heartbeat.fired", {"step": "stop-payments", "says": "stopped"}, "dead-man-fired:stop-payments"),
    ("undo.failed", {"step": "stop-payments", "error": "denied", "resources": []}, "undo-failed:stop-payments"),
    ("service.touched", {"kind": "deployment", "why": "release 7"}, "touched:deployment"),
    ("ledger.unread", {"ledger": "ledger", "moment": "end", "error": "denied"}, "ledger-unread:ledger"),
    ("clock.stepped", {"by_ms": 900, "source": "ntp"}, "clock-stepped:ntp"),
    ("step.skip_asked", {"step": "failover"}, "step-skipped:failover"),
    ("task.step_skipped", {"step": "failover", "number": 2, "why": "-"}, "runbook-step-skipped:payments-failover#2"),
    ("task.step_wrong", {"step": "failover", "number": 3, "text": "-"}, "runbook-step-wrong:payments-failover#3"),
    ("task.step_missing", {"step": "failover", "number": 0, "text": "-"}, "runbook-step-missing:payments-failover#0"),
    ("task.step_called", {"step": "failover", "number": 3, "ok": False, "said": "denied"},
     "runbook-call-failed:payments-failover#3"),
    ("task.step_checked", {"step": "failover", "number": 3, "ok": False, "said": "9"},
     "runbook-check-failed:payments-failover#3"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "what", "expected"), LATE, ids=[e for _, _, e in LATE])
def test_what_happened_is_proposed_as_a_finding(tmp_path: Path, kind: str, what: dict[str, Any], expected: str) -> None:
    before = ids(read(a_day(tmp_path / "a")))
    last = story()[-1][0]
    found = ids(run_of(tmp_path / "b", [(last, Draft(kind, what, "facilitator"))]))
    assert expected in found - before


def test_a_watchdog_that_acted_and_a_conductor_that_was_replaced_are_findings(tmp_path: Path) -> None:
    last = story()[-1][0]
    note = Draft("note", {"text": "The conductor was silent for 30 s and was killed."}, "watchdog")
    assert "watchdog-acted" in ids(run_of(tmp_path / "a", [(last, note)]))
    assert "watchdog-acted" not in ids(run_of(tmp_path / "b", [(last, Draft("note", note.what, "scribe"))]))


def test_what_was_never_delivered_is_told_apart_from_what_was_answered_late(tmp_path: Path) -> None:
    late = [event for event in story() if not (event[1].type == "step.ended" and event[1].what["step"] == "ack")]
    missed = Draft("step.ended", {"step": "ack", "result": "missed", "why": "nobody"})
    late = sorted([*late, (late[-1][0], missed)], key=lambda told: (told[1].type == "run.ended", 0))
    assert "acknowledgement-late:ack" in ids(read(write(tmp_path / "a", plan(), late)))
    never = [e for e in late if not (e[1].type.startswith("prompt.") and e[1].what.get("step") == "ack")]
    assert "page-not-delivered:ack" in ids(read(write(tmp_path / "b", plan(), never)))


def test_a_guard_that_fired_in_an_earlier_run_of_the_service_is_proved(tmp_path: Path) -> None:
    run = run_of(tmp_path / "r", guards=(ToleranceGuard.model_validate({"tolerance": "payments-outage", "at": "50%"}),))
    assert {f"guard-unproved:{name}" for name in ("payments-outage",)} & ids(run)
    proved = replace(run, proved=frozenset({"payments-outage"}))
    assert not any(ident == "guard-unproved:payments-outage" for ident in ids(proved))


def test_the_same_finding_of_another_run_is_known_again_and_that_of_another_service_is_not(workspace: Path) -> None:
    runs = workspace / ".gameday" / "runs"
    for name in ("20261101-1000-payment-functions-stop", "20261102-1000-payment-functions-stop"):
        a_day(runs / name)
    found, damaged = history(workspace)
    assert len(found) == 2 and not damaged
    first, second = (replace(run, verdict={**run.verdict, "run": run.folder.name}) for run in found)
    told = learned(second, [first, second], load_content(workspace), TODAY)
    silent = next(f for f in told["findings"] if f["id"] == "alarm-silent:fraud-latency")
    assert silent["seen_before"] == [first.id]
    other = replace(second.findings[0], service="cards")
    assert other.fingerprint != second.findings[0].fingerprint


def test_what_people_write_is_kept_and_a_rejected_finding_stays_with_its_reason(workspace: Path) -> None:
    run = read(a_day(workspace / ".gameday/runs/20261101-1000-payment-functions-stop"))
    run = replace(run, verdict={**run.verdict, "run": run.folder.name})
    (workspace / "lessons").mkdir()
    path = workspace / "lessons" / f"{run.id}.yaml"
    path.write_text(draft(run, [run]))
    told = learned(run, [run], load_content(workspace), TODAY)
    assert told["completed"] and all(f["stands"] for f in told["findings"])
    said = 'finding: "alarm-silent:fraud-latency"'
    text = path.read_text().replace(said, f"{said}\n    stands: false\n    because: It is tested on Mondays.")
    path.write_text(text.replace("lucky: []", "lucky: ['Nobody was <b>asleep</b>']"))
    told = learned(run, [run], load_content(workspace), TODAY)
    silent = next(f for f in told["findings"] if f["id"] == "alarm-silent:fraud-latency")
    assert (silent["stands"], silent["because"], told["lucky"]) == (
        False, "It is tested on Mondays.", ["Nobody was <b>asleep</b>"],
    )  # fmt: skip


def test_what_people_said_in_the_debrief_is_where_they_complete_it(workspace: Path) -> None:
    run = read(a_day(workspace / ".gameday/runs/20261101-1000-payment-functions-stop"))
    journal = Journal.create(run.folder / "debrief.jsonl")
    journal.claim(1, 0, 0)
    for question, text in (("What surprised you?", "The \u202ealarm: it was late"), ("What else?", "Tea\nlucky: [x]")):
        journal.append(Draft("debrief.answered", {"question": question, "text": text}, "payments-on-call"), 0, 0)
    journal.close()
    run = replace(run, verdict={**run.verdict, "run": run.folder.name})
    (workspace / "lessons").mkdir()
    (workspace / "lessons" / f"{run.id}.yaml").write_text(draft(run, [run]))
    told = learned(run, [run], load_content(workspace), TODAY)
    assert (told["surprised"], told["lucky"]) == (["The alarm: it was late"], [])
    assert "# payments-on-call, asked" in draft(run, [run])


def an_action(**changes: Any) -> Action:
    facts = {
        "kind": "action", "id": "A-2026-01", "do": "Alarm at the edge.", "owner": "sre", "due": "2026-12-15",
        "from": {"run": "20261001-1000-payment-functions-stop", "finding": "alarm-silent:fraud-latency"},
        "closes_with": {"scenario": "payment-functions-stop", "expectation": "alarm"},
    }  # fmt: skip
    return Action.model_validate_json(json.dumps({**facts, **changes}))


def test_an_action_file_reads_back_as_it_was_whatever_somebody_wrote(workspace: Path) -> None:
    for text in ("=cmd()", "a: b # c", "2026-01-01", "yes", "1e3", "'\"\\", "line\nline", "é ‮ x", "- x", "{a}"):
        action = an_action(do=plain(text), because=plain(text), owner="null" if text == "yes" else "sre")
        (workspace / "actions").mkdir(exist_ok=True)
        written = action.model_copy(update={"do": text, "because": text})
        (workspace / "actions/A-2026-01.yaml").write_text(action_file(written))
        assert load_content(workspace).actions["A-2026-01"].model == action


def test_only_a_valid_later_run_closes_an_action(workspace: Path) -> None:
    (workspace / "actions").mkdir()
    (workspace / "actions/A-2026-01.yaml").write_text(action_file(an_action()))
    content = load_content(workspace)
    run = read(a_day(workspace / ".gameday/runs/20261101-1000-payment-functions-stop"))
    later = replace(as_tested(run, content), run=run.folder.name, environment="staging")
    assert later.valid and "alarm" in later.met
    for known, state in (
        ([], "open"), ([replace(later, valid=False)], "open"), ([replace(later, environment="rehearsal")], "open"),
        ([replace(later, scenario="other")], "open"), ([replace(later, met=frozenset())], "open"),
        ([replace(later, run="20260901-1000-payment-functions-stop")], "open"), ([later], "closed"),
    ):  # fmt: skip
        assert [s.state for s in standing(content, known, TODAY)] == [state]
    assert [s.state for s in standing(content, [], date(2026, 12, 16))] == ["overdue"]
    (done,) = standing(content, [later], TODAY)
    assert done.by == later.run


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "‮=1", "\x00=1"])
def test_no_cell_starts_a_formula(text: str, workspace: Path) -> None:
    assert cell(text).startswith("'")
    (workspace / "actions").mkdir()
    (workspace / "actions/A-2026-01.yaml").write_text(action_file(an_action(do=text.replace("\x00", ""))))
    found = standing(load_content(workspace), [], TODAY)
    for form in ("csv", "jira"):
        rows = list(csv.reader(io.StringIO(FORMATS[form](found))))
        assert len(rows) == 2 and not any(c.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for c in row)
    assert json.loads(FORMATS["github"](found))[0]["labels"] == ["gameday", "priority:medium"]
    assert json.loads(FORMATS["webhook"](found))["actions"][0]["state"] == "open"


def test_a_plan_of_the_same_bytes_is_used_by_every_run(tmp_path: Path) -> None:
    """The helpers above stand on it: what differs between two of these runs is their events alone."""
    assert plan_bytes(run_of(tmp_path / "a").plan) == plan_bytes(read(a_day(tmp_path / "b")).plan)
