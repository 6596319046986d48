"""The trace store, the service graph and the filter expressions of the rehearsal, on a virtual clock."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gameday.clock import VirtualClock
from gameday.rehearsal.metric_store import AwsError
from gameday.rehearsal.xray_api import XRay
from gameday.rehearsal.xray_filter import compiled, matches
from gameday.rehearsal.xray_graph import ServiceGraph
from gameday.rehearsal.xray_store import TraceStore
from tests.xray.some_traces import hexed, part, purchase, segment, trace_id

NOW_S = 1_700_000_000
HOUR_MS = 3_600_000


def store(*documents: str, most: int = 100) -> TraceStore:
    made = TraceStore(VirtualClock(NOW_S * 1000), most)
    assert made.put(list(documents)) == []
    return made


def view(made: TraceStore) -> dict[tuple[str, str | None], dict[str, Any]]:
    services = ServiceGraph(made.within((NOW_S - 3600) * 1000, (NOW_S + 60) * 1000)).view()
    return {(s["Name"], s.get("Type")): s for s in services}


def edge(services: dict[Any, dict[str, Any]], source: Any, target: Any) -> dict[str, Any]:
    wanted = services[target]["ReferenceId"]
    return next(e for e in services[source]["Edges"] if e["ReferenceId"] == wanted)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trace_id": "x"}, "trace_id is"),
        ({"trace_id": trace_id(NOW_S + 10_000)}, "out of range"),
        ({"trace_id": trace_id(NOW_S - 40 * 86_400)}, "out of range"),
        ({"id": "short"}, "16 hexadecimal"),
        ({"name": ""}, "name and id"),
        ({"end_time": None}, "end_time"),
        ({"start_time": "now"}, "not a number"),
        ({"start_time": True}, "not a number"),
        ({"type": "subsegment"}, "inside of their segment"),
        ({"subsegments": [{"id": "x"}]}, "name and id"),
        ({"metadata": "x" * 70_000}, "64 KB"),
    ],
)
def test_a_document_that_is_none_is_named_with_its_reason(change: dict[str, Any], says: str) -> None:
    document = json.dumps(segment(trace_id(NOW_S), hexed(1), "shop", NOW_S, 1.0) | change)
    refused = TraceStore(VirtualClock(NOW_S * 1000)).put([document])
    assert len(refused) == 1 and says in refused[0]["Message"]


@pytest.mark.parametrize("document", ["", "[]", "null", "{", '"x"', "7"])
def test_what_is_no_document_is_refused_and_the_others_are_kept(document: str) -> None:
    made = TraceStore(VirtualClock(NOW_S * 1000))
    assert len(made.put([document, *purchase(NOW_S)])) == 1
    assert list(made.traces) == [trace_id(NOW_S)]


def test_a_trace_counts_in_the_window_in_which_it_began() -> None:
    made = store(*purchase(NOW_S), *purchase(NOW_S + 10, 1))
    assert [t.id for t in made.within(NOW_S * 1000, (NOW_S + 10) * 1000)] == [trace_id(NOW_S)]
    assert made.within((NOW_S - 10) * 1000, NOW_S * 1000) == []


def test_time_that_is_forgotten_is_refused_not_empty() -> None:
    made = store(*purchase(NOW_S), *purchase(NOW_S + 1, 1), *purchase(NOW_S + 2, 2), most=2)
    with pytest.raises(AwsError, match="newest traces only"):
        made.within(NOW_S * 1000, (NOW_S + 9) * 1000)
    assert len(made.within((NOW_S + 1) * 1000, (NOW_S + 9) * 1000)) == 2


def test_nodes_edges_client_and_their_figures() -> None:
    faults = [d for i in range(3) for d in purchase(NOW_S, i, fault=True)]
    throttled = purchase(NOW_S, 8, throttle=True, error=True)
    services = view(store(*faults, *purchase(NOW_S, 7), *throttled, *purchase(NOW_S, 9, error=True)))
    shop, stock = services["shop", None], services["stock", "AWS::Lambda::Function"]
    assert set(services) == {("shop", "client"), ("shop", None), ("stock", "AWS::Lambda::Function")}
    assert shop["Root"] and not stock["Root"]
    said = edge(services, ("shop", None), ("stock", "AWS::Lambda::Function"))["SummaryStatistics"]
    assert said["FaultStatistics"] == {"OtherCount": 3, "TotalCount": 3}
    assert said["ErrorStatistics"] == {"ThrottleCount": 1, "OtherCount": 1, "TotalCount": 2}
    assert (said["OkCount"], said["TotalCount"]) == (1, 6)
    assert said["TotalResponseTime"] == pytest.approx(0.6)
    assert stock["ResponseTimeHistogram"] == [{"Value": 0.08, "Count": 6}]
    assert edge(services, ("shop", "client"), ("shop", None))["SummaryStatistics"]["FaultStatistics"]["TotalCount"] == 3
    assert "SummaryStatistics" not in services["shop", "client"]


def test_what_sends_no_segments_is_inferred_and_what_is_dead_still_fails_on_its_edge() -> None:
    calls = [part(hexed(2), "bank", NOW_S, 0.1, fault=True),
             part(hexed(3), "DynamoDB", NOW_S, 0.1, namespace="aws", aws={"table_name": "ledger"}),
             part(hexed(4), "SQS", NOW_S, 0.1, namespace="aws", aws={"queue_url": "https://sqs.example/1/mail"}),
             part(hexed(5), "inner", NOW_S, 0.1, namespace="")]  # fmt: skip
    document = segment(trace_id(NOW_S), hexed(1), "shop", NOW_S, 1.0, subsegments=calls)
    services = view(store(json.dumps(document)))
    kinds = {"bank": "remote", "ledger": "AWS::DynamoDB::Table", "mail": "AWS::SQS::Queue"}
    assert set(services) == {("shop", None), ("shop", "client"), *kinds.items()}
    assert services["bank", "remote"]["SummaryStatistics"]["FaultStatistics"]["TotalCount"] == 1


def test_calls_that_a_known_service_did_not_answer_lead_to_the_same_node() -> None:
    unanswered = [d for i in (1, 2) for d in purchase(NOW_S, i, stock=False, fault=True)]
    services = view(store(*unanswered, *purchase(NOW_S, 3)))
    function = "stock", "AWS::Lambda::Function"
    assert ("stock", "remote") not in services
    assert edge(services, ("shop", None), function)["SummaryStatistics"]["TotalCount"] == 3
    assert services[function]["SummaryStatistics"]["TotalCount"] == 1


def test_what_is_in_progress_is_seen_and_not_counted() -> None:
    document = segment(trace_id(NOW_S), hexed(1), "shop", NOW_S, 1.0) | {"in_progress": True, "end_time": None}
    assert view(store(json.dumps(document)))["shop", None]["SummaryStatistics"]["TotalCount"] == 0


GOLD = ["annotation.tier = \"gold\"", "annotation[tier]", "annotation[\"tier\"] BEGINSWITH \"go\"",
        "annotation.items >= 1 AND annotation.items < 2", "annotation.items"]  # fmt: skip
SLOW = ["responsetime > 0.1", "duration >= 0.19", "http.status = 500", "http.status != 200", "fault", "!ok",
        "fault = true", "ok = false", "ok != true", "(error OR fault) AND NOT throttle", "service(\"shop\")",
        "service(\"stock\") { fault }", "service() { fault AND responsetime < 0.1 }", "edge(\"shop\", \"stock\")",
        "edge(\"shop\", \"stock\") { fault AND duration < 0.15 }", "!partial", "not partial",
        "http.url CONTAINS \"shop\"",
        "http.method = \"GET\"", "!edge(\"stock\", \"shop\")", "NOT service(\"bank\")"]  # fmt: skip


@pytest.mark.parametrize("expression", [*GOLD, *SLOW])
def test_a_faulty_purchase_matches(expression: str) -> None:
    trace = store(*purchase(NOW_S, 1, fault=True)).traces[trace_id(NOW_S, 1)]
    assert matches(compiled(expression), trace)
    assert not matches(compiled(f"!({expression})"), trace)


@pytest.mark.parametrize(
    "expression",
    ["ok", "error", "throttle", "partial", "responsetime > 5", "http.status = 200", "service(\"bank\")",
     "service(\"shop\") { throttle }", "edge(\"stock\", \"shop\")", "edge(\"shop\", \"bank\") { fault }",
     "annotation.tier = \"silver\"", "annotation.tier = 7", "annotation.other", "user = \"me\"",
     "http.useragent = \"x\"", "fault AND ok", "http.url ENDSWITH \"x\""],
)  # fmt: skip
def test_a_faulty_purchase_does_not_match(expression: str) -> None:
    trace = store(*purchase(NOW_S, 1, fault=True)).traces[trace_id(NOW_S, 1)]
    assert not matches(compiled(expression), trace)


@pytest.mark.parametrize(
    "expression",
    ["", "fault AND", "fault fault", "(fault", "fault)", "responsetime", "responsetime > \"x\"", "http.url > \"x\"",
     "service(\"a\", \"b\")", "edge(\"a\")", "service(a)", "group.name = \"x\"", "__import__('os')", "fault = maybe",
     "service(\"a\") { fault", "annotation.a CONTAINS 7", "annotation.a < \"x\"", "fault $", "!" * 100 + "fault",
     "(" * 100 + "fault" + ")" * 100, "fault OR " * 400 + "ok", "1", "\"x\"", "annotation", "http.url = 1"],
)  # fmt: skip
def test_what_is_not_understood_is_refused_never_ignored(expression: str) -> None:
    with pytest.raises(AwsError) as caught:
        compiled(expression)
    assert caught.value.code == "InvalidRequestException"


def test_the_graph_is_paged_from_one_moment() -> None:
    xray = XRay(VirtualClock(NOW_S * 1000), services_a_page=2)
    xray.call("PutTraceSegments", {"TraceSegmentDocuments": purchase(NOW_S)})
    asked = {"StartTime": NOW_S, "EndTime": NOW_S + 60}
    first = xray.call("GetServiceGraph", asked)
    xray.call("PutTraceSegments", {"TraceSegmentDocuments": [
        json.dumps(segment(trace_id(NOW_S, 9), hexed(90), "a-new-one", NOW_S, 0.1))]})  # fmt: skip
    rest = xray.call("GetServiceGraph", asked | {"NextToken": first["NextToken"]})
    assert [s["ReferenceId"] for s in first["Services"] + rest["Services"]] == [0, 1, 2]
    assert "NextToken" not in rest
    with pytest.raises(AwsError, match="NextToken"):
        xray.call("GetServiceGraph", asked | {"NextToken": "7:x"})
