"""Bad luck while a fault is active: AWS that throttles, hangs or answers nonsense, datapoints that are lost, a metric
that is not there, a disk that is full. The fault is taken back all the same, and nothing is called a pass."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.rehearsal.client import attach
from tests.system.a_day import NOTHING, SHORT, gameday, left_behind, new_workspace, processes_of, runs_of
from tests.system.a_day import begin as begin_run
from tests.system.test_killed import wait_for

NO_METRIC = SHORT.replace("id: short", "id: no-metric").replace(
    "payments-failures, at_least", "nobody-counts, at_least"
)
OBSERVER = """\
kind: observer
id: nobody-counts
source: cloudwatch.metric
means: A metric that nobody publishes.
query: {namespace: Nobody, metric: Nothing}
period: 20s
settles: 20s
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With a rehearsal that is kept up and can be told to misbehave."""
    short = SHORT.replace("within: 20m", "within: 2m")
    folder = new_workspace(tmp_path_factory.mktemp("luck") / "game-days", short=short, no_metric=NO_METRIC)
    (folder / "observers" / "cloudwatch" / "nobody-counts.yaml").write_text(OBSERVER, "utf-8")
    up = gameday(folder, "rehearsal", "up", "--json")
    assert up.returncode == 0, up.stderr
    yield folder
    gameday(folder, "rehearsal", "down")
    assert processes_of(folder) == []


def tell(workspace: Path, **words: Any) -> None:
    """Let the loopback AWS misbehave."""
    found = attach(workspace)
    assert found is not None
    found.ask("faults", words)


def run_meanwhile(workspace: Path, after: str, trouble: Callable[[], None]) -> tuple[int, dict[str, Any]]:
    """A run to which this happens once its journal holds such an event: exit code and verdict."""
    known = runs_of(workspace)
    run = begin_run(workspace, "run", "short", "--unattended", "--plain")
    try:
        folder = wait_for(workspace, after, run, known)
        trouble()
        code = run.wait(timeout=200)
    finally:
        run.kill()
        tell(workspace, clear=True)
    return code, json.loads((folder / "verdict.json").read_text("utf-8"))


@pytest.mark.nightly
def test_a_rehearsal_that_dies_ends_its_run_as_stopped_and_leaves_no_process(tmp_path: Path) -> None:
    """Its daemon is killed while the fault is active: all that suffered it is ended, and nothing is called a pass."""
    folder = new_workspace(tmp_path / "game-days", short=SHORT)
    run = begin_run(folder, "run", "short", "--unattended", "--plain")
    try:
        day = wait_for(folder, "fault.effective", run, set())
        rehearsal = attach(folder)
        assert rehearsal is not None
        os.kill(rehearsal.pid, signal.SIGKILL)
        code = run.wait(timeout=60)
    finally:
        run.kill()
    found = json.loads((day / "verdict.json").read_text("utf-8"))
    assert (code, found["outcome"]) == (4, "stopped")
    assert all(t["verdict"] == "inconclusive" for t in found["tolerances"])
    assert processes_of(folder) == []


@pytest.mark.nightly  # up to two minutes each; an abort while CloudWatch hangs is tried for each change
@pytest.mark.parametrize("mode", ["hang", "html", "throttle"])
def test_cloudwatch_that_cannot_be_read_is_a_gap_and_never_a_pass(workspace: Path, mode: str) -> None:
    """It stays so to the end. The fault ends, but no witness can say that it is gone: unsafe, and nothing is within."""
    code, found = run_meanwhile(
        workspace, "fault.accepted", lambda: tell(workspace, mode=mode, service="cloudwatch")
    )  # fmt: skip
    assert found["outcome"] in ("unsafe", "stopped", "not tested", "inconclusive") and code == found["exit_code"]
    assert all(t["verdict"] == "inconclusive" for t in found["tolerances"])
    assert left_behind(workspace) == NOTHING


@pytest.mark.nightly  # tests/torture throttles half of all calls for each change
def test_fis_that_throttles_half_of_its_calls_is_asked_again_until_all_is_gone(workspace: Path) -> None:
    """Retries hide nothing, and leave nothing."""
    code, _ = run_meanwhile(
        workspace, "phase.entered", lambda: tell(workspace, mode="throttle", service="fis", percent=50)
    )
    assert code in (0, 1, 3)
    assert left_behind(workspace) == NOTHING


@pytest.mark.nightly
def test_an_abort_reaches_fis_while_cloudwatch_hangs(workspace: Path) -> None:
    """From the signal to the stop at the provider in less than a second of wall time, by the journal."""
    known = runs_of(workspace)
    run = begin_run(workspace, "run", "short", "--unattended", "--plain")
    folder = wait_for(workspace, "fault.accepted", run, known)
    tell(workspace, mode="hang", service="cloudwatch")
    time.sleep(0.5)
    run.terminate()
    try:
        stopped = wait_for(workspace, "undo.done", run, known) == folder
    finally:
        tell(workspace, clear=True)
    assert run.wait(timeout=200) in (4, 6)
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text("utf-8").splitlines()]
    walls = {e["type"]: e["wall"] for e in reversed(events)}
    assert stopped and seconds(walls["undo.done"]) - seconds(walls["abort.asked"]) < 1.0
    assert left_behind(workspace) == NOTHING


def seconds(iso: str) -> float:
    """Of the hour; enough for a difference of a moment."""
    return float(iso[14:16]) * 60 + float(iso[17:23])


@pytest.mark.nightly
def test_lost_datapoints_are_unknown(workspace: Path) -> None:
    """Half of the attempts are lost: coverage says so, and the tolerances are left open."""
    _, found = run_meanwhile(
        workspace, "phase.entered", lambda: tell(workspace, metric="Attempts", percent=50)
    )  # fmt: skip
    assert found["outcome"] != "within"
    assert all(t["verdict"] == "inconclusive" for t in found["tolerances"])


@pytest.mark.nightly
def test_a_witness_whose_metric_does_not_exist_witnesses_nothing(workspace: Path) -> None:
    """The run says which; it is not tested, and never a pass."""
    done = gameday(workspace, "run", "no-metric", "--unattended", "--json")
    assert done.returncode == 3, done.stderr
    found = json.loads(done.stdout)
    assert found["outcome"] in ("not tested", "inconclusive")
    codes = {code for t in found["tolerances"] for code in t["codes"]}
    assert codes & {"FAULT_NOT_WITNESSED", "FAULT_NOT_EFFECTIVE"}
    assert left_behind(workspace) == NOTHING


def small_disk(folder: Path, kilobytes: int) -> None:
    """A file system of this size at a folder. Only root may mount one; anybody else is held back from longer files."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "gameday-test", str(folder)]
    subprocess.run(mount, check=True)


@pytest.mark.parametrize("kilobytes", [290, *(pytest.param(k, marks=pytest.mark.nightly) for k in (4, 200, 320))])
def test_a_full_disk_ends_the_run_with_undo_done(workspace: Path, kilobytes: int) -> None:
    """Full when the plan is written, when the ledger's space is reserved, at the journal's beginning, and later. The
    ledger's space was reserved before."""
    runs = workspace / ".gameday" / "runs"
    words = [sys.executable, "-m", "gameday", "run", "short", "--unattended", "--plain"]
    root = os.geteuid() == 0
    if root:
        small_disk(runs, kilobytes)
    limit = kilobytes * 1024 if not root else resource.RLIM_INFINITY
    try:
        done = subprocess.run(
            words,
            cwd=workspace,
            capture_output=True,
            text=True,
            timeout=200,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)),
        )
        assert done.returncode in (4, 5), (done.returncode, done.stderr[-2000:])
        assert "Traceback" not in done.stderr and "our own fault" not in done.stderr
        assert left_behind(workspace) == NOTHING
    finally:
        if root:
            subprocess.run(["umount", str(runs)], check=True)
