"""Each command is applied once or refused in words; nothing that lies in the inbox stops a day."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gameday.journal.events import Draft
from gameday.journal.inbox import MOST
from tests.conductor.bench import MINUTE, Bench, a_plan, expect, fault

ACK = {"role": "on-call", "does": "acknowledge"}


def a_bench(tmp_path: Path, *steps: dict[str, Any], **changes: Any) -> Bench:
    return Bench(a_plan(*(steps or (expect("ack", ACK, 10 * MINUTE),)), **changes), tmp_path)


def answers(bench: Bench, ident: str) -> list[tuple[str, str]]:
    """The events that answer a command: type and, for a refusal, why."""
    return [(e.type, str(e.what.get("why", ""))) for e in bench.events if e.what.get("command") == ident]


def give(bench: Bench, ids: dict[str, str], name: str, kind: str, who: str, **what: Any) -> None:
    """Put a command into the inbox and keep its id under this name."""
    ids[name] = bench.command(kind, who, **what)


def test_each_kind_is_applied_once_with_its_author(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, fault(minutes=5), expect("ack", ACK, 10 * MINUTE), expect("never", ACK, 30 * MINUTE))
    ids: dict[str, str] = {}
    for at, kind, who, what in (
        (10, "ack", "on-call", {"prompt": "ack", "text": "mine"}), (20, "note", "scribe", {"text": "calm"}),
        (30, "hold", "facilitator", {"why": "wait"}), (40, "resume", "facilitator", {}),
        (50, "skip", "facilitator", {"step": "never"}), (60, "abort", "safety-officer", {"why": "enough"}),
    ):  # fmt: skip
        bench.at(at, partial(give, bench, ids, kind, kind, who, **what))
    assert bench.run() == "aborted"
    bench.check()
    assert {kind: answers(bench, ident) for kind, ident in ids.items()} == {
        "ack": [("prompt.acknowledged", "")],
        "note": [("note", "")],
        "hold": [("hold.started", "wait")],
        "resume": [("hold.ended", "")],
        "skip": [("step.skip_asked", "")],
        "abort": [("abort.asked", "enough")],
    }
    assert {e.who for e in bench.events if e.what.get("command")} == {
        "on-call", "scribe", "facilitator", "safety-officer"
    }  # fmt: skip
    assert list((tmp_path / "inbox").iterdir()) == []


@pytest.mark.parametrize(("kind", "who", "what", "why"), [
    ("ack", "on-call", {"prompt": "nothing"}, "nothing called nothing was put before anybody"),
    ("ack", "scribe", {"prompt": "ack"}, "ack is for on-call; use --as on-call"),
    ("ack", "scribe", {}, "nothing waits for scribe"),
    ("note", "scribe", {"text": "  "}, "a note needs words"),
    ("resume", "scribe", {}, "the run is not held"),
    ("skip", "scribe", {"step": "nothing"}, "no step nothing; the steps are ack"),
    ("skip", "scribe", {}, "no step ; the steps are ack"),
])  # fmt: skip
def test_what_cannot_be_done_is_refused_in_words(
    tmp_path: Path, kind: str, who: str, what: dict[str, Any], why: str
) -> None:
    bench = a_bench(tmp_path)
    ids: list[str] = []
    bench.at(10, lambda: ids.append(bench.command(kind, who, **what)))
    bench.run()
    bench.check()
    assert answers(bench, ids[0]) == [("command.refused", why)]


def test_what_was_done_is_not_done_again(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, expect("ack", ACK), expect("other", ACK, 20 * MINUTE))
    ids: dict[str, str] = {}
    for at, kind, what in ((10, "ack", {"prompt": "ack"}), (20, "ack", {"prompt": "ack"}), (30, "hold", {}),
                           (40, "hold", {}), (50, "skip", {"step": "ack"}), (60, "abort", {})):  # fmt: skip
        bench.at(at, partial(give, bench, ids, str(at), kind, "on-call", **what))
    bench.run()
    bench.check()
    told = [answers(bench, ident)[0] for ident in ids.values()]
    assert [t for t, _ in told] == ["prompt.acknowledged", "command.refused", "hold.started", "command.refused",
                                    "command.refused", "abort.asked"]  # fmt: skip
    assert [why for t, why in told if t == "command.refused"] == [
        "ack was done already by on-call", "the run is held already", "step ack has ended"
    ]  # fmt: skip


def test_who_is_away_cannot_acknowledge_and_the_deputy_can(tmp_path: Path) -> None:
    away = {"id": "away", "kind": "unavailable", "title": "away", "at_ms": 60_000, "to": "on-call", "lasts_ms": MINUTE}
    bench = a_bench(tmp_path, expect("ack", ACK, 10 * MINUTE), away)
    ids: list[str] = []
    bench.at(70, lambda: ids.append(bench.command("ack", "on-call")))
    bench.at(80, lambda: ids.append(bench.command("ack", "deputy")))
    bench.run()
    bench.check()
    assert answers(bench, ids[0]) == [("command.refused", "on-call is not available now")]
    assert answers(bench, ids[1]) == [("prompt.acknowledged", "")]


def test_what_went_to_the_deputy_can_be_done_by_who_was_meant_once_they_are_back(tmp_path: Path) -> None:
    away = {"id": "away", "kind": "unavailable", "title": "away", "at_ms": 0, "to": "on-call", "lasts_ms": MINUTE}
    bench = a_bench(tmp_path, away, expect("ack", ACK, 10 * MINUTE))
    ids: list[str] = []
    bench.at(70, lambda: ids.append(bench.command("ack", "on-call", prompt="ack")))
    bench.run()
    bench.check()
    assert [p.to for p in bench.paper.prompts] == ["deputy"]
    assert answers(bench, ids[0]) == [("prompt.acknowledged", "")]


def test_a_note_of_an_incident_says_that_the_service_was_touched(tmp_path: Path) -> None:
    bench = a_bench(tmp_path)
    ids: list[str] = []
    bench.at(10, lambda: ids.append(bench.command("note", "scribe", text="A real one", touches="incident")))
    bench.run()
    assert {t for t, _ in answers(bench, ids[0])} == {"note"}
    assert bench.of("note")[0].what["touches"] == "incident"


def test_a_command_that_was_applied_before_a_crash_is_not_applied_again(tmp_path: Path) -> None:
    """The journal holds it, its file was not removed yet."""
    bench = a_bench(tmp_path)
    bench.raw("0001-aa", {"id": "0001-aa", "kind": "note", "who": "scribe", "what": {"text": "once"}})
    bench.conductor.record(Draft("note", {"text": "once", "command": "0001-aa"}, "scribe"))
    bench.crash()
    bench.run()
    bench.check()
    assert len(bench.of("note")) == 1
    assert list((tmp_path / "inbox").iterdir()) == []


HOSTILE: list[Any] = [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}" * 40_000, b"[" * 50_000, b'{"kind": 1e999}',
    {"kind": "note", "who": "scribe"}, {"kind": "note", "who": 7, "what": {}},
    {"kind": "shell", "who": "x", "what": {}},
    {"kind": "note", "who": "scribe", "what": {"text": ["a", "list"]}},
    {"kind": "note", "who": "scribe", "what": {"text": {"a": float("nan")}}},
    {"kind": "ack", "who": "on-call", "what": {"prompt": ["ack"]}},
    {"kind": "ack", "who": "on-call", "what": {"prompt": {"a": 1}}},
    {"kind": "skip", "who": "scribe", "what": {"step": {"a": 1}}},
    {"kind": "skip", "who": "scribe", "what": {"step": ["ack"]}},
    {"kind": "note", "who": "a" * 60_000, "what": {"text": ""}},
    {"kind": "note", "who": "\ud800", "what": {"text": " "}},
]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_lies_in_the_inbox_is_refused_and_the_day_goes_on(tmp_path: Path, data: Any) -> None:
    bench = a_bench(tmp_path)
    bench.at(10, lambda: bench.raw("0001-aa", data))
    assert bench.run() == "completed"
    bench.check()
    assert [t for t, _ in answers(bench, "0001-aa")] == ["command.refused"]
    assert list((tmp_path / "inbox").iterdir()) == []
    assert max(len(e.who) for e in bench.events) <= 100


@pytest.mark.parametrize("text", ["\ud800 half a pair", "\x1b[2Jgone", "\0", "x" * 100_000, "‮right to left",
                                  "<script>", "{{ 7 * 7 }}", "\r\n\u2028"])  # fmt: skip
@pytest.mark.parametrize("kind", ["note", "abort", "hold", "ack"])
def test_hostile_words_are_kept_as_words(tmp_path: Path, kind: str, text: str) -> None:
    """In a journal that can be read again; at most 4000 of them."""
    bench = a_bench(tmp_path)
    what = {"text": text, "why": text}
    raw = json.dumps({"kind": kind, "who": "on-call", "what": what}).encode()
    bench.at(10, lambda: bench.raw("0001-aa", raw))
    if kind == "hold":
        bench.at(20, lambda: bench.command("abort"))
    bench.run()
    bench.check()
    (event,) = (e for e in bench.events if e.what.get("command") == "0001-aa")
    assert len(str(event.what)) < 4_200
    assert len((tmp_path / "journal.jsonl").read_bytes().splitlines()) == len(bench.events)


def test_a_folder_named_like_a_command_is_refused_once(tmp_path: Path) -> None:
    bench = a_bench(tmp_path)
    bench.at(10, lambda: (tmp_path / "inbox" / "0001-aa.json").mkdir())
    assert bench.run() == "completed"
    bench.check()
    assert [t for t, _ in answers(bench, "0001-aa")] == ["command.refused"]


@pytest.mark.parametrize("make", [
    os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to("../journal.jsonl"),
], ids=["pipe", "folder", "endless", "link"])  # fmt: skip
def test_what_is_no_plain_file_is_refused_and_never_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """To open a pipe that nobody writes to would wait for ever, and nothing would be stopped any more."""
    bench = a_bench(tmp_path, fault(minutes=5))
    bench.at(10, lambda: make(tmp_path / "inbox" / "0001-aa.json"))
    bench.at(20, lambda: bench.command("abort", "facilitator"))
    assert bench.run() == "aborted"
    bench.check()
    assert [t for t, _ in answers(bench, "0001-aa")] == ["command.refused"]


def test_a_flood_of_commands_holds_up_neither_an_abort_nor_the_day(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, fault(minutes=5))
    ids: dict[str, str] = {}

    def flood() -> None:
        for number in range(300):
            give(bench, ids, str(number), "note", "scribe", text=f"{number}")
        give(bench, ids, "abort", "abort", "safety-officer")

    bench.at(60, flood)
    assert bench.run() == "aborted"
    bench.check()
    kinds = [e.type for e in bench.events if e.type in ("note", "abort.asked")]
    assert kinds[0] == "abort.asked"
    told = [e.at for e in bench.of("note")]
    assert max(told.count(at) for at in told) <= MOST
    notes = [answers(bench, ident) for name, ident in ids.items() if name != "abort"]
    assert all(len(found) <= 1 for found in notes), "a note was applied twice"


def test_what_cannot_be_removed_does_not_hide_what_comes_after_it(tmp_path: Path) -> None:
    """A folder cannot be unlinked; more of them than one turn takes must not fill every turn."""
    bench = a_bench(tmp_path, fault(minutes=5))

    def folders() -> None:
        for number in range(2 * MOST):
            (tmp_path / "inbox" / f"0-{number:04d}.json").mkdir()

    bench.at(10, folders)
    bench.at(60, lambda: bench.raw("1-note", {"kind": "note", "who": "scribe", "what": {"text": "heard"}}))
    bench.run()
    assert answers(bench, "1-note") == [("note", "")]
