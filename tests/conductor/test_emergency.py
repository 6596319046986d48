"""The last stop level: all is taken back as by an abort, and the lever is engaged beside it, whatever else fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gameday.conductor.emergency import PATIENCE_WALL_MS, lever_places
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.undo import undo_all
from tests.conductor.bench import Behaviour, Bench, S, a_plan, fault

PLACE, THERE = "123456789012/eu-west-2", "123456789012/eu-west-1"


@dataclass
class ALever:
    """A lever that fails so many times, or was engaged by somebody else."""

    fails: int = 0
    before: bool = False
    reasons: list[str] = field(default_factory=list)

    def engage(self, reason: str) -> bool:
        self.reasons.append(reason)
        if self.fails > 0:
            self.fails -= 1
            raise ConnectionError("throttled")
        return not self.before


def a_bench(tmp_path: Path, lever: ALever, stop_raises: int = 0) -> Bench:
    bench = Bench(a_plan(fault(minutes=20)), tmp_path)
    bench.world.behaviours["stop"] = Behaviour(stop_raises=stop_raises)
    bench.conductor.performer.levers = {PLACE: lever}
    return bench


def engaged(bench: Bench) -> dict[str, dict[str, str]]:
    return outstanding(bench.ledger.path).engaged


def test_an_emergency_aborts_and_engages_the_lever_at_once(tmp_path: Path) -> None:
    lever = ALever()
    bench = a_bench(tmp_path, lever).at(60, lambda: bench.command("emergency", why="customers are hit"))
    assert bench.run() == "aborted"
    bench.check()
    assert not bench.world.left()
    told = bench.timeline("emergency.asked", "abort.asked", "lever.engaged", "undo.done", facts=("why", "place"))
    assert [(at < 63, type_) for at, type_, _ in told] == [
        (True, "emergency.asked"), (True, "abort.asked"), (True, "undo.done"), (True, "lever.engaged"),
    ]  # fmt: skip
    assert lever.reasons == ["gameday r-1: customers are hit"]
    assert bench.verdict()["outcome"] == "stopped"


def test_what_was_engaged_stays_on_the_ledger_until_a_person_releases_it(tmp_path: Path) -> None:
    """Undo takes faults back; it never lets experiments begin again."""
    bench = a_bench(tmp_path, ALever()).at(60, lambda: bench.conductor.ask_emergency("SIGUSR1"))
    assert bench.run() == "aborted"
    assert engaged(bench) == {PLACE: {"reason": "gameday r-1: SIGUSR1"}}
    assert undo_all(bench.ledger, {}, bench.clock, lambda draft: None, bench.clock.now())
    assert PLACE in engaged(bench)
    bench.ledger.release(PLACE, {"reason": "it is over", "who": "facilitator"})
    assert engaged(bench) == {}
    assert outstanding(bench.ledger.path).damaged == []


def test_a_lever_that_fails_is_tried_again_and_told_and_the_run_waits_for_it(tmp_path: Path) -> None:
    lever = ALever(fails=12)
    bench = a_bench(tmp_path, lever).at(60, lambda: bench.command("emergency"))
    assert bench.run() == "aborted"
    assert [e.what["count"] for e in bench.of("lever.failed")] == [1, 10]
    assert len(bench.of("lever.engaged")) == 1
    assert not bench.world.left()


def test_a_lever_that_nobody_can_engage_does_not_hold_the_run_for_ever(tmp_path: Path) -> None:
    lever = ALever(fails=10**6)
    bench = a_bench(tmp_path, lever).at(60, lambda: bench.command("emergency"))
    assert bench.run() == "aborted"
    asked, ended = bench.of("emergency.asked")[0].at, bench.of("run.ended")[0].at
    assert PATIENCE_WALL_MS <= ended - asked <= PATIENCE_WALL_MS + 5 * S
    assert not bench.world.left()
    assert PLACE in engaged(bench), "nobody knows whether a call got through"


def test_a_lever_that_somebody_had_engaged_is_told_as_theirs(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, ALever(before=True)).at(60, lambda: bench.command("emergency"))
    bench.run()
    assert [e.what["already"] for e in bench.of("lever.engaged")] == [True]


def test_each_region_that_faults_are_started_in_has_its_lever_engaged_whatever_another_does(tmp_path: Path) -> None:
    """And no other: a Region in which the day starts nothing is not ours to stop."""
    there, here, other = ALever(), ALever(fails=10**6), ALever()
    bench = Bench(a_plan(fault(minutes=20), fault("there", minutes=20, region="eu-west-1")), tmp_path)
    bench.conductor.performer.levers = {PLACE: here, THERE: there, "123456789012/us-east-1": other}
    bench.at(60, lambda: bench.command("emergency"))
    assert bench.run() == "aborted"
    assert [e.what["place"] for e in bench.of("lever.engaged")] == [THERE]
    assert {e.what["place"] for e in bench.of("lever.failed")} == {PLACE}
    assert set(engaged(bench)) == {PLACE, THERE}
    assert len(there.reasons) == 1 and other.reasons == []


def test_a_day_whose_faults_are_all_elsewhere_leaves_the_first_region_alone(tmp_path: Path) -> None:
    elsewhere = a_plan(fault("there", minutes=20, region="eu-west-1"))
    assert lever_places(elsewhere) == (THERE,)
    assert lever_places(a_plan(fault(minutes=20, provider="chaostoolkit"))) == (PLACE,)


def test_an_abort_can_become_an_emergency_and_only_once(tmp_path: Path) -> None:
    lever = ALever()
    bench = a_bench(tmp_path, lever, stop_raises=20)
    bench.at(60, lambda: bench.command("abort"))
    bench.at(63, lambda: bench.command("emergency")).at(65, lambda: bench.command("emergency"))
    assert bench.run() == "aborted"
    assert len(lever.reasons) == len(bench.of("lever.engaged")) == len(bench.of("abort.asked")) == 1
    assert [e.what["kind"] for e in bench.of("command.refused")] == ["emergency"]


def test_a_conductor_that_takes_over_engages_what_was_asked_for(tmp_path: Path) -> None:
    bench, lever = a_bench(tmp_path, ALever(fails=10**6)), ALever()

    def crash() -> None:
        bench.crash().performer.levers = {PLACE: lever}

    bench.at(60, lambda: bench.command("emergency"))
    bench.go()
    while bench.state.emergency is None:
        bench.conductor.turn()
    crash()
    assert bench.conductor.run() == "aborted"
    assert lever.reasons and bench.of("lever.engaged")


def test_a_stop_that_keeps_failing_is_in_the_journal(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, ALever(), stop_raises=11).at(60, lambda: bench.command("abort"))
    assert bench.run() == "aborted"
    assert [(e.what["count"], e.what["error"]) for e in bench.of("fault.stop_failed")] == [
        (1, "ConnectionError: throttled"), (10, "ConnectionError: throttled"),
    ]  # fmt: skip


@pytest.mark.parametrize("op", ["engage", "release"])
def test_a_lever_on_a_damaged_line_counts_as_engaged(tmp_path: Path, op: str) -> None:
    """What says that it is engaged is believed; what says that it is released only when it is whole."""
    path = tmp_path / "undo.jsonl"
    ledger = Ledger(path)
    ledger.engage(PLACE, {"reason": "x"})
    if op == "release":
        ledger.release(PLACE, {"reason": "y"})
    ledger.close()
    raw = path.read_bytes()
    at = raw.rindex(b'"sum":"') + 7
    path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    found = outstanding(path)
    assert PLACE in found.engaged and found.damaged
