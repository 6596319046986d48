"""A new run: its folder, its plan on disk, its journal begun, and a conductor that has only to walk."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gameday import __version__
from gameday.aws import CallFailed
from gameday.clock import Anchor, Clock, ScenarioClock, wall_ms
from gameday.conductor.effects import Threads
from gameday.conductor.ledger import Ledger
from gameday.conductor.perform import Performer, keeper, order_of
from gameday.conductor.sampling import sources
from gameday.conductor.walk import Conductor, Script, Show
from gameday.errors import CouldNotStart, Problem, could_not_start
from gameday.journal.events import Draft
from gameday.journal.state import fold
from gameday.journal.store import Journal
from gameday.model.workspace import REHEARSAL
from gameday.observers.answers import Answers
from gameday.observers.canaries import CanaryLedgers
from gameday.people.script import scripted
from gameday.plan import Plan, Signal, dump_plan
from gameday.protocols import Foresees, Observer, Preview
from gameday.reports.files import write_whole
from gameday.runs import JOURNAL, LOCK, make_run
from gameday.wiring.rehearsing import remember
from gameday.wiring.sockets import Sockets

if TYPE_CHECKING:
    from gameday.rehearsal.client import Rehearsal

LEDGER, PLAN = "undo.jsonl", "plan.json"


@dataclass(frozen=True)
class Lock:
    """A lock that the kernel gives back when this process ends, however it ends."""

    fd: int

    def release(self) -> None:
        """Give it back."""
        os.close(self.fd)


def take_lock(path: Path) -> Lock | None:
    """The lock on this file, made when it is not there; None while another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return Lock(fd)


def lock_service(root: Path, environment: str, service: str) -> Lock:
    """Nobody else runs a game day on this service here meanwhile. CouldNotStart SERVICE_BUSY when somebody does.

    A rehearsal is one loopback AWS for the whole workspace, so there only one run goes on at a time.
    """
    rehearsed = environment == REHEARSAL
    found = rehearsal_lock(root) if rehearsed else take_lock(_locks(root) / f"{environment}-{service}.lock")
    if found is None:
        write = "wait until it has ended, or: gameday abort"
        raise could_not_start("SERVICE_BUSY", f"another run holds {service} in {environment}", write)
    return found


def rehearsal_lock(root: Path) -> Lock | None:
    """The right to use the rehearsal of this workspace; None while another run has it."""
    return take_lock(_locks(root) / f"{REHEARSAL}.lock")


def _locks(root: Path) -> Path:
    return root / ".gameday" / "locks"


def preflight(plan: Plan, sockets: Sockets, run: str) -> list[Problem]:
    """What the providers say of the faults before anything is touched, and whether somebody can read each signal.
    CouldNotStart when a fault cannot be started, a signal not be read, or AWS does not say whose account it is."""
    _identity(sockets)
    _, unread = sources(plan.signals, sockets.observers, 0)
    write = "an observer of another source, or install what reads this one"
    problems = [Problem("SOURCE_UNREADABLE", f"nothing here reads {s.source} (signal {s.id})", write) for s in unread]
    problems += foreseen(plan.signals, sockets.observers)
    problems += sockets.left_out
    for step in plan.steps:
        if step.fault is None:
            continue
        provider = sockets.faults[step.fault.provider]
        if isinstance(provider, Preview):
            problems += provider.preview(order_of(plan, run, step.id, step.fault))
    if any(p.severity == "error" for p in problems):
        raise CouldNotStart(problems)
    return problems


def foreseen(signals: Sequence[Signal], observers: Sequence[Observer]) -> list[Problem]:
    """What observers say would keep them from reading these signals, before anything is asked."""
    able = [o for o in observers if isinstance(o, Foresees)]
    return [p for signal in signals for o in able if signal.source in o.sources for p in o.check(signal)]


def _identity(sockets: Sockets) -> None:
    """On AWS nothing of the day works when it is not known in whose account we are: then it does not begin."""
    if sockets.aws.endpoint is None:
        try:
            sockets.aws.client("sts")
        except CallFailed as error:
            raise CouldNotStart(error.problems) from error


def may_start(plan: Plan) -> None:
    """Refuse what needs an approval: there is no way to give one yet."""
    environment = plan.environment_definition
    if environment.production or environment.approvals:
        why = "is production" if environment.production else f"asks for {environment.approvals} approval(s)"
        write = "an environment without approvals; approvals come with a later version"
        raise could_not_start("APPROVAL_MISSING", f"environment {plan.environment} {why}", write)


def clock_of(rehearsal: Rehearsal | None) -> Clock:
    """The rehearsal's own, else real time."""
    return rehearsal.clock() if rehearsal else ScenarioClock(Anchor.here())


def begin(
    root: Path,
    plan: Plan,
    sockets: Sockets,
    rehearsal: Rehearsal | None,
    *,
    unattended: bool,
    go_by: str,
    show: Callable[[Path, Clock], Show],
) -> tuple[Conductor, Lock]:
    """Make the run's folder and its conductor, up to the go. The plan is on disk and its digest in the journal before
    anything is touched. The lock must be held until the conductor has ended."""
    clock = clock_of(rehearsal)
    run_dir = make_run(root, plan.scenario, wall_ms())
    lock = take_lock(run_dir / LOCK)
    assert lock is not None  # the folder is new
    raw = dump_plan(plan)
    write_whole(run_dir / PLAN, raw)
    (run_dir / "inbox").mkdir()
    if rehearsal:
        remember(run_dir, rehearsal)
    journal = Journal.create(run_dir / JOURNAL)
    journal.claim(os.getpid(), clock.now(), clock.wall())
    conductor = conduct(run_dir, plan, sockets, rehearsal, journal, clock, unattended=unattended)
    conductor.show = show(run_dir, clock)
    for draft in _opening(plan, run_dir.name, clock, raw, go_by):
        conductor.record(draft)
    return conductor, lock


def _opening(plan: Plan, run: str, clock: Clock, raw: bytes, go_by: str) -> Sequence[Draft]:
    opened = {"run": run, "environment": plan.environment, "speed": clock.speed, "scenario": plan.scenario,
              "service": plan.service, "version": __version__}  # fmt: skip
    registered = {"digest": plan.digest, "sha256": hashlib.sha256(raw).hexdigest()}
    return (
        Draft("run.opened", opened),
        Draft("plan.registered", registered),
        Draft("phase.entered", {"phase": "preflight"}),
        Draft("go", {"on": "plan and preflight"}, go_by),
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
) -> Conductor:
    """A conductor for a run folder whose journal this process has claimed."""
    from gameday.journal.store import read

    events, _ = read(run_dir / JOURNAL)
    state, ledger = fold(events), Ledger(run_dir / LEDGER)
    began = state.phase_ms.get("baseline", clock.now())
    watched, _unread = sources(plan.signals, sockets.observers, began)
    ledgers = CanaryLedgers(rehearsal.ask) if rehearsal else None
    sockets.hear(Answers(run_dir, clock).told)
    performer = Performer(
        plan, ledger, sockets.faults, sockets.channel, sockets.call, ledgers=ledgers, keep=keeper(run_dir)
    )
    play: Script = scripted if unattended else _nobody
    return Conductor(plan, run_dir, journal, ledger, state, clock, performer, watched, Threads(), play,
                     rehearsal.disturbed if rehearsal else None)  # fmt: skip


def _nobody(*_: object) -> Sequence[Draft]:
    """No scripted people: persons do what is asked."""
    return ()
