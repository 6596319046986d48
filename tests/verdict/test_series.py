"""A CSV is judged like a run, and a damaged one is refused with its place."""

from typing import Any

import pytest

from gameday.errors import InvalidFiles
from gameday.model.tolerance import Tolerance
from gameday.verdict.judge import judge, method_for
from gameday.verdict.series import judge_series
from gameday.verdict.states import Bucket, state
from gameday.verdict.volume import expected_attempts


def tolerance(**changes: Any) -> Tolerance:
    facts = {
        "id": "t", "authority": "fca", "metric": "duration", "limit": "30m", "counts_as_disrupted": ("down",),
    }  # fmt: skip
    return Tolerance.model_validate({**facts, **changes})


def csv_of(shape: str, dt: int = 60, attempts: int = 100) -> bytes:
    cells = {"U": f"{attempts},0", "D": f"{attempts},{attempts}", "?": ",", "0": "0,0"}
    rows = [f"{1_700_000_040 + i * dt},{cells[c]}" for i, c in enumerate(shape) if c != "-"]
    return ("start,attempts,failures\n" + "\n".join(rows) + "\n").encode()


def test_a_clean_outage_is_within() -> None:
    found = judge_series(csv_of("U" * 10 + "D" * 22 + "U" * 10), "x.csv", tolerance())
    assert (found["verdict"], found["m_lo_s"], found["m_hi_s"], found["margin_s"]) == ("within", 1320, 1440, 360)


@pytest.mark.parametrize("gap", ["?", "-", "0"])
def test_an_empty_cell_an_absent_row_and_no_attempts_are_all_unknown(gap: str) -> None:
    found = judge_series(csv_of("U" * 10 + "D" * 5 + gap * 12 + "U" * 10), "x.csv", tolerance())
    assert (found["verdict"], found["m_lo_s"], found["m_hi_s"]) == ("inconclusive", 300, 1140)
    assert found["codes"] == ["COVERAGE_LOW", "GAP_TOO_LONG"]


def test_volume_counts_what_the_outage_suppressed() -> None:
    """Worked example 7a: time within, volume breached."""
    up, down = "U" * 10, "D" * 22
    raw = csv_of(up + down + up, attempts=360).replace(b",360,360", b",320,320")
    count = tolerance(metric="failed_transactions", limit=5000)
    found = judge_series(raw, "x.csv", count)
    assert (found["verdict"], found["m_lo"], found["m_hi"]) == ("breached", 7040, 7920)
    assert judge_series(raw, "x.csv", tolerance())["verdict"] == "within"


def test_two_authorities_are_judged_apart() -> None:
    """Worked example 7b: the same outage breaches 30 minutes and not 4 hours."""
    raw = csv_of("U" * 10 + "D" * 45 + "U" * 10)
    assert judge_series(raw, "x.csv", tolerance())["verdict"] == "breached"
    assert judge_series(raw, "x.csv", tolerance(limit="4h", authority="pra"))["verdict"] == "within"


def test_a_bucket_whose_failures_are_unknown_may_have_failed_whole() -> None:
    count = tolerance(metric="failed_transactions", limit=5000)
    raw = csv_of("U" * 40).replace(b"1700001240,100,0", b"1700001240,700,")
    found = judge_series(raw, "x.csv", count)
    assert (found["m_lo"], found["m_hi"], found["verdict"]) == (0, 700, "within")


def test_nothing_bounds_a_bucket_whose_attempts_are_unknown() -> None:
    """Decision 4: retries surge in an outage."""
    count = tolerance(metric="failed_transactions", limit=5000)
    found = judge_series(csv_of("U" * 20 + "?" + "U" * 20), "x.csv", count)
    assert (found["m_lo"], found["m_hi"], found["verdict"], found["codes"]) == (0, None, "inconclusive", [])


def test_a_backlog_that_nobody_read_is_inconclusive() -> None:
    found = judge_series(csv_of("U" * 40), "x.csv", tolerance(end="backlog_cleared"))
    assert (found["verdict"], found["codes"]) == ("inconclusive", ["BACKLOG_NOT_OBSERVED"])


def test_no_buckets_at_all_are_inconclusive() -> None:
    assert judge(tolerance(), [], method_for(tolerance(), 60_000))["verdict"] == "inconclusive"


def test_no_baseline_gives_no_expected_rate() -> None:
    assert expected_attempts([Bucket(0, None, None)]) is None


def test_more_failures_than_attempts_is_unknown() -> None:
    assert state(Bucket(0, 10, 11), tolerance().thresholds) == "unknown"


@pytest.mark.parametrize(("n", "failed", "expected"), [(12, 0, "unknown"), (381, 0, "up"), (12, 12, "down")])
def test_a_probe_bucket_needs_enough_successes_to_be_called_up(n: int, failed: int, expected: str) -> None:
    assert state(Bucket(0, n, failed), tolerance().thresholds, "probe") == expected


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("a,b,c\n", 1, 1),
        ("start,attempts,failures\n", 1, 1),
        ("start,attempts,failures\nsoon,1,1\n", 2, 1),
        ("start,attempts,failures\n2026-11-24T05:03:00,1,1\n", 2, 1),
        ("start,attempts,failures\n0,1,1\n60,x,1\n", 3, 2),
        ("start,attempts,failures\n0,1,1\n60,1,-1\n", 3, 3),
        ("start,attempts,failures\n0,1,1\n60,nan,1\n", 3, 2),
        ("start,attempts,failures\n60,1,1\n60,1,1\n", 3, 1),
        ("start,attempts,failures\n0,1,1\n60,1,1\n150,1,1\n", 4, 1),
        ("start,attempts,failures\n0,1,1,1\n", 2, 4),
        ('start,attempts,failures\n0,"1,1\n', 1, 1),
    ],
)
def test_a_damaged_csv_is_refused_with_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(InvalidFiles) as caught:
        judge_series(text.encode(), "x.csv", tolerance())
    (problem,) = caught.value.problems
    assert problem.code == "SERIES_MALFORMED"
    assert problem.place and (problem.place.line, problem.place.column) == (line, column)
