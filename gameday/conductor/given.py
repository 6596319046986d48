"""What a command of the inbox may hold, by its kind. The file's ``who`` is the role that gives it.

Strict: what does not fit is refused in words, never guessed. ``schemas`` is what a console writes by.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from gameday.clock import Ms
from gameday.model.step import Mark, Score
from gameday.model.types import Strict

Words = Annotated[str, StringConstraints(max_length=4_000)]
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
Ident = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Number = Annotated[int, Field(ge=1, le=10_000)]
LONGEST_DELAY_MS = 24 * 3_600_000


class Ack(Strict):
    """Acknowledge, answer or tick PROMPT; without it the oldest that waits for the role."""

    prompt: Ident | None = None
    text: Words = ""


class Note(Strict):
    """Write it down, now. ``marks``: what has happened now, for the response clocks. ``touches``: what else touched the
    service."""

    text: Said
    marks: Mark | None = None
    touches: Literal["incident", "deployment", "run"] | None = None


class Reason(Strict):
    """Why, for the journal."""

    why: Words = ""


class Skip(Strict):
    """Pass over a step, or end it if it runs; with a number, one step of its runbook."""

    step: Ident
    number: Number | None = None
    why: Words = ""


class Fire(Strict):
    """Begin a step now that is no fault."""

    step: Ident


class Delay(Strict):
    """Let a step that has not begun begin later, by milliseconds of scenario time."""

    step: Ident
    by_ms: Annotated[Ms, Field(ge=1, le=LONGEST_DELAY_MS)]


class Scoring(Strict):
    """How the expected reaction was performed."""

    step: Ident
    score: Score
    comment: Words = ""


class Tick(Strict):
    """A step of a runbook is done; one before its turn is out of order."""

    step: Ident
    number: Number
    text: Words = ""


class Wrong(Strict):
    """This step of the runbook is wrong."""

    step: Ident
    number: Number
    text: Said


class Missing(Strict):
    """After this step of the runbook (0: before the first) one is missing."""

    step: Ident
    number: Annotated[int, Field(ge=0, le=10_000)]
    text: Said


class Restore(Strict):
    """Give back the access that a step has taken."""

    step: Ident


GIVEN: dict[str, type[BaseModel]] = {
    "ack": Ack,
    "note": Note,
    "tick": Tick,
    "wrong": Wrong,
    "missing": Missing,
    "score": Scoring,
    "hold": Reason,
    "resume": Reason,
    "skip": Skip,
    "fire": Fire,
    "delay": Delay,
    "restore": Restore,
    "abort": Reason,
    "emergency": Reason,
}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each kind's ``what``."""
    return {kind: model.model_json_schema() for kind, model in GIVEN.items()}


def why_not(error: ValidationError) -> str:
    """What does not fit, in words."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(p) for p in first['loc']) or 'it'}: {first['msg']}"
