"""The interval in which the length of a disruption lies (D5-D8, D10, D11).

The lower bound counts unknown buckets as fine, the upper bound as disrupted, plus resolution and clock error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby, pairwise
from typing import Any

from gameday.verdict.states import BucketState

Run = tuple[int, int]


@dataclass(frozen=True)
class Method:
    """How a tolerance is measured. All times are milliseconds; ``period_ms`` is for mode cumulative. ``weights`` is how
    much of each bucket counts (service hours, D16), all of it where it is None; ``points``: a bucket is one probe, an
    instant that says nothing of the time after it (D20)."""

    dt_ms: int
    hold_ms: int
    mode: str
    disrupted: frozenset[str]
    clock_ms: int = 0
    period_ms: int | None = None
    baseline_ms: int = 0
    min_coverage: float = 0.95
    max_gap_ms: int = 180_000
    weights: tuple[int, ...] | None = None
    points: bool = False


@dataclass(frozen=True)
class Interval:
    """``hi`` None is unbounded; ``codes`` say why the number may not be relied on."""

    lo: float
    hi: float | None
    codes: frozenset[str]
    coverage: float
    extra: Mapping[str, Any] = field(default_factory=dict)  # what else the metric tells, as verdict.json holds it


def runs(flags: Sequence[bool]) -> list[Run]:
    """Half-open index ranges in which the flag is set."""
    found, at = [], 0
    for value, group in groupby(flags):
        end = at + sum(1 for _ in group)
        if value:
            found.append((at, end))
        at = end
    return found


def episodes(flags: Sequence[bool], method: Method) -> list[Run]:
    """D6: disrupted runs with less than the hold between them are one episode."""
    joined: list[Run] = []
    for start, end in runs(flags):
        if joined and (start - joined[-1][1]) * method.dt_ms < method.hold_ms:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _rolling(counted: Sequence[int], width: int) -> int:
    """The largest sum of ``width`` of them in a row."""
    best = total = 0
    for index, value in enumerate(counted):
        total += value - (counted[index - width] if index >= width else 0)
        best = max(best, total)
    return best


def _weights(count: int, method: Method) -> Sequence[int]:
    return (method.dt_ms,) * count if method.weights is None else method.weights


def length(flags: Sequence[bool], method: Method, before: int = 0, after: int = 0) -> int:
    """D7: milliseconds of disruption in this mode, each episode with so many buckets before it and after it."""
    found = episodes(flags, method)
    if not found:
        return 0
    weights = _weights(len(flags), method)
    if method.mode == "cumulative":
        width = len(flags) if method.period_ms is None else max(1, method.period_ms // method.dt_ms)
        return _rolling([w * f for w, f in zip(weights, flags, strict=True)], width)
    if method.mode == "total_span":
        found = [(found[0][0], found[-1][1])]
    until = [0, *accumulate(weights)]
    last = len(flags)
    return max(until[min(last, end + after)] - until[max(0, min(start - before, end + after))] for start, end in found)


def lower_flags(states: Sequence[BucketState], method: Method) -> list[bool]:
    """Disrupted for certain."""
    return [s in method.disrupted for s in states]


def upper_flags(states: Sequence[BucketState], method: Method) -> list[bool]:
    """Disrupted, or not known not to be."""
    return [s in method.disrupted or s == "unknown" for s in states]


def coverage_codes(states: Sequence[BucketState], method: Method) -> tuple[set[str], float]:
    """D11: the codes, and the share of known buckets."""
    unknown = [s == "unknown" for s in states]
    coverage = 1 - sum(unknown) / len(states) if states else 0.0
    gap = max((end - start for start, end in runs(unknown)), default=0) * method.dt_ms
    codes = {"COVERAGE_LOW"} if coverage < method.min_coverage else set()
    return codes | ({"GAP_TOO_LONG"} if gap > method.max_gap_ms else set()), coverage


def edge_codes(upper: Sequence[bool], method: Method) -> set[str]:
    """D10: a baseline that is not clean, a recovery that was not seen through its hold."""
    before, hold = -(-method.baseline_ms // method.dt_ms), -(-method.hold_ms // method.dt_ms)
    codes = {"BASELINE_NOT_CLEAN"} if any(upper[:before]) or len(upper) < before else set()
    steady = len(upper) >= hold and not any(upper[len(upper) - hold :])
    return codes if steady else codes | {"RECOVERY_NOT_CONFIRMED"}


def measure(states: Sequence[BucketState], method: Method) -> Interval:
    """D8: the interval of the disruption's length in milliseconds; of probes, D20."""
    lower, upper = lower_flags(states, method), upper_flags(states, method)
    codes, coverage = coverage_codes(states, method)
    codes |= edge_codes(upper, method)
    hi: float | None = None
    if bounded(upper, codes):
        hi = _longest(upper, method) + (method.clock_ms if any(upper) else 0)
    return Interval(_shortest(lower, method), hi, frozenset(codes), coverage)


def bounded(upper: Sequence[bool], codes: Iterable[str]) -> bool:
    """D10: whether begin and end of every disruption were seen."""
    return "RECOVERY_NOT_CONFIRMED" not in codes and upper[:1] != [True]


def _shortest(lower: Sequence[bool], method: Method) -> int:
    if not method.points:
        return length(lower, method)
    if method.mode == "cumulative":  # between two probes that failed, one after the other
        return length([a and b for a, b in pairwise([*lower, False])], method)
    return length(lower, method, after=-1)


def _longest(upper: Sequence[bool], method: Method) -> int:
    """Resolution at both ends (D8, D20); for cumulative, each good bucket that borders a bad one (decision 3)."""
    if method.mode != "cumulative":
        return length(upper, method, before=1, after=0 if method.points else 1)
    if method.points:
        return length([a or b for a, b in pairwise([*upper, False])], method)
    weights, before, after = _weights(len(upper), method), [False, *upper[:-1]], [*upper[1:], False]
    bordering = (w for w, here, a, b in zip(weights, upper, before, after, strict=True) if not here and (a or b))
    return length(upper, method) + sum(bordering)
