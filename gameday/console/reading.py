"""From a run's folder to what each role sees. Pure from what was read.

A player's view is built up from what was put before them (an allow-list), never cut down from what is known: a later
step is not in it because nothing of it was ever put in. That holds for ids and titles of the run and the scenario too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gameday.clock import Ms
from gameday.console import views as v
from gameday.console.access import ACTIONS, Action, Grant
from gameday.console.known import LONGEST_SAYS, Known
from gameday.console.orders import served
from gameday.console.timeline import alarms, faults, steps
from gameday.journal.standing import PromptState
from gameday.journal.state import State
from gameday.plan import Plan
from gameday.reports.gauges import Gauge, read_gauges
from gameday.reports.telling import short
from gameday.reports.words import offset

SharesUsed = Callable[[Plan, State, Ms], dict[str, float | None]]
AFTER_THE_END = frozenset({"link", "start"})
MINE = "mine"


def head(known: Known, grant: Grant, wall: Ms) -> v.Head:
    """The top of every page of this run."""
    plan, state, player = known.plan, known.state, grant.role == "player"
    production = plan.environment_definition.production
    return v.Head(
        ref=known.name if grant.everywhere else MINE,
        run=None if player else known.name,
        title=None if player else short(plan.title),
        service=short(plan.service_title),
        environment=plan.environment,
        banner=f"PRODUCTION {plan.environment}" if production else plan.environment.upper(),
        production=production,
        speed=state.speed,
        phase=state.phase,
        status=status(known),
        ended=state.ended_status,
        go_ms=known.go_ms,
        gone=state.t_go is not None,
        now_ms=known.now(wall),
        held_since_ms=state.held_since,
        seq=known.seq,
        role=grant.role,
        who=grant.who,
        may=tuple(a for a in ACTIONS if grant.may(a) and _now(known, a)),
    )


def _now(known: Known, action: Action) -> bool:
    if action == "debrief":
        return known.over
    return served(action) and (action in AFTER_THE_END or (known.live and not known.over))


def status(known: Known) -> v.RunStatus:
    """Where the run stands, in one word."""
    state = known.state
    rows: tuple[tuple[bool, v.RunStatus], ...] = (
        (known.over, "ended"),
        (not known.live, "not conducted"),
        (state.abort is not None or bool(state.guards_fired), "aborting"),
        (state.held_since is not None, "held"),
        (state.phase is None, "opening"),
    )
    return next((word for true, word in rows if true), "running")


def look(known: Known, grant: Grant, wall: Ms, lines: bool = True) -> v.PlayerView | v.WatchView:
    """What this reader sees of the run now; without ``lines`` for a stream, which tells these one by one."""
    return player(known, grant, wall, lines) if grant.role == "player" else watch(known, grant, wall, lines)


def player(known: Known, grant: Grant, wall: Ms, lines: bool = True) -> v.PlayerView:
    """Only what was put before this role, and what it did."""
    mine = [p for p in known.state.prompts.values() if p.was_for(grant.who)]
    return v.PlayerView(
        head=head(known, grant, wall),
        prompts=_sorted(prompt(known, p, grant, tell_due=False) for p in mine),
        runbooks=_runbooks(known, grant, {p.step for p in mine if p.number is not None}),
        away=known.state.away(grant.who, known.now(wall)),
        refused=known.state.played.refused(grant.who, known.now(wall)),
        lines=tuple(known.lines(grant).told) if lines else (),
    )


def watch(known: Known, grant: Grant, wall: Ms, lines: bool = True) -> v.WatchView:
    """The whole day; for a reader, of the timeline only what has begun until the run has ended."""
    state = known.state
    return v.WatchView(
        head=head(known, grant, wall),
        prompts=_sorted(prompt(known, p, grant, tell_due=True) for p in state.prompts.values()),
        runbooks=_runbooks(known, grant, {p.step for p in state.prompts.values() if p.number is not None}),
        steps=steps(known, whole=grant.role != "reader" or known.over),
        faults=faults(known),
        alarms=alarms(known),
        lines=tuple(known.lines(grant).told) if lines else (),
    )


def prompt(known: Known, given: PromptState, grant: Grant, tell_due: bool) -> v.PromptView:
    """One prompt as this reader sees it."""
    state = known.state
    within = next((s.within_ms for s in known.plan.steps if s.id == given.step), None) if tell_due else None
    return v.PromptView(
        id=given.id, step=given.step, to=given.to, expects=given.expects, number=given.number,
        says=short(given.says, LONGEST_SAYS), delivered_ms=given.delivered_ms,
        since_go=offset(given.delivered_ms, known.go_ms), due_ms=within and given.delivered_ms + within,
        done_ms=given.done_ms, done_by=given.done_by, waits=_waits(state, given), mine=given.was_for(grant.who),
    )  # fmt: skip


def _waits(state: State, given: PromptState) -> bool:
    asked = given.done_ms is None and given.expects != "none"
    if given.number in state.played.passed_over.get(given.step, {}):
        return False
    return asked and state.step(given.step).status != "ended" and state.ended_status is None


def _sorted(found: Iterable[v.PromptView]) -> tuple[v.PromptView, ...]:
    return tuple(sorted(found, key=lambda p: (not p.waits, p.delivered_ms if p.waits else -p.delivered_ms, p.id)))


def _runbooks(known: Known, grant: Grant, steps: set[str]) -> tuple[v.RunbookView, ...]:
    """Runbooks of these steps of the timeline, each of which was begun."""
    begun = [s for s in known.plan.steps if s.id in steps and s.runbook]
    return tuple(_runbook(known, grant, s.id, s.runbook or "") for s in begun)


def _runbook(known: Known, grant: Grant, step: str, ident: str) -> v.RunbookView:
    book, state = known.plan.runbook(ident), known.state
    asked = {p.number: p for p in state.prompts.values() if p.step == step and p.number is not None}
    done = state.tasks.get(step, {})
    out, last = state.played.passed_over.get(step, {}), next(reversed(asked.values()), None)
    ticks = tuple(
        v.TickView(
            number=s.number, says=short(s.says, LONGEST_SAYS), done_ms=done.get(s.number), out_ms=out.get(s.number),
            checked=state.checked.get((step, s.number)), prompt=asked[s.number].id if s.number in asked else None,
            waits=s.number in asked and _waits(state, asked[s.number]),
        )
        for s in book.steps
    )  # fmt: skip
    mine = last is not None and last.was_for(grant.who)
    return v.RunbookView(step=step, title=short(book.title), by=last.to if last else "", mine=mine, ticks=ticks)


def gauges(known: Known, shares: SharesUsed | None, wall: Ms) -> tuple[v.GaugeView, ...]:
    """Each tolerance so far, judged as the verdict is. Slow for a long journal: call it rarely, off the loop."""
    so_far = shares(known.plan, known.state, known.now(wall)) if shares else {}
    return tuple(_gauge(g) for g in read_gauges(known.plan, list(known.events), so_far))


def _gauge(found: Gauge) -> v.GaugeView:
    return v.GaugeView(
        id=found.id, authority=found.authority, lo=found.lo, hi=found.hi, so_far=_finite(found.so_far),
        guard=found.guard, word=found.word, text=short(found.text), codes=found.codes,
    )  # fmt: skip


def _finite(share: float | None) -> float | None:
    return share if share is not None and share < float("inf") else None
