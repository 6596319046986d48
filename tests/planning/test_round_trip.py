"""plan.json gives back the plan that was written, exactly; and says when it is none."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gameday.errors import DamagedRun, InvalidFiles
from gameday.faults.chaostoolkit.fault import ChaosFault
from gameday.model.load import load_content
from gameday.model.scenario import COMPARISONS, Condition
from gameday.model.types import parse_percent, write_duration, write_percent
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Plan, Signal, dump_plan, load_plan
from gameday.planning import build_plan
from tests.planning.a_provider import Outlined, OutlinedDocument
from tests.planning.a_workspace import ROOT

CONTENT = load_content(ROOT)
FAULTS: dict[str, Any] = {
    "fis": Outlined(), "ssm": OutlinedDocument(), "chaostoolkit": ChaosFault(REHEARSAL_ENVIRONMENT, None),
}  # fmt: skip
PLANS = [build_plan(CONTENT, ident, "rehearsal", FAULTS) for ident in sorted(CONTENT.scenarios)]
"""Of all that ships."""

numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
durations = st.integers(0, 10**9).map(write_duration)
percents = st.integers(0, 100_000_000).map(lambda millionths: write_percent(millionths / 1e8))
trees = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**18), 10**18) | numbers | texts | st.dates(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    return {"signal": "s", draw(st.sampled_from(COMPARISONS)): draw(numbers), "within": draw(st.none() | durations)}


expectations = (
    st.fixed_dictionaries({"does": st.sampled_from(["acknowledge", "answer"]), "score": st.booleans()})
    | st.fixed_dictionaries({"alarm": texts, "state": st.sampled_from(["ALARM", "OK"])})
    | conditions().map(lambda c: {k: v for k, v in c.items() if k != "within"})
)
guards = (
    st.fixed_dictionaries({"tolerance": st.just("t"), "at": percents})
    | st.fixed_dictionaries({"signal": st.just("s"), "above": numbers, "for": st.none() | durations})
    | st.fixed_dictionaries({"alarm": texts})
)
faults = st.fixed_dictionaries(
    {
        "provider": st.just("fis"), "action": texts, "settings": trees, "resources": st.just(("r",)),
        "targets": st.dictionaries(texts, st.lists(texts, max_size=3).map(tuple), max_size=2),
        "duration_ms": st.none() | st.integers(0), "effective": st.none() | conditions(),
        "gone": st.none() | conditions(), "worst_case_ms": st.none() | st.integers(0),
    }
)  # fmt: skip
steps = st.fixed_dictionaries(
    {
        "id": st.just("a"), "kind": st.just("expect"), "title": texts, "at_ms": st.none() | st.integers(0),
        "after": st.lists(texts, max_size=2).map(tuple), "when": st.none() | conditions(),
        "fault": st.none() | faults, "expect": st.none() | expectations, "says": st.none() | texts,
    }
)  # fmt: skip
blocks = st.fixed_dictionaries({
    "do": st.fixed_dictionaries({"aws": st.just("ec2.stop"), "with": trees}), "check": st.none() | conditions(),
})  # fmt: skip
calls = st.fixed_dictionaries({"number": st.just(1), "says": texts, "block": blocks})
runbooks = st.fixed_dictionaries({
    "kind": st.just("runbook"), "id": st.just("r"), "title": texts, "reviewed": st.none() | st.dates(),
    "steps": st.lists(calls, max_size=2).map(tuple),
})  # fmt: skip


def back(plan: Plan, folder: Path) -> Plan:
    path = folder / "plan.json"
    path.write_bytes(dump_plan(plan))
    return load_plan(path)


def test_every_provider_is_among_the_shipped_scenarios() -> None:
    assert {step.fault.provider for plan in PLANS for step in plan.steps if step.fault} >= FAULTS.keys()
    assert any(plan.method == "tabletop" for plan in PLANS)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.scenario)
def test_the_shipped_scenarios_come_back(plan: Plan, tmp_path: Path) -> None:
    found = back(plan, tmp_path)
    assert found == plan
    assert dump_plan(found) == dump_plan(plan)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
@given(step=steps, guard=guards, runbook=runbooks)
def test_any_plan_comes_back(
    step: dict[str, Any], guard: dict[str, Any], runbook: dict[str, Any], tmp_path: Path
) -> None:
    facts = {name: getattr(PLANS[0], name) for name in Plan.model_fields}
    plan = Plan.model_validate({**facts, "steps": (step,), "guards": (guard,), "runbooks": (runbook,)})
    found = back(plan, tmp_path)
    assert found == plan
    assert dump_plan(found) == dump_plan(plan)


def test_plan_json_is_canonical() -> None:
    """Sorted keys, one blank a level, one line feed at the end: equal plans are equal bytes."""
    raw = dump_plan(PLANS[0])
    assert raw == json.dumps(json.loads(raw), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def test_keys_are_those_of_the_files() -> None:
    record = json.loads(dump_plan(next(p for p in PLANS if p.scenario == "payment-functions-stop")))
    assert record["runbooks"][0]["steps"][1]["block"]["do"]["with"]["HostedZoneId"] == "Z0BANKEXAMPLE"
    assert record["guards"] == [{"tolerance": "payments-outage", "at": "50%"}]
    assert record["tolerances"][0]["limit"] == "30m" and record["tolerances"][1]["limit"] == 4500


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b'{"digest": 1}'])
def test_what_is_no_plan_is_said_with_its_place(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(raw)
    with pytest.raises(DamagedRun, match="PLAN_MALFORMED") as error:
        load_plan(path)
    assert str(path) in str(error.value)


def test_a_changed_key_is_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(dump_plan(PLANS[0]).replace(b'"digest"', b'"digset"'))
    with pytest.raises(DamagedRun, match="PLAN_MALFORMED"):
        load_plan(path)


def test_a_plan_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidFiles, match="FILE_UNREADABLE"):
        load_plan(tmp_path / "plan.json")


@given(st.integers(0, 100_000_000))
def test_a_percentage_of_six_decimals_is_written_exactly(millionths: int) -> None:
    whole, part = divmod(millionths, 1_000_000)
    share = parse_percent(f"{whole}.{part:06d}%")
    assert parse_percent(write_percent(share)) == share


@pytest.mark.parametrize("query", [{"x": float("inf")}, {"x": [{"y": float("nan")}]}])
def test_a_number_that_json_cannot_carry_never_reaches_a_plan(query: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Signal(id="s", source="x", query=query, period_ms=1, settles_ms=1)
    with pytest.raises(ValidationError, match="finite"):
        Condition(signal="s", above=float("inf"))


def test_dates_in_free_form_keys_are_text() -> None:
    facts = {name: getattr(PLANS[0], name) for name in Plan.model_fields}
    signal = {"id": "s", "source": "x", "query": {"on": date(2026, 11, 24)}, "period_ms": 1, "settles_ms": 1}
    assert Plan.model_validate({**facts, "signals": (signal,)}).signals[0].query == {"on": "2026-11-24"}
