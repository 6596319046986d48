"""How much of a tolerance may be used by now, as a guard needs it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gameday.model.tolerance import Tolerance
from gameday.verdict.progress import upper_so_far
from gameday.verdict.states import Bucket
from tests.verdict.a_run import MINUTE, tolerance

CELLS = {"U": (100.0, 0.0), "D": (100.0, 100.0), "?": (None, None)}


def buckets(shape: str) -> list[Bucket]:
    return [Bucket(i * MINUTE, *CELLS[c]) for i, c in enumerate(shape)]


def limit(**changes: object) -> Tolerance:
    return Tolerance.model_validate_json(json.dumps(tolerance(**changes)))


VOLUME = limit(metric="failed_transactions", limit=5000)


def test_while_a_disruption_lasts_its_length_so_far_is_bounded() -> None:
    """Five minutes down, and the resolution at both ends; the verdict itself stays open until recovery is seen."""
    assert upper_so_far(limit(), buckets("U" * 10 + "D" * 5), MINUTE, 10) == 7 * MINUTE


def test_unknown_counts_as_disrupted() -> None:
    assert upper_so_far(limit(), buckets("U" * 10 + "DD?"), MINUTE, 10) == 5 * MINUTE
    assert upper_so_far(VOLUME, buckets("U" * 10 + "DD?"), MINUTE, 10) == 300


def test_nothing_known_says_nothing_and_nothing_disrupted_is_zero() -> None:
    assert upper_so_far(limit(), buckets("???"), MINUTE, 0) is None
    assert upper_so_far(limit(), buckets("U" * 12), MINUTE, 10) == 0


@given(st.text("UD?", min_size=1, max_size=30), st.data())
def test_hiding_a_bucket_never_makes_a_guard_calmer(shape: str, data: st.DataObject) -> None:
    """For durations and for volumes."""
    whole = buckets("U" * 10 + shape)
    index = data.draw(st.integers(10, len(whole) - 1))
    hidden = [Bucket(b.start_ms, None, None) if i == index else b for i, b in enumerate(whole)]
    for judged in (limit(), VOLUME):
        before, after = (upper_so_far(judged, seen, MINUTE, 10) for seen in (whole, hidden))
        assert before is not None and after is not None and after >= before
