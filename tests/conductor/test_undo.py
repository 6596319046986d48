"""Nothing that was injected is forgotten, and undo tries until it is seen gone."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from gameday.clock import VirtualClock
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.undo import undo_all
from gameday.errors import DamagedRun
from gameday.journal.events import Draft
from gameday.protocols import Note, Order, ProviderStatus, Trace

STEPS = st.sampled_from(["a", "b", "c"])
OPS = st.lists(st.tuples(st.sampled_from(["intend", "note", "gone"]), STEPS), max_size=25)
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


def left_of(ops: list[tuple[str, str]]) -> set[str]:
    left: set[str] = set()
    for op, step in ops:
        left = left | {step} if op == "intend" else left - {step} if op == "gone" else left
    return left


@IN_TMP
@given(OPS)
def test_what_is_left_is_what_was_intended_and_not_seen_gone(tmp_path: Path, ops: list[tuple[str, str]]) -> None:
    path = tmp_path / "undo.jsonl"
    path.unlink(missing_ok=True)
    ledger = Ledger(path)
    apply(ledger, ops)
    assert {left.step for left in outstanding(path)} == left_of(ops)
    ledger.close()
    assert {left.step for left in outstanding(path)} == left_of(ops)


@IN_TMP
@given(OPS, st.integers(min_value=0, max_value=5000), OPS)
def test_a_ledger_cut_at_any_byte_keeps_its_whole_lines_and_goes_on(
    tmp_path: Path, ops: list[tuple[str, str]], cut: int, more: list[tuple[str, str]]
) -> None:
    path = tmp_path / "undo.jsonl"
    path.unlink(missing_ok=True)
    ledger = Ledger(path)
    apply(ledger, ops)
    ledger.close()
    raw = path.read_bytes()
    kept = raw[: cut % (len(raw) + 1)]
    path.write_bytes(kept + b"\0" * 100)
    whole = ops[: kept.count(b"\n")]
    assert {left.step for left in outstanding(path)} == left_of(whole)
    again = Ledger(path)
    apply(again, more)
    again.close()
    assert {left.step for left in outstanding(path)} == left_of(whole + more)


def test_a_line_damaged_in_the_middle_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    path.write_bytes(b'{"op":"intend","step":"a","provider":"p","facts":{}}\nxx\n{"op":"gone","step":"a"}\n')
    with pytest.raises(DamagedRun, match=r"undo.jsonl:2:1: error LEDGER_DAMAGED"):
        outstanding(path)


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
    assert outstanding(path) == []
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
    assert [(d.type, d.what["step"]) for d in seen] == [("undo.failed", "a"), ("undo.failed", "b")]
    assert seen[0].what["error"] == "TimeoutError: slow"
    assert seen[1].what["resources"] == {"experiment": "EXP1"}
    assert sum(clock.slept) == 60_000
    assert len(outstanding(ledger.path)) == 2
    ledger.close()


def test_a_failing_leftover_leaves_the_others_their_turn(tmp_path: Path) -> None:
    ledger, clock, seen = Ledger(tmp_path / "undo.jsonl"), VirtualClock(), list[Draft]()
    apply(ledger, [("intend", "a")])
    ledger.intend("b", "missing", {})
    undo_all(ledger, {"stubborn": Stubborn([])}, clock, seen.append, clock.now() + 1000)
    assert [left.step for left in outstanding(ledger.path)] == ["b"]
    ledger.close()


def test_space_is_reserved_while_open_and_given_back_on_close(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    ledger = Ledger(path)
    assert path.stat().st_size >= 256 * 1024
    ledger.close()
    assert path.stat().st_size == 0
