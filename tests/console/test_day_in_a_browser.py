"""A game day in a browser, at speed 1, with real processes: a facilitator starts it, a player on a phone acknowledges
and follows the runbook, an evaluator scores, a reader watches, the facilitator holds, goes on and aborts, and after it
the player says what nobody saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from gameday.journal.store import read
from gameday.people.debrief import answers_of
from tests.console.browsers import PHONE, WIDE, Person, chromium, person
from tests.system.a_day import REAL_LOOKING, gameday, new_workspace

SCENARIO = (Path(__file__).parent / "five_minutes.yaml").read_text("utf-8")
BEGINS_MS, ASKED_MS, ENDS_MS = 90_000, 180_000, 180_000
LATER = "supervisor"  # what the player must never see: it is to come after four and a half minutes


@contextmanager
def console(workspace: Path) -> Iterator[None]:
    """``gameday serve`` there, on a port that is free."""
    environ = {**os.environ, **REAL_LOOKING}
    words = [sys.executable, "-m", "gameday", "serve", "--port", "0"]
    with subprocess.Popen(words, cwd=workspace, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and "The console is at" in process.stdout.readline()
            yield
        finally:
            process.terminate()


def link(workspace: Path, *words: str) -> str:
    said = gameday(workspace, "link", *words, "--json")
    assert said.returncode == 0, said.stderr
    return str(json.loads(said.stdout)["url"])


def press(page: Page, key: str, name: str) -> None:
    """One key, then Enter on the question that it opens."""
    page.keyboard.press(key)
    expect(page.get_by_role("dialog", name=name)).to_be_visible()
    page.keyboard.press("Enter")


def start(page: Page) -> str:
    """The facilitator begins the scenario, and is taken to it; returns the run's id."""
    page.get_by_label("Scenario").select_option("five-minutes")
    page.get_by_role("button", name="Start…").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Start it").press("Enter")
    page.wait_for_url("**/runs/2*", timeout=BEGINS_MS)
    expect(page.locator("#net")).to_have_text("connected")
    return page.url.rpartition("/")[2]


def play(player: Person) -> None:
    """The player acknowledges with a thumb, ticks the first step of the runbook, and writes a note."""
    page = player.page
    acknowledge = page.get_by_role("button", name="Acknowledge")
    expect(acknowledge).to_be_visible(timeout=ASKED_MS)
    expect(page.get_by_text("REHEARSAL", exact=True)).to_be_in_viewport()
    assert player.faults("dark", PHONE) == []
    acknowledge.click()
    tick = page.get_by_role("button", name="Done: step 1")
    tick.click()
    expect(page.get_by_text("1 of 3 done")).to_be_visible()
    page.get_by_role("button", name="Note").click()
    page.keyboard.type("The standby is fine")
    page.get_by_role("button", name="Write it down").click()
    expect(page.locator(".log")).to_contain_text("The standby is fine")
    assert LATER not in page.content()


def score(evaluator: Person) -> None:
    """The evaluator scores how the page was taken, by keyboard."""
    page = evaluator.page
    page.get_by_role("button", name="Score: The on-call engineer is paged").press("Enter")
    page.get_by_role("dialog").get_by_label("Performed", exact=True).check()
    page.get_by_role("dialog").get_by_role("button", name="Score").press("Enter")
    expect(page.locator("[aria-labelledby=h-steps]")).to_contain_text("scored: performed")
    assert evaluator.faults("dark", WIDE) == []


def debrief(player: Person, facilitator: Person) -> None:
    """The player answers on the phone, anonymously; the facilitator reads it, and no role with it."""
    page = player.page
    page.get_by_role("link", name="To the debrief").click()
    page.get_by_label("What surprised you?").fill("The phone number was wrong")
    page.get_by_label("Anonymous").check()
    page.get_by_role("button", name="Write it down").click()
    expect(page.locator("#said")).to_contain_text("Written down")
    facilitator.page.get_by_role("link", name="To the debrief").click()
    expect(facilitator.page.locator("#answers")).to_contain_text("anonymous The phone number was wrong")


def lead(facilitator: Person, watchers: list[Person]) -> None:
    """The facilitator holds, goes on and aborts; everybody sees it."""
    page = facilitator.page
    assert facilitator.faults("light", WIDE) == []
    for key, name, state in (("h", "Hold the timeline?", "HELD"), ("h", "Go on?", "")):
        press(page, key, name)
        for someone in (facilitator, *watchers):
            expect(someone.page.locator("#head-state")).to_have_text(state)
    press(page, "a", "Abort the game day?")
    for someone in (facilitator, *watchers):
        expect(someone.page.locator("#head-state")).to_have_text("ENDED", timeout=ENDS_MS)


def the_day(browser: Browser, workspace: Path) -> tuple[str, list[Person]]:
    facilitator = person(browser, link(workspace, "--role", "facilitator", "--all"))
    run = start(facilitator.page)
    try:
        player = person(browser, link(workspace, run, "--role", "player", "--as", "payments-on-call"), PHONE)
        evaluator, reader = (person(browser, link(workspace, run, "--role", role)) for role in ("evaluator", "reader"))
        play(player)
        expect(reader.page.locator("#log")).to_contain_text("The standby is fine")
        expect(evaluator.page.locator("[aria-labelledby=h-steps]")).to_contain_text("The supervisor calls")
        assert LATER not in reader.page.content()
        score(evaluator)
        lead(facilitator, [player, evaluator, reader])
        debrief(player, facilitator)
        facilitator.page.get_by_role("link", name="Report").click()
        expect(facilitator.page.locator("article")).to_contain_text("Five minutes with people in them")
        expect(reader.page.get_by_role("link", name="To the debrief")).to_have_count(0)
    finally:
        gameday(workspace, "abort", "--run", run)  # refused when it has ended
    return run, [facilitator, player, evaluator, reader]


@pytest.mark.nightly  # four minutes at speed 1
def test_a_game_day_in_a_browser(tmp_path: Path) -> None:
    """What they did stands in the journal with their roles, every fault is gone, and no browser complained."""
    workspace = new_workspace(tmp_path / "ws", five_minutes=SCENARIO)
    with chromium() as browser, console(workspace):
        run, people = the_day(browser, workspace)
        assert [someone.wrong for someone in people] == [[], [], [], []]
    folder = workspace / ".gameday" / "runs" / run
    events = read(folder / "journal.jsonl")[0]
    did = {(e.type, e.who) for e in events}
    assert {("hold.started", "facilitator"), ("hold.ended", "facilitator"), ("abort.asked", "facilitator")} <= did
    assert {("prompt.acknowledged", "payments-on-call"), ("note", "payments-on-call")} <= did
    assert [e.what["status"] for e in events if e.type == "run.ended"] == ["aborted"]
    assert any(e.type == "step.scored" and e.who == "evaluator" for e in events)
    assert [(e.who, e.what["text"]) for e in answers_of(folder)] == [("anonymous", "The phone number was wrong")]
    assert "The phone number was wrong" in (folder / "report.md").read_text("utf-8")
    assert "fault.gone" in {e.type for e in events}
    assert any(e.type == "task.step_done" and e.what["number"] == 1 for e in events)
