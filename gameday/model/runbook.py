"""A runbook: Markdown that a person can follow with the tool dead; steps may be executable and checkable."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from gameday.model.activity import Module, Name, Secrets
from gameday.model.scenario import Condition
from gameday.model.types import Id, Strict, Text, Tree


class AwsCall(Strict):
    """One AWS call through the boto3 door: ``aws: service.operation`` with its parameters."""

    aws: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9_]+$")]
    parameters: Annotated[Tree, Field(alias="with")] = {}


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


def _call_tag(value: Any) -> str | None:
    names = ("aws", "chaostoolkit")
    return next((n for n in names if (n in value if isinstance(value, dict) else hasattr(value, n))), None)


RunbookCall = AwsCall | ChaosCall
Do = Annotated[
    Annotated[AwsCall, Tag("aws")] | Annotated[ChaosCall, Tag("chaostoolkit")],
    Discriminator(
        _call_tag,
        custom_error_type="call_unclear",
        custom_error_message="a step does one thing; write {{aws: SERVICE.OPERATION}} or {{chaostoolkit: {{...}}}}",
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
