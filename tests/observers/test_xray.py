"""What X-Ray shows is read in few calls, and what it does not show is never taken for health.

The other side is the rehearsal's X-Ray on loopback, with a clock that stands still; boto3 is real.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from gameday.aws import Aws, CallFailed
from gameday.clock import VirtualClock
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.observers.xray import XRayObserver
from gameday.observers.xray_graph import merged, service_graph
from gameday.plan import Signal
from gameday.protocols import Graph, Sample, Window
from gameday.rehearsal.aws_app import AwsApp
from gameday.rehearsal.cloudwatch_api import CloudWatch
from gameday.rehearsal.fis_engine import FisEngine
from tests.xray.some_traces import hexed, part, purchase, segment, trace_id

MINUTE = 60_000
T0 = 1_700_000_040_000  # a whole minute
WINDOW = Window(T0, T0 + 3 * MINUTE)  # its first two minutes have settled
ONE = Window(T0, T0 + 2 * MINUTE)  # its first has


class Loopback:
    """The loopback AWS in this process; counts what X-Ray is asked."""

    def __init__(self) -> None:
        clock = VirtualClock(T0 + 4 * MINUTE)
        self.app = AwsApp(clock, FisEngine(clock), CloudWatch(clock))
        self.asked: list[str] = []
        self.server = make_server("127.0.0.1", 0, self._count, threaded=True)
        self.observer = XRayObserver(Aws(REHEARSAL_ENVIRONMENT, f"http://127.0.0.1:{self.server.server_port}"))

    def _count(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.asked.append(environ["PATH_INFO"])
        return self.app(environ, start_response)

    def put(self, minute: int, *purchases: dict[str, Any]) -> None:
        """Purchases that began in this minute."""
        at = T0 // 1000 + 60 * minute
        documents = [d for i, more in enumerate(purchases) for d in purchase(at, (1000 + minute) * 100 + i, **more)]
        assert self.app.xray.store.put(documents) == []

    def values(self, *signals: Signal, window: Window = WINDOW) -> dict[str, dict[int, float | None]]:
        """Values by minute."""
        found = self.observer.sample(signals, window)
        return {name: {(s.start_ms - T0) // MINUTE: s.value for s in samples} for name, samples in found.items()}


@pytest.fixture
def up() -> Iterator[Loopback]:
    loopback = Loopback()
    thread = threading.Thread(target=loopback.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield loopback
    loopback.server.shutdown()
    loopback.server.server_close()


def signal(source: str, ident: str = "s", period: int = MINUTE, **query: Any) -> Signal:
    return Signal(id=ident, source=f"xray.{source}", query=query, period_ms=period, settles_ms=MINUTE)


def edge(value: str = "faults", source: str = "shop", target: str = "stock", **more: Any) -> Signal:
    names: dict[str, Any] = {"from": source, "to": target, "value": value}
    return signal("edge", more.pop("ident", value), **names, **more)


FAULT: dict[str, Any] = {"fault": True}


def test_every_figure_of_an_edge_and_of_a_node(up: Loopback) -> None:
    up.put(0, FAULT, {}, {"error": True}, {"error": True, "throttle": True}, {"seconds": 2.0})
    wanted = ("total", "ok", "errors", "throttles", "faults", "fault_rate", "p50_ms", "p99_ms")
    found = up.values(*(edge(v) for v in wanted), signal("service", "stock", service="stock", value="faults"))
    assert {v: found[v][0] for v in wanted} == {
        "total": 5, "ok": 2, "errors": 1, "throttles": 1, "faults": 1, "fault_rate": 0.2, "p50_ms": 100, "p99_ms": 1000
    }  # fmt: skip
    assert found["stock"] == {0: 1.0}
    assert up.asked == ["/ServiceGraph"] * 2  # one for each bucket, whatever the number of signals


def test_an_empty_graph_is_unknown_not_healthy(up: Loopback) -> None:
    found = up.values(edge(), edge("fault_rate"), signal("service", service="stock"),
                      signal("traces", "t", filter="fault"))  # fmt: skip
    assert found == {"faults": {}, "fault_rate": {}, "s": {}, "t": {}}


def test_an_edge_that_was_not_used_by_a_caller_that_served_has_no_faults_and_no_rate(up: Loopback) -> None:
    up.put(1, {})
    found = up.values(edge(target="bank"), edge("fault_rate", target="bank"), edge("p50_ms", target="bank"))
    assert found == {"faults": {1: 0.0}, "fault_rate": {}, "p50_ms": {}}


def test_a_node_that_is_missing_is_unknown_though_others_served(up: Loopback) -> None:
    up.put(1, {})
    assert up.values(signal("service", service="bank", value="total")) == {"s": {}}


def test_a_callee_that_did_not_answer_is_seen_on_the_edge(up: Loopback) -> None:
    up.put(0, {**FAULT, "stock": False})
    assert up.values(edge("fault_rate"))["fault_rate"] == {0: 1.0}


def test_traces_are_counted_by_filter_and_zero_is_a_count(up: Loopback) -> None:
    up.put(0, FAULT, FAULT, {})
    up.put(1, {})
    assert up.values(signal("traces", filter='service("stock") { fault }')) == {"s": {0: 2.0, 1: 0.0}}


def test_many_traces_are_read_page_by_page(up: Loopback) -> None:
    up.put(0, *([FAULT] * 99))
    up.app.xray.store.put([d for i in range(60) for d in purchase(T0 // 1000 + 1, 9_000 + i, **FAULT)])
    assert up.values(signal("traces", filter="fault"), window=ONE) == {"s": {0: 159.0}}
    assert len(up.asked) == 2


def test_a_graph_of_many_nodes_is_read_page_by_page(up: Loopback) -> None:
    at = T0 // 1000
    calls = [part(hexed(100 + i), f"bank-{i}", at, 0.1, **FAULT) for i in range(150)]
    up.app.xray.store.put([json.dumps(segment(trace_id(at), hexed(1), "shop", at, 1.0, subsegments=calls))])
    found = up.values(edge(target="bank-99"), edge(target="bank-7", ident="first"), window=ONE)
    assert found == {"faults": {0: 1.0}, "first": {0: 1.0}}
    assert len(up.asked) == 2


def test_buckets_that_have_not_settled_are_not_asked_for(up: Loopback) -> None:
    up.put(0, FAULT)
    up.put(1, FAULT)
    assert up.values(edge(), window=Window(T0 - 1000, WINDOW.end_ms - 1)) == {"faults": {0: 1.0}}


def test_what_was_read_is_not_asked_for_again_and_what_was_empty_is_for_a_while(up: Loopback) -> None:
    up.put(0, FAULT)
    assert up.values(edge())["faults"] == {0: 1.0}
    up.put(1, FAULT)  # late
    assert up.values(edge())["faults"] == {0: 1.0, 1: 1.0}
    assert up.values(edge())["faults"] == {0: 1.0, 1: 1.0}
    assert len(up.asked) == 2 + 1
    for _ in range(2):
        assert up.values(edge(), window=Window(T0 + 2 * MINUTE, T0 + 6 * MINUTE)) == {"faults": {}}
    assert len(up.asked) == 3 + 3 + 2  # minute 2 is given up; 3 and 4 may still come


def test_a_look_makes_a_bounded_number_of_calls_and_the_next_goes_on(up: Loopback) -> None:
    window = Window(T0 - 150 * MINUTE, T0 + MINUTE)
    with pytest.raises(RuntimeError, match="more than 120 calls"):
        up.values(edge(), window=window)
    assert len(up.asked) == 120
    assert up.values(edge(), window=window) == {"faults": {}}
    assert len(up.asked) == 150


def test_a_bucket_or_a_graph_longer_than_six_hours_is_asked_for_in_parts(up: Loopback) -> None:
    up.put(0, FAULT)
    up.put(-8 * 60, FAULT)
    window = Window(T0 - 9 * 60 * MINUTE, T0 + MINUTE)
    graph = up.observer.graph(window)
    assert len(up.asked) == 2
    assert [(e.source, e.target, e.tally.faults, e.tally.total) for e in graph.edges] == [("shop", "stock", 2, 2)]
    assert {n.name for n in graph.nodes} == {"shop", "stock"}
    assert isinstance(up.observer, Graph)


def test_a_source_that_cannot_be_read_is_a_failure(up: Loopback) -> None:
    up.app.gate.set({"mode": "throttle", "service": "xray"})
    with pytest.raises(CallFailed, match="GetServiceGraph"):
        up.observer.sample([edge()], ONE)


def test_reference_ids_hold_within_one_window_only_and_the_busier_of_two_lambda_nodes_counts() -> None:
    def service(number: int, name: str, kind: str, total: int, *to: int) -> dict[str, Any]:
        edges = [{"ReferenceId": n, "SummaryStatistics": {"TotalCount": total}} for n in to]
        summary = {"TotalCount": total, "OkCount": total}
        return {"ReferenceId": number, "Name": name, "Type": kind, "Edges": edges, "SummaryStatistics": summary}

    first = [service(0, "api", "remote", 4, 1), service(1, "pay", "AWS::Lambda", 4, 2),
             service(2, "pay", "AWS::Lambda::Function", 3)]  # fmt: skip
    second = [service(5, "api", "remote", 6, 9), service(9, "pay", "AWS::Lambda", 6)]
    seen = merged([first, second])
    assert seen.node("pay", None) is seen.nodes["pay", "AWS::Lambda"]
    node = seen.node("pay", "AWS::Lambda::Function")
    assert node is not None and node.total == 3
    assert [(e.source, e.target, e.tally.total) for e in service_graph(seen).edges] == [("api", "pay", 10)]


def test_samples_bear_the_start_of_their_bucket(up: Loopback) -> None:
    up.put(1, FAULT)
    assert up.observer.sample([edge()], WINDOW) == {"faults": [Sample(T0 + MINUTE, 1.0)]}
