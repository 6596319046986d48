"""Injects: what people are told, and what is taken from them, on the clock of the technical faults.

What is told: a message, a call, conflicting information. What is taken: a person, a supplier's answers, somebody's
access, a channel by which people are reached. The latter last ``for`` a while and then end by themselves.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gameday.model.step import RoleExpectation, StepBase
from gameday.model.types import Duration, Id, Text

Told = Literal["human", "message", "call", "conflicting"]


class HumanInject(StepBase):
    """Something a person is told; may expect a reaction. ``by`` is who is played, a supervisor or a customer."""

    inject: Told
    to: Id
    says: Text
    by: Text | None = None
    expect: RoleExpectation | None = None
    within: Duration | None = None

    @model_validator(mode="after")
    def _truth_is_known(self) -> HumanInject:
        if self.inject == "conflicting" and self.facilitator is None:
            raise ValueError("nobody could say what is true; write facilitator: what is true")
        return self


class UnavailableInject(StepBase):
    """A person is not available for a while; the deputy acts."""

    inject: Literal["unavailable"]
    who: Id
    lasts: Annotated[Duration, Field(alias="for")]


class SupplierInject(StepBase):
    """A third party answers nobody for a while. Nobody stands in for it."""

    inject: Literal["supplier-silent"]
    who: Id
    lasts: Annotated[Duration, Field(alias="for")]


class AccessInject(StepBase):
    """Somebody's access has expired: what they do here is refused until the time is over, the facilitator restores it,
    or the step ``restored_by`` is done. An abort is never refused."""

    inject: Literal["access-expired"]
    who: Id
    lasts: Annotated[Duration, Field(alias="for")]
    restored_by: Id | None = None


class ChannelInject(StepBase):
    """A channel carries nothing for a while: prompts go by the others, and to the deputy of whoever is reached by it
    alone."""

    inject: Literal["channel-down"]
    channel: Id
    lasts: Annotated[Duration, Field(alias="for")]


Taken = UnavailableInject | SupplierInject | AccessInject | ChannelInject
