"""What fills the sockets of a run in one environment: faults, observers, the channel, the calls of runbooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.aws import Aws
from gameday.clock import Anchor, Clock, ScenarioClock
from gameday.faults.fis import FisFault
from gameday.model.runbook import AwsCall
from gameday.model.workspace import Environment
from gameday.observers.aws_state import AwsStateObserver
from gameday.observers.cloudwatch import CloudWatchObserver
from gameday.observers.http_probe import HttpProbe
from gameday.observers.logs import LogsObserver
from gameday.observers.prometheus import PrometheusObserver
from gameday.observers.slo import SloObserver
from gameday.people.channels import TerminalChannel
from gameday.protocols import Channel, Fault, Observer


@dataclass(frozen=True)
class Sockets:
    """Everything a conductor reaches the world through."""

    aws: Aws
    faults: Mapping[str, Fault]
    observers: Sequence[Observer]
    channel: Channel

    def call(self, call: AwsCall) -> str:
        """Make the AWS call of a runbook's step; returns what to say of it. botocore's errors are passed on."""
        service, _, operation = call.aws.partition(".")
        answer: dict[str, Any] = getattr(self.aws.client(service), operation)(**call.parameters)
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", "no status")
        return f"{call.aws}: {status}"


def sockets(environment: Environment, endpoint: str | None, clock: Clock | None = None) -> Sockets:
    """Filled for an environment; ``endpoint`` is the loopback AWS of a rehearsal, ``clock`` the run's (real time when
    it is not given). Nothing is called yet."""
    aws = Aws(environment, endpoint)
    faults: dict[str, Fault] = {"fis": FisFault(aws)}
    time = clock or ScenarioClock(Anchor.here())
    return Sockets(aws, faults, _observers(aws, time, endpoint is not None), TerminalChannel())


def _observers(aws: Aws, clock: Clock, rehearsed: bool) -> list[Observer]:
    return [
        CloudWatchObserver(aws),
        AwsStateObserver(aws),
        PrometheusObserver(rehearsed, clock.speed),
        HttpProbe(clock, rehearsed),
        LogsObserver(aws, clock),
        SloObserver(aws, rehearsed),
    ]
