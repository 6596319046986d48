"""What the signals must have said before a schedule's run begins. What nobody can read is not met."""

from __future__ import annotations

from gameday.clock import Clock
from gameday.conductor.sampling import sources
from gameday.errors import GamedayError
from gameday.model.content import Content
from gameday.model.schedule import Precondition, Schedule
from gameday.plan import Signal
from gameday.planning.signals import signal_of
from gameday.protocols import Window
from gameday.wiring.rehearsing import NOBODY
from gameday.wiring.sockets import Sockets, sockets


def unmet(content: Content, schedule: Schedule, clock: Clock) -> tuple[str, str] | None:
    """The reason and the words of the first that does not hold; None when all do."""
    if not schedule.preconditions:
        return None
    environment = content.environment(schedule.environment)
    if environment is None:
        return "precondition", f"there is no environment {schedule.environment!r}"
    filled = sockets(environment, NOBODY if schedule.environment == "rehearsal" else None, clock)
    for held in schedule.preconditions:
        signal = signal_of(content.observers[held.signal].model)
        if says := _says(filled, held, signal, clock):
            spent = signal.source.startswith("slo")
            return "error budget spent" if spent else "precondition", f"{held.because}: {says}"
    return None


def _says(filled: Sockets, held: Precondition, signal: Signal, clock: Clock) -> str:
    """Empty when it holds."""
    found, _ = sources([signal], filled.observers, 0)
    now = clock.now()
    if not found:
        return f"nothing here reads {signal.source}"
    try:
        samples = found[0].observer.sample([signal], Window(now - held.within, now)).get(signal.id, ())
    except (GamedayError, OSError) as error:
        return f"{signal.id} cannot be read ({error})"
    values = [sample.value for sample in samples if sample.value is not None]
    if not values:
        return f"{signal.id} has no value, so nobody knows"
    wrong = [v for v in values if _outside(held, v)]
    return f"{signal.id} was {wrong[-1]:g}" if wrong else ""


def _outside(held: Precondition, value: float) -> bool:
    above = held.at_most is not None and value > held.at_most
    return above or (held.at_least is not None and value < held.at_least)
