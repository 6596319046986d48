"""The worked plug-in in ``examples/``: installed as a package of its own, used through the real command, taken back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.a_day import REAL_LOOKING, gameday, new_workspace, newest, processes_of, runs_of, without_tolerances

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "gameday-example"
SCENARIO = "scenarios/open-banking/file-in-the-hutch.yaml"


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the example is installed, and from which no registry is asked."""
    site = tmp_path_factory.mktemp("site")
    alone = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(site)]
    pip = [sys.executable, "-m", "pip", "install", "-q", *alone, str(EXAMPLE)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False, cwd=site)
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")]), str(site)])
    return {**REAL_LOOKING, "PYTHONPATH": path}


@pytest.fixture(scope="module")
def workspace(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What ``gameday init`` makes, with the content of the example, and a rehearsal that is kept up."""
    folder = new_workspace(tmp_path_factory.mktemp("plugged") / "game-days")
    without_tolerances(folder)
    shutil.copytree(EXAMPLE / "workspace", folder, dirs_exist_ok=True)
    scenario = folder / SCENARIO
    text = scenario.read_text().replace("timeline:\n", "baseline: 1m\ntimeline:\n", 1)
    scenario.write_text(text.replace("within: 5m}", "within: 20m}"))  # busy machines see late
    yield folder
    gameday(folder, "rehearsal", "down")
    assert processes_of(folder) == []


@pytest.fixture(scope="module")
def rehearsal(workspace: Path) -> None:
    up = gameday(workspace, "rehearsal", "up", "--json")
    assert up.returncode == 0, up.stderr


def files_in_the_hutch(workspace: Path) -> list[str]:
    return sorted(os.listdir(workspace / "hutch")) if (workspace / "hutch").exists() else []


def test_lint_knows_the_names_the_keys_and_the_queries_of_what_is_installed(
    workspace: Path, environ: dict[str, str]
) -> None:
    found = gameday(workspace, "lint", environ=environ)
    assert found.returncode == 0 and "PLUGIN_" not in found.stderr, found.stderr
    scenario = workspace / SCENARIO
    good = scenario.read_text()
    scenario.write_text(good.replace("folder: hutch", "foldr: hutch"))
    wrong = gameday(workspace, "lint", "--json", environ=environ)
    scenario.write_text(good)
    errors = {p["code"] for p in json.loads(wrong.stdout) if p["severity"] == "error"}
    assert errors == {"UNKNOWN_KEY", "MISSING_KEY"}


def test_without_the_plug_in_lint_says_what_is_missing(workspace: Path) -> None:
    found = gameday(workspace, "lint", "--json")
    codes = {p["code"] for p in json.loads(found.stdout) if p["severity"] == "error"}
    assert (found.returncode, codes) == (5, {"UNKNOWN_PROVIDER", "UNKNOWN_SOURCE", "UNKNOWN_CHANNEL"})


def test_a_game_day_breaks_sees_tells_and_takes_back_through_the_plug_in(
    workspace: Path, environ: dict[str, str], rehearsal: None
) -> None:
    run = gameday(workspace, "run", "file-in-the-hutch", "--unattended", "--plain", environ=environ)
    text = (newest(workspace) / "journal.jsonl").read_text()
    events = {e["type"]: e["what"] for e in map(json.loads, text.splitlines()) if "what" in e}
    assert events["run.ended"]["status"] == "completed", run.stdout + run.stderr
    assert events["fault.effective"]["witness"].startswith("hutch-files at least 1")
    assert events["fault.gone"]["witness"].startswith("hutch-files equals 0")
    assert events["prompt.delivered"]["receipt"] == "on the screen of the run"
    assert (events["prompt.paged"]["channel"], events["prompt.paged"]["receipt"]) == ("log", "written to prompts.log")
    told = "incident-commander: Somebody asks what is in the hutch.\n"
    assert (workspace / "prompts.log").read_text() == told
    assert files_in_the_hutch(workspace) == []


def killed(workspace: Path, environ: dict[str, str]) -> None:
    """A run whose conductor is killed while the file is there."""
    known = runs_of(workspace)
    run = subprocess.Popen(
        [sys.executable, "-m", "gameday", "run", "file-in-the-hutch", "--unattended", "--plain"],
        cwd=workspace, env={**os.environ, **environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 120
    while not files_in_the_hutch(workspace) and time.monotonic() < until and run.poll() is None:
        time.sleep(0.05)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert len(files_in_the_hutch(workspace)) == 1 and runs_of(workspace) - known


@pytest.mark.nightly
def test_a_conductor_killed_while_the_file_is_there_leaves_none_after_recover(
    workspace: Path, environ: dict[str, str], rehearsal: None
) -> None:
    killed(workspace, environ)
    recovered = gameday(workspace, "recover", "--json", environ=environ)
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert files_in_the_hutch(workspace) == []
    assert [found["clean"] for found in json.loads(recovered.stdout)] == [True]


@pytest.mark.nightly
def test_the_file_is_taken_back_even_when_the_rehearsal_has_ended_too(
    workspace: Path, environ: dict[str, str], rehearsal: None
) -> None:
    """It was never in the rehearsal's AWS. Nobody can see it gone any more, so the run does not end clean."""
    killed(workspace, environ)
    assert gameday(workspace, "rehearsal", "down").returncode == 0
    recovered = gameday(workspace, "recover", "--json", environ=environ)
    assert files_in_the_hutch(workspace) == [], recovered.stdout + recovered.stderr
    assert recovered.returncode == 6
