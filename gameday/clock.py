"""Clocks: the only place, with the conductor, that knows what time it is.

Times are UTC integer milliseconds since the epoch (D1), named ``*_ms`` or typed ``Ms``; durations too.
A run lives in *scenario time*, which begins at the real now and runs ``speed`` times faster
(design: semantics, "Time"). Sockets, retries and the user interface live in *wall time*.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

Ms = int


class Clock(Protocol):
    """Something that says what time it is in the scenario, and waits in it."""

    @property
    def speed(self) -> float:
        """Scenario milliseconds in a wall millisecond."""
        ...

    def now(self) -> Ms:
        """Scenario time in UTC milliseconds."""
        ...

    def wall(self) -> Ms:
        """Wall-clock time in UTC milliseconds."""
        ...

    def sleep(self, ms: Ms) -> None:
        """Wait this many milliseconds of scenario time."""
        ...


@dataclass(frozen=True)
class Anchor:
    """One instant known on both clocks; handed to every process of a rehearsal, so that all agree.

    ``monotonic_ns`` is CLOCK_MONOTONIC, which all processes of one machine share.
    """

    monotonic_ns: int
    scenario_ms: Ms
    speed: float

    @classmethod
    def here(cls, speed: float = 1.0) -> Anchor:
        """An anchor at the real now."""
        return cls(time.monotonic_ns(), wall_ms(), speed)

    def at(self, monotonic_ns: int) -> Ms:
        """Scenario time of a monotonic instant."""
        return self.scenario_ms + round((monotonic_ns - self.monotonic_ns) * self.speed / 1e6)


@dataclass(frozen=True)
class ScenarioClock:
    """The clock of a live run: an anchor on the machine's monotonic clock."""

    anchor: Anchor

    @property
    def speed(self) -> float:
        return self.anchor.speed

    def now(self) -> Ms:
        return self.anchor.at(time.monotonic_ns())

    def wall(self) -> Ms:
        return wall_ms()

    def sleep(self, ms: Ms) -> None:
        time.sleep(max(0.0, ms / 1000 / self.anchor.speed))


class VirtualClock:
    """A clock that moves only when told; tests compare whole timelines with it, without sleeping."""

    def __init__(self, now: Ms = 1_700_000_000_000, speed: float = 1.0) -> None:
        self._now = now
        self._start = now
        self.speed = speed
        self.slept: list[Ms] = []

    def now(self) -> Ms:
        return self._now

    def wall(self) -> Ms:
        return self._start + round((self._now - self._start) / self.speed)

    def sleep(self, ms: Ms) -> None:
        self.slept.append(ms)
        self._now += ms

    def advance(self, ms: Ms) -> None:
        """Move on by ``ms`` milliseconds."""
        self._now += ms


def wall_ms() -> Ms:
    """The machine's wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


def suspended_ns() -> int:
    """Nanoseconds this machine has spent suspended; a change during a run voids it (facts: speed)."""
    boot: Callable[[int], int] = time.clock_gettime_ns
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return boot(clock) - time.monotonic_ns()


def iso(ms: Ms) -> str:
    """``2026-11-24T05:03:02.120Z``."""
    stamp = datetime.fromtimestamp(ms / 1000, tz=UTC)
    return stamp.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def from_iso(text: str) -> Ms:
    """The inverse of :func:`iso`; accepts any ISO 8601 time with a zone. ValueError without one."""
    stamp = datetime.fromisoformat(text)
    if stamp.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it as 2026-11-24T05:03:02Z")
    return round(stamp.timestamp() * 1000)


def to_datetime(ms: Ms) -> datetime:
    """An aware datetime, for boto3."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)
