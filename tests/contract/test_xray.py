"""The calls of X-Ray that the product makes. On AWS: some ten traces, within the free tier."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.account import Account, refused, until
from tests.xray.some_traces import purchase


@pytest.fixture(scope="module")
def shop(account: Account) -> dict[str, Any]:
    """Twelve purchases of which four fail, and the window in which they began."""
    at = round(account.now().timestamp()) - 5
    documents = [d for i in range(12) for d in purchase(at, at * 100 + i, **({"fault": True} if i % 3 == 0 else {}))]
    assert account.client("xray").put_trace_segments(TraceSegmentDocuments=documents)["UnprocessedTraceSegments"] == []
    began = account.now().replace(microsecond=0) - timedelta(seconds=60)
    return {"StartTime": began, "EndTime": began + timedelta(seconds=120)}


def services(account: Account, window: dict[str, Any]) -> dict[str, dict[str, Any]]:
    pages = account.client("xray").get_paginator("get_service_graph").paginate(**window)
    return {s["Name"]: s for page in pages for s in page["Services"] if s.get("Type") != "client"}


def test_xray_get_service_graph(account: Account, shop: dict[str, Any]) -> None:
    """Nodes, and the edge between them with its own statistics and histogram."""
    until(account, lambda: services(account, shop).get("shop", {}).get("SummaryStatistics", {}).get("TotalCount") == 12)
    found = services(account, shop)
    (edge,) = [e for e in found["shop"]["Edges"] if e["ReferenceId"] == found["stock"]["ReferenceId"]]
    said = edge["SummaryStatistics"]
    assert (said["TotalCount"], said["OkCount"], said["FaultStatistics"]["TotalCount"]) == (12, 8, 4)
    assert said["ErrorStatistics"] == {"ThrottleCount": 0, "OtherCount": 0, "TotalCount": 0}
    assert sum(entry["Count"] for entry in edge["ResponseTimeHistogram"]) == 12


def test_xray_get_service_graph_refuses(account: Account, shop: dict[str, Any]) -> None:
    xray, begin = account.client("xray"), shop["StartTime"]
    for end in (begin + timedelta(hours=6, seconds=1), begin - timedelta(seconds=1)):
        with refused("InvalidRequestException"):
            xray.get_service_graph(StartTime=begin, EndTime=end)
    with refused("InvalidRequestException"):
        xray.get_service_graph(**shop, NextToken="no token")


def test_xray_get_trace_summaries(account: Account, shop: dict[str, Any]) -> None:
    """The filter chooses; what was looked at and did not match is counted."""
    xray = account.client("xray")

    def found(expression: str) -> list[dict[str, Any]]:
        pages = xray.get_paginator("get_trace_summaries").paginate(**shop, FilterExpression=expression)
        return [summary for page in pages for summary in page["TraceSummaries"]]

    until(account, lambda: len(found('service("shop")')) == 12)
    assert len(found('service("shop") { fault = true }')) == 4
    assert all(summary["HasFault"] for summary in found('service("shop") { fault = true }'))
    none = xray.get_trace_summaries(**shop, FilterExpression='service("gameday-no-such-service")')
    assert none["TraceSummaries"] == [] and none["TracesProcessedCount"] >= 12
    for wrong in ({"FilterExpression": "service("}, {"EndTime": shop["StartTime"] + timedelta(hours=24, seconds=1)}):
        with refused("InvalidRequestException"):
            xray.get_trace_summaries(**shop | wrong)
