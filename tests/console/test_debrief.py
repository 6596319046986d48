"""The debrief over HTTP and in a browser: whose answers stand where, and that nobody's are lost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gameday.console import debriefing
from gameday.console.access import ROLES, Keyring, Role
from gameday.journal.events import Draft
from gameday.people.debrief import STANDARD, answers_of
from tests.console.a_console import HOUR, Browser, Day, a_day, enter
from tests.console.browsers import PHONE, WIDE, chromium, person, served

LUCKY, PROPOSED = "Where were we lucky?", "What do you propose that we do?"
PATH = "/api/runs/mine/debrief"


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """A run that has ended, as if its conductor had gone."""
    monkeypatch.setattr(debriefing, "CLOSES_WITHIN_S", 0.0)
    with a_day(tmp_path) as made:
        made.tell(230)
        made.add(Draft("run.ended", {"status": "completed"}))
        yield made


def by(day: Day, role: Role) -> Browser:
    return enter(day.app(), role, "payments-on-call" if role == "player" else role, day.run)


def said(text: str, question: str = LUCKY, anonymous: bool = False) -> dict[str, object]:
    return {"answers": [{"question": question, "text": text}], "anonymous": anonymous}


def told(browser: Browser) -> list[tuple[str, str]]:
    return [(a["who"], a["text"]) for q in browser.get(PATH).json()["questions"] for a in q["answers"]]


def test_answers_stand_where_gameday_debrief_keeps_them_and_in_the_report(day: Day) -> None:
    answer = by(day, "player").post(PATH, said("The standby was warm"))
    assert answer.status_code == 200, answer.text
    found = [(e.who, e.what) for e in answers_of(day.run)]
    assert found == [("payments-on-call", {"question": LUCKY, "text": "The standby was warm"})]
    assert "The standby was warm" in (day.run / "report.md").read_text("utf-8")


def test_a_player_sees_their_own_answers_and_who_runs_or_scores_the_day_sees_all(day: Day) -> None:
    player, facilitator, evaluator = (by(day, r) for r in ("player", "facilitator", "evaluator"))
    assert player.post(PATH, said("Mine")).status_code == 200
    assert facilitator.post(PATH, said("Theirs", PROPOSED)).status_code == 200
    assert told(player) == [("payments-on-call", "Mine")]
    assert told(facilitator) == told(evaluator) == [("payments-on-call", "Mine"), ("facilitator", "Theirs")]


def test_an_anonymous_answer_has_no_role_anywhere(day: Day) -> None:
    player = by(day, "player")
    assert player.post(PATH, said("I was afraid to say it", anonymous=True)).status_code == 200
    assert told(by(day, "facilitator")) == [("anonymous", "I was afraid to say it")]
    assert told(player) == []
    assert "payments-on-call" not in (day.run / "debrief.jsonl").read_text("utf-8")


@pytest.mark.parametrize(("body", "status"), [
    (said("x", "Who is to blame?"), 422), ({"answers": []}, 422), (said("  "), 422), ({}, 422),
    ({**said("x"), "who": "cfo"}, 422), (said("x" * 4_001), 422),
])  # fmt: skip
def test_what_is_no_answer_is_refused_and_nothing_is_written(day: Day, body: dict[str, object], status: int) -> None:
    assert by(day, "evaluator").post(PATH, body).status_code == status
    assert answers_of(day.run) == []


@pytest.mark.parametrize("role", ROLES)
def test_without_its_token_nothing_is_written(day: Day, role: Role) -> None:
    browser, other = by(day, role), by(day, role)
    for token in ({}, {"x-csrf-token": ""}, {"x-csrf-token": other.csrf}):
        assert browser.client.post(PATH, json=said("x"), headers=token).status_code == 403
    assert browser.post(PATH, said("x"), origin="https://evil.example").status_code == 403
    assert answers_of(day.run) == []


def test_a_reader_has_no_debrief(day: Day) -> None:
    reader = by(day, "reader")
    assert (reader.get(PATH).status_code, reader.post(PATH, said("x")).status_code) == (403, 403)
    assert reader.get("/runs/mine/debrief").status_code == 403
    assert "/debrief" not in reader.get("/runs/mine").text


def test_until_the_run_has_ended_there_is_none(tmp_path: Path) -> None:
    with a_day(tmp_path) as day:
        day.tell(230)
        player = by(day, "player")
        assert (player.get(PATH).status_code, player.post(PATH, said("x")).status_code) == (409, 409)
        assert "What surprised you?" not in player.get("/runs/mine/debrief").text
        assert "debrief" not in player.get("/api/runs/mine").json()["head"]["may"]
        assert not (day.run / "debrief.jsonl").exists()


def test_twelve_who_answer_at_once_are_all_heard(day: Day) -> None:
    """Each claim of a journal ends the one before; so they wait for one another."""

    def speak(number: int) -> list[int]:
        browser = by(day, "evaluator")  # of its own console: a client's event loop is no two threads'
        return [browser.post(PATH, said(f"number {3 * number + n}")).status_code for n in range(3)]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(speak, range(4))) == [[200] * 3] * 4
    assert {e.what["text"] for e in answers_of(day.run)} == {f"number {n}" for n in range(12)}


def link(day: Day, url: str, role: Role, who: str) -> str:
    return f"{url}/enter/{Keyring(day.root).link(day.run.name, role, who, day.clock.wall() + HOUR)[1]}"


def answer_by_keyboard(page: Page) -> None:
    """From the page of the run, without a mouse: the link, two of the questions, no name, written down."""
    page.get_by_role("link", name="To the debrief").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Debrief")
    page.get_by_label(LUCKY).focus()
    page.keyboard.type("The standby <b>was warm</b>")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "anonymous":
            break
        if page.evaluate("document.activeElement.dataset.question") == PROPOSED:
            page.keyboard.type("Test it each month")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Write it down")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("Written down")
    expect(page.get_by_label(LUCKY)).to_have_value("")


def test_a_debrief_by_keyboard_in_a_browser(day: Day) -> None:
    """On a phone and on a wide screen, light and dark, axe-core finds nothing; words stay words."""
    with chromium() as browser, served(day.app()) as url:
        player = person(browser, link(day, url, "player", "payments-on-call"), PHONE)
        answer_by_keyboard(player.page)
        facilitator = person(browser, link(day, url, "facilitator", "facilitator"))
        facilitator.page.get_by_role("link", name="Debrief", exact=True).click()
        expect(facilitator.page.locator("#answers")).to_contain_text("anonymous The standby <b>was warm</b>")
        expect(facilitator.page.locator("#answers")).to_contain_text("Test it each month")
        expect(facilitator.page.locator("textarea")).to_have_count(len({*day.plan.debrief, *STANDARD}))
        for someone in (player, facilitator):
            for scheme, size in ((s, z) for s in ("light", "dark") for z in (PHONE, WIDE)):
                assert someone.faults(scheme, size) == []
            assert someone.wrong == []


def test_words_that_could_not_be_sent_stay_in_their_field(day: Day) -> None:
    with chromium() as browser, served(day.app()) as url:
        page = person(browser, link(day, url, "evaluator", "evaluator")).page
        page.goto(f"{url}/runs/mine/debrief")
        page.get_by_label(LUCKY).fill("Half an hour of thought")
        page.context.set_offline(True)
        page.get_by_role("button", name="Write it down").press("Enter")
        expect(page.locator("#said-loud")).to_contain_text("Not sent")
        expect(page.get_by_label(LUCKY)).to_have_value("Half an hour of thought")
        page.context.set_offline(False)
        page.get_by_role("button", name="Write it down").press("Enter")
        expect(page.locator("#answers")).to_contain_text("Half an hour of thought")
