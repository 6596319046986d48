"""Full disks, two conductors, clocks that jump, starts that hang: what was injected is taken back."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gameday.clock import VirtualClock
from gameday.conductor import walk
from gameday.conductor.actions import StartFault, StopFault
from gameday.conductor.effects import Threads
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.perform import Performer
from gameday.conductor.undo import undo_all
from gameday.errors import RunBroke
from gameday.journal.events import Draft, Event
from gameday.journal.injected import FaultState
from gameday.journal.state import State
from gameday.journal.store import Journal, Superseded
from gameday.protocols import Note, Order, ProviderStatus, Trace
from tests.conductor.bench import MINUTE, Bench, S, Settings, a_plan, expect, fault


def full(*_: Any) -> Any:
    raise OSError(28, "No space left on device")


def test_a_full_journal_ends_the_walk_and_undo_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(a_plan(fault(minutes=30)), tmp_path)
    bench.at(60, lambda: monkeypatch.setattr(bench.journal, "append", full))
    with pytest.raises(RunBroke, match="No space left"):
        bench.run()
    assert not bench.world.left()
    assert outstanding(bench.ledger.path).left == []
    monkeypatch.undo()
    assert bench.state.ended_status is None


def test_a_journal_that_is_full_when_the_fault_is_requested_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(a_plan(fault(minutes=30)), tmp_path)
    honest = bench.journal.append

    def append(draft: Draft, at: int, wall: int) -> Event:
        return full() if draft.type == "fault.requested" else honest(draft, at, wall)

    monkeypatch.setattr(bench.journal, "append", append)
    with pytest.raises(RunBroke, match="No space left"):
        bench.run()
    assert bench.calls("start") == []
    assert outstanding(bench.ledger.path).left == []


def test_a_full_ledger_starts_nothing_and_aborts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(a_plan(fault(minutes=30), expect("never", {"alarm": "page", "state": "OK"})), tmp_path)
    monkeypatch.setattr(bench.ledger, "intend", full)
    assert bench.run() == "aborted"
    bench.check()
    assert bench.world.calls == []
    assert "the undo ledger cannot be written" in bench.of("abort.asked")[0].what["why"]


def test_a_ledger_that_fills_up_before_the_experiment_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``note`` raises before the call of which it would have told."""
    bench = Bench(a_plan(fault(minutes=30)), tmp_path)
    monkeypatch.setattr(bench.ledger, "note", full)
    bench.run()
    bench.check()
    assert bench.world.injected == {}
    assert bench.results() == {"stop": "failed"}


def test_a_conductor_that_was_superseded_stops_at_once_and_undoes_nothing(tmp_path: Path) -> None:
    """The run is the other one's now, with all that it injected."""
    bench = Bench(a_plan(fault(minutes=30)), tmp_path)
    bench.at(60, lambda: Journal.open(tmp_path / "journal.jsonl").claim(1))
    with pytest.raises(Superseded):
        bench.run()
    assert bench.world.left() == ["stop"]
    assert bench.calls("stop") == []
    assert [left.step for left in outstanding(bench.ledger.path).left] == ["stop"]


def test_an_error_of_our_own_undoes_and_is_passed_on(tmp_path: Path) -> None:
    bench = Bench(a_plan(fault(minutes=30)), tmp_path)

    def breaks(*_: object) -> list[Draft]:
        raise ZeroDivisionError

    bench.at(60, lambda: setattr(bench.conductor, "script", breaks))
    with pytest.raises(ZeroDivisionError):
        bench.run()
    assert not bench.world.left()
    assert [e.what["why"] for e in bench.of("undo.started")] == ["the conductor failed"]


def test_a_screen_that_breaks_does_not_stop_the_day(tmp_path: Path) -> None:
    bench = Bench(a_plan(fault(minutes=1)), tmp_path)
    bench.conductor.show = full
    assert bench.run() == "completed"
    bench.check()


def test_a_clock_that_is_set_is_told_once_and_makes_the_verdict_uncertain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(a_plan(fault(minutes=2)), tmp_path)
    shift = [0]
    honest = bench.clock.wall
    monkeypatch.setattr(bench.clock, "wall", lambda: honest() + shift[0])
    bench.at(30, lambda: shift.append(shift.pop() - 7 * S))
    assert bench.run() == "completed"
    bench.check()
    assert [e.what["by_ms"] for e in bench.of("clock.stepped")] == [-7 * S]
    assert "CLOCK_UNCERTAIN" in bench.verdict()["tolerances"][0]["codes"]


def test_a_machine_that_slept_aborts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody guarded meanwhile."""
    bench = Bench(a_plan(fault(minutes=30)), tmp_path)
    asleep = bench.conductor._asleep
    slept = [asleep]
    monkeypatch.setattr(walk, "suspended_ns", lambda: slept[0])
    bench.at(30, lambda: slept.__setitem__(0, asleep + 60_000_000_000))
    assert bench.run() == "aborted"
    bench.check()
    assert bench.state.abort == "the conductor's machine was asleep"
    assert len(bench.of("abort.asked")) == 1
    assert not bench.world.left()


@pytest.mark.parametrize("answer", [None, "yes", 7])
def test_a_provider_that_does_not_say_how_to_find_its_fault_is_stopped(tmp_path: Path, answer: Any) -> None:
    """A trace that is none would make the journal unreadable."""
    bench = Bench(a_plan(fault(minutes=30)), tmp_path)
    honest = bench.world.start

    def start(order: Order, note: Note) -> Any:
        honest(order, note)
        return answer

    bench.world.start = start  # type: ignore[method-assign]
    assert bench.run() == "completed"
    bench.check()
    assert bench.results() == {"stop": "failed"}
    assert not bench.world.left()


def test_a_provider_that_polls_and_stops_with_nonsense_is_said_to_be_unsafe(tmp_path: Path) -> None:
    bench = Bench(a_plan(fault(minutes=1)), tmp_path)
    bench.world.poll = bench.world.stop = lambda trace: None  # type: ignore[assignment,method-assign,return-value]
    bench.run()
    assert bench.verdict()["outcome"] == "unsafe"
    assert [left.step for left in outstanding(bench.ledger.path).left] == ["stop"]


# ---- threads: a start that is under way while it is stopped
class Slow:
    """A provider whose start hangs in its last call; ``there`` is what exists."""

    name, settings = "fis", Settings

    def __init__(self) -> None:
        self.calling, self.go_on, self.started = threading.Event(), threading.Event(), threading.Event()
        self.there: set[str] = set()
        self.late = True

    def start(self, order: Order, note: Note) -> Trace:
        note({"template": "t"})
        self.calling.set()
        assert self.go_on.wait(10)
        self.there.add(order.token)  # the call arrives
        self.started.set()
        return {"token": order.token}

    def stop(self, trace: Trace) -> ProviderStatus:
        """Looks, and only then does the call of the start arrive, when ``late``."""
        found = trace["token"] in self.there
        self.there.discard(trace["token"])
        if self.late:
            self.late = False
            self.go_on.set()
            assert self.started.wait(10)
        return ProviderStatus("ended", "stopped" if found else "there is none", clean=True)


@pytest.fixture
def slow(tmp_path: Path) -> tuple[Slow, Performer, State]:
    provider, ledger = Slow(), Ledger(tmp_path / "undo.jsonl")
    performer = Performer(a_plan(), ledger, {"fis": provider}, None, str)  # type: ignore[arg-type,dict-item]
    state = State(run="r-1", faults={"stop": FaultState("t", 0)})
    ledger.intend("stop", "fis", {"run": "r-1", "step": "stop", "token": performer._order("stop", state)[1].token})
    return provider, performer, state


def outcomes(threads: Threads, number: int) -> list[Any]:
    found: list[Any] = []
    while len(found) < number:
        found += threads.wait(5)
    return found


def test_a_stop_does_not_believe_that_nothing_is_there_while_a_start_is_under_way(
    slow: tuple[Slow, Performer, State],
) -> None:
    """The provider looked before the call of the start arrived: it stays on the ledger and is stopped again."""
    provider, performer, state = slow
    threads = Threads()
    threads.run("start:stop", performer.work(StartFault("stop"), state))
    assert provider.calling.wait(10)
    threads.run("stop:stop", performer.work(StopFault("stop"), state))
    stop = next(o for o in outcomes(threads, 2) if o.key == "stop:stop")
    assert "start was still under way" in str(stop.error)
    assert len(outstanding(performer.ledger.path).left) == 1
    drafts = performer.work(StopFault("stop"), state)()
    assert [d.type for d in drafts] == ["fault.ended", "undo.done"]
    assert provider.there == set()
    assert outstanding(performer.ledger.path).left == []


def test_undo_does_not_believe_it_either(slow: tuple[Slow, Performer, State]) -> None:
    """The conductor fails while a start hangs: undo goes on until the start has ended and what it made is gone."""
    provider, performer, state = slow
    threads = Threads()
    threads.run("start:stop", performer.work(StartFault("stop"), state))
    assert provider.calling.wait(10)
    clock = VirtualClock()
    assert undo_all(performer.ledger, performer.for_undo(), clock, lambda _: None, clock.now() + MINUTE)
    assert provider.there == set()


def test_a_start_that_comes_after_its_stop_changes_nothing(slow: tuple[Slow, Performer, State]) -> None:
    provider, performer, state = slow
    provider.late = False
    start = performer.work(StartFault("stop"), state)
    performer.work(StopFault("stop"), state)()
    with pytest.raises(RuntimeError, match="is to be stopped"):
        start()
    assert not provider.calling.is_set()


def test_one_effect_of_a_key_runs_at_a_time_and_rests_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer each time, up to five seconds; a success ends it. Time is the machine's own."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    threads, gate = Threads(), threading.Event()
    assert threads.run("a", gate.wait)
    assert not threads.run("a", gate.wait)
    assert threads.run("b", lambda: 1)
    gate.set()
    assert {o.key for o in outcomes(threads, 2)} == {"a", "b"}
    rests = []
    for _ in range(7):
        assert threads.run("a", full)
        outcomes(threads, 1)
        assert not threads.run("a", full)
        rests.append(threads.rests["a"][0])
        now[0] += rests[-1] + 0.01
    assert rests == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert threads.run("a", lambda: 1)
    outcomes(threads, 1)
    assert "a" not in threads.rests
