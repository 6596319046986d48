"""One tolerance judged over one series of buckets: the same whether a run or a real incident made them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gameday.model.tolerance import TIME_METRICS, Tolerance
from gameday.verdict.backlog import until_cleared
from gameday.verdict.bounds import Interval, Method, measure
from gameday.verdict.codes import Verdict, decide, ordered
from gameday.verdict.states import Bucket, BucketState, states
from gameday.verdict.volume import count

MEASURED = frozenset({"duration", "failed_transactions"})
Judgement = dict[str, Any]
Backlog = Sequence[float | None] | None


def baseline_least(dt_ms: int) -> int:
    """The shortest baseline that D2 accepts: max(600 s, 10 dt)."""
    return max(600_000, 10 * dt_ms)


def method_for(tolerance: Tolerance, dt_ms: int, clock_ms: int = 0, baseline_ms: int | None = None) -> Method:
    """How this tolerance is measured at this resolution; the baseline is at least max(600 s, 10 dt) (D2, D11)."""
    gap = 3 * dt_ms if tolerance.metric != "duration" else min(3 * dt_ms, int(tolerance.limit) // 10)
    return Method(
        dt_ms=dt_ms,
        hold_ms=tolerance.hold,
        mode=tolerance.mode,
        disrupted=tolerance.disrupted,
        clock_ms=clock_ms,
        period_ms=tolerance.period,
        baseline_ms=baseline_least(dt_ms) if baseline_ms is None else baseline_ms,
        min_coverage=tolerance.min_coverage,
        max_gap_ms=gap if tolerance.max_gap is None else tolerance.max_gap,
    )


def unmeasured(tolerance: Tolerance) -> set[str]:
    """Codes for what this version cannot measure, so that it is never taken for a pass."""
    return {"METRIC_NOT_MEASURED"} if tolerance.metric not in MEASURED or tolerance.calendar != "always" else set()


def seen(
    tolerance: Tolerance, buckets: Sequence[Bucket], baseline: int, backlog: Backlog = None
) -> tuple[tuple[BucketState, ...], set[str]]:
    """The state of each bucket, and BACKLOG_NOT_OBSERVED where the tolerance ends with a backlog that nobody read to
    its end. ``baseline`` is how many buckets lie before the first fault."""
    found = states(buckets, tolerance.thresholds, tolerance.measure.basis)
    if tolerance.end != "backlog_cleared":
        return found, set()
    if backlog is None:
        return found, {"BACKLOG_NOT_OBSERVED"}
    told, observed = until_cleared(found, backlog, baseline, tolerance.disrupted)
    return told, set() if observed else {"BACKLOG_NOT_OBSERVED"}


def judge(
    tolerance: Tolerance,
    buckets: Sequence[Bucket],
    method: Method,
    given: Iterable[str] = (),
    backlog: Backlog = None,
) -> Judgement:
    """The verdict on one tolerance with its interval. ``given`` are codes that the run's events raised; ``backlog`` is
    what waited in each bucket, where that was read."""
    if unmeasured(tolerance) or not buckets:
        return _told(tolerance, Interval(0, None, frozenset({"METRIC_NOT_MEASURED"}), 0.0), given)
    found, codes = seen(tolerance, buckets, -(-method.baseline_ms // method.dt_ms), backlog)
    interval = measure(found, method) if tolerance.metric == "duration" else count(buckets, found, method)
    return _told(tolerance, interval, {*given, *codes})


def _told(tolerance: Tolerance, interval: Interval, given: Iterable[str]) -> Judgement:
    codes = ordered({*interval.codes, *given})
    verdict: Verdict = decide(interval.lo, interval.hi, tolerance.limit, tolerance.comparator, codes)
    scale, unit = (1000, "_s") if tolerance.metric in TIME_METRICS else (1, "")
    lo, hi, limit = (_number(n, scale) for n in (interval.lo, interval.hi, tolerance.limit))
    return {
        "id": tolerance.id,
        "authority": tolerance.authority,
        "metric": tolerance.metric,
        "verdict": verdict,
        f"m_lo{unit}": lo,
        f"m_hi{unit}": hi,
        f"limit{unit}": limit,
        f"margin{unit}": None if interval.hi is None else _number(tolerance.limit - interval.hi, scale),
        "used": [_share(interval.lo, tolerance.limit), _share(interval.hi, tolerance.limit)],
        "codes": list(codes),
        "coverage": round(interval.coverage, 6),
    }


def _number(value: float | None, scale: int) -> float | int | None:
    if value is None:
        return None
    scaled = round(value / scale, 3)
    return int(scaled) if scaled == int(scaled) else scaled


def _share(value: float | None, limit: float) -> float | None:
    return None if value is None or not limit else round(value / limit, 4)
