"""A real ``chaos run`` under our control: judged by the tolerances of a service, by what the observers saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.aws import Aws
from gameday.model.workspace import REHEARSAL_ACCOUNT, REHEARSAL_ENVIRONMENT, REHEARSAL_REGION
from tests.system.a_day import gameday, new_workspace, newest, processes_of, status

TAGS = {"made-by": "chaos-run"}
FUNCTION = f"arn:aws:lambda:{REHEARSAL_REGION}:{REHEARSAL_ACCOUNT}:function:payments-function"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = new_workspace(tmp_path_factory.mktemp("chaos-run") / "game-days")
    up = gameday(folder, "rehearsal", "up", "--json")
    assert up.returncode == 0, up.stderr
    yield folder
    gameday(folder, "rehearsal", "down")
    assert processes_of(folder) == []


def a_template(endpoint: str) -> str:
    fis = Aws(REHEARSAL_ENVIRONMENT, endpoint).client("fis")
    made = fis.create_experiment_template(
        clientToken="chaos-run", description="payments fail", roleArn=REHEARSAL_ENVIRONMENT.fis_role, tags=TAGS,
        stopConditions=[{"source": "none"}],
        targets={"f": {"resourceType": "aws:lambda:function", "resourceArns": [FUNCTION], "selectionMode": "ALL"}},
        actions={"a": {"actionId": "aws:lambda:invocation-error", "targets": {"Functions": "f"},
                       "parameters": {"duration": "PT10M", "invocationPercentage": "100", "preventExecution": "true"}}},
    )  # fmt: skip
    return str(made["experimentTemplate"]["id"])


def an_experiment(template: str, **changes: Any) -> dict[str, Any]:
    python = {"type": "python", "module": "chaosaws.fis.actions"}
    control = {
        "service": "open-banking", "observe": ["payments-function-errors"], "baseline": "10m",
        "effective": {"signal": "payments-failures", "at_least": 10, "within": "20m"},
        "gone": {"signal": "payments-function-errors", "equals": 0, "within": "20m"},
    }  # fmt: skip
    return {
        "title": "Payments fail", "description": "d",
        "controls": [{"name": "gameday", "provider": {
            "type": "python", "module": "gameday.chaostoolkit", "arguments": control}}],
        "method": [{
            "type": "action", "name": "break payments", "pauses": {"after": 6},
            "provider": {**python, "func": "start_experiment",
                         "arguments": {"experiment_template_id": template, "tags": TAGS}}}],
        "rollbacks": [{
            "type": "action", "name": "stop it",
            "provider": {**python, "func": "stop_experiments_by_tags", "arguments": {"tags": TAGS}}}],
        **changes,
    }  # fmt: skip


def chaos(workspace: Path, endpoint: str, experiment: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
    """Status, journal, and what it said."""
    (workspace / "experiment.json").write_text(json.dumps(experiment), "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from chaostoolkit.__main__ import cli; cli()", "--no-version-check", "run",
         "experiment.json"],
        cwd=workspace, capture_output=True, text=True, timeout=400,
        env={**os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": REHEARSAL_REGION, "AWS_ACCESS_KEY_ID": "x",
             "AWS_SECRET_ACCESS_KEY": "x"},
    )  # fmt: skip
    return done.returncode, json.loads((workspace / "journal.json").read_text("utf-8")), done.stdout + done.stderr


@pytest.mark.nightly  # a minute
def test_an_experiment_is_judged_by_the_tolerances_of_its_service(workspace: Path) -> None:
    endpoint = status(workspace)["endpoint"]
    code, journal, said = chaos(workspace, endpoint, an_experiment(a_template(endpoint)))
    found = journal["gameday"]
    assert "error" not in found, said
    assert journal["status"] == "completed", said
    folder = newest(workspace)
    verdict = json.loads((folder / "verdict.json").read_text("utf-8"))
    assert (folder / "report.md").is_file()
    assert found["outcome"] == verdict["outcome"]
    assert verdict["outcome"] in ("within", "breached", "inconclusive"), "it was tested"
    assert code == (1 if verdict["outcome"] == "breached" else 0)
    assert {t["id"] for t in found["tolerances"]} == {t["id"] for t in verdict["tolerances"]} != set()
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text("utf-8").splitlines()]
    seen = [e["type"] for e in events if e["type"].startswith(("fault.", "undo."))]
    assert seen[:2] == ["fault.requested", "fault.accepted"]
    assert {"fault.effective", "undo.done", "fault.gone"} <= set(seen)
    again = gameday(workspace, "judge", folder.name, "--json")
    assert json.loads(again.stdout)["outcome"] == verdict["outcome"]


@pytest.mark.nightly
def test_a_fault_whose_rollback_is_skipped_is_unsafe_and_never_a_success(workspace: Path) -> None:
    """Chaos Toolkit says completed, status 0. An action that fails reads as a success there, too."""
    endpoint = status(workspace)["endpoint"]
    experiment = an_experiment("EXTnone", runtime={"rollbacks": {"strategy": "never"}})
    experiment["controls"][0]["provider"]["arguments"]["baseline"] = "1m"
    code, journal, said = chaos(workspace, endpoint, experiment)
    assert journal["status"] == "completed", "its own word"
    assert journal["gameday"]["outcome"] == "unsafe", said
    assert code != 0


def test_what_cannot_be_judged_says_so_in_the_journal(workspace: Path) -> None:
    """Chaos Toolkit drops what a control raises, at the level debug."""
    experiment = an_experiment("EXTnone", method=[], rollbacks=[])
    _, journal, _ = chaos(workspace, status(workspace)["endpoint"], experiment)
    assert journal["gameday"]["outcome"] == "not tested"
    assert "NO_FAULT" in journal["gameday"]["error"]


def test_the_probe_says_false_for_what_was_not_shown(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of the hours before the rehearsal was up."""
    from gameday.chaostoolkit import tolerance_held
    from gameday.model.load import load_content

    tolerance = load_content(workspace).services["open-banking"].model.tolerances[0].id
    assert tolerance_held("open-banking", tolerance, workspace=str(workspace), window="12h") is False
