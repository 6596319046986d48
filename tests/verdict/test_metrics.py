"""Each metric: its interval, the calendar, what hiding data does to it, and the words it is told in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gameday.errors import InvalidFiles
from gameday.journal.events import Draft
from gameday.model.calendar import ServiceHours
from gameday.model.service import Technology
from gameday.model.tolerance import Tolerance
from gameday.reports.signals import export_signals
from gameday.reports.words import beside, interval, measured, money
from gameday.verdict.customers import estimate
from gameday.verdict.hours import deadline_after, open_spans
from gameday.verdict.integrity import Write, measure_ledger, reconcile
from gameday.verdict.judge import bucket, judge, method_for
from gameday.verdict.run import judge_run
from gameday.verdict.series import judge_series
from tests.verdict.a_run import GO, MINUTE, plan, script, tolerance

HOUR = 60 * MINUTE
LONDON = {"tz": "Europe/London", "days": "Mon-Fri"}
HOURS = {"hours": "08:00-18:00", **LONDON}
DUE = {"deadline": "18:00", **LONDON}
VALUE = {"attempted_value": "tried", "failed_value": "failed", "currency": "GBP"}
SHAPES: dict[str, dict[str, Any]] = {
    "duration": {},
    "service hours": {"calendar": HOURS},
    "cumulative": {"mode": "cumulative", "period": "24h"},
    "total span": {"mode": "total_span"},
    "probes": {"measure": {"probe": "ok"}},
    "cumulative probes": {"measure": {"probe": "ok"}, "mode": "cumulative", "period": "24h"},
    "deadline": {"metric": "deadline", "limit": "0s", "calendar": DUE},
    "deadline of probes": {"metric": "deadline", "limit": "0s", "calendar": DUE, "measure": {"probe": "ok"}},
    "value": {"metric": "value", "limit": 10_000, "measure": VALUE},
    "customers": {"metric": "customers", "limit": 100, "measure": {"customers": "failing"}},
    "customers, each once": {
        "metric": "customers", "limit": 100, "measure": {"customers": "failing", "distinct": "first_seen"}},
    "customers of a known number": {
        "metric": "customers", "limit": 100, "measure": {"customers": "failing", "total": 100_000}},
    "sampled customers": {
        "metric": "customers", "limit": 100,
        "measure": {"customers": "failing", "rate": 0.1, "sampled_by": "customer", "basis": "sample"}},
}  # fmt: skip


def a_tolerance(**changes: Any) -> Tolerance:
    return Tolerance.model_validate_json(json.dumps(tolerance(**changes)))


def at(day: int, hour: int, minute: int = 0, month: int = 11) -> int:
    return round(datetime(2026, month, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


CELL = st.sampled_from([(100.0, 0.0), (100.0, 0.0), (100.0, 100.0), (100.0, 20.0), (300.0, 250.0)])


@pytest.mark.parametrize("name", SHAPES)
@given(seen=st.lists(CELL, max_size=40), data=st.data())
def test_hiding_data_never_narrows_any_metric(name: str, seen: list[tuple[float, float]], data: st.DataObject) -> None:
    """And it never turns what is not within into within."""
    rows = [*[(100.0, 0.0)] * 10, *seen, *[(100.0, 0.0)] * 6]
    gone = data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=4))
    found = a_tolerance(**{"hold": "3m", "max_gap": "9h", "min_coverage": 0.01, **SHAPES[name]})

    def told(hidden: set[int]) -> dict[str, Any]:
        cells = [(None, None) if i in hidden else row for i, row in enumerate(rows)]
        counts = [None if f is None else (f if found.metric == "customers" else float(f < 50)) for _, f in cells]
        start = at(19, 17, 30)
        failures = counts if found.measure.probe or found.metric == "customers" else [f for _, f in cells]
        buckets = [
            bucket(found, start + i * MINUTE, n, f) for i, ((n, _), f) in enumerate(zip(cells, failures, strict=True))
        ]
        return judge(found, buckets, method_for(found, MINUTE), also={"failing": counts})

    whole, less = told(set()), told(gone)
    unit = "_s" if "m_lo_s" in whole else ""
    assert less[f"m_lo{unit}"] <= whole[f"m_lo{unit}"]
    assert whole[f"m_hi{unit}"] is None or whole[f"m_lo{unit}"] <= whole[f"m_hi{unit}"]
    high, wider = whole[f"m_hi{unit}"], less[f"m_hi{unit}"]
    assert wider is None or (high is not None and wider >= high)
    assert less["verdict"] != "within" or whole["verdict"] == "within"


# ---- calendars
def test_service_hours_are_local_through_both_changes_of_clocks() -> None:
    """2026-03-29 and 2026-10-25 are Sundays: London goes to summer time and back."""
    always = ServiceHours(hours="00:00-24:00", tz="Europe/London")
    for month, day, hours in ((3, 29, 23), (10, 25, 25)):
        spans = open_spans(always, at(day - 2, 12, month=month), at(day + 2, 12, month=month))
        midnights = [b - a for a, b in spans[1:-1]]
        assert sorted(midnights) == sorted([24 * HOUR, hours * HOUR, 24 * HOUR])
    weekdays = ServiceHours(**HOURS)
    summer, winter = (open_spans(weekdays, at(d, 0, month=10), at(d + 1, 0, month=10)) for d in (23, 26))
    assert summer == [(at(23, 7, month=10), at(23, 17, month=10))]
    assert winter == [(at(26, 8, month=10), at(26, 18, month=10))]
    assert open_spans(weekdays, at(24, 0, month=10), at(26, 0, month=10)) == []


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    night = ServiceHours(hours="22:00-06:00", tz="UTC", days="Fri")
    assert open_spans(night, at(21, 0), at(21, 12)) == [(at(21, 0), at(21, 6))]  # a Saturday morning
    assert open_spans(night, at(20, 0), at(20, 12)) == []


def test_a_local_time_that_happens_twice_or_never_is_read_against_the_firm() -> None:
    twice = ServiceHours(deadline="01:30", tz="Europe/London")
    assert deadline_after(twice, at(24, 12, month=10)) == at(25, 0, 30, month=10)
    never = ServiceHours(deadline="01:30", tz="Europe/London")
    assert deadline_after(never, at(28, 12, month=3)) == at(29, 0, 30, month=3)


def test_a_deadline_skips_the_days_on_which_nothing_is_due() -> None:
    due = ServiceHours(**DUE)
    assert deadline_after(due, at(20, 17, 59)) == at(20, 18)
    assert deadline_after(due, at(20, 18)) == at(23, 18)  # from Friday's very deadline to Monday's


def test_a_disruption_in_the_night_uses_no_service_hours() -> None:
    found = a_tolerance(calendar=HOURS, limit="1m")
    start = at(18, 20)
    buckets = [bucket(found, start + i * MINUTE, 100.0, 100.0 if 20 <= i < 200 else 0.0) for i in range(240)]
    judged = judge(found, buckets, method_for(found, MINUTE))
    assert (judged["m_lo_s"], judged["m_hi_s"], judged["verdict"]) == (0, 0, "within")


def test_a_deadline_that_was_kept_says_how_much_was_left() -> None:
    found = a_tolerance(metric="deadline", limit="0s", calendar=DUE)
    start = at(18, 17)
    buckets = [bucket(found, start + i * MINUTE, 100.0, 100.0 if 20 <= i < 50 else 0.0) for i in range(70)]
    judged = judge(found, buckets, method_for(found, MINUTE))
    assert (judged["m_lo_s"], judged["m_hi_s"], judged["margin_s"]) == (-600, -540, 540)
    assert judged["verdict"] == "within" and interval(judged) == ("10:00 to spare", "9:00 to spare")
    quiet = judge(found, [bucket(found, start + i * MINUTE, 100.0, 0.0) for i in range(70)], method_for(found, MINUTE))
    assert (quiet["m_lo_s"], quiet["m_hi_s"], quiet["ended"]) == (-3000, -3000, None)


# ---- customers, value
def test_a_sample_of_few_customers_says_only_that_there_are_as_many() -> None:
    assert estimate(29, 0.1) == (29, None)
    assert estimate(412, 0.1) == (3743, 4497)
    assert estimate(412, 1.0) == (412, 412)


def series(tolerance_: Tolerance, header: str, rows: list[str]) -> dict[str, Any]:
    lines = [f"{1_795_000_800 + i * 60},{row}" for i, row in enumerate(rows)]
    return judge_series("\n".join([header, *lines, ""]).encode(), "x.csv", tolerance_)


def test_the_same_customer_may_be_in_every_bucket_or_in_none() -> None:
    rows = [*["0,0"] * 10, "40,4", "60,6", "50,5", *["0,0"] * 10]
    facts: dict[str, Any] = {"metric": "customers", "limit": 100}
    each = a_tolerance(**facts, measure={"customers": "c", "segments": {"frail": "f"}})
    once = a_tolerance(**facts, measure={"customers": "c", "segments": {"frail": "f"}, "distinct": "first_seen"})
    header = "start,failing,frail"
    found = series(each, header, rows)
    assert (found["m_lo"], found["m_hi"], found["verdict"]) == (60, 150, "inconclusive")
    assert found["segments"] == {"frail": {"m_lo": 6, "m_hi": 15}}
    assert beside(found) == ["Of them: frail 6 to 15."]
    found = series(once, header, rows)
    assert (found["m_lo"], found["m_hi"], found["verdict"]) == (150, 150, "breached")


def test_a_sample_of_requests_cannot_count_customers() -> None:
    measure = {"customers": "c", "rate": 0.1, "sampled_by": "request"}
    found = series(a_tolerance(metric="customers", limit=9, measure=measure), "start,failing", ["0"] * 30)
    assert (found["verdict"], found["codes"]) == ("inconclusive", ["METRIC_NOT_MEASURED"])


def test_value_counts_what_was_suppressed_and_the_peak_is_extrapolated() -> None:
    """Amounts are pence; a peak twice as high doubles the upper bound, and is labelled."""
    peak = {"when": "pay day", "per_minute": 72_000}
    found = series(
        a_tolerance(metric="value", limit=500_000, measure=VALUE, peak=peak),
        "start,attempted_value,failed_value",
        [*["36000,0"] * 10, *["32000,32000"] * 22, *["36000,0"] * 10],
    )
    assert (found["m_lo"], found["m_hi"], found["verdict"]) == (704_000, 792_000, "breached")
    assert found["peak_scaled"]["extrapolated"] and found["peak_scaled"]["m_hi"] == 2 * found["m_hi"]
    assert measured(found, "m_lo") == "GBP 7,040.00" and "Extrapolated" in beside(found)[0]
    assert (money(1234, "JPY"), money(1234, "KWD")) == ("JPY 1,234", "KWD 1.234")


# ---- the canary ledger
WRITES = st.lists(
    st.tuples(st.sampled_from([True, True, True, False, None]), st.sampled_from([True, True, False, None])),
    min_size=2, max_size=30,
)  # fmt: skip


@given(WRITES, st.data())
def test_hiding_canaries_never_narrows_what_was_lost(kinds: list[tuple[Any, Any]], data: st.DataObject) -> None:
    """Whether a row says nothing or is not there at all; the ends of a ledger cannot be seen to lack."""
    writes = [Write(n, n * 1000, present, intact if present else None) for n, (present, intact) in enumerate(kinds)]
    gone = data.draw(st.sets(st.integers(1, max(1, len(writes) - 2)), max_size=4)) - {0, len(writes) - 1}
    absent = data.draw(st.booleans())
    less = [Write(w.sequence, w.acked_ms, None, None) if w.sequence in gone else w for w in writes]
    less = [w for w in less if not (absent and w.sequence in gone)]
    for metric in ("data_loss_time", "data_integrity"):
        whole, hidden = (measure_ledger(reconcile(rows, 1000), metric) for rows in (writes, less))
        assert hidden.lo <= whole.lo
        assert hidden.hi is None or (whole.hi is not None and hidden.hi >= whole.hi)
        assert whole.hi is None or whole.lo <= whole.hi


def test_what_was_never_acknowledged_is_not_owed() -> None:
    rows = [Write(1, 1000, True, True), Write(2, None, False, None), Write(3, 3000, True, True)]
    found = reconcile(rows, 1000)
    assert (found.acked, found.lost, found.unknown, found.rpo) == (2, (0, 0), 0, (0, 1000))
    assert reconcile([rows[0], rows[2]], 1000).lost == (0, 1)  # a number that is skipped may have been


def test_a_ledger_may_hold_corrupt_and_double_records_and_nothing_at_all() -> None:
    raw = b"sequence,acked_at,present,sha_ok,copies\n1,10,1,1,1\n2,11,1,0,1\n3,12,1,1,3\n4,13,1,1,\n"
    found = judge_series(raw, "x.csv", a_tolerance(metric="data_integrity", limit=0, measure={}))
    assert (found["m_lo"], found["m_hi"], found["ledger"]["corrupt"]) == (3, 3, [1, 1])
    empty = judge_series(
        b"sequence,acked_at,present,sha_ok\n", "x.csv", a_tolerance(metric="data_loss_time", measure={})
    )
    assert (empty["verdict"], empty["codes"]) == ("inconclusive", ["METRIC_NOT_MEASURED"])


@pytest.mark.parametrize(
    ("row", "column"), [("x,10,1,1", 1), ("1,soon,1,1", 2), ("1,10,perhaps,1", 3), ("1,10,1,2", 4), ("1,10,1,1,2", 5)]
)
def test_a_damaged_ledger_is_refused_with_its_place(row: str, column: int) -> None:
    raw = f"sequence,acked_at,present,sha_ok\n{row}\n".encode()
    with pytest.raises(InvalidFiles) as caught:
        judge_series(raw, "x.csv", a_tolerance(metric="data_loss_time", measure={}))
    (problem,) = caught.value.problems
    assert problem.place and (problem.code, problem.place.line, problem.place.column) == ("SERIES_MALFORMED", 2, column)


# ---- models
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"metric": "deadline"}, "belong together"),
        ({"calendar": DUE}, "belong together"),
        ({"calendar": {"tz": "Europe/London"}}, "hours or a deadline"),
        ({"calendar": {"hours": "08:00-18:00", "tz": "Europe/Londres"}}, "no zone"),
        ({"calendar": {"hours": "8-18", "tz": "UTC"}}, "no hours"),
        ({"calendar": {"hours": "08:00-08:00", "tz": "UTC"}}, "no hours"),
        ({"calendar": {"hours": "08:00-18:00", "days": "Mo-Fr", "tz": "UTC"}}, "no days"),
        ({"metric": "failed_transactions", "limit": 1, "calendar": HOURS}, "shorten a duration"),
        ({"measure": {"ledger": "x"}}, "says nothing of the metric"),
        ({"measure": {"probe": "x", "attempts": "y"}}, "one or the other"),
        ({"metric": "value", "limit": 1, "measure": {"failed_value": "x"}}, "belong together"),
        ({"metric": "value", "limit": 1, "measure": {"failed_value": "x", "attempted_value": "y"}}, "currency"),
        ({"metric": "customers", "limit": 1, "measure": {"customers": "x", "rate": 0.1}}, "sampled_by"),
        ({"metric": "customers", "limit": 1, "measure": {"segments": {"frail": "x"}}}, "segments divide"),
    ],
)
def test_a_tolerance_that_cannot_be_meant_is_refused_in_words(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        a_tolerance(**changes)


def test_a_tolerance_survives_being_written_into_a_plan() -> None:
    for shape in SHAPES.values():
        found = a_tolerance(**shape)
        assert Tolerance.model_validate_json(found.model_dump_json()) == found


# ---- in a run
def values(signal: str, cells: dict[int, float], minutes: int) -> tuple[int, Draft]:
    points = [[GO + (m - 10) * MINUTE, cells.get(m, 0.0)] for m in range(minutes)]
    return (minutes - 10, Draft("signals.sampled", {"values": {signal: points}}))


def test_customers_and_a_probe_are_judged_in_a_run_beside_the_outage(tmp_path: Path) -> None:
    """And the files that the run leaves are judged alike."""
    signal = {"source": "cloudwatch.metric", "query": {}, "period_ms": MINUTE, "settles_ms": 0}
    shape = "U" * 10 + "D" * 22 + "U" * 50
    counts = {"attempts": "attempts", "failures": "failures"}
    measure = {**counts, "customers": "hit", "distinct": "first_seen"}
    customers = tolerance(id="people", metric="customers", limit=100, measure=measure)
    probe = tolerance(id="door", measure={"probe": "ok"})
    made = plan(
        tolerance(), customers, probe,
        signals=tuple({"id": i, **signal} for i in ("attempts", "failures", "hit", "ok")),
    )  # fmt: skip
    good = {m: 1.0 for m in range(len(shape)) if not 10 <= m < 32}
    story = script(shape, values("hit", {12: 30.0, 13: 60.0}, len(shape)), values("ok", good, len(shape)))
    outage, people, door = judge_run(made, story)["tolerances"]
    assert (outage["m_lo_s"], outage["m_hi_s"]) == (1320, 1440)
    assert (people["m_lo"], people["m_hi"], people["verdict"]) == (90, 90, "within")
    assert (door["m_lo_s"], door["m_hi_s"], door["verdict"]) == (1260, 1380, "within")
    assert door["evidence"][0].startswith("signal:ok@")
    export_signals(tmp_path, made, story)
    for judged, limit in zip((outage, people, door), made.tolerances, strict=True):
        raw = (tmp_path / "signals" / f"{limit.id}.csv").read_bytes()
        alike = judge_series(raw, "x.csv", limit)
        assert {k: v for k, v in alike.items() if k.startswith("m_")} == {
            k: v for k, v in judged.items() if k.startswith("m_")
        }


def test_recovery_objectives_are_measured_and_change_no_outcome() -> None:
    facts = {"id": "pay", "type": "aws:lambda:function", "rto": "10m", "rpo": "1m",
             "measure": {"attempts": "attempts", "failures": "failures"}}  # fmt: skip
    rto, rpo = Technology.model_validate_json(json.dumps(facts)).objectives()
    found = judge_run(plan(objectives=(rto, rpo)), script("U" * 10 + "D" * 22 + "U" * 50))
    assert found["outcome"] == "within"
    assert [(o["id"], o["verdict"]) for o in found["objectives"]] == [
        ("pay-rto", "breached"),
        ("pay-rpo", "inconclusive"),
    ]
