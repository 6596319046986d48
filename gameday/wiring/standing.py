"""How the schedules stand: what is due next, what was skipped, whether a person has to look."""

from __future__ import annotations

from gameday.metrics.due import Standing
from gameday.schedules.due import upcoming
from gameday.wiring.scheduling import Scheduler


def standing_of(scheduler: Scheduler) -> Standing:
    """For the metrics of a scheduler."""
    past, schedules, now = scheduler.past, scheduler.board.schedules, scheduler.clock.now()
    due = {}
    for ident, schedule in schedules.items():
        found = next(upcoming(schedule, now), None)
        due[ident] = found.start if found else None
    stopped = {
        ident: bool(s.paused or ident in past.paused or ident in past.unsafe
                    or past.breaches.get(ident, 0) >= s.pause_after)
        for ident, s in schedules.items()
    }  # fmt: skip
    return Standing(due, dict(past.skips), dict(past.outcomes), dict(past.breaches), stopped,
                    sum(map(len, scheduler.board.waiting.values())), scheduler.beat_ms,
                    bool(scheduler.files_wrong))  # fmt: skip
