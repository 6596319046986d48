"""What a Chaos Toolkit fault will do, said before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from gameday.errors import could_not_start
from gameday.faults.chaostoolkit.settings import AnyActivity, ChaosSettings, PythonActivity
from gameday.model.service import Technology
from gameday.model.workspace import Environment
from gameday.plan import Call
from gameday.protocols import Outline

NOTICED_MS = 1_000  # a process sees the end of its pipe at once; a busy machine takes its time


def outline(step: str, settings: ChaosSettings, targets: Sequence[Technology], environment: Environment) -> Outline:
    """See ``Outlines``. It has no duration of its own: the step's ``for`` says when it is undone. There is no default
    witness: nobody knows what an arbitrary action does. The calls that an activity makes are its own secret, so each
    is named as itself."""
    patterns = environment.envelope.actions
    if settings.undo and not any(fnmatchcase(settings.undo.action, pattern) for pattern in patterns):
        what = f"{step}: the undo {settings.undo.action} is not allowed here"
        raise could_not_start("ENVELOPE_ACTION", what, f"an undo like {' | '.join(patterns)}")
    arns = tuple(target.arn for target in targets if target.arn)
    return Outline(
        action=settings.provider.action,
        targets={"resources": arns} if arns else {},
        duration_ms=None,
        one_shot=False,
        calls=tuple(_calls(step, settings)),
        worst_case_ms=_worst_case(settings),
        stop_ends_it=settings.undo is not None or settings.background,
    )


def _worst_case(settings: ChaosSettings) -> int | None:
    """How long after the conductor's death the watchdog has undone it, or the worker's end has ended it."""
    if settings.undo:
        return NOTICED_MS + settings.undo.timeout
    return NOTICED_MS if settings.background else None


def _calls(step: str, settings: ChaosSettings) -> Iterator[Call]:
    yield Call(step=step, service="chaostoolkit", operation=_operation(settings.provider), why="inject it")
    if settings.undo:
        why = "undo; again until it succeeds"
        yield Call(step=step, service="chaostoolkit", operation=_operation(settings.undo), why=why)


def _operation(activity: AnyActivity) -> str:
    return f"{activity.module}.{activity.func}" if isinstance(activity, PythonActivity) else activity.action
