"""Doing what ``decide`` asks for: each action becomes work for a thread, and what comes of it becomes events."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gameday.clock import Ms
from gameday.conductor.actions import (
    CallStep,
    Deliver,
    Effect,
    EngageLever,
    KeepExhibits,
    Page,
    PollFault,
    ReconcileLedger,
    StartFault,
    StopFault,
)
from gameday.conductor.guards import stops_of
from gameday.conductor.ledger import Ledger, outstanding
from gameday.journal.events import Draft
from gameday.journal.state import State
from gameday.model.measure import Moment
from gameday.model.runbook import RunbookCall
from gameday.plan import Plan, PlannedFault, where
from gameday.protocols import (
    Channel,
    Exhibits,
    Fault,
    Ledgers,
    Lever,
    Order,
    Pages,
    Prompt,
    ProviderStatus,
    Stops,
    Trace,
)
from gameday.verdict.integrity import reconciled

MakeCall = Callable[[RunbookCall], str]
Keep = Callable[[str, str, bytes], str]
"""Keeps a file of a step; returns its name in the run's folder."""
MOST_EXHIBITS, LARGEST_EXHIBIT = 20, 20_000_000


class Withdrawn(RuntimeError):
    """A start that was still under way when its fault was to be stopped: it changes nothing more."""


class NotYet(RuntimeError):
    """A provider has not yet ended or cleaned up what it was told to: it is asked again. No failure."""


def token(run: str, step: str) -> str:
    """The client token of a fault: the same for the same run and step, so that it is never injected twice."""
    return hashlib.sha256(f"{run}\0{step}".encode()).hexdigest()[:32]


def order_of(plan: Plan, run: str, step: str, planned: PlannedFault, stops: Sequence[str] = ()) -> Order:
    """The order for a planned fault; ``stops`` are the alarms of the heartbeat, one a Region."""
    return Order(run, step, token(run, step), planned.action, planned.settings, planned.targets, planned.duration_ms,
                 plan.environment_definition, stops_of(plan, planned, stops), planned.tags, region=planned.region,
                 accounts=planned.accounts)  # fmt: skip


@dataclass
class Performer:
    """Makes the work of an action, and reads its outcome. The state is only read, and only in the loop's thread."""

    plan: Plan
    ledger: Ledger
    faults: Mapping[str, Fault]
    channel: Channel
    call: MakeCall
    ledgers: Ledgers | None = None
    keep: Keep | None = None
    stops: Sequence[str] = ()  # ARNs of the heartbeat's alarms, one a Region: each a stop condition of the faults there
    beside: Mapping[str, Stops] = field(default_factory=dict)  # what else undo may meet on the ledger
    levers: Mapping[str, Lever] = field(default_factory=dict)  # by account and Region
    stopping: set[str] = field(default_factory=set)
    starting: set[str] = field(default_factory=set)
    noted: dict[str, Trace] = field(default_factory=dict)  # by step, what a start has said of itself so far
    lock: threading.Lock = field(default_factory=threading.Lock)

    def key(self, action: Effect) -> str:
        """Effects of one key never run at the same time."""
        match action:
            case Deliver(prompt):
                return f"deliver:{prompt.id}"
            case Page(prompt, channel):
                return f"page:{prompt.id}:{prompt.to}:{channel}"
            case CallStep(step, number):
                return f"call:{step}#{number}"
            case StartFault(step):
                return f"start:{step}"
            case PollFault(step):
                return f"poll:{step}"
            case StopFault(step):
                return f"stop:{step}"
            case ReconcileLedger(ledger):
                return f"ledger:{ledger}"
            case KeepExhibits(step):
                return f"exhibits:{step}"
            case EngageLever(place):
                return f"lever:{place}"

    def work(self, action: Effect, state: State) -> Callable[[], list[Draft]]:
        """What to run in a thread; it returns the events that tell what came of it."""
        match action:
            case Deliver(prompt):
                return lambda: self._deliver(prompt)
            case Page(prompt, channel):
                return lambda: self._page(prompt, channel)
            case CallStep(step, number):
                return lambda: self._call(step, number)
            case StartFault(step):
                planned, order = self._order(step, state)
                return lambda: self._start(planned, order)
            case PollFault(step):
                trace, ended = dict(state.faults[step].trace), state.faults[step].targets
                return lambda: self._poll(step, trace, bool(ended))
            case KeepExhibits(step):
                held = self._trace(step, state)
                return lambda: self._keep(step, held)
            case StopFault(step):
                with self.lock:
                    self.stopping.add(step)
                known, over = self._trace(step, state), state.faults[step].ended_ms is not None
                return lambda: self._stop(step, known, over)
            case ReconcileLedger(ledger, moment):
                since = state.phase_ms.get("baseline", state.t_go or 0)
                return lambda: self._reconcile(ledger, since, moment)
            case EngageLever(place):
                reason = f"gameday {state.run}: {state.emergency}"
                return lambda: self._engage(place, reason)

    def _fault(self, step: str) -> tuple[PlannedFault, Fault]:
        planned = self.plan.step(step).fault
        if planned is None:
            raise KeyError(f"step {step} has no fault")
        return planned, self.faults[planned.provider]

    def _order(self, step: str, state: State) -> tuple[PlannedFault, Order]:
        planned, _ = self._fault(step)
        return planned, order_of(self.plan, state.run or "", step, planned, self.stops)

    def _trace(self, step: str, state: State) -> Trace:
        run, planned = state.run or "", self._fault(step)[0]
        own = {"run": run, "step": step, "token": token(run, step)}
        return {**own, **where(planned.region, planned.accounts, planned.targets), **state.faults[step].trace}

    def _start(self, planned: PlannedFault, order: Order) -> list[Draft]:
        def note(facts: Trace) -> None:
            with self.lock:
                if order.step in self.stopping:
                    raise Withdrawn(f"{order.step} is to be stopped")
            self.ledger.note(order.step, facts)
            with self.lock:
                self.noted.setdefault(order.step, {}).update(facts)

        with self.lock:
            if order.step in self.stopping:
                raise Withdrawn(f"{order.step} is to be stopped")
            self.starting.add(order.step)
        try:
            trace = self.faults[planned.provider].start(order, note)
        finally:
            with self.lock:
                self.starting.discard(order.step)
        if not isinstance(trace, dict):
            raise TypeError(f"{planned.provider} did not say how to find the fault again")
        return [Draft("fault.accepted", {"step": order.step, "trace": {str(k): str(v) for k, v in trace.items()}})]

    def _poll(self, step: str, trace: Trace, known: bool) -> list[Draft]:
        status = self._fault(step)[1].poll(trace)
        drafts = []
        if status.targets and not known:
            found = {str(key): [str(arn) for arn in arns] for key, arns in status.targets.items()}
            drafts.append(Draft("fault.targets", {"step": step, "targets": found}))
        return drafts + _ended(step, status)

    def _stop(self, step: str, trace: Trace, ended: bool) -> list[Draft]:
        status = self._careful(self._fault(step)[1], trace)
        if status.state not in ("ended", "failed"):
            raise NotYet(f"still {status.state}: {status.detail}")
        if not status.clean and ended:
            raise NotYet(f"it ended and left something behind: {status.detail}")  # so that it rests
        if not status.clean:
            return _ended(step, status)
        self.ledger.gone(step)
        done = Draft("undo.done", {"step": step, "resource": trace, "detail": status.detail})
        return [*_ended(step, status), done]

    def _engage(self, place: str, reason: str) -> list[Draft]:
        """On the ledger first; but a full disk must not keep everything from being stopped."""
        if place not in self.levers:
            raise LookupError(f"no safety lever of {place} can be reached from here")
        with suppress(OSError):
            if place not in outstanding(self.ledger.path).engaged:
                self.ledger.engage(place, {"reason": reason})
        done = self.levers[place].engage(reason)
        return [Draft("lever.engaged", {"place": place, "reason": reason, "already": not done})]

    def _keep(self, step: str, trace: Trace) -> list[Draft]:
        """Once, whatever comes of it: that the provider's own words are missing changes nothing else."""
        planned, provider = self._fault(step)
        what: dict[str, object] = {"step": step, "files": [], "where": list(planned.exhibits)}
        try:
            found = provider.exhibits(trace) if self.keep and isinstance(provider, Exhibits) else {}
            kept = [self.keep(step, name, data) for name, data in _bounded(found)] if self.keep else []
            what |= {"files": kept} if kept else {"why": "there is nothing yet, or it is too large; look there later"}
        except Exception as error:  # noqa: BLE001  # an exhibit that cannot be had is told, and harms nothing
            what["why"] = f"{type(error).__name__}: {error}"[:500]
        return [Draft("fault.exhibits", what)]

    def _careful(self, fault: Stops, trace: Trace) -> ProviderStatus:
        """Stop it. An answer is believed only if no start was under way when it was asked for: a call of that start
        may have arrived after the provider looked."""
        with self.lock:
            under_way = trace["step"] in self.starting
        status = fault.stop(trace)
        if under_way:
            return ProviderStatus("unknown", f"its start was still under way, and then it was {status.state}")
        return status

    def for_undo(self) -> Mapping[str, Stops]:
        """The providers as undo may use them: from now on no start changes anything more, and none that is still under
        way makes undo believe that nothing is there."""
        with self.lock:
            self.stopping.update(step.id for step in self.plan.steps)
        return {name: _Careful(self, fault) for name, fault in {**self.faults, **self.beside}.items()}

    def _deliver(self, prompt: Prompt) -> list[Draft]:
        receipt = str(self.channel.deliver(prompt))
        what: dict[str, object]
        what = {"prompt": prompt.id, "step": prompt.step, "to": prompt.to, "says": prompt.says,
                "via": self.channel.name, "expects": prompt.expects, "number": prompt.number,
                "receipt": receipt}  # fmt: skip
        if prompt.handed_from is not None:
            what["handed_from"] = prompt.handed_from
        if isinstance(self.channel, Pages) and (beside := self.channel.beside(prompt)):
            what["pages"] = list(beside)
        return [Draft("prompt.delivered", what)]

    def _page(self, prompt: Prompt, channel: str) -> list[Draft]:
        """One page is a page: the person is at the terminal too, and the deputy is asked when it did not arrive."""
        what: dict[str, object] = {"prompt": prompt.id, "step": prompt.step, "to": prompt.to, "channel": channel}
        try:
            assert isinstance(self.channel, Pages)  # decide asks only for what it named
            return [Draft("prompt.paged", {**what, "receipt": str(self.channel.page(channel, prompt))[:500]})]
        except Exception as error:  # noqa: BLE001  # whatever a channel raises, the run goes on and says so
            return [Draft("prompt.unpaged", {**what, "error": (str(error) or type(error).__name__)[:500]})]

    def _reconcile(self, ledger: str, since: Ms, moment: Moment) -> list[Draft]:
        """Once: what could not be read back is unknown, and a run must not wait for it for ever."""
        try:
            if self.ledgers is None:
                raise LookupError("a canary ledger is kept in a rehearsal only; judge a file of your own")
            found = {**self.ledgers.reconcile(ledger, since), "ledger": ledger, "moment": moment}
            reconciled(found)  # it must hold what the verdict needs
        except Exception as error:  # noqa: BLE001  # whatever a plug-in raises, the run ends
            why = f"{type(error).__name__}: {error}"[:500]
            return [Draft("ledger.unread", {"ledger": ledger, "moment": moment, "error": why})]
        return [Draft("ledger.reconciled", found)]

    def _call(self, step: str, number: int) -> list[Draft]:
        """The journal holds ``task.step_calling`` by now: a conductor that finds it without what came of it asks a
        person before it makes the call again."""
        runbook = self.plan.runbook(self.plan.step(step).runbook or "")
        block = next(s.block for s in runbook.steps if s.number == number)
        assert block is not None and block.do is not None  # decide asks only for steps with a call
        try:
            said, ok = str(self.call(block.do)), True
        except Exception as error:  # noqa: BLE001  # a call that fails is a result of the task, not of the conductor
            said, ok = f"{type(error).__name__}: {error}"[:500], False
        return [Draft("task.step_called", {"step": step, "number": number, "ok": ok, "said": said})]


def _bounded(found: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    """As much of it as a run keeps."""
    return [(name, data) for name, data in sorted(found.items()) if len(data) <= LARGEST_EXHIBIT][:MOST_EXHIBITS]


def keeper(run_dir: Path) -> Keep:
    """Keeps exhibits under ``exhibits/`` of a run's folder, under names that stay there."""

    def keep(step: str, name: str, data: bytes) -> str:
        plain = re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip(".-")[-120:] or "exhibit"
        place = run_dir / "exhibits" / step / plain
        place.parent.mkdir(parents=True, exist_ok=True)
        spare = place.with_name(f".{plain}.part")
        spare.write_bytes(data)
        os.replace(spare, place)
        return place.relative_to(run_dir).as_posix()

    return keep


@dataclass
class _Careful:
    """A provider during undo, which asks it to stop and nothing else."""

    performer: Performer
    fault: Stops

    def stop(self, trace: Trace) -> ProviderStatus:
        return self.performer._careful(self.fault, trace)


def _ended(step: str, status: ProviderStatus) -> list[Draft]:
    if status.state not in ("ended", "failed"):
        return []
    return [Draft("fault.ended", {"step": step, "status": status.state, "detail": status.detail})]
