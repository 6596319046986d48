"""``gameday resume``: another conductor goes on with a run whose conductor died, from what its journal says.

Nothing is undone first. A start that was asked for and never answered is asked for again with the same token, and only
before the run's deadline; past it the run is only restored and ended. Nothing new begins before what the dead conductor
missed has been read, so that a guard that would have fired fires first.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gameday.clock import Clock, Ms
from gameday.conductor.decide import PATIENCE
from gameday.conductor.ledger import outstanding
from gameday.conductor.steady import largest_period, settling
from gameday.conductor.walk import Conductor, Show
from gameday.errors import CouldNotStart, DamagedRun, Problem, could_not_start
from gameday.journal.events import Draft
from gameday.journal.state import State
from gameday.journal.store import Journal
from gameday.plan import Plan
from gameday.runs import JOURNAL, LOCK
from gameday.wiring.sockets import Configured, Sockets
from gameday.wiring.starting import LEDGER, PLAN, Lock, conduct, take_lock
from gameday.wiring.taking_over import Known, Reached, in_aws, known, mirror, reach

WHY = "its conductor died; another one goes on"
TOO_LATE = "its deadline passed while nobody conducted: nothing more is injected"
NOT_CARRIED = "what is broken on this machine ends with its conductor"


def resume(
    root: Path,
    run_dir: Path,
    *,
    unattended: bool,
    show: Callable[[Plan, Path, Clock], Show],
    library: Sequence[Path] = (),
    channels: Configured | None = None,
    reached: Reached | None = None,
) -> tuple[Conductor, Lock, Reached]:
    """A conductor for this run that has only to walk, and the lock that must be held until it has ended.

    ``library`` are the folders in which the plan's files may lie; ``reached`` is given where the world is not to be
    looked for. CouldNotStart: RUN_LIVE, RUN_ENDED, RUN_NOT_BEGUN, REHEARSAL_GONE, PLAN_ALTERED, FILES_CHANGED,
    LEDGER_DAMAGED; DamagedRun when the journal cannot be read. Then nothing was done.
    """
    lock = take_lock(run_dir / LOCK)
    if lock is None:
        write = "gameday ack, note, hold, skip or abort act on it"
        raise could_not_start("RUN_LIVE", f"{run_dir.name} is being conducted now", write)
    try:
        found = known(run_dir)
        plan = _may_go_on(found, [root, *library])
        world = reached or _reach(root, found, channels)
        conductor = _go_on(run_dir, plan, world, unattended)
        conductor.show = show(plan, run_dir, world.clock)
        for event in found.events:
            conductor.show(event)  # what has happened so far
        _open(conductor, world)
        return conductor, lock, world
    except BaseException:
        lock.release()
        raise


def _may_go_on(found: Known, library: Sequence[Path]) -> Plan:
    """The plan, when nothing speaks against going on with it."""
    state, name = found.state, found.run_dir.name
    if state.ended_status is not None:
        write = f"gameday run SCENARIO, or gameday report {name}"
        raise could_not_start("RUN_ENDED", f"{name} has ended ({state.ended_status})", write)
    if found.plan is None or found.trouble:
        raise DamagedRun(
            Problem("RUN_UNREADABLE", f"what the run left cannot be read: {found.trouble}", f"gameday recover {name}")
        )
    if state.go_by is None:
        raise could_not_start("RUN_NOT_BEGUN", f"{name} never got its go, and nothing was done in it", "gameday run")
    problems = [*_altered(found, found.plan), *_changed(found, found.plan, library), *_damaged(found)]
    if problems:
        raise CouldNotStart(problems)
    return found.plan


def _altered(found: Known, plan: Plan) -> Iterator[Problem]:
    """What is not as it was registered before the first effect."""
    digest = hashlib.sha256((found.run_dir / PLAN).read_bytes()).hexdigest()
    told = [e.what for e in found.events if e.type == "plan.registered"]
    if any(w["digest"] != plan.digest or w.get("sha256", digest) != digest for w in told) or not told:
        what = "plan.json is not the plan that was registered when the run began"
        yield Problem("PLAN_ALTERED", what, f"gameday recover {found.run_dir.name}")


def _changed(found: Known, plan: Plan, library: Sequence[Path]) -> Iterator[Problem]:
    """Files of the plan that are no longer what they were."""
    wrong = [name for name, told in plan.inputs.items() if told not in {_sha256(root / name) for root in library}]
    if wrong:
        what = f"changed since the run began, or gone: {', '.join(sorted(wrong))}"
        yield Problem("FILES_CHANGED", what, f"put them back, or: gameday recover {found.run_dir.name}")


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _damaged(found: Known) -> Iterator[Problem]:
    """With a damaged ledger nothing more may be broken: not all of it could be taken back."""
    for problem in outstanding(found.run_dir / LEDGER).damaged[:1]:
        yield Problem(problem.code, problem.message, f"gameday recover {found.run_dir.name}", problem.place)


def _reach(root: Path, found: Known, channels: Configured | None) -> Reached:
    world = reach(root, found, channels)
    if world.filled is None:
        what = f"the rehearsal of {found.run_dir.name} has ended, and all that was broken in it"
        raise could_not_start("REHEARSAL_GONE", what, f"gameday recover {found.run_dir.name}")
    if world.filled.aws.endpoint is None:
        world.filled.aws.client("sts")  # asks whose account it is: CouldNotStart or CallFailed when it is not ours
    return world


def _go_on(run_dir: Path, plan: Plan, world: Reached, unattended: bool) -> Conductor:
    assert world.filled is not None  # _reach says so
    journal = Journal.open(run_dir / JOURNAL)
    journal.claim(os.getpid(), world.clock.now(), world.clock.wall())
    return conduct(run_dir, plan, world.filled, world.rehearsal, journal, world.clock, unattended=unattended,
                   effects=world.effects)  # fmt: skip


def _open(conductor: Conductor, world: Reached) -> None:
    assert world.filled is not None  # _reach says so
    for draft in list(_opening(conductor.plan, conductor.state, world.filled, world.clock.now())):
        conductor.record(draft)
    lost = mirror(conductor.ledger, conductor.plan, conductor.state)
    if lost:
        conductor.record(Draft("note", {"text": f"the undo ledger had lost {', '.join(lost)}; taken from the journal"}))


def _opening(plan: Plan, state: State, filled: Sockets, now: Ms) -> Iterator[Draft]:
    late = now >= deadline(plan, state)
    away = state.absences[-1] if state.absences else (now, now)
    yield Draft("run.resumed", {"away_ms": away[1] - away[0], "why": WHY, "inject": not late})
    if late and not state.abort:
        yield Draft("abort.asked", {"why": TOO_LATE})
    for step, fault in state.faults.items():
        planned = plan.step(step).fault
        open_ = fault.ended_ms is None and fault.stop_requested_ms is None
        if planned and open_ and not in_aws(filled.faults.get(planned.provider)):
            yield Draft("fault.stop_requested", {"step": step, "why": NOT_CARRIED})


def deadline(plan: Plan, state: State) -> Ms:
    """From when on this run injects nothing more: its go and its longest duration, what it was held until its last word
    added; before its go, the longest that a baseline may take in place of that."""
    if state.t_go is None:
        began = state.phase_ms.get("baseline", state.claimed_ms)
        period = largest_period(plan)
        return began + max(plan.baseline_ms, period) * (1 + PATIENCE) + settling(plan) + plan.max_duration_ms
    died = state.absences[-1][0] if state.absences else state.last_ms
    held = max(0, died - max(state.held_since, state.t_go)) if state.held_since is not None else 0
    return state.t_go + plan.max_duration_ms + state.held_ms + held
