"""The dead-man's switch: what ends a run's faults when its conductor is dead or hangs.

There are two. The *heartbeat* is for faults that take stop conditions: while turns are taken a thread writes a metric,
and an alarm in AWS awaits it. The *watchdog* (``gameday.wiring.watchdog``) is a process for all others. Each is set
before the first fault that it is for, and no such fault is injected while its switch is not seen to be set.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gameday.clock import Clock
from gameday.conductor.effects import Inline, Threads
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.pulse import Pulse
from gameday.journal.events import Draft, Event
from gameday.journal.state import State
from gameday.plan import DeadMan as Planned
from gameday.plan import Plan, PlannedFault
from gameday.planning.deadman import BEAT_MS
from gameday.protocols import ProviderStatus, Trace

PROVIDER, STEP = "dead-man", "the dead-man's switch"  # no step of a scenario can be called so
HUNG_S = 2.0  # a turn takes a twentieth of a second; this long without one, and no heartbeat is written
SET_WITHIN_S = 60.0  # wall time; an alarm of CloudWatch is OK within a few of its periods
PUT_AWAY_S = 15.0
STALE_BEATS = 4  # a state of the alarm that was seen so many heartbeats ago is not believed
LOG = logging.getLogger(__name__)
Work = Callable[[], list[Draft]]


class Switch(Protocol):
    """One way in which faults end without us. ``set`` and ``put_away`` may block: they run in threads of their own."""

    name: str

    def guards(self, planned: PlannedFault) -> bool:
        """Whether it is for this fault."""
        ...

    def made(self) -> bool:
        """Whether there is something to put away."""
        ...

    def holds(self) -> bool:
        """Whether it would end a fault that is started now, as far as was seen."""
        ...

    def set(self) -> list[Draft]:
        """Make it. Raises when it cannot be made; called again then."""
        ...

    def put_away(self) -> list[Draft]:
        """Nothing it could end is left: it goes. Raises when it is not seen gone."""
        ...

    def fired(self) -> str:
        """Why it has fired though the conductor lives, or nothing."""
        ...


class Heart(Protocol):
    """The heartbeat's metric and alarm, wherever they are (``gameday.faults.heartbeat``)."""

    def beat(self, run: str) -> None: ...
    def arm(self, run: str, planned: Planned) -> None: ...
    def state(self, run: str) -> str | None: ...
    def stop(self, trace: Trace) -> ProviderStatus: ...


def step_of(region: str | None) -> str:
    """How the ledger calls the alarm in this Region; None is the environment's first."""
    return f"{STEP} in {region}" if region else STEP


class Heartbeat:
    """The heartbeat of one run in one Region, and the alarm that awaits it there. ``region`` None: the first."""

    def __init__(
        self, heart: Heart, run: str, planned: Planned, ledger: Ledger, clock: Clock, pulse: Pulse,
        region: str | None = None, named: Collection[str | None] = (None,),
    ) -> None:  # fmt: skip
        """``named`` is how planned faults that are started there name the Region."""
        self.name = f"heartbeat in {region}" if region else "heartbeat"
        self._region, self._named, self._step = region, named, step_of(region)
        self._trace = {"run": run, "step": self._step, **({"region": region} if region else {})}
        self._heart, self._run, self._planned = heart, run, planned
        self._ledger, self._pulse = ledger, pulse
        self._every_s = BEAT_MS / 1000 / clock.speed
        self._hung_s = max(HUNG_S, planned.period_ms / 1000 / clock.speed)
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._state, self._seen, self._was_ok = "", 0.0, False

    def guards(self, planned: PlannedFault) -> bool:
        return planned.dead_man == "alarm" and planned.region in self._named

    def made(self) -> bool:
        return self._thread is not None

    def holds(self) -> bool:
        fresh = time.monotonic() - self._seen < self._hung_s + STALE_BEATS * self._every_s
        return self._state == "OK" and fresh

    def set(self) -> list[Draft]:
        """On the ledger first. The first heartbeat comes before the alarm that misses it."""
        self._ledger.intend(self._step, PROVIDER, dict(self._trace))
        self._heart.beat(self._run)
        self._heart.arm(self._run, self._planned)
        self._thread = threading.Thread(target=self._go_on, name="gameday-heartbeat", daemon=True)
        self._thread.start()
        what = {"period": self._planned.period_ms, "periods": self._planned.periods}
        return [Draft("heartbeat.armed", what | ({"region": self._region} if self._region else {}))]

    def _go_on(self) -> None:
        while not self._over.wait(self._every_s):
            try:
                self.once()
            except Exception as error:  # noqa: BLE001  # whatever a call raises: no heartbeat is what the alarm is for
                LOG.warning("heartbeat: %s: %s", type(error).__name__, error)

    def once(self) -> None:
        """One heartbeat, if the conductor still takes its turns, and a look at the alarm."""
        if self._pulse.age_s() < self._hung_s:
            self._heart.beat(self._run)
        self._state = self._heart.state(self._run) or "gone"
        self._seen = time.monotonic()
        self._was_ok = self._was_ok or self._state == "OK"

    def put_away(self) -> list[Draft]:
        status = self._heart.stop(dict(self._trace))
        if not status.clean:
            raise RuntimeError(f"the alarm is still there: {status.detail}")
        self._over.set()
        self._ledger.gone(self._step)
        self._thread = None
        return [Draft("heartbeat.disarmed", {"region": self._region} if self._region else {})]

    def fired(self) -> str:
        """Before it was first OK it waits for its first heartbeat, and nothing is injected."""
        if self._was_ok and self._state == "ALARM" and not self._over.is_set():
            return "no heartbeat reached its alarm in time, so FIS stops its experiments"
        return ""


@dataclass
class DeadMan:
    """All switches of a run, and the pulse that both follow. Without any it does nothing."""

    pulse: Pulse | None = None
    switches: Sequence[Switch] = ()
    errors: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, float] = field(default_factory=dict)
    within_s: float = SET_WITHIN_S

    def beat(self) -> None:
        """A turn has come."""
        if self.pulse is not None:
            self.pulse.beat()

    def to_set(self, plan: Plan, state: State) -> Iterator[tuple[str, Work]]:
        """The switches to be set now: from the go on, as long as anything may be injected."""
        if state.go_by is None or state.abort or state.phase not in ("preflight", "baseline", "execute"):
            return
        faults = [step.fault for step in plan.steps if step.fault]
        for switch in self.switches:
            if not switch.made() and any(switch.guards(fault) for fault in faults):
                yield f"set:{switch.name}", switch.set

    def failed(self, name: str, error: BaseException) -> None:
        """A switch could not be set: it is tried again, and this is why nothing is injected meanwhile."""
        self.errors[name] = f"{type(error).__name__}: {error}"[:300]

    def holds_back(self, planned: PlannedFault) -> bool:
        """Whether this fault has to wait, because nothing would end it without us."""
        return any(switch.guards(planned) and not switch.holds() for switch in self.switches)

    def gave_up(self, step: str, planned: PlannedFault) -> str:
        """Why it has waited in vain, or nothing as long as it may wait."""
        since = self.waiting.setdefault(step, time.monotonic())
        if time.monotonic() - since < self.within_s:
            return ""
        name = next(s.name for s in self.switches if s.guards(planned) and not s.holds())
        why = self.errors.get(name) or f"it was not seen to be set within {self.within_s:g} s"
        return f"nothing is injected without a dead-man's switch ({name}): {why}"

    def news(self, state: State) -> Iterator[Draft]:
        """That a switch has fired while we live: the day is over."""
        for switch in self.switches:
            why = switch.fired()
            if why and not state.abort:
                yield Draft("abort.asked", {"why": f"the dead-man's switch fired: {why}"})

    def still_set(self, effects: Threads | Inline, ledger: Ledger) -> bool:
        """Whether the end of the run has to wait for a switch to be put away. Not when something else is left, which
        it would end, nor for ever: undo has the last word."""
        if any(left.provider != PROVIDER for left in outstanding(ledger.path).left):
            return False
        made = [switch for switch in self.switches if switch.made()]
        for switch in made:
            effects.run(f"away:{switch.name}", switch.put_away)
        busy = any(effects.busy_for(f"{kind}:{s.name}") for kind in ("set", "away") for s in self.switches)
        if not made and not busy:
            return False
        return time.monotonic() - self.waiting.setdefault(STEP, time.monotonic()) < PUT_AWAY_S

    def close(self) -> None:
        """The conductor's work is over."""
        if self.pulse is not None:
            self.pulse.close()


def switched_off(event: Event, state: State) -> Draft | None:
    """That AWS says it ended a fault because the heartbeat was missing, once for each fault."""
    step, said = str(event.what.get("step")), str(event.what.get("detail") or "")
    if event.type not in ("fault.ended", "undo.done") or step not in state.faults or step in state.switched_off:
        return None
    alarm = f"gameday-heartbeat-{state.run}"
    return Draft("heartbeat.fired", {"step": step, "says": said}) if alarm in said else None
