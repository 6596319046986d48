"""Schedules as metrics: what is due, what was skipped and why, and whether the scheduler itself is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gameday.clock import Ms


@dataclass(frozen=True)
class Standing:
    """What a scheduler knows now. Times are UTC milliseconds; None: nothing will be due."""

    next_due: Mapping[str, Ms | None] = field(default_factory=dict)
    skips: Mapping[tuple[str, str], int] = field(default_factory=dict)
    outcomes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    breaches: Mapping[str, int] = field(default_factory=dict)
    paused: Mapping[str, bool] = field(default_factory=dict)
    waiting: int = 0
    beat_ms: Ms = 0
    files_wrong: bool = False


@dataclass(frozen=True, eq=False)
class ScheduleMetrics:
    """A collector of prometheus-client."""

    standing: Callable[[], Standing]

    def collect(self) -> Iterator[Metric]:
        """All families, as of now."""
        now = self.standing()
        yield _counted("gameday_schedule_skips", "Times that were skipped", "reason", now.skips)
        yield _counted("gameday_schedule_runs", "Runs that a schedule began and that ended", "outcome", now.outcomes)
        seconds = {k: v / 1000 for k, v in now.next_due.items() if v is not None}
        yield _held("gameday_schedule_next_timestamp_seconds", "When it is due next", seconds)
        yield _held("gameday_schedule_breaches", "Breaches in a row", {k: now.breaches.get(k, 0) for k in now.next_due})
        yield _held("gameday_schedule_paused", "1 while nothing begins until a person has looked", now.paused)
        yield GaugeMetricFamily("gameday_schedules_waiting", "Times that wait for another run", value=now.waiting)
        yield GaugeMetricFamily("gameday_scheduler_beat_timestamp_seconds", "When the scheduler last looked",
                                value=now.beat_ms / 1000)  # fmt: skip
        yield GaugeMetricFamily("gameday_scheduler_files_wrong", "1 while files that changed do not load",
                                value=float(now.files_wrong))  # fmt: skip


def _counted(name: str, says: str, label: str, counts: Mapping[tuple[str, str], int]) -> Metric:
    family = CounterMetricFamily(name, says, labels=["schedule", label])
    for key, count in sorted(counts.items()):
        family.add_metric(list(key), count)
    return family


def _held(name: str, says: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, says, labels=["schedule"])
    for key, value in sorted(values.items()):
        family.add_metric([key], float(value))
    return family
