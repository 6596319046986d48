"""``kind: waiver``: what preflight need not show for a while, by name, with a reason, and by whom."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator

from gameday.model.types import Id, Strict, Text

NEVER = frozenset({
    "APPROVAL_MISSING", "APPROVAL_EXPIRED", "CONFIRMATION_MISSING", "ABORT_THRESHOLD_MISSING", "WRONG_ACCOUNT",
    "ENVELOPE_ACCOUNT", "ENVELOPE_ACTION", "ENVELOPE_CALL", "ENVELOPE_DURATION", "ENVELOPE_TAG", "ENVELOPE_TARGETS",
    "TAGS_NOT_READ", "NO_TARGETS", "PLAN_DRIFTED", "TARGETS_CHANGED", "SERVICE_BUSY", "LEFTOVERS", "NO_FIS_ROLE",
    "NOT_IN_REHEARSAL", "NOT_LOOPBACK", "SOURCE_UNREADABLE", "SAFETY_LEVER_ENGAGED",
})  # fmt: skip
"""Codes that nobody can waive: envelope, account, drift, approval, and what could not work anyhow."""


class Waives(Strict):
    """One code of preflight; ``subject`` limits it to a signal, step, alarm or role."""

    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]+$")]
    subject: Text | None = None
    because: Text

    @field_validator("code")
    @classmethod
    def _may_be(cls, code: str) -> str:
        if code in NEVER:
            raise ValueError(f"{code} can never be waived; put right what it says")
        return code


class Waiver(Strict):
    """For one environment, one scenario or all of them, until a day (UTC, included)."""

    kind: Literal["waiver"]
    id: Id
    environment: Id
    scenario: Id | None = None
    by: Id
    until: date
    waives: Annotated[tuple[Waives, ...], Field(min_length=1)]
