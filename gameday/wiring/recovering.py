"""Runs whose conductor died: take back what they left, see it gone, end them. Never injects.

Undo comes first and needs only the ledger. Then the run is claimed and walked to its end, so that its witnesses say
whether the faults are gone, and what the observers missed is read from CloudWatch, which kept it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gameday.clock import Anchor, Clock, ScenarioClock
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.undo import undo_all
from gameday.errors import DamagedRun, GamedayError
from gameday.faults.chaostoolkit.fault import ChaosFault
from gameday.faults.fis_template import RUN_TAG
from gameday.journal.events import Draft, Event
from gameday.journal.state import State, fold
from gameday.journal.store import Journal, read
from gameday.model.workspace import REHEARSAL, REHEARSAL_ENVIRONMENT
from gameday.plan import Plan, load_plan
from gameday.protocols import Fault, ProviderStatus, Trace
from gameday.runs import JOURNAL, LOCK, is_live, runs_folder
from gameday.wiring.rehearsing import RECORD, clock_after, end_leftovers, still_there
from gameday.wiring.sockets import Sockets, sockets
from gameday.wiring.starting import LEDGER, PLAN, conduct, take_lock

if TYPE_CHECKING:
    from gameday.rehearsal.client import Rehearsal

UNDO_WALL_MS = 120_000
WHY = "its conductor died; recovered"
NOBODY = "http://127.0.0.1:9"  # an AWS that does not answer, when the rehearsal has ended
ENDED_WITH_REHEARSAL = "the rehearsal and all its processes are gone"


@dataclass(frozen=True)
class Recovered:
    """What was found in one run and what came of it. ``clean``: nothing it injected is left."""

    run: str
    left: tuple[str, ...]
    clean: bool
    said: str


def dead_runs(root: Path) -> list[Path]:
    """Runs that nobody conducts and that have not ended, or have left something behind; oldest first."""
    try:
        folders = sorted(p for p in runs_folder(root).iterdir() if p.is_dir())
    except OSError:
        return []
    return [folder for folder in folders if not is_live(folder) and unfinished(folder)]


def unfinished(folder: Path) -> bool:
    """Whether this run has not ended, or has left something behind."""
    found = outstanding(folder / LEDGER) if (folder / LEDGER).exists() else None
    if found is not None and (found.left or found.damaged):
        return True
    try:
        events, _ = read(folder / JOURNAL)
    except DamagedRun:
        return False  # nothing is left of it, and what it says cannot be trusted: judge says so
    return not any(e.type == "run.ended" for e in events)


def recover(root: Path, run_dir: Path) -> Recovered | None:
    """Recover one run; None when somebody else conducts it after all."""
    lock = take_lock(run_dir / LOCK)
    if lock is None:
        return None
    try:
        return _recover(root, run_dir)
    finally:
        lock.release()


def _recover(root: Path, run_dir: Path) -> Recovered:
    plan, events, trouble = _what_is_known(run_dir)
    found = outstanding(run_dir / LEDGER)
    left = tuple(x.step for x in found.left)
    rehearsed = (run_dir / RECORD).exists() or (plan is not None and plan.environment == REHEARSAL)
    if plan is None and not rehearsed:
        said = f"{trouble}; stop what is tagged {RUN_TAG}={run_dir.name} in the account by hand"
        return Recovered(run_dir.name, left, not left and not found.damaged, said)
    rehearsal = still_there(run_dir, root) if rehearsed else None
    if rehearsed and rehearsal is None:
        end_leftovers(root)
    filled = _sockets(plan, rehearsal, rehearsed)
    if plan is None or trouble:
        clean = _undo_only(run_dir, filled)
        return Recovered(run_dir.name, left, clean, f"undone from the ledger alone: {trouble}")
    return _walk_to_end(run_dir, plan, events, filled, rehearsal, left)


def _what_is_known(run_dir: Path) -> tuple[Plan | None, list[Event], str]:
    plan, events, trouble = None, list[Event](), ""
    try:
        plan = load_plan(run_dir / PLAN)
        events, _ = read(run_dir / JOURNAL)
    except (GamedayError, OSError) as error:  # whatever is wrong with plan or journal, undo needs neither
        trouble = str(error)
    return plan, events, trouble


class _Gone:
    """A provider of a rehearsal whose processes have all ended: what they held is gone with them."""

    def stop(self, trace: Trace) -> ProviderStatus:
        """Nothing is there any more."""
        return ProviderStatus("ended", ENDED_WITH_REHEARSAL, clean=True)


def _sockets(plan: Plan | None, rehearsal: Rehearsal | None, rehearsed: bool) -> Sockets | None:
    """None when there is no AWS to ask any more: the rehearsal has ended."""
    if rehearsal is not None:
        return sockets(REHEARSAL_ENVIRONMENT, rehearsal.endpoint, rehearsal.clock())
    return None if rehearsed or plan is None else sockets(plan.environment_definition, None)


def _undo_only(run_dir: Path, filled: Sockets | None) -> bool:
    ledger, clock = Ledger(run_dir / LEDGER), ScenarioClock(Anchor.here())
    try:
        return undo_all(ledger, _faults(filled), clock, _unheard, clock.now() + UNDO_WALL_MS, WHY)
    finally:
        ledger.close()


def _unheard(_: Draft) -> None:
    """There is no journal that could be written to."""


def _faults(filled: Sockets | None) -> Mapping[str, Fault]:
    """The providers that undo asks. When the rehearsal has ended, what those broke that are ``in_aws`` is gone with it;
    any other must still take back what it did to this machine."""
    if filled is not None:
        return filled.stoppable
    gone: Fault = _Gone()  # type: ignore[assignment]  # undo asks a provider for stop alone
    here = dict(sockets(REHEARSAL_ENVIRONMENT, NOBODY).stoppable)
    if ChaosFault.name in here:  # what it broke may be anywhere on this machine, and is not gone with the rehearsal
        here[ChaosFault.name] = ChaosFault(REHEARSAL_ENVIRONMENT, NOBODY, aws_is_gone=True)
    return {name: gone if _in_aws(fault) else fault for name, fault in here.items()}


def _in_aws(fault: Fault | None) -> bool:
    return getattr(fault, "in_aws", False) is True


def _walk_to_end(
    run_dir: Path,
    plan: Plan,
    events: list[Event],
    filled: Sockets | None,
    rehearsal: Rehearsal | None,
    left: tuple[str, ...],
) -> Recovered:
    clock = _clock(fold(events), events, rehearsal)
    journal = Journal.open(run_dir / JOURNAL)
    journal.claim(os.getpid(), clock.now(), clock.wall())
    known = filled or sockets(plan.environment_definition, NOBODY)
    conductor = conduct(run_dir, plan, known, rehearsal, journal, clock, unattended=False)
    if not conductor.state.abort and conductor.state.ended_status is None:
        conductor.record(Draft("abort.asked", {"why": WHY}))
    until = clock.now() + round(UNDO_WALL_MS * clock.speed)
    clean = undo_all(conductor.ledger, _faults(filled), clock, conductor.tell, until, WHY)
    if filled is None:
        conductor.sources.clear()
        for draft in _without_witnesses(plan, conductor.state, known.faults):
            conductor.record(draft)
    if clean and conductor.state.ended_status is None:
        conductor.run()
    conductor.ledger.close()
    journal.close()
    said = ENDED_WITH_REHEARSAL if filled is None else "undone and ended" if clean else "something is left"
    return Recovered(run_dir.name, left, clean and not _unseen(conductor.state), said)


def _without_witnesses(plan: Plan, state: State, faults: Mapping[str, Fault]) -> list[Draft]:
    """What can be said of each fault when the rehearsal has ended: gone with it, or that nobody can see it gone."""
    found = []
    for step, fault in state.faults.items():
        planned = plan.step(step).fault
        if planned is None or fault.gone_ms is not None or fault.not_gone:
            continue
        if _in_aws(faults.get(planned.provider)):
            found.append(Draft("fault.gone", {"step": step, "witness": ENDED_WITH_REHEARSAL}))
        elif planned.gone is not None:
            what = {"step": step, "witness": str(planned.gone), "resources": list(planned.resources), "values": []}
            found.append(Draft("fault.not_gone", what))
    return found


def _unseen(state: State) -> bool:
    return any(f.gone_ms is None and (f.accepted_ms is not None or not f.clean) for f in state.faults.values())


def _clock(state: State, events: list[Event], rehearsal: Rehearsal | None) -> Clock:
    if rehearsal is not None:
        return rehearsal.clock()
    if state.environment == REHEARSAL and events:
        return clock_after(events[-1].at, state.speed)
    return ScenarioClock(Anchor.here())


def put_away(root: Path) -> None:
    """End the rehearsal of a run that is over: nobody would. One that is kept up stays.

    The caller holds the lock of rehearsals, so no run can be using it.
    """
    from gameday.rehearsal import client

    found = client.attach(root)
    if found is not None and not found.kept:
        found.down()
