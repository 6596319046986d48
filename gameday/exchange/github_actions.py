"""A schedule as a workflow of GitHub Actions.

Its cron knows UTC alone, so a schedule in a zone is begun at each UTC hour that its hour may mean in a year, and
``gameday schedule run ID --if-due 45m`` lets only the right one through. GitHub may begin a run late, or,
when it is busy, not at all (GitHub Docs, "Events that trigger workflows", schedule).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gameday.errors import could_not_start
from gameday.model.schedule import Schedule

_HALF_DAYS = [datetime(2026, month, 15, tzinfo=UTC) for month in range(1, 13)]
IF_DUE = "45m"


def crons(schedule: Schedule) -> list[str]:
    """In UTC. CouldNotStart CANNOT_EXPORT where the day would be another, or the zone is not off by whole hours."""
    minute, hour, day, month, weekday = schedule.cron.split()
    hours = sorted({offset for offset in _offsets(schedule.tz)})
    if hour == "*" or hours == [timedelta(0)]:
        return [schedule.cron]
    found = []
    for offset in hours:
        shifted = _shifted(hour, offset)
        if shifted is None:
            what = f"{schedule.cron!r} in {schedule.tz} cannot be said in UTC on the same day"
            raise could_not_start("CANNOT_EXPORT", what, "tz: UTC, or hours that are on the same day in UTC")
        found.append(f"{minute} {shifted} {day} {month} {weekday}")
    return sorted(found)


def _offsets(zone: str) -> list[timedelta]:
    found = [when.astimezone(ZoneInfo(zone)).utcoffset() for when in _HALF_DAYS]
    return [offset for offset in found if offset is not None]


def _shifted(hour: str, offset: timedelta) -> str | None:
    whole, rest = divmod(offset, timedelta(hours=1))
    if rest or not all(part.isdigit() for part in hour.split(",")):
        return None
    hours = [int(part) - whole for part in hour.split(",")]
    return ",".join(map(str, hours)) if all(0 <= h < 24 for h in hours) else None


def workflow(schedule: Schedule) -> dict[str, Any]:
    """The workflow, as data; ``on`` is quoted where it is written, for YAML takes it for true."""
    role = {"role-to-assume": "${{ vars.GAMEDAY_ROLE }}", "aws-region": "${{ vars.AWS_REGION }}"}
    assumed = [{"uses": "aws-actions/configure-aws-credentials@v4", "with": role}]
    kept = {"name": f"{schedule.id}-${{{{ github.run_id }}}}", "path": ".gameday/runs", "if-no-files-found": "error",
            "include-hidden-files": True}  # fmt: skip
    steps = [
        {"uses": "actions/checkout@v4"},
        {"uses": "actions/setup-python@v5", "with": {"python-version": "3.11"}},
        {"run": 'python -m pip install "gameday[rehearsal,schedules]"'},
        *(assumed if schedule.environment != "rehearsal" else []),
        {"id": "run", "run": f"gameday schedule run {schedule.id} --unless-skipped --if-due {IF_DUE}"},
        {"name": "Take back what is left", "if": "always()", "run": "gameday recover"},
        {"uses": "actions/upload-artifact@v4", "if": "always() && hashFiles('.gameday/runs/**') != ''", "with": kept},
    ]
    job = {"runs-on": "ubuntu-latest", "timeout-minutes": max(30, 2 * schedule.lasts // 60_000), "steps": steps}
    return {
        "name": f"Game day {schedule.id}",
        "on": {"schedule": [{"cron": cron} for cron in crons(schedule)], "workflow_dispatch": {}},
        "permissions": {"contents": "read", "id-token": "write"},
        "concurrency": {"group": f"gameday-{schedule.environment}", "cancel-in-progress": False},
        "jobs": {"gameday": job},
    }
