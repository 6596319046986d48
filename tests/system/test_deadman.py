"""The dead-man's switch alone: the conductor is killed or hangs, nobody recovers, and AWS ends the fault."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.aws import Aws
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from tests.system.a_day import (
    NOTHING,
    SHORT,
    begin,
    gameday,
    left_behind,
    new_workspace,
    processes_of,
    runs_of,
    status,
    without_tolerances,
)
from tests.system.test_killed import wait_for

LONG = SHORT.replace("id: short", "id: long").replace("duration: 2m", "duration: 20m")
WORST_MS = 180_000  # what the plan of a rehearsal promises
NOISE_MS = 40_000  # two seconds of a busy machine at speed 20


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = new_workspace(tmp_path_factory.mktemp("deadman") / "game-days", long=LONG)
    without_tolerances(folder)
    up = gameday(folder, "rehearsal", "up", "--json")
    assert up.returncode == 0, up.stderr
    yield folder
    gameday(folder, "rehearsal", "down")
    assert processes_of(folder) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.nightly)])
def test_a_conductor_that_beats_no_more_has_its_experiment_stopped_by_the_alarm(
    workspace: Path, number: signal.Signals
) -> None:
    """Within the worst case that its plan says; then the service is well, before anybody has called ``recover``."""
    planned = json.loads(gameday(workspace, "plan", "long", "--json").stdout)
    assert planned["dead_man"]["worst_case_ms"] == WORST_MS
    run = begin(workspace, "run", "long", "--unattended", "--plain")
    folder = wait_for(workspace, "fault.accepted", run, runs_of(workspace))
    aws = Aws(REHEARSAL_ENVIRONMENT, status(workspace)["endpoint"])
    try:
        run.send_signal(number)
        silent_ms = status(workspace)["now_ms"]
        ended = _ended(aws)
        assert "gameday-heartbeat-" in ended["state"]["reason"]
        assert ended["endTime"].timestamp() * 1000 - silent_ms < WORST_MS + NOISE_MS
        assert {**left_behind(workspace), "templates": []} == NOTHING
    finally:
        run.kill()
        run.wait()
    assert gameday(workspace, "recover").returncode == 0
    assert left_behind(workspace) == NOTHING
    alarms = aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="gameday-heartbeat-")["MetricAlarms"]
    aws.close()
    assert alarms == []
    assert "was ended by the dead-man's switch" in (folder / "report.md").read_text("utf-8")


def _ended(aws: Aws) -> dict:  # type: ignore[type-arg]  # an answer of boto3
    """The newest experiment, once it has ended."""
    fis, until = aws.client("fis"), time.monotonic() + 40
    while time.monotonic() < until:
        newest = max(fis.list_experiments()["experiments"], key=lambda e: e["creationTime"])
        if newest["state"]["status"] not in ("pending", "initiating", "running", "stopping"):
            return dict(fis.get_experiment(id=newest["id"])["experiment"])
        time.sleep(0.1)
    raise AssertionError("it was never stopped")
