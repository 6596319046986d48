"""What a FIS fault will do, said before anything is touched: targets, calls, duration, price, witness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from gameday.aws import Aws
from gameday.faults.catalogue import SHORTEST_MS, Action, action_minutes, actions
from gameday.faults.fis_template import fis_settings, lasts_ms, self_ending
from gameday.faults.reads import READS
from gameday.faults.targets import by_tags, resolve
from gameday.faults.witnesses import witness
from gameday.model.service import Technology
from gameday.model.workspace import Environment
from gameday.plan import Call
from gameday.protocols import Outline


def outline(
    aws: Aws, step: str, settings: BaseModel, targets: Sequence[Technology], environment: Environment
) -> Outline:
    """See ``Outlines``. ``duration_ms`` is what the action's own parameters say; None when only the step's ``for``
    can. ``action_minutes`` is 0 then: ask ``catalogue.action_minutes`` with the ``for``."""
    checked = fis_settings(settings)
    action = actions().get(checked.action)
    arns = resolve(aws, action, targets, environment)
    one_shot = action is not None and action.one_shot
    duration = None if one_shot else lasts_ms(checked, action)
    seen = witness(step, checked, arns, environment)
    return Outline(
        action=checked.action,
        targets=arns,
        duration_ms=duration,
        one_shot=one_shot,
        takes_duration=not one_shot and self_ending(checked, SHORTEST_MS, action),
        calls=tuple(_calls(step, targets, action, self_ending(checked, None, action))),
        action_minutes=action_minutes(duration, one_shot),
        witness_signals=seen.signals,
        effective=seen.effective,
        gone=seen.gone,
    )


def _calls(step: str, targets: Sequence[Technology], action: Action | None, self_ending: bool) -> Iterator[Call]:
    """Every call in the order in which it may come; ``why`` of StopExperiment says who has to end the fault."""
    for service, operation in sorted({by_tags(t) for t in targets if not t.arn and not t.name}):
        yield Call(step=step, service=service, operation=operation, why="find the targets by their tags", times="once")
    why = "check that the account knows the action" + ("" if action else ", and read its target keys")
    yield Call(step=step, service="fis", operation="GetAction", why=why)
    for service, operation in sorted({READS[t.type].call for t in targets if t.type in READS}):
        yield Call(step=step, service=service, operation=operation, why="see that the target exists")
    for operation, why, times in (
        ("CreateExperimentTemplate", "describe the fault", "1"),
        ("StartExperiment", "inject it", "1"),
        ("GetExperiment", "see how it goes", "once a poll"),
        ("ListExperimentResolvedTargets", "see which resources FIS chose", "once a poll until known"),
        ("StopExperiment", _stop(action, self_ending), "when it must end early" if self_ending else "1"),
        ("ListExperiments", "find it again after a crash", "only when its id was not noted"),
        ("ListExperimentTemplates", "find its template after a crash", "only when its id was not noted"),
        ("DeleteExperimentTemplate", "leave nothing behind", "1"),
    ):
        yield Call(step=step, service="fis", operation=operation, why=why, times=times)


def _stop(action: Action | None, self_ending: bool) -> str:
    if self_ending:
        return "undo"
    if action is not None and action.ends_by is not None:
        return f"undo; FIS ends it by itself only if the step says for, or parameters: {{{action.ends_by}: ...}}"
    return "end it: FIS does not end this fault by itself, so the conductor or the watchdog has to"
