"""The interval of a disruption holds the truth, and nothing softens a breach."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.verdict.bounds import Method, length, lower_flags, measure, upper_flags
from gameday.verdict.codes import CODES, Verdict, decide, ordered, worst
from gameday.verdict.states import BucketState

LETTERS: dict[str, BucketState] = {"U": "up", "D": "down", "G": "degraded", "?": "unknown"}
EXAMPLES = json.loads((Path(__file__).parents[1] / "data" / "tolerance-examples.json").read_text())
MODES = st.sampled_from(["longest_episode", "cumulative", "total_span"])
SERIES = st.lists(st.sampled_from(sorted(LETTERS.values())), min_size=1, max_size=80)
VERDICTS: st.SearchStrategy[Verdict] = st.sampled_from(["within", "inconclusive", "breached"])


def method_of(example: dict[str, Any]) -> Method:
    return Method(
        dt_ms=example["dt_s"] * 1000,
        hold_ms=example["hold_s"] * 1000,
        mode=example["mode"],
        disrupted=frozenset(LETTERS[c] for c in example["counts_as_disrupted"]),
        clock_ms=example["clock_s"] * 1000,
        baseline_ms=example["baseline_s"] * 1000,
        min_coverage=example["min_coverage"],
        max_gap_ms=example["max_gap_s"] * 1000,
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=[e["id"] for e in EXAMPLES])
def test_each_published_series_gets_exactly_its_verdict(example: dict[str, Any]) -> None:
    found = measure(tuple(LETTERS[c] for c in example["states"]), method_of(example))
    codes = ordered(found.codes | set(example["given_codes"]))
    hi = None if found.hi is None else found.hi / 1000
    expect = example["expect"]
    assert (found.lo / 1000, hi, list(codes)) == (expect["m_lo_s"], expect["m_hi_s"], list(ordered(expect["codes"])))
    assert decide(found.lo, found.hi, example["limit_s"] * 1000, "<=", codes).upper() == expect["verdict"]


def test_there_are_twenty_three_published_series() -> None:
    assert len(EXAMPLES) == 23


def a_method(mode: str) -> Method:
    return Method(60_000, 300_000, mode, frozenset({"down", "degraded"}), baseline_ms=0)


@given(SERIES, MODES, st.data())
def test_making_a_bucket_disrupted_never_lowers_the_length(series: list[Any], mode: str, data: st.DataObject) -> None:
    where = data.draw(st.integers(min_value=0, max_value=len(series) - 1))
    worse: list[BucketState] = [*series[:where], "down", *series[where + 1 :]]
    method = a_method(mode)
    assert length(lower_flags(worse, method), method) >= length(lower_flags(series, method), method)


@given(SERIES, MODES, st.data())
def test_whatever_the_unknown_buckets_were_the_length_lies_in_the_interval(
    series: list[Any], mode: str, data: st.DataObject
) -> None:
    method = a_method(mode)
    truth: list[BucketState] = [data.draw(st.sampled_from(["up", "down"])) if s == "unknown" else s for s in series]
    really, found = length(lower_flags(truth, method), method), measure(series, method)
    assert found.lo <= really and (found.hi is None or really <= found.hi)


@given(SERIES)
def test_no_episode_is_longer_than_the_total_span(series: list[Any]) -> None:
    spans = [length(upper_flags(series, a_method(m)), a_method(m)) for m in ("longest_episode", "total_span")]
    assert spans[0] <= spans[1]
    assert length(upper_flags(series, a_method("cumulative")), a_method("cumulative")) <= spans[1]


@given(
    st.integers(0, 100),
    st.none() | st.integers(0, 100),
    st.integers(0, 100),
    st.sampled_from(["<", "<="]),
    st.sets(st.sampled_from(sorted(CODES))),
)
def test_no_code_softens_a_breach_and_none_leaves_a_pass(
    lo: int, hi: int | None, limit: int, comparator: str, codes: set[str]
) -> None:
    plain, coded = decide(lo, hi, limit, comparator, ()), decide(lo, hi, limit, comparator, codes)
    assert (plain == "breached") == (coded == "breached")
    assert coded != "within" or not codes
    assert hi is not None or plain != "within"


@given(st.lists(VERDICTS, min_size=1))
def test_the_worst_verdict_wins(verdicts: list[Verdict]) -> None:
    expected = next(v for v in ("breached", "inconclusive", "within") if v in verdicts)
    assert worst(verdicts) == expected


def test_nothing_judged_is_no_pass() -> None:
    assert worst([]) == "inconclusive"


@pytest.mark.parametrize("series", [["unknown"] * 40, ["up"] * 20 + ["unknown"] * 20, ["unknown"] * 20 + ["up"] * 20])
def test_silence_is_never_a_pass(series: list[Any]) -> None:
    found = measure(series, a_method("longest_episode"))
    assert decide(found.lo, found.hi, 10**9, "<=", found.codes) == "inconclusive"


@given(SERIES, MODES, st.data())
def test_hiding_a_datapoint_never_narrows_the_interval(series: list[Any], mode: str, data: st.DataObject) -> None:
    where = data.draw(st.integers(min_value=0, max_value=len(series) - 1))
    method = a_method(mode)
    shown, hidden = measure(series, method), measure([*series[:where], "unknown", *series[where + 1 :]], method)
    assert hidden.lo <= shown.lo
    assert hidden.hi is None or (shown.hi is not None and hidden.hi >= shown.hi)
