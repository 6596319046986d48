"""What a piece traces: which requests, with which words, and what it tells those that it calls."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from gameday.clock import VirtualClock
from gameday.rehearsal.workload.tracing import HEADER, MOST_KEPT, UNTRACED, Sampler, Tracer, flags
from gameday.rehearsal.xray_store import TraceStore

NOW_S = 1_700_000_000


def tracer(kind: str = "function", clock: VirtualClock | None = None) -> Tracer:
    return Tracer("pay", kind, "1-pay", clock or VirtualClock(NOW_S * 1000))


def test_the_first_request_of_each_second_is_traced_and_a_twentieth_of_the_others() -> None:
    sampler = Sampler(Random(1))
    taken = [sampler.take(NOW_S + i / 1000) for i in range(20_000)]
    firsts = sum(taken[::1000])
    assert firsts == 20
    assert 800 < sum(taken) - firsts < 1200


def test_a_callee_does_what_its_caller_decided() -> None:
    assert tracer().begin(UNTRACED) is None
    assert tracer().begin({HEADER: "Sampled=1"}) is None  # nobody says of which trace
    segment = tracer().begin({HEADER: "Root=1-65539800-" + "0" * 24 + ";Parent=00000000000000aa;Sampled=1"})
    assert segment is not None
    assert (segment.document["trace_id"], segment.document["parent_id"]) == ("1-65539800-" + "0" * 24, "0" * 14 + "aa")


@pytest.mark.parametrize("kind", ["table", "queue", "external"])
def test_what_runs_no_code_of_ours_sends_no_segments(kind: str) -> None:
    assert tracer(kind).begin({}) is None


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, {}), (404, {"error": True}), (429, {"error": True, "throttle": True}), (500, {"fault": True}),
     (598, {"fault": True})],
)  # fmt: skip
def test_a_status_becomes_the_words_of_x_ray(status: int, said: dict[str, Any]) -> None:
    assert flags(status) == said


def test_a_whole_document_that_the_store_takes_with_its_calls() -> None:
    clock = VirtualClock(NOW_S * 1000)
    made = tracer(clock=clock)
    segment = made.begin({})
    assert segment is not None
    for name, kind, status in (("fraud", "function", 200), ("ledger", "table", 500), ("bank", "external", 598)):
        part = segment.called(name, kind)
        assert part["id"] in segment.header(part)[HEADER]
        clock.advance(100)
        segment.answered(part, status)
    segment.called("cut-off", "function")
    clock.advance(50)
    made.end(segment, 502)
    (document,) = made.take()
    assert made.take() == []
    store = TraceStore(clock)
    assert store.put([document]) == []
    (trace,) = store.traces.values()
    (span,) = trace.segments.values()
    assert (span.fault, span.http["response"]) == (True, {"status": 502})
    assert span.seconds == pytest.approx(0.35)
    assert [(p.name, p.kind, p.fault) for p in span.parts] == [
        ("fraud", None, False), ("ledger", "AWS::DynamoDB::Table", True), ("bank", None, True), ("cut-off", None, True),
    ]  # fmt: skip
    assert [p.http for p in span.parts[2:]] == [{}, {}]  # nobody answered


def test_what_nobody_takes_away_does_not_grow_for_ever() -> None:
    made = tracer()
    for _ in range(MOST_KEPT + 10):
        segment = made.begin({HEADER: "Root=1-65539800-" + "0" * 24 + ";Sampled=1"})
        assert segment is not None
        made.end(segment, 200)
    assert len(made.take()) == MOST_KEPT


def test_tracing_draws_nothing_that_the_faults_draw() -> None:
    made = tracer()
    before = Random("1-pay").random()
    made.begin({})
    assert Random("1-pay").random() == before and made.clock.now() == NOW_S * 1000
    assert json.loads(json.dumps(UNTRACED)) == {HEADER: "Sampled=0"}
