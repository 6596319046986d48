"""How often somebody may ask: token buckets by link and by address."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from gameday.clock import Clock, Ms

MOST_KNOWN = 10_000  # buckets; the oldest are forgotten, which is what a full one is worth


@dataclass(frozen=True)
class Rate:
    """So many at once, and so many a second for ever."""

    burst: int
    a_second: float


@dataclass(frozen=True)
class Rates:
    """All limits. A whole office may stand behind one address, so it has more than a link has. An abort has a limit of
    its own: no flood of notes keeps somebody from the big red button."""

    address: Rate = Rate(600, 200)
    entering: Rate = Rate(20, 1)  # links that an address tries
    link: Rate = Rate(120, 30)
    changes: Rate = Rate(30, 3)  # by link
    aborts: Rate = Rate(10, 1)  # by link
    streams: int = 6  # open at once, by link
    all_streams: int = 300


@dataclass
class Limits:
    """Who has asked how often."""

    clock: Clock
    _left: OrderedDict[tuple[str, str], tuple[float, Ms]] = field(default_factory=OrderedDict)

    def take(self, what: str, who: str, rate: Rate) -> bool:
        """Whether this one may, now; counts it."""
        now, key = self.clock.wall(), (what, who)
        left, since = self._left.pop(key, (float(rate.burst), now))
        left = min(float(rate.burst), left + max(0, now - since) / 1000 * rate.a_second)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        if len(self._left) > MOST_KNOWN:
            self._left.popitem(last=False)
        return allowed
