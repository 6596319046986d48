"""``via: webhook``: signed, tried again within its time, never leaving a rehearsal, never telling its secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gameday.clock import VirtualClock
from gameday.people.carrying import Undelivered, key_of
from gameday.people.webhook import KEY, SIGNATURE, TIMESTAMP, verify
from tests.people.the_other_side import PROMPT, SECRET, TOKEN, OtherSide, a_webhook, other_side


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_SECRET", SECRET)


@pytest.fixture
def side(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherSide]:
    with other_side() as there:
        monkeypatch.setenv("OPS_URL", there.url)
        yield there


def test_what_arrives_is_signed_and_says_all_of_the_prompt(side: OtherSide) -> None:
    clock = VirtualClock()
    assert a_webhook(clock).deliver(PROMPT) == "200: ok"
    [(_, headers, body)] = side.posted
    assert verify(SECRET, headers, body, clock.wall() // 1000)
    said = json.loads(body)
    assert (said["to"], said["says"], said["expects"]) == (PROMPT.to, PROMPT.says, "acknowledge")
    assert said["key"] == headers[KEY] == key_of(PROMPT)
    assert said["link"] is None


@pytest.mark.parametrize("what", ["secret", "body", "timestamp", "late", "early", "no signature", "no number"])
def test_what_was_changed_or_is_too_old_is_refused(side: OtherSide, what: str) -> None:
    clock = VirtualClock()
    a_webhook(clock).deliver(PROMPT)
    [(_, headers, body)] = side.posted
    now = clock.wall() // 1000
    changed = {
        "timestamp": {**headers, TIMESTAMP: str(now + 1)},
        "no signature": {n: v for n, v in headers.items() if n != SIGNATURE},
        "no number": {**headers, TIMESTAMP: "²"},
    }
    secret = "another" if what == "secret" else SECRET
    sent = body + b" " if what == "body" else body
    at = {"late": now + 301, "early": now - 301}.get(what, now)
    assert not verify(secret, changed.get(what, headers), sent, at)


def test_the_same_prompt_has_the_same_key_and_another_role_another() -> None:
    assert key_of(PROMPT) == key_of(replace(PROMPT, says="again"))
    assert key_of(PROMPT) != key_of(replace(PROMPT, to="deputy"))


def test_what_may_pass_is_tried_again_and_as_late_as_the_other_side_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In wall time, whatever the speed."""
    clock = VirtualClock(speed=20)
    with other_side(
        (503, {}, "busy"), (429, {"Retry-After": "3"}, "slowly"), (200, {"X-Request-Id": "r1"}, "")
    ) as side:
        monkeypatch.setenv("OPS_URL", side.url)
        assert a_webhook(clock).deliver(PROMPT) == "200, request r1"
    assert [ms / clock.speed for ms in clock.slept] == [500, 3000]
    assert len({headers[KEY] for _, headers, _ in side.posted}) == 1
    stamps = [int(headers[TIMESTAMP]) for _, headers, _ in side.posted]
    assert stamps[-1] - stamps[0] >= 3, "each try has a timestamp of its own"


def test_it_gives_up_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    with other_side((500, {}, "broken")) as side:
        monkeypatch.setenv("OPS_URL", side.url)
        with pytest.raises(Undelivered, match=r"it answered 500: broken \(tried 4 times\)"):
            a_webhook(clock, within="5s").deliver(PROMPT)
    assert sum(clock.slept) <= 5000


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410])
def test_what_will_not_pass_is_not_tried_again_and_no_redirect_is_followed(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    with other_side((status, {"Location": "/elsewhere"}, "no")) as side:
        monkeypatch.setenv("OPS_URL", side.url)
        with pytest.raises(Undelivered, match=f"it answered {status}"):
            a_webhook().deliver(PROMPT)
    assert len(side.posted) == 1


def test_nobody_there_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_URL", "http://127.0.0.1:9/hooks/" + TOKEN)
    with pytest.raises(Undelivered, match="it was not reached: ConnectionRefusedError") as told:
        a_webhook(within="1s").deliver(PROMPT)
    assert TOKEN not in str(told.value)


def test_an_answer_that_repeats_a_secret_does_not_bring_it_into_the_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"no service at /services/{TOKEN}, and the secret is {SECRET}\x1b[2J"
    with other_side((200, {}, text), (404, {}, text)) as side:
        monkeypatch.setenv("OPS_URL", side.url)
        receipt = a_webhook().deliver(PROMPT)
        with pytest.raises(Undelivered) as told:
            a_webhook().deliver(PROMPT)
    for said in (receipt, str(told.value)):
        assert TOKEN not in said
        assert SECRET not in said
        assert said.isprintable()


def test_a_rehearsal_sends_nothing_beyond_loopback_and_the_receipt_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_URL", f"https://hooks.example.com/{TOKEN}")
    said = a_webhook().deliver(PROMPT)
    assert said == "not sent: hooks.example.com is not on loopback, and nothing leaves a rehearsal"


@pytest.mark.parametrize("url", ["http://hooks.example.com/x", "ftp://127.0.0.1/x", "nowhere", "https://a:b@host/x",
                                 "https://host:port/"])  # fmt: skip
def test_an_address_that_is_not_safe_is_not_used(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPS_URL", url)
    with pytest.raises(Undelivered, match="not sent: its url"):
        a_webhook(rehearsed=False).deliver(PROMPT)


def test_a_reference_that_is_not_set_fails_outside_rehearsal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPS_URL", raising=False)
    assert a_webhook().deliver(PROMPT) == "not sent: OPS_URL is not set, or empty, and this is a rehearsal"
    with pytest.raises(Undelivered, match="OPS_URL is not set"):
        a_webhook(rehearsed=False).deliver(PROMPT)
