"""Runs whose conductor died: take back what they left, see it gone, end them. Never injects.

Undo comes first and needs only the ledger; what the journal says was asked for and the ledger has lost is put back into
it, and what bears the run's tag in the account is removed whatever either says. Then the run is claimed and walked to
its end, so that its witnesses say whether the faults are gone, and what the observers missed is read from CloudWatch,
which kept it. A run that had ended unsafe is reopened for that: its verdict stays as it was measured, and the report
says from when until when something was left (docs/decisions/010).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gameday.aws import CallFailed
from gameday.clock import Ms, wall_ms
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.undo import Emit, undo_all
from gameday.conductor.walk import Conductor
from gameday.errors import DamagedRun
from gameday.faults.fis_template import RUN_TAG
from gameday.journal.events import Draft
from gameday.journal.state import State, fold
from gameday.journal.store import Journal, read
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Plan
from gameday.protocols import Fault
from gameday.reports.files import write_whole
from gameday.runs import JOURNAL, LOCK, is_live, runs_folder
from gameday.wiring.locks import LEDGER, take_lock
from gameday.wiring.rehearsing import NOBODY, asks_nobody
from gameday.wiring.sockets import sockets
from gameday.wiring.starting import conduct
from gameday.wiring.sweeping import of_run, regions_of
from gameday.wiring.taking_over import (
    ENDED_WITH_REHEARSAL,
    Known,
    Reached,
    for_undo,
    in_aws,
    known,
    mirror,
    reach,
)

UNDO_WALL_MS = 120_000
JUST_MADE_WALL_MS = 10_000  # a folder as young as this and without a lock is a run that is just beginning
WHY = "its conductor died; recovered"
DENIED = re.compile("(?i)denied|unauthorized")
MARK = "recovered.json"
"""In the folder of a run that cannot be ended, since its plan or journal is lost: it was told of once."""


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
    found = outstanding(folder / LEDGER)
    if found.left or found.damaged:
        return True
    if (folder / MARK).exists() or _just_made(folder):
        return False
    try:
        events, _ = read(folder / JOURNAL)
    except DamagedRun:
        return not (folder / JOURNAL).exists()  # what it says cannot be trusted: judge says so
    return fold(events).ended_status is None


def _just_made(folder: Path) -> bool:
    try:
        return not (folder / LOCK).exists() and wall_ms() - folder.stat().st_mtime * 1000 < JUST_MADE_WALL_MS
    except OSError:
        return True


def recover(root: Path, run_dir: Path, reached: Reached | None = None) -> Recovered | None:
    """Recover one run; None when somebody else conducts it after all. ``reached`` is given where the world is not to be
    looked for, as in tests on a virtual clock."""
    lock = take_lock(run_dir / LOCK)
    if lock is None:
        return None
    try:
        found = known(run_dir)
        return _recover(found, reached or reach(root, found))
    finally:
        lock.release()


def _recover(found: Known, world: Reached) -> Recovered:
    left = tuple(x.step for x in outstanding(found.run_dir / LEDGER).left)
    if found.plan is not None and not found.trouble:
        return _walk_to_end(found, found.plan, world, left)
    if world.filled is None and not found.rehearsed:
        return _told_once(found, left)
    clean, said = _undo_only(found, world)
    if clean:
        _mark(found.run_dir, said)
    return Recovered(found.run_dir.name, left, clean, said)


def _told_once(found: Known, left: tuple[str, ...]) -> Recovered:
    """Nobody knows which AWS it used: when its ledger holds nothing, that is said once."""
    clean = not left and not outstanding(found.run_dir / LEDGER).damaged
    said = f"{found.trouble}; what it may have made is tagged {RUN_TAG}={found.run_dir.name}: gameday sweep"
    if clean:
        _mark(found.run_dir, said)
    return Recovered(found.run_dir.name, left, clean, said)


def _mark(run_dir: Path, said: str) -> None:
    write_whole(run_dir / MARK, json.dumps({"said": said, "wall_ms": wall_ms()}).encode() + b"\n")


def _undo_only(found: Known, world: Reached) -> tuple[bool, str]:
    ledger, clock = Ledger(found.run_dir / LEDGER), world.clock
    until = clock.now() + round(UNDO_WALL_MS * clock.speed)
    try:
        clean = undo_all(ledger, for_undo(world.filled), clock, _unheard, until, WHY)
    finally:
        ledger.close()
    more = _by_tag(world, found.run_dir.name, found.plan, until, _unheard)
    said = f"undone from the ledger alone: {found.trouble}" + (f"; {more}" if more else "")
    return clean and not more, said


def _unheard(_: Draft) -> None:
    """There is no journal that could be written to."""


def _by_tag(world: Reached, run: str, plan: Plan | None, until: Ms, emit: Emit) -> str:
    """Remove what the provider says is there and bears this run's tag, though no ledger speaks of it; what is still
    there at the end, in words, or nothing. Where AWS does not let us look, ledger and witnesses stand alone."""
    if world.filled is None or (plan is not None and asks_nobody(plan)):
        return ""
    wait, wrong, places = 500, "", regions_of(world.filled, plan, world.clock)
    while True:
        try:
            there = of_run(places, run, plan)
            if not there:
                return ""
            wrong = ", ".join(f"{tagged.kind} {tagged.id} is {tagged.state}" for _, tagged in there)
            for sweeps, tagged in there:
                sweeps.remove(tagged)
        except CallFailed as error:
            wrong = error.problems[0].message
            if error.code is not None and DENIED.search(error.code):
                emit(Draft("note", {"text": f"nobody could look for what bears the run's tag: {wrong}"}))
                return "" if plan else wrong
        if world.clock.now() >= until:
            return wrong
        world.clock.sleep(wait := min(wait * 2, 10_000))


def _walk_to_end(found: Known, plan: Plan, world: Reached, left: tuple[str, ...]) -> Recovered:
    clock, filled = world.clock, world.filled
    journal = Journal.open(found.run_dir / JOURNAL)
    journal.claim(os.getpid(), clock.now(), clock.wall())
    here = filled or sockets(REHEARSAL_ENVIRONMENT, NOBODY)
    conductor = conduct(found.run_dir, plan, here, world.rehearsal, journal, clock, unattended=False,
                        effects=world.effects)  # fmt: skip
    _begin(conductor)
    until = clock.now() + round(UNDO_WALL_MS * clock.speed)
    clean = undo_all(conductor.ledger, for_undo(filled), clock, conductor.tell, until, WHY)
    more = _by_tag(world, found.run_dir.name, plan, until, conductor.tell)
    if more:
        error = f"still there by its tag: {more}"
        conductor.record(Draft("undo.failed", {"step": "", "error": error, "resources": {}}))
    if filled is None:
        conductor.sources.clear()
        for draft in _without_witnesses(plan, conductor.state, here.faults):
            conductor.record(draft)
    if clean and not more and conductor.state.ended_status is None:
        conductor.run()
    conductor.ledger.close()
    journal.close()
    said = ENDED_WITH_REHEARSAL if filled is None else "undone and ended" if clean else "something is left"
    seen = clean and not more and not _unseen(conductor.state)
    return Recovered(found.run_dir.name, left, seen, f"{said}; {more}" if more else said)


def _begin(conductor: Conductor) -> None:
    """Say what is done and why, put back what the ledger lost, and reopen a run that ended with something left."""
    state = conductor.state
    away = state.absences[-1] if state.absences else (state.last_ms, state.last_ms)
    conductor.record(Draft("run.resumed", {"away_ms": away[1] - away[0], "why": WHY, "inject": False}))
    lost = mirror(conductor.ledger, conductor.plan, state)
    if lost:
        conductor.record(Draft("note", {"text": f"the undo ledger had lost {', '.join(lost)}; taken from the journal"}))
    if state.ended_status is None:
        if not state.abort:
            conductor.record(Draft("abort.asked", {"why": WHY}))
    elif outstanding(conductor.ledger.path).left or _unseen(state):
        conductor.record(Draft("run.reopened", {"why": "it had ended, and something was not seen gone"}))
        for source in conductor.sources:
            source.since = state.claimed_ms - 2 * max(s.period_ms for s in source.signals)


def _without_witnesses(plan: Plan, state: State, faults: Mapping[str, Fault]) -> list[Draft]:
    """What can be said of each fault when the rehearsal has ended: gone with it, or that nobody can see it gone."""
    found = []
    for step, fault in state.faults.items():
        planned = plan.step(step).fault
        if planned is None or fault.gone_ms is not None or fault.not_gone:
            continue
        if in_aws(faults.get(planned.provider)):
            found.append(Draft("fault.gone", {"step": step, "witness": ENDED_WITH_REHEARSAL}))
        elif planned.gone is not None:
            what = {"step": step, "witness": str(planned.gone), "resources": list(planned.resources), "values": []}
            found.append(Draft("fault.not_gone", what))
    return found


def _unseen(state: State) -> bool:
    return any(f.gone_ms is None and (f.accepted_ms is not None or not f.clean) for f in state.faults.values())


def put_away(root: Path) -> None:
    """End the rehearsal of a run that is over: nobody would. One that is kept up stays.

    The caller holds the lock of rehearsals, so no run can be using it.
    """
    from gameday.rehearsal import client

    found = client.attach(root)
    if found is not None and not found.kept:
        found.down()
