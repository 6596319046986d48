"""Signals are read in as few requests as CloudWatch allows, and what cannot be read is never a zero.

The other side is a loopback HTTP server that speaks CloudWatch's JSON protocol; boto3 is real.
"""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gameday.aws import Aws, CallFailed
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.observers.cloudwatch import CloudWatchObserver, Unreadable, batches, rename
from gameday.plan import Signal
from gameday.protocols import Sample, Window

MINUTE = 60_000
WINDOW = Window(1_700_000_040_000, 1_700_000_040_000 + 5 * MINUTE)
Answer = tuple[int, Any]


class CloudWatch:
    """A server whose answer is a function of operation and request; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answer: Callable[[str, dict[str, Any]], Answer] = lambda operation, request: (200, self.complete(request))
        self.url = ""

    @staticmethod
    def complete(request: dict[str, Any], values: tuple[float, ...] = (1.0, 2.0)) -> dict[str, Any]:
        stamps = [WINDOW.start_ms / 1000 + 60 * i for i in range(len(values))]
        wanted = [q["Id"] for q in request["MetricDataQueries"] if q.get("ReturnData", True)]
        results = [{"Id": i, "StatusCode": "Complete", "Timestamps": stamps, "Values": list(values)} for i in wanted]
        return {"MetricDataResults": results}


@pytest.fixture
def cloudwatch() -> Iterator[CloudWatch]:
    fake = CloudWatch()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            fake.asked.append((operation, request))
            status, answer = fake.answer(operation, request)
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        fake.url = f"http://127.0.0.1:{http.server_port}"
        yield fake
        http.shutdown()
        thread.join()


@pytest.fixture
def observer(cloudwatch: CloudWatch) -> Iterator[CloudWatchObserver]:
    aws = Aws(REHEARSAL_ENVIRONMENT, cloudwatch.url)
    yield CloudWatchObserver(aws)
    aws.client("cloudwatch").close()


@pytest.mark.parametrize("part", ["page", "result"])
def test_an_answer_that_says_it_is_not_whole_is_no_answer(
    cloudwatch: CloudWatch, observer: CloudWatchObserver, part: str
) -> None:
    """Complete by its status, and CloudWatch says that it stopped looking, or may not: a gap, and never a number."""

    def answer(_: str, request: dict[str, Any]) -> Answer:
        found = cloudwatch.complete(request)
        where = found if part == "page" else found["MetricDataResults"][0]
        where["Messages"] = [{"Code": "MaxMetricsExceeded", "Value": "Only the first 500 time series are returned"}]
        return 200, found

    cloudwatch.answer = answer
    with pytest.raises(Unreadable, match="MaxMetricsExceeded"):
        observer.sample([metric("a")], WINDOW)


def test_a_sum_that_cannot_be_done_is_a_datapoint_that_is_not_there(
    cloudwatch: CloudWatch, observer: CloudWatchObserver
) -> None:
    """A division by zero in one period leaves the others."""

    def answer(_: str, request: dict[str, Any]) -> Answer:
        found = cloudwatch.complete(request, (1.0,))
        found["MetricDataResults"][0]["Messages"] = [{"Code": "ArithmeticError", "Value": "division by zero"}]
        return 200, found

    cloudwatch.answer = answer
    assert [s.value for s in observer.sample([metric("a")], WINDOW)["a"]] == [1.0]


def metric(ident: str) -> Signal:
    query = {"namespace": "OpenBanking", "metric": ident, "dimensions": {"Api": "payments"}, "statistic": "p99"}
    return Signal(id=ident, source="cloudwatch.metric", query=query, period_ms=MINUTE, settles_ms=MINUTE)


def alarm(ident: str) -> Signal:
    return Signal(id=ident, source="cloudwatch.alarm", query={"alarm": ident}, period_ms=MINUTE, settles_ms=0)


def test_five_hundred_signals_cost_one_request(cloudwatch: CloudWatch, observer: CloudWatchObserver) -> None:
    found = observer.sample([metric(f"m{i}") for i in range(500)], WINDOW)
    assert len(cloudwatch.asked) == 1
    assert len(found) == 500
    first = WINDOW.start_ms
    assert found["m499"] == [Sample(first, 1.0), Sample(first + MINUTE, 2.0)]
    query = cloudwatch.asked[0][1]["MetricDataQueries"][0]
    assert query["MetricStat"]["Stat"] == "p99"
    assert query["MetricStat"]["Metric"]["Dimensions"] == [{"Name": "Api", "Value": "payments"}]


def test_the_501st_signal_costs_a_second_request(cloudwatch: CloudWatch, observer: CloudWatchObserver) -> None:
    assert len(observer.sample([metric(f"m{i}") for i in range(501)], WINDOW)) == 501
    assert [len(request["MetricDataQueries"]) for _, request in cloudwatch.asked] == [500, 1]


def test_all_pages_are_read(cloudwatch: CloudWatch, observer: CloudWatchObserver) -> None:
    def paged(_: str, request: dict[str, Any]) -> Answer:
        page = cloudwatch.complete(request, (7.0,))
        if "NextToken" not in request:
            page["NextToken"] = "more"
            page["MetricDataResults"][0]["StatusCode"] = "PartialData"
        else:
            page["MetricDataResults"][0]["Timestamps"] = [WINDOW.start_ms / 1000 + 60]
        return 200, page

    cloudwatch.answer = paged
    assert [s.start_ms for s in observer.sample([metric("m")], WINDOW)["m"]] == [
        WINDOW.start_ms, WINDOW.start_ms + MINUTE,
    ]  # fmt: skip


def test_pages_without_end_are_unreadable(cloudwatch: CloudWatch, observer: CloudWatchObserver) -> None:
    cloudwatch.answer = lambda _, request: (200, {**cloudwatch.complete(request), "NextToken": "more"})
    with pytest.raises(Unreadable, match="did not end"):
        observer.sample([metric("m")], WINDOW)


def test_a_metric_that_does_not_exist_has_no_samples(cloudwatch: CloudWatch, observer: CloudWatchObserver) -> None:
    cloudwatch.answer = lambda _, request: (200, cloudwatch.complete(request, ()))
    assert observer.sample([metric("m")], WINDOW) == {"m": []}


def test_datapoints_outside_the_window_are_not_taken(cloudwatch: CloudWatch, observer: CloudWatchObserver) -> None:
    cloudwatch.answer = lambda _, request: (200, cloudwatch.complete(request, (1.0,) * 9))
    assert len(observer.sample([metric("m")], WINDOW)["m"]) == 5


@pytest.mark.parametrize("status", ["InternalError", "Forbidden", "PartialData"])
def test_a_partial_answer_is_unreadable(status: str, cloudwatch: CloudWatch, observer: CloudWatchObserver) -> None:
    def partial(_: str, request: dict[str, Any]) -> Answer:
        answer = cloudwatch.complete(request)
        answer["MetricDataResults"][0]["StatusCode"] = status
        return 200, answer

    cloudwatch.answer = partial
    with pytest.raises(Unreadable, match=status):
        observer.sample([metric("m")], WINDOW)


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"__type": "ThrottlingException", "message": "Rate exceeded"}),
        (400, {"__type": "AccessDeniedException", "message": "no"}),
        (400, b"<html>not what you asked</html>"),
        (200, b"<html>not what you asked</html>"),
    ],
    ids=["throttled", "denied", "html-400", "html-200"],
)
def test_an_answer_that_is_no_data_raises(
    answer: Answer, cloudwatch: CloudWatch, observer: CloudWatchObserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    cloudwatch.answer = lambda *_: answer
    with pytest.raises((CallFailed, Unreadable, KeyError)):
        observer.sample([metric("m")], WINDOW)


def test_alarms_are_read_together_and_insufficient_data_is_unknown(
    cloudwatch: CloudWatch, observer: CloudWatchObserver
) -> None:
    states = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA"}
    alarms = [
        {"AlarmName": name, "StateValue": state, "StateUpdatedTimestamp": 1_600_000_000}
        for name, state in states.items()
    ]
    cloudwatch.answer = lambda *_: (200, {"MetricAlarms": alarms, "CompositeAlarms": []})
    found = observer.sample([alarm(n) for n in "abcd"], WINDOW)
    assert {n: [s.value for s in samples] for n, samples in found.items()} == {"a": [1], "b": [0], "c": [None], "d": []}
    assert [operation for operation, _ in cloudwatch.asked] == ["DescribeAlarms"]


def test_where_the_history_may_not_be_read_the_state_is_known_all_the_same_and_a_warning_says_so(
    cloudwatch: CloudWatch, observer: CloudWatchObserver, caplog: pytest.LogCaptureFixture
) -> None:
    changed = {"AlarmName": "a", "StateValue": "ALARM", "StateUpdatedTimestamp": WINDOW.start_ms / 1000 + 30}

    def answer(operation: str, _: dict[str, Any]) -> Answer:
        if operation == "DescribeAlarms":
            return 200, {"MetricAlarms": [changed], "CompositeAlarms": []}
        return 400, {"__type": "AccessDeniedException", "message": "no"}

    cloudwatch.answer = answer
    for _ in range(2):
        assert observer.sample([alarm("a")], WINDOW)["a"] == [Sample(WINDOW.start_ms + 30_000, 1.0)]
    (record,) = caplog.records
    assert "changes of alarms between two looks are lost" in record.getMessage()


def test_an_expression_asks_for_its_metrics_and_returns_one(
    cloudwatch: CloudWatch, observer: CloudWatchObserver
) -> None:
    parts = {name: {"namespace": "N", "metric": name} for name in ("m1", "m10")}
    query = {"expression": "100*m1/m10", "metrics": parts}
    signal = Signal(id="rate", source="cloudwatch.expression", query=query, period_ms=MINUTE, settles_ms=0)
    assert len(observer.sample([signal], WINDOW)["rate"]) == 2
    asked = cloudwatch.asked[0][1]["MetricDataQueries"]
    assert [(q["Id"], q["ReturnData"]) for q in asked] == [("q0_m1", False), ("q0_m10", False), ("q0", True)]
    assert asked[2]["Expression"] == "100*q0_m1/q0_m10"


def test_a_group_of_queries_is_never_torn_apart() -> None:
    assert list(batches([[1, 2], [3, 4], [5]], 3)) == [[1, 2], [3, 4, 5]]
    assert rename("SUM([m1, m10]) + m1x", {"m1": "a", "m10": "b"}) == "SUM([a, b]) + m1x"
