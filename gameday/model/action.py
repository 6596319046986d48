"""``kind: action`` and ``kind: lessons``: what people make of a run, and what they will do about it.

An action closes when what it ``closes_with`` is met in a later run whose fault was effective, or by a signed and dated
waiver (SYSC 15A.5.7R, 15A.5.9R; DORA Article 24(5): closure is validated). Nobody sets it to closed by hand.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gameday.model.types import Id, Strict, Text

ActionId = Annotated[str, Field(pattern=r"^A-\d{4}-\d{2,4}$")]
RUN_ID = r"^[0-9]{8}-[0-9]{4}-[a-z0-9-]{1,80}$"
RunId = Annotated[str, Field(pattern=RUN_ID)]


class Origin(Strict):
    """The run and the finding that an action answers."""

    run: RunId
    finding: Text


class ClosingTest(Strict):
    """What a later run of ``scenario`` must show: this expectation met, this tolerance within, or, where neither is
    named, the finding no longer there."""

    scenario: Id
    expectation: Id | None = None
    tolerance: Id | None = None

    @model_validator(mode="after")
    def _one(self) -> ClosingTest:
        if self.expectation and self.tolerance:
            raise ValueError("a closing test has one measure; write expectation: or tolerance:")
        return self


class ClosedWithout(Strict):
    """A signed and dated waiver: the action is closed although no re-test has shown it."""

    because: Text
    by: Id
    on: date


class Action(Strict):
    """actions/<id>.yaml. ``because`` justifies the time until ``due`` (SYSC 15A.6.1R(7))."""

    kind: Literal["action"]
    id: ActionId
    origin: Annotated[Origin, Field(alias="from")]
    do: Text
    owner: Id
    due: date
    because: Text | None = None
    priority: Literal["high", "medium", "low"] = "medium"
    link: Text | None = None
    closes_with: ClosingTest | None = None
    closed_without: ClosedWithout | None = None


class Judged(Strict):
    """What people say of one proposed finding. One that does not stand is kept in the record, with the reason."""

    finding: Text
    stands: bool = True
    because: Text | None = None
    factors: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _why_not(self) -> Judged:
        if not self.stands and not self.because:
            raise ValueError("a finding that does not stand needs its reason; write because: ...")
        return self


class OwnFinding(Strict):
    """A finding that no data shows: somebody says it."""

    id: Id
    says: Text
    factors: tuple[Text, ...] = ()


class Lessons(Strict):
    """lessons/<run>.yaml: the debrief, completed by people. Factors, never one root cause."""

    kind: Literal["lessons"]
    run: RunId
    by: tuple[Id, ...] = ()
    findings: tuple[Judged, ...] = ()
    also_found: tuple[OwnFinding, ...] = ()
    went_well: tuple[Text, ...] = ()
    lucky: tuple[Text, ...] = ()
    surprised: tuple[Text, ...] = ()
    factors: tuple[Text, ...] = ()
    falsified: tuple[Text, ...] = ()  # assumptions, word for word, that this run showed to be wrong
