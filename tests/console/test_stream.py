"""The stream: nothing lost over a cut, nothing that people wrote gets out of its line, one tail for all readers."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gameday.console.access import Grant, Role
from gameday.console.limits import Rates
from gameday.console.stream import Following, Streams, message
from gameday.journal.events import Draft
from tests.cli.live_run import GO, MINUTE
from tests.console.a_console import Browser, Day, a_day, enter, parts

HOSTILE = [
    "\ndata: {}\n\nevent: view\ndata: {}\n\n", "\r\rid: 999\r\r", "<script>alert(1)</script>", "</script><!--",
    "\x00\x1b[2J\u202e", "\u2028\u2029\x85", "'\"`${7*7}{{7*7}}", "a" * 4000, "\ufeff", "javascript:alert(1)",
]  # fmt: skip


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    with a_day(tmp_path) as made:
        yield made


def stream(browser: Browser, after: int | None = None, last: str | None = None) -> list[dict[str, str]]:
    query = "" if after is None else f"&after={after}"
    headers = {} if last is None else {"last-event-id": last}
    return parts(browser.get(f"/api/runs/mine/stream?once=true{query}", headers=headers).text)


def ids(found: list[dict[str, str]], event: str = "told") -> list[int]:
    return [int(p["id"]) for p in found if p["event"] == event]


def newest(found: list[dict[str, str]]) -> str:
    """What a browser would send as Last-Event-ID."""
    return [p["id"] for p in found if "id" in p][-1]


def test_a_reader_that_comes_again_gets_what_it_missed_and_nothing_twice(day: Day) -> None:
    """However often and wherever the network is cut, what was told in pieces is what is told at once."""
    day.tell(100)
    browser = enter(day.app(), "evaluator", run=day.run)
    first = stream(browser)
    seen, last = ids(first), newest(first)
    for until in (200, 300, 481):
        for event in [e for e in _story(day) if day.state.seq < e[0] and e[1] <= until]:
            day.add(event[2], GO + event[1] * 1000)
        found = stream(browser, last=last)
        assert min(ids(found)) > int(last)
        seen, last = seen + ids(found), newest(found)
    assert seen == ids(stream(browser)) == sorted(set(seen))
    assert stream(browser, after=3, last=last) == stream(browser, last=last), "Last-Event-ID goes before after"


def _story(day: Day) -> list[tuple[int, int, Draft]]:
    from tests.cli.live_run import events
    from tests.console.a_console import the_events

    told = events(10_000)
    return [(n, (e.at - GO) // 1000, d) for n, (e, d) in enumerate(zip(told, the_events(), strict=True), 2)]


def test_a_console_that_was_killed_and_started_again_goes_on_from_the_same_event(day: Day) -> None:
    day.tell(200)
    app = day.app()
    browser = enter(app, "facilitator", run=day.run)
    before = stream(browser)
    whole = browser.get("/api/runs/mine").json()
    again = day.app()  # nothing is left of the first but what is on disk
    browser.client.app = again
    from fastapi.testclient import TestClient

    other = Browser(TestClient(again, cookies=browser.client.cookies, base_url="https://testserver"), browser.grant,
                    browser.csrf)  # fmt: skip
    assert other.get("/api/runs/mine").json() == whole
    assert stream(other, last="20") == [p for p in before if p["event"] in ("view", "gauges") or int(p["id"]) > 20]
    day.add(Draft("note", {"text": "while nobody served"}, "facilitator"))
    (told,) = [p for p in stream(other, last=newest(before)) if p["event"] == "told"]
    assert json.loads(told["data"])["text"] == "facilitator: while nobody served"


@pytest.mark.parametrize("last", ["", "x", "-1", "1e9", "9" * 19, "٣", "0x1", " 5"])
def test_a_last_event_id_that_makes_no_sense_costs_nobody_the_view(day: Day, last: str) -> None:
    day.tell(100)
    browser = enter(day.app(), "reader", run=day.run)
    answer = browser.get("/api/runs/mine/stream?once=true", headers={"last-event-id": last.encode()})
    assert answer.status_code == 200
    assert "view" in {p["event"] for p in parts(answer.text)}


@pytest.mark.parametrize("role", ["facilitator", "player", "evaluator", "reader"])
@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_write_never_leaves_its_line(day: Day, text: str, role: Role) -> None:
    """Each message is what we made it, and its data the JSON that we wrote, whatever stands in the journal."""
    hostile = [
        (150, Draft("note", {"text": text}, text)),
        (151, Draft("note", {"text": text}, "payments-on-call")),
        (152, Draft("prompt.delivered", {"step": "ack", "prompt": text, "to": "payments-on-call", "says": text,
                                         "via": text, "expects": "answer"})),
        (153, Draft("hold.started", {"why": text}, text)),
        (154, Draft("observer.failed", {"source": text, "error": text, "signals": [text]})),
        (155, Draft("signals.sampled", {"values": {text: [[GO, 1.0]]}})),
        (156, Draft("guard.fired", {"guard": text, "value": text})),
        (157, Draft("step.ended", {"step": text, "result": text, "why": text})),
    ]  # fmt: skip
    day.tell(160, *hostile)
    browser = enter(day.app(), role, "payments-on-call" if role == "player" else role, day.run)
    raw = browser.get("/api/runs/mine/stream?once=true").text
    for part in parts(raw):
        assert set(part) <= {"id", "event", "data"}
        assert part["event"] in ("told", "view", "signals", "gauges")
        json.loads(part["data"])
    assert "\r" not in raw and "\x00" not in raw and "\x1b" not in raw
    page = browser.get("/")
    assert "<script>alert" not in page.text


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_text_is_one_message(text: str) -> None:
    raw = message("told", json.dumps({"text": text}), 7).decode()
    (part,) = parts(raw)
    assert part == {"id": "7", "event": "told", "data": json.dumps({"text": text})}


def test_a_damaged_journal_is_said_and_what_was_read_stays(day: Day) -> None:
    day.tell(100)
    browser = enter(day.app(), "reader", run=day.run)
    before = browser.get("/api/runs/mine").json()
    with (day.run / "journal.jsonl").open("ab") as file:
        file.write(b'{"seq": 1, "not": "an event"}\n')
    after = browser.get("/api/runs/mine").json()
    assert after["lines"] == before["lines"]
    with_damage = stream(browser)
    assert "damaged after event" in json.loads(next(p for p in with_damage if p["event"] == "damaged")["data"])["why"]


def test_half_a_line_is_no_event_yet(day: Day) -> None:
    day.tell(100)
    browser = enter(day.app(), "reader", run=day.run)
    seq = browser.get("/api/runs/mine").json()["head"]["seq"]
    path = day.run / "journal.jsonl"
    whole = path.read_bytes()
    event = day.add(Draft("note", {"text": "later"}, "facilitator"))
    path.write_bytes(whole + event.line()[:40])
    assert browser.get("/api/runs/mine").json()["head"]["seq"] == seq
    path.write_bytes(whole + event.line())
    assert browser.get("/api/runs/mine").json()["head"]["seq"] == seq + 1


def test_a_run_that_cannot_be_read_is_said_to_be_so(day: Day) -> None:
    day.tell(100)
    (day.run / "plan.json").write_text("{")
    answer = enter(day.app(), "reader", run=day.run).get("/api/runs/mine")
    assert answer.status_code == 409
    assert str(day.root) not in answer.text


async def _followed(day: Day, streams: Streams, grants: list[Grant], seconds: float) -> list[list[bytes]]:
    following = await streams.follow(day.run)
    got: list[list[bytes]] = [[] for _ in grants]

    async def read(grant: Grant, into: list[bytes]) -> None:
        async for part in streams.read(following, grant, following.known.seq, lambda: True):
            into.append(part)

    tasks = [asyncio.create_task(read(g, into)) for g, into in zip(grants, got, strict=True)]
    await asyncio.sleep(0.1)
    day.add(Draft("note", {"text": "news"}, "facilitator"))
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await streams.close()
    return got


def test_fifty_readers_share_one_tail_and_get_news_within_a_second(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    day.tell(100)
    looks = 0
    read = Following._read

    def counted(self: Following) -> object:
        nonlocal looks
        looks += 1
        return read(self)

    monkeypatch.setattr(Following, "_read", counted)
    grants = [Grant(f"{n:016x}", day.run.name, "reader", "reader", GO + MINUTE * 1000) for n in range(50)]
    got = asyncio.run(_followed(day, Streams(day.clock), grants, 1.0))
    assert all(b"facilitator: news" in b"".join(parts_) for parts_ in got)
    assert looks <= 1 + 1.1 / 0.2 + 2


def test_a_link_has_so_many_streams_open_and_no_more() -> None:
    streams = Streams(clock=None, rates=Rates(streams=2, all_streams=3))  # type: ignore[arg-type] # no time is read here
    one, two = (Grant(c * 16, "run", "reader", "reader", 0) for c in "ab")
    with streams.place(one) as a, streams.place(one) as b, streams.place(one) as c, streams.place(two) as d:
        assert (a, b, c, d) == (True, True, False, True)
        with streams.place(two) as e:
            assert not e
    with streams.place(one) as again:
        assert again


def test_a_run_that_nobody_conducts_any_more_is_said_to_be_so(tmp_path: Path) -> None:
    with a_day(tmp_path) as day:
        day.tell(100)
        browser = enter(day.app(), "facilitator", run=day.run)
        assert browser.get("/api/runs/mine").json()["head"]["status"] == "running"
    found = browser.get("/api/runs/mine").json()["head"]
    assert (found["status"], found["may"]) == ("not conducted", ["link"])
    answer = browser.post("/api/runs/mine/hold", {"why": ""})
    assert (answer.status_code, answer.json()["detail"]) == (409, "Nobody conducts this run now.")


def test_a_conductor_that_does_not_answer_is_waited_for_two_seconds(day: Day) -> None:
    day.tell(100)
    answer = enter(day.app(), "facilitator", run=day.run).post("/api/runs/mine/hold", {"why": ""})
    assert answer.status_code == 202
    assert answer.json()["result"] == "waiting"
    assert [p.stem for p in (day.run / "inbox").glob("*.json")] == [answer.json()["command"]]
