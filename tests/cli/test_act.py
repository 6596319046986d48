"""Acting from another terminal: one command into the inbox, the journal's answer in words, and honest exit codes."""

import fcntl
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gameday.cli import act
from gameday.clock import Anchor, ScenarioClock
from gameday.errors import CouldNotStart
from gameday.journal.events import Draft
from gameday.journal.inbox import Command, settle, take
from gameday.journal.store import Journal, read
from gameday.runs import LOCK, make_run
from tests.cli.live_run import GO, events, plan

ANSWERS: dict[str, str] = {"ack": "prompt.acknowledged", "note": "note", "hold": "hold.started",
                           "resume": "hold.ended", "skip": "step.skip_asked", "abort": "abort.asked"}  # fmt: skip
Answer = Callable[[Command], Draft | None]


def yes(command: Command) -> Draft:
    return Draft(ANSWERS[command.kind], {**command.what, "command": command.id, "role": command.who}, command.who)


def no(command: Command) -> Draft:
    return Draft("command.refused", {"command": command.id, "why": "not \x1b[31mnow"}, command.who)


def silent(_command: Command) -> None:
    return None


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "gameday.yaml").write_text("kind: workspace\n")
    monkeypatch.chdir(tmp_path)
    folder = make_run(tmp_path, "stop", GO)
    (folder / "plan.json").write_text(plan().model_dump_json(by_alias=True))
    return folder


@contextmanager
def conducted(folder: Path, answer: Answer, until: int = 225) -> Iterator[list[Command]]:
    """Somebody holds the run, has journalled its story so far, and answers what comes in."""
    journal = Journal.create(folder / "journal.jsonl")
    journal.claim(1, GO - 700_000, GO - 700_000)
    for event in events(until):
        journal.append(Draft(event.type, event.what, event.who), event.at, event.wall)
    seen: list[Command] = []
    ended = threading.Event()
    thread = threading.Thread(target=_answers, args=(folder, journal, answer, seen, ended, GO + until * 1000))
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread.start()
        try:
            yield seen
        finally:
            ended.set()
            thread.join(10)
            journal.close()


def _answers(folder: Path, journal: Journal, answer: Answer, seen: list[Command], ended: Any, at: int) -> None:
    while not ended.wait(0.01):
        for command in take(folder):
            seen.append(command)
            if draft := answer(command):
                journal.append(draft, at, at)
            settle(folder, command)


def call(command: Any, *args: str) -> Result:
    return CliRunner().invoke(command, list(args))


@pytest.mark.parametrize(
    ("command", "args", "kind", "who", "what", "says"),
    [
        (act.ack, [], "ack", "payments-on-call", {"prompt": "failover-2"}, "failover-2 answered by payments-on-call"),
        (act.ack, ["failover-2", "--as", "deputy"], "ack", "deputy", {"prompt": "failover-2"}, "answered by deputy"),
        (act.note, ["A \x1b[31mnote"], "note", "facilitator", {"text": "A \x1b[31mnote"}, "facilitator: A [31mnote"),
        (act.note, ["x", "--incident", "--as", "scribe"], "note", "scribe", {"text": "x", "touches": "incident"},
         "scribe: x (incident touched the service: CONFOUNDED)"),
        (act.note, ["x", "--deployment"], "note", "facilitator", {"text": "x", "touches": "deployment"}, "CONFOUNDED"),
        (act.hold, ["--why", "lunch"], "hold", "facilitator", {"why": "lunch"},
         "the timeline waits, by facilitator: lunch; faults stay active"),
        (act.hold, ["--end"], "resume", "facilitator", {}, "the timeline goes on"),
        (act.skip, ["failover"], "skip", "facilitator", {"step": "failover"}, "Send payments to the standby: skip"),
        (act.abort, [], "abort", "facilitator", {"why": "asked"}, "abort asked, by facilitator: asked"),
    ],
)  # fmt: skip
def test_each_drops_one_command_and_prints_the_answer(
    run: Path, command: Any, args: list[str], kind: str, who: str, what: dict[str, Any], says: str
) -> None:
    with conducted(run, yes) as seen:
        found = call(command, *args)
    assert found.exit_code == 0, found.output
    assert [(c.kind, c.who, c.what) for c in seen] == [(kind, who, what)]
    assert found.output.startswith(f"{run.name}  +03:45  ") and says in found.output and "\x1b" not in found.output


def test_a_refusal_exits_5_with_the_reason_as_harmless_text(run: Path) -> None:
    with conducted(run, no):
        found = call(act.hold)
    assert (found.exit_code, found.stderr, found.stdout) == (5, "Refused: not [31mnow\n", "")


def test_json_says_what_became_of_it(run: Path) -> None:
    with conducted(run, yes) as seen:
        told = json.loads(call(act.abort, "--json").stdout)
    assert {**told, "event": 0} == {"run": run.name, "command": seen[0].id, "kind": "abort", "result": "applied",
                                    "why": "asked", "event": 0, "type": "abort.asked"}  # fmt: skip


def test_no_answer_is_not_called_applied(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(act, "ANSWERED_WITHIN_MS", 200)
    with conducted(run, silent):
        found = call(act.abort)
        told = json.loads(call(act.abort, "--json").stdout)
    assert found.exit_code == 5 and "has not answered" in found.stderr and "Ctrl-C" in found.stderr
    assert told["result"] == "unanswered"


def test_a_run_that_nobody_conducts_takes_no_command(run: Path) -> None:
    with conducted(run, yes):
        pass
    found = call(act.abort)
    assert isinstance(found.exception, CouldNotStart) and "RUN_NOT_LIVE" in str(found.exception)
    assert "gameday recover" in str(found.exception) and not list(run.glob("inbox/*"))


@pytest.mark.parametrize(
    ("until", "args", "code"),
    [
        (450, [], "PROMPT_UNCLEAR: 2 prompts wait\n"),
        (450, ["nothing"], "PROMPT_UNKNOWN"),
        (450, ["ack"], "PROMPT_CLOSED"),
        (225, ["--as", "scribe"], "PROMPT_UNCLEAR: no prompt waits for scribe\n"),
        (60, [], "PROMPT_UNCLEAR: no prompt waits\n"),
    ],
)
def test_a_prompt_that_is_not_clear_is_asked_for_and_nothing_is_sent(
    run: Path, until: int, args: list[str], code: str
) -> None:
    with conducted(run, yes, until) as seen:
        found = call(act.ack, *args)
    assert isinstance(found.exception, CouldNotStart) and code in str(found.exception) and seen == []
    listed = "gameday ack failover-2    to payments-on-call, do and tick: 2. Send all"
    assert (listed in str(found.exception)) is (until > 60)


def test_a_role_picks_its_own_prompt(run: Path) -> None:
    with conducted(run, yes, 450) as seen:
        assert call(act.ack, "--as", "incident-commander").exit_code == 0
    assert seen[0].what == {"prompt": "regulator-calls"}


def test_an_empty_note_is_a_wrong_command_line(run: Path) -> None:
    assert call(act.note, "  ").exit_code == 2


def test_nothing_but_the_inbox_is_written(run: Path) -> None:
    with conducted(run, silent):
        before, _ = read(run / "journal.jsonl")
        ScenarioClock(Anchor.here()).sleep(1)
        call(act.ack, "nothing")
        assert read(run / "journal.jsonl")[0] == before
    assert sorted(p.name for p in run.iterdir()) == [LOCK, "journal.jsonl", "plan.json"]
