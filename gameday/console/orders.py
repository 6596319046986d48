"""What may be asked of a run: the body of each action, and the command that it becomes.

The console checks that the role may, and that a player speaks only of what was put before them; all else is the
conductor's to decide.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gameday.clock import Ms
from gameday.console.access import Action
from gameday.journal.inbox import KINDS, Kind

Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4_000)]
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
Ident = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Number = Annotated[int, Field(ge=1, le=10_000)]


def kind_of(action: Action) -> Kind | None:
    """The kind of command that this action becomes; None for what is no command to a conductor."""
    return cast(Kind, action) if action in KINDS else None


def served(action: Action) -> bool:
    """Whether the console can do this now."""
    return action in ("start", "link", "debrief") or kind_of(action) is not None


class Order(BaseModel):
    """What all have in common: nothing that is not named."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def what(self) -> dict[str, Any]:
        """The command's own facts; what was not said is not in them."""
        return {key: value for key, value in self.model_dump(mode="json").items() if value not in (None, "")}


class Ack(Order):
    """Acknowledge or answer what was put before me."""

    prompt: Ident
    text: Words = ""


class Note(Order):
    """Write down what happens, now. ``touches``: something else touched the service."""

    text: Said
    touches: Literal["incident", "deployment"] | None = None


class Tick(Order):
    """A step of a runbook is done; before its turn it is told as out of order."""

    step: Ident
    number: Number


class Wrong(Order):
    """A step of a runbook is wrong; what is wrong with it."""

    step: Ident
    number: Number
    text: Said


class Missing(Order):
    """A runbook lacks a step; after which number, and what it would say."""

    step: Ident
    number: Annotated[int, Field(ge=0, le=10_000)]
    text: Said


class Score(Order):
    """How an expected reaction was performed (HSEEP's ratings)."""

    step: Ident
    score: Literal["performed", "performed_with_challenges", "major_challenges", "unable"]
    comment: Words = ""


class Reason(Order):
    """Why, for the journal."""

    why: Words = ""


class Skip(Order):
    """Pass over a step, or end it if it runs."""

    step: Ident
    why: Words = ""


class Fire(Order):
    """Begin a step now; a fault begins when the plan says, and is refused."""

    step: Ident


class Delay(Order):
    """Begin a step later, by so many milliseconds of scenario time."""

    step: Ident
    by_ms: Annotated[int, Field(ge=1, le=24 * 3_600_000)]


class Start(Order):
    """A game day to begin. Without ``speed``: what this machine can do, in rehearsal. ``unattended``: nobody is there,
    scripted people do what is asked."""

    scenario: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]
    environment: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")] = "rehearsal"
    speed: Annotated[float, Field(ge=0.1, le=60, strict=False)] | None = None
    unattended: bool = False


class LinkFor(Order):
    """A link to be made: for whom, and for how many hours. ``run`` None is the run of one's own link, or all runs."""

    role: Literal["facilitator", "player", "evaluator", "reader"]
    who: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")] | None = None
    run: Ident | None = None
    hours: Annotated[float, Field(gt=0, le=720, strict=False)] = 8.0


class Answer(BaseModel):
    """What became of a command: the event that answers it, or that none did within two seconds."""

    result: Literal["applied", "waiting"]
    command: str
    seq: int | None = None
    type: str | None = None
    at_ms: Ms | None = None
