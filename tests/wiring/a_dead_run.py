"""A run whose conductor died, as its folder holds it, and the world through which another one takes it over: all on a
virtual clock."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gameday.conductor.walk import Show
from gameday.faults.heartbeat import HeartbeatAlarm
from gameday.model.workspace import REHEARSAL_ENVIRONMENT, REHEARSAL_REGION
from gameday.plan import Plan, dump_plan
from gameday.protocols import Tagged
from gameday.wiring.resuming import resume
from gameday.wiring.sockets import Sockets, sockets
from gameday.wiring.sweeping import in_region
from gameday.wiring.taking_over import Reached
from tests.conductor.bench import Bench, S

RUN = "r-1"


def unshown(plan: Plan, run_dir: Path, clock: Any) -> Show:
    return lambda event: None


def a_run(root: Path, plan: Plan, **more: Any) -> Bench:
    """A bench in the folder of a run of the workspace at ``root``; its provider's faults are all in AWS."""
    folder = root / ".gameday" / "runs" / RUN
    folder.mkdir(parents=True)
    (folder / "plan.json").write_bytes(dump_plan(plan))
    bench = Bench(plan, folder, **more)
    bench.world.in_aws = True  # type: ignore[attr-defined]  # as the providers of AWS say of themselves
    return bench


def walked(bench: Bench, seconds: float) -> Bench:
    """Until so many seconds after the go."""
    bench.go()
    while bench.state.t_go is None or bench.clock.now() < bench.state.t_go + seconds * S:
        bench.conductor.turn()
    return bench


def died(bench: Bench, dead_s: float = 0) -> Bench:
    """Killed between two turns, and nobody conducts for so long."""
    bench.journal.close()
    bench.effects.ended.clear()
    bench.clock.advance(round(dead_s * S))
    return bench


class NoAlarm(HeartbeatAlarm):
    """The heartbeat of an account that holds no alarm of ours."""

    def tagged(self) -> Sequence[Tagged]:
        return []


def world_of(bench: Bench) -> Reached:
    """Of one Region; no AWS answers there, so whoever asks for more than the bench has fails."""
    aws = sockets(in_region(REHEARSAL_ENVIRONMENT, REHEARSAL_REGION), "http://127.0.0.1:9").aws
    filled: Any = Sockets(aws, {"fis": bench.world}, [bench.watch, *bench.others], bench.paper)
    vars(filled)["heartbeat"] = NoAlarm(aws)  # a cached property: this is what it holds
    return Reached(filled, bench.clock, None, bench.effects)


def resumed(bench: Bench, root: Path) -> Bench:
    """Another conductor, through ``gameday.wiring.resuming``; the bench is its from now on."""
    made, lock, _ = resume(root, bench.folder, unattended=True, show=unshown, reached=world_of(bench))
    lock.release()
    bench.conductor, bench.journal, bench.ledger = made, made.journal, made.ledger
    return bench


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
