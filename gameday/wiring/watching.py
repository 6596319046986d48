"""A run that somebody else conducts: we sample, record and judge, and touch nothing."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gameday import __version__
from gameday.clock import Clock, iso
from gameday.conductor.actions import Record
from gameday.conductor.faulting import fault_actions
from gameday.conductor.perform import token
from gameday.conductor.sampling import failed, read, sources
from gameday.errors import could_not_start
from gameday.exchange.chaostoolkit import Experiment, Watch, actions_of, plan_of
from gameday.journal.events import Draft
from gameday.journal.state import State, fold
from gameday.journal.store import Journal
from gameday.journal.store import read as read_journal
from gameday.model.load import load_content
from gameday.model.types import parse_duration
from gameday.model.workspace import REHEARSAL, REHEARSAL_ENVIRONMENT
from gameday.plan import Plan, Signal, dump_plan
from gameday.protocols import Window
from gameday.reports.finish import conclude
from gameday.runs import JOURNAL, LOCK, make_run
from gameday.verdict.series import judge_series
from gameday.wiring.enrolling import enrol, ready
from gameday.wiring.sockets import Sockets, sockets
from gameday.wiring.starting import PLAN, clock_of, take_lock

LOOK_WALL_S = 0.25
SEEN = frozenset({"fault.effective", "fault.not_effective", "fault.gone", "fault.not_gone"})
LEFT = "its rollback was not played, or failed"


def _world(root: Path, environment: str) -> tuple[Sockets, Any]:
    """What reads there. CouldNotStart when the rehearsal is not up, or the environment is not known."""
    found = load_content(root).environment(environment)
    if environment == REHEARSAL:
        from gameday.rehearsal import client

        rehearsal = client.attach(root)
        if rehearsal is None:
            raise could_not_start("NO_REHEARSAL", "no rehearsal is up in this workspace", "gameday rehearsal up")
        return sockets(found or REHEARSAL_ENVIRONMENT, rehearsal.endpoint), rehearsal
    if found is None:
        raise could_not_start("UNKNOWN_ENVIRONMENT", f"no environment {environment!r}", "one of gameday.yaml")
    return sockets(found, None), None


def begin_watching(root: Path, environment: str, experiment: Experiment, watch: Watch) -> Watching:
    """Open a run of this experiment and begin to sample."""
    plan = plan_of(load_content(root), environment, experiment, watch)
    world, rehearsal = _world(root, environment)
    return Watching(root, plan, world, rehearsal, actions_of(experiment), bool(experiment.get("rollbacks")))


class Watching:
    """One experiment under observation. Its journal is written by one thread at a time."""

    def __init__(
        self, root: Path, plan: Plan, world: Sockets, rehearsal: Any, steps: Mapping[str, str], undoes: bool
    ) -> None:
        self._plan, self._steps, self._undoes, self._rehearsal = plan, steps, undoes, rehearsal
        self._clock: Clock = clock_of(rehearsal)
        self._enrolment = ready(root)
        self.run_dir = make_run(root, plan.scenario, self._clock.wall())
        self._lock = take_lock(self.run_dir / LOCK)
        raw = dump_plan(plan)
        (self.run_dir / PLAN).write_bytes(raw)
        self._journal, self._one = Journal.create(self.run_dir / JOURNAL), threading.RLock()
        self._journal.claim(os.getpid(), self._clock.now(), self._clock.wall())
        self._state = fold(read_journal(self.run_dir / JOURNAL)[0])
        self._open(raw)
        self._began, self._undone, self._in_rollback = self._clock.now(), False, False
        self._sources, _unread = sources(plan.signals, world.observers, self._began)
        self._over, self._disturbed_to = threading.Event(), self._began
        self._thread = threading.Thread(target=self._look_on, name="gameday-watching", daemon=True)
        self._thread.start()

    def _open(self, raw: bytes) -> None:
        plan = self._plan
        opened = {"run": self.run_dir.name, "environment": plan.environment, "speed": self._clock.speed,
                  "scenario": plan.scenario, "service": plan.service, "version": __version__}  # fmt: skip
        self._record(Draft("run.opened", opened))
        sha256 = hashlib.sha256(raw).hexdigest()
        self._record(Draft("plan.registered", {"digest": plan.digest, "sha256": sha256}))
        self._record(Draft("phase.entered", {"phase": "preflight"}))
        for draft in enrol(self._enrolment, self.run_dir, plan, raw, self._clock):
            self._record(draft)
        self._record(Draft("go", {"on": "chaos run"}, "facilitator"))
        self._record(Draft("phase.entered", {"phase": "baseline"}))

    def _record(self, draft: Draft) -> None:
        with self._one:
            self._state.apply(self._journal.append(draft, self._clock.now(), self._clock.wall()))

    @property
    def state(self) -> State:
        """What is known so far."""
        return self._state

    # ---- looking on
    def _look_on(self) -> None:
        while not self._over.wait(LOOK_WALL_S):
            self._look()

    def _look(self) -> None:
        with self._one:
            self._spoilt()
            for source in self._sources:
                if source.due(self._clock.now()):
                    window = source.look(self._clock.now())
                    try:
                        drafts = read(source, window, source.sample(window), self._state)
                    except Exception as error:  # noqa: BLE001  # what cannot be read is a gap, and watching goes on
                        drafts = failed(source, error, self._clock.now())
                    for draft in drafts:
                        self._record(draft)
            for action in list(fault_actions(self._plan, self._state, self._clock.now())):
                if isinstance(action, Record) and action.draft.type in SEEN:
                    self._record(action.draft)

    def _spoilt(self) -> None:
        """Buckets that this machine, and not the fault, has disturbed."""
        if self._rehearsal is None:
            return
        windows, lag = self._rehearsal.disturbed(self._disturbed_to)
        for start, end in windows:
            if not any(a <= start and end <= b for a, b in self._state.disturbed):
                self._record(Draft("rehearsal.disturbed", {"from_ms": start, "to_ms": end, "lag_ms": lag}))
        if lag > self._state.lag_ms:
            self._record(Draft("rehearsal.disturbed", {"from_ms": 0, "to_ms": 0, "lag_ms": lag}))

    # ---- what Chaos Toolkit tells
    def baseline(self) -> None:
        """Wait for its end."""
        self._clock.sleep(max(0, self._began + self._plan.baseline_ms - self._clock.now()))
        self._record(Draft("phase.entered", {"phase": "execute"}))
        self._record(Draft("timeline.started", {"t_go_ms": self._clock.now()}))

    def asked(self, name: str) -> None:
        """An action is about to begin."""
        step = self._steps.get(name)
        if step and not self._in_rollback and step not in self._state.faults:
            self._record(Draft("step.started", {"step": step}))
            self._record(Draft("fault.requested", {"step": step, "token": token(self.run_dir.name, step)}))

    def answered(self, name: str, run: Mapping[str, Any]) -> None:
        """It has ended; one that failed may have broken something all the same."""
        step = self._steps.get(name)
        if not step or self._in_rollback or step not in self._state.faults:
            return
        if run.get("status") == "succeeded":
            self._record(Draft("fault.accepted", {"step": step, "trace": {"run": self.run_dir.name, "step": step}}))
        else:
            self._record(Draft("fault.stop_requested", {"step": step, "why": "its action failed"}))

    def rolling_back(self) -> None:
        """Activities undo from now on."""
        self._in_rollback = True
        self._record(Draft("phase.entered", {"phase": "restore"}))

    def rolled_back(self, runs: Sequence[Mapping[str, Any]]) -> None:
        """All rollbacks are played."""
        self._undone = bool(runs) and all(run.get("status") == "succeeded" for run in runs)

    def judge(self, status: str) -> dict[str, Any]:
        """Watch until the service has held and the faults were seen gone, as far as they will be; then judge."""
        if status in ("interrupted", "aborted"):
            self._record(Draft("abort.asked", {"why": f"chaos run was {status}"}))
        self._end_faults()
        self._record(Draft("phase.entered", {"phase": "verify"}))
        self._clock.sleep(self._patience())
        self._over.set()
        self._thread.join()
        self._look()
        ended = "aborted" if self._state.abort else "completed"
        self._record(Draft("phase.entered", {"phase": "ended"}))
        self._record(Draft("run.ended", {"status": ended, "why": "chaos run has ended"}))
        self._journal.close()
        if self._lock:
            self._lock.release()
        found = conclude(self.run_dir)
        kept = ("run", "outcome", "tolerances", "faults", "exit_code")
        return {**{key: found[key] for key in kept if key in found}, "folder": str(self.run_dir)}

    def _end_faults(self) -> None:
        """What was rolled back is over. Without rollbacks only a witness can say so; where there is none, nobody knows
        whether it is gone."""
        for step in self._state.faults:
            gone = self._plan.step(step).fault
            seen_alone = not self._undoes and gone is not None and gone.gone is not None
            self._record(Draft("fault.ended", {"step": step, "status": "stopped" if self._undone else "ended"}))
            if self._undone or seen_alone:
                self._record(Draft("undo.done", {"step": step, "resource": {}}))
            else:
                self._record(Draft("undo.failed", {"step": step, "error": LEFT, "resources": {}}))

    def _patience(self) -> int:
        hold = max((t.hold for t in self._plan.tolerances), default=0)
        late = max((s.settles_ms + 3 * s.period_ms for s in self._plan.signals), default=0)
        return int(hold + late)


def judge_past(root: Path, environment: str, service: str, tolerance: str, window: str) -> dict[str, Any]:
    """One tolerance over the time that has just gone by. CouldNotStart when there is no such tolerance, or nothing
    reads its signals."""
    content = load_content(root)
    loaded = content.services.get(service)
    found = next((t for t in loaded.model.tolerances if t.id == tolerance), None) if loaded else None
    if found is None or not found.measure.attempts or not found.measure.failures:
        what = f"{service!r} has no tolerance {tolerance!r} that is measured by attempts and failures"
        raise could_not_start("UNKNOWN_TOLERANCE", what, "one of its service.yaml")
    world, rehearsal = _world(root, environment)
    both = [_signal(content, found.measure.attempts), _signal(content, found.measure.failures)]
    period = both[0].period_ms
    end = (clock_of(rehearsal).now() - both[0].settles_ms) // period * period
    past = Window((end - parse_duration(window)) // period * period, end)
    values = [_values(world, signal, past) for signal in both]
    rows = [",".join([iso(t), *("" if v.get(t) is None else f"{v[t]:g}" for v in values)])
            for t in range(past.start_ms, past.end_ms, period)]  # fmt: skip
    text = "\n".join(["start,attempts,failures", *rows]) + "\n"
    return judge_series(text.encode(), f"the last {window} of {service}", found)


def _signal(content: Any, ident: str) -> Signal:
    observer = content.observers[ident].model
    return Signal(id=ident, source=observer.source, query=observer.query, period_ms=observer.period,
                  settles_ms=observer.settles)  # fmt: skip


def _values(world: Sockets, signal: Signal, window: Window) -> dict[int, float | None]:
    for observer in world.observers:
        if signal.source in observer.sources:
            return {s.start_ms: s.value for s in observer.sample([signal], window)[signal.id]}
    raise could_not_start("SOURCE_UNREADABLE", f"nothing here reads {signal.source}", "an observer of another source")
