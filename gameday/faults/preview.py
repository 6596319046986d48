"""Read-only proof at the start of a run: the account knows the actions and their parameters, and the targets exist.

AWS decides what an action takes, not our catalogue. What an account does not answer (no permission, no such call, no
answer) is a warning: then FIS itself refuses, or does not, when the fault is started.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gameday.aws import Aws, CallFailed, told
from gameday.errors import CouldNotStart, Problem
from gameday.faults.catalogue import Action, actions, from_answer
from gameday.faults.fis_settings import FisAction, FisSettings, fis_settings, parameters, self_ending
from gameday.faults.fis_template import names
from gameday.faults.homes import home
from gameday.faults.reads import exists
from gameday.faults.targets import arns_of
from gameday.model.service import Technology
from gameday.protocols import Order

_NO_SUCH_ACTION = ("ResourceNotFoundException", "ValidationException")


def preview(aws: Aws, order: Order) -> list[Problem]:
    """Everything found, errors and warnings; empty when all is proven."""
    settings = fis_settings(order.settings)
    problems: list[Problem] = []
    for part in settings.each:
        problems += _part(aws, order, settings, part)
    return problems


def _part(aws: Aws, order: Order, settings: FisSettings, part: FisAction) -> list[Problem]:
    """One action. With several each has its own duration, so that the step's ``for`` is not sent."""
    problems: list[Problem] = []
    duration = None if settings.actions else order.duration_ms
    action = _ask(aws.at(None, order.region), part.action, problems)
    held = names(order, settings, part)
    if action is not None:
        problems += _parameters(part, duration, action)
        problems += _keys(held, action)
    known = action or actions().get(part.action)
    if not self_ending(part, duration, known):
        problems.append(_endless(order.step, part.action))
    for key, name in held.items():
        kind = known.targets.get(key, key) if known else key
        problems += _targets(aws, order, kind, tuple(order.targets.get(name, ())))
        if name in order.tags:
            problems += _still(aws, order, name, kind)
    return problems


def _ask(aws: Aws, ident: str, problems: list[Problem]) -> Action | None:
    """The action as the account knows it."""
    try:
        with told("fis GetAction"):
            return from_answer(aws.client("fis").get_action(id=ident)["action"])
    except CallFailed as error:
        if error.code in _NO_SUCH_ACTION:
            message = f"action: {ident} is not known there ({error.problems[0].message})"
            problems.append(Problem("UNKNOWN_ACTION", message, "an action that aws fis list-actions shows there"))
        else:
            message = f"action: {ident} could not be checked ({error.problems[0].message})"
            problems.append(Problem("ACTION_NOT_CHECKED", message, "allow fis:GetAction", severity="warning"))
    return None


def _parameters(part: FisAction, duration_ms: int | None, action: Action) -> Iterator[Problem]:
    sent = parameters(part, duration_ms, action).keys()
    for name in sorted(action.required - sent):
        yield Problem("MISSING_KEY", f"parameters: AWS wants {name!r} for {action.id}", f"parameters: {{{name}: ...}}")
    for name in sorted(sent - action.parameters):
        write = " | ".join(sorted(action.parameters)) or "no parameters"
        yield Problem("UNKNOWN_KEY", f"parameters.{name}: AWS does not know it for {action.id}", write)


def _keys(held: Iterable[str], action: Action) -> Iterator[Problem]:
    """A plan made without knowing the action has resource types as keys; ``template`` puts them right."""
    types, given = set(action.targets.values()), set(held)
    for key in sorted(given - action.targets.keys() - types):
        yield Problem("TARGET_TYPE", f"targets: {action.id} takes no {key}", " | ".join(sorted(types)) or "no targets")
    for key, kind in sorted(action.targets.items()):
        if key not in given and kind not in given:
            yield Problem("NO_TARGETS", f"targets: {action.id} has nothing for {key}", f"a resource of type {kind}")


def _endless(step: str, action: str) -> Problem:
    message = f"{step}: FIS does not end {action} by itself; the conductor or the watchdog has to stop it"
    return Problem("FAULT_NOT_SELF_ENDING", message, "nothing, if that is meant", severity="warning")


def _targets(aws: Aws, order: Order, kind: str, arns: tuple[str, ...]) -> Iterator[Problem]:
    try:
        absent = [arn for arn in arns if exists(aws.of(arn, *home(order)), kind, arn) is False]
    except CallFailed as error:
        yield _unchecked(kind, error)
        return
    for arn in absent:
        code = "NO_TARGETS" if len(absent) == len(arns) else "TARGET_MISSING"
        yield Problem(code, f"targets: {arn} does not exist there", "the ARN, name or tags of one that does")


def _unchecked(kind: str, error: CallFailed) -> Problem:
    message = f"targets: {kind} could not be checked ({error.problems[0].message})"
    return Problem("TARGET_NOT_CHECKED", message, "allow this read", severity="warning")


def _still(aws: Aws, order: Order, name: str, kind: str) -> Iterator[Problem]:
    """FIS resolves tags when it starts: what they name now must be what they named when the plan was made."""
    account, region = home(order)
    tagged = Technology(id="targets", type=kind, tags=dict(order.tags[name]), account=account, region=region)
    try:
        now = set(arns_of(aws, tagged, order.environment))
    except CallFailed as error:
        yield _unchecked(kind, error)
        return
    except CouldNotStart:
        now = set()
    changed = sorted(now ^ set(order.targets.get(name, ())))
    if changed:
        what = f"targets: since the plan was made the tags {tagged.tags} name others: {', '.join(changed)}"
        yield Problem("TARGETS_CHANGED", what, "gameday plan again, and have that approved")
