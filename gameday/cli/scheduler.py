"""``gameday scheduler``: the process that begins what is due."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gameday.clock import Clock
    from gameday.wiring.scheduling import Scheduler

STALE_MS = 60_000


@click.command(epilog="Example: gameday scheduler --port 9418")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where /health and /metrics are.")
@click.option("--port", default=9418, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--clock", "anchor", hidden=True, help="A clock that several processes share, for tests.")
@click.option("--command", hidden=True, help="What stands in for gameday, for tests.")
def scheduler(host: str, port: int, anchor: str | None, command: str | None) -> None:
    """Begin each schedule's runs when they are due, each in a process of its own; write down why one is skipped.

    It may be killed and started again at any time: no time is begun twice, and what goes on is found again. SIGTERM
    ends it; runs that go on then go on. /health answers 503 when it has not looked for a minute; /metrics is for
    Prometheus.
    """
    from gameday.library import workspace_or_here
    from gameday.metrics.due import ScheduleMetrics
    from gameday.metrics.endpoint import endpoint, registry_of
    from gameday.metrics.runs import RunMetrics
    from gameday.wiring.firing import GAMEDAY, Times
    from gameday.wiring.scheduling import Scheduler
    from gameday.wiring.standing import standing_of

    root, clock = workspace_or_here(), _clock(anchor)
    held = Scheduler(root, clock, Times(root, shlex.split(command) if command else GAMEDAY), _say)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stopper(held))
    lock = held.open()
    registry = registry_of(RunMetrics(root, clock), ScheduleMetrics(lambda: standing_of(held)))
    with endpoint(host, port, registry, lambda: _health(held, clock)) as at:
        _tell(held, root, host, at)
        held.run()
    lock.release()
    _say("The scheduler has ended; runs that go on are found again when it starts.")


def _clock(anchor: str | None) -> Clock:
    from gameday.clock import Anchor, ScenarioClock

    if anchor is None:
        return ScenarioClock(Anchor.here())
    monotonic_ns, scenario_ms, speed = anchor.split(",")
    return ScenarioClock(Anchor(int(monotonic_ns), int(scenario_ms), float(speed)))


def _stopper(held: Scheduler) -> Any:
    def stop(number: int, frame: FrameType | None) -> None:
        held.stopping = True

    return stop


def _health(held: Scheduler, clock: Clock) -> tuple[bool, Mapping[str, Any]]:
    age = clock.wall() - held.beat_ms
    facts = {"looked_ms_ago": age, "schedules": len(held.board.schedules), "active": sorted(held.past.active.values()),
             "files_wrong": held.files_wrong or None}  # fmt: skip
    return age < STALE_MS and not held.stopping, facts


def _tell(held: Scheduler, root: Path, host: str, port: int) -> None:
    from gameday.clock import iso

    upcoming = held.board.agenda.next_ms()
    when = f"; the next is due {iso(upcoming)}" if upcoming is not None else ""
    _say(f"{len(held.board.schedules)} schedule(s) of {root}{when}")
    _say(f"http://{host}:{port}/health and /metrics   (Ctrl-C ends it; runs go on)")


def _say(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()
