"""Which columns of a CSV measure which metric: what ``gameday judge SERIES`` reads, and what a run's signals/ hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gameday.clock import iso
from gameday.model.measure import LEDGER_METRICS
from gameday.model.tolerance import Tolerance
from gameday.verdict.window import Evaluation

Header = tuple[str, ...]
COUNTS: Header = ("start", "attempts", "failures")
PROBES: Header = ("start", "ok")
VALUES: Header = ("start", "attempted_value", "failed_value")
CUSTOMERS: Header = ("start", "failing")
LEDGER: Header = ("sequence", "acked_at", "present", "sha_ok")
COPIES = "copies"
BACKLOG = "backlog"


def accepted(tolerance: Tolerance) -> list[Header]:
    """The headers that fit a tolerance, the usual one first. ``segments`` of customers are columns of their own."""
    if tolerance.metric in LEDGER_METRICS:
        return [LEDGER, (*LEDGER, COPIES)]
    if tolerance.metric == "value":
        return [VALUES]
    if tolerance.metric == "customers":
        segments = tuple(tolerance.measure.segments)
        return [(*CUSTOMERS, *segments), (*COUNTS, "failing", *segments)]
    waits = tolerance.end == "backlog_cleared"
    timed = [PROBES] if tolerance.metric != "failed_transactions" else []
    return [(*COUNTS, BACKLOG), COUNTS] if waits else [COUNTS, *timed]


def table(tolerance: Tolerance, window: Evaluation) -> tuple[Header, Iterator[tuple[object, ...]]]:
    """Header and rows of the very buckets that a tolerance was judged on in a run."""
    measure, unread = tolerance.measure, (None,) * len(window.buckets)
    counts = [(b.attempts, b.failures) for b in window.buckets]
    cells: list[Sequence[object]] = [[n for n, _ in counts], [f for _, f in counts]]
    if measure.probe:
        header, cells = PROBES, [[None if f is None else 1 - f for _, f in counts]]
    elif tolerance.metric == "value":
        header = VALUES
    else:
        header = COUNTS
    if tolerance.metric == "customers":
        own = bool(measure.attempts and measure.failures)
        header = (*(COUNTS if own else ("start",)), "failing", *measure.segments)
        names = (measure.customers or "", *measure.segments.values())
        cells = [*(cells if own else []), *(window.also.get(name, unread) for name in names)]
    elif tolerance.end == "backlog_cleared" and window.backlog is not None and header == COUNTS:
        header, cells = (*COUNTS, BACKLOG), [*cells, window.backlog]
    return header, zip((iso(b.start_ms) for b in window.buckets), *cells, strict=True)


def measured_by(tolerance: Tolerance, header: Header) -> Tolerance:
    """The tolerance with the columns of a file in the place of the observers of its measure."""
    names: dict[Header, dict[str, Any]] = {
        PROBES: {"probe": "ok", "attempts": None, "failures": None},
        COUNTS: {"attempts": "attempts", "failures": "failures", "probe": None},
        VALUES: {"attempted_value": "attempted-value", "failed_value": "failed-value"},
    }
    columns: dict[str, Any] = names.get(header) or names.get(header[:3], {})
    if tolerance.metric == "customers":
        segments = {name: name for name in tolerance.measure.segments}
        columns = {**columns, "customers": "failing", "segments": segments}
    return tolerance.model_copy(update={"measure": tolerance.measure.model_copy(update=columns)})
