"""The interval of failed transactions: hiding a datapoint never narrows it, whatever the retries did."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gameday.journal.events import Draft
from gameday.verdict.bounds import Interval, Method
from gameday.verdict.run import judge_run
from gameday.verdict.states import Bucket, states
from gameday.verdict.volume import count
from tests.verdict.a_run import GO, MINUTE, plan, script, tolerance

METHOD = Method(MINUTE, 3 * MINUTE, "longest_episode", frozenset({"down", "degraded"}), baseline_ms=5 * MINUTE)
COUNTS = st.tuples(st.sampled_from([0, 1, 10, 100, 100, 100, 5_000]), st.sampled_from([0, 0, 0.3, 1]))
ONE = COUNTS.map(lambda c: (float(c[0]), float(int(c[0] * c[1]))))
ROWS = st.lists(ONE, min_size=1, max_size=40)


def interval(rows: list[tuple[float | None, float | None]]) -> Interval:
    from gameday.model.tolerance import Thresholds

    buckets = [Bucket(i * MINUTE, n, f) for i, (n, f) in enumerate(rows)]
    return count(buckets, states(buckets, Thresholds()), METHOD)


@given(ROWS, st.data())
def test_hiding_a_bucket_or_its_failures_never_narrows_the_interval(
    seen: list[tuple[float | None, float | None]], data: st.DataObject
) -> None:
    clean: tuple[float | None, float | None] = (100.0, 0.0)
    rows = [*seen, *[clean] * 4]
    gone = data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=3))
    whole = data.draw(st.booleans())
    hidden = [((None if whole else n), None) if i in gone else (n, f) for i, (n, f) in enumerate(rows)]
    shown, less = interval(rows), interval(hidden)
    assert less.lo <= shown.lo
    assert less.hi is None or (shown.hi is not None and less.hi >= shown.hi)


def test_hiding_the_surge_of_retries_is_no_way_to_pass() -> None:
    clean: tuple[float | None, float | None] = (100.0, 0.0)
    rows = [*[clean] * 10, (9_000.0, 9_000.0), *[clean] * 10]
    assert interval(rows).hi == 9_000
    assert interval([*rows[:10], (None, None), *rows[11:]]).hi is None
    assert interval([*rows[:10], (9_000.0, None), *rows[11:]]).hi == 9_000


def test_a_disturbed_bucket_is_unknown_but_its_attempts_bound_it() -> None:
    volume = tolerance(id="failed", metric="failed_transactions", limit=5000)
    troubled = {"from_ms": GO + 30 * MINUTE, "to_ms": GO + 31 * MINUTE, "lag_ms": 0}
    shape = "U" * 10 + "D" * 22 + "U" * 50
    (found,) = judge_run(plan(volume), script(shape, (31, Draft("rehearsal.disturbed", troubled))))["tolerances"]
    assert (found["m_lo"], found["m_hi"], found["verdict"]) == (2_200, 2_300, "within")
