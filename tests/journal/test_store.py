"""The journal's file loses nothing that was acknowledged and shows every change."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gameday.errors import DamagedRun
from gameday.journal.events import Draft
from gameday.journal.inbox import drop, settle, take
from gameday.journal.store import Journal, Superseded, read

TEXTS = st.lists(st.text(max_size=40), min_size=1, max_size=12)
IN_TMP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def written(folder: Path, texts: list[str]) -> Path:
    path = folder / "journal.jsonl"
    path.unlink(missing_ok=True)
    journal = Journal.create(path)
    journal.claim(1, 1000, 1000)
    for number, text in enumerate(texts):
        journal.append(Draft("note", {"text": text}, "scribe"), 2000 + number, 2000)
    journal.close()
    return path


@IN_TMP
@given(TEXTS)
def test_what_was_appended_is_read_again(tmp_path: Path, texts: list[str]) -> None:
    events, damage = read(written(tmp_path, texts))
    assert [e.what["text"] for e in events[1:]] == texts
    assert damage is None


@IN_TMP
@given(TEXTS, st.integers(min_value=1, max_value=10_000))
def test_a_journal_cut_at_any_byte_keeps_all_whole_lines_and_goes_on(
    tmp_path: Path, texts: list[str], cut: int
) -> None:
    path = written(tmp_path, texts)
    raw = path.read_bytes()
    kept = raw[: cut % len(raw)]
    path.write_bytes(kept)
    events, damage = read(path)
    assert len(events) == kept.count(b"\n")
    assert (damage is None) == (not kept or kept.endswith(b"\n"))
    journal = Journal.open(path)
    journal.append(Draft("note", {"text": "after"}), 9000, 9000)
    journal.close()
    again, damage = read(path)
    assert again[:-1] == events and again[-1].what == {"text": "after"} and damage is None


@IN_TMP
@given(TEXTS, st.data())
def test_a_changed_byte_before_the_last_line_is_seen(tmp_path: Path, texts: list[str], data: st.DataObject) -> None:
    path = written(tmp_path, texts)
    raw = bytearray(path.read_bytes())
    last = raw.rindex(b"\n", 0, len(raw) - 1)
    where = data.draw(st.integers(min_value=0, max_value=last))
    raw[where] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DamagedRun, match="JOURNAL_DAMAGED"):
        read(path)


def test_a_dropped_line_is_seen(tmp_path: Path) -> None:
    path = written(tmp_path, ["a", "b", "c"])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))
    with pytest.raises(DamagedRun, match="does not follow"):
        read(path)


def test_a_missing_journal_is_damage(tmp_path: Path) -> None:
    with pytest.raises(DamagedRun, match="cannot be read"):
        read(tmp_path / "journal.jsonl")


def test_a_conductor_whose_run_was_claimed_cannot_append(tmp_path: Path) -> None:
    path = written(tmp_path, ["a"])
    old, new = Journal.open(path), Journal.open(path)
    assert new.claim(2, 3000, 3000).epoch == 2
    with pytest.raises(Superseded):
        old.append(Draft("note", {"text": "late"}), 3001, 3001)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, ["a"])
    journal = Journal.open(path)
    before = path.read_bytes()
    write, calls = os.write, 0

    def full(file: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            return write(file, bytes(data)[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            journal.append(Draft("note", {"text": "x" * 50}), 3000, 3000)
    assert path.read_bytes() == before
    journal.append(Draft("note", {"text": "again"}), 3000, 3000)
    assert read(path)[0][-1].what == {"text": "again"}


def test_a_command_stays_in_the_inbox_until_it_is_done(tmp_path: Path) -> None:
    ident = drop(tmp_path, "ack", "payments-on-call", step="ack")
    (found,) = take(tmp_path)
    assert (found.id, found.kind, found.what) == (ident, "ack", {"step": "ack"})
    settle(tmp_path, found)
    assert take(tmp_path) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"kind": "explode", "who": "x", "what": {}}', "null"])
def test_a_file_that_is_no_command_is_taken_as_unreadable(tmp_path: Path, text: str) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "x.json").write_text(text)
    assert take(tmp_path)[0].kind == "unreadable"
