"""A Prometheus from Debian's package serves a tolerance; the same series through CloudWatch gives the same verdict."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter

from gameday.aws import Aws
from gameday.clock import to_datetime, wall_ms
from gameday.conductor.sampling import Source, read
from gameday.journal.state import State
from gameday.model.tolerance import Tolerance
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.observers.cloudwatch import CloudWatchObserver
from gameday.observers.prometheus import PrometheusObserver, Unreadable
from gameday.plan import Signal
from gameday.protocols import Observer, Window
from gameday.rehearsal import client
from gameday.verdict.series import judge_series
from tests.observers.a_prometheus import backfill, exporter, prometheus

PERIOD = 20_000
START = wall_ms() // PERIOD * PERIOD - 3 * 3_600_000  # old enough for a backfill, young enough for CloudWatch
BASELINE, DOWN, AFTER = 60, 36, 30  # buckets
FAILURES = [0.0] * BASELINE + [75.0] * DOWN + [0.0] * AFTER
ATTEMPTS = [100.0] * len(FAILURES)
LOST = {BASELINE + 10}  # a bucket that neither source has
WINDOW = Window(START, START + len(FAILURES) * PERIOD)
TOLERANCE = Tolerance.model_validate({
    "id": "payments-outage", "authority": "fca", "metric": "duration", "limit": "30m",
    "measure": {"attempts": "attempts", "failures": "failures", "basis": "census"},
    "thresholds": {"up": 0.99, "down": 0.5}, "counts_as_disrupted": ("down", "degraded"), "hold": "5m",
    "rationale": "wages miss their cut-off",
})  # fmt: skip
SERIES = {"attempts": ATTEMPTS, "failures": FAILURES}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has both series, each value scraped at the end of its bucket."""
    folder = tmp_path_factory.mktemp("prometheus")
    lines = list[str]()
    for name, values in SERIES.items():
        total = 0.0
        lines += [f"# TYPE {name} gauge", f"{name} {total} {START / 1000:.3f}"]
        for index, value in enumerate(values):
            total += value
            if index not in LOST:
                lines.append(f"{name} {value} {(START + (index + 1) * PERIOD) / 1000:.3f}")
    backfill(folder, lines)
    with prometheus(folder) as url:
        yield url


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The loopback AWS, with the same series put into CloudWatch."""
    rehearsal = client.up(tmp_path_factory.mktemp("workspace"), 1.0, kept=False)
    aws = Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint)
    for name, values in SERIES.items():
        data = [
            {"MetricName": name, "Timestamp": to_datetime(START + i * PERIOD), "Value": v, "StorageResolution": 1}
            for i, v in enumerate(values)
            if i not in LOST
        ]
        aws.client("cloudwatch").put_metric_data(Namespace="OpenBanking", MetricData=data)
    yield aws
    aws.close()
    rehearsal.down()


def signals(source: str, query: Mapping[str, Mapping[str, Any]]) -> list[Signal]:
    return [Signal(id=i, source=source, query=dict(q), period_ms=PERIOD, settles_ms=PERIOD) for i, q in query.items()]


def judged(observer: Observer, watched: Sequence[Signal]) -> dict[str, Any]:
    """The verdict on what the conductor would journal of these signals."""
    source = Source(observer, tuple(watched), WINDOW.start_ms)
    (sampled,) = read(source, WINDOW, source.sample(WINDOW), State())
    values = {i: dict(sampled.what["values"][i]) for i in SERIES}
    rows = [f"{t // 1000},{cell(values['attempts'], t)},{cell(values['failures'], t)}" for t in range(
        WINDOW.start_ms, WINDOW.end_ms, PERIOD)]  # fmt: skip
    return dict(judge_series("\n".join(["start,attempts,failures", *rows]).encode(), "series.csv", TOLERANCE))


def cell(values: Mapping[int, float | None], at: int) -> str:
    value = values.get(at)
    return "" if value is None else str(value)


def test_the_same_series_through_prometheus_and_cloudwatch_gives_the_same_verdict(url: str, aws: Aws) -> None:
    asked = {i: {"url": url, "query": f"last_over_time({i}[19s])"} for i in SERIES}
    by_prometheus = judged(PrometheusObserver(rehearsed=True), signals("prometheus", asked))
    metrics = {i: {"namespace": "OpenBanking", "metric": i, "statistic": "Sum"} for i in SERIES}
    by_cloudwatch = judged(CloudWatchObserver(aws), signals("cloudwatch.metric", metrics))
    assert by_prometheus == by_cloudwatch
    assert by_prometheus["verdict"] == "within"
    assert (by_prometheus["m_lo_s"], by_prometheus["m_hi_s"]) == (DOWN * PERIOD / 1000, (DOWN + 2) * PERIOD / 1000)
    assert by_prometheus["coverage"] < 1  # the bucket that neither had is unknown in both


def test_a_real_prometheus_says_what_is_wrong_with_an_expression(url: str) -> None:
    observer = PrometheusObserver(rehearsed=True)
    bad = signals("prometheus", {"bad": {"url": url, "query": "sum(failures"}})
    with pytest.raises(Unreadable, match="^bad: .*parse error"):
        observer.sample(bad, WINDOW)
    both = signals("prometheus", {"both": {"url": url, "query": '{__name__=~"attempts|failures"}'}})
    with pytest.raises(Unreadable, match="^both: the expression gives 2 series"):
        observer.sample(both, WINDOW)
    absent = signals("prometheus", {"absent": {"url": url, "query": "no_such_series"}})
    nothing = signals("prometheus", {"nothing": {"url": url, "query": "failures / 0 * 0"}})  # NaN
    assert observer.sample([*absent, *nothing], WINDOW) == {"absent": [], "nothing": []}


def test_a_counter_that_is_scraped_counts_in_the_bucket_in_which_it_rose(tmp_path: Path) -> None:
    period = 4_000
    with exporter() as (registry, port), prometheus(tmp_path, [port]) as url:
        failures = Counter("failures", "payments that failed", registry=registry)
        failures.inc(0)
        time.sleep(2)  # it has been scraped
        failures.inc(5)
        rose = wall_ms()
        query = {"url": url, "query": "sum(failures_total) - (sum(failures_total offset 4s) or vector(0))"}
        signal = Signal(id="failures", source="prometheus", query=query, period_ms=period, settles_ms=0)
        time.sleep(max(0.0, (rose // period * period + 2 * period + 1500 - wall_ms()) / 1000))
        window = Window(rose // period * period - period, wall_ms())
        found = PrometheusObserver(rehearsed=True).sample([signal], window)["failures"]
    held = {s.start_ms: s.value for s in found}
    first = rose // period * period
    assert sum(held.get(first + i * period) or 0 for i in (0, 1)) == 5  # a scrape may see it a second later
    assert all(s.start_ms % period == 0 for s in found)
