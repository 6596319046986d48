"""The scheduler on a virtual clock, with a recorded command: what it writes down, and what it makes of what became."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.clock import VirtualClock, from_iso
from gameday.conductor.ledger import Ledger
from gameday.journal.events import Draft
from gameday.journal.store import Journal
from gameday.schedules.due import REASONS
from gameday.schedules.log import Log
from gameday.wiring.firing import _REASONS, Times
from gameday.wiring.freezing import read
from gameday.wiring.scheduling import Scheduler
from gameday.wiring.standing import standing_of

WORKSPACE = Path(__file__).parents[1] / "data" / "workspace"
NOON = "2026-06-02T08:59:00Z"
MINUTE = 60_000
Made = Callable[..., Scheduler]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A scheduler of one schedule, due at 09:00 UTC each day, whose command is this shell script."""
    root = Path(shutil.copytree(WORKSPACE, tmp_path / "w"))
    (root / "gameday.yaml").write_text("kind: workspace\nenvironments:\n  staging: {account: '123456789012', "
                                       "regions: [eu-west-2]}\n")  # fmt: skip

    def make(script: str, *, at: str = NOON, **keys: Any) -> Scheduler:
        base = {"kind": "schedule", "id": "daily", "scenario": "stop", "owner": "sre", "cron": "0 10 * * *",
                "tz": "Europe/London", "environment": "staging"}  # fmt: skip
        (root / "scenarios" / "pay" / "daily.yaml").write_text(json.dumps({**base, **keys}))
        return Scheduler(root, VirtualClock(from_iso(at)), Times(root, ("sh", "-c", script, "gameday")), lambda _: None)

    return make


def at_ten(scheduler: Scheduler) -> list[dict[str, Any]]:
    """Open it, look at 09:00 and once more when its process has ended; the log without ``seen``."""
    lock = scheduler.open()
    assert isinstance(scheduler.clock, VirtualClock)
    scheduler.clock.advance(MINUTE + 1)
    scheduler.look()
    for child in scheduler.times._ours.values():
        child.wait(30)
    scheduler.look()
    lock.release()
    return lines(scheduler)


def lines(scheduler: Scheduler) -> list[dict[str, Any]]:
    return [dict(line) for line in Log(scheduler.root).read() if line["kind"] != "seen"]


def test_a_run_is_intended_started_and_ended_with_its_outcome(made: Made) -> None:
    found = at_ten(made("""[ "$1" = run ] && echo '{"outcome": "within", "run": "r1"}'"""))
    assert [line["kind"] for line in found] == ["intended", "started", "ended"]
    assert found[2]["outcome"] == "within" and found[2]["run"] == "r1"
    assert {line["time"] for line in found} == {"daily@2026-06-02T09:00:00.000Z"}


def test_the_command_is_an_unattended_run_of_the_scenario_in_its_environment(made: Made) -> None:
    scheduler = made("""printf '{"outcome": "within", "run": "%s"}' "$*" """, speed=20)
    (ended,) = (line for line in at_ten(scheduler) if line["kind"] == "ended")
    assert ended["run"] == "run stop --environment staging --unattended --json --speed 20"


@pytest.mark.parametrize("code", sorted(_REASONS))
def test_what_preflight_refused_is_a_skip_with_its_reason(made: Made, code: str) -> None:
    found = at_ten(made(f"echo 'preflight  failed' >&2; echo 'error {code}: it is so' >&2; exit 5"))
    assert found[-1]["kind"] == "skipped" and found[-1]["reason"] == _REASONS[code] in REASONS
    assert found[-1]["says"] == f"{code}: it is so"


def test_our_own_fault_stops_the_schedule_until_a_person_looks(made: Made) -> None:
    scheduler = made("echo 'gameday failed (KeyError)' >&2; exit 70")
    assert at_ten(scheduler)[-1]["outcome"] == "unknown"
    assert isinstance(scheduler.clock, VirtualClock)
    scheduler.clock.advance(24 * 60 * MINUTE)
    scheduler.look()
    assert lines(scheduler)[-1]["reason"] == "previous run not closed"
    assert standing_of(scheduler).paused == {"daily": True}


def test_a_process_that_was_there_and_left_nothing_is_not_begun_again(made: Made) -> None:
    found = at_ten(made("exit 0"))
    assert [line["kind"] for line in found] == ["intended", "started", "ended"] and found[-1]["outcome"] == "unknown"


def test_what_was_intended_and_left_no_trace_is_begun_by_the_next_scheduler(made: Made) -> None:
    due = "2026-06-02T09:00:00.000Z"
    first = made("""echo '{"outcome": "within", "run": "r"}'""", at="2026-06-02T09:05:00Z")
    line = {"schedule": "daily", "time": f"daily@{due}", "due": due, "start": due, "at": due}
    Log(first.root).append({"kind": "seen", **line, "at": "2026-06-01T00:00:00Z"}, {"kind": "intended", **line})
    at_ten(first)
    assert [line["kind"] for line in lines(first)] == ["intended", "started", "ended"]


def test_what_was_intended_too_long_ago_is_missed(made: Made) -> None:
    due = "2026-06-02T09:00:00.000Z"
    late = made("exit 1", at="2026-06-02T12:00:00Z")
    line = {"schedule": "daily", "time": f"daily@{due}", "due": due, "start": due, "at": due}
    Log(late.root).append({"kind": "seen", **line, "at": "2026-06-01T00:00:00Z"}, {"kind": "intended", **line})
    late.open().release()
    assert [(x["kind"], x.get("reason")) for x in lines(late)] == [("intended", None), ("skipped", "missed")]
    assert late.past.active == {}


def test_a_run_whose_conductor_died_is_recovered_and_its_verdict_counts(made: Made) -> None:
    """The script dies as ``run``; as ``recover RUN`` it writes the verdict, as ours does."""
    scheduler = made("""
        if [ "$1" = recover ] && [ -n "$2" ]; then echo '{"outcome": "stopped"}' > ".gameday/runs/$2/verdict.json"; fi
        if [ "$1" = run ]; then echo begun >&2; kill -9 $$; fi""")
    run = scheduler.root / ".gameday" / "runs" / "20260602-0900-stop"
    lock = scheduler.open()
    assert isinstance(scheduler.clock, VirtualClock)
    scheduler.clock.advance(MINUTE + 1)
    scheduler.look()
    (child,) = scheduler.times._ours.values()
    run.mkdir(parents=True)
    journal = Journal.create(run / "journal.jsonl")
    journal.claim(child.pid, 1, 1)
    opened = {"run": run.name, "environment": "staging", "speed": 1, "scenario": "stop", "service": "pay"}
    journal.append(Draft("run.opened", opened), 2, 2)
    journal.close()
    Ledger(run / "undo.jsonl").close()
    child.wait(30)
    scheduler.look()
    lock.release()
    ended = lines(scheduler)[-1]
    assert (ended["outcome"], ended["run"], ended["says"]) == ("stopped", run.name, "its conductor died")


def test_a_precondition_that_nobody_can_read_skips_the_run(made: Made) -> None:
    held = {"signal": "attempts", "within": "1h", "at_least": 1, "because": "There must be traffic"}
    found = at_ten(made("exit 1", environment="rehearsal", preconditions=[held]))
    assert found[-1]["kind"] == "skipped" and found[-1]["reason"] == "precondition"
    assert found[-1]["says"].startswith("There must be traffic: attempts")


def test_files_that_are_wrong_leave_the_schedules_as_they_were_and_right_ones_are_taken(made: Made) -> None:
    scheduler = made("exit 1")
    scheduler.open().release()
    path = scheduler.root / "scenarios" / "pay" / "daily.yaml"
    good = path.read_text()
    path.write_text("kind: schedule\n")
    _later(scheduler)
    assert scheduler.files_wrong and "daily" in scheduler.board.schedules and standing_of(scheduler).files_wrong
    path.write_text(good.replace("0 10 * * *", "0 11 * * *"))
    _later(scheduler)
    assert not scheduler.files_wrong and scheduler.board.schedules["daily"].cron == "0 11 * * *"


def _later(scheduler: Scheduler) -> None:
    assert isinstance(scheduler.clock, VirtualClock)
    scheduler.clock.advance(31_000)
    scheduler.look()


def test_a_pause_from_another_terminal_is_heard_by_the_scheduler_that_runs(made: Made) -> None:
    scheduler = made("exit 1")
    scheduler.open().release()
    Log(scheduler.root).append({"kind": "paused", "schedule": "daily", "by": "sre", "because": "we move"})
    assert isinstance(scheduler.clock, VirtualClock)
    scheduler.clock.advance(MINUTE + 1)
    scheduler.look()
    assert lines(scheduler)[-1]["reason"] == "paused" and lines(scheduler)[-1]["says"] == "sre: we move"


def test_a_line_that_a_crash_left_half_is_passed_over_and_what_follows_is_whole(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.append({"kind": "one"})
    with log.path.open("ab") as file:
        file.write(b'{"kind": "ha')
    log.append({"kind": "two"})
    assert [line["kind"] for line in Log(tmp_path).read()] == ["one", "two"]


def test_a_freeze_that_cannot_be_fetched_is_unknown_and_no_file_outside_is_read(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "outside.ics").write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    (tmp_path / "w" / "inside.ics").write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    assert read(tmp_path / "w", "https://127.0.0.1:9/freeze.ics") is None
    assert read(tmp_path / "w", "../outside.ics") is None
    assert read(tmp_path / "w", "inside.ics")


def test_the_lock_of_a_time_is_its_processes_and_not_ours(made: Made) -> None:
    """So that a scheduler that starts anew sees that the run goes on."""
    scheduler = made("sleep 5")
    lock = scheduler.open()
    assert isinstance(scheduler.clock, VirtualClock)
    scheduler.clock.advance(MINUTE + 1)
    scheduler.look()
    ((ident, child),) = scheduler.times._ours.items()
    time, other = scheduler._time("daily"), Times(scheduler.root, ("false",))
    assert time is not None and time.id == ident
    assert other.became(time, scheduler.board.schedules["daily"], child.pid) is None
    assert other.begin(time, scheduler.board.schedules["daily"]) is None
    child.kill()
    child.wait(30)
    lock.release()
