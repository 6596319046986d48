"""``gameday iam`` and ``gameday doctor`` as people and pipes meet them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from gameday.cli.doctor import doctor
from gameday.cli.iam import iam
from tests.planning.a_workspace import copied

SCENARIO = "payment-functions-stop"


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a rehearsal, and with nothing that could reach AWS."""
    monkeypatch.chdir(copied(tmp_path))


def call(*words: str) -> Result:
    return CliRunner().invoke(iam, words)


def ask(*words: str) -> Result:
    return CliRunner().invoke(doctor, words)


def test_one_policy_alone_is_json_that_iam_takes() -> None:
    for only in ("--operator", "--fis-role", "--trust"):
        found = json.loads(call(SCENARIO, only).stdout)
        assert found["Version"] == "2012-10-17" and found["Statement"]


def test_headings_go_to_standard_error_with_how_much_of_iams_limit_is_used() -> None:
    said = call(SCENARIO)
    assert "gameday-operator: who runs the day" in said.stderr and "of 10240 characters" in said.stderr
    assert "who runs the day" not in said.stdout


def test_everything_is_one_json_document() -> None:
    assert set(json.loads(call(SCENARIO, "--json").stdout)) == {"operator", "fis-role", "trust"}


def test_the_stack_is_yaml_with_both_roles() -> None:
    found = yaml.safe_load(call(SCENARIO, "--cloudformation").stdout)
    assert {"OperatorRole", "FisRole", "LogGroup"} == set(found["Resources"])


def test_the_place_of_the_lambda_extension_narrows_the_role_of_fis() -> None:
    said = call(SCENARIO, "--fis-role", "--lambda-config", "arn:aws:s3:::pay-fis/FisConfigs/").stdout
    assert "arn:aws:s3:::pay-fis/FisConfigs/*" in said and "arn:aws:s3:::*/*" not in said


def test_a_tabletop_needs_nothing_of_fis_and_its_stack_has_no_role_for_it() -> None:
    assert call("tabletop-scheme-outage", "--fis-role").stdout.strip() == "FIS needs nothing here."
    assert "FisRole:" not in call("tabletop-scheme-outage", "--cloudformation").stdout


def test_the_doctor_says_what_this_machine_has_and_ends_well() -> None:
    said = ask(SCENARIO, "--json")
    found = {one["what"]: one for one in json.loads(said.stdout)}
    assert said.exit_code == 0, said.stdout
    assert found["python"]["level"] == found["loopback"]["level"] == found["leftovers"]["level"] == "ok"
    assert found["Active experiments"]["says"].startswith("1 of 5")


def test_the_doctor_names_a_full_disk_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 0))
    said = ask()
    assert said.exit_code == 1
    assert "fail disk: 0 MB free" in said.stdout and "fix: make room" in said.stdout


def test_the_doctor_says_when_an_environment_is_not_known() -> None:
    said = ask("--environment", "stagging")
    assert said.exit_code == 1 and "UNKNOWN_ENVIRONMENT" in said.stdout


def test_the_doctor_prints_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-somebody")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFSOMEBODY")
    said = ask(SCENARIO)
    assert "a-secret-of-somebody" not in said.output and "AKIAOFSOMEBODY" not in said.output
