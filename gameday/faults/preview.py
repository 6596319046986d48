"""Read-only proof at the start of a run: the account knows the action and its parameters, and the targets exist.

AWS decides what an action takes, not our catalogue. What an account does not answer (no permission, no such call, no
answer) is a warning: then FIS itself refuses, or does not, when the fault is started.
"""

from __future__ import annotations

from collections.abc import Iterator

from gameday.aws import Aws, CallFailed, told
from gameday.errors import Problem
from gameday.faults.catalogue import Action, actions, from_answer
from gameday.faults.fis_template import FisSettings, fis_settings, parameters, self_ending
from gameday.faults.reads import exists
from gameday.protocols import Order

_NO_SUCH_ACTION = ("ResourceNotFoundException", "ValidationException")


def preview(aws: Aws, order: Order) -> list[Problem]:
    """Everything found, errors and warnings; empty when all is proven."""
    settings = fis_settings(order.settings)
    problems: list[Problem] = []
    action = _ask(aws, order.action, problems)
    if action is not None:
        problems += _parameters(settings, order, action)
        problems += _keys(order, action)
    known = action or actions().get(order.action)
    if not self_ending(settings, order.duration_ms, known):
        problems.append(_endless(order))
    for key, arns in order.targets.items():
        kind = known.targets.get(key, key) if known else key
        problems += _targets(aws, kind, tuple(arns))
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


def _parameters(settings: FisSettings, order: Order, action: Action) -> Iterator[Problem]:
    sent = parameters(settings, order.duration_ms, action).keys()
    for name in sorted(action.required - sent):
        yield Problem("MISSING_KEY", f"parameters: AWS wants {name!r} for {action.id}", f"parameters: {{{name}: ...}}")
    for name in sorted(sent - action.parameters):
        write = " | ".join(sorted(action.parameters)) or "no parameters"
        yield Problem("UNKNOWN_KEY", f"parameters.{name}: AWS does not know it for {action.id}", write)


def _keys(order: Order, action: Action) -> Iterator[Problem]:
    """A plan made without knowing the action has resource types as keys; ``template`` puts them right."""
    types = set(action.targets.values())
    for key in sorted(order.targets.keys() - action.targets.keys() - types):
        yield Problem("TARGET_TYPE", f"targets: {action.id} takes no {key}", " | ".join(sorted(types)) or "no targets")
    for key, kind in sorted(action.targets.items()):
        if not order.targets.get(key) and not order.targets.get(kind):
            yield Problem("NO_TARGETS", f"targets: {action.id} has nothing for {key}", f"a resource of type {kind}")


def _endless(order: Order) -> Problem:
    message = f"{order.step}: FIS does not end {order.action} by itself; the conductor or the watchdog has to stop it"
    return Problem("FAULT_NOT_SELF_ENDING", message, "nothing, if that is meant", severity="warning")


def _targets(aws: Aws, kind: str, arns: tuple[str, ...]) -> Iterator[Problem]:
    try:
        absent = [arn for arn in arns if exists(aws, kind, arn) is False]
    except CallFailed as error:
        message = f"targets: {kind} could not be checked ({error.problems[0].message})"
        yield Problem("TARGET_NOT_CHECKED", message, "allow this read", severity="warning")
        return
    for arn in absent:
        code = "NO_TARGETS" if len(absent) == len(arns) else "TARGET_MISSING"
        yield Problem(code, f"targets: {arn} does not exist there", "the ARN, name or tags of one that does")
