"""What lint says of a schedule beyond its own keys: its calendars, and whether it can ever begin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from gameday.clock import from_iso
from gameday.errors import Problem
from gameday.model.content import Content, Loaded
from gameday.model.schedule import Schedule
from gameday.schedules.calendars import holiday, in_window, parse_calendar
from gameday.schedules.due import upcoming

_FROM = from_iso("2026-01-01T00:00:00Z")  # a file is right or wrong whenever it is looked at
_LOOKED_AT = 400


def check_schedule(content: Content, loaded: Loaded[Schedule]) -> Iterator[Problem]:
    """All problems of one schedule; EXTRA_MISSING when what reads calendars is not installed."""
    try:
        import holidays  # noqa: F401  # only whether it is there
        import icalendar  # noqa: F401  # only whether it is there
    except ImportError:
        what = "schedules need packages that are not installed here"
        yield Problem("EXTRA_MISSING", what, 'pip install "gameday[schedules]"', loaded.file.place(("kind",)))
        return
    yield from _freezes(content.root, loaded)
    yield from _holidays(loaded)
    yield from _window(loaded)


def _freezes(root: Path, loaded: Loaded[Schedule]) -> Iterator[Problem]:
    """A file is read now; an address is read by the scheduler."""
    for index, name in enumerate(loaded.model.freezes):
        place = loaded.file.place(("freezes", index))
        if "://" in name:
            if not name.startswith("https://"):
                yield Problem("FREEZE_UNREADABLE", f"{name!r} is not fetched", "an https:// address, or a file", place)
        elif parse_calendar(read_freeze(root, name)) is None:
            what = f"there is no iCalendar in {name!r}"
            yield Problem("FREEZE_UNREADABLE", what, "an .ics file below the workspace: VCALENDAR, VEVENT", place)


def read_freeze(root: Path, name: str) -> bytes | None:
    """The bytes of a freeze calendar that is a file below the workspace; None when there is none."""
    path = (root / name).resolve()
    try:
        return path.read_bytes() if path.is_relative_to(root.resolve()) else None
    except OSError:
        return None


def _holidays(loaded: Loaded[Schedule]) -> Iterator[Problem]:
    try:
        holiday(loaded.model, date(2026, 1, 1))
    except (KeyError, NotImplementedError):
        what, place = (
            "no public holidays are known of this country, or of this part of it",
            loaded.file.place(("holidays",)),
        )
        yield Problem("UNKNOWN_HOLIDAYS", what, "holidays: {country: GB, part: ENG}", place)


def _window(loaded: Loaded[Schedule]) -> Iterator[Problem]:
    """At least one of its next times lies within its window."""
    schedule, zone = loaded.model, ZoneInfo(loaded.model.tz)
    if schedule.window is None:
        return
    for time in islice(upcoming(schedule, _FROM), _LOOKED_AT):
        if in_window(schedule, zone, time.start, time.start + schedule.lasts):
            return
    what = f"none of its times, with the {schedule.lasts // 60_000} minutes it lasts, lies within its window"
    write = "a wider window, another cron, or a shorter lasts:"
    yield Problem("WINDOW_NEVER", what, write, loaded.file.place(("window",)))
