"""``gameday watch``: a run from its folder alone, to its end or until one leaves; and keys for a live run."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from gameday.cli.follow import Followed
from gameday.cli.screen import LEAVES, LiveScreen
from gameday.clock import Anchor, ScenarioClock, wall_ms
from gameday.errors import DamagedRun
from gameday.journal.events import Event
from gameday.plan import dump_plan
from gameday.runs import JOURNAL, LOCK
from tests.cli.live_run import events, plan

HALFWAY = 225


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    (made / "inbox").mkdir(parents=True)
    (made / "plan.json").write_bytes(dump_plan(plan()))
    (made / LOCK).touch()
    (made / JOURNAL).touch()
    return made


def write(folder: Path, found: list[Event]) -> None:
    with (folder / JOURNAL).open("ab") as journal:
        journal.writelines(event.line() for event in found)


@contextmanager
def conducted(folder: Path) -> Iterator[None]:
    """As if a conductor held it."""
    with (folder / LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def watching(folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gameday", "watch", str(folder), *more]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen(command, text=True, stdin=nothing, stdout=pipe, stderr=pipe)


# ---- following
def test_each_event_comes_once_and_a_line_that_is_being_written_waits(folder: Path) -> None:
    told, followed = events(HALFWAY), Followed(folder)
    write(folder, told[:5])
    half = told[5].line()
    with (folder / JOURNAL).open("ab") as journal:
        journal.write(half[:20])
        journal.flush()
        assert [event for _, event in followed.new()] == told[:5]
        assert followed.new() == []
        journal.write(half[20:])
    assert followed.new() == [(half, told[5])]


def test_its_clock_goes_on_at_the_run_s_speed_and_stands_still_when_nobody_conducts(folder: Path) -> None:
    followed = Followed(folder)
    write(folder, events(HALFWAY))
    followed.new()
    assert followed.last is not None
    assert followed.abandoned
    assert followed.now() == followed.last.at
    with conducted(folder):
        followed.new()
        assert not followed.abandoned
        lag = followed.now() - (followed.last.at + (wall_ms() - followed.last.wall) * 20)
        assert abs(lag) < 20_000, "within a second on the wall"


def test_what_is_no_event_is_told_with_its_line(folder: Path) -> None:
    write(folder, events(HALFWAY)[:3])
    with (folder / JOURNAL).open("ab") as journal:
        journal.write(b"{}\n")
    with pytest.raises(DamagedRun, match="line 4 is not an event"):
        Followed(folder).new()


# ---- the command
def test_json_is_the_journal_line_by_line_and_then_the_verdict(folder: Path) -> None:
    """It follows a run that goes on, and ends with the verdict's exit code."""
    told = events()
    write(folder, told[:30])
    with conducted(folder), watching(folder, "--json") as seen:
        assert seen.stdout
        first = [seen.stdout.readline() for _ in told[:30]]
        assert [line.encode() for line in first] == [event.line() for event in told[:30]]
        write(folder, told[30:])
        (folder / "verdict.json").write_text(json.dumps({"outcome": "breached", "exit_code": 1}))
        rest = seen.stdout.read().splitlines()
    assert told[-1].type == "run.ended"
    assert len(rest) == len(told) - 30 + 1
    assert json.loads(rest[-1]) == {"verdict": {"outcome": "breached", "exit_code": 1}}
    assert seen.returncode == 1


def test_plain_lines_tell_that_nobody_conducts_and_leaving_leaves_the_run_alone(folder: Path) -> None:
    write(folder, events(HALFWAY))
    before = (folder / JOURNAL).read_bytes()
    with watching(folder, "--plain") as seen:
        assert seen.stdout
        lines = iter(seen.stdout.readline, "")
        assert any("nobody conducts this run now: gameday resume run, or recover run" in line for line in lines)
        seen.send_signal(signal.SIGINT)
        _, said = seen.communicate(timeout=60)
    assert seen.returncode == 0
    assert "Left. The run goes on without this screen" in said
    assert (folder / JOURNAL).read_bytes() == before
    assert not list((folder / "inbox").iterdir())


# ---- keys
@pytest.mark.parametrize("live", [True, False])
def test_keys_go_to_the_inbox_of_a_live_run_alone(folder: Path, live: bool) -> None:
    write(folder, events(HALFWAY))
    followed = Followed(folder)
    master, slave = pty.openpty()
    console = Console(file=io.StringIO(), force_terminal=True, width=120, height=40)
    made = LiveScreen(plan(), followed, folder, console, slave, watching=True)
    for _, event in followed.new():
        made.event(event)
    with conducted(folder) if live else _nobody():
        assert LEAVES in made.lines(120, 40)[-1].plain
        os.write(master, b"h")
        clock = ScenarioClock(Anchor.here())
        end = clock.now() + 20_000
        while "hold" not in (last := made.lines(120, 40)[-1].plain.removeprefix("q abort")) or "h hold" in last:
            assert clock.now() < end
            clock.sleep(20)
    made.close()
    os.close(master)
    os.close(slave)
    dropped = [json.loads(path.read_text())["kind"] for path in (folder / "inbox").glob("*.json")]
    assert dropped == (["hold"] if live else [])
    assert ("sent to the conductor" if live else "nobody conducts this run now") in last


@contextmanager
def _nobody() -> Iterator[None]:
    yield


def test_a_warning_stands_on_the_screen_until_it_is_withdrawn(folder: Path) -> None:
    write(folder, events(HALFWAY))
    followed = Followed(folder)
    console = Console(file=io.StringIO(), force_terminal=True, width=120, height=40)
    made = LiveScreen(plan(), followed, folder, console, watching=True)
    for _, event in followed.new():
        made.event(event)
    made.warn("nobody conducts this run now")
    assert any("nobody conducts" in line.plain for line in made.lines(120, 40))
    made.warn("")
    assert not any("nobody conducts" in line.plain for line in made.lines(120, 40))
    made.close()
