"""``gameday schedule`` and ``export`` as a person uses them, in a workspace of their own."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gameday.cli.export import export
from gameday.cli.schedule import schedule
from gameday.errors import CouldNotStart
from gameday.model.load import load_content
from gameday.schedules.log import Log
from gameday.wiring.checking import check_content

WORKSPACE = Path(__file__).parents[1] / "data" / "workspace"
WEEKLY = ("add", "weekly", "--scenario", "stop", "--cron", "0 10 * * Tue", "--tz", "Europe/London", "--owner", "sre")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    root, before = Path(shutil.copytree(WORKSPACE, tmp_path / "w")), Path.cwd()
    os.chdir(root)
    yield root
    os.chdir(before)


def say(*words: str) -> str:
    found: Result = CliRunner().invoke(schedule, words, catch_exceptions=True)
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.output


def test_a_schedule_that_is_added_is_a_file_that_lints_and_is_listed_with_its_next_time(root: Path) -> None:
    assert say("list").startswith("No schedule yet")
    assert "scenarios/pay/weekly.yaml written" in say(*WEEKLY, "--jitter", "20m")
    assert (root / "scenarios/pay/weekly.yaml").read_text().startswith("# yaml-language-server: $schema=../../.gameday")
    assert check_content(load_content(root)) == []
    (row,) = json.loads(say("list", "--json"))
    assert row["schedule"] == "weekly" and row["next"].endswith("Z") and row["stopped"] is None
    times = json.loads(say("next", "weekly", "--count", "3", "--json"))
    assert len(times) == 3 and times == sorted(times, key=lambda time: str(time["start"]))


def test_what_is_wrong_with_it_is_said_and_nothing_is_written(root: Path) -> None:
    with pytest.raises(CouldNotStart, match="is not cron|has not the five fields"):
        say(*(word if word != "0 10 * * Tue" else "at ten" for word in WEEKLY))
    with pytest.raises(CouldNotStart, match="no zone"):
        say(*(word if word != "Europe/London" else "London" for word in WEEKLY))
    assert not (root / "scenarios/pay/weekly.yaml").exists()
    say(*WEEKLY)
    with pytest.raises(CouldNotStart, match="EXISTS_ALREADY"):
        say(*WEEKLY)


def test_a_pause_and_its_end_are_on_the_log_with_who_and_why(root: Path) -> None:
    say(*WEEKLY)
    say("pause", "weekly", "--by", "sre", "--because", "We move")
    assert "paused: sre: We move" in say("list")
    assert "skipped, paused" in say("next", "weekly")
    say("resume", "weekly", "--by", "sre", "--because", "Moved")
    assert "paused" not in say("list")
    assert [(line["kind"], line["by"]) for line in Log(root).read()] == [("paused", "sre"), ("resumed", "sre")]
    assert "We move" in say("why", "weekly")


def test_why_tells_the_reason_of_each_time_that_was_skipped(root: Path) -> None:
    say(*WEEKLY)
    assert "Nothing yet" in say("why", "weekly")
    due = "2026-06-02T09:00:00.000Z"
    Log(root).append({"kind": "skipped", "time": f"weekly@{due}", "schedule": "weekly", "due": due, "start": due,
                      "at": due, "reason": "freeze", "says": "Payroll day"})  # fmt: skip
    assert "freeze" in say("why", "weekly") and "Payroll day" in say("why", "weekly")
    assert json.loads(say("why", "weekly", "--json"))[0]["reason"] == "freeze"
    assert f"{due} skipped: freeze" in say("list")


def test_a_schedule_that_is_not_there_is_named(root: Path) -> None:
    with pytest.raises(CouldNotStart, match="UNKNOWN_SCHEDULE"):
        say("why", "monthly")


def test_run_begins_nothing_when_nothing_was_due_or_its_calendars_say_no(root: Path) -> None:
    say("add", "yearly", "--scenario", "stop", "--cron", "0 0 29 2 *", "--tz", "UTC", "--owner", "sre")
    assert "was not due within 45m" in say("run", "yearly", "--if-due", "45m")
    say("pause", "yearly", "--by", "sre", "--because", "We move")
    with pytest.raises(CouldNotStart, match="SCHEDULE_SKIPPED"):
        say("run", "yearly", "--unless-skipped")
    assert not (root / ".gameday" / "runs").exists()


@pytest.mark.parametrize("target", ["eventbridge", "github-actions"])
def test_an_export_is_written_where_it_was_asked_for(root: Path, target: str) -> None:
    say(*WEEKLY)
    found = CliRunner().invoke(export, ["schedule", "weekly", "--to", target, "--out", "out/weekly.yml"])
    assert found.exit_code == 0, found.output
    assert (root / "out/weekly.yml").read_text().startswith("# Made by: gameday export schedule weekly")
