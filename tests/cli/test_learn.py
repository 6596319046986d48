"""The commands of Learn on a workspace with one run: lessons, actions and their export, compare, the rules."""

from __future__ import annotations

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gameday.cli.actions import actions, lessons
from gameday.cli.compare import compare
from gameday.cli.lint import lint
from gameday.cli.publish import publish
from gameday.errors import CouldNotStart
from tests.reports.a_day import a_day, plan, story, write

REGULATED = Path(__file__).parents[1] / "data" / "regulated"
RUN, SECOND = "20261101-1000-payment-functions-stop", "20261102-1000-payment-functions-stop"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = Path(shutil.copytree(REGULATED, tmp_path / "w"))
    shutil.rmtree(root / "actions")
    for name in (RUN, SECOND):
        told = story()
        told[0][1].what["run"] = name
        write(root / ".gameday" / "runs" / name, plan(), told)
    monkeypatch.chdir(root)
    return root


def called(command: Any, *args: str) -> Result:
    return CliRunner().invoke(command, args, catch_exceptions=False)


def test_lessons_are_listed_written_once_and_read_back(workspace: Path) -> None:
    told = json.loads(called(lessons, RUN, "--json").output)
    assert told["run"] == RUN and not told["completed"]
    assert "alarm-silent:fraud-latency" in called(lessons, RUN).output.replace("\n", "")
    assert called(lessons, RUN, "--write").output.strip().endswith(f"lessons/{RUN}.yaml")
    assert json.loads(called(lessons, RUN, "--json").output)["completed"]
    with pytest.raises(CouldNotStart, match="LESSONS_EXIST"):
        called(lessons, RUN, "--write")


ADD = ("--run", RUN, "--finding", "alarm-silent:fraud-latency", "--do", "Alarm it.", "--owner", "sre", "--due")


def test_an_action_is_added_for_a_finding_that_is_there_and_closed_by_its_re_test(workspace: Path) -> None:
    assert called(actions, "add", *ADD, "2026-12-15", "--because", "x").exit_code == 0
    (told,) = json.loads(called(actions, "list", "--json").output)
    assert (told["state"], told["closes_with"]["scenario"]) == ("open", "payment-functions-stop")
    with pytest.raises(CouldNotStart, match="ACTION_OPEN"):
        called(actions, "close", told["id"])
    met = ("--closes-with", "payment-functions-stop:expectation=alarm")
    called(actions, "add", *ADD, "2026-12-15", *met)
    states = {a["id"]: (a["state"], a["closed_by"]) for a in json.loads(called(actions, "list", "--json").output)}
    assert states == {told["id"]: ("open", None), "A-2026-02": ("closed", SECOND)}
    assert f"closed, by {SECOND}" in called(actions, "close", "A-2026-02").output
    assert "waived" in called(actions, "close", told["id"], "--because", "It is gone.", "--by", "cro").output
    assert json.loads(called(actions, "list", "--open", "--json").output) == []


@pytest.mark.parametrize(
    ("args", "code"),
    [((*ADD, "soon"), "BAD_VALUE"), ((*ADD, "2026-12-15", "--closes-with", "x:y=z"), "BAD_VALUE"),
     ((*ADD, "2026-12-15", "--closes-with", "rubbish"), "UNKNOWN_SCENARIO"),
     (("--run", RUN, "--finding", "x", "--do", "x", "--owner", "sre", "--due", "2026-12-15"), "FINDING_UNKNOWN")],
)  # fmt: skip
def test_what_cannot_be_an_action_is_told(workspace: Path, args: tuple[str, ...], code: str) -> None:
    with pytest.raises(CouldNotStart, match=code):
        called(actions, "add", *args)
    assert not list((workspace).glob("actions/*"))


def test_an_export_is_printed_and_posted_only_to_what_an_environment_variable_names(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called(actions, "add", *ADD, "2026-12-15")
    for form in ("csv", "github", "jira", "webhook"):
        assert "A-2026-01" in called(actions, "export", "--format", form).output
    for url, code in (
        ("", "URL_MISSING"),
        ("http://x.example/", "URL_NOT_SAFE"),
        ("https://127.0.0.1:1/", "NOT_POSTED"),
    ):
        monkeypatch.setenv("TRACKER", url)
        with pytest.raises(CouldNotStart, match=code) as refused:
            called(actions, "export", "--format", "webhook", "--post-to", "TRACKER")
        assert not url or url not in str(refused.value)


def test_two_runs_are_compared_and_one_is_not(workspace: Path) -> None:
    told = json.loads(called(compare, RUN, SECOND, "--json").output)
    assert (told["base"], told["runs"][1]["alike"]) == (RUN, True)
    assert "alike to A" in called(compare, RUN, SECOND).output
    with pytest.raises(CouldNotStart, match="RUNS_TOO_FEW"):
        called(compare, RUN, RUN)


def test_the_rules_are_printed_with_what_answers_them_and_never_stop_a_plain_lint(workspace: Path) -> None:
    shutil.copy(Path(__file__).parents[1] / "bad" / "L01.yaml", workspace / "scenarios/pay/service.yaml")
    found = called(lint, "--regulatory", "--json")
    assert found.exit_code == 5
    assert {(r["rule"], r["severity"]) for r in json.loads(found.output) if r["service"] == "pay"} >= {("L01", "E")}
    assert called(lint).exit_code == 0
    (workspace / "scenarios/w.yaml").write_text(
        "kind: waiver\nid: w\nrule: L01\nservice: pay\nbecause: In May.\nby: cro\nuntil: 2999-01-01\n"
    )
    assert "waived: by cro until 2999-01-01: In May." in called(lint, "--regulatory").output


def test_a_day_by_hand_is_read_where_it_lies(workspace: Path, tmp_path: Path) -> None:
    a_day(tmp_path / "elsewhere")
    assert json.loads(called(lessons, str(tmp_path / "elsewhere"), "--json").output)["findings"]


def test_an_export_reaches_a_receiver_whole(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[str | None, bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    called(actions, "add", *ADD, "2026-12-15")
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setenv("TRACKER", f"http://127.0.0.1:{server.server_port}/hook")
        assert "204" in called(actions, "export", "--format", "webhook", "--post-to", "TRACKER").output
        thread.join(10)
    ((kind, body),) = received
    assert kind == "application/json; charset=utf-8" and json.loads(body)["actions"][0]["id"] == "A-2026-01"


def test_no_text_of_a_trace_or_a_file_moves_the_terminal(workspace: Path) -> None:
    """A folder's name and a run's own texts come from outside."""
    folder = workspace / ".gameday" / "runs" / "20261103-1000-\x1b[31mred"
    told = story()
    told[0][1].what["run"] = "../../\x1b]0;x\x07"
    write(folder, plan(title="\x1b[2J", environment="\x1b[7m"), told)
    for command, *args in (
        (lessons, folder.name),
        (compare, RUN, folder.name),
        (lint, "--regulatory"),
        (publish, "site"),
    ):
        assert "\x1b" not in called(command, *args).output.replace(str(folder), "")
    with pytest.raises(CouldNotStart, match="RUN_NOT_NAMED"):
        called(lessons, folder.name, "--write")
    assert not list((workspace / "lessons").glob("*.yaml"))
