"""The pages in a browser, over a run whose journal the tests write: no fault that axe-core finds, everything by
keyboard, the truth after the network was cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from gameday.console import orders
from gameday.console.access import EVERY_RUN, Action, Keyring, Role
from gameday.journal.events import Draft
from gameday.journal.inbox import KINDS
from tests.cli.live_run import GO
from tests.console.a_console import HOUR, Day, a_day, answering
from tests.console.browsers import PHONE, WIDE, Person, chromium, person, served

HOSTILE = "<img src=x onerror=alert(1)> <script>alert(2)</script> `x` \u202e"
FOCUSED = """() => { const node = document.activeElement;
    return node.matches("main button, main input, nav a") ? node.ariaLabel || node.textContent || node.id : ""; }"""
SCREENS = [(scheme, size) for scheme in ("light", "dark") for size in (WIDE, PHONE)]


@dataclass
class Stage:
    """A day that is served, and the browser that looks at it."""

    day: Day
    url: str
    browser: Browser

    def link(self, role: Role, who: str | None = None, everywhere: bool = False) -> str:
        run = EVERY_RUN if everywhere else self.day.run.name
        _, token = Keyring(self.day.root).link(run, role, who or role, self.day.clock.wall() + HOUR)
        return f"{self.url}/enter/{token}"

    def person(self, role: Role, who: str | None = None, size: object = WIDE, everywhere: bool = False) -> Person:
        return person(self.browser, self.link(role, who, everywhere), size)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def stage(tmp_path: Path, browser: Browser) -> Iterator[Stage]:
    with a_day(tmp_path) as day, served(day.app()) as url:
        day.tell(200)
        yield Stage(day, url, browser)
        for context in list(browser.contexts):
            context.close()


ROLES: list[tuple[Role, str | None]] = [
    ("facilitator", None), ("player", "payments-on-call"), ("evaluator", None), ("reader", None),
]  # fmt: skip


@pytest.mark.parametrize(("role", "who"), ROLES, ids=[r for r, _ in ROLES])
def test_a_live_run_has_no_fault_that_axe_finds(stage: Stage, role: Role, who: str | None) -> None:
    """For every role, light and dark, on a phone and on a wide screen; the browser complains of nothing either, so
    that nothing breaks the policy."""
    someone = stage.person(role, who)
    expect(someone.page.locator("#net")).to_have_text("connected")
    if role != "player":
        expect(someone.page.locator("canvas").first).to_be_visible()
    for screen in SCREENS if role in ("facilitator", "player") else SCREENS[1:3]:
        assert someone.faults(*screen) == []
    assert someone.wrong == []


def test_every_other_page_has_no_fault_that_axe_finds(stage: Stage) -> None:
    """Runs, services, plan, report, people, a link, and what could not be done."""
    (stage.day.run / "report.md").write_text(f"# Report\n\n| a | b |\n|---|---|\n| {HOSTILE} | 2 |\n", "utf-8")
    someone = stage.person("facilitator", everywhere=True)
    run = f"/runs/{stage.day.run.name}"
    for path in ("/runs", "/services", f"{run}/plan", f"{run}/report", f"{run}/people", "/runs/none"):
        someone.page.goto(stage.url + path)
        expect(someone.page.get_by_role("heading", level=1)).to_be_visible()
        for screen in SCREENS:
            assert (path, someone.faults(*screen)) == (path, [])
    assert someone.wrong == ["Failed to load resource: the server responded with a status of 404 (Not Found)"]
    someone.page.goto(stage.link("reader"))
    assert someone.faults(*SCREENS[0]) == []


def test_the_environment_is_on_screen_all_the_time(stage: Stage) -> None:
    """Also when one has scrolled to the end of a long page."""
    someone = stage.person("reader", size=PHONE)
    expect(someone.page.locator("canvas").first).to_be_visible()
    someone.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(someone.page.get_by_text("REHEARSAL", exact=True)).to_be_in_viewport()


def test_everything_by_keyboard(stage: Stage) -> None:
    """One key opens the question, Enter confirms, Escape gives up and gives the focus back."""
    with answering(stage.day):
        page = stage.person("facilitator").page
        expect(page.locator("#net")).to_have_text("connected")
        page.locator("#hold").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog", name="Hold the timeline?")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator("#hold")).to_be_focused()
        page.keyboard.press("h")
        page.keyboard.press("Enter")
        expect(page.locator("#head-state")).to_have_text("HELD")
        page.keyboard.press("h")
        page.keyboard.press("Enter")
        expect(page.locator("#head-state")).to_have_text("")
        page.keyboard.press("n")
        page.keyboard.type("a note with an h and an a")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#log")).to_contain_text("a note with an h and an a")
        page.keyboard.press("a")
        expect(page.get_by_role("button", name="Abort now")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#head-state")).to_have_text("ABORTING")
    assert stage.day.state.abort


def test_the_keyboard_reaches_every_button(stage: Stage) -> None:
    """Tab by Tab from the top of the page, and nobody is caught anywhere."""
    page = stage.person("facilitator").page
    expect(page.locator("#net")).to_have_text("connected")
    everything = page.locator("main button:enabled, main input, nav a").count()
    reached = set()
    for _ in range(everything + 20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    assert len(reached - {""}) == everything


def test_single_keys_can_be_switched_off(stage: Stage) -> None:
    """For those who speak to their computer."""
    page = stage.person("facilitator").page
    expect(page.locator("#net")).to_have_text("connected")
    page.get_by_label("Single keys").uncheck()
    page.locator("h1").click()
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_cut_network_is_said_and_afterwards_the_truth_is_shown(stage: Stage) -> None:
    """What happened in between is there, once and in order; what was shown before is greyed, not hidden."""
    someone = stage.person("facilitator")
    page = someone.page
    expect(page.locator("#net")).to_have_text("connected")
    page.context.set_offline(True)
    expect(page.locator("#net")).to_contain_text("NOT CONNECTED")
    expect(page.locator("body.stale")).to_have_count(1)
    for number in range(3):
        stage.day.add(Draft("note", {"text": f"while away {number}"}, "scribe"), GO + 200_000 + number)
    expect(page.locator("#log")).not_to_contain_text("while away")
    page.context.set_offline(False)
    expect(page.locator("#net")).to_have_text("connected")
    expect(page.locator("body.stale")).to_have_count(0)
    told = page.locator("#log .words").all_inner_texts()
    assert [t for t in told if "while away" in t] == [f"scribe: while away {n}" for n in (2, 1, 0)]


def test_a_command_without_network_is_refused_in_words_and_never_sent_later(stage: Stage) -> None:
    """A command that comes after its moment would do harm."""
    page = stage.person("facilitator").page
    expect(page.locator("#net")).to_have_text("connected")
    page.context.set_offline(True)
    page.keyboard.press("h")
    page.keyboard.press("Enter")
    expect(page.locator("#said-loud")).to_contain_text("Not sent")
    page.context.set_offline(False)
    expect(page.locator("#net")).to_have_text("connected")
    assert list((stage.day.run / "inbox").glob("*.json")) == []


def test_what_comes_for_a_player_is_large_and_said_aloud(stage: Stage) -> None:
    """The button fills the width of a phone; the title and a live region tell of it; then it is done."""
    delivered = {
        "prompt": "p1",
        "step": "step-zq-ack",
        "to": "payments-on-call",
        "says": "Call the bridge.",
        "via": "console",
    }
    with answering(stage.day):
        page = stage.person("player", "payments-on-call", PHONE).page
        expect(page.locator("#net")).to_have_text("connected")
        stage.day.add(Draft("step.started", {"step": "step-zq-ack"}), GO + 201_000)
        stage.day.add(Draft("prompt.delivered", {**delivered, "expects": "acknowledge"}), GO + 201_000)
        button = page.locator("[data-prompt=p1]")
        expect(button).to_be_visible(timeout=2_000)
        box = button.bounding_box()
        assert box and box["width"] > 280 and box["height"] >= 44
        expect(page.locator("#aloud")).to_contain_text("Call the bridge.")
        assert page.title().startswith("(")
        button.click()
        expect(button).to_have_count(0)
    assert stage.day.state.prompts["p1"].done_by == "payments-on-call"


def test_what_is_being_typed_survives_an_update(stage: Stage) -> None:
    """A live page never takes the words out of somebody's hands, nor the focus."""
    page = stage.person("evaluator").page
    expect(page.locator("#net")).to_have_text("connected")
    page.keyboard.press("n")
    page.keyboard.type("half a")
    stage.day.add(Draft("note", {"text": "something else"}, "scribe"), GO + 200_000)
    expect(page.locator("#log")).to_contain_text("something else")
    page.keyboard.type(" sentence")
    expect(page.get_by_label("What you saw")).to_have_value("half a sentence")


def test_what_people_write_is_words_and_nothing_else(stage: Stage) -> None:
    """A note that is a page of its own is shown as it was written."""
    someone = stage.person("reader")
    stage.day.add(Draft("note", {"text": HOSTILE}, "scribe"), GO + 200_000)
    expect(someone.page.locator("#log")).to_contain_text("<script>alert(2)</script>")
    assert someone.page.locator("#log img, #log script").count() == 0
    assert someone.wrong == []


def test_a_reader_has_no_button(stage: Stage) -> None:
    """A reader's page asks for nothing."""
    reader = stage.person("reader").page
    expect(reader.locator("#net")).to_have_text("connected")
    expect(reader.locator("[aria-labelledby=h-steps]")).to_be_visible()
    expect(reader.locator("main button")).to_have_count(0)


OFFERED: list[tuple[Action, Role, str]] = [
    ("score", "evaluator", "Score"), ("fire", "facilitator", "Fire now"), ("delay", "facilitator", "Delay"),
    ("wrong", "player", "is wrong"), ("missing", "player", "is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "role", "name"), OFFERED, ids=[a for a, _, _ in OFFERED])
def test_only_what_the_conductor_can_do_is_offered(stage: Stage, action: Action, role: Role, name: str) -> None:
    """No button that would only ever be refused."""
    page = stage.person(role, "payments-on-call" if role == "player" else None).page
    expect(page.locator("#net")).to_have_text("connected")
    assert (page.get_by_role("button", name=name).count() > 0) == orders.served(action)


def test_each_question_asks_what_its_command_needs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent is what the API takes: a score with a comment, a delay in milliseconds, what is wrong."""
    monkeypatch.setattr("gameday.console.orders.KINDS", (*KINDS, *(a for a, _, _ in OFFERED)))
    people = {role: stage.person(role, "payments-on-call" if role == "player" else None).page for _, role, _ in OFFERED}
    sent = {}
    for action, role, name in OFFERED:
        page = people[role]
        page.get_by_role("button", name=name).first.click()
        dialog = page.get_by_role("dialog")
        if action == "score":
            expect(dialog.get_by_role("radio")).to_have_count(4)
            dialog.get_by_label("Performed, with some challenges").check()
        for words in dialog.get_by_role("textbox").all():
            words.fill("so it was")
        with page.expect_request(f"**/{action}") as request:
            dialog.locator("[type=submit]").click()
        sent[action] = request.value.post_data_json
        expect(
            page.locator("#said, #said-loud").filter(has_text="Not done").or_(page.locator("#said p"))
        ).to_be_visible()
    assert sent["score"] == {"step": "step-zq-ack", "score": "performed_with_challenges", "comment": "so it was"}
    assert sent["delay"] == {"step": "step-zq-regulator-calls", "by_ms": 300_000}
    assert sent["fire"] == {"step": "step-zq-regulator-calls"}
    assert sent["wrong"] == {"step": "step-zq-failover", "number": 1, "text": "so it was"}
    assert sent["missing"] == sent["wrong"]
