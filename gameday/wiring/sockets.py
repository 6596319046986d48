"""What fills the sockets of a run in one environment: faults, observers, the channel, the calls of runbooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.aws import Aws
from gameday.faults.chaostoolkit.calling import call_action
from gameday.faults.chaostoolkit.fault import ChaosFault
from gameday.faults.chaostoolkit.probe import ChaosProbeObserver
from gameday.faults.fis import FisFault
from gameday.model.runbook import ChaosCall, RunbookCall
from gameday.model.workspace import Environment
from gameday.observers.aws_state import AwsStateObserver
from gameday.observers.cloudwatch import CloudWatchObserver
from gameday.people.channels import TerminalChannel
from gameday.protocols import Channel, Fault, Observer


@dataclass(frozen=True)
class Sockets:
    """Everything a conductor reaches the world through."""

    aws: Aws
    faults: Mapping[str, Fault]
    observers: Sequence[Observer]
    channel: Channel

    def call(self, call: RunbookCall) -> str:
        """Make the call of a runbook's step; returns what to say of it. botocore's errors are passed on, and so is
        what an action says."""
        if isinstance(call, ChaosCall):
            return call_action(call.chaostoolkit, self.aws.environment, self.aws.endpoint)
        service, _, operation = call.aws.partition(".")
        answer: dict[str, Any] = getattr(self.aws.client(service), operation)(**call.parameters)
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", "no status")
        return f"{call.aws}: {status}"


def sockets(environment: Environment, endpoint: str | None) -> Sockets:
    """Filled for an environment; ``endpoint`` is the loopback AWS of a rehearsal. Nothing is called yet."""
    aws = Aws(environment, endpoint)
    faults: dict[str, Fault] = {"fis": FisFault(aws), "chaostoolkit": ChaosFault(environment, endpoint)}
    observers: list[Observer] = [
        CloudWatchObserver(aws),
        AwsStateObserver(aws),
        ChaosProbeObserver(environment, endpoint),
    ]
    return Sockets(aws, faults, observers, TerminalChannel())
