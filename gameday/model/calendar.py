"""The calendar of a tolerance: service hours, or a deadline, in a zone of the IANA database (D16)."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from gameday.model.types import Strict

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
_DAY_MINUTES = 24 * 60


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no zone of the IANA database; write Europe/London, for example") from error
    return name


def parse_days(text: str) -> frozenset[int]:
    """``Mon-Fri`` or ``Mon,Wed,Sat-Sun`` as weekdays, Monday 0; ValueError says what to write."""
    found = set[int]()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError(f"{text!r} are no days; write Mon-Fri, or Mon,Wed,Sat-Sun")
        start, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(start, end + 1 if end >= start else end + 8)}
    return frozenset(found)


def minutes(text: str) -> int:
    """``18:00`` as minutes since midnight."""
    hours, _, rest = text.partition(":")
    return int(hours) * 60 + int(rest)


def _days(text: str) -> str:
    parse_days(text)
    return text


def _hours(text: str) -> str:
    if not re.fullmatch(rf"{_CLOCK}-(?:{_CLOCK}|24:00)", text):
        raise ValueError(f"{text!r} are no hours; write 08:00-18:00, or 22:00-06:00 over midnight")
    if len(set(text.split("-"))) == 1:
        raise ValueError(f"{text!r} are no hours: they end where they begin; write 00:00-24:00 for the whole day")
    return text


Zone = Annotated[str, AfterValidator(_zone)]
Hours = Annotated[str, AfterValidator(_hours)]
Weekdays = Annotated[str, AfterValidator(_days)]


def bounds(hours: str) -> tuple[int, int]:
    """Minutes from midnight at which these hours begin and end; the end beyond 1440 on the day after."""
    first, _, last = hours.partition("-")
    start, end = minutes(first), minutes(last)
    return start, end if end > start else end + _DAY_MINUTES


class ServiceHours(Strict):
    """Either ``hours`` in which the service is promised, or the ``deadline`` by which it must have been given, on
    ``days``. Holidays are not known: such a day counts like any other."""

    hours: Hours | None = None
    deadline: Annotated[str, Field(pattern=rf"^{_CLOCK}$")] | None = None
    days: Weekdays = "Mon-Sun"
    tz: Zone

    @model_validator(mode="after")
    def _one(self) -> ServiceHours:
        if (self.hours is None) == (self.deadline is None):
            raise ValueError('a calendar has hours or a deadline; write hours: "08:00-18:00" or deadline: "18:00"')
        return self

    @property
    def weekdays(self) -> frozenset[int]:
        """The days as numbers, Monday 0."""
        return parse_days(self.days)

    @property
    def bounds(self) -> tuple[int, int]:
        """Minutes from midnight at which service opens and closes; beyond 1440 on the day after."""
        return bounds(self.hours or "00:00-24:00")


Calendar = Literal["always"] | ServiceHours
