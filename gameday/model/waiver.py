"""``kind: waiver``: what need not be shown for a while, by name, with a reason, and by whom: codes of preflight, or one
of the rules L01 to L20."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gameday.model.types import Id, Strict, Text


class Waives(Strict):
    """One code of preflight; ``subject`` limits it to a signal, step, alarm or role."""

    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]+$")]
    subject: Text | None = None
    because: Text


class Waiver(Strict):
    """Until a day (UTC, included). Either ``waives`` codes of preflight for one environment, one scenario or all of
    them; or waives a ``rule`` for one service and, where ``subject`` is given, for nothing else of it."""

    kind: Literal["waiver"]
    id: Id
    environment: Id | None = None
    scenario: Id | None = None
    by: Id
    until: date
    waives: tuple[Waives, ...] = ()
    rule: Annotated[str, Field(pattern=r"^L(0[1-9]|1\d|20)$")] | None = None
    service: Id | None = None
    subject: Text | None = None
    because: Text | None = None

    @model_validator(mode="after")
    def _one_purpose(self) -> Waiver:
        if self.rule is None and not (self.environment and self.waives):
            raise ValueError("this waives nothing; write environment: and waives:, or rule: L13, service: and because:")
        if self.rule is not None and not (self.service and self.because):
            raise ValueError(f"a waiver of {self.rule} says for what and why; write service: and because:")
        if self.rule is not None and (self.waives or self.environment):
            raise ValueError("one waiver is of a rule or of preflight; write two files")
        return self
