"""``kind: waiver``: what preflight need not show for a while, by name, with a reason, and by whom."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from gameday.model.types import Id, Strict, Text


class Waives(Strict):
    """One code of preflight; ``subject`` limits it to a signal, step, alarm or role."""

    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]+$")]
    subject: Text | None = None
    because: Text


class Waiver(Strict):
    """For one environment, one scenario or all of them, until a day (UTC, included)."""

    kind: Literal["waiver"]
    id: Id
    environment: Id
    scenario: Id | None = None
    by: Id
    until: date
    waives: Annotated[tuple[Waives, ...], Field(min_length=1)]
