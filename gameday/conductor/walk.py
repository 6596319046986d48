"""The conductor: the only one that appends to a run's journal. Each turn it takes commands, effects and datapoints in,
asks ``decide`` what to do, records, and sends effects off to their threads.

State changes in this thread alone. Nothing that hangs is ever waited for. Whatever ends the walk, undo follows from
the ledger.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.clock import Clock, Ms, suspended_ns
from gameday.conductor.actions import Effect, End, Record, StartFault
from gameday.conductor.commands import Inbox
from gameday.conductor.deadman import DeadMan, switched_off
from gameday.conductor.decide import decide
from gameday.conductor.effects import Inline, Outcome, Threads
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.mapping import Mapping
from gameday.conductor.perform import NotYet, Performer, order_of, token
from gameday.conductor.sampling import Found, Source, failed, read
from gameday.conductor.undo import undo_all
from gameday.errors import Place, Problem, RunBroke
from gameday.journal.events import Draft, Event
from gameday.journal.state import State
from gameday.journal.store import Journal, Superseded
from gameday.plan import Plan

TURN_S = 0.05
MOST_RECORDS = 10_000  # in one turn; more means that two rules call each other for ever
HUNG_S = 30.0
POLL_WALL_S, POLL_MS = 0.25, 5_000
UNDO_WALL_MS = 60_000
SUSPENDED_NS = 2_000_000_000
STEPPED_MS = 1_000
Script = Callable[[Plan, State, Ms], Iterable[Draft]]
Disturbances = Callable[[Ms], tuple[Sequence[tuple[Ms, Ms]], Ms]]
Show = Callable[[Event], None]
LOG = logging.getLogger(__name__)


class WorldGone(RuntimeError):
    """What the run was rehearsed on has died under it: nothing can be stopped there any more, and nothing read."""


class NotWritten(OSError):
    """The journal could not be written."""


@dataclass
class Conductor:
    """One run under way. ``sources`` are what is watched; ``script`` plays people; ``disturbances`` tells which
    buckets a rehearsal's machine harmed; ``show`` is told of each event."""

    plan: Plan
    run_dir: Path
    journal: Journal
    ledger: Ledger
    state: State
    clock: Clock
    performer: Performer
    sources: list[Source]
    effects: Threads | Inline = field(default_factory=Threads)
    script: Script = lambda plan, state, now: ()
    disturbances: Disturbances | None = None
    show: Show = lambda event: None
    world_gone: Callable[[], bool] = lambda: False
    asked: list[str] = field(default_factory=list)
    deadman: DeadMan = field(default_factory=DeadMan)
    emergencies: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.plan, self.run_dir)
        self.mapping = Mapping(self.sources)
        self._polled: dict[str, Ms] = {}
        self._undone = False
        self._failures: dict[tuple[str, str], int] = {}
        self._asleep, self._offset = suspended_ns(), self._wall_offset()
        self._disturbed_to = self.state.phase_ms.get("baseline", self.clock.now())

    # ---- from outside
    def ask_abort(self, why: str) -> None:
        """Abort at the next turn, which is now. Safe in a signal handler."""
        self.asked.append(why)
        self.effects.wake()

    def ask_emergency(self, why: str) -> None:
        """Abort, and engage the safety lever; safe in a signal handler."""
        self.emergencies.append(why)
        self.effects.wake()

    def record(self, draft: Draft) -> Event:
        """Append one event, take it into the state, show it."""
        try:
            event = self.journal.append(draft, self.clock.now(), self.clock.wall())
        except OSError as error:
            raise NotWritten(error.errno, error.strerror) from error
        self.state.apply(event)
        try:
            self.show(event)
        except Exception:  # whatever a screen raises, the run goes on
            LOG.exception("the screen failed")
        if fired := switched_off(event, self.state):
            self.record(fired)
        return event

    # ---- the walk
    def run(self) -> str:
        """Walk until the run has ended; returns its status. Undo follows whatever happens, except that another
        conductor has taken the run over: then it is that one's. Superseded then, RunBroke when the disk is full,
        WorldGone when the rehearsal died: what is left is for ``recover``, which ends what the daemon left."""
        try:
            while self.state.ended_status is None:
                self.turn()
        except (Superseded, WorldGone):
            raise
        except OSError as error:
            raise self._broke(error) from error
        except BaseException:
            self.undo_rest("the conductor failed")
            raise
        if not self._undone:
            self.undo_rest("end of the run")
        return self.state.ended_status

    def _broke(self, error: OSError) -> RunBroke:
        unwritten = isinstance(error, NotWritten)
        undone = self.undo_rest("the run could not be written down" if unwritten else "the conductor failed")
        left = "all that was injected is taken back" if undone else "NOT ALL that was injected could be taken back"
        said, recover = error.strerror or error, f"gameday recover {self.run_dir.name}"
        if unwritten:
            what, write = f"the run cannot be written down ({said}); {left}", f"make room, then: {recover}"
            return RunBroke(Problem("RUN_NOT_WRITABLE", what, write, Place(str(self.run_dir))), undone)
        what = f"the conductor could not go on ({said}: {error.filename or 'no file'}); {left}"
        return RunBroke(Problem("RUN_BROKE", what, recover, Place(str(self.run_dir))), undone)

    def turn(self) -> None:
        """One turn: in, decide, out."""
        self.deadman.beat()
        for outcome in self.effects.wait(TURN_S):
            for draft in self._came_of(outcome):
                if not self._known_to_have_ended(draft):
                    self.record(draft)
        self._take_in()
        self._look()
        self._act()

    def _take_in(self) -> None:
        self._take_in_stops()
        for command, drafts in self.inbox.take(self.state, self.clock.now()):
            for draft in drafts:
                self.record(draft)
            self.inbox.settle(command)
        for draft in (*self._clock_trouble(), *self.deadman.news(self.state)):
            self.record(draft)
        for draft in self.script(self.plan, self.state, self.clock.now()):
            self.record(draft)

    def _take_in_stops(self) -> None:
        """What was asked of us from outside, and the death of the rehearsal. WorldGone then."""
        if self.world_gone():
            self.ask_abort("the rehearsal died")
        while self.emergencies:
            why = self.emergencies.pop(0)
            self.asked.append(f"emergency: {why}")
            if self.state.emergency is None:
                self.record(Draft("emergency.asked", {"why": why}))
        while self.asked:
            why = self.asked.pop(0)
            if not self.state.abort:
                self.record(Draft("abort.asked", {"why": why}))
        if self.world_gone():
            raise WorldGone("the rehearsal died")

    def _act(self) -> None:
        for _ in range(MOST_RECORDS):
            actions = decide(self.plan, self.state, self.clock.now())
            drafts = [a.draft for a in actions if isinstance(a, Record)]
            if not drafts:
                break
            self.record(drafts[0])  # one at a time: what follows may no longer be right after it
        else:
            raise RuntimeError("the rules of the conductor call one another for ever")
        for action in actions:
            if isinstance(action, End):
                self._end(action)
            elif not isinstance(action, Record):
                self._send(action)

    def _end(self, end: End) -> None:
        """What could not be taken back so far is tried once more first, so that the last word is the truth."""
        if self.deadman.still_set(self.effects, self.ledger) or self.mapping.awaited(self.state, self.clock.now()):
            return
        self._undone = True
        self.undo_rest("end of the run")
        if self.state.phase != "ended":
            self.record(Draft("phase.entered", {"phase": "ended"}))
        self.record(Draft("run.ended", {"status": end.status, "why": end.why}))

    def _send(self, action: Effect) -> None:
        key = self.performer.key(action)
        if key.startswith("poll:") and not self._time_to_poll(key):
            return
        if isinstance(action, StartFault) and not self._may_start(action.step):
            return
        self.effects.run(key, self.performer.work(action, self.state))

    def _time_to_poll(self, key: str) -> bool:
        every = max(POLL_MS, round(POLL_WALL_S * 1000 * self.clock.speed))
        if self.clock.now() - self._polled.get(key, 0) < every:
            return False
        self._polled[key] = self.clock.now()
        return True

    def _may_start(self, step: str) -> bool:
        """Ledger first, journal second, provider third. If the ledger cannot be written nothing is started."""
        if step in self.state.faults:
            return self._may_start_again(step)
        planned, run = self.plan.step(step).fault, self.state.run or ""
        assert planned is not None  # decide starts faults of fault steps only
        if self.deadman.holds_back(planned):
            if why := self.deadman.gave_up(step, planned):
                self.record(Draft("abort.asked", {"why": why}))
            return False
        facts = {"run": run, "step": step, "token": order_of(self.plan, run, step, planned).token}
        try:
            self.ledger.intend(step, planned.provider, facts)
        except OSError as error:
            self.record(Draft("abort.asked", {"why": f"the undo ledger cannot be written: {error}"}))
            return False
        self.record(Draft("fault.requested", {"step": step, "token": token(run, step)}))
        return True

    def _may_start_again(self, step: str) -> bool:
        """A conductor before this one asked, and nobody knows whether it was heard: once more with the same token; but
        not when it was undone since, for then the ledger no longer speaks of it."""
        if self.effects.busy_for(f"start:{step}") or step in {left.step for left in outstanding(self.ledger.path).left}:
            return True
        self.record(Draft("fault.stop_requested", {"step": step, "why": "it was undone before anybody heard of it"}))
        return False

    def _came_of(self, outcome: Outcome) -> list[Draft]:
        kind, _, name = outcome.key.partition(":")
        if kind == "observe":
            return self._observed(name, outcome)
        if outcome.error is None:
            return list(outcome.value)
        if not isinstance(outcome.error, NotYet):
            LOG.warning("%s failed: %s: %s", outcome.key, type(outcome.error).__name__, outcome.error)
        if kind == "start":
            return self._not_started(name, outcome.error)
        if kind == "set":
            self.deadman.failed(name, outcome.error)
        if kind == "graph":
            return self.mapping.failed(name, outcome.error)
        if kind in ("stop", "lever"):
            return self._failed_again(kind, name, outcome.error)
        return []  # polls, stops and deliveries are asked for again until they succeed

    def _failed_again(self, kind: str, name: str, error: BaseException) -> list[Draft]:
        """What must not fail is told when it does: each kind of error at the 1st time, the 10th, the 100th ..."""
        if isinstance(error, NotYet):
            return []
        key = (f"{kind}:{name}", f"{type(error).__name__} {getattr(error, 'code', '')}")
        count = self._failures[key] = self._failures.get(key, 0) + 1
        if str(count).strip("0") != "1":
            return []
        type_, about = ("fault.stop_failed", "step") if kind == "stop" else ("lever.failed", "place")
        return [Draft(type_, {about: name, "error": f"{type(error).__name__}: {error}"[:500], "count": count})]

    def _not_started(self, step: str, error: BaseException) -> list[Draft]:
        """It is stopped; and when it had begun, nobody knows how far it came: it has to be seen gone."""
        with self.performer.lock:
            noted = dict(self.performer.noted.get(step, {}))
        if self.state.faults[step].stop_requested_ms is not None and not noted:
            return []
        what = {"step": step, "why": f"it could not be started: {error}"[:500]}
        return [Draft("fault.stop_requested", {**what, "trace": noted} if noted else what)]

    def _known_to_have_ended(self, draft: Draft) -> bool:
        """A poll and a stop may both see the same end."""
        fault = self.state.faults.get(str(draft.what.get("step")))
        return draft.type == "fault.ended" and fault is not None and fault.ended_ms is not None

    # ---- signals
    def _look(self) -> None:
        now = self.clock.now()
        for name, work in (*self.mapping.due(self.state, now), *self.deadman.to_set(self.plan, self.state)):
            self.effects.run(name, work)
        for source in self.sources:
            key = f"observe:{source.name}"
            if source.due(now) and not self._hangs(source, key, now):
                self._begin_look(source, key, now)

    def _begin_look(self, source: Source, key: str, now: Ms) -> None:
        window = source.look(now)

        def work() -> tuple[Any, Found]:
            found = source.sample(window)  # first: a bucket that is there by now has been looked at by the rehearsal
            return (self.disturbances(self._disturbed_to) if self.disturbances else None), found

        self.effects.run(key, work)

    def _hangs(self, source: Source, key: str, now: Ms) -> bool:
        """Whether a look is still under way; one that takes too long is a failure of its source, told again while it
        lasts: the verdict has to know that nobody saw anything meanwhile."""
        seconds = self.effects.busy_for(key)
        if seconds > HUNG_S:
            for draft in failed(source, TimeoutError(f"no answer in {HUNG_S:g} s"), now):
                self.record(draft)
        return seconds > 0

    def _observed(self, name: str, outcome: Outcome) -> list[Draft]:
        source = next(s for s in self.sources if s.name == name)
        if outcome.error is not None:
            return failed(source, outcome.error, self.clock.now())
        told, found = outcome.value
        return [*self._disturbed(told), *read(source, source.window, found, self.state)]

    def _disturbed(self, told: tuple[Sequence[tuple[Ms, Ms]], Ms] | None) -> list[Draft]:
        """Before the datapoints they spoil, so that nothing is decided on a bucket that the machine disturbed."""
        windows, lag = told or ((), 0)
        known = self.state.disturbed
        new = [w for w in windows if not any(a <= w[0] and w[1] <= b for a, b in known)]
        drafts = [Draft("rehearsal.disturbed", {"from_ms": a, "to_ms": b, "lag_ms": lag}) for a, b in new]
        if not drafts and lag > self.state.lag_ms:
            drafts = [Draft("rehearsal.disturbed", {"from_ms": 0, "to_ms": 0, "lag_ms": lag})]
        return drafts

    # ---- this machine's clock
    def _wall_offset(self) -> float:
        return self.clock.wall() - self.clock.now() / self.clock.speed

    def _clock_trouble(self) -> list[Draft]:
        drafts, asleep, offset = [], suspended_ns(), self._wall_offset()
        stepped = round(offset - self._offset)
        if abs(stepped) >= STEPPED_MS:
            drafts.append(Draft("clock.stepped", {"by_ms": stepped, "source": "the clock of the conductor's machine"}))
            self._offset = offset
        if asleep - self._asleep > SUSPENDED_NS and not self.state.abort:
            drafts.append(Draft("abort.asked", {"why": "the conductor's machine was asleep"}))
            self._asleep = asleep
        return drafts

    # ---- the end, whatever it is
    def close(self) -> None:
        """Writes no more: what is still under way in a thread cannot note anything, and so injects nothing."""
        self.ledger.close()
        self.journal.close()

    def undo_rest(self, why: str) -> bool:
        """Whether nothing is left. Neither an error of ours nor a full journal keeps it from trying."""
        deadline = self.clock.now() + round(UNDO_WALL_MS * self.clock.speed)
        return undo_all(self.ledger, self.performer.for_undo(), self.clock, self.tell, deadline, why)

    def tell(self, draft: Draft) -> None:
        """Record, for those who need no answer."""
        self.record(draft)
