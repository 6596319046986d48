"""CloudWatch Logs Insights: how many log events match a filter, a bucket each.

One query a signal, ``filter ... | stats count(*) as matched by bin(PERIOD)``, and no more than one for each bucket that
closes: Insights bills what it scans (CloudWatch pricing). A query that fails, times out or is not done in time raises:
that is a gap, never a zero.

Insights gives no row for a bin without a match. Such a bucket has no sample, unless the observer says what it counts as
(``otherwise``), as a metric filter's default value does; and that is believed only where the query had events to look
through at all (CloudWatch Logs user guide, "Creating metric filters": with no events ingested nothing is reported).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.aws import Aws, CallFailed, told
from gameday.clock import Clock, Ms, from_iso
from gameday.model.queries import LogsQuery
from gameday.plan import Signal
from gameday.protocols import Sample, Window

AT_ONCE = 10  # of the thirty queries that an account may run at a time (CloudWatch Logs quotas)
LARGEST_ANSWER = 10_000  # rows of one query (StartQuery, ``limit``)
WAIT_WALL_MS, LONGEST_WALL_MS = 250, 20_000


class Unreadable(RuntimeError):
    """Insights gave no whole answer."""


@dataclass(frozen=True)
class _Asked:
    signal: Signal
    query: LogsQuery
    start_ms: Ms
    end_ms: Ms
    id: str = ""


class LogsObserver:
    """The observer of ``logs.count``."""

    name = "logs"
    sources = frozenset({"logs.count"})

    def __init__(self, aws: Aws, clock: Clock) -> None:
        self._aws, self._clock = aws, clock
        self._read: dict[str, tuple[tuple[Ms, Ms], list[Sample]]] = {}

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """The closed buckets of the window. CallFailed or Unreadable when Insights does not give them whole."""
        asked = [_asked(signal, window) for signal in signals]
        new = [a for a in asked if a.start_ms < a.end_ms and self._read.get(a.signal.id, ((), []))[0] != _span(a)]
        for at in range(0, len(new), AT_ONCE):
            for started in [self._start(a) for a in new[at : at + AT_ONCE]]:
                self._read[started.signal.id] = (_span(started), _samples(started, self._answer(started)))
        known = {a.signal.id: self._read.get(a.signal.id, ((), []))[1] for a in asked}
        return {name: [s for s in found if window.start_ms <= s.start_ms] for name, found in known.items()}

    def _logs(self, signal: Signal) -> Any:
        return self._aws.client("logs", signal.account, signal.region)

    def _start(self, asked: _Asked) -> _Asked:
        with told("logs StartQuery"):
            answer = self._logs(asked.signal).start_query(
                logGroupNames=list(asked.query.groups),
                startTime=asked.start_ms // 1000,
                endTime=-(-asked.end_ms // 1000),  # inclusive: what falls into the next bucket is left out below
                queryString=query_string(asked.query, asked.signal.period_ms),
                limit=LARGEST_ANSWER,
            )
        return _Asked(asked.signal, asked.query, asked.start_ms, asked.end_ms, answer["queryId"])

    def _answer(self, asked: _Asked) -> Any:
        """The answer of a query that is complete."""
        waited = 0
        while waited < LONGEST_WALL_MS:
            with told("logs GetQueryResults"):
                answer = self._logs(asked.signal).get_query_results(queryId=asked.id)
            if answer["status"] == "Complete":
                return answer
            if answer["status"] not in ("Scheduled", "Running"):
                raise Unreadable(f"{asked.signal.id}: the Insights query ended as {answer['status']}")
            self._clock.sleep(round(WAIT_WALL_MS * self._clock.speed))
            waited += WAIT_WALL_MS
        self._stop(asked)
        raise Unreadable(f"{asked.signal.id}: Insights was not done in {LONGEST_WALL_MS // 1000} s")

    def _stop(self, asked: _Asked) -> None:
        """So that it does not count among those that run at a time; it ends by itself if this fails."""
        try:
            with told("logs StopQuery"):
                self._logs(asked.signal).stop_query(queryId=asked.id)
        except CallFailed:
            return


def query_string(query: LogsQuery, period_ms: Ms) -> str:
    """What Insights is asked."""
    width = f"{period_ms // 1000}s" if period_ms % 1000 == 0 else f"{period_ms}ms"
    return f"filter {query.filter} | stats count(*) as matched by bin({width})"


def _asked(signal: Signal, window: Window) -> _Asked:
    period = signal.period_ms
    start, end = -(-window.start_ms // period) * period, window.end_ms // period * period
    return _Asked(signal, LogsQuery.model_validate(signal.query), start, end)


def _span(asked: _Asked) -> tuple[Ms, Ms]:
    return asked.start_ms, asked.end_ms


def _samples(asked: _Asked, answer: Any) -> list[Sample]:
    if len(answer["results"]) >= LARGEST_ANSWER:
        raise Unreadable(f"{asked.signal.id}: more than {LARGEST_ANSWER} buckets; Insights gives no more")
    counts = dict(_row(asked.signal, row) for row in answer["results"])
    quiet = asked.query.otherwise if (answer.get("statistics") or {}).get("recordsScanned", 0) > 0 else None
    buckets = range(asked.start_ms, asked.end_ms, asked.signal.period_ms)
    values = [(start, counts.get(start, quiet)) for start in buckets]
    return [Sample(start, value) for start, value in values if value is not None]


def _row(signal: Signal, row: Any) -> tuple[Ms, float]:
    """Start of the bin and its count."""
    cells = {cell["field"]: cell["value"] for cell in row}
    bins = [value for name, value in cells.items() if name.startswith("bin(")]
    if len(bins) != 1 or "matched" not in cells:
        raise Unreadable(f"{signal.id}: the rows have {', '.join(sorted(cells))}; the filter must be a filter alone")
    return from_iso(bins[0].replace(" ", "T") + "Z"), float(cells["matched"])
