"""A new run: its folder, its plan on disk, its journal begun, and a conductor that has only to walk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from gameday import __version__
from gameday.clock import Anchor, Clock, ScenarioClock, wall_ms
from gameday.conductor.effects import Inline, Threads
from gameday.conductor.ledger import Ledger
from gameday.conductor.perform import Performer, keeper
from gameday.conductor.sampling import sources
from gameday.conductor.walk import Conductor, Script, Show
from gameday.journal.events import Draft
from gameday.journal.state import fold
from gameday.journal.store import Journal
from gameday.observers.answers import Answers
from gameday.observers.canaries import CanaryLedgers
from gameday.people.script import scripted
from gameday.plan import Plan, dump_plan
from gameday.reports.files import write_whole
from gameday.runs import JOURNAL, LOCK, make_run
from gameday.wiring.enrolling import enrol, ready
from gameday.wiring.locks import LEDGER, PLAN, Lock, lock_service, rehearsal_lock, take_lock
from gameday.wiring.preflight import door_of
from gameday.wiring.rehearsing import asks_nobody, remember, remember_clock
from gameday.wiring.sockets import Sockets
from gameday.wiring.switches import dead_man, stop_conditions

if TYPE_CHECKING:
    from gameday.rehearsal.client import Rehearsal

__all__ = ["LEDGER", "PLAN", "Lock", "begin", "clock_of", "conduct", "lock_service", "rehearsal_lock", "take_lock"]


def clock_of(rehearsal: Rehearsal | None, speed: float = 1.0) -> Clock:
    """The rehearsal's own; else real time, or so many times faster where nothing but people is rehearsed."""
    return rehearsal.clock() if rehearsal else ScenarioClock(Anchor.here(speed))


def begin(
    root: Path,
    plan: Plan,
    sockets: Sockets,
    rehearsal: Rehearsal | None,
    *,
    unattended: bool,
    go_by: str,
    checked: Sequence[Draft] = (),
    approved_by: Sequence[str] = (),
    library: Path | None = None,
    show: Callable[[Path, Clock], Show],
    clock: Clock | None = None,
) -> tuple[Conductor, Lock]:
    """Make the run's folder and its conductor, up to the go. The plan is on disk and its digest in the journal before
    anything is touched; with a key in gameday.yaml it is signed, too. ``clock``: of a rehearsal without stand-in.
    ``checked`` is what the journal keeps of preflight, before the go. ``library`` is where content lies that is not in
    the workspace. The lock must be held until the conductor has ended."""
    clock, enrolment = clock or clock_of(rehearsal), ready(root, library)
    run_dir = make_run(root, plan.scenario, wall_ms())
    lock = take_lock(run_dir / LOCK)
    assert lock is not None  # the folder is new
    raw = dump_plan(plan)
    write_whole(run_dir / PLAN, raw)
    (run_dir / "inbox").mkdir()
    if rehearsal:
        remember(run_dir, rehearsal)
    elif asks_nobody(plan):
        remember_clock(run_dir, clock)
    journal = Journal.create(run_dir / JOURNAL)
    journal.claim(os.getpid(), clock.now(), clock.wall())
    conductor = conduct(run_dir, plan, sockets, rehearsal, journal, clock, unattended=unattended)
    conductor.show = show(run_dir, clock)
    go = Draft("go", {"on": "plan and preflight", "digest": plan.digest, "approved_by": list(approved_by)}, go_by)
    for draft in (*_opening(plan, run_dir.name, clock, raw), *checked):
        conductor.record(draft)
    for draft in chain(enrol(enrolment, run_dir, plan, raw, clock), (go,)):  # each is recorded before the next is made
        conductor.record(draft)
    return conductor, lock


def _opening(plan: Plan, run: str, clock: Clock, raw: bytes) -> Sequence[Draft]:
    opened = {"run": run, "environment": plan.environment, "speed": clock.speed, "scenario": plan.scenario,
              "service": plan.service, "version": __version__}  # fmt: skip
    registered = {"digest": plan.digest, "sha256": hashlib.sha256(raw).hexdigest()}
    return (
        Draft("run.opened", opened),
        Draft("plan.registered", registered),
        Draft("phase.entered", {"phase": "preflight"}),
    )


def conduct(
    run_dir: Path,
    plan: Plan,
    sockets: Sockets,
    rehearsal: Rehearsal | None,
    journal: Journal,
    clock: Clock,
    *,
    unattended: bool,
    effects: Threads | Inline | None = None,
) -> Conductor:
    """A conductor for a run folder whose journal this process has claimed."""
    from gameday.journal.store import read

    sockets.aws.door = door_of(plan)
    events, _ = read(run_dir / JOURNAL)
    state, ledger = fold(events), Ledger(run_dir / LEDGER)
    began = state.phase_ms.get("baseline", clock.now())
    watched, _unread = sources(plan.signals, sockets.observers, began)
    ledgers = CanaryLedgers(rehearsal.ask) if rehearsal else None
    sockets.hear(Answers(run_dir, clock).told)
    performer = Performer(
        plan, ledger, sockets.faults, sockets.channel, sockets.call, ledgers=ledgers, keep=keeper(run_dir),
        stops=stop_conditions(plan, run_dir.name), levers=sockets.levers, beside=sockets.beside,
    )  # fmt: skip
    play: Script = scripted if unattended else _nobody
    return Conductor(plan, run_dir, journal, ledger, state, clock, performer, watched, effects or Threads(), play,
                     rehearsal.disturbed if rehearsal else None,
                     world_gone=rehearsal.died if rehearsal else _stays,
                     deadman=dead_man(run_dir, plan, sockets, ledger, clock))  # fmt: skip


def _stays() -> bool:
    """AWS does not die with a process of ours."""
    return False


def _nobody(*_: object) -> Sequence[Draft]:
    """No scripted people: persons do what is asked."""
    return ()
