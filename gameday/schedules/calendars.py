"""Days and hours on which nothing begins: freezes from iCalendar, public holidays, blackouts and windows.

A freeze is any event of a calendar, also one that recurs (RFC 5545), that touches the time from a run's begin to the
end it is given. An all-day event is a day in the schedule's zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from gameday.clock import Ms, to_datetime
from gameday.model.schedule import Schedule

DAY = timedelta(days=1)
FREEZE_UNREAD = "its calendar cannot be read, so nobody knows"


@dataclass(frozen=True)
class Freeze:
    """One freeze, UTC milliseconds, its end excluded; ``days``: it is made of whole days of the schedule's zone."""

    start: Ms
    end: Ms
    name: str


@dataclass
class Freezes:
    """The freeze calendars by the name that schedules give them: their text, or None where one could not be read.

    What a calendar holds is unrolled a year at a time, when it is first asked for that year in a zone.
    """

    texts: Mapping[str, bytes | None] = field(default_factory=dict)
    _years: dict[tuple[str, str, int], list[Freeze] | None] = field(default_factory=dict)
    _parsed: dict[str, Any] = field(default_factory=dict)

    def within(self, name: str, zone: ZoneInfo, start: Ms, end: Ms) -> str | None:
        """The name of a freeze that touches this time, or FREEZE_UNREAD; None when there is none."""
        for year in range(to_datetime(start).year, to_datetime(end).year + 1):
            held = self._year(name, zone, year)
            if held is None:
                return FREEZE_UNREAD
            for freeze in held:
                if freeze.start < end and start < freeze.end:
                    return freeze.name
        return None

    def _year(self, name: str, zone: ZoneInfo, year: int) -> list[Freeze] | None:
        key = (name, zone.key, year)
        if key not in self._years:
            self._years[key] = self._unroll(name, zone, year)
        return self._years[key]

    def _unroll(self, name: str, zone: ZoneInfo, year: int) -> list[Freeze] | None:
        import recurring_ical_events

        calendar = self._calendar(name)
        if calendar is None:
            return None
        first = datetime(year, 1, 1, tzinfo=UTC) - DAY
        found = recurring_ical_events.of(calendar).between(first, datetime(year + 1, 1, 1, tzinfo=UTC) + DAY)
        return [_freeze(event, zone) for event in found if str(event.get("STATUS", "")).upper() != "CANCELLED"]

    def _calendar(self, name: str) -> Any:
        if name not in self._parsed:
            self._parsed[name] = parse_calendar(self.texts.get(name))
        return self._parsed[name]


def parse_calendar(text: bytes | None) -> Any:
    """The calendar, or None when this is none."""
    import icalendar

    if text is None:
        return None
    try:
        found = icalendar.Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError):
        return None
    return found if found.name == "VCALENDAR" else None


def _freeze(event: Any, zone: ZoneInfo) -> Freeze:
    start, end = (_ms(event.decoded(key), zone) for key in ("DTSTART", "DTEND"))
    return Freeze(start, end, str(event.get("SUMMARY", "a freeze without a name")))


def _ms(value: date, zone: ZoneInfo) -> Ms:
    """A day is its midnight in the zone; so is a time that floats."""
    when = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return round((when if when.tzinfo else when.replace(tzinfo=zone)).timestamp() * 1000)


def holiday(schedule: Schedule, day: date) -> str | None:
    """The name of the public holiday on this day, or None. KeyError, NotImplementedError: a place that is unknown."""
    held = schedule.holidays
    return _holidays(held.country, held.part, day.year).get(day) if held else None


@cache
def _holidays(country: str, part: str | None, year: int) -> Mapping[date, str]:
    import holidays

    return dict(holidays.country_holidays(country, subdiv=part, years=year))


def local_days(start: Ms, end: Ms, zone: ZoneInfo) -> Sequence[date]:
    """The days in this zone that a run from ``start`` to ``end`` touches."""
    first, last = (to_datetime(ms).astimezone(zone).date() for ms in (start, max(start, end - 1)))
    return [first + DAY * n for n in range((last - first).days + 1)]


def in_window(schedule: Schedule, zone: ZoneInfo, start: Ms, end: Ms) -> bool:
    """Whether a run from ``start`` to ``end`` lies within hours that began on a day of the window."""
    window = schedule.window
    if window is None:
        return True
    opens, closes = window.bounds
    day = to_datetime(start).astimezone(zone).date()
    for begun in (day - DAY, day):
        if begun.weekday() in window.weekdays:
            if _minute(begun, opens, zone) <= start and end <= _minute(begun, closes, zone):
                return True
    return False


def _minute(day: date, minute: int, zone: ZoneInfo) -> Ms:
    """That minute of the day as its clock shows it."""
    days, minute = divmod(minute, 24 * 60)
    when = datetime(day.year, day.month, day.day, minute // 60, minute % 60) + DAY * days
    return round(when.replace(tzinfo=zone).timestamp() * 1000)
