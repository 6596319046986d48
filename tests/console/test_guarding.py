"""What every request meets first: host, size, rate; and what every response carries."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gameday.clock import VirtualClock
from gameday.console.guarding import LARGEST
from gameday.console.limits import Limits, Rate, Rates
from tests.console.a_console import HOUR, UNLIMITED, Day, a_day, answering, enter

SAFE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    with a_day(tmp_path) as made:
        made.tell(230)
        yield made


def test_every_response_carries_the_safe_headers(day: Day) -> None:
    browser = enter(day.app(), "facilitator")
    answers = [browser.get(path) for path in ("/", "/nowhere", "/api/session", "/api/runs/x", "/enter/none",
                                              f"/api/runs/{day.run.name}/stream?once=true")]  # fmt: skip
    answers += [browser.get("/", headers={"host": "evil.example"}), browser.client.post("/api/starts", json={})]
    assert {a.status_code for a in answers} >= {400, 403, 404, 200}
    for answer in answers:
        assert {name: answer.headers[name] for name in SAFE} == SAFE
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "http" not in policy and "*" not in policy


def test_tls_is_said_to_stay(tmp_path: Path) -> None:
    for tls in (True, False):
        root = tmp_path / str(tls)
        root.mkdir()
        with a_day(root, tls=tls) as day:
            headers = TestClient(day.app()).get("/api/session").headers
            assert ("strict-transport-security" in headers) == tls


@pytest.mark.parametrize("host", ["evil.example", "", "127.0.0.1.evil.example", "testserver.evil.example", "[::2]:80"])
def test_a_host_that_is_not_ours_is_refused(day: Day, host: str) -> None:
    """Else a name that somebody points at this machine would be same-origin with us (DNS rebinding)."""
    assert TestClient(day.app()).get("/api/session", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765", "testserver"])
def test_our_own_hosts_are_taken(day: Day, host: str) -> None:
    assert TestClient(day.app()).get("/api/session", headers={"host": host}).status_code == 401


def test_a_body_that_is_too_large_is_refused_whatever_its_header_says(day: Day) -> None:
    browser = enter(day.app(), "facilitator")
    headers = {"x-csrf-token": browser.csrf, "content-type": "application/json"}
    path = f"/api/runs/{day.run.name}/note"
    big = b'{"text": "' + b"x" * LARGEST + b'"}'
    assert browser.client.post(path, content=big, headers=headers).status_code == 413
    chunked = browser.client.post(path, content=iter([big[:1000], big[1000:]]), headers=headers)
    assert chunked.status_code == 413


def test_a_flood_from_a_link_is_stopped_and_an_abort_still_gets_through(day: Day) -> None:
    day.rates = replace(UNLIMITED, changes=Rate(3, 0.001), aborts=Rate(2, 0.001))
    with answering(day):
        browser, other = (enter(day.app(), "facilitator", run=day.run) for _ in range(2))
        notes = [browser.post("/api/runs/mine/note", {"text": str(n)}).status_code for n in range(5)]
        assert notes == [200, 200, 200, 429, 429]
        assert browser.post("/api/runs/mine/abort", {"why": "stop"}).status_code == 200
        assert other.post("/api/runs/mine/note", {"text": "of another link"}).status_code == 200


def test_a_flood_from_an_address_is_stopped(day: Day) -> None:
    day.rates = replace(UNLIMITED, address=Rate(5, 1))
    client = TestClient(day.app())
    found = [client.get("/api/session") for _ in range(7)]
    assert [a.status_code for a in found] == [401] * 5 + [429] * 2
    assert found[-1].headers["retry-after"] == "1"
    day.clock.advance(1000)
    assert client.get("/api/session").status_code == 401


def test_whoever_tries_links_is_stopped(day: Day) -> None:
    day.rates = replace(UNLIMITED, entering=Rate(4, 0.001))
    app = day.app()
    client = TestClient(app)
    tried = [client.post("/enter", data={"token": f"{n:016x}.{'0' * 40}"}).status_code for n in range(6)]
    assert tried == [403] * 4 + [429] * 2


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_wrote(tmp_path: Path) -> None:
    """What stands before it in the header was written by whoever asks."""
    from gameday.console.app import Settings, create_app

    rates = replace(UNLIMITED, address=Rate(2, 0.001))
    for behind, expected in ((True, [401, 401, 429, 401]), (False, [401, 401, 429, 429])):
        clock = VirtualClock()
        hosts = frozenset({"testserver"})
        app = create_app(Settings(tmp_path, hosts, True, behind, rates=rates, clock=clock))
        told = [f"{n}.1.1.1, 10.0.0.7" for n in range(3)] + ["10.0.0.7, 10.0.0.8"]
        client = TestClient(app)
        assert [client.get("/api/session", headers={"x-forwarded-for": t}).status_code for t in told] == expected


def test_buckets_fill_again_and_no_flood_of_addresses_fills_the_memory() -> None:
    clock = VirtualClock()
    limits = Limits(clock)
    assert [limits.take("a", "x", Rate(2, 0.5)) for _ in range(3)] == [True, True, False]
    clock.advance(1999)
    assert not limits.take("a", "x", Rate(2, 0.5))
    clock.advance(2)
    assert limits.take("a", "x", Rate(2, 0.5))
    clock.advance(HOUR)
    assert [limits.take("a", "x", Rate(2, 0.5)) for _ in range(3)] == [True, True, False]
    for number in range(10_100):
        limits.take("a", str(number), Rate(2, 1))
    assert len(limits._left) == 10_000


def test_the_limits_that_ship_let_a_whole_game_day_through() -> None:
    """Fifty browsers behind one address, each opening three pages with what these load, at once."""
    limits, rates = Limits(VirtualClock()), Rates()
    assert all(limits.take("address any", "10.0.0.1", rates.address) for _ in range(50 * 3 * 4))
