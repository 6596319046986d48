"""A run that is begun from the console is a process of its own; what became of it is read from disk."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.console import beginning
from gameday.console.orders import Start
from gameday.journal.events import Draft
from gameday.journal.store import Journal
from gameday.runs import make_run
from tests.console.a_console import Browser, Day, a_day, enter


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    with a_day(tmp_path) as made:
        yield made


def wait(browser: Browser, ident: str, status: str) -> dict[str, str]:
    import time

    for _ in range(200):
        found: dict[str, str] = browser.get(f"/api/starts/{ident}").json()
        if found["status"] == status:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_a_run_that_could_not_start_says_why(day: Day) -> None:
    browser = enter(day.app(), "facilitator")
    answer = browser.post("/api/starts", {"scenario": "no-such-scenario"})
    assert answer.status_code == 202
    assert "no-such-scenario" in wait(browser, answer.json()["id"], "failed")["said"]


def test_what_is_begun_outlives_the_console(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leads a session of its own, and a console that is started again knows it."""
    script = "import os,sys,time; print(os.getsid(0) == os.getpid(), flush=True); time.sleep(60)"
    monkeypatch.setattr(beginning, "command", lambda _order: [sys.executable, "-c", script])
    import json
    import os
    import signal

    made = enter(day.app(), "facilitator").post("/api/starts", {"scenario": "payment-functions-stop"}).json()
    held = day.root / ".gameday" / "console" / "starts" / made["id"]
    pid = json.loads(held.with_suffix(".json").read_text())["pid"]
    try:
        again = enter(day.app(), "facilitator")
        assert wait(again, made["id"], "starting")["scenario"] == "payment-functions-stop"
        for _ in range(100):
            if said := held.with_suffix(".log").read_text():
                break
            import time

            time.sleep(0.1)
        assert said == "True\n"
        run = make_run(day.root, "payment-functions-stop", 1_800_000_000_000)
        (run / "plan.json").write_bytes((day.run / "plan.json").read_bytes())
        journal = Journal.create(run / "journal.jsonl")
        journal.claim(pid, 1_800_000_000_000, 1_800_000_000_000)
        journal.append(Draft("note", {"text": "x"}), 1_800_000_000_000, 1_800_000_000_000)
        journal.close()
        assert wait(again, made["id"], "open")["ref"] == run.name
    finally:
        os.kill(pid, signal.SIGKILL)


def test_what_is_asked_for_is_what_would_be_typed() -> None:
    order = Start(scenario="stop", environment="staging", speed=1.5, unattended=True)
    assert beginning.command(order)[1:] == ["-m", "gameday", "run", "stop", "--environment", "staging", "--yes",
                                            "--plain", "--speed", "1.5", "--unattended"]  # fmt: skip
    assert "--unattended" not in beginning.command(Start(scenario="stop"))


@pytest.mark.parametrize("body", [{}, {"scenario": "--help"}, {"scenario": "../x"}, {"scenario": "/etc/passwd"},
                                  {"scenario": "a b"}, {"scenario": "x", "environment": "--yes"},
                                  {"scenario": "x", "speed": 61}, {"scenario": "x", "speed": 0},
                                  {"scenario": "x", "unattended": "yes"}, {"scenario": "x", "more": 1}])  # fmt: skip
def test_nothing_but_names_reaches_the_command_line(day: Day, body: dict[str, object]) -> None:
    answer = enter(day.app(), "facilitator").post("/api/starts", body)
    assert answer.status_code == 422
    assert not (day.root / ".gameday" / "console" / "starts").exists()
    for value in body.values():
        assert isinstance(value, bool) or len(str(value)) < 5 or str(value) not in answer.json()["detail"]
