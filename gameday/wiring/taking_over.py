"""Taking over a run whose conductor died: what its folder says, through what the world is reached, and what its ledger
lacks. ``recover`` undoes and ends it, ``resume`` goes on with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gameday.clock import Anchor, Clock, ScenarioClock
from gameday.conductor.effects import Inline, Threads
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.perform import token
from gameday.errors import GamedayError
from gameday.faults.chaostoolkit.fault import ChaosFault
from gameday.journal.events import Event
from gameday.journal.state import State, fold
from gameday.journal.store import read
from gameday.model.load import load_content
from gameday.model.workspace import REHEARSAL, REHEARSAL_ENVIRONMENT, Environment
from gameday.plan import Plan, load_plan
from gameday.protocols import ProviderStatus, Stops, Trace
from gameday.runs import JOURNAL
from gameday.wiring.rehearsing import (
    NOBODY,
    RECORD,
    asks_nobody,
    clock_after,
    end_leftovers,
    remembered_clock,
    still_there,
)
from gameday.wiring.sockets import Configured, Sockets, sockets
from gameday.wiring.starting import PLAN

if TYPE_CHECKING:
    from gameday.rehearsal.client import Rehearsal

ENDED_WITH_REHEARSAL = "the rehearsal and all its processes are gone"


@dataclass(frozen=True)
class Known:
    """What a run's folder says. ``trouble`` is what keeps plan or journal from being read whole; "" when nothing."""

    run_dir: Path
    plan: Plan | None
    events: list[Event]
    trouble: str

    @property
    def state(self) -> State:
        """The fold of what can be read."""
        return fold(self.events)

    @property
    def rehearsed(self) -> bool:
        """Whether it was a rehearsal."""
        named = self.plan.environment if self.plan else self.state.environment
        return (self.run_dir / RECORD).exists() or named == REHEARSAL


def known(run_dir: Path) -> Known:
    """Read a run's folder as far as it goes; never raises for what it holds."""
    plan, events, trouble = None, list[Event](), []
    try:
        events, _ = read(run_dir / JOURNAL)
    except (GamedayError, OSError) as error:
        trouble.append(_why(JOURNAL, error))
    try:
        plan = load_plan(run_dir / PLAN)
    except (GamedayError, OSError) as error:
        trouble.append(_why(PLAN, error))
    if not events and not trouble:
        trouble.append("its journal is empty: it never began")
    return Known(run_dir, plan, events, "; ".join(trouble))


def _why(name: str, error: GamedayError | OSError) -> str:
    return f"{name}: {error.problems[0].message if isinstance(error, GamedayError) else error}"


@dataclass(frozen=True)
class Reached:
    """Through what a run is taken over. ``filled`` is None when there is no AWS to ask any more, or nobody knows where
    it is; ``effects`` are given by tests, which wait for nothing."""

    filled: Sockets | None
    clock: Clock
    rehearsal: Rehearsal | None = None
    effects: Threads | Inline | None = None


def reach(root: Path, found: Known, channels: Configured | None = None) -> Reached:
    """The world of this run: its rehearsal while that lives, else its environment's AWS in real time."""
    if not found.rehearsed:
        environment = found.plan.environment_definition if found.plan else _by_name(root, found.state.environment)
        filled = None if environment is None else sockets(environment, None, channels=channels)
        return Reached(filled, ScenarioClock(Anchor.here()))
    own = remembered_clock(found.run_dir) if found.plan and asks_nobody(found.plan) else None
    if found.plan and own and own.now() >= found.state.last_ms:  # else the machine was started anew
        return Reached(sockets(found.plan.environment_definition, NOBODY, own, channels), own)
    rehearsal = still_there(found.run_dir, root)
    if rehearsal is not None:
        clock = rehearsal.clock()
        environment = found.plan.environment_definition if found.plan else REHEARSAL_ENVIRONMENT
        return Reached(sockets(environment, rehearsal.endpoint, clock, channels), clock, rehearsal)
    end_leftovers(root)
    if not found.events:
        return Reached(None, ScenarioClock(Anchor.here()))
    return Reached(None, clock_after(found.events[-1].at, found.state.speed))


def _by_name(root: Path, name: str | None) -> Environment | None:
    """The environment that the journal names, from gameday.yaml, when the plan is lost."""
    try:
        return load_content(root).environment(name) if name else None
    except GamedayError:
        return None


class _Gone:
    """A provider of a rehearsal whose processes have all ended: what they held is gone with them."""

    def stop(self, trace: Trace) -> ProviderStatus:
        """Nothing is there any more."""
        return ProviderStatus("ended", ENDED_WITH_REHEARSAL, clean=True)


def for_undo(filled: Sockets | None) -> Mapping[str, Stops]:
    """The providers that undo asks. When the rehearsal has ended, what those broke that are ``in_aws`` is gone with it;
    any other must still take back what it did to this machine."""
    if filled is not None:
        return filled.stoppable
    here = dict(sockets(REHEARSAL_ENVIRONMENT, NOBODY).stoppable)
    if ChaosFault.name in here:  # what it broke may be anywhere on this machine, and is not gone with the rehearsal
        here[ChaosFault.name] = ChaosFault(REHEARSAL_ENVIRONMENT, NOBODY, aws_is_gone=True)
    return {name: _Gone() if in_aws(fault) else fault for name, fault in here.items()}


def in_aws(fault: Stops | None) -> bool:
    """Whether all that it breaks is in AWS."""
    return getattr(fault, "in_aws", False) is True


def mirror(ledger: Ledger, plan: Plan, state: State) -> list[str]:
    """Put back into the ledger what the journal says was asked for and neither says is gone: the ledger was lost, whole
    or in part. To stop once too often harms nothing. Returns the steps. OSError when it cannot be written."""
    found, put = outstanding(ledger.path), list[str]()
    told = {left.step for left in found.left} | found.over
    for step, fault in state.faults.items():
        planned = next((s.fault for s in plan.steps if s.id == step), None)
        if fault.clean or step in told or planned is None:
            continue
        run = state.run or ""
        ledger.intend(step, planned.provider, {"run": run, "step": step, "token": token(run, step), **fault.trace})
        put.append(step)
    return put
