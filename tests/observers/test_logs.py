"""Counts of Logs Insights, against the loopback AWS and against a server that answers as AWS's API reference says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gameday.aws import Aws, CallFailed
from gameday.clock import VirtualClock, iso
from gameday.model.queries import LogsQuery
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.observers.logs import LogsObserver, Unreadable, query_string
from gameday.plan import Signal
from gameday.protocols import Sample, Window
from gameday.rehearsal import client
from tests.observers.a_server import Request, Server, serve

PERIOD = 20_000
T = 1_700_000_040_000
WINDOW = Window(T, T + 5 * PERIOD + 7_000)


def signal(ident: str = "failures", filter: str = '@message like "FAILED"', **more: Any) -> Signal:
    query = {"groups": ("/bank/payments",), "filter": filter, **more}
    return Signal(id=ident, source="logs.count", query=query, period_ms=PERIOD, settles_ms=PERIOD)


class Insights:
    """A server that answers StartQuery and GetQueryResults; the status is the next of ``statuses``."""

    def __init__(self, server: Server) -> None:
        self.server, self.statuses, self.rows, self.scanned = server, ["Complete"], dict[int, int](), 100
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refusal: tuple[int, dict[str, str], bytes] | None = None
        server.answer = self.answer

    def answer(self, request: Request) -> Any:
        headers = {name.lower(): value for name, value in request.headers.items()}
        operation, wire = headers["x-amz-target"].rpartition(".")[2], json.loads(request.body)
        self.calls.append((operation, wire))
        if self.refusal:
            return self.refusal
        said: dict[str, Any] = {"queryId": f"q{len(self.calls)}"}
        if operation == "GetQueryResults":
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            rows = [self.row(t, n) for t, n in self.rows.items()] if status == "Complete" else []
            said = {"status": status, "results": rows, "statistics": {"recordsScanned": self.scanned}}
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(said).encode()

    @staticmethod
    def row(at: int, count: int) -> list[dict[str, str]]:
        stamp = iso(at).replace("T", " ").rstrip("Z")
        return [{"field": "bin(20s)", "value": stamp}, {"field": "matched", "value": str(count)}]


@pytest.fixture
def insights() -> Iterator[Insights]:
    with serve() as server:
        yield Insights(server)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(T)


@pytest.fixture
def observer(insights: Insights, clock: VirtualClock) -> Iterator[LogsObserver]:
    aws = Aws(REHEARSAL_ENVIRONMENT, insights.server.url)
    yield LogsObserver(aws, clock)
    aws.close()


def test_one_query_counts_the_closed_buckets_and_leaves_out_what_falls_into_the_next(
    insights: Insights, observer: LogsObserver, clock: VirtualClock
) -> None:
    insights.statuses = ["Scheduled", "Running", "Complete"]
    insights.rows = {T + 5 * PERIOD: 9, T + PERIOD: 3, T: 2}
    assert observer.sample([signal()], WINDOW)["failures"] == [Sample(T, 2.0), Sample(T + PERIOD, 3.0)]
    operation, wire = insights.calls[0]
    assert operation == "StartQuery" and wire["logGroupNames"] == ["/bank/payments"]
    assert wire["queryString"] == 'filter @message like "FAILED" | stats count(*) as matched by bin(20s)'
    assert (wire["startTime"], wire["endTime"]) == (T // 1000, T // 1000 + 100)
    assert clock.slept == [250, 250]


def test_it_asks_again_only_when_another_bucket_has_closed(insights: Insights, observer: LogsObserver) -> None:
    insights.rows = {T: 2}
    for later in (0, 4_000, 12_000):
        observer.sample([signal()], Window(T, T + 2 * PERIOD + later))
    assert [name for name, _ in insights.calls] == ["StartQuery", "GetQueryResults"]
    observer.sample([signal()], Window(T, T + 3 * PERIOD))
    assert len(insights.calls) == 4
    assert observer.sample([signal("new")], Window(T, T + PERIOD - 1)) == {"new": []} and len(insights.calls) == 4


def test_a_bucket_without_a_match_is_unknown_unless_the_file_says_what_it_counts_as(
    insights: Insights, observer: LogsObserver
) -> None:
    insights.rows = {T: 2}
    assert observer.sample([signal()], WINDOW)["failures"] == [Sample(T, 2.0)]
    known = observer.sample([signal("known", otherwise=0.0)], WINDOW)["known"]
    assert [s.value for s in known] == [2.0, 0.0, 0.0, 0.0, 0.0]
    insights.rows, insights.scanned = {}, 0  # nothing was logged at all: that is no zero
    assert observer.sample([signal("silent", otherwise=0.0)], WINDOW)["silent"] == []


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout", "Unknown"])
def test_a_query_that_does_not_complete_raises(insights: Insights, observer: LogsObserver, status: str) -> None:
    insights.statuses = ["Running", status]
    with pytest.raises(Unreadable, match=f"failures: the Insights query ended as {status}"):
        observer.sample([signal()], WINDOW)


def test_a_query_that_is_not_done_in_time_is_stopped_and_raises(
    insights: Insights, observer: LogsObserver, clock: VirtualClock
) -> None:
    insights.statuses = ["Running"]
    with pytest.raises(Unreadable, match="failures: Insights was not done in 20 s"):
        observer.sample([signal()], WINDOW)
    assert insights.calls[-1][0] == "StopQuery" and sum(clock.slept) == 20_000


def test_waiting_is_wall_time(insights: Insights) -> None:
    insights.statuses, clock = ["Running", "Complete"], VirtualClock(T, speed=20)
    aws = Aws(REHEARSAL_ENVIRONMENT, insights.server.url)
    LogsObserver(aws, clock).sample([signal()], WINDOW)
    aws.close()
    assert clock.slept == [5_000]  # of scenario time: 250 ms of wall time


def test_a_refusal_raises_with_the_words_of_aws(insights: Insights, observer: LogsObserver) -> None:
    body = json.dumps({"__type": "MalformedQueryException", "message": "unexpected symbol"}).encode()
    insights.refusal = (400, {"Content-Type": "application/x-amz-json-1.1"}, body)
    with pytest.raises(CallFailed, match="logs StartQuery: MalformedQueryException: unexpected symbol"):
        observer.sample([signal()], WINDOW)


def test_a_width_below_a_second_is_asked_for_in_milliseconds() -> None:
    query = LogsQuery(groups=("g",), filter="a = 1")
    assert query_string(query, 500).endswith("by bin(500ms)") and query_string(query, 60_000).endswith("by bin(60s)")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.Rehearsal]:
    rehearsal = client.up(tmp_path_factory.mktemp("workspace"), 1.0, kept=False)
    yield rehearsal
    rehearsal.down()


def test_the_rehearsal_counts_what_was_put_into_its_logs(up: client.Rehearsal) -> None:
    aws = Aws(REHEARSAL_ENVIRONMENT, up.endpoint)
    logs, start = aws.client("logs"), up.clock().now() // PERIOD * PERIOD - 6 * PERIOD
    logs.create_log_group(logGroupName="/bank/payments")
    logs.create_log_stream(logGroupName="/bank/payments", logStreamName="a")
    told = [{"level": "ERROR", "ms": 900, "who": {"region": "eu-west-2"}}, {"level": "INFO", "ms": 20}]
    events = [(0, json.dumps(told[0])), (500, json.dumps(told[1])), (PERIOD - 1, "payment FAILED: timeout"),
              (PERIOD, json.dumps(told[0])), (3 * PERIOD, "all well")]  # fmt: skip
    logs.put_log_events(logGroupName="/bank/payments", logStreamName="a", logEvents=[
        {"timestamp": start + at, "message": message} for at, message in events])  # fmt: skip
    window = Window(start, start + 4 * PERIOD)
    observer = LogsObserver(aws, up.clock())

    def counts(filter: str, **more: Any) -> list[float | None]:
        found = observer.sample([signal(filter[:20], filter, **more)], window)[filter[:20]]
        by_start = {s.start_ms: s.value for s in found}
        return [by_start.get(start + i * PERIOD) for i in range(4)]

    assert counts('level = "ERROR"') == [1.0, 1.0, None, None]
    assert counts("@message like /FAILED|well/") == [1.0, None, None, 1.0]
    assert counts('ms > 500 and level != "INFO" and who.region = "eu-west-2"') == [1.0, 1.0, None, None]
    assert counts("@message not like 'well'", otherwise=0.0) == [3.0, 1.0, 0.0, 0.0]
    with pytest.raises(CallFailed, match="MalformedQueryException"):
        counts('level = "ERROR" or ms > 5')
    with pytest.raises(CallFailed, match="MalformedQueryException"):
        counts("ispresent(level)")
    with pytest.raises(CallFailed, match="ResourceNotFoundException.*'/bank/none'"):
        counts("a = 1", groups=("/bank/none",))
    described = logs.describe_log_groups()["logGroups"]  # moto's, as before
    assert [g["logGroupName"] for g in described] == ["/bank/payments"]
    aws.close()
