"""``kind: schedule``: a scenario that recurs, unattended: when, in which zone, and when not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Annotated, Any, Literal, Protocol

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, model_validator

from gameday.model.calendar import Hours, Weekdays, Zone, bounds, parse_days
from gameday.model.types import Duration, Id, Strict, Text

_ANY_YEAR = datetime(2026, 1, 1, tzinfo=UTC)  # an expression is looked at from here, so that a file is right for ever
_LOOKED_AT = 400


class _Times(Protocol):
    def __iter__(self) -> Iterator[datetime]: ...


def times(cron: str, after: datetime) -> _Times:
    """The times of a cron expression after ``after``, in its zone, as Debian's cron has them across a change of the
    clocks: what falls into the hour that is left out comes right after it, what falls into the hour that comes twice
    comes once; ``*`` in hours or minutes goes on in real time."""
    return CronSim(cron, after)


def _cron(text: str) -> str:
    write = 'write minute hour day month weekday, for example "0 10 * * Tue"'
    if len(text.split()) != 5:
        raise ValueError(f"{text!r} has not the five fields of cron; {write}")
    try:
        next(iter(times(text, _ANY_YEAR)))
    except CronSimError as error:
        raise ValueError(f"{text!r} is not cron ({error}); {write}") from error
    except StopIteration as error:
        raise ValueError(f"{text!r} never comes; {write}") from error
    return text


Cron = Annotated[str, AfterValidator(_cron)]


class Blackout(Strict):
    """Days on which nothing begins, both included, in the schedule's zone."""

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]
    because: Text

    @model_validator(mode="after")
    def _order(self) -> Blackout:
        if self.last < self.first:
            raise ValueError("this blackout ends before it begins; write from: the first day, to: the last")
        return self


class Hold(Strict):
    """Hours and days in which a run may begin, and in which it has to be over."""

    hours: Hours = "00:00-24:00"
    days: Weekdays = "Mon-Sun"

    @property
    def weekdays(self) -> frozenset[int]:
        """Monday 0."""
        return parse_days(self.days)

    @property
    def bounds(self) -> tuple[int, int]:
        """Minutes from midnight; the second beyond 1440 on the day after."""
        return bounds(self.hours)


class Precondition(Strict):
    """What a signal must have said for a run to begin. Every value of the last ``within`` is looked at; a signal that
    cannot be read, or has no value there, says nothing, and the run is skipped."""

    signal: Id
    within: Duration
    at_most: float | int | None = None
    at_least: float | int | None = None
    because: Text

    @model_validator(mode="after")
    def _one(self) -> Precondition:
        if self.at_most is None and self.at_least is None:
            raise ValueError("this precondition asks for nothing; write at_most: 0, for example")
        return self


class Holidays(Strict):
    """Public holidays of a country (ISO 3166-1, two letters), or of a part of it (ISO 3166-2 without the country)."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    part: Text | None = None


class Schedule(Strict):
    """A scenario that recurs. It begins at most once for each time of ``cron``; a time that passed by more than
    ``late`` is missed, and is made up for only where ``catch_up: latest`` says so, and then only the newest."""

    kind: Literal["schedule"]
    id: Id
    scenario: Id
    environment: Id = "rehearsal"
    owner: Id
    cron: Cron
    tz: Zone
    jitter: Duration = 0
    seed: Text = "gameday"
    late: Duration = 15 * 60_000
    lasts: Duration = 60 * 60_000
    catch_up: Literal["never", "latest"] = "never"
    window: Hold | None = None
    blackouts: tuple[Blackout, ...] = ()
    freezes: tuple[Text, ...] = ()  # iCalendar: a file of the workspace, or an https address
    holidays: Holidays | None = None
    expires: date | None = None
    preconditions: tuple[Precondition, ...] = ()
    not_while: tuple[Id, ...] = ()  # services on which no game day goes on meanwhile
    pause_after: Annotated[int, Field(ge=1)] = 1
    speed: Annotated[float | int, Field(ge=0.1, le=60)] | None = None
    paused: Text | None = None

    @model_validator(mode="after")
    def _jitter_fits(self) -> Schedule:
        gap = _shortest_gap(self.cron) if self.jitter else timedelta.max
        if timedelta(milliseconds=self.jitter) >= gap:
            raise ValueError(f"a jitter as long as the time between two runs ({gap}) mixes them; write less")
        return self


@cache
def _shortest_gap(cron: str) -> timedelta:
    found = list(islice(times(cron, _ANY_YEAR), _LOOKED_AT))
    return min((b - a for a, b in zip(found, found[1:], strict=False)), default=timedelta.max)


def dump_schedule(schedule: Schedule) -> dict[str, Any]:
    """As it is written in a file, without what is as it is by default."""
    return schedule.model_dump(mode="json", by_alias=True, exclude_defaults=True)
