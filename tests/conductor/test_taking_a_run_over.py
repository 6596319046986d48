"""A conductor over a half journal goes on properly: what was missed is read first, and nothing is given up unread."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gameday.conductor.effects import Inline
from gameday.conductor.ledger import outstanding
from gameday.conductor.undo import undo_all
from gameday.journal.events import Draft
from gameday.journal.state import State
from gameday.journal.store import Journal
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.wiring.sockets import Sockets, sockets
from gameday.wiring.starting import conduct
from tests.conductor.bench import MINUTE, PERIOD, START, Bench, S, a_plan, expect, fault


def walked(bench: Bench, seconds: float) -> Bench:
    """Until so many seconds after the go."""
    bench.go()
    while bench.state.t_go is None or bench.clock.now() < bench.state.t_go + seconds * S:
        bench.conductor.turn()
    return bench


def known(bench: Bench) -> list[float | None]:
    go, series = bench.state.t_go or 0, bench.state.signals["failures"]
    return [series.get(t, -1.0) for t in range(go, go + 5 * MINUTE, PERIOD)]


@pytest.mark.parametrize("dead_s", [1, 60, 200, 400, 1_500])
def test_what_the_observers_missed_is_read_and_the_day_ends_as_if_nothing_had_been(tmp_path: Path, dead_s: int) -> None:
    """The fault's own time went on: its effect, its end and its being gone are seen from what the source kept."""
    bench = walked(Bench(a_plan(fault(minutes=5)), tmp_path), 10)
    bench.clock.advance(dead_s * S)
    bench.crash()
    assert bench.run() == "completed"
    bench.check()
    assert known(bench) == [100.0] * 15
    assert bench.state.t0 == bench.state.t_go
    assert bench.results() == {"stop": "done"}
    assert bench.calls("start") == ["stop"]
    assert bench.verdict()["outcome"] != "unsafe"


def test_a_crash_during_the_baseline_begins_it_anew_from_what_was_kept(tmp_path: Path) -> None:
    bench = Bench(a_plan(fault(minutes=1)), tmp_path).go()
    for _ in range(60):
        bench.conductor.turn()
    bench.clock.advance(30 * MINUTE)
    bench.crash()
    assert bench.run() == "completed"
    bench.check()
    assert bench.results() == {"stop": "done"}


def test_a_guard_does_not_take_the_time_in_which_nobody_looked_for_a_silent_source(tmp_path: Path) -> None:
    plan = a_plan(fault(minutes=2), guards=[{"signal": "failures", "above": 500}])
    bench = walked(Bench(plan, tmp_path), 10)
    bench.clock.advance(10 * MINUTE)
    bench.crash()
    assert bench.run() == "completed"
    bench.check()
    assert bench.of("guard.unreadable") == []


def test_an_expectation_met_while_nobody_conducted_is_met(tmp_path: Path) -> None:
    """The alarm and the signal were seen in time by their sources."""
    plan = a_plan(fault(minutes=2), expect("alarm", {"alarm": "page"}, MINUTE),
                  expect("signal", {"signal": "failures", "at_least": 1}, MINUTE))  # fmt: skip
    bench = walked(Bench(plan, tmp_path), 5)
    bench.clock.advance(100 * S)
    bench.crash()
    bench.run()
    bench.check()
    assert bench.results() == {"stop": "done", "alarm": "met", "signal": "met"}


def test_a_crash_while_all_is_taken_back_still_sees_it_gone_much_later(tmp_path: Path) -> None:
    """An hour after the abort: undo, then the witness; not *unsafe* because the clock went on."""
    bench = walked(Bench(a_plan(fault(minutes=30)), tmp_path), 60)
    bench.conductor.ask_abort("enough")
    while bench.state.phase != "restore":
        bench.conductor.turn()
    bench.clock.advance(60 * MINUTE)
    bench.crash()
    undo_all(bench.ledger, {"fis": bench.world}, bench.clock, bench.conductor.tell, bench.clock.now() + MINUTE, "found")
    assert bench.run() == "aborted"
    bench.check()
    assert len(bench.of("fault.gone")) == 1
    assert bench.verdict()["outcome"] == "stopped"


def test_a_start_that_nobody_heard_of_is_asked_again_with_the_same_token(tmp_path: Path) -> None:
    bench = Bench(a_plan(fault(minutes=5)), tmp_path).go()
    while "stop" not in bench.state.faults:
        bench.conductor.turn()
    bench.crash()
    bench.run()
    bench.check()
    assert bench.calls("start") == ["stop", "stop"]
    assert len(bench.world.injected) == 1
    assert bench.results() == {"stop": "done"}


def test_a_start_that_nobody_heard_of_is_not_asked_again_once_its_time_is_past(tmp_path: Path) -> None:
    bench = Bench(a_plan(fault(minutes=5)), tmp_path).go()
    while "stop" not in bench.state.faults:
        bench.conductor.turn()
    bench.clock.advance(10 * MINUTE)
    bench.crash()
    bench.run()
    bench.check()
    assert bench.calls("start") == ["stop"]
    assert bench.results() == {"stop": "failed"}


def test_a_person_whose_answer_waited_in_the_inbox_is_heard_first(tmp_path: Path) -> None:
    plan = a_plan(expect("ack", {"role": "on-call", "does": "acknowledge"}, 5 * MINUTE))
    bench = walked(Bench(plan, tmp_path), 10)
    bench.command("ack", "on-call")
    bench.clock.advance(MINUTE)
    bench.crash()
    bench.run()
    bench.check()
    assert bench.results() == {"ack": "met"}


def test_wiring_makes_such_a_conductor(tmp_path: Path) -> None:
    """``starting.conduct`` over a half journal: state, ledger and sources are those of the run since its baseline."""
    bench = walked(Bench(a_plan(fault(minutes=2)), tmp_path), 60)
    bench.clock.advance(30 * S)
    bench.journal.close()
    journal = Journal.open(tmp_path / "journal.jsonl")
    journal.claim(os.getpid(), bench.clock.now(), bench.clock.wall())
    aws = sockets(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:9").aws
    filled: Any = Sockets(aws, {"fis": bench.world}, [bench.watch], bench.paper)
    made = conduct(tmp_path, bench.plan, filled, None, journal, bench.clock, unattended=True)
    assert isinstance(made.state, State)
    assert {s.since for s in made.sources} == {made.state.phase_ms["baseline"]}
    assert made.sources[0].look(bench.clock.now()).start_ms == START
    assert [left.step for left in outstanding(made.ledger.path).left] == ["stop"]
    made.sources[0].looked = None
    made.effects, inline = bench.effects, isinstance(bench.effects, Inline)
    bench.journal, bench.conductor, bench.ledger = journal, made, made.ledger
    assert inline
    assert bench.run() == "completed"
    bench.check()
    assert bench.results() == {"stop": "done"}


def test_a_run_whose_conductor_died_in_its_last_word_is_ended(tmp_path: Path) -> None:
    """The last phase was entered, and then nothing."""
    bench = walked(Bench(a_plan(fault(minutes=1)), tmp_path), 0)
    while bench.state.phase != "verify":
        bench.conductor.turn()
    bench.conductor.record(Draft("phase.entered", {"phase": "ended"}))
    bench.crash()
    assert bench.run() == "completed"
    bench.check()
    assert len([e for e in bench.of("phase.entered") if e.what["phase"] == "ended"]) == 1


def test_an_abort_that_was_asked_for_is_not_forgotten(tmp_path: Path) -> None:
    bench = walked(Bench(a_plan(fault(minutes=30)), tmp_path), 60)
    bench.conductor.record(Draft("abort.asked", {"why": "enough"}))
    bench.crash()
    assert bench.run() == "aborted"
    bench.check()
    assert not bench.world.left()
