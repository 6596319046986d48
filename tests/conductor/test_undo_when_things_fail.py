"""Undo goes on when the journal or the ledger cannot be written; the ledger holds what threads write at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from gameday.clock import VirtualClock
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.undo import undo_all
from gameday.journal.events import Draft
from gameday.protocols import ProviderStatus


class Stops:
    """A fault that stops at once, and remembers which."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    def stop(self, trace: dict[str, str]) -> ProviderStatus:
        self.stopped.append(trace["token"])
        return ProviderStatus("ended", clean=True)


def _full(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def _ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path / "undo.jsonl")
    for step in "abc":
        ledger.intend(step, "fis", {"token": step})
    return ledger


def test_what_threads_write_at_once_is_all_there(tmp_path: Path) -> None:
    """Eight faults that start together leave eight leftovers, none written over another."""
    ledger, together = Ledger(tmp_path / "undo.jsonl"), threading.Barrier(8)

    def start(number: int) -> None:
        together.wait()
        ledger.intend(f"step-{number}", "fis", {"token": "t" * number})

    threads = [threading.Thread(target=start, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {left.step for left in outstanding(ledger.path).left} == {f"step-{n}" for n in range(8)}


def test_a_full_journal_does_not_keep_the_other_faults_in_place(tmp_path: Path) -> None:
    """Undo needs only the ledger: all three are stopped, newest first, though no event can be written."""
    ledger, fault = _ledger(tmp_path), Stops()
    assert undo_all(ledger, {"fis": fault}, VirtualClock(), _full, 0)
    assert fault.stopped == ["c", "b", "a"]


def test_a_ledger_that_cannot_be_written_leaves_the_others_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are stopped, and what could not be recorded as gone is said to be left."""
    ledger, fault = _ledger(tmp_path), Stops()
    monkeypatch.setattr(ledger, "gone", _full)
    said: list[Draft] = []
    assert not undo_all(ledger, {"fis": fault}, VirtualClock(), said.append, 0)
    assert fault.stopped == ["c", "b", "a"]
    assert [draft.type for draft in said] == ["undo.started", *["undo.failed"] * 3]


def test_a_provider_that_hangs_is_unknown_and_leaves_the_others_their_turn(tmp_path: Path) -> None:
    """``c`` never answers: ``b`` and ``a`` are stopped all the same, and ``c`` is not called gone."""
    release = threading.Event()

    class Hangs(Stops):
        def stop(self, trace: dict[str, str]) -> ProviderStatus:
            if trace["token"] == "c":
                release.wait()
            return super().stop(trace)

    ledger, fault, said = _ledger(tmp_path), Hangs(), list[Draft]()
    try:
        faults: dict[str, Any] = {"fis": fault}
        assert not undo_all(ledger, faults, VirtualClock(), said.append, 0, stop_within_s=0.05)
        assert fault.stopped == ["b", "a"]
        assert [left.step for left in outstanding(ledger.path).left] == ["c"]
        assert "did not answer within 0.05 s" in said[-1].what["error"]
    finally:
        release.set()


def test_an_answer_that_is_no_status_is_not_gone(tmp_path: Path) -> None:
    """A plug-in that breaks its contract cannot crash undo, nor be believed."""

    class Says(Stops):
        def stop(self, trace: dict[str, str]) -> Any:
            return None

    faults: dict[str, Any] = {"fis": Says()}
    assert not undo_all(_ledger(tmp_path), faults, VirtualClock(), list[Draft]().append, 0)


def test_a_damaged_line_is_named_while_all_that_can_be_read_is_undone(tmp_path: Path) -> None:
    """Never safe: what the line spoke of is unknown."""
    ledger, fault, said = _ledger(tmp_path), Stops(), list[Draft]()
    ledger.close()
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(lines[0] + b"what was here?\n" + lines[2])
    faults: dict[str, Any] = {"fis": fault}
    for _ in range(2):  # the second time nothing is left, and it is still not safe
        said.clear()
        assert not undo_all(Ledger(ledger.path), faults, VirtualClock(), said.append, 0)
        assert [d.type for d in said if d.type != "undo.done"] == ["undo.started", "undo.failed"]
        assert "LEDGER_DAMAGED: the undo ledger is damaged: line 2" in said[-1].what["error"]
    assert fault.stopped == ["c", "a"]
