"""The default witnesses: what shows, apart from FIS itself, that a fault has taken effect and that it is gone.

One is listed only where AWS documents that the fault shows there. A wrong witness would call a fault ineffective that
works; without one the run carries FAULT_NOT_WITNESSED, and the scenario should say ``effective`` itself. So there is
none, for example, for an HTTP response in place of the function's (no Lambda error is counted then), for a reboot (EC2
goes on saying "running"), for paused replication, disrupted networks, CPU stress, or API errors for a role.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.faults.catalogue import actions
from gameday.faults.fis_settings import FisAction, FisSettings
from gameday.faults.targets import id_of
from gameday.model.scenario import Condition
from gameday.model.workspace import Environment, is_rehearsal
from gameday.plan import Home, Signal

WITHIN = "2m"
PERIOD_MS, REHEARSAL_PERIOD_MS = 60_000, 20_000
SHORTEST_DELAY_MS = 500  # a smaller one does not stand out from a function's own duration
DEFAULT_DELAY_MS = 2_000  # AWS FIS actions reference, startupDelayMilliseconds
HARMLESS = ("aws:fis:wait", "aws:cloudwatch:assert-alarm-state")
Arns = Sequence[str]


@dataclass(frozen=True)
class Witness:
    """An implicit signal and the two conditions on it; all None (empty) when there is no default."""

    signals: tuple[Signal, ...] = ()
    effective: Condition | None = None
    gone: Condition | None = None


@dataclass(frozen=True)
class Seen:
    """How a fault is seen: a source and query, what to compare with, and how long it may take."""

    source: str
    query: dict[str, Any]
    means: str
    unit: str
    effective: Mapping[str, float]
    gone: Mapping[str, float] | None
    within: str = WITHIN


def default_gone(effective: Condition) -> Condition:
    """When the scenario says ``effective`` alone: gone is that this no longer holds, within two minutes."""
    return effective.negated().model_copy(update={"within": 120_000})


def witness(
    step: str,
    settings: FisSettings,
    targets: Mapping[str, Arns],
    environment: Environment,
    home: Home | None = (None, None),
) -> Witness:
    """The default witness of a fault on these targets; an empty one when there is none. Of several actions only one
    that alone breaks something has one: what shows the first would say nothing of the others. ``home`` is the one
    account and Region of all targets; those in several (None) have no one signal."""
    breaking = [part for part in settings.each if part.action not in HARMLESS]
    if len(breaking) != 1 or home is None:
        return Witness()
    (part,) = breaking
    held = {key.removeprefix(f"{part.id}-"): arns for key, arns in targets.items()}
    arns = [arn for found in held.values() for arn in found]
    look = _BY_ACTION.get(part.action)
    if look is None and part.action not in actions():
        look = next((_BY_TYPE[kind] for kind in held if kind in _BY_TYPE), None)
    seen = look(part, arns) if look and arns else None
    return _as_witness(step, seen, environment, home) if seen else Witness()


def instance_state(step: str, arns: Arns, environment: Environment, home: Home, *, gone: bool) -> Witness:
    """The state of these instances as a witness of something that stops them."""
    part = FisAction(id="fault", action="aws:ec2:stop-instances")
    seen = _state("aws:ec2:instance", gone)(part, arns)
    return _as_witness(step, seen, environment, home) if seen else Witness()


def _as_witness(step: str, seen: Seen, environment: Environment, home: Home) -> Witness:
    period = REHEARSAL_PERIOD_MS if is_rehearsal(environment) else PERIOD_MS
    state = seen.source == "aws.state"
    signal = Signal(
        id=signal_id(step), source=seen.source, means=seen.means, unit=seen.unit, query=seen.query, period_ms=period,
        settles_ms=0 if state else period, implicit=True, account=home[0], region=home[1],
    )  # fmt: skip
    effective = Condition.model_validate({"signal": signal.id, "within": seen.within, **seen.effective})
    gone = Condition.model_validate({"signal": signal.id, "within": WITHIN, **seen.gone}) if seen.gone else None
    return Witness((signal,), effective, gone)


def signal_id(step: str) -> str:
    """The id of a step's implicit signal; ids have at most 63 characters."""
    ident = f"{step}-witness"
    return ident if len(ident) <= 63 else f"{step[:46]}-{hashlib.sha256(step.encode()).hexdigest()[:8]}-witness"


def _metrics(namespace: str, dimension: str, metrics: Sequence[str], statistic: str, arns: Arns, how: str) -> tuple[
    str, dict[str, Any]
]:  # fmt: skip
    """Source and query of these metrics over all targets: one metric, or metric math over several."""
    asked = [
        {"namespace": namespace, "metric": metric, "dimensions": {dimension: id_of(arn)}, "statistic": statistic}
        for arn in arns
        for metric in metrics
    ]
    if len(asked) == 1:
        return "cloudwatch.metric", asked[0]
    named = {f"m{i}": query for i, query in enumerate(asked)}
    return "cloudwatch.expression", {"expression": f"{how}([{', '.join(named)}])", "metrics": named}


def _lambda_errors(settings: FisAction, arns: Arns) -> Seen | None:
    source, query = _metrics("AWS/Lambda", "FunctionName", ["Errors"], "Sum", _functions(arns), "SUM")
    return Seen(source, query, "Invocations that ended in a function error.", "count", {"at_least": 1}, {"equals": 0})


def _lambda_delay(settings: FisAction, arns: Arns) -> Seen | None:
    delay = settings.parameters.get("startupDelayMilliseconds", DEFAULT_DELAY_MS)
    if not str(delay).isdigit() or int(delay) < SHORTEST_DELAY_MS:
        return None
    whole = str(settings.parameters.get("invocationPercentage", 100)) == "100"
    statistic = "Average" if whole else "Maximum"
    source, query = _metrics("AWS/Lambda", "FunctionName", ["Duration"], statistic, _functions(arns), "MAX")
    means = f"{statistic} time an invocation takes."
    return Seen(source, query, means, "ms", {"at_least": float(delay)}, {"below": float(delay)})


def _functions(arns: Arns) -> list[str]:
    """Function ARNs without version or alias."""
    return [":".join(arn.split(":")[:7]) for arn in arns]


def _state(kind: str, gone: bool = True, within: str = WITHIN) -> Callable[[FisAction, Arns], Seen | None]:
    """The state of all targets together; without ``gone`` where what is hit does not come back itself."""

    def look(settings: FisAction, arns: Arns) -> Seen | None:
        ids = arns if kind == "aws:ecs:task" else [id_of(arn) for arn in arns]
        query = {"type": kind, "id": ",".join(ids)}
        means = "1 when all targets are in service, 0 when one is not."
        return Seen("aws.state", query, means, "state", {"below": 1}, {"equals": 1} if gone else None, within)

    return look


def _counted(namespace: str, dimension: str, metrics: Sequence[str], means: str) -> Callable[
    [FisAction, Arns], Seen | None
]:  # fmt: skip
    def look(settings: FisAction, arns: Arns) -> Seen | None:
        source, query = _metrics(namespace, dimension, metrics, "Sum", arns, "SUM")
        return Seen(source, query, means, "count", {"at_least": 1}, {"equals": 0})

    return look


def _stalled(settings: FisAction, arns: Arns) -> Seen | None:
    """1 when I/O was paused for over 60 s (Amazon EBS user guide, "Pause I/O fault injection")."""
    source, query = _metrics("AWS/EBS", "VolumeId", ["VolumeStalledIOCheck"], "Maximum", arns, "MAX")
    return Seen(source, query, "1 when a volume's I/O stalls.", "state", {"at_least": 1}, {"equals": 0}, "4m")


_THROTTLES = _counted(
    "AWS/DynamoDB", "TableName", ["ReadThrottleEvents", "WriteThrottleEvents"], "Requests that the table throttled."
)
_SHARDS = _counted(
    "AWS/Kinesis", "StreamName", ["WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded"],
    "Requests refused because the stream's throughput was exceeded.",
)  # fmt: skip
_BY_ACTION: dict[str, Callable[[FisAction, Arns], Seen | None]] = {
    "aws:lambda:invocation-error": _lambda_errors,
    "aws:lambda:invocation-add-delay": _lambda_delay,
    "aws:ec2:stop-instances": _state("aws:ec2:instance"),
    "aws:ec2:terminate-instances": _state("aws:ec2:instance", gone=False),
    "aws:ec2:send-spot-instance-interruptions": _state("aws:ec2:instance", gone=False, within="17m"),
    "aws:ecs:stop-task": _state("aws:ecs:task", gone=False),
    "aws:rds:reboot-db-instances": _state("aws:rds:db"),
    "aws:rds:failover-db-cluster": _state("aws:rds:cluster"),
    "aws:kinesis:stream-provisioned-throughput-exception": _SHARDS,
    "aws:ebs:pause-volume-io": _stalled,
}
_BY_TYPE: dict[str, Callable[[FisAction, Arns], Seen | None]] = {  # for actions that are not in the catalogue
    "aws:lambda:function": _lambda_errors,
    "aws:dynamodb:table": _THROTTLES,
    "aws:ec2:instance": _state("aws:ec2:instance"),
    "aws:rds:db": _state("aws:rds:db"),
    "aws:rds:cluster": _state("aws:rds:cluster"),
}
