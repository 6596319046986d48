"""What a process counts, by scenario bucket."""

from __future__ import annotations

from collections import Counter
from typing import Any

from gameday.clock import Ms

KEPT = 90  # buckets; older ones were published long ago, and a kept rehearsal may be up for days


def bucket_of(at: Ms, period: Ms) -> Ms:
    """The start of the bucket that holds this time."""
    return at - at % period


def rounded(ms: float) -> int:
    """Two significant digits, so that a bucket holds few different latencies."""
    return round(ms) if ms < 100 else round(float(f"{ms:.1e}"))


class Counts:
    """Counters, latencies and requests still open, by bucket."""

    def __init__(self, period: Ms) -> None:
        self.period = period
        self._counters: dict[Ms, Counter[str]] = {}
        self._latencies: dict[Ms, Counter[int]] = {}
        self._open: Counter[Ms] = Counter()

    def add(self, at: Ms, name: str, amount: int = 1) -> None:
        """Count something that happened then."""
        start = bucket_of(at, self.period)
        if start not in self._counters:
            self._counters[start] = Counter()
            self._forget(start)
        self._counters[start][name] += amount

    def took(self, at: Ms, ms: float) -> None:
        """Count one latency."""
        self._latencies.setdefault(bucket_of(at, self.period), Counter())[rounded(ms)] += 1

    def opened(self, at: Ms) -> None:
        """A request that arrived then is under way."""
        self._open[bucket_of(at, self.period)] += 1

    def closed(self, at: Ms) -> None:
        """It is over."""
        start = bucket_of(at, self.period)
        self._open[start] -= 1
        if not self._open[start]:
            del self._open[start]

    def view(self, start: Ms) -> dict[str, Any]:
        """One bucket, ready for JSON."""
        return {
            "counts": dict(self._counters.get(start, {})),
            "latency": {str(ms): n for ms, n in sorted(self._latencies.get(start, {}).items())},
            "open": self._open.get(start, 0),
        }

    def _forget(self, newest: Ms) -> None:
        oldest = newest - KEPT * self.period
        for held in (self._counters, self._latencies):
            for start in [s for s in held if s < oldest]:
                del held[start]
