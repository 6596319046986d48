"""The small words of the files mean what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gameday.clock import VirtualClock, from_iso, iso
from gameday.journal.events import Event
from gameday.model.scenario import Condition, FaultStep, Scenario
from gameday.model.tolerance import Tolerance
from gameday.model.types import parse_duration, parse_percent, write_duration


@given(st.integers(min_value=0, max_value=10**9))
def test_a_duration_written_and_read_again_is_the_same(ms: int) -> None:
    assert parse_duration(write_duration(ms)) == ms


@pytest.mark.parametrize("text", ["", "5", "5 m", "-5m", "m5", 5, None, "1.5h"])
def test_what_is_not_a_duration_is_refused_with_what_to_write(text: object) -> None:
    with pytest.raises(ValueError, match="write it like 90s, 20m or 2h"):
        parse_duration(text)


def test_a_percentage_over_one_hundred_is_refused() -> None:
    assert parse_percent("50%") == 0.5
    with pytest.raises(ValueError, match="write it like 50%"):
        parse_percent("101%")


@given(st.integers(min_value=0, max_value=4_000_000_000_000))
def test_a_time_written_and_read_again_is_the_same(ms: int) -> None:
    assert from_iso(iso(ms)) == ms


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        from_iso("2026-11-24T05:03:02")


def test_a_condition_has_exactly_one_comparison() -> None:
    assert Condition(signal="s", at_least=1).holds(1)
    assert not Condition(signal="s", below=1).holds(1)
    with pytest.raises(ValidationError, match="exactly one comparison"):
        Condition(signal="s", at_least=1, below=2)


def test_a_duration_tolerance_must_say_what_counts_as_disrupted() -> None:
    facts = {"id": "a", "authority": "fca", "metric": "duration", "limit": "30m"}
    with pytest.raises(ValidationError, match="counts_as_disrupted has no default"):
        Tolerance.model_validate(facts)
    tolerance = Tolerance.model_validate({**facts, "counts_as_disrupted": ("down",)})
    assert tolerance.limit == 1_800_000
    assert Tolerance.model_validate_json(tolerance.model_dump_json()) == tolerance


def test_a_limit_that_does_not_fit_its_metric_is_refused() -> None:
    with pytest.raises(ValidationError, match="does not fit the metric; write a number"):
        Tolerance.model_validate({"id": "a", "authority": "fca", "metric": "failed_transactions", "limit": "30m"})


def test_the_ten_line_scenario_is_valid_and_a_step_of_no_kind_is_not() -> None:
    facts = {"kind": "scenario", "id": "x", "service": "y", "hypothesis": "h"}
    fault = {"fault": "fis", "action": "aws:lambda:invocation-error", "targets": ("f",), "for": "5m"}
    step = Scenario.model_validate({**facts, "timeline": (fault,)}).timeline[0]
    assert isinstance(step, FaultStep)
    assert step.settings == {"action": "aws:lambda:invocation-error", "targets": ("f",)}
    with pytest.raises(ValidationError, match="a step is one of: fault"):
        Scenario.model_validate({**facts, "timeline": ({"foo": 1},)})


def test_an_event_line_written_and_read_again_is_the_same() -> None:
    clock = VirtualClock()
    event = Event(1, 1, clock.now(), clock.wall(), "0" * 64, "note", "facilitator", {"text": "héllo\n"})
    assert Event.parse(event.line()) == event
