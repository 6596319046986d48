"""Nothing that was injected is forgotten, and undo tries until it is seen gone."""

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from gameday.clock import VirtualClock
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.undo import undo_all
from gameday.journal.events import Draft
from gameday.protocols import Note, Order, ProviderStatus, Trace

IN_TMP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)


class Stubborn:
    """A fault that needs some tries to be stopped; raises, answers unknown, or leaves something behind first."""

    name = "stubborn"
    settings = BaseModel

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.stopped: list[str] = []

    def start(self, order: Order, note: Note) -> Trace:
        return {}

    def poll(self, trace: Trace) -> ProviderStatus:
        return ProviderStatus("unknown")

    def stop(self, trace: Trace) -> ProviderStatus:
        self.stopped.append(trace["step"])
        answer = self.answers.pop(0) if self.answers else ProviderStatus("ended", clean=True)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, ProviderStatus)
        return answer


def apply(ledger: Ledger, ops: list[tuple[str, str]]) -> None:
    for number, (op, step) in enumerate(ops):
        if op == "intend":
            ledger.intend(step, "stubborn", {"step": step})
        elif op == "note":
            ledger.note(step, {"id": str(number)})
        else:
            ledger.gone(step)


TROUBLE = st.lists(
    st.sampled_from([
        TimeoutError("slow"),
        ProviderStatus("unknown"),
        ProviderStatus("active"),
        ProviderStatus("ended", clean=False),
    ]),
    max_size=9,
)  # fmt: skip


@IN_TMP
@given(TROUBLE)
def test_undo_goes_on_through_any_trouble_until_all_is_gone(tmp_path: Path, trouble: list[Any]) -> None:
    path = tmp_path / "undo.jsonl"
    path.unlink(missing_ok=True)
    ledger, clock, seen = Ledger(path), VirtualClock(), list[Draft]()
    apply(ledger, [("intend", "a"), ("intend", "b")])
    fault = Stubborn(list(trouble))
    assert undo_all(ledger, {"stubborn": fault}, clock, seen.append, clock.now() + 600_000)
    assert outstanding(path).left == []
    assert fault.stopped[0] == "b", "newest first"
    assert sorted(d.what["step"] for d in seen if d.type == "undo.done") == ["a", "b"]
    before = len(fault.stopped)
    assert undo_all(ledger, {"stubborn": fault}, clock, seen.append, clock.now() + 1)
    assert len(fault.stopped) == before, "undoing again does nothing"
    ledger.close()


def test_what_cannot_be_undone_is_named_and_never_called_gone(tmp_path: Path) -> None:
    ledger, clock, seen = Ledger(tmp_path / "undo.jsonl"), VirtualClock(), list[Draft]()
    apply(ledger, [("intend", "a")])
    ledger.intend("b", "missing", {"experiment": "EXP1"})
    fault = Stubborn([TimeoutError("slow")] * 1000)
    assert not undo_all(ledger, {"stubborn": fault}, clock, seen.append, clock.now() + 60_000)
    assert seen[0] == Draft("undo.started", {"why": "end of run"})
    assert [(d.type, d.what["step"]) for d in seen[1:]] == [("undo.failed", "a"), ("undo.failed", "b")]
    assert seen[1].what["error"] == "TimeoutError: slow"
    assert seen[2].what["resources"] == {"experiment": "EXP1"}
    assert sum(clock.slept) == 60_000
    assert len(outstanding(ledger.path).left) == 2
    ledger.close()


def test_a_failing_leftover_leaves_the_others_their_turn(tmp_path: Path) -> None:
    ledger, clock, seen = Ledger(tmp_path / "undo.jsonl"), VirtualClock(), list[Draft]()
    apply(ledger, [("intend", "a")])
    ledger.intend("b", "missing", {})
    undo_all(ledger, {"stubborn": Stubborn([])}, clock, seen.append, clock.now() + 1000)
    assert [left.step for left in outstanding(ledger.path).left] == ["b"]
    ledger.close()


def test_undo_starts_once_and_says_why(tmp_path: Path) -> None:
    ledger, clock, seen = Ledger(tmp_path / "undo.jsonl"), VirtualClock(), list[Draft]()
    assert undo_all(ledger, {}, clock, seen.append, clock.now(), why="abort") and seen == []
    apply(ledger, [("intend", "a")])
    fault = Stubborn([TimeoutError("slow")] * 3)
    assert undo_all(ledger, {"stubborn": fault}, clock, seen.append, clock.now() + 60_000, why="abort")
    assert [d for d in seen if d.type == "undo.started"] == [Draft("undo.started", {"why": "abort"})]
    ledger.close()
