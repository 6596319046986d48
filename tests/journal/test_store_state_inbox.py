"""The journal: what is appended comes back, a torn tail is cut, a changed line is found, ids of commands survive."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.errors import DamagedRun
from gameday.journal.events import Draft
from gameday.journal.inbox import drop, settle, take
from gameday.journal.state import State, fold
from gameday.journal.store import Journal, Superseded, read

DRAFTS = [
    Draft("go", {"on": "all green"}, "facilitator"),
    Draft("timeline.started", {"t_go_ms": 1000}),
    Draft("hold.started", {"why": "lunch"}),
    Draft("hold.ended", {"command": "c1"}),
    Draft("fault.requested", {"step": "stop", "token": "t"}),
    Draft("fault.effective", {"step": "stop", "witness": "w", "value": 1.5, "bucket_ms": 1000, "t0_ms": 1400}),
]


def written(path: Path) -> Journal:
    journal = Journal.create(path)
    for number, draft in enumerate(DRAFTS, start=1):
        journal.append(draft, 1000 + 100 * number, 5000 + number)
    return journal


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    written(tmp_path / "journal.jsonl").close()
    events, damage = read(tmp_path / "journal.jsonl")
    assert damage is None
    assert [(e.type, e.what, e.who) for e in events] == [(d.type, d.what, d.who) for d in DRAFTS]
    assert [(e.seq, e.at, e.wall) for e in events] == [(n, 1000 + 100 * n, 5000 + n) for n in range(1, 7)]


def test_a_tail_torn_at_any_byte_loses_only_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path).close()
    raw = path.read_bytes()
    last = raw[:-1].rfind(b"\n") + 1
    for cut in range(last + 1, len(raw)):
        path.write_bytes(raw[:cut])
        journal = Journal.open(path)
        journal.append(Draft("note", {"text": "again"}), 9000, 9000)
        journal.close()
        events, damage = read(path)
        assert damage is None and len(events) == len(DRAFTS) and events[-1].type == "note"


def test_a_changed_line_breaks_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path).close()
    path.write_bytes(path.read_bytes().replace(b"lunch", b"dinner"))
    with pytest.raises(DamagedRun, match="JOURNAL_DAMAGED"):
        read(path)


def test_a_conductor_stops_when_another_has_claimed_the_run(tmp_path: Path) -> None:
    first = written(tmp_path / "journal.jsonl")
    second = Journal.open(tmp_path / "journal.jsonl")
    assert second.claim(42).epoch == 1
    with pytest.raises(Superseded):
        first.append(Draft("note", {"text": "late"}), 9000, 9000)
    assert [e.type for e in read(second.path)[0]][-1] == "conductor.claimed"
    first.close()
    second.close()


def test_folding_in_parts_is_folding_the_whole(tmp_path: Path) -> None:
    written(tmp_path / "journal.jsonl").close()
    events, _ = read(tmp_path / "journal.jsonl")
    state = State()
    for event in events:
        state.apply(event)
    assert state == fold(events)
    assert (state.t_go, state.t0, state.held_ms, state.go_by) == (1000, 1400, 100, "facilitator")
    assert state.commands == {"c1"} and state.timeline_at(1500) == 400


def test_a_command_stays_until_it_is_settled(tmp_path: Path) -> None:
    ident = drop(tmp_path, "note", "scribe", text="alarm seen")
    (tmp_path / "inbox" / "rubbish.json").write_text("{")
    commands = {c.id: c for c in take(tmp_path)}
    assert (commands[ident].kind, commands[ident].what) == ("note", {"text": "alarm seen"})
    assert commands["rubbish"].kind == "unreadable"
    settle(tmp_path, commands[ident])
    assert [c.id for c in take(tmp_path)] == ["rubbish"]
