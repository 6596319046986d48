"""SIGKILL at 40 random moments of real rehearsals: a third recovered, a third resumed, a third left to the dead-man's
switch alone. No fault goes on, and the next ``recover`` leaves neither template nor alarm."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

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
    newest,
    processes_of,
    runs_of,
    status,
    without_tolerances,
)

MOMENTS = 40
SECONDS_OF_A_DAY = 16.0  # of the short one at speed 20, from the command to its verification
LONG = SHORT.replace("id: short", "id: long").replace("duration: 2m", "duration: 20m")
OVER = ("completed", "stopped", "failed", "cancelled")
WORST_S = (180_000 + 40_000) / 1000 / 20  # wall time: what the plan promises, and two seconds of a busy machine

pytestmark = pytest.mark.torture


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = new_workspace(tmp_path_factory.mktemp("torture") / "game-days", short=SHORT, long=LONG)
    without_tolerances(folder)
    up = gameday(folder, "rehearsal", "up", "--json")
    assert up.returncode == 0, up.stderr
    yield folder
    gameday(folder, "rehearsal", "down")
    assert processes_of(folder) == []


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_killed_at_a_random_moment_nothing_goes_on(workspace: Path, seed: int) -> None:
    how = (recovered, resumed, left_alone)[seed % 3]
    known = runs_of(workspace)
    run = begin(workspace, "run", "long" if how is left_alone else "short", "--unattended", "--plain")
    time.sleep(Random(seed).uniform(0.2, SECONDS_OF_A_DAY))
    run.send_signal(signal.SIGKILL)
    run.wait()
    begun = runs_of(workspace) - known
    written = {folder: whole_lines(folder) for folder in begun}
    how(workspace, newest(workspace, but=known) if begun else None)
    assert left_behind(workspace) == NOTHING
    assert alarms(workspace) == []
    assert gameday(workspace, "recover", "--json").stdout.strip() == "[]", "and there is nothing more to recover"
    for folder, lines in written.items():
        assert (folder / "journal.jsonl").read_bytes().startswith(lines), "an event was lost"


def whole_lines(folder: Path) -> bytes:
    """What was written of the journal when its conductor died; a line that is cut off was never acknowledged."""
    raw = (folder / "journal.jsonl").read_bytes()
    return raw[: raw.rfind(b"\n") + 1]


def recovered(workspace: Path, _: Path | None) -> None:
    done = gameday(workspace, "recover", "--json")
    assert done.returncode == 0, done.stderr
    assert all(found["clean"] for found in json.loads(done.stdout))


def resumed(workspace: Path, run: Path | None) -> None:
    """Where it cannot go on (it has ended, or had not begun) it says so, and recover does the rest."""
    done = gameday(workspace, "resume", run.name, "--unattended", "--plain") if run else None
    if done is None or done.returncode == 5:
        recovered(workspace, run)
    else:
        assert done.returncode in (0, 1, 3, 4), (done.returncode, done.stderr[-2000:])


def left_alone(workspace: Path, run: Path | None) -> None:
    """Nobody does anything: AWS itself ends what goes on, within what the plan promises. Then recover removes what was
    made for it."""
    until = time.monotonic() + WORST_S
    while (going := active(workspace)) and time.monotonic() < until:
        time.sleep(0.2)
    assert going == [], "the dead-man's switch has not ended it"
    recovered(workspace, run)


def active(workspace: Path) -> list[Any]:
    """Experiments that have not ended."""
    aws = Aws(REHEARSAL_ENVIRONMENT, status(workspace)["endpoint"])
    try:
        found = aws.client("fis").list_experiments()["experiments"]
        return [e["id"] for e in found if e["state"]["status"] not in OVER]
    finally:
        aws.close()


def alarms(workspace: Path) -> list[Any]:
    """The alarms of dead-man's switches that are there."""
    aws = Aws(REHEARSAL_ENVIRONMENT, status(workspace)["endpoint"])
    try:
        found = aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="gameday-heartbeat-")
        return list(found["MetricAlarms"])
    finally:
        aws.close()
