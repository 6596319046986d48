"""The dead-man's switch as it is planned: how often the heartbeat is awaited, and how long a fault may outlive us.

The alarm is in ALARM once no heartbeat lies in its evaluation range, which CloudWatch makes longer than
``EvaluationPeriods`` when data is missing: by two periods in the examples of its user guide ("Configuring how
CloudWatch alarms treat missing data"); by how many depends on period and resolution, and is not published. The last
heartbeat may lie at the beginning of its period, which makes one more. Alarms of 10 seconds are evaluated every 10
seconds (same guide, "High-resolution alarms"). How soon FIS sees the state is not published: 10 s are allowed for it.

These are figures of a dead conductor. One that hangs may write its last heartbeat up to ``PERIOD_MS`` after its last
turn, so its faults end up to so much later. To the watchdog both are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gameday.model.types import write_duration
from gameday.plan import Call, DeadMan, PlannedFault
from gameday.protocols import Outline

PERIOD_MS = 10_000  # the shortest of an alarm; it makes the alarm and its metric high-resolution ones
EXTRA_PERIODS = 2
EVALUATED_MS = 10_000
STOPS_MS = 10_000
MOST_PERIODS = 100
BEAT_MS = PERIOD_MS * 4 // 5  # so that each period has a heartbeat
WATCHDOG_MS = 45_000
"""How long a watchdog may take to take a run over and to have its provider stop the fault."""
LEAST_SILENCE_MS = 5_000  # a busy machine may keep a conductor from its turn for a moment

USD_PER_REQUEST = 0.01 / 1000
USD_PER_HOUR = (0.30 + 0.30) / 730  # one custom metric and one high-resolution alarm, pro rata (CloudWatch pricing)


def switch(dead_man_ms: int) -> DeadMan | None:
    """The most patient alarm that still ends a fault within ``dead_man``; None when none is fast enough."""
    periods = (dead_man_ms - EVALUATED_MS - STOPS_MS) // PERIOD_MS - EXTRA_PERIODS - 1
    if periods < 1:
        return None
    periods = min(periods, MOST_PERIODS)
    return DeadMan(period_ms=PERIOD_MS, periods=periods, worst_case_ms=_worst(periods))


def _worst(periods: int) -> int:
    return (periods + EXTRA_PERIODS + 1) * PERIOD_MS + EVALUATED_MS + STOPS_MS


FASTEST_MS = _worst(1)


def silence_ms(dead_man_ms: int) -> int:
    """How long a watchdog lets a conductor be silent, dead or hanging, before it undoes: as long as ``dead_man``
    allows, so that somebody may resume the run meanwhile."""
    return max(LEAST_SILENCE_MS, dead_man_ms - WATCHDOG_MS)


def plan_switch(dead_man_ms: int, faults: Iterable[PlannedFault]) -> DeadMan | None:
    """The switch of a day: there is one when an alarm can end any of its faults."""
    return switch(dead_man_ms) if any(fault.dead_man == "alarm" for fault in faults) else None


def ended_by(outline: Outline | None, own_ms: int | None, dead_man_ms: int) -> tuple[str | None, int | None]:
    """What ends a fault when the conductor is dead (``alarm``, ``watchdog``, or None: itself), and the longest that it
    takes; None when nothing does. ``own_ms`` is how long it lasts by itself."""
    if outline and outline.takes_stop_conditions:
        found = switch(dead_man_ms)
        if found is None:
            return None, own_ms
        return "alarm", found.worst_case_ms if own_ms is None else min(own_ms, found.worst_case_ms)
    if outline and not outline.stop_ends_it:
        return None, own_ms
    own_watch = outline.worst_case_ms if outline else None  # of a provider with a watchdog of its own
    worst = silence_ms(dead_man_ms) + WATCHDOG_MS if own_watch is None else own_watch
    return "watchdog", worst if own_ms is None else min(own_ms, worst)


def stop_regions(faults: Iterable[PlannedFault], first: str) -> tuple[str, ...]:
    """The Regions in which an experiment is started that an alarm can end, the environment's ``first`` first: a stop
    condition must be in the account and Region of the experiment (AWS FIS user guide, "Stop conditions")."""
    found = {fault.region or first for fault in faults if fault.dead_man == "alarm"}
    return tuple(sorted(found, key=lambda region: (region != first, region)))


def switch_calls(planned: DeadMan | None, day_ms: int, regions: Sequence[str]) -> Iterator[Call]:
    """The calls of the heartbeat and its alarm in each of these Regions, over a day of this length."""
    if planned is None:
        return
    places = f" in each of {', '.join(regions)}" if len(regions) > 1 else ""
    beats, once = f"{beats_in(day_ms)}, one in {write_duration(BEAT_MS)}{places}", f"1{places}"
    for operation, why, times in (
        ("PutMetricData", "the heartbeat: it says that gameday lives", beats),
        ("PutMetricAlarm", "stop every experiment when the heartbeat is missing", once),
        ("DescribeAlarms", "see that the dead-man's alarm is OK, and gone in the end", beats),
        ("DeleteAlarms", "leave no alarm behind", once),
    ):
        yield Call(step=None, service="cloudwatch", operation=operation, why=why, times=times)


def beats_in(day_ms: int) -> int:
    """Heartbeats in a day of this length."""
    return -(-day_ms // BEAT_MS)


def switch_usd(planned: DeadMan | None, day_ms: int, regions: Sequence[str]) -> float:
    """What heartbeats and alarms cost, at list prices."""
    if planned is None:
        return 0.0
    each = 2 * beats_in(day_ms) * USD_PER_REQUEST + day_ms / 3_600_000 * USD_PER_HOUR
    return round(len(regions) * each, 4)
