"""Leftovers by tag alone, for when the run's folder is lost: what bears our tags in an environment's account, in every
Region of it. Nothing that is not tagged by us is touched, and nothing of a run that somebody conducts.

What Chaos Toolkit broke bears no tag: without a ledger nobody can find it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gameday.aws import CallFailed
from gameday.clock import Clock
from gameday.conductor.undo import LAST
from gameday.errors import GamedayError
from gameday.faults.ssm import mark
from gameday.model.workspace import REHEARSAL, Environment
from gameday.plan import Plan, load_plan
from gameday.protocols import Sweeps, Tagged
from gameday.runs import is_live, runs_folder
from gameday.wiring.locks import PLAN, Lock, locks_folder, take_lock
from gameday.wiring.sockets import Sockets, sockets

WITHIN_WALL_MS = 120_000
FIRST_WAIT_MS, LONGEST_WAIT_MS = 500, 10_000
Regions = Mapping[str, Sockets]
"""Region -> what reaches it."""


@dataclass(frozen=True)
class Leftover:
    """One thing that bears our tag. ``held``: why it is not touched. ``folder``: whether its run has a folder here."""

    region: str
    provider: str
    what: Tagged
    held: str = ""
    folder: bool = False
    wrong: str = ""


@dataclass(frozen=True)
class Swept:
    """``left`` is what is there and belongs to no conducted run; ``gone`` what was removed and seen gone; ``unread``
    where nobody could look, and why."""

    left: Sequence[Leftover]
    gone: Sequence[Leftover]
    held: Sequence[Leftover]
    unread: Sequence[str]

    @property
    def clean(self) -> bool:
        """Whether everybody could look everywhere, and nothing is left."""
        return not self.left and not self.unread


def look(root: Path, environment: str, regions: Regions) -> Swept:
    """What is there now. Reads only."""
    found, unread = _tagged(regions)
    told = [_told(root, environment, leftover) for leftover in found]
    return Swept([x for x in told if not x.held], [], [x for x in told if x.held], unread)


def sweep(root: Path, environment: str, regions: Regions, clock: Clock) -> Swept:
    """Remove what is there, templates last, again and again until a look sees nothing of it, or time is over. Whether
    a run is conducted is asked once more before each removal. The alarm of a dead-man's switch goes when nothing of its
    run is left in its Region that it would end."""
    until, wait = clock.now() + round(WITHIN_WALL_MS * clock.speed), FIRST_WAIT_MS
    seen, wrong = dict[tuple[str, str, str], Leftover](), dict[tuple[str, str, str], str]()
    now = look(root, environment, regions)
    while now.left:
        for leftover in now.left:
            seen[_key(leftover)] = leftover
            if not _ends_others(leftover, now.left) and not _told(root, environment, leftover).held:
                wrong[_key(leftover)] = _removed(regions, leftover)
        now = look(root, environment, regions)
        if not now.left or clock.now() >= until:
            break
        clock.sleep(min(wait, max(1, until - clock.now())))
        wait = min(wait * 2, LONGEST_WAIT_MS)
    left = [replace(x, wrong=wrong.get(_key(x), "")) for x in now.left]
    gone = [] if now.unread else [x for key, x in seen.items() if key not in {_key(y) for y in now.left}]
    return Swept(left, gone, now.held, now.unread)


def told_at_start(root: Path, environment: str, filled: Sockets) -> list[str]:
    """What other runs left in the environment, in lines for the user; a run may begin all the same. The caller holds
    the locks of a run that begins, so that what has no folder is nobody's here."""
    found, _ = _tagged({filled.aws.environment.region: filled})
    others = [x for x in found if (folder := _folder_of(root, x.what)) is None or not is_live(folder)]
    lines = [f"Another run left this behind: {words(leftover)}" for leftover in others]
    return [*lines, f"  To remove it: gameday sweep --environment {environment} --yes"] if lines else []


def words(leftover: Leftover) -> str:
    """One leftover in a line."""
    what = leftover.what
    whose = f"run {what.run}" if what.run else f"a run of ours ({what.mark})"
    step = f", step {what.step}" if what.step else ""
    return f"{what.kind} {what.id} in {leftover.region}, of {whose}{step}"


def of_run(regions: Regions, run: str, plan: Plan | None) -> list[tuple[Sweeps, Tagged]]:
    """What bears the tag of this run, whatever its ledger says, of the providers that its plan uses; of all without a
    plan. Its dead-man's alarms only when nothing else is there, since they would end it. CallFailed when it cannot be
    read."""
    steps = plan.steps if plan else ()
    marks = {mark(run, step.id) for step in steps}
    used = None if plan is None else {step.fault.provider for step in steps if step.fault}
    able: list[Sweeps] = [
        fault for filled in regions.values() for name, fault in filled.faults.items()
        if isinstance(fault, Sweeps) and (used is None or name in used)
    ]  # fmt: skip
    found = [(s, t) for s in able for t in s.tagged() if t.run == run or (t.mark and t.mark in marks)]
    if found or (plan is not None and plan.dead_man is None):
        return found
    alarms: list[Sweeps] = [filled.heartbeat for filled in regions.values()]
    return [(alarm, t) for alarm in alarms for t in alarm.tagged() if t.run == run]


def regions_of(filled: Sockets, plan: Plan | None, clock: Clock) -> Regions:
    """What reaches each Region in which this plan starts a fault; each of the environment without a plan. ``filled``
    reaches the first."""
    environment, endpoint = filled.aws.environment, filled.aws.endpoint
    used = environment.regions if plan is None else [step.fault.region for step in plan.steps if step.fault]
    others = sorted({region for region in used if region} - {environment.region})
    return {environment.region: filled, **{r: sockets(in_region(environment, r), endpoint, clock) for r in others}}


def in_region(environment: Environment, region: str) -> Environment:
    """The same environment with this Region alone."""
    return environment.model_copy(update={"regions": (region,)})


def _ends_others(leftover: Leftover, left: Sequence[Leftover]) -> bool:
    """Whether this is the alarm of a dead-man's switch, and something of its run is left there that it would end."""
    if leftover.provider != LAST:
        return False
    return any(x.provider != LAST and x.region == leftover.region and _whose(x, leftover) for x in left)


def _whose(one: Leftover, alarm: Leftover) -> bool:
    return one.what.run in ("", alarm.what.run)  # what bears a mark alone may be of this run


def _key(leftover: Leftover) -> tuple[str, str, str]:
    return leftover.region, leftover.what.kind, leftover.what.id


def _tagged(regions: Regions) -> tuple[list[Leftover], list[str]]:
    found, unread = list[Leftover](), list[str]()
    for region, filled in regions.items():
        for name, fault in filled.stoppable.items():
            if not isinstance(fault, Sweeps):
                continue
            try:
                found += [Leftover(region, name, tagged) for tagged in fault.tagged()]
            except GamedayError as error:
                unread.append(f"{name} in {region}: {error.problems[0].message}")
    return found, unread


def _told(root: Path, environment: str, leftover: Leftover) -> Leftover:
    """The same, with whether somebody conducts its run."""
    folder = _folder_of(root, leftover.what)
    if folder is not None and is_live(folder):
        return replace(leftover, held=f"{folder.name} is being conducted", folder=True)
    if folder is None and _busy(root, environment):
        return replace(leftover, held=f"a run in {environment} is beginning here; look again when it has ended")
    return replace(leftover, held="", folder=folder is not None)


def _folder_of(root: Path, tagged: Tagged) -> Path | None:
    """The folder of the run that made it, if it is here."""
    if tagged.run:
        named = runs_folder(root) / Path(tagged.run).name
        return named if named.is_dir() else None
    return next((folder for folder in _folders(root) if tagged.mark in _marks(folder)), None)


def _folders(root: Path) -> list[Path]:
    try:
        return [folder for folder in runs_folder(root).iterdir() if folder.is_dir()]
    except OSError:
        return []


def _marks(folder: Path) -> Iterator[str]:
    try:
        plan = load_plan(folder / PLAN)
    except (GamedayError, OSError):
        return
    yield from (mark(folder.name, step.id) for step in plan.steps)


def _busy(root: Path, environment: str) -> bool:
    """Whether somebody holds the lock of this environment: what has no folder yet may be theirs."""
    pattern = f"{REHEARSAL}.lock" if environment == REHEARSAL else f"{environment}-*.lock"
    for path in locks_folder(root).glob(pattern):
        lock: Lock | None = take_lock(path)
        if lock is None:
            return True
        lock.release()
    return False


def _removed(regions: Regions, leftover: Leftover) -> str:
    """Ask for it to be removed; what went wrong, or nothing. That it is gone only a look says that sees it no more."""
    fault = regions[leftover.region].stoppable[leftover.provider]
    assert isinstance(fault, Sweeps)  # it was found by it
    try:
        status = fault.remove(leftover.what)
    except CallFailed as error:
        return error.problems[0].message
    return "" if status.state in ("ended", "failed") else f"still {status.state}: {status.detail}"
