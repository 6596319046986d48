"""Reading the signals: all that are due in one call a source, what is new into the journal, gaps as gaps.

A window always reaches back over what may still have changed, and over what a failing source could not give: CloudWatch
kept it. A bucket that should be there by now and is not becomes a missing datapoint, never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from gameday.clock import Ms
from gameday.journal.events import Draft
from gameday.journal.state import State
from gameday.plan import ALARM_SOURCE, Signal, by_home
from gameday.protocols import Observer, Sample, Window

LATE_BUCKETS = 5  # how far back a datapoint that came late is still looked for
FASTEST_MS, SLOWEST_MS = 5_000, 15_000
AGAIN_MS = 60_000  # a source that stays unreadable is journalled again after so long
WORDS = {1.0: "ALARM", 0.0: "OK", None: "INSUFFICIENT_DATA"}
MISSING = "MISSING"  # there is no such alarm any more
POINTWISE = frozenset({ALARM_SOURCE})  # a state since an instant, not buckets
Found = Mapping[str, Sequence[Sample]]


@dataclass
class Source:
    """One observer in one account and Region, and how far its signals there have been read."""

    observer: Observer
    signals: tuple[Signal, ...]
    since: Ms
    read_to: Ms | None = None
    looked: Ms | None = None
    told: Ms | None = None
    failing_since: Ms | None = None
    failed_told: Ms | None = None
    window: Window = field(default_factory=lambda: Window(0, 0))

    @property
    def name(self) -> str:
        """The observer's, with account and Region where they are not the environment's first."""
        first = self.signals[0]
        kind = "alarms" if first.source == ALARM_SOURCE else None
        return " ".join([self.observer.name, *(part for part in (kind, first.account, first.region) if part)])

    @property
    def every_ms(self) -> Ms:
        """A quarter of the shortest period, and neither too seldom nor, but for periods of few seconds, too often."""
        shortest = min(s.period_ms for s in self.signals)
        return min(SLOWEST_MS, max(min(FASTEST_MS, shortest), shortest // 4))

    def due(self, now: Ms) -> bool:
        """Whether it is time to look again."""
        return self.looked is None or now - self.looked >= self.every_ms

    def look(self, now: Ms) -> Window:
        """The window of the next look."""
        self.looked = now
        back = max(s.settles_ms + LATE_BUCKETS * s.period_ms for s in self.signals)
        largest = max(s.period_ms for s in self.signals)
        start = max(self.since, (self.read_to if self.read_to is not None else now) - back)
        start = self.since if self.read_to is None else start
        self.window = Window(start // largest * largest, -(-now // 1000) * 1000)
        return self.window

    def sample(self, window: Window) -> Found:
        """Read; in a thread of its own. TypeError when the observer answers with what are no datapoints."""
        found = self.observer.sample(self.signals, window)
        return {s.id: [_checked(self.name, sample) for sample in found.get(s.id, ())] for s in self.signals}


def _checked(name: str, sample: object) -> Sample:
    """A datapoint that can be journalled; a value that is no finite number is none."""
    if not isinstance(sample, Sample) or isinstance(sample.start_ms, bool) or not isinstance(sample.start_ms, int):
        raise TypeError(f"{name} answered with {type(sample).__name__}, which is no datapoint")
    value = sample.value
    known = isinstance(value, int | float) and isfinite(value)
    return Sample(sample.start_ms, float(value) if known and value is not None else None)


def sources(signals: Sequence[Signal], observers: Sequence[Observer], since: Ms) -> tuple[list[Source], list[Signal]]:
    """Each observer with the signals it can read, those of each account and Region apart, and alarms, which are other
    calls, apart from metrics, so that what keeps one from being read keeps no other; and the signals that none can."""
    found = [
        Source(o, tuple(group), since)
        for o in observers
        for alarms in (False, True)
        for _, group in by_home([s for s in signals if s.source in o.sources and (s.source == ALARM_SOURCE) == alarms])
    ]
    known = {s.id for source in found for s in source.signals}
    return found, [s for s in signals if s.id not in known]


def read(source: Source, window: Window, found: Found, state: State) -> list[Draft]:
    """What a look brought: new or changed datapoints, missing ones, alarms that changed."""
    asked = window.end_ms
    values, drafts = {}, list[Draft]()
    for signal in source.signals:
        samples = found.get(signal.id, ())
        if signal.source in POINTWISE:
            drafts += _alarm(signal, samples, state, asked)
        elif new := _new(signal, samples, window, state):
            values[signal.id] = new
    source.read_to, source.failing_since, source.failed_told = asked, None, None
    if values or drafts or source.told is None or asked - source.told >= min(s.period_ms for s in source.signals):
        source.told = asked
        read_to = {s.id: asked for s in source.signals}
        drafts.append(Draft("signals.sampled", {"values": values, "read_to_ms": read_to}))
    return drafts


def _new(signal: Signal, samples: Sequence[Sample], window: Window, state: State) -> list[list[float | None]]:
    """Closed buckets that are new or have changed, and settled ones that should be there and are not."""
    known, period = state.signals.get(signal.id, {}), signal.period_ms
    got = {s.start_ms: s.value for s in samples if s.start_ms + period <= window.end_ms}
    new: dict[Ms, float | None] = {t: v for t, v in got.items() if v is not None and known.get(t) != v}
    phase = min([*got, *known], default=0) % period
    first = -(-(window.start_ms - phase) // period) * period + phase
    settled = window.end_ms - signal.settles_ms - 2 * period  # one period of patience before it counts as missing
    gaps = (t for t in range(first, settled + 1, period) if t not in known and got.get(t) is None)
    new.update(dict.fromkeys(gaps))
    return [[t, v] for t, v in sorted(new.items())]


def _alarm(signal: Signal, samples: Sequence[Sample], state: State, asked: Ms) -> list[Draft]:
    known = state.alarms.get(signal.id, ())
    if not samples:
        gone = {"signal": signal.id, "state": MISSING, "since_ms": asked}
        return [Draft("alarm.changed", gone)] if known and known[-1][1] != MISSING else []
    told = [(s.start_ms, WORDS.get(s.value, "INSUFFICIENT_DATA")) for s in samples]
    newest = known[-1][0] if known else -1
    new = [state for state in told[:-1] if state[0] > newest]  # entered and left again between two looks
    new += [state for state in told[-1:] if not known or state != known[-1]]
    return [Draft("alarm.changed", {"signal": signal.id, "state": word, "since_ms": at}) for at, word in new]


def failed(source: Source, error: BaseException, now: Ms) -> list[Draft]:
    """A source that could not be read: journalled when it begins, and again while it lasts."""
    if source.failed_told is not None and now - source.failed_told < AGAIN_MS:
        return []
    source.failing_since = now if source.failing_since is None else source.failing_since
    source.failed_told = now
    said = f"{type(error).__name__}: {error}"[:500]
    what = {"source": source.name, "error": said, "signals": [s.id for s in source.signals]}
    return [Draft("observer.failed", what)]
