"""Local times as instants: service hours and deadlines in an IANA zone, right over weekends and clock changes (D16).

A local time that happens twice opens with the first and closes with the second; one that never happens opens early and
closes late: where the calendar is in doubt, more time counts as service time. A deadline in doubt is the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from gameday.clock import Ms
from gameday.model.calendar import ServiceHours, minutes

Span = tuple[Ms, Ms]
_LONGEST_WEEK = 8  # days until the same weekday, and one for the zone


def instants(day: date, minute: int, zone: ZoneInfo) -> tuple[Ms, Ms]:
    """The earliest and the latest UTC instant that this local time can mean; minute 1440 is the next midnight."""
    local = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)
    both = [round(local.replace(tzinfo=zone, fold=fold).astimezone(UTC).timestamp() * 1000) for fold in (0, 1)]
    return min(both), max(both)


def _days(calendar: ServiceHours, start: Ms, end: Ms, zone: ZoneInfo) -> Iterator[date]:
    first, last = (datetime.fromtimestamp(ms / 1000, zone).date() for ms in (start, end))
    weekdays = calendar.weekdays
    for count in range((last - first).days + 1):
        day = first + timedelta(days=count)
        if day.weekday() in weekdays:
            yield day


def open_spans(calendar: ServiceHours, start: Ms, end: Ms) -> list[Span]:
    """When service is promised between two instants, in order; what began the day before belongs to it."""
    zone, (opens, closes) = ZoneInfo(calendar.tz), calendar.bounds
    found: list[Span] = []
    for day in _days(calendar, start - 2 * 86_400_000, end, zone):
        a, b = max(start, instants(day, opens, zone)[0]), min(end, instants(day, closes, zone)[1])
        if found and a <= found[-1][1]:
            a = found[-1][1]  # days that touch (or overlap, at a change of clocks) count once
        if a < b:
            found.append((a, b))
    return found


def overlap(span: Span, spans: Sequence[Span]) -> Ms:
    """How much of a span lies in these spans."""
    return sum(max(0, min(span[1], b) - max(span[0], a)) for a, b in spans)


def weights(calendar: ServiceHours, start: Ms, dt: Ms, count: int) -> tuple[Ms, ...]:
    """How much of each bucket lies in service hours."""
    spans = open_spans(calendar, start, start + count * dt)
    found = [0] * count
    for a, b in spans:
        for index in range((a - start) // dt, -(-(b - start) // dt)):
            found[index] += overlap((start + index * dt, start + (index + 1) * dt), ((a, b),))
    return tuple(found)


def deadline_after(calendar: ServiceHours, instant: Ms) -> Ms:
    """The first deadline after an instant: what is due at that very instant was due before it."""
    zone, due = ZoneInfo(calendar.tz), minutes(calendar.deadline or "00:00")
    days = _days(calendar, instant - 86_400_000, instant + _LONGEST_WEEK * 86_400_000, zone)
    return next(at for at in (instants(day, due, zone)[0] for day in days) if at > instant)
