"""What boto3 sees of the rehearsal's X-Ray over HTTP, one operation after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gameday.clock import to_datetime
from gameday.rehearsal import client
from gameday.rehearsal.lookup import local_client
from tests.xray.some_traces import purchase, trace_id


class Up:
    """The loopback AWS, with twelve purchases of which four fail."""

    def __init__(self, rehearsal: client.Rehearsal) -> None:
        self.xray: Any = local_client("xray", rehearsal.endpoint)
        self.at = rehearsal.clock().now() // 1000
        documents = [d for i in range(12) for d in purchase(self.at, i, **({"fault": True} if i % 3 == 0 else {}))]
        assert self.xray.put_trace_segments(TraceSegmentDocuments=documents)["UnprocessedTraceSegments"] == []
        self.window = {"StartTime": to_datetime(self.at * 1000), "EndTime": to_datetime((self.at + 10) * 1000)}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    rehearsal = client.up(tmp_path_factory.mktemp("workspace"), 20.0, kept=False)
    yield Up(rehearsal)
    rehearsal.down()


def test_put_trace_segments_names_what_it_could_not_take(up: Up) -> None:
    said = up.xray.put_trace_segments(TraceSegmentDocuments=['{"id": "00000000000000aa"}'])["UnprocessedTraceSegments"]
    assert said[0]["Id"] == "00000000000000aa" and said[0]["Message"]


def test_telemetry_is_taken(up: Up) -> None:
    record = {"Timestamp": to_datetime(up.at * 1000), "SegmentsSentCount": 1}
    up.xray.put_telemetry_records(TelemetryRecords=[record])


def test_get_service_graph_shows_the_edge_that_breaks(up: Up) -> None:
    services = up.xray.get_service_graph(**up.window)["Services"]
    shop, stock = (next(s for s in services if s["Name"] == n and s.get("Type") != "client") for n in ("shop", "stock"))
    (edge,) = shop["Edges"]
    assert edge["ReferenceId"] == stock["ReferenceId"]
    assert edge["SummaryStatistics"]["FaultStatistics"]["TotalCount"] == 4
    assert edge["SummaryStatistics"]["TotalCount"] == sum(h["Count"] for h in edge["ResponseTimeHistogram"]) == 12
    assert edge["StartTime"] == up.window["StartTime"]


def test_a_window_of_more_than_six_hours_is_refused(up: Up) -> None:
    end = to_datetime((up.at + 6 * 3600 + 1) * 1000)
    with pytest.raises(up.xray.exceptions.InvalidRequestException, match="longer than 6 hours"):
        up.xray.get_service_graph(StartTime=up.window["StartTime"], EndTime=end)
    with pytest.raises(up.xray.exceptions.InvalidRequestException, match="after StartTime"):
        up.xray.get_service_graph(StartTime=end, EndTime=end)


def test_get_trace_summaries_filters_and_counts_all(up: Up) -> None:
    asked = {**up.window, "FilterExpression": 'service("stock") { fault } AND annotation.tier = "gold"'}
    said = up.xray.get_trace_summaries(**asked)
    assert (len(said["TraceSummaries"]), said["TracesProcessedCount"]) == (4, 12)
    one = said["TraceSummaries"][0]
    assert one["HasFault"] and not one["IsPartial"] and one["Http"]["HttpStatus"] == 500
    assert one["ResponseTime"] == pytest.approx(0.2) == one["Duration"]
    assert one["Annotations"]["tier"][0]["AnnotationValue"] == {"StringValue": "gold"}
    assert said["ApproximateTime"] == up.window["StartTime"]  # of the page: its first trace began then


def test_a_filter_that_is_none_is_refused(up: Up) -> None:
    with pytest.raises(up.xray.exceptions.InvalidRequestException, match="Invalid filter expression"):
        up.xray.get_trace_summaries(**up.window, FilterExpression="__import__('os')")


def test_summaries_are_paged(up: Up) -> None:
    later = up.at + 100
    many = [d for i in range(150) for d in purchase(later, 1000 + i)]
    for begin in range(0, len(many), 50):
        up.xray.put_trace_segments(TraceSegmentDocuments=many[begin : begin + 50])
    pages = up.xray.get_paginator("get_trace_summaries").paginate(
        StartTime=to_datetime(later * 1000), EndTime=to_datetime((later + 1) * 1000)
    )
    assert [len(page["TraceSummaries"]) for page in pages] == [100, 50]


def test_batch_get_traces_takes_five_and_names_what_it_does_not_know(up: Up) -> None:
    ids = [trace_id(up.at, i) for i in (0, 1)]
    said = up.xray.batch_get_traces(TraceIds=[*ids, trace_id(up.at, 99)])
    assert [t["Id"] for t in said["Traces"]] == ids and said["UnprocessedTraceIds"] == [trace_id(up.at, 99)]
    assert [len(t["Segments"]) for t in said["Traces"]] == [2, 2]
    with pytest.raises(up.xray.exceptions.InvalidRequestException, match="5 trace ids"):
        up.xray.batch_get_traces(TraceIds=[trace_id(up.at, i) for i in range(6)])


def test_get_trace_graph_is_that_of_these_traces(up: Up) -> None:
    services = up.xray.get_trace_graph(TraceIds=[trace_id(up.at, 0)])["Services"]
    assert sorted((s["Name"], s.get("Type", "")) for s in services) == [
        ("shop", ""), ("shop", "client"), ("stock", "AWS::Lambda::Function")]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "more"),
    [("get_time_series_service_statistics", {}), ("get_insight_summaries", {"GroupName": "x"}),
     ("get_service_graph", {"GroupName": "mine"}), ("get_trace_summaries", {"TimeRangeType": "Event"})],
)  # fmt: skip
def test_what_is_not_served_is_refused_not_empty(up: Up, operation: str, more: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(up.xray, operation)(**up.window, **more)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


@pytest.mark.parametrize("operation", ["get_sampling_rules", "get_groups", "get_encryption_config"])
def test_what_has_no_window_is_refused_too(up: Up, operation: str) -> None:
    with pytest.raises(ClientError, match="does not serve"):
        getattr(up.xray, operation)()
