"""Whatever happens to the ledger's bytes, what can still be read of what was intended is still known."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gameday.clock import VirtualClock
from gameday.conductor import ledger as ledger_module
from gameday.conductor.ledger import LEAST, RESERVED, Ledger, outstanding
from gameday.conductor.undo import undo_all
from gameday.journal.events import Draft
from gameday.protocols import ProviderStatus

STEPS = st.sampled_from(["a", "b", "c"])
Ops = list[tuple[str, str]]
OPS = st.lists(st.tuples(st.sampled_from(["intend", "note", "gone"]), STEPS), max_size=25)
SOME = st.lists(st.tuples(st.sampled_from(["intend", "note", "gone"]), STEPS), min_size=1, max_size=25)
IN_TMP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)


class Stops:
    """A fault that stops at once, and remembers which."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    def stop(self, trace: dict[str, str]) -> ProviderStatus:
        self.stopped.append(trace["step"])
        return ProviderStatus("ended", clean=True)


def apply(ledger: Ledger, ops: Ops) -> None:
    for number, (op, step) in enumerate(ops):
        if op == "intend":
            ledger.intend(step, "stops", {"step": step, "says": '{"op":"gone","step":"a"}\n'})
        elif op == "note":
            ledger.note(step, {"step": step, "id": str(number)})
        else:
            ledger.gone(step)


def left_of(ops: Ops) -> list[str]:
    """Oldest first; intended again is newest again."""
    left: list[str] = []
    for op, step in ops:
        if op in ("intend", "gone") and step in left:
            left.remove(step)
        if op == "intend":
            left.append(step)
    return left


def written(path: Path, ops: Ops) -> bytes:
    path.unlink(missing_ok=True)
    ledger = Ledger(path)
    apply(ledger, ops)
    ledger.close()
    return path.read_bytes()


def whole_lines(raw: bytes) -> int:
    """How many lines lack nothing, or nothing but their newline."""
    return len(re.findall(rb'"sum":"[0-9a-f]{8}"}', raw))


def steps(path: Path) -> list[str]:
    return [leftover.step for leftover in outstanding(path).left]


def undone(path: Path) -> tuple[bool, list[str], list[Draft]]:
    """Undo from what is on disk, as ``recover`` does: the answer, what was stopped in which order, what was said."""
    ledger, fault, said = Ledger(path), Stops(), list[Draft]()
    faults: dict[str, Any] = {"stops": fault}
    answer = undo_all(ledger, faults, VirtualClock(), said.append, 0)
    ledger.close()
    return answer, fault.stopped, said


@IN_TMP
@given(OPS)
def test_what_is_left_is_what_was_intended_and_not_seen_gone(tmp_path: Path, ops: Ops) -> None:
    path = tmp_path / "undo.jsonl"
    path.unlink(missing_ok=True)
    ledger = Ledger(path)
    apply(ledger, ops)
    assert steps(path) == left_of(ops), "with the reserved tail"
    ledger.close()
    assert steps(path) == left_of(ops), "and without it"
    assert outstanding(path).damaged == []


@IN_TMP
@given(OPS, st.integers(min_value=0, max_value=5000), OPS)
def test_a_ledger_cut_at_any_byte_keeps_its_whole_lines_and_goes_on(
    tmp_path: Path, ops: Ops, cut: int, more: Ops
) -> None:
    """A line that lacks nothing but its newline is whole: to undo it harms nothing."""
    path = tmp_path / "undo.jsonl"
    raw = written(path, ops)
    kept = raw[: cut % (len(raw) + 1)]
    path.write_bytes(kept + b"\0" * 100)
    whole = ops[: whole_lines(kept)]
    assert steps(path) == left_of(whole)
    again = Ledger(path)
    apply(again, more)
    again.close()
    assert steps(path) == left_of(whole + more)
    assert outstanding(path).damaged == [], "torn is not damaged: its effect had not begun"


@IN_TMP
@given(SOME, st.data(), st.binary(min_size=1, max_size=40))
def test_a_damaged_line_hides_nothing_else_and_is_never_called_safe(
    tmp_path: Path, ops: Ops, data: st.DataObject, noise: bytes
) -> None:
    """Any line but the last replaced by any bytes: all that the others say is there is undone, newest first."""
    path = tmp_path / "undo.jsonl"
    lines = written(path, [*ops, ("intend", "d")]).splitlines(keepends=True)
    number = data.draw(st.integers(0, len(ops) - 1))
    lines[number] = noise.strip(b"\n") or b"x"
    path.write_bytes(b"".join(lines[: number + 1]) + b"\n" + b"".join(lines[number + 1 :]))
    readable = left_of([*ops[:number], *ops[number + 1 :], ("intend", "d")])
    assert set(readable) <= set(steps(path))
    answer, stopped, said = undone(path)
    assert not answer
    assert [step for step in stopped if step in readable] == readable[::-1], "newest first"
    assert "LEDGER_DAMAGED" in said[-1].what["error"]
    again, stopped, _ = undone(path)
    assert (again, stopped) == (False, []), "a second time does nothing, and is no safer"


@IN_TMP
@given(SOME, st.integers(min_value=0, max_value=5000), st.integers(min_value=1, max_value=255))
def test_one_altered_byte_anywhere_loses_at_most_its_own_line(tmp_path: Path, ops: Ops, at: int, change: int) -> None:
    """A bit that flips never makes a leftover of another line disappear, not even where lines are parted."""
    path = tmp_path / "undo.jsonl"
    raw = bytearray(written(path, [*ops, ("intend", "d")]))
    body = len(raw) - len(raw.splitlines()[-1]) - 1  # the last line may also read as torn
    at %= body
    raw[at] ^= change
    path.write_bytes(bytes(raw))
    number = bytes(raw[:at]).count(b"\n")
    without = [op for i, op in enumerate([*ops, ("intend", "d")]) if i != number]
    op, step = ops[number]
    assert {s for s in left_of(without) if s != step or op == "gone"} <= set(steps(path))
    assert outstanding(path).damaged or raw[at] == 0x0A


def test_a_note_tells_what_a_damaged_line_intended(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    lines = written(path, [("intend", "a"), ("note", "a"), ("note", "a")]).splitlines(keepends=True)
    path.write_bytes(b"xx\n" + lines[1] + lines[2])
    (found,) = outstanding(path).left
    assert (found.step, found.provider, found.trace) == ("a", "stops", {"step": "a", "id": "2"})


def test_a_damaged_line_that_says_gone_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    raw = written(path, [("intend", "a"), ("intend", "b"), ("gone", "b")])
    path.write_bytes(raw.replace(b'"gone","step":"b"', b'"gone","step":"a"'))
    assert steps(path) == ["a", "b"]
    assert [str(problem.place) for problem in outstanding(path).damaged] == [f"{path}:3:1"]


def test_a_ledger_that_cannot_be_read_is_damage_not_nothing(tmp_path: Path) -> None:
    found = outstanding(tmp_path)  # a folder
    assert found.left == [] and found.damaged[0].code == "LEDGER_DAMAGED"
    assert outstanding(tmp_path / "never-made.jsonl").damaged == []


def test_space_is_reserved_while_open_and_given_back_on_close(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    ledger = Ledger(path)
    assert path.stat().st_size >= RESERVED == 256 * 1024
    ledger.close()
    assert path.stat().st_size == 0


def test_space_is_reserved_again_before_less_than_64_kib_is_left(tmp_path: Path) -> None:
    path, filler = tmp_path / "undo.jsonl", {"says": "x" * 10_000}
    ledger = Ledger(path)
    for number in range(60):
        ledger.intend(f"step-{number}", "stops", filler)
        used = len(path.read_bytes().rstrip(b"\0"))
        assert path.stat().st_size - used >= LEAST == 64 * 1024
    ledger.close()


def test_a_full_disk_refuses_an_effect_and_still_takes_what_follows_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is injected that could not be recorded as gone."""
    path = tmp_path / "undo.jsonl"
    ledger = Ledger(path)
    ledger.intend("a", "stops", {"says": "x" * (RESERVED - LEAST - 200)})

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        ledger.intend("b", "stops", {"says": "x" * 200})
    ledger.note("a", {"id": "EXP1"})
    assert steps(path) == ["a"]
    ledger.gone("a")
    assert steps(path) == []
    assert outstanding(path).damaged == []
    ledger.close()


def test_a_line_that_fails_half_way_leaves_no_rest_behind_a_shorter_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "undo.jsonl"
    ledger = Ledger(path)
    ledger.intend("a", "stops", {})
    real = ledger_module._write

    def half(file: int, raw: bytes, at: int) -> None:
        real(file, raw[: len(raw) // 2], at)
        if raw.strip(b"\0"):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(ledger_module, "_write", half)
    with pytest.raises(OSError, match="Input/output"):
        ledger.intend("b", "stops", {"says": "x" * 500})
    monkeypatch.undo()
    ledger.gone("a")
    assert (steps(path), outstanding(path).damaged) == ([], [])
    ledger.close()


def test_the_folder_is_synced_once_the_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a power cut could take the name of a ledger whose lines are on disk."""
    synced: list[Path] = []
    real = os.fsync

    def watched(file: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{file}")))
        real(file)

    monkeypatch.setattr(os, "fsync", watched)
    ledger = Ledger(tmp_path / "undo.jsonl")
    assert synced[-1] == tmp_path
    ledger.close()


def test_each_line_is_plain_json(tmp_path: Path) -> None:
    """So that a person with a pager can read what to stop."""
    (line,) = written(tmp_path / "undo.jsonl", [("intend", "a")]).splitlines()
    assert json.loads(line)["op"] == "intend" and line.startswith(b'{"op":"intend","step":"a","provider":"stops"')


@pytest.mark.nightly
def test_every_cut_and_every_flipped_bit_of_a_ledger_leaves_the_other_lines_known(tmp_path: Path) -> None:
    """Not some of them, as above: all."""
    path = tmp_path / "undo.jsonl"
    ops: Ops = [("intend", "a"), ("note", "a"), ("intend", "b"), ("gone", "a"), ("intend", "c"), ("note", "c")]
    raw = written(path, ops)
    for cut in range(len(raw) + 1):
        path.write_bytes(raw[:cut] + b"\0" * 9)
        assert steps(path) == left_of(ops[: whole_lines(raw[:cut])]), cut
        assert outstanding(path).damaged == [], cut
    last = len(raw) - len(raw.splitlines()[-1]) - 1
    for at, bit in ((at, bit) for at in range(last) for bit in range(8)):
        altered = raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]
        path.write_bytes(altered)
        number = raw[:at].count(b"\n")
        op, step = ops[number]
        expected = left_of([*ops[:number], *ops[number + 1 :]])
        assert {s for s in expected if s != step or op == "gone"} <= set(steps(path)), (at, bit)
        assert outstanding(path).damaged, (at, bit)
