"""The schedules page says what ``gameday schedule`` says, to those who may know what is to come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from gameday.clock import iso
from gameday.console.access import EVERY_RUN, ROLES, Keyring, Role
from gameday.schedules.log import Log
from gameday.wiring.recurring import standing
from tests.cli.live_run import GO
from tests.console.a_console import HOUR, Day, a_day, enter
from tests.console.browsers import PHONE, WIDE, chromium, person, served

DAY = 24 * HOUR
FILE = """kind: schedule
id: weekly
scenario: payment-functions-stop
cron: "0 10 * * *"
tz: Europe/London
owner: payments-sre
blackouts: [{from: %s, to: %s, because: Quarter end <b>}]
"""


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    """One schedule: its second day to come is a blackout, its last time was skipped, the one before was within."""
    with a_day(tmp_path) as made:
        blackout = iso(GO + 2 * DAY)[:10]
        (tmp_path / "scenarios").mkdir()
        (tmp_path / "scenarios" / "weekly.yaml").write_text(FILE % (blackout, blackout), "utf-8")
        at = [iso(GO - n * DAY) for n in (2, 1)]
        Log(tmp_path).append(
            {"kind": "ended", "time": f"weekly@{at[0]}", "schedule": "weekly", "outcome": "within",
             "run": made.run.name, "says": "", "at": at[0]},
            {"kind": "skipped", "time": f"weekly@{at[1]}", "schedule": "weekly", "due": at[1], "start": at[1],
             "reason": "open incident", "says": "INC-4711 is open", "at": at[1]},
        )  # fmt: skip
        yield made


def test_it_says_what_gameday_schedule_says(day: Day) -> None:
    (found,) = enter(day.app(), "facilitator").get("/api/schedules").json()
    held = standing(day.root, day.clock.wall())
    row = held.row(held.content.schedules["weekly"].model)
    assert found["nexts"][0]["start"] == row["next"]
    assert [found[key] for key in ("id", "scenario", "cron", "stopped")] == [
        row[key] for key in ("schedule", "scenario", "cron", "stopped")
    ]
    assert [n["says"] for n in found["nexts"] if n["reason"] == "blackout"] == ["Quarter end <b>"]
    assert [(one["kind"], one["what"], one["says"], one["run"]) for one in found["lasts"]] == [
        ("skipped", "open incident", "INC-4711 is open", None), ("ended", "within", "", day.run.name)
    ]  # fmt: skip


def test_one_that_is_paused_says_who_and_why(day: Day) -> None:
    paused = {"kind": "paused", "schedule": "weekly", "by": "payments-sre", "because": "We move", "at": iso(GO)}
    Log(day.root).append(paused)
    (found,) = enter(day.app(), "evaluator").get("/api/schedules").json()
    assert found["stopped"] == "paused: payments-sre: We move"
    assert (found["lasts"][0]["what"], found["lasts"][0]["says"]) == ("paused", "payments-sre: We move")
    assert {n["reason"] for n in found["nexts"]} == {"paused"}


@pytest.mark.parametrize("role", ROLES)
def test_it_is_told_to_those_who_run_or_score_any_day(day: Day, role: Role) -> None:
    """Of one run, or as a reader, one would learn what is to come."""
    app = day.app()
    everywhere, one = enter(app, role, "somebody"), enter(app, role, "somebody", day.run)
    told = role in ("facilitator", "evaluator")
    for path in ("/api/schedules", "/schedules"):
        assert (everywhere.get(path).status_code, one.get(path).status_code) == (200 if told else 403, 403)
    assert ('href="/schedules"' in everywhere.get("/schedules" if told else "/runs").text) == told
    assert 'href="/schedules"' not in one.get("/runs/mine").text


def test_files_that_are_wrong_are_said_to_be(day: Day) -> None:
    (day.root / "scenarios" / "weekly.yaml").write_text("kind: schedule\nid: weekly\ncron: never\n")
    answer = enter(day.app(), "facilitator").get("/schedules")
    assert answer.status_code == 409 and "gameday lint" in answer.text


def test_the_page_has_no_fault_that_axe_finds(day: Day) -> None:
    """With a schedule and without; reached from the list of runs by keyboard."""
    with chromium() as browser, served(day.app()) as url:
        token = Keyring(day.root).link(EVERY_RUN, "facilitator", "facilitator", day.clock.wall() + HOUR)[1]
        someone = person(browser, f"{url}/enter/{token}")
        someone.page.get_by_role("link", name="Schedules").press("Enter")
        expect(someone.page.locator("main")).to_contain_text("will be skipped, blackout: Quarter end <b>")
        expect(someone.page.locator("main")).to_contain_text("skipped: open incident")
        for scheme, size in ((s, z) for s in ("light", "dark") for z in (PHONE, WIDE)):
            assert someone.faults(scheme, size) == []
        (day.root / "scenarios" / "weekly.yaml").unlink()
        someone.page.reload()
        expect(someone.page.locator("main")).to_contain_text("Nothing recurs here yet")
        assert someone.faults("light", PHONE) == []
        assert someone.wrong == []
