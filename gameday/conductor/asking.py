"""What is asked of people, and what comes of it: expectations, injects, and tasks step by step. Pure.

A limit on people stands still while the run is held.
"""

from __future__ import annotations

from collections.abc import Iterator

from gameday.clock import Ms
from gameday.conductor.actions import Action, CallStep, record
from gameday.conductor.reaching import Expects, deliver, handed_over, recipient
from gameday.conductor.sight import look
from gameday.conductor.timing import lapsed_unheard, used_ms
from gameday.journal.asked import PromptState
from gameday.journal.state import State, StepState
from gameday.model.runbook import RunbookStep
from gameday.model.scenario import RoleExpectation
from gameday.plan import Plan, PlannedStep

CHECK_WITHIN_MS = 120_000
LOOK = "-made"  # of the prompt that asks whether a call was made before its conductor died


def role_actions(plan: Plan, state: State, step: PlannedStep, held: StepState, now: Ms) -> Iterator[Action]:
    """Somebody is expected to acknowledge or answer."""
    expects: Expects = step.expect.does if isinstance(step.expect, RoleExpectation) else "acknowledge"
    prompt = state.prompts.get(step.id)
    if prompt is not None:
        yield from _answered(plan, state, step, prompt, now)
    elif step.within_ms is not None and used_ms(state, held.started_ms or now, now) > step.within_ms:
        unheard = lapsed_unheard(state, held.started_ms or now, step.within_ms)
        why = unheard or f"nothing could be put before {recipient(plan, state, step.to or 'facilitator', now)}"
        yield record("step.ended", step=step.id, result="unknown" if unheard else "missed", why=why, after_ms=None)
    else:
        yield deliver(plan, state, step, step.says or step.title, expects, now)


def inject_actions(plan: Plan, state: State, step: PlannedStep, held: StepState, now: Ms) -> Iterator[Action]:
    """Somebody is told something, and may be expected to react."""
    prompt = state.prompts.get(step.id)
    if isinstance(step.expect, RoleExpectation):
        yield from role_actions(plan, state, step, held, now)
    elif prompt is None:
        yield deliver(plan, state, step, step.says or step.title, "none", now)
    else:
        yield record("step.ended", step=step.id, result="done", why=None, after_ms=0)


def _answered(plan: Plan, state: State, step: PlannedStep, prompt: PromptState, now: Ms) -> Iterator[Action]:
    if prompt.done_ms is not None:
        after = used_ms(state, prompt.delivered_ms, prompt.done_ms)
        late = step.within_ms is not None and after > step.within_ms
        result, why = _too_late(state, step, prompt, "it came too late") if late else ("met", None)
        yield record("step.ended", step=step.id, result=result, why=why, after_ms=after, by=prompt.done_by)
    elif step.within_ms is not None and used_ms(state, prompt.delivered_ms, now) > step.within_ms:
        result, why = _too_late(state, step, prompt, f"{prompt.to} did not {prompt.expects} in time")
        yield record("step.ended", step=step.id, result=result, why=why, after_ms=None)
    else:
        yield from handed_over(plan, state, prompt, now)


def _too_late(state: State, step: PlannedStep, prompt: PromptState, why: str) -> tuple[str, str]:
    """Missed; but unknown when the limit passed while there was no conductor to hear them."""
    unheard = lapsed_unheard(state, prompt.delivered_ms, step.within_ms)
    return ("unknown", unheard) if unheard else ("missed", why)


def task_actions(plan: Plan, state: State, step: PlannedStep, held: StepState, now: Ms) -> Iterator[Action]:
    """A runbook is followed, one step after the other; a call or a check that fails ends the task."""
    started, done = held.started_ms or now, state.tasks.get(step.id, {})
    out = state.played.passed_over.get(step.id, {})
    left = [s for s in plan.runbook(step.runbook or "").steps if s.number not in done and s.number not in out]
    after = used_ms(state, started, now)
    if not left:
        last = max((*done.values(), *out.values()), default=now)
        yield _task_ended(step, "done", None, used_ms(state, started, last))
    elif step.within_ms is not None and after > step.within_ms:
        unheard = lapsed_unheard(state, started, step.within_ms)
        why = unheard or f"step {left[0].number} was not done in time"
        yield _task_ended(step, "unknown" if unheard else "expired", why, after)
    else:
        yield from _runbook_step(plan, state, step, left[0], after, now)


def _task_ended(step: PlannedStep, result: str, why: str | None, after: Ms) -> Action:
    return record("step.ended", step=step.id, result=result, why=why, after_ms=after)


def _runbook_step(
    plan: Plan, state: State, step: PlannedStep, due: RunbookStep, after: Ms, now: Ms
) -> Iterator[Action]:
    prompt = state.prompts.get(f"{step.id}#{due.number}")
    if prompt is None:
        yield deliver(plan, state, step, due.says, "perform", now, due.number)
    elif prompt.done_ms is not None:
        yield from _performed(plan, state, step, due, prompt, after, now)
    else:
        yield from handed_over(plan, state, prompt, now)


def _performed(
    plan: Plan, state: State, step: PlannedStep, due: RunbookStep, prompt: PromptState, after: Ms, now: Ms
) -> Iterator[Action]:
    key, block = (step.id, due.number), due.block
    failed = state.call_failed.get(key)
    if failed is not None:
        yield _task_ended(step, "failed", f"the call of step {due.number} failed: {failed}", after)
    elif block and block.do and key not in state.called:
        yield from _call(plan, state, step, due, now)
    elif block and block.check and not state.checked.get(key):
        yield from _check(plan, state, step, due, prompt, after, now)
    else:
        yield record("task.step_done", step=step.id, number=due.number, role=prompt.done_by,
                     after_ms=used_ms(state, prompt.delivered_ms, now))  # fmt: skip


def _check(
    plan: Plan, state: State, step: PlannedStep, due: RunbookStep, prompt: PromptState, after: Ms, now: Ms
) -> Iterator[Action]:
    key = (step.id, due.number)
    assert due.block and due.block.check  # _performed asks only then
    if state.checked.get(key) is False:
        yield _task_ended(step, "failed", f"the check of step {due.number} was not met", after)
        return
    given = due.block.check
    condition = given if given.within is not None else given.model_copy(update={"within": CHECK_WITHIN_MS})
    seen = look(plan, state, condition, state.called.get(key, prompt.done_ms or now), now)
    if seen.hit:
        yield record("task.step_checked", step=step.id, number=due.number, ok=True, said=f"seen: {given}",
                     bucket_ms=seen.hit.start_ms)  # fmt: skip
    elif seen.over:
        said = f"not seen: {given}" if seen.read else f"{given.signal} could not be read"
        yield record("task.step_checked", step=step.id, number=due.number, ok=False, said=said)


def _call(plan: Plan, state: State, step: PlannedStep, due: RunbookStep, now: Ms) -> Iterator[Action]:
    """Made once. The journal says that it is about to be made before it is; when the conductor dies in between, nobody
    knows whether it was, and a person who has looked says so: "no" lets it be made, all else takes it as made."""
    key = (step.id, due.number)
    epoch = state.played.intended.get(key)
    if epoch is None:
        yield record("task.step_calling", step=step.id, number=due.number)
        return
    if epoch == state.epoch:
        yield CallStep(step.id, due.number)
        return
    asked = state.prompts.get(f"{step.id}#{due.number}{LOOK}")
    if asked is None:
        says = f"Nobody knows whether the call of step {due.number} was made before the conductor died. Look, and say "
        yield deliver(plan, state, step, f"{says}yes or no: {due.says}", "answer", now, due.number, LOOK)
    elif asked.done_ms is None:
        yield from handed_over(plan, state, asked, now)
    elif asked.text.strip().lower().startswith("no"):
        yield record("task.step_calling", step=step.id, number=due.number)
    else:
        said = f"{asked.done_by} says that it was made before the conductor died"
        yield record("task.step_called", step=step.id, number=due.number, ok=True, said=said)
