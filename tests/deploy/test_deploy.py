"""What deploy/ holds is what each tool takes: systemd, GitHub, pre-commit. (tests/metrics: Prometheus and Grafana.)"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gameday.cli.main import COMMANDS, group

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "gameday-scheduler.service"


def test_the_unit_ends_the_scheduler_alone_so_that_runs_take_their_faults_back() -> None:
    lines = UNIT.read_text().splitlines()
    assert "KillMode=process" in lines and "Restart=always" in lines
    if shutil.which("systemd-analyze"):
        done = subprocess.run(["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, timeout=60)
        assert "Unknown" not in done.stderr and "gameday-scheduler.service:" not in done.stderr, done.stderr


def schema(name: str) -> dict[str, Any]:
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{name}.json"
    found: dict[str, Any] = json.loads(vendored.read_text("utf-8"))
    return found


def test_the_action_fits_the_schema_of_github_and_no_input_is_pasted_into_a_script() -> None:
    action = yaml.safe_load((ROOT / "deploy/github/action.yml").read_text())
    checker = jsonschema.validators.validator_for(schema("github-actions"))(schema("github-actions"))
    assert [error.message for error in checker.iter_errors(action)] == []
    assert not [step for step in action["runs"]["steps"] if "inputs." in step.get("run", "")]


def test_the_hook_names_a_command_that_is_there() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    name, command = hook["entry"].split()
    assert name == "gameday" and any(command in commands for commands in COMMANDS.values())
    matches = re.compile(hook["files"])
    assert matches.search("scenarios/pay/stop.yaml") and not matches.search("src/main.py")


@pytest.mark.parametrize("path", ["deploy/systemd/gameday-scheduler.service", "deploy/Containerfile",
                                  "deploy/github/action.yml"])  # fmt: skip
def test_every_option_that_is_written_there_is_one_of_that_command(path: str) -> None:
    import click

    text = (ROOT / path).read_text()
    for name in ("scheduler", "run"):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        known = {option for param in command.params for option in param.opts}
        for line in re.findall(rf"gameday {name} (.*)", text):
            assert set(re.findall(r"(?<!\S)--[a-z-]+", line)) <= known
