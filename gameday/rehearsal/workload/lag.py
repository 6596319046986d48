"""How much the machine itself held the rehearsal up, and which buckets it thereby disturbed."""

from __future__ import annotations

import asyncio
from collections import Counter
from threading import Lock
from typing import Any

from gameday.clock import Ms, ScenarioClock
from gameday.rehearsal.workload.counting import KEPT, bucket_of

TICK_S = 0.01
Span = tuple[Ms, Ms]


class Ticker:
    """Wakes every 10 ms and sees how late it is. A stall longer than ``limit_ms`` (real) is kept with its span."""

    def __init__(self, clock: ScenarioClock, period: Ms, limit_ms: float) -> None:
        self.clock, self.period, self.limit_ms = clock, period, limit_ms
        self.largest: Counter[Ms] = Counter()  # bucket -> largest lag in real ms
        self.stalls: list[Span] = []

    async def run(self) -> None:
        """Tick for ever."""
        loop = asyncio.get_running_loop()
        last, began = loop.time(), self.clock.now()
        while True:
            await asyncio.sleep(TICK_S)
            moment, now = loop.time(), self.clock.now()
            self.note(began, now, max(0.0, moment - last - TICK_S) * 1000)
            last, began = moment, now

    def note(self, began: Ms, ended: Ms, late_ms: float) -> None:
        """One tick that was this late."""
        start = bucket_of(ended, self.period)
        if start not in self.largest:
            for old in [s for s in self.largest if s < start - KEPT * self.period]:
                del self.largest[old]
        self.largest[start] = max(self.largest[start], round(late_ms))
        if late_ms > self.limit_ms:
            self.stalls = [*self.stalls[-KEPT:], (began, ended)]

    def view(self, start: Ms) -> dict[str, Any]:
        """What was seen from this bucket on."""
        return {"lag_ms": max((ms for at, ms in self.largest.items() if at >= start), default=0),
                "stalls": [list(s) for s in self.stalls if s[1] >= start]}  # fmt: skip


class Disturbances:
    """Buckets that say nothing about the service. A stall fails what arrived up to a time-out before it, and delays
    what arrives after it; so the bucket that it began to harm, all that it lay in and the next are disturbed."""

    def __init__(self, period: Ms, timeout: Ms) -> None:
        self.period, self.timeout = period, timeout
        self._disturbed: set[Ms] = set()
        self._lags: dict[Ms, Ms] = {}
        self._lock = Lock()

    def stall(self, began: Ms, ended: Ms) -> None:
        """A process that no fault touched stood still from then to then."""
        first = bucket_of(began - self.timeout, self.period)
        last = bucket_of(ended, self.period) + self.period
        with self._lock:
            self._disturbed.update(range(first, last + 1, self.period))

    def lost(self, start: Ms) -> None:
        """What a process that no fault touched counted in this bucket cannot be had."""
        with self._lock:
            self._disturbed.update((start, start + self.period))

    def harmed(self, start: Ms) -> None:
        """In this bucket the machine left a call unanswered: a customer's request of it, or of a time-out before."""
        with self._lock:
            self._disturbed.update((bucket_of(start - self.timeout, self.period), start))

    def lagged(self, start: Ms, ms: Ms) -> None:
        """The largest lag seen in a bucket, in scenario time."""
        with self._lock:
            self._lags[start] = max(ms, self._lags.get(start, 0))

    def since(self, start: Ms) -> tuple[list[Span], Ms]:
        """Disturbed windows that end after then, joined where they touch, and the largest lag since then."""
        with self._lock:
            buckets = sorted(b for b in self._disturbed if b + self.period > start)
            lag = max((ms for at, ms in self._lags.items() if at + self.period > start), default=0)
        windows: list[Span] = []
        for at in buckets:
            if windows and windows[-1][1] == at:
                windows[-1] = (windows[-1][0], at + self.period)
            else:
                windows.append((at, at + self.period))
        return windows, lag
