"""CloudWatch's metric store: exact dimensions, aligned periods, and statistics that are right or refused."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock

Dimensions = tuple[tuple[str, str], ...]
Key = tuple[str, str, Dimensions]
HIGH_RESOLUTION = (1_000, 5_000, 10_000, 20_000, 30_000)
PLAIN = frozenset({"Sum", "Average", "Minimum", "Maximum", "SampleCount"})
RANKED = re.compile(r"(p|tm)(\d{1,2}(?:\.\d+)?|100)$")


class AwsError(Exception):
    """An error as AWS words it: a code, a message and an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True)
class Datum:
    """One published datum: raw values with counts, or (``values`` empty) a statistic set."""

    values: tuple[tuple[float, float], ...]
    count: float
    total: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], counts: Sequence[float] | None = None) -> Datum:
        """A datum of raw values."""
        pairs = tuple(zip(values, counts or [1.0] * len(values), strict=True))
        total = sum(v * c for v, c in pairs)
        return cls(pairs, sum(c for _, c in pairs), total, min(values), max(values))

    @classmethod
    def of_set(cls, count: float, total: float, low: float, high: float) -> Datum:
        """A statistic set; percentiles of it exist only where min = max."""
        values = ((low, count),) if low == high else ()
        return cls(values, count, total, low, high)


@dataclass
class _Series:
    times: list[int] = field(default_factory=list)
    data: list[Datum] = field(default_factory=list)
    unit: str = "None"


def dimensions(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> Dimensions:
    """Dimensions in the one order that keys use."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return tuple(sorted(items))


def check_period(period_ms: int) -> None:
    """Refuse a period that CloudWatch does not know."""
    if period_ms not in HIGH_RESOLUTION and (period_ms <= 0 or period_ms % 60_000):
        raise AwsError("ValidationError", f"Period must be 1, 5, 10, 20, 30 or 60 n, not {period_ms / 1000:g}")


def check_statistic(name: str) -> None:
    """Refuse a statistic that is not computed here, rather than answer something else."""
    if name not in PLAIN and not RANKED.match(name):
        raise AwsError("ValidationError", f"The value {name} for parameter Stat is not supported.")


def statistic(name: str, data: Sequence[Datum]) -> float | None:
    """One statistic over the data of one bucket; None when there is none."""
    check_statistic(name)
    count = sum(d.count for d in data)
    if not data or count <= 0:
        return None
    plain: dict[str, Callable[[], float]] = {
        "Sum": lambda: sum(d.total for d in data),
        "Average": lambda: sum(d.total for d in data) / count,
        "Minimum": lambda: min(d.low for d in data),
        "Maximum": lambda: max(d.high for d in data),
        "SampleCount": lambda: count,
    }
    return float(plain[name]()) if name in plain else _ranked(name, data)


def _ranked(name: str, data: Sequence[Datum]) -> float | None:
    if any(not d.values for d in data):
        return None  # a statistic set does not hold the values; AWS answers nothing here either
    match = RANKED.match(name)
    assert match
    kind, share = match[1], float(match[2]) / 100
    pairs = sorted(p for d in data for p in d.values)
    rank = share * sum(c for _, c in pairs)
    return _percentile(pairs, rank) if kind == "p" else _trimmed(pairs, rank)


def _percentile(pairs: Sequence[tuple[float, float]], rank: float) -> float:
    seen = 0.0
    for value, count in pairs:
        seen += count
        if seen >= rank - 1e-9:
            return value
    return pairs[-1][0]


def _trimmed(pairs: Sequence[tuple[float, float]], rank: float) -> float | None:
    total = left = max(1.0, math.floor(rank + 1e-9))
    result = 0.0
    for value, count in pairs:
        take = min(count, left)
        result += value * take
        left -= take
        if left <= 0:
            break
    return result / (total - left)


class MetricStore:
    """All metrics of one account and Region. Thread-safe."""

    def __init__(self) -> None:
        self._series: dict[Key, _Series] = {}
        self._lock = RLock()

    def put(self, namespace: str, name: str, dims: Dimensions, at_ms: int, datum: Datum, unit: str = "None") -> None:
        """Store one datum."""
        with self._lock:
            series = self._series.setdefault((namespace, name, dims), _Series(unit=unit))
            where = bisect_right(series.times, at_ms)
            series.times.insert(where, at_ms)
            series.data.insert(where, datum)

    def keys(self) -> list[Key]:
        """Every metric, once."""
        with self._lock:
            return sorted(self._series)

    def statistics(self, key: Key, stat: str, period_ms: int, start_ms: int, end_ms: int) -> dict[int, float]:
        """Bucket start -> value, aligned to the period; ``start_ms`` rounded down, ``end_ms`` exclusive."""
        check_period(period_ms)
        check_statistic(stat)
        start_ms -= start_ms % period_ms
        buckets: dict[int, list[Datum]] = {}
        with self._lock:
            series = self._series.get(key)
            if series is None:
                return {}
            first, last = bisect_left(series.times, start_ms), bisect_left(series.times, end_ms)
            for at, datum in zip(series.times[first:last], series.data[first:last], strict=True):
                buckets.setdefault(at - at % period_ms, []).append(datum)
        found = {at: statistic(stat, data) for at, data in buckets.items()}
        return {at: value for at, value in sorted(found.items()) if value is not None}
