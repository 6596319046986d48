"""Preflight: everything that can be shown before somebody says go, with the identity that the run will use.

First what only reads. Only when all of that is inside the envelope, FIS itself resolves the targets (``skip-all``): it
makes a template and an experiment, so that is on a ledger of its own, in a run folder that has no journal; it is taken
back at once, and should this process die, ``gameday recover`` takes it back from that ledger.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gameday.aws_envelope import Door, canonical, outside
from gameday.clock import wall_ms
from gameday.conductor.ledger import Ledger
from gameday.conductor.perform import order_of, token
from gameday.conductor.undo import undo_all
from gameday.errors import CouldNotStart, GamedayError, Problem
from gameday.faults.fis_settings import FisSettings, fis_settings
from gameday.journal.events import Draft
from gameday.plan import Plan, PlannedFault, PlannedStep, dump_plan
from gameday.protocols import DryRun, Fault, ProviderStatus, Trace
from gameday.reports.files import write_whole
from gameday.runs import LOCK, make_run
from gameday.wiring import looking
from gameday.wiring.findings import Checked, Finding, Line, Waived, judged
from gameday.wiring.locks import LEDGER, PLAN, take_lock
from gameday.wiring.looking import Look
from gameday.wiring.readying import Checks
from gameday.wiring.rehearsing import remember
from gameday.wiring.sockets import Sockets

if TYPE_CHECKING:
    from gameday.clock import Clock
    from gameday.rehearsal.client import Rehearsal

RESOLVED_WITHIN_MS, LOOK_EVERY_MS = 120_000, 50
UNDO_WITHIN_MS = 120_000
READS: tuple[tuple[str, Callable[[Look], Iterable[Finding]]], ...] = (
    ("identity", looking.identity),
    ("permissions", looking.permissions),
    ("observers and plug-ins", looking.promised),
    ("tags of the targets", looking.envelope),
    ("abort thresholds", looking.abort_thresholds),
    ("actions, targets and what they need", looking.known),
    ("signals", looking.signals),
    ("alarms", looking.alarms),
    ("guards", looking.guards),
    ("safety lever and clock", looking.lever),
    ("incidents", looking.incidents),
)
RESOLVE = "targets, as the provider resolves them"
Show = Callable[[Line], None]


@dataclass(frozen=True)
class Bench:
    """Where the dry start's ledger lies: the workspace, and the rehearsal that a later ``recover`` would look for."""

    root: Path
    rehearsal: Rehearsal | None = None


def preflight(
    plan: Plan,
    sockets: Sockets,
    clock: Clock,
    *,
    bench: Bench | None = None,
    waivers: Sequence[Waived] = (),
    show: Show = lambda line: None,
    more: Checks = (),
) -> Checked:
    """Look at everything; nothing is raised for what is found. ``bench`` None: nothing is made in AWS, so the provider
    does not resolve the targets. ``more`` are the checks of the workspace. From here on only what the plan calls
    leaves. CouldNotStart when it is not known in whose account we are, or when what the dry start made could not be
    taken back (LEFTOVERS)."""
    sockets.aws.door = door_of(plan)
    look, done = Look(plan, sockets, clock, "preflight"), Checked()
    for name, check in (*READS, *more):
        _take(done, look, name, list(_looked(check, look, name)), waivers, show)
    if bench is not None:
        if done.ready:
            _take(done, look, RESOLVE, list(_resolved(look, bench)), waivers, show)
        else:
            _tell(done, Line(RESOLVE, "not looked at", "first what failed above"), show)
    done.clock_off_ms = look.clock_off_ms
    return done


def door_of(plan: Plan) -> Door:
    """What may leave during this plan. A fault whose provider does not say its calls could not be undone through a
    door that knows operations: then it holds calls against account and Region alone."""
    faults = [step.fault for step in plan.steps if step.fault]
    said = {call.step for call in plan.calls}
    if any(step.fault and step.id not in said for step in plan.steps):
        return Door(plan.environment_definition)
    return Door(
        plan.environment_definition,
        operations=frozenset(canonical(call.service, call.operation) for call in plan.calls),
        targets=frozenset(arn for fault in faults for arns in fault.targets.values() for arn in arns),
        tags=frozenset(frozenset(tags.items()) for fault in faults for tags in fault.tags.values()),
    )


def _looked(check: Callable[[Look], Iterable[Finding]], look: Look, name: str) -> Iterator[Finding]:
    """What a check found; a read that AWS refuses is what it found, with the permission that is missing."""
    try:
        yield from check(look)
    except CouldNotStart:
        raise
    except GamedayError as error:
        for problem in error.problems:
            yield Finding(replace(problem, code="NOT_SHOWN", message=f"{name}: {problem.message}"), name)


def _take(done: Checked, look: Look, name: str, found: list[Finding], waivers: Sequence[Waived], show: Show) -> None:
    findings = judged(found, waivers)
    done.findings += findings
    _tell(done, Line(name, _result(findings), look.said.get(name) or _said(findings)), show)


def _tell(done: Checked, line: Line, show: Show) -> None:
    done.lines.append(line)
    show(line)


def _result(findings: list[Finding]) -> str:
    if any(f.blocks for f in findings):
        return "failed"
    if any(f.waived for f in findings):
        return "waived"
    return "warned" if findings else "shown"


def _said(findings: list[Finding]) -> str:
    return ", ".join(dict.fromkeys(f.problem.code for f in findings))


# ---- targets, as the provider resolves them
def _resolved(look: Look, bench: Bench) -> Iterator[Finding]:
    """Of each fault whose provider can: what it resolves is what the plan says, and inside the envelope."""
    able = [(step, fault, look.sockets.faults[fault.provider]) for step, fault in look.faults]
    dry = [(step, fault, provider) for step, fault, provider in able if isinstance(provider, DryRun)]
    if not dry:
        return
    folder = make_run(bench.root, f"{look.plan.scenario}-preflight", wall_ms())
    lock = take_lock(folder / LOCK)
    assert lock is not None  # the folder is new
    write_whole(folder / PLAN, dump_plan(look.plan))
    if bench.rehearsal:
        remember(folder, bench.rehearsal)
    look.run = folder.name
    ledger = Ledger(folder / LEDGER)
    try:
        for step, fault, provider in dry:
            yield from _one(look, ledger, step, fault, provider)
    finally:
        clean = undo_all(ledger, look.sockets.faults, look.clock, _unheard, look.clock.now() + UNDO_WITHIN_MS)
        ledger.close()
        lock.release()
    if not clean:
        message = f"what preflight made to resolve the targets could not be taken back ({folder.name})"
        raise CouldNotStart(Problem("LEFTOVERS", message, f"gameday recover {folder.name}"))
    shutil.rmtree(folder)


def _unheard(_: Draft) -> None:
    """There is no journal yet."""


def _one(look: Look, ledger: Ledger, step: PlannedStep, fault: PlannedFault, provider: DryRun) -> Iterator[Finding]:
    order = order_of(look.plan, look.run, step.id, fault)
    order = replace(order, token=token(f"{look.run}\0{look.clock.wall()}", step.id))  # a folder's name comes again
    ledger.intend(step.id, fault.provider, {"run": order.run, "step": step.id, "token": order.token})
    try:
        trace = provider.dry_start(order, lambda facts: ledger.note(step.id, facts))
        status = _ended(look, look.sockets.faults[fault.provider], trace)
    except GamedayError as error:
        for problem in error.problems:
            what = f"{step.id}: the targets could not be resolved there ({problem.message})"
            code = problem.code if problem.code == "NO_FIS_ROLE" else "TARGETS_NOT_RESOLVED"
            yield Finding(replace(problem, code=code, message=what), step.id)
        return
    yield from (Finding(problem, step.id) for problem in against_plan(look.plan, step, fault, status))


def _ended(look: Look, provider: Fault, trace: Trace) -> ProviderStatus:
    """Poll until it is over; the last status when that takes too long. Waits are in wall time."""
    until = look.clock.wall() + RESOLVED_WITHIN_MS
    status = provider.poll(trace)
    while status.state in ("starting", "active", "unknown") and look.clock.wall() < until:
        look.clock.sleep(round(LOOK_EVERY_MS * look.clock.speed))
        status = provider.poll(trace)
    return status


def against_plan(plan: Plan, step: PlannedStep, fault: PlannedFault, status: ProviderStatus) -> Iterator[Problem]:
    """What the provider resolved, held against plan and envelope."""
    found = {arn for arns in status.targets.values() for arn in arns}
    planned = {arn for arns in fault.targets.values() for arn in arns}
    if status.state != "ended":
        code = "NO_TARGETS" if "empty" in status.detail else "TARGETS_NOT_RESOLVED"
        what = f"{step.id}: resolving the targets {status.state}: {status.detail}"
        yield Problem(code, what, "what it says; then gameday plan again")
        return
    if not found and (planned or fault.resources):
        yield Problem("NO_TARGETS", f"{step.id}: it resolved no target at all", "the tags or names of what exists")
    yield from _inside(plan, step, found)
    changed = _changed(fault, found, planned) if found and planned else []
    if changed:
        what = f"{step.id}: the targets are not those of the plan: {', '.join(changed)}"
        yield Problem("PLAN_DRIFTED", what, "gameday plan again, and have that approved")


def _changed(fault: PlannedFault, found: set[str], planned: set[str]) -> list[str]:
    """Added ones, and missing ones where the action takes all: else FIS chooses some of them."""
    added = [f"+{arn}" for arn in sorted(found - planned)]
    if fault.provider == "fis" and not _takes_all(fis_settings(fault.settings)):
        return added
    return added + [f"-{arn}" for arn in sorted(planned - found)]


def _takes_all(settings: FisSettings) -> bool:
    return all(part.selection == "ALL" for part in settings.each)


def _inside(plan: Plan, step: PlannedStep, found: set[str]) -> Iterator[Problem]:
    limit = plan.environment_definition.envelope.max_targets
    if len(found) > limit:
        what = f"{step.id}: it resolved {len(found)} targets, and the envelope allows {limit}"
        yield Problem("ENVELOPE_TARGETS", what, "fewer targets, or a larger max_targets in gameday.yaml")
    for arn in sorted(found):
        if place := outside(arn, plan.environment_definition):
            what = f"{step.id}: {arn} is of {place}, not of {plan.environment}"
            yield Problem("ENVELOPE_ACCOUNT", what, "resources of the environment's account and Regions")
