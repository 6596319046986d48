"""A runbook: Markdown that a person can follow with the tool dead; steps may be executable and checkable."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from gameday.model.scenario import Condition
from gameday.model.types import Id, Strict, Text, Tree


class AwsCall(Strict):
    """One AWS call through the boto3 door: ``aws: service.operation`` with its parameters."""

    aws: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9_]+$")]
    parameters: Annotated[Tree, Field(alias="with")] = {}


class StepBlock(Strict):
    """The fenced ``gameday`` block of a step."""

    do: AwsCall | None = None
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
