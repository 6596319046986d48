"""A tolerance that ends when the backlog is cleared ends then, not when the service is back (D9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.verdict.backlog import until_cleared
from gameday.verdict.bounds import Method, measure
from gameday.verdict.run import judge_run
from gameday.verdict.states import BucketState
from tests.verdict.a_run import GO, MINUTE, plan, script, tolerance

LETTERS: dict[str, BucketState] = {"U": "up", "D": "down", "G": "degraded", "?": "unknown"}
DOWN = frozenset({"down"})
WAITING = {"measure": {"attempts": "attempts", "failures": "failures", "backlog": "queue"}, "end": "backlog_cleared"}


def told(shape: str, waiting: list[float | None]) -> tuple[str, bool]:
    found, observed = until_cleared([LETTERS[c] for c in shape], waiting, 2, DOWN)
    return "".join(next(c for c, s in LETTERS.items() if s == state) for state in found), observed


@pytest.mark.parametrize(
    ("shape", "waiting", "states", "observed"),
    [
        ("UUUUU", [3, 5, 9, 9, 9], "UUUUU", True),  # no disruption, so nothing is owed
        ("UUDUU", [3, 5, 9, 9, 5], "UUDDU", True),
        ("UUDUU", [3, 5, 9, 9, 6], "UUDDD", False),
        ("UUDUU", [3, 5, 9, None, 5], "UUD?U", True),
        ("UUDUU", [3, 5, 9, None, 6], "UUD??", False),
        ("UUDUU", [3, None, 9, 9, 5], "UUD??", False),  # what is usual is not known
        ("UU?UU", [3, 5, 9, 9, 5], "UU??U", True),
        ("UUDGU", [3, 5, 9, 4, 9], "UUDGU", True),
    ],
)
def test_a_bucket_is_disrupted_until_what_a_disruption_left_is_delivered(
    shape: str, waiting: list[float | None], states: str, observed: bool
) -> None:
    assert told(shape, waiting) == (states, observed)


def test_without_down_among_the_disrupted_degraded_is_the_word() -> None:
    assert until_cleared(["up", "degraded", "up"], [0, 9, 9], 1, frozenset({"degraded"}))[0][2] == "degraded"


@given(st.text("UDG?", min_size=3, max_size=30), st.data())
def test_hiding_a_state_or_a_backlog_never_narrows_the_interval(shape: str, data: st.DataObject) -> None:
    waiting: list[float | None] = data.draw(
        st.lists(st.none() | st.sampled_from([0.0, 1.0, 5.0]), min_size=len(shape), max_size=len(shape))
    )
    where = data.draw(st.integers(0, len(shape) - 1))
    hide_state = data.draw(st.booleans())
    hidden = shape[:where] + "?" + shape[where + 1 :] if hide_state else shape
    less = waiting if hide_state else [*waiting[:where], None, *waiting[where + 1 :]]
    method = Method(MINUTE, 2 * MINUTE, "longest_episode", DOWN)
    before = measure(until_cleared([LETTERS[c] for c in shape], waiting, 2, DOWN)[0], method)
    after = measure(until_cleared([LETTERS[c] for c in hidden], less, 2, DOWN)[0], method)
    assert after.lo <= before.lo
    assert after.hi is None or (before.hi is not None and after.hi >= before.hi)


def run_with(queue: Sequence[float | None], period: int = MINUTE) -> dict[str, Any]:
    """Down for 10 minutes; ``queue`` is what waited from ten minutes before the go."""
    shape = "U" * 10 + "D" * 10 + "U" * 40
    signals = [s.model_dump() for s in plan().signals]
    made = plan(tolerance(**WAITING), signals=(*signals, {**signals[0], "id": "queue", "period_ms": period}))
    points = [[GO - 10 * MINUTE + i * MINUTE, value] for i, value in enumerate(queue)]
    events = [
        replace(e, what={"values": {**e.what["values"], "queue": points}}) if e.type == "signals.sampled" else e
        for e in script(shape, ended=48)
    ]
    (judged,) = judge_run(made, events)["tolerances"]
    return dict(judged)


def test_a_run_ends_when_the_queue_is_back_at_its_baseline() -> None:
    cleared = run_with([2.0] * 10 + [50.0] * 18 + [1.0] * 32)
    assert (cleared["verdict"], cleared["m_lo_s"], cleared["codes"]) == ("within", 18 * 60, [])
    late = run_with([2.0] * 10 + [50.0] * 45 + [1.0] * 5)
    assert (late["verdict"], late["m_lo_s"]) == ("breached", 45 * 60)


def test_a_queue_that_was_not_read_to_its_end_is_no_pass() -> None:
    growing = run_with([2.0] * 10 + [50.0] * 50)
    assert "BACKLOG_NOT_OBSERVED" in growing["codes"] and growing["verdict"] == "breached"
    unread = run_with([])
    assert (unread["verdict"], unread["codes"]) == ("inconclusive", ["BACKLOG_NOT_OBSERVED"])
    assert "measure.backlog" in unread["to_conclude"]


def test_a_queue_at_another_resolution_is_not_observed() -> None:
    assert run_with([2.0] * 60, period=30_000)["codes"] == ["BACKLOG_NOT_OBSERVED"]
