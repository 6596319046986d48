"""One tolerance judged over one series of buckets: the same whether a run or a real incident made them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gameday.model.calendar import ServiceHours
from gameday.model.measure import TIME_METRICS
from gameday.model.tolerance import Tolerance
from gameday.verdict.backlog import until_cleared
from gameday.verdict.bounds import Interval, Method, measure
from gameday.verdict.codes import Verdict, decide, ordered
from gameday.verdict.customers import count_customers
from gameday.verdict.deadline import lateness
from gameday.verdict.hours import weights
from gameday.verdict.integrity import Reconciled, measure_ledger
from gameday.verdict.probes import probed
from gameday.verdict.states import Bucket, BucketState, states
from gameday.verdict.value import peak_scaled
from gameday.verdict.volume import count, expected_attempts

Judgement = dict[str, Any]
Backlog = Sequence[float | None] | None
Also = Mapping[str, Sequence[float | None]]  # signal -> what it said in each bucket
NOT_MEASURED = "METRIC_NOT_MEASURED"


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
        points=tolerance.measure.probe is not None,
    )


def bucket(tolerance: Tolerance, start_ms: int, first: float | None, second: float | None) -> Bucket:
    """A bucket of the tolerance's :func:`gameday.model.measure.pair`: what was tried, and what failed of it."""
    measure = tolerance.measure
    if measure.probe:
        return probed(start_ms, second)
    if tolerance.metric == "customers" and not (measure.attempts and measure.failures):
        tried = None if second is None else max(second, 1.0)  # where some customer fails the service is not up
        return Bucket(start_ms, tried, second)
    return Bucket(start_ms, first, second)


def states_of(tolerance: Tolerance, buckets: Sequence[Bucket]) -> tuple[BucketState, ...]:
    """The state of each bucket (D3). A probe, an amount and a customer are no sample of requests."""
    counted = bool(tolerance.measure.attempts and tolerance.measure.failures) or not tolerance.signals
    return states(buckets, tolerance.thresholds, tolerance.measure.basis if counted else "census")


def seen(
    tolerance: Tolerance, buckets: Sequence[Bucket], baseline: int, backlog: Backlog = None
) -> tuple[tuple[BucketState, ...], set[str]]:
    """The state of each bucket, and BACKLOG_NOT_OBSERVED where the tolerance ends with a backlog that nobody read to
    its end. ``baseline`` is how many buckets lie before the first fault."""
    found = states_of(tolerance, buckets)
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
    also: Also | None = None,
) -> Judgement:
    """The verdict on one tolerance with its interval. ``given`` are codes that the run's events raised; ``backlog`` is
    what waited in each bucket, ``also`` what the other signals of its measure said, where they were read."""
    if not buckets or tolerance.metric not in _INTERVALS:
        return told(tolerance, Interval(0, None, frozenset({NOT_MEASURED}), 0.0), given)
    found, codes = seen(tolerance, buckets, -(-method.baseline_ms // method.dt_ms), backlog)
    interval = _INTERVALS[tolerance.metric](_Case(tolerance, buckets, found, method, also or {}))
    return told(tolerance, interval, {*given, *codes})


def judge_ledger(tolerance: Tolerance, found: Reconciled | None, given: Iterable[str] = ()) -> Judgement:
    """The verdict on lost data; METRIC_NOT_MEASURED where no ledger was reconciled."""
    nothing = Interval(0, None, frozenset({NOT_MEASURED}), 0.0)
    return told(tolerance, nothing if found is None else measure_ledger(found, tolerance.metric), given)


@dataclass(frozen=True)
class _Case:
    tolerance: Tolerance
    buckets: Sequence[Bucket]
    states: Sequence[BucketState]
    method: Method
    also: Also


def _duration(case: _Case) -> Interval:
    calendar, method = case.tolerance.calendar, case.method
    if isinstance(calendar, ServiceHours):
        counted = weights(calendar, case.buckets[0].start_ms, method.dt_ms, len(case.buckets))
        method = replace(method, weights=counted)
    return measure(case.states, method)


def _deadline(case: _Case) -> Interval:
    assert isinstance(case.tolerance.calendar, ServiceHours)  # its model says so
    return lateness(case.states, case.buckets[0].start_ms, case.method, case.tolerance.calendar)


def _volume(case: _Case) -> Interval:
    found, method = count(case.buckets, case.states, case.method), case.method
    expected = expected_attempts(case.buckets[: -(-method.baseline_ms // method.dt_ms)])
    peak = peak_scaled(found.hi, expected, method.dt_ms, case.tolerance.peak)
    currency = case.tolerance.measure.currency
    return replace(found, extra={**({"currency": currency} if currency else {}), **peak})


def _customers(case: _Case) -> Interval:
    measure = case.tolerance.measure
    missing = [None] * len(case.buckets)
    segments = {name: case.also.get(signal, missing) for name, signal in measure.segments.items()}
    return count_customers(case.also.get(measure.customers or "", missing), case.states, case.method, measure, segments)


_INTERVALS: dict[str, Callable[[_Case], Interval]] = {
    "duration": _duration,
    "deadline": _deadline,
    "failed_transactions": _volume,
    "value": _volume,
    "customers": _customers,
}


def told(tolerance: Tolerance, interval: Interval, given: Iterable[str]) -> Judgement:
    """An interval against its limit, as verdict.json holds it: times in seconds (``_s``), amounts in minor units."""
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
        **interval.extra,
    }


def _number(value: float | None, scale: int) -> float | int | None:
    if value is None:
        return None
    scaled = round(value / scale, 3)
    return int(scaled) if scaled == int(scaled) else scaled


def _share(value: float | None, limit: float) -> float | None:
    """None for a limit of nothing; time that was left before a deadline uses none of it."""
    return None if value is None or not limit else round(max(0.0, value) / limit, 4)
