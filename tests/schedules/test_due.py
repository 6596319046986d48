"""What is due, what is skipped and why: on a virtual clock, against a golden file and rule by rule."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.clock import VirtualClock, from_iso, iso
from gameday.model.schedule import times
from gameday.schedules.due import REASONS, Board, Place, jitter_of
from gameday.schedules.past import Past
from tests.schedules.a_year import DAY, MINUTE, board, line_of, lived, schedule, told

GOLDEN = Path(__file__).parent / "a_year.txt"
YEAR = [
    schedule("payments", "0 10 * * Mon", jitter="20m", holidays={"country": "GB", "part": "ENG"},
             freezes=["freeze.ics"], window={"hours": "09:30-16:00", "days": "Mon-Fri"}),
    schedule("night", "30 1 * * Sun", expires="2026-12-06"),
    schedule("berlin", "30 2 * * Sun", tz="Europe/Berlin"),
    schedule("new-york", "0 9 1,15 * *", tz="America/New_York", catch_up="latest",
             blackouts=[{"from": "2026-07-14", "to": "2026-07-16", "because": "Close of the half-year"}]),
]  # fmt: skip


def test_a_year_over_two_changes_of_the_clocks_freezes_holidays_and_an_outage_is_as_it_was_approved() -> None:
    """The scheduler is away from 13 March 12:00 to 16 March 12:00 UTC, and again over nothing."""
    clock = VirtualClock(from_iso("2026-01-01T00:00:00Z"))
    away = ("2026-03-13T12:00:00Z", "2026-03-16T12:00:00Z")
    zones = {s.id: s.tz for s in YEAR}
    lines = [told(d, zones[d.time.schedule])
             for d in lived(board(YEAR, clock.now()), clock, "2027-01-15T00:00:00Z", away)]  # fmt: skip
    text = "\n".join(lines) + "\n"
    if os.environ.get("GAMEDAY_GOLDEN") == "write":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_an_hour_that_is_left_out_is_made_up_for_right_after_it_and_one_that_comes_twice_counts_once() -> None:
    london = ZoneInfo("Europe/London")
    spring = times("30 1 * * *", datetime(2026, 3, 28, 12, tzinfo=london))
    assert [iso(round(t.timestamp() * 1000)) for t, _ in zip(spring, range(2), strict=False)] == [
        "2026-03-29T01:00:00.000Z",  # 01:30 does not exist: at 02:00 BST
        "2026-03-30T00:30:00.000Z",
    ]
    autumn = times("30 1 * * *", datetime(2026, 10, 24, 12, tzinfo=london))
    assert [iso(round(t.timestamp() * 1000)) for t, _ in zip(autumn, range(2), strict=False)] == [
        "2026-10-25T00:30:00.000Z",
        "2026-10-26T01:30:00.000Z",
    ]


def first(held: Board, now: str, past: Past | None = None) -> tuple[str, str]:
    (decision,) = held.due(past or Past(), from_iso(now))
    return decision.act, decision.reason


TUESDAY, LATER = "2026-06-02T00:00:00Z", "2026-06-02T09:05:00Z"


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"window": {"hours": "12:00-14:00"}}, "window"),
        ({"window": {"hours": "08:00-10:30"}}, "window"),  # it begins inside, and would not be over
        ({"blackouts": [{"from": "2026-06-01", "to": "2026-06-02", "because": "x"}]}, "blackout"),
        ({"freezes": ["gone.ics"]}, "freeze"),
        ({"expires": "2026-06-01"}, "expired"),
        ({"paused": "we move"}, "paused"),
    ],
)
def test_each_rule_of_a_file_skips_with_its_reason(keys: dict[str, object], reason: str) -> None:
    assert first(board([schedule("x", "0 10 * * Tue", **keys)], TUESDAY), LATER) == ("skip", reason)


def test_a_holiday_skips_and_the_day_after_does_not() -> None:
    england = {"holidays": {"country": "GB", "part": "ENG"}}
    daily = schedule("x", "0 10 * * *", **england)
    assert first(board([daily], "2026-05-24T12:00:00Z"), "2026-05-25T09:01:00Z") == ("skip", "holiday")
    assert first(board([daily], "2026-05-25T12:00:00Z"), "2026-05-26T09:01:00Z") == ("fire", "")


def test_a_freeze_that_begins_before_the_run_would_be_over_skips_it() -> None:
    """Payroll day begins at 08:00 in London; a run of an hour from 07:30 touches it, one of ten minutes does not."""
    for lasts, found in (("1h", ("skip", "freeze")), ("10m", ("fire", ""))):
        held = schedule("x", "30 7 * * *", freezes=["freeze.ics"], lasts=lasts)
        assert first(board([held], "2026-07-27T12:00:00Z"), "2026-07-28T06:31:00Z") == found


def test_a_freeze_that_was_called_off_is_none() -> None:
    held = schedule("x", "30 7 * * *", freezes=["freeze.ics"], lasts="10m")
    assert first(board([held], "2026-06-09T12:00:00Z"), "2026-06-10T06:31:00Z") == ("fire", "")


def test_breaches_in_a_row_pause_it_until_a_person_looked() -> None:
    held, past = schedule("x", "0 10 * * *", pause_after=2), Past()
    for n, outcome in enumerate(("breached", "inconclusive", "breached")):
        assert past.breaches.get("x", 0) < 2
        past.apply({"kind": "ended", "time": f"x@{n}", "schedule": "x", "outcome": outcome})
    assert first(board([held], TUESDAY), LATER, past) == ("skip", "paused after breaches")
    past.apply({"kind": "resumed", "schedule": "x", "by": "sre", "because": "looked"})
    assert first(board([held], TUESDAY), LATER, past) == ("fire", "")


def test_a_run_that_left_something_behind_stops_all_that_come_after_it() -> None:
    past = Past()
    past.apply({"kind": "ended", "time": "x@1", "schedule": "x", "outcome": "unsafe", "run": "r"})
    assert first(board([schedule("x", "0 10 * * *")], TUESDAY), LATER, past) == ("skip", "previous run not closed")


def test_what_is_busy_is_waited_for_until_it_is_too_late_and_then_says_for_what() -> None:
    one, other = schedule("one", "0 10 * * *"), schedule("other", "0 10 * * *")
    held = board([one, other], TUESDAY, dict.fromkeys(("one", "other"), Place("rehearsal", "pay")))
    past, now = Past(), from_iso("2026-06-02T09:00:00Z")
    acts = []
    for decision in held.due(past, now):
        past.apply(line_of(decision, now)) if decision.act != "wait" else None
        acts.append((decision.time.schedule, decision.act, decision.reason))
    assert acts == [("one", "fire", ""), ("other", "wait", "service busy")]
    assert [d.act for d in held.due(past, now + 14 * MINUTE)] == ["wait"]
    (last,) = held.due(past, now + 16 * MINUTE)
    assert (last.act, last.reason) == ("skip", "service busy")
    assert list(held.due(past, now + 17 * MINUTE)) == []


def test_a_run_on_a_service_it_depends_on_is_waited_for() -> None:
    bank, cards = schedule("bank", "0 10 * * *", not_while=["cards"]), schedule("cards", "0 9 * * *")
    held = board([bank, cards], TUESDAY, {"bank": Place("p-bank", "bank"), "cards": Place("p-cards", "cards")})
    past = Past(active={"cards": "cards@2026-06-02T08:00:00.000Z"})
    found = {d.time.schedule: (d.act, d.reason) for d in held.due(past, from_iso("2026-06-02T09:01:00Z"))}
    assert found["bank"] == ("wait", "dependency busy")


def test_after_three_days_away_nothing_is_caught_up_unless_it_says_so_and_then_only_the_newest() -> None:
    quiet, eager = schedule("quiet", "0 * * * *"), schedule("eager", "0 * * * *", catch_up="latest")
    held = board([quiet, eager], TUESDAY)
    now = from_iso(TUESDAY) + 3 * DAY + 30 * MINUTE
    found = list(held.due(Past(), now))
    assert [d.time.id for d in found if d.act == "fire"] == ["eager@2026-06-05T00:00:00.000Z"]
    assert {d.reason for d in found if d.act == "skip"} == {"missed"}
    assert len(found) == 2 * 72


@given(st.integers(0, 10**12), st.integers(1, 600))
@settings(max_examples=20, deadline=None)
def test_jitter_is_the_same_each_time_and_never_longer_than_it_says(due: int, minutes: int) -> None:
    held = schedule("x", "0 10 * * Tue", jitter=f"{minutes}m")
    assert 0 <= jitter_of(held, due) <= minutes * MINUTE
    assert jitter_of(held, due) == jitter_of(held.model_copy(), due)


def test_jitter_spreads_and_another_seed_spreads_otherwise() -> None:
    held = schedule("x", "0 10 * * Tue", jitter="1h")
    found = {jitter_of(held, n * DAY) for n in range(100)}
    assert len(found) == 100 and max(found) > 45 * MINUTE and min(found) < 15 * MINUTE
    assert found != {jitter_of(held.model_copy(update={"seed": "other"}), n * DAY) for n in range(100)}


@given(st.lists(st.integers(0, 4 * 24 * 60), min_size=1, max_size=40))
@settings(max_examples=15, deadline=None)
def test_whenever_somebody_looks_each_time_is_decided_exactly_once(looks: list[int]) -> None:
    """Every time of five days is begun or skipped once, whatever the moments of looking are."""
    held = board([schedule("a", "*/30 * * * *", jitter="20m"), schedule("b", "0 3 * * *", catch_up="latest")], TUESDAY)
    past, seen = Past(), list[str]()
    for minute in [*sorted(looks), 5 * 24 * 60]:
        now = from_iso(TUESDAY) + minute * MINUTE
        for decision in held.due(past, now):
            if decision.act != "wait":
                past.apply(line_of(decision, now))
                seen.append(decision.time.id)
            past.active.clear()
    assert len(seen) == len(set(seen))
    assert sorted(s for s in seen if s[0] == "b") == [f"b@2026-06-0{n}T02:00:00.000Z" for n in range(2, 7)]
    assert len([s for s in seen if s[0] == "a"]) in (239, 240)  # the last one may have its jitter before it


def test_every_reason_has_words() -> None:
    assert all(REASONS.values())
