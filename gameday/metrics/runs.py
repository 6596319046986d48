"""The runs of a workspace as metrics, read from their folders whenever somebody asks.

A run that has its verdict is read once. No person, prompt or target is in a label: they would be kept for years where
nobody asked for them, and each would be a series of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gameday.clock import Clock, from_iso
from gameday.journal.state import State, fold
from gameday.journal.store import read
from gameday.runs import JOURNAL, all_runs, is_live

_BOUNDS = ("low", "high")


@dataclass(eq=False)
class RunMetrics:
    """A collector of prometheus-client for the runs below a workspace, or for ``only`` one of them."""

    root: Path
    clock: Clock
    only: Path | None = None
    _verdicts: dict[Path, Mapping[str, Any]] = field(default_factory=dict)

    def collect(self) -> Iterator[Metric]:
        """All families, as of now."""
        runs = [self.only] if self.only else all_runs(self.root)
        ended = [found for run in runs if (found := self._verdict(run))]
        yield _outcomes(ended)
        yield _verdicts(ended)
        yield from _newest(ended)
        yield from self._going([run for run in runs if run not in self._verdicts or is_live(run)])

    def _verdict(self, run: Path) -> Mapping[str, Any] | None:
        """The verdict with the plan's names; None while there is none."""
        if run not in self._verdicts:
            with suppress(OSError, ValueError, KeyError):
                verdict, plan = (json.loads((run / f"{name}.json").read_text("utf-8")) for name in ("verdict", "plan"))
                names = {key: plan[key] for key in ("scenario", "service", "environment")}
                self._verdicts[run] = {**verdict, **names}
        return self._verdicts.get(run)

    def scenario(self, run: Path) -> str:
        """The scenario of a run that has its verdict, else ``unknown``."""
        return str((self._verdict(run) or {}).get("scenario", "unknown"))

    def _going(self, runs: list[Path]) -> Iterator[Metric]:
        """Runs that have no verdict yet: also those whose conductor died, for their faults may be there."""
        active = GaugeMetricFamily(
            "gameday_faults_active", "Faults that were requested and not seen gone", labels=["run"]
        )
        age = GaugeMetricFamily("gameday_heartbeat_age_seconds", "Since the conductor last showed that it is there",
                                labels=["run"])  # fmt: skip
        live = GaugeMetricFamily(
            "gameday_run_live", "1 while a conductor holds the run, 0 when nobody does", labels=["run"]
        )
        for run in runs:
            live.add_metric([run.name], float(is_live(run)))
            with suppress(OSError):
                active.add_metric([run.name], active_faults(fold(read(run / JOURNAL)[0])))
            with suppress(OSError):
                beat = (run / "pulse.json").stat().st_mtime_ns // 1_000_000
                age.add_metric([run.name], max(0, self.clock.wall() - beat) / 1000)
        yield from (active, age, live)


def active_faults(state: State) -> int:
    """Of a run: requested, and not seen gone."""
    return sum(not fault.clean for fault in state.faults.values())


def _outcomes(ended: list[Mapping[str, Any]]) -> Metric:
    labels = ["scenario", "service", "environment", "outcome"]
    family = CounterMetricFamily("gameday_runs", "Runs that ended, by outcome", labels=labels)
    for key, count in sorted(Counter(tuple(v[name] for name in labels) for v in ended).items()):
        family.add_metric(list(key), count)
    return family


def _verdicts(ended: list[Mapping[str, Any]]) -> Metric:
    labels = ["service", "tolerance", "environment", "verdict"]
    family = CounterMetricFamily("gameday_verdicts", "Verdicts on impact tolerances", labels=labels)
    found = Counter((v["service"], t["id"], v["environment"], t["verdict"]) for v in ended for t in v["tolerances"])
    for key, count in sorted(found.items()):
        family.add_metric(list(key), count)
    return family


def _newest(ended: list[Mapping[str, Any]]) -> Iterator[Metric]:
    """What the newest run of each scenario said."""
    used = GaugeMetricFamily("gameday_tolerance_used_ratio", "Share of its limit that the newest run used",
                             labels=["service", "scenario", "tolerance", "environment", "bound"])  # fmt: skip
    clocks = GaugeMetricFamily("gameday_response_seconds", "Response clocks of the newest run",
                               labels=["service", "scenario", "environment", "clock", "bound"])  # fmt: skip
    when = GaugeMetricFamily("gameday_last_run_timestamp_seconds", "When the newest run began",
                             labels=["service", "scenario", "environment"])  # fmt: skip
    newest = {(v["service"], v["scenario"], v["environment"]): v for v in ended}
    for (service, scenario, environment), verdict in sorted(newest.items()):
        where = [service, scenario]
        for tolerance in verdict["tolerances"]:
            _bounds(used, [*where, tolerance["id"], environment], tolerance.get("used"))
        for name, held in verdict.get("clocks", {}).items():
            _bounds(clocks, [*where, environment, name], held)
        if verdict.get("t_go"):
            when.add_metric([service, scenario, environment], from_iso(verdict["t_go"]) / 1000)
    yield from (used, clocks, when)


def _bounds(family: GaugeMetricFamily, labels: list[str], held: Any) -> None:
    """Both bounds of an interval; what is unknown is no sample, and never 0."""
    for bound, value in zip(_BOUNDS, held or (), strict=False):
        if isinstance(value, int | float):
            family.add_metric([*labels, bound], value)
