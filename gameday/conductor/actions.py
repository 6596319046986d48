"""What ``decide`` may ask for. ``Record`` changes the state; all others touch the world, and what comes of them is
recorded in turn."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.journal.events import Draft
from gameday.model.measure import Moment
from gameday.protocols import Prompt


@dataclass(frozen=True)
class Record:
    """Append this to the journal."""

    draft: Draft


@dataclass(frozen=True)
class StartFault:
    """Inject the fault of this step: ledger first, then the provider."""

    step: str


@dataclass(frozen=True)
class PollFault:
    """Ask the provider how the fault of this step is."""

    step: str


@dataclass(frozen=True)
class StopFault:
    """Stop the fault of this step and clean up what it left; asked again until it is clean."""

    step: str


@dataclass(frozen=True)
class KeepExhibits:
    """Keep what the provider wrote of the fault of this step; tried once."""

    step: str


@dataclass(frozen=True)
class Deliver:
    """Put something before a person."""

    prompt: Prompt


@dataclass(frozen=True)
class Page:
    """Put before a person, by a channel beside the terminal, what was delivered; tried once, the channel tries again
    by itself."""

    prompt: Prompt
    channel: str


@dataclass(frozen=True)
class CallStep:
    """Make the call of a runbook's step."""

    step: str
    number: int


@dataclass(frozen=True)
class ReconcileLedger:
    """Hold this canary ledger against what is there: when the response has ended, and before the run does."""

    ledger: str
    moment: Moment


@dataclass(frozen=True)
class EngageLever:
    """Engage the safety lever of this account and Region."""

    place: str


@dataclass(frozen=True)
class End:
    """End the run."""

    status: str
    why: str = ""


Effect = StartFault | PollFault | StopFault | KeepExhibits | Deliver | Page | CallStep | ReconcileLedger | EngageLever
Action = Record | Effect | End


def record(type_: str, **what: object) -> Record:
    """A Record of the conductor's own."""
    return Record(Draft(type_, dict(what)))
