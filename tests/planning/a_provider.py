"""A provider at our own socket: it takes the keys of ``fault: fis``, says what it would do, and starts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from gameday.faults.fis import FisSettings
from gameday.faults.ssm import SsmSettings
from gameday.model.scenario import Condition
from gameday.model.service import Technology
from gameday.model.types import parse_duration
from gameday.model.workspace import Environment
from gameday.plan import Call, Signal
from gameday.protocols import Note, Order, Outline, ProviderStatus, Trace

PERIOD: dict[str, Any] = {"period_ms": 60_000, "settles_ms": 60_000}


def witness(function: str) -> Signal:
    query = {"namespace": "AWS/Lambda", "metric": "Errors", "dimensions": {"FunctionName": function}}
    return Signal(id=f"witness-{function}-errors", source="cloudwatch.metric", means="Errors", query=query, **PERIOD)


class Silent:
    """A provider that says nothing of its faults beforehand."""

    name: str = "fis"
    settings: type[BaseModel] = FisSettings

    def start(self, order: Order, note: Note) -> Trace:
        raise AssertionError("a plan starts nothing")

    def poll(self, trace: Trace) -> ProviderStatus:
        raise AssertionError("a plan polls nothing")

    def stop(self, trace: Trace) -> ProviderStatus:
        raise AssertionError("a plan stops nothing")


@dataclass
class Outlined(Silent):
    """``changes`` replace what it says of a fault; ``asked`` keeps the steps it was asked about."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def outline(
        self, step: str, settings: BaseModel, targets: Sequence[Technology], environment: Environment
    ) -> Outline:
        assert isinstance(settings, FisSettings)
        self.asked.append(step)
        duration = settings.parameters.get("duration")
        ms = parse_duration(duration) if duration else None
        arns = tuple(_arn(target, environment) for target in targets)
        names = ("CreateExperimentTemplate", "StartExperiment", "StopExperiment")
        seen = [witness(arn.rpartition(":")[2]) for arn in arns]
        said = Outline(
            action=settings.action or "",
            targets={"Functions": arns},
            duration_ms=ms,
            one_shot=False,
            takes_stop_conditions=True,
            calls=[Call(step=step, service="fis", operation=name, why="the fault") for name in names],
            action_minutes=-(-(ms or 0) // 60_000),
            witness_signals=seen,
            effective=Condition(signal=seen[0].id, at_least=1) if seen else None,
            gone=Condition(signal=seen[0].id, equals=0) if seen else None,
        )
        return replace(said, **self.changes)


class OutlinedDocument(Silent):
    """The same for the keys of ``fault: ssm``: the instances are made up."""

    name = "ssm"
    settings = SsmSettings

    def outline(
        self, step: str, settings: BaseModel, targets: Sequence[Technology], environment: Environment
    ) -> Outline:
        assert isinstance(settings, SsmSettings)
        arns = tuple(f"arn:aws:ec2:{environment.region}:{environment.account}:instance/i-{t.id}" for t in targets)
        call = Call(step=step, service="ssm", operation="SendCommand", why="the fault")
        return Outline(action=settings.action, targets={"Instances": arns}, duration_ms=settings.lasts_ms,
                       one_shot=False, takes_duration=settings.takes_duration, calls=[call])  # fmt: skip


def _arn(target: Technology, environment: Environment) -> str:
    if target.arn:
        return target.arn.replace("${region}", environment.region).replace("${account}", environment.account)
    return f"arn:aws:lambda:{environment.region}:{environment.account}:function:{target.name}"
