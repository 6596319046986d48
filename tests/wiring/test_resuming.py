"""``gameday resume``: a run goes on from its journal, and nothing new begins before what was missed has been read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gameday.conductor.ledger import outstanding
from gameday.errors import CouldNotStart, DamagedRun, GamedayError
from gameday.journal.events import Draft
from gameday.protocols import Sample
from gameday.runs import LOCK
from gameday.wiring.resuming import NOT_CARRIED, deadline, resume
from gameday.wiring.starting import take_lock
from tests.conductor.bench import MINUTE, Bench, S, a_plan, expect, fault, task
from tests.conductor.bench import RUNBOOK as MOVE
from tests.wiring.a_dead_run import a_run, died, resumed, sha256, unshown, walked, world_of


def requested(bench: Bench) -> Bench:
    """Until the fault was asked for; nobody has heard the answer."""
    bench.go()
    while "stop" not in bench.state.faults:
        bench.conductor.turn()
    return bench


def test_it_goes_on_and_nothing_is_undone_first(tmp_path: Path) -> None:
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=5))), 30), 60)
    resumed(bench, tmp_path)
    assert bench.world.left() == ["stop"] and bench.calls("stop") == []
    assert bench.run() == "completed"
    bench.check()
    assert bench.calls("start") == ["stop"]
    assert bench.results() == {"stop": "done"}
    told = bench.of("run.resumed")
    assert [(e.what["inject"], e.what["away_ms"] >= 60 * S) for e in told] == [(True, True)]
    assert len(bench.verdict()["not_conducted"]) == 1


def test_a_start_that_nobody_heard_of_is_asked_again_with_the_same_token(tmp_path: Path) -> None:
    bench = died(requested(a_run(tmp_path, a_plan(fault(minutes=5)))))
    assert resumed(bench, tmp_path).run() == "completed"
    bench.check()
    assert bench.calls("start") == ["stop", "stop"]
    assert len(bench.world.injected) == 1


@pytest.mark.parametrize("held", [False, True])
def test_past_its_deadline_nothing_is_injected_any_more(tmp_path: Path, held: bool) -> None:
    """However long it was held: a hold ends, for this, with the conductor."""
    plan = a_plan(fault("stop", minutes=5), fault("later", at_ms=10 * MINUTE, minutes=5), max_duration_ms=30 * MINUTE)
    bench = walked(a_run(tmp_path, plan), 30)
    if held:
        bench.conductor.record(Draft("hold.started", {"why": "wait"}))
    died(bench, 40 * 60)
    resumed(bench, tmp_path)
    assert bench.clock.now() > deadline(plan, bench.state)
    assert bench.run() == "aborted"
    bench.check()
    assert bench.calls("start") == ["stop"]
    assert bench.world.left() == [] and bench.verdict()["outcome"] == "stopped"
    assert bench.of("run.resumed")[0].what["inject"] is False


def test_a_hold_before_the_death_moves_the_deadline(tmp_path: Path) -> None:
    plan = a_plan(fault("stop", minutes=5), fault("later", at_ms=10 * MINUTE, minutes=1), max_duration_ms=30 * MINUTE)
    bench = walked(a_run(tmp_path, plan), 30)
    bench.conductor.record(Draft("hold.started", {"why": "wait"}))
    bench.clock.advance(25 * MINUTE)
    bench.conductor.record(Draft("hold.ended", {}))
    died(bench, 10 * 60)
    assert resumed(bench, tmp_path).run() == "completed"
    assert bench.calls("start") == ["stop", "later"]


def test_a_breach_in_what_was_missed_aborts_before_anything_new_is_injected(tmp_path: Path) -> None:
    plan = a_plan(fault("one", minutes=30), fault("two", at_ms=2 * MINUTE, minutes=5),
                  guards=[{"signal": "failures", "above": 50}])  # fmt: skip
    bench = died(walked(a_run(tmp_path, plan), 5), 4 * 60)
    assert resumed(bench, tmp_path).run() == "aborted"
    bench.check()
    assert bench.calls("start") == ["one"]
    assert [e.what["guard"] for e in bench.of("guard.fired")] == ["failures above 50"]
    assert bench.world.left() == []


@pytest.mark.parametrize("guards", [[], [{"signal": "failures", "above": 500}]])
def test_a_source_that_stays_away_is_waited_for_when_a_guard_needs_it(tmp_path: Path, guards: list[Any]) -> None:
    """Else its answer, that it cannot be read, is enough: the gap is journalled."""
    plan = a_plan(fault("one", minutes=30), fault("two", at_ms=2 * MINUTE, minutes=5), guards=guards)
    bench = died(walked(a_run(tmp_path, plan), 60), 4 * 60)
    bench.watch.raises = lambda now: True
    assert resumed(bench, tmp_path).run() == ("aborted" if guards else "completed")
    bench.check()
    assert bench.calls("start") == (["one"] if guards else ["one", "two"])
    assert len(bench.of("guard.unreadable")) == len(guards)


def test_what_people_could_not_be_heard_to_do_is_unknown(tmp_path: Path) -> None:
    """Limits that passed while nobody conducted; one that passes later is missed as ever."""
    ack = {"role": "on-call", "does": "acknowledge"}
    steps = expect("gone", ack, 2 * MINUTE), expect("still", ack, 12 * MINUTE), task("move", within_ms=3 * MINUTE)
    plan = a_plan(*steps, runbooks=[MOVE])
    bench = died(walked(a_run(tmp_path, plan), 30), 5 * 60)
    resumed(bench, tmp_path).run()
    bench.check()
    assert bench.results() == {"gone": "unknown", "still": "missed", "move": "unknown"}
    assert "nobody conducted" in str(bench.state.step("gone").why)


def test_an_answer_that_waited_is_heard_and_unknown_when_its_limit_had_passed(tmp_path: Path) -> None:
    plan = a_plan(expect("ack", {"role": "on-call", "does": "acknowledge"}, 2 * MINUTE))
    bench = walked(a_run(tmp_path, plan), 30)
    bench.command("ack", "on-call")
    resumed(died(bench, 5 * 60), tmp_path).run()
    bench.check()
    assert bench.results() == {"ack": "unknown"}


@pytest.mark.parametrize(("since_s", "result"), [(120, "unknown"), (-600, "missed")])
def test_an_alarm_that_changed_unseen_is_unknown(tmp_path: Path, since_s: int, result: str) -> None:
    """It is OK again, and tells its last change alone. One that did not change all the while was missed."""
    plan = a_plan(expect("alarm", {"alarm": "page", "state": "ALARM"}, 4 * MINUTE))
    bench = walked(a_run(tmp_path, plan), 30)
    go = bench.state.t_go or 0
    bench.watch.alarms["page"] = lambda now: Sample(go + since_s * S, 0.0)
    resumed(died(bench, 5 * 60), tmp_path).run()
    bench.check()
    assert bench.results() == {"alarm": result}


def test_what_broke_this_machine_is_taken_back_and_not_carried_on(tmp_path: Path) -> None:
    """Its keeper undid it when its conductor died: nobody can say that it is still there."""
    bench = walked(a_run(tmp_path, a_plan(fault(minutes=5))), 30)
    bench.world.in_aws = False  # type: ignore[attr-defined]
    resumed(died(bench, 20), tmp_path).run()
    bench.check()
    assert bench.calls("start") == ["stop"] and bench.world.left() == []
    assert [e.what["why"] for e in bench.of("fault.stop_requested")] == [NOT_CARRIED]


def test_a_ledger_that_was_lost_is_made_again_from_the_journal(tmp_path: Path) -> None:
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=5))), 30))
    bench.ledger.path.unlink()
    resumed(bench, tmp_path)
    assert [left.step for left in outstanding(bench.ledger.path).left] == ["stop"]
    assert bench.run() == "completed"
    bench.check()
    assert bench.world.left() == []


# ---- what is refused, and then nothing was done
def refused(bench: Bench, root: Path, code: str) -> None:
    before = sha256(bench.folder / "journal.jsonl")
    with pytest.raises(GamedayError) as error:
        resume(root, bench.folder, unattended=True, show=unshown, reached=world_of(bench))
    assert [p.code for p in error.value.problems] == [code] and error.value.exit_code == 5
    assert sha256(bench.folder / "journal.jsonl") == before, "it was written to"
    lock = take_lock(bench.folder / LOCK)
    assert lock is not None or code == "RUN_LIVE", "the lock was kept"
    if lock:
        lock.release()


def test_a_run_that_has_ended_is_refused(tmp_path: Path) -> None:
    bench = a_run(tmp_path, a_plan(fault(minutes=1)))
    bench.run()
    refused(died(bench), tmp_path, "RUN_ENDED")


def test_a_run_that_is_conducted_is_refused(tmp_path: Path) -> None:
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=5))), 10))
    lock = take_lock(bench.folder / LOCK)
    assert lock is not None
    refused(bench, tmp_path, "RUN_LIVE")
    lock.release()


def test_a_run_without_its_go_is_refused(tmp_path: Path) -> None:
    refused(died(a_run(tmp_path, a_plan(fault(minutes=5)))), tmp_path, "RUN_NOT_BEGUN")


def test_another_plan_than_was_registered_is_refused(tmp_path: Path) -> None:
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=5))), 10))
    path = bench.folder / "plan.json"
    path.write_text(path.read_text("utf-8").replace("sha256:aa", "sha256:bb"), "utf-8")
    refused(bench, tmp_path, "PLAN_ALTERED")


def test_files_that_changed_since_are_refused_by_name(tmp_path: Path) -> None:
    scenario = tmp_path / "scenarios" / "stop.yaml"
    scenario.parent.mkdir()
    scenario.write_text("kind: scenario\n", "utf-8")
    plan = a_plan(fault(minutes=5), inputs={"scenarios/stop.yaml": sha256(scenario)})
    bench = died(walked(a_run(tmp_path, plan), 10))
    scenario.write_text("kind: scenario # changed\n", "utf-8")
    refused(bench, tmp_path, "FILES_CHANGED")
    scenario.write_text("kind: scenario\n", "utf-8")
    assert resumed(bench, tmp_path).run() == "completed"


def test_a_damaged_ledger_is_refused(tmp_path: Path) -> None:
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=5))), 10))
    raw = bench.ledger.path.read_bytes()
    bench.ledger.path.write_bytes(raw.replace(b'"op":"intend"', b'"op":"intenD"', 1))
    refused(bench, tmp_path, "LEDGER_DAMAGED")


def test_a_lost_plan_or_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=5))), 10))
    (bench.folder / "plan.json").unlink()
    refused(bench, tmp_path, "RUN_UNREADABLE")
    assert issubclass(DamagedRun, GamedayError) and not issubclass(DamagedRun, CouldNotStart)


def test_a_rehearsal_that_is_gone_is_refused(tmp_path: Path) -> None:
    """There is nothing to go on with: what was broken ended with it."""
    bench = died(walked(a_run(tmp_path, a_plan(fault(minutes=5))), 10))
    (bench.folder / "rehearsal.json").write_text(json.dumps({"pid": 1, "started": 1}), "utf-8")
    with pytest.raises(CouldNotStart) as error:
        resume(tmp_path, bench.folder, unattended=True, show=unshown)
    assert [p.code for p in error.value.problems] == ["REHEARSAL_GONE"]
