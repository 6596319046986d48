"""A runbook: Markdown that a person can follow with the tool dead; steps may be executable and checkable."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from gameday.model.activity import Module, Name, Secrets
from gameday.model.scenario import Condition
from gameday.model.types import Duration, Id, Strict, Text, Tree


class AwsCall(Strict):
    """One AWS call through the boto3 door: ``aws: service.operation`` with its parameters."""

    aws: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9_]+$")]
    parameters: Annotated[Tree, Field(alias="with")] = {}

    @property
    def calls(self) -> tuple[tuple[str, str], ...]:
        """Service and operation of each call that it makes."""
        service, _, operation = self.aws.partition(".")
        return ((service, operation),)


class SsmRun(Strict):
    """A document of Systems Manager. ``targets`` are the tags of the instances, or their ids; an automation gets its
    instances as parameters. ``within`` limits, in real time, how long its end is waited for."""

    document: Text
    kind: Literal["command", "automation"] = "command"
    parameters: Tree = {}
    targets: dict[str, Text] | tuple[Text, ...] = ()
    within: Duration = 600_000


class SsmCall(Strict):
    """One document of Systems Manager, run to its end: ``ssm: {document: ..., ...}``."""

    ssm: SsmRun

    @property
    def calls(self) -> tuple[tuple[str, str], ...]:
        """Service and operation of each call that it makes."""
        if self.ssm.kind == "automation":
            return (("ssm", "start_automation_execution"), ("ssm", "get_automation_execution"))
        return (("ssm", "send_command"), ("ssm", "list_commands"))


class ChaosActivity(Strict):
    """A function of a Chaos Toolkit extension. Secrets are references: ``{env: NAME}`` or ``{file: PATH}``."""

    module: Module
    func: Name
    arguments: Tree = {}
    configuration: Tree = {}
    secrets: Secrets = {}


class ChaosCall(Strict):
    """One Chaos Toolkit action, in a worker of its own."""

    chaostoolkit: ChaosActivity

    @property
    def calls(self) -> tuple[tuple[str, str], ...]:
        """The module and the function that it calls, as a service and its operation."""
        return (("chaostoolkit", f"{self.chaostoolkit.module}.{self.chaostoolkit.func}"),)


def _call_tag(value: Any) -> str | None:
    """Which call a ``do`` is, by the key that it begins with."""
    names = ("aws", "ssm", "chaostoolkit")
    return next((n for n in names if (n in value if isinstance(value, dict) else hasattr(value, n))), None)


RunbookCall = AwsCall | SsmCall | ChaosCall
Do = Annotated[
    Annotated[AwsCall, Tag("aws")] | Annotated[SsmCall, Tag("ssm")] | Annotated[ChaosCall, Tag("chaostoolkit")],
    Discriminator(
        _call_tag,
        custom_error_type="call_unclear",
        custom_error_message="a step does one thing; write for example aws: SERVICE.OPERATION",
    ),
]


class StepBlock(Strict):
    """The fenced ``gameday`` block of a step."""

    do: Do | None = None
    check: Condition | None = None


class RunbookStep(Strict):
    """One numbered step. ``says`` is Markdown without the block."""

    number: Annotated[int, Field(ge=1)]
    says: Text
    block: StepBlock | None = None


class Runbook(Strict):
    """Front matter and steps; ``steps`` is filled from the Markdown body by the loader."""

    kind: Literal["runbook"]
    id: Id
    title: Text
    roles: tuple[Id, ...] = ()
    reviewed: date | None = None
    steps: tuple[RunbookStep, ...] = ()
