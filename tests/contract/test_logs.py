"""The calls of CloudWatch Logs that the product makes. On AWS: one log group with three events, deleted again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from gameday.model.queries import LogsQuery
from gameday.observers.logs import query_string
from tests.contract.account import Account, refused, until

GROUP = "/gameday/contract-test"
NO_ID = "12345678-1234-4234-8234-123456789012"
QUERY = query_string(LogsQuery(groups=(GROUP,), filter='@message like "FAILED"'), 60_000)


@pytest.fixture(scope="module")
def since(account: Account) -> Iterator[int]:
    """Three events, two of which match, and the second since when."""
    logs, now = account.client("logs"), account.now()
    logs.create_log_group(logGroupName=GROUP, tags={"gameday": "contract-test"})
    logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    at = round((now - timedelta(minutes=3)).timestamp() * 1000)
    events = [{"timestamp": at + i, "message": m} for i, m in enumerate(("FAILED a", "fine b", "FAILED c"))]
    logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)
    yield at // 60_000 * 60
    logs.delete_log_group(logGroupName=GROUP)


def answered(account: Account, since: int) -> dict[str, Any]:
    logs, held = account.client("logs"), dict[str, Any]()
    ident = started(account, since)

    def done() -> bool:
        held.update(logs.get_query_results(queryId=ident))
        return bool(held["status"] == "Complete")

    until(account, done, 60, 1)
    return held


def started(account: Account, since: int, query: str = QUERY, group: str = GROUP) -> str:
    asked = {"startTime": since, "endTime": since + 300, "queryString": query, "limit": 10_000}
    return str(account.client("logs").start_query(logGroupNames=[group], **asked)["queryId"])


def test_logs_start_query(account: Account, since: int) -> None:
    assert started(account, since)
    with refused("MalformedQueryException"):
        started(account, since, "filter | stats")
    with refused("ResourceNotFoundException"):
        started(account, since, group="/gameday/no-such-group")


def test_logs_get_query_results(account: Account, since: int) -> None:
    """A row for a bin with matches alone, what was scanned beside it; the bin's start as text in UTC."""
    until(account, lambda: bool(answered(account, since)["results"]))
    found = answered(account, since)
    ((row),) = found["results"]
    cells = {cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"}
    assert cells["matched"] == "2" and set(cells) == {"bin(60s)", "matched"}
    assert cells["bin(60s)"].endswith(":00.000") and found["statistics"]["recordsScanned"] == 3
    with refused("ResourceNotFoundException", "InvalidParameterException"):
        account.client("logs").get_query_results(queryId=NO_ID)


def test_logs_stop_query(account: Account, since: int) -> None:
    """It says whether it was stopped; one that has ended is an error or not, by how fast it was."""
    ident = started(account, since)
    try:
        assert account.client("logs").stop_query(queryId=ident)["success"] in (True, False)
    except account.client("logs").exceptions.InvalidParameterException as error:
        assert "ended" in str(error) or "not running" in str(error).lower()
    with refused("ResourceNotFoundException", "InvalidParameterException"):
        account.client("logs").stop_query(queryId=NO_ID)


def test_logs_filter_log_events(account: Account, since: int) -> None:
    """Quoted text is looked for as it is."""
    logs = account.client("logs")

    def found(text: str) -> list[str]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, filterPattern=f'"{text}"')
        return [event["message"] for page in pages for event in page["events"]]

    until(account, lambda: found("FAILED") == ["FAILED a", "FAILED c"])
    assert found("no such text") == []
    with refused("ResourceNotFoundException"):
        logs.filter_log_events(logGroupName="/gameday/no-such-group")
