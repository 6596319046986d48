"""The interval in which the length of a disruption lies (D5-D8, D10, D11).

The lower bound counts unknown buckets as fine, the upper bound as disrupted, plus resolution and clock error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from gameday.verdict.states import BucketState

Run = tuple[int, int]


@dataclass(frozen=True)
class Method:
    """How a tolerance is measured. All times are milliseconds; ``period_ms`` is for mode cumulative."""

    dt_ms: int
    hold_ms: int
    mode: str
    disrupted: frozenset[str]
    clock_ms: int = 0
    period_ms: int | None = None
    baseline_ms: int = 0
    min_coverage: float = 0.95
    max_gap_ms: int = 180_000


@dataclass(frozen=True)
class Interval:
    """``hi`` None is unbounded; ``codes`` say why the number may not be relied on."""

    lo: float
    hi: float | None
    codes: frozenset[str]
    coverage: float


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


def _cumulative(flags: Sequence[bool], width: int) -> int:
    best = count = 0
    for index, value in enumerate(flags):
        count += value - (flags[index - width] if index >= width else False)
        best = max(best, count)
    return best


def length(flags: Sequence[bool], method: Method) -> int:
    """D7: milliseconds of disruption in this mode."""
    found = episodes(flags, method)
    if not found:
        return 0
    if method.mode == "cumulative":
        width = len(flags) if method.period_ms is None else max(1, method.period_ms // method.dt_ms)
        return _cumulative(flags, width) * method.dt_ms
    if method.mode == "total_span":
        return (found[-1][1] - found[0][0]) * method.dt_ms
    return max(end - start for start, end in found) * method.dt_ms


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
    """D8: the interval of the disruption's length in milliseconds."""
    lower, upper = lower_flags(states, method), upper_flags(states, method)
    codes, coverage = coverage_codes(states, method)
    codes |= edge_codes(upper, method)
    hi: float | None = None
    if "RECOVERY_NOT_CONFIRMED" not in codes and not upper[:1] == [True]:
        hi = length(upper, method) + (_doubt(upper, method) if any(upper) else 0)
    return Interval(length(lower, method), hi, frozenset(codes), coverage)


def _doubt(upper: Sequence[bool], method: Method) -> int:
    """Resolution and clock error (D8); for cumulative, each good bucket that borders a bad one (decision 3)."""
    if method.mode != "cumulative":
        return 2 * method.dt_ms + method.clock_ms
    before, after = [False, *upper[:-1]], [*upper[1:], False]
    bordering = sum(not here and (a or b) for here, a, b in zip(upper, before, after, strict=True))
    return bordering * method.dt_ms + method.clock_ms
