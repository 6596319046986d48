"""Every API call that a run will make, and what the day costs at list prices.

Prices: AWS FIS $0.10 an action-minute (aws.amazon.com/fis/pricing); CloudWatch $0.01 per 1,000 metrics requested by
GetMetricData, never in the free tier (aws.amazon.com/cloudwatch/pricing). Both are higher in some Regions (GovCloud).
What is billed by what it looks through (X-Ray: traces, aws.amazon.com/xray/pricing; Logs Insights: bytes) has none,
because no plan knows how much there is: the basis says so, and it is not in the sum. Prometheus and HTTP cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gameday.model.types import write_duration
from gameday.plan import ALARM_SOURCE, Call, Cost, PlannedStep, Signal
from gameday.planning.case import Case
from gameday.planning.preflight import preflight_calls
from gameday.protocols import Outline

USD_PER_ACTION_MINUTE = 0.10
USD_PER_METRIC_READ = 0.01 / 1000
_METRICS = ("cloudwatch.metric", "cloudwatch.expression")
_NOT_COUNTED = (  # beginning of the source, what AWS bills
    ("xray.", "the traces that X-Ray scans ($0.50 a million)"),
    ("logs.", "the log data that Logs Insights scans ($0.005 a GB)"),
    ("slo.", "what Application Signals bills"),
)
_ONE_EACH = {  # source -> service, operation, what is read
    "prometheus": ("prometheus", "query_range", "Prometheus"),
    "http.probe": ("http", "request", "by probes"),
    "logs.count": ("logs", "StartQuery", "counts of log events"),
    "slo.budget": ("application-signals", "BatchGetServiceLevelObjectiveBudgetReport", "error budgets"),
}


def plan_calls(
    case: Case, steps: Sequence[PlannedStep], outlines: Iterable[Outline], signals: Sequence[Signal], day_ms: int
) -> tuple[Call, ...]:
    """Faults first, in the order of the timeline; then reads; what people may ask for; and preflight with all else
    that belongs to no step. ``day_ms`` is from the start of the baseline to the end."""
    faults = [call for outline in outlines for call in outline.calls]
    day = (*faults, *_reads(signals, day_ms), *_asked(case, steps))
    if not day and case.scenario.method == "tabletop" and case.rehearsed:
        return ()  # people and process alone, and no account either: nobody is asked anything
    return (*day, *preflight_calls(case, steps, signals))


def _reads(signals: Sequence[Signal], day_ms: int) -> Iterator[Call]:
    groups = [
        ("cloudwatch", "GetMetricData", "metrics", [s for s in signals if s.source in _METRICS]),
        ("cloudwatch", "DescribeAlarms", "alarms", [s for s in signals if s.source == ALARM_SOURCE]),
    ]
    groups += [(*call, [s for s in signals if s.source == source]) for source, call in _ONE_EACH.items()]
    traced = [s for s in signals if s.source in ("xray.service", "xray.edge")]
    groups += [
        ("xray", "GetServiceGraph", "the service graph, for signals", traced),
        (
            "xray",
            "GetTraceSummaries",
            "traces by filter, for signals",
            [s for s in signals if s.source == "xray.traces"],
        ),
    ]
    for signal in (s for s in signals if s.source == "aws.state"):
        service = str(signal.query.get("type", "aws:?")).split(":")[1]
        groups.append((service, "Describe", f"the state behind {signal.id}", [signal]))
    for service, operation, what, read in groups:
        if read:
            why = f"read {what} ({len(read)})"
            yield Call(step=None, service=service, operation=operation, why=why, times=_times(read, day_ms))
    if any(s.source == ALARM_SOURCE for s in signals):
        why = "read what an alarm was between two looks"
        yield Call(step=None, service="cloudwatch", operation="DescribeAlarmHistory", why=why, times="when one changes")
    if any(s.source.startswith("xray.") for s in signals):
        why = "read the whole service graph, before and during the fault"
        yield Call(step=None, service="xray", operation="GetServiceGraph", why=why, times="2")


def _times(signals: Sequence[Signal], day_ms: int) -> str:
    period = min(signal.period_ms for signal in signals)
    return f"{_ticks(day_ms, period)}, one in {write_duration(period)}"


def _ticks(day_ms: int, period_ms: int) -> int:
    return -(-day_ms // period_ms)


def _asked(case: Case, steps: Sequence[PlannedStep]) -> Iterator[Call]:
    runbooks = {runbook.id: runbook for runbook in case.runbooks}
    for step in steps:
        for part in runbooks[step.runbook].steps if step.runbook else ():
            if part.block and part.block.do:
                why = f"runbook {step.runbook}, step {part.number}, when {step.to} asks for it"
                for service, operation in part.block.do.calls:
                    yield Call(step=step.id, service=service, operation=operation, why=why, times="at most once")


def plan_cost(
    steps: Sequence[PlannedStep],
    outlines: Mapping[str, Outline],
    signals: Sequence[Signal],
    day_ms: int,
    heartbeat_usd: float = 0.0,
) -> Cost:
    """An estimate from above: the whole day, each metric of each signal once in each of its periods."""
    minutes = sum(_minutes(step, outlines[step.id]) for step in steps if step.id in outlines)
    reads = sum(_metrics(signal) * _ticks(day_ms, signal.period_ms) for signal in signals)
    return Cost(
        action_minutes=minutes,
        action_usd=round(minutes * USD_PER_ACTION_MINUTE, 4),
        metric_reads=reads,
        metric_usd=round(reads * USD_PER_METRIC_READ, 4),
        heartbeat_usd=heartbeat_usd,
        basis=f"list prices on AWS: ${USD_PER_ACTION_MINUTE:.2f} an action-minute, $0.01 per 1,000 metrics read; "
        f"each metric once a period for {write_duration(day_ms)}{_not_counted(signals)}",
    )


def _not_counted(signals: Sequence[Signal]) -> str:
    """What is billed beside it by an amount that nobody knows before."""
    found = [what for start, what in _NOT_COUNTED if any(s.source.startswith(start) for s in signals)]
    return f"; not counted, because nobody knows how much there is: {', '.join(found)}" if found else ""


def _minutes(step: PlannedStep, outline: Outline) -> int:
    """The action-minutes that the provider says; of a FIS fault whose end the step alone says, that long."""
    if outline.action_minutes or outline.duration_ms or not any(call.service == "fis" for call in outline.calls):
        return outline.action_minutes
    lasts = step.fault.duration_ms if step.fault else None
    return -(-(lasts or 0) // 60_000)


def _metrics(signal: Signal) -> int:
    """GetMetricData is charged by metrics requested; an expression requests each that it names."""
    if signal.source not in _METRICS:
        return 0
    return len(signal.query["metrics"]) if signal.source == "cloudwatch.expression" else 1
