"""What to do now: pure, from plan, state and time. ``walk`` does it, records what came of it, and asks again.

The phases: preflight, baseline (is the service steady?), execute (the timeline), restore (take everything back, see
it gone), verify (is the service steady again?), ended.
"""

from __future__ import annotations

from collections.abc import Iterator

from gameday.clock import Ms
from gameday.conductor.actions import Action, End, ReconcileLedger, StartFault, record
from gameday.conductor.emergency import lever_actions, lever_awaited
from gameday.conductor.faulting import fault_actions, longest_gone, settled
from gameday.conductor.guards import blind_guards, guard_actions, guarded
from gameday.conductor.reaching import pages
from gameday.conductor.steady import largest_period, settling, unsteady
from gameday.conductor.steps import ended, step_actions, withdraw
from gameday.journal.state import State
from gameday.model.measure import LEDGER_METRICS, Moment
from gameday.model.scenario import TAKEN
from gameday.plan import Plan

PATIENCE = 2  # how many times longer than planned a baseline may take until it is clean
RESTORE_WALL_MS = 120_000
VERIFY_HOLDS = 2
PEOPLE = ("inject", "task", "question", *TAKEN)


def decide(plan: Plan, state: State, now: Ms) -> list[Action]:
    """All that is to be done now. Records come first; effects are for when there is nothing more to record."""
    if state.ended_status is not None:
        return []
    actions = list(_actions(plan, state, now))
    if behind(plan, state):
        actions = [a for a in actions if not isinstance(a, StartFault)]
    unread = unreconciled(plan, state, "end") if any(isinstance(a, End) for a in actions) else []
    made = [*(a for a in actions if not isinstance(a, End)), *unread] if unread else actions
    return made if any(isinstance(a, End) for a in made) else [*made, *pages(state, now)]


def behind(plan: Plan, state: State) -> set[str]:
    """Signals of which this conductor has not yet read what was missed before it took the run over. Until then nothing
    new begins. A source that fails is not waited for, unless a guard needs it: that one fires when it stays unread."""
    unread = {s for s in guarded(plan) if 0 < state.read_to.get(s, 0) < state.claimed_ms} if state.absences else set()
    return state.behind | unread


def unreconciled(plan: Plan, state: State, moment: Moment) -> list[Action]:
    """The canary ledgers that a tolerance needs and nobody has read back at this moment yet."""
    named = [t.measure.ledger for t in (*plan.tolerances, *plan.objectives) if t.metric in LEDGER_METRICS]
    wanted = dict.fromkeys(name for name in named if name) if state.faults else {}
    return [ReconcileLedger(name, moment) for name in wanted if (name, moment) not in state.ledgers]


def responded(plan: Plan, state: State) -> bool:
    """Whether the checks of all runbooks hold (where they have none: all were followed to their end), and something
    that was broken is still there: what is not there now was not recovered by those who answered (D19, D22)."""
    tasks = [step for step in plan.steps if step.kind == "task"]
    checks = [(t.id, s.number) for t in tasks for s in plan.runbook(t.runbook or "").steps if s.block and s.block.check]
    done = all(state.step(step.id).result == "done" for step in tasks)
    held = all(state.checked.get(check) for check in checks) if checks else bool(tasks) and done
    return held and any(fault.ended_ms is None for fault in state.faults.values())


def _actions(plan: Plan, state: State, now: Ms) -> Iterator[Action]:
    yield from fault_actions(plan, state, now)
    yield from lever_actions(plan, state)
    if state.phase == "ended":  # a conductor before this one died in between
        yield End("aborted", state.abort) if state.abort else End("completed")
    elif state.abort and state.phase != "restore":
        yield from withdraw(plan, state, now, state.abort)
        yield record("phase.entered", phase="restore")
    elif state.phase in (None, "preflight"):
        if state.go_by is not None:
            yield record("phase.entered", phase="baseline")
    elif state.phase == "baseline":
        yield from _baseline(plan, state, now)
    elif state.phase == "execute":
        yield from _execute(plan, state, now)
    elif state.phase == "restore":
        yield from _restore(plan, state, now)
    elif state.phase == "verify":
        yield from _verify(plan, state, now)


def _baseline(plan: Plan, state: State, now: Ms) -> Iterator[Action]:
    if state.t_go is not None:
        if now >= state.t_go:
            yield record("phase.entered", phase="execute")
        return
    if plan.method == "tabletop":
        yield record("timeline.started", t_go_ms=now)
        return
    began, period = state.phase_ms["baseline"], largest_period(plan)
    first = -(-began // period) * period
    if now < first + plan.baseline_ms + settling(plan):
        return
    waits_for = [*unsteady(plan, state, first, now, plan.baseline_ms), *blind_guards(plan, state, first)]
    if not waits_for:
        yield record("timeline.started", t_go_ms=(now // period + 1) * period)
    elif now >= _patient_until(plan, state, first, period):
        why = f"nothing was broken: the service was never seen steady and guarded ({', '.join(waits_for)})"
        yield from withdraw(plan, state, now, why, "skipped")
        yield record("phase.entered", phase="restore", why=why)


def _patient_until(plan: Plan, state: State, first: Ms, period: Ms) -> Ms:
    """How long a baseline may take; a conductor that takes a run over has first to read what was missed."""
    longest = max(plan.baseline_ms, period) * (1 + PATIENCE)
    return max(first + longest, state.claimed_ms + 2 * period) + settling(plan)


def _execute(plan: Plan, state: State, now: Ms) -> Iterator[Action]:
    yield from guard_actions(plan, state, now)
    if state.timeline_at(now) >= plan.max_duration_ms:
        yield from _day_over(plan, state, now)
        return
    if behind(plan, state):
        return
    yield from step_actions(plan, state, now)
    if responded(plan, state):
        yield from unreconciled(plan, state, "recovery")
    if all(state.step(s.id).status == "ended" for s in plan.steps):
        yield record("phase.entered", phase="restore")


def _day_over(plan: Plan, state: State, now: Ms) -> Iterator[Action]:
    """Nothing goes on beyond ``max_duration``. Where people alone have not done what was asked of them, with no limit
    of its own, that is a finding and no abort: the day has run, and its verdicts stand."""
    left = [s for s in plan.steps if state.step(s.id).status != "ended"]
    if all(s.kind in PEOPLE or s.branch for s in left) and all(s.fault is None for s in left):
        for step in left:
            began = state.step(step.id).status == "running"
            yield ended(step, state.step(step.id), "expired" if began else "skipped", now, "the day was over")
        yield record("phase.entered", phase="restore")
    else:
        yield record("abort.asked", why="max_duration is over")


def _restore(plan: Plan, state: State, now: Ms) -> Iterator[Action]:
    over = now >= max(state.phase_ms["restore"], state.claimed_ms) + RESTORE_WALL_MS * state.speed + longest_gone(plan)
    if (not settled(plan, state, now) and not over) or lever_awaited(plan, state, now):
        return
    if state.abort:
        yield End("aborted", state.abort)
    elif over or state.t0 is None:
        yield End("completed")
    else:
        yield record("phase.entered", phase="verify")


def _verify(plan: Plan, state: State, now: Ms) -> Iterator[Action]:
    ends = [f.ended_ms for f in state.faults.values() if f.ended_ms is not None]
    since = max(ends, default=state.phase_ms["verify"])
    hold = max((t.hold for t in plan.tolerances), default=0)
    last = max((state.t_go or now) + plan.max_duration_ms + state.held_ms,
               since + VERIFY_HOLDS * hold + settling(plan) + largest_period(plan),
               state.claimed_ms + settling(plan) + 2 * largest_period(plan))  # fmt: skip
    if not unsteady(plan, state, since, now) or now >= last:
        yield End("completed")
