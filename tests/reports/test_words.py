"""Bars, summary, deviations and the timeline say what was seen, rounded against the firm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.journal.events import Draft
from gameday.reports.bars import CERTAIN, LEFT, LIMIT, OPEN, POSSIBLE, WIDTH, bar
from gameday.reports.finish import conclude
from gameday.reports.words import day, outward
from tests.reports.a_day import GO, a_day, plan, story, tolerances, write

NASTY = (
    "<img src=x onerror=alert(1)> | `x` [a](javascript:b) \u202eevil\u2066\x1b[31m\x07\n# heading\n\n- ![i](http://x)"
)


def report(tmp_path: Path, *extra: tuple[float, Draft], without: tuple[str, ...] = (), **changes: object) -> str:
    told = [(at, d) for at, d in [*story(), *extra] if d.type not in without]
    folder = write(tmp_path / "r", plan(**changes), told)
    conclude(folder)
    return (folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("lo", "hi", "limit", "drawn"),
    [
        (0, 0, 30, LEFT * 24 + LIMIT),
        (15, 20, 30, CERTAIN * 12 + POSSIBLE * 4 + LEFT * 8 + LIMIT),
        (30, 30, 30, CERTAIN * 24 + LIMIT),
        (60, 60, 30, CERTAIN * 12 + LIMIT + CERTAIN * 12),
        (20, 40, 30, CERTAIN * 12 + POSSIBLE * 6 + LIMIT + POSSIBLE * 6),
        (10, None, 30, CERTAIN * 6 + POSSIBLE * 13 + LIMIT + POSSIBLE * 5 + OPEN),
        (0, 0, 0, LIMIT),
        (5, 5, 0, LIMIT + CERTAIN * 24),
    ],
)
def test_a_bar_shows_the_interval_against_its_limit(lo: float, hi: float | None, limit: float, drawn: str) -> None:
    assert bar(lo, hi, limit) == drawn


@given(st.floats(0, 1e6), st.none() | st.floats(0, 1e6), st.floats(0.001, 1e6))
def test_a_bar_never_shows_a_breach_as_kept_nor_the_reverse(lo: float, more: float | None, limit: float) -> None:
    hi = None if more is None else lo + more
    before, _, after = bar(lo, hi, limit).partition(LIMIT)
    assert len(before) + len(after.rstrip(OPEN)) <= WIDTH
    assert (CERTAIN in after) == (lo > limit)
    assert bool(after) == (hi is None or hi > limit)


def test_times_are_rounded_outwards_and_days_read_like_days() -> None:
    assert (outward(25.9, 44.1), outward(60.0, 60.0)) == ("0:25 to 0:45", "1:00")
    assert day("2026-11-18T11:20:00.000Z") == "2026-11-18 11:20:00 UTC"


def test_the_first_page_says_how_long_it_hurt_who_noticed_and_what_was_missed(tmp_path: Path) -> None:
    first = report(tmp_path).split("## What happened")[0]
    for said in (
        "Customers were without service for 7:20 to 8:00 (payments-outage).",
        "An alarm fired after 0:50 to 1:10; people noticed after 2:26 to 2:46; mitigation began after 4:00 to 4:20.",
        "3 met, 2 missed (Fraud checks raise theirs; Move payments to the standby)",
        "every fault was seen gone", "used 24-27 %", "nothing ran on AWS",
    ):  # fmt: skip
        assert said in first


def test_the_merged_timeline_tells_when_it_happened_not_when_it_was_noticed(tmp_path: Path) -> None:
    text = report(tmp_path)
    moments = text.split("## What happened")[1].split("## How fast")[0]
    assert "| +01:10 | technology | Alarm payments-5xx: ALARM |" in moments
    assert "| +06:50 | process | Runbook step 3 done: Send all payments to the standby. |" in moments
    assert "| +07:20 | service | Customers are served again (give or take 20 s) |" in moments
    assert "Alarm fraud-latency: **silent**, though it was expected" in text


def test_every_deviation_from_the_plan_is_told(tmp_path: Path) -> None:
    extra = (
        (306.0, Draft("step.skip_asked", {"step": "failover"}, "facilitator")),
        (400.0, Draft("service.touched", {"kind": "deployment", "why": "release 41"})),
    )
    text = report(tmp_path, *extra).split("## As planned, as run")[1].split("## Runbook steps")[0]
    assert "| regulator-calls | +06:00 | +07:05 | +09:06 | met | 0:20 late |" in text  # of which the hold is no part
    for said in ("+05:05 held for 0:45", "skip of failover asked for (by facilitator", "deployment touched the"):
        assert said in text


def test_a_fault_without_effect_is_told_first_with_its_witness(tmp_path: Path) -> None:
    read = {"step": "stop-payments", "witness": "payments-failures at least 1", "read": True, "values": [0.0, 0.0, 0.0]}
    text = report(tmp_path, (80, Draft("fault.not_effective", read)), without=("fault.effective",))
    first = text.split("## Was the service kept")[0]
    assert "NOT TESTED" in first and "No fault was seen to have an effect" in first
    assert "had to show: payments-failures at least 1 within 1m. It was read 3 times and showed 0 each time" in first
    assert "Nothing about the failure that fault stop-payments should have caused" in text


def test_an_inconclusive_run_says_the_cheapest_change_on_the_first_page(tmp_path: Path) -> None:
    first = report(tmp_path, tolerances=tolerances(lost=True)).split("## What happened")[0]
    assert "payments-lost (PRA): time of data lost | **inconclusive** | not measured | at most 1:00 |" in first
    assert "Cheapest change: Name in measure what this metric needs" in first


def test_no_text_of_a_user_changes_the_shape_of_the_report(tmp_path: Path) -> None:
    plain = report(tmp_path)
    steps = [s.model_dump() for s in plan().steps]
    for step in steps:
        step["title"] = NASTY
    book = {**plan().runbooks[0].model_dump(), "title": NASTY}
    book["steps"] = tuple({**s, "says": NASTY} for s in book["steps"])
    nasty = {"title": NASTY, "service_title": NASTY, "hypothesis": NASTY, "steps": tuple(steps), "runbooks": (book,),
             "debrief": (NASTY, NASTY)}  # fmt: skip
    notes = [(at, replace(d, what={"text": NASTY}, who=NASTY) if d.type == "note" else d) for at, d in story()]
    folder = write(tmp_path / "n", plan(**nasty), notes)
    conclude(folder)
    text = (folder / "report.md").read_text()
    assert not set("\u202e\u2066\x1b\x07\r") & set(text) and "<img" not in text
    assert shape(text) == shape(plain)


def shape(text: str) -> list[tuple[int, str]]:
    """How many cells each line has, and with which mark it begins."""
    return [(len(line.replace("\\|", "").split("|")), line[:1]) for line in text.splitlines()]


def test_what_a_renderer_makes_of_it_holds_no_markup_of_a_user(tmp_path: Path) -> None:
    from markdown_it import MarkdownIt

    text = report(tmp_path, title=NASTY, hypothesis=NASTY, debrief=(NASTY,))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<img" not in html and "href" not in html and html.count("<h1>") == 1


def test_the_example_that_ships_is_what_this_version_makes(tmp_path: Path) -> None:
    """Make it again: GAMEDAY_EXAMPLES=1 pytest tests/reports/test_words.py."""
    import os

    folder = a_day(tmp_path / "r")
    conclude(folder)
    made = (folder / "report.md").read_text()
    example = Path(__file__).parents[2] / "reports" / "examples" / "payment-functions-stop.md"
    if os.environ.get("GAMEDAY_EXAMPLES"):
        example.write_text(made)
    assert GO and example.read_text() == made
