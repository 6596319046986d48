"""What kills a conductor: SIGKILL at any moment, signals, an abort from afar. No fault outlives its run."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.system.a_day import (
    NOTHING,
    SHORT,
    begin,
    gameday,
    left_behind,
    new_workspace,
    newest,
    processes_of,
    runs_of,
    without_tolerances,
)

SECONDS_OF_A_DAY = 16.0  # of the short one at speed 20, from the command to its verification


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With a rehearsal that is kept up, so that what a run leaves can be seen after it."""
    folder = new_workspace(tmp_path_factory.mktemp("killed") / "game-days", short=SHORT)
    without_tolerances(folder)
    up = gameday(folder, "rehearsal", "up", "--json")
    assert up.returncode == 0, up.stderr
    yield folder
    gameday(folder, "rehearsal", "down")
    assert processes_of(folder) == []


def kill_and_recover(workspace: Path, after_s: float) -> None:
    """SIGKILL so many seconds after the start; then ``recover`` leaves nothing, and says so."""
    run = begin(workspace, "run", "short", "--unattended", "--plain")
    time.sleep(after_s)
    run.send_signal(signal.SIGKILL)
    run.wait()
    recovered = gameday(workspace, "recover", "--json")
    assert recovered.returncode == 0, recovered.stderr
    assert left_behind(workspace) == NOTHING
    assert gameday(workspace, "recover", "--json").stdout.strip() == "[]", "and there is nothing more to recover"


def wait_for(workspace: Path, event: str, run: subprocess.Popen[str], known: set[Path]) -> Path:
    """Until the journal of a run that was not known before holds this type of event."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert run.poll() is None, "the run ended early"
        try:
            folder = newest(workspace, but=known)
            if f'"type":"{event}"' in (folder / "journal.jsonl").read_text("utf-8"):
                return folder
        except (OSError, ValueError):
            pass  # it has not begun yet
        time.sleep(0.05)
    raise AssertionError(f"no {event} within a minute")


def test_a_conductor_killed_while_its_fault_is_active_leaves_nothing(workspace: Path) -> None:
    """The run is ended by ``recover``: stopped, and its fault seen gone by its witness."""
    known = runs_of(workspace)
    run = begin(workspace, "run", "short", "--unattended", "--plain")
    folder = wait_for(workspace, "fault.effective", run, known)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert gameday(workspace, "recover").returncode == 0
    assert left_behind(workspace) == NOTHING
    verdict = json.loads((folder / "verdict.json").read_text("utf-8"))
    assert verdict["outcome"] == "stopped"
    assert [f["seen_gone"] for f in verdict["faults"]] == [True]


@pytest.mark.parametrize("after_s", [1.0, pytest.param(5.5, marks=pytest.mark.nightly)])
def test_killed_early_or_late_nothing_is_left(workspace: Path, after_s: float) -> None:
    """Before anything was injected there is nothing to take back, and that is found out."""
    kill_and_recover(workspace, after_s)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_killed_at_a_random_moment_nothing_is_left(workspace: Path, seed: int) -> None:
    """Twenty moments of the whole run."""
    kill_and_recover(workspace, Random(seed).uniform(0.2, SECONDS_OF_A_DAY))


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, *(pytest.param(n, marks=pytest.mark.nightly) for n in (signal.SIGINT, signal.SIGHUP))]
)
def test_a_signal_aborts_with_undo(workspace: Path, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal: the fault is taken back, and the exit code says stopped."""
    known = runs_of(workspace)
    run = begin(workspace, "run", "short", "--unattended", "--plain")
    folder = wait_for(workspace, "fault.accepted", run, known)
    run.send_signal(number)
    assert run.wait(timeout=60) == 4
    assert left_behind(workspace) == NOTHING
    assert json.loads((folder / "verdict.json").read_text("utf-8"))["outcome"] == "stopped"


@pytest.mark.parametrize("after_s", [0.7, *(pytest.param(0.9 + n / 50, marks=pytest.mark.nightly) for n in range(20))])
def test_sigterm_before_there_is_a_run_stops_it_too(workspace: Path, after_s: float) -> None:
    """Then nothing has been injected, and nothing is left; no moment of it swallows the signal."""
    run = begin(workspace, "run", "short", "--unattended", "--plain")
    time.sleep(after_s)
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=60) in (4, -signal.SIGTERM), "by us, or by Python where a busy machine has not begun us yet"
    assert left_behind(workspace) == NOTHING


def test_an_abort_from_a_second_terminal_reaches_the_provider_within_a_second(workspace: Path) -> None:
    """From the command dropped into the inbox to the provider told to stop, by the journal's own wall times."""
    known = runs_of(workspace)
    run = begin(workspace, "run", "short", "--unattended", "--plain")
    folder = wait_for(workspace, "fault.accepted", run, known)
    aborted = gameday(workspace, "abort", "--why", "enough")
    assert aborted.returncode == 0, aborted.stderr
    assert run.wait(timeout=60) == 4
    assert left_behind(workspace) == NOTHING
    assert "enough" in (folder / "report.md").read_text("utf-8")


def test_two_runs_on_one_rehearsal_do_not_go_on_together(workspace: Path) -> None:
    """The second is refused, with what to do, and touches nothing."""
    known = runs_of(workspace)
    run = begin(workspace, "run", "short", "--unattended", "--plain")
    wait_for(workspace, "phase.entered", run, known)
    second = gameday(workspace, "run", "short", "--unattended", "--plain")
    assert second.returncode == 5
    assert "SERVICE_BUSY" in second.stderr
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) == 4
