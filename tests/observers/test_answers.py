"""What a source was asked and what it answered lies beside the signals: bounded, and without secrets or persons."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.clock import VirtualClock
from gameday.observers.answers import FILE, KEPT, Answers
from gameday.observers.cloudwatch import CloudWatchObserver
from gameday.observers.prometheus import PrometheusObserver
from gameday.plan import Signal
from gameday.protocols import Hears, Window
from tests.contract.account import StandIn
from tests.observers.a_server import serve
from tests.xray.some_traces import purchase

METRIC = Signal(id="m", source="cloudwatch.metric", query={"namespace": "N", "metric": "m"}, period_ms=60_000,
                settles_ms=0)  # fmt: skip


@pytest.fixture
def aws() -> Iterator[StandIn]:
    made = StandIn()
    yield made
    made.close()


def kept(folder: Path) -> list[dict[str, Any]]:
    path = folder / FILE
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_question_and_its_answer_are_kept_word_for_word_and_once(tmp_path: Path, aws: StandIn) -> None:
    aws.aws.hear(Answers(tmp_path, aws.clock).told)
    now = aws.clock.now()
    aws.client("cloudwatch").put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 7}])
    for _ in range(2):
        CloudWatchObserver(aws.aws).sample([METRIC], Window(now, now + 60_000))
    (line,) = kept(tmp_path)
    assert line["call"] == "cloudwatch GetMetricData"
    assert line["request"]["MetricDataQueries"][0]["MetricStat"]["Metric"]["MetricName"] == "m"
    assert line["answer"]["MetricDataResults"][0]["Values"] == [7.0] and "ResponseMetadata" not in line["answer"]


def test_neither_secrets_nor_persons_are_kept(tmp_path: Path, aws: StandIn) -> None:
    """Only the calls of signals; of a trace neither URL nor user nor annotations."""
    aws.aws.hear(Answers(tmp_path, aws.clock).told)
    at = aws.clock.now() // 1000
    xray = aws.client("xray")
    xray.put_trace_segments(TraceSegmentDocuments=purchase(at, 1))
    xray.get_trace_summaries(StartTime=at - 5, EndTime=at + 5)
    aws.client("cloudwatch").list_metrics()
    (line,) = kept(tmp_path)
    assert line["call"] == "xray GetTraceSummaries" and line["answer"]["TraceSummaries"][0]["HasFault"] is False
    assert not [word for word in ("shop.example", "gold") if word in str(line)]
    assert not {call for call in KEPT if call.split()[0] in ("lambda", "ec2", "ssm", "s3", "rds", "ecs")}


def test_prometheus_tells_what_it_was_asked_without_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_TOKEN", "s3cret")
    observer = PrometheusObserver()
    assert isinstance(observer, Hears)
    observer.hear(Answers(tmp_path, VirtualClock()).told)
    said = {"status": "success", "data": {"resultType": "matrix", "result": []}}
    with serve() as server:
        server.answer = lambda request: (200, {}, json.dumps(said).encode())
        query = {"url": server.url, "query": "sum(x)", "token": {"env": "PROMETHEUS_TOKEN"}}
        signal = Signal(id="p", source="prometheus", query=query, period_ms=20_000, settles_ms=0)
        observer.sample([signal], Window(1_700_000_040_000, 1_700_000_100_000))
    (line,) = kept(tmp_path)
    assert line["request"]["query"] == "sum(x)" and line["answer"] == said["data"]
    assert "s3cret" not in (tmp_path / FILE).read_text() and server.url not in str(line)


def test_the_file_is_bounded_and_says_that_it_is_full(tmp_path: Path) -> None:
    answers = Answers(tmp_path, VirtualClock(), largest=1_000)
    for i in range(100):
        answers.told("logs StartQuery", {"i": i}, {"queryId": "x" * 50})
    *_, last = kept(tmp_path)
    assert last == {"full": "no more answers are kept"} and (tmp_path / FILE).stat().st_size < 1_100


def test_a_disk_that_takes_nothing_stops_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "signals").write_text("a file where the folder should be")
    for i in range(2):
        Answers(tmp_path, VirtualClock()).told("logs StartQuery", {"i": i}, {})
    assert "the answers of sources are not kept" in caplog.text
