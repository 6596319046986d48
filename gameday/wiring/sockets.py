"""What fills the sockets of a run in one environment: faults, observers, the channel, the calls of runbooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.aws import Aws
from gameday.faults.fis import FisFault
from gameday.faults.ssm import SsmFault
from gameday.faults.ssm_run import run_document
from gameday.model.runbook import Do, SsmCall
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

    def call(self, call: Do) -> str:
        """Make the call of a runbook's step; returns what to say of it. botocore's errors are passed on, and a document
        that does not succeed in time is an error too."""
        if isinstance(call, SsmCall):
            return run_document(self.aws, call.ssm)
        service, _, operation = call.aws.partition(".")
        answer: dict[str, Any] = getattr(self.aws.client(service), operation)(**call.parameters)
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", "no status")
        return f"{call.aws}: {status}"


def sockets(environment: Environment, endpoint: str | None) -> Sockets:
    """Filled for an environment; ``endpoint`` is the loopback AWS of a rehearsal. Nothing is called yet."""
    aws = Aws(environment, endpoint)
    faults: dict[str, Fault] = {"fis": FisFault(aws), "ssm": SsmFault(aws)}
    observers: list[Observer] = [CloudWatchObserver(aws), AwsStateObserver(aws)]
    return Sockets(aws, faults, observers, TerminalChannel())
