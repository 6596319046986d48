"""What a provider finds wrong with a fault step from the files alone, before AWS is asked anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel

from gameday.errors import GamedayError, InvalidFiles, Place, Problem
from gameday.faults.catalogue import DURATIONS, LONGEST_MS, SHORTEST_MS, Action, actions, target_parameters
from gameday.faults.chaostoolkit.check import check_chaos
from gameday.faults.chaostoolkit.settings import ChaosSettings
from gameday.faults.fis_graph import wrong
from gameday.faults.fis_settings import FisAction, FisSettings, lasts_ms
from gameday.faults.homes import explicit, mixed
from gameday.faults.ssm import INSTANCE, KILL, SsmSettings
from gameday.model.content import SourceFile
from gameday.model.load import validate
from gameday.model.scenario import FaultStep
from gameday.model.service import Service, Technology
from gameday.model.types import parse_duration
from gameday.model.yaml import Path_
from gameday.plugins import installed

M = TypeVar("M", bound=BaseModel)


def check_fault(service: Service, step: FaultStep) -> list[Problem]:
    """Problems without a place; a message begins with the key it is about where there is one."""
    checks = {"fis": _check_fis, "ssm": _check_ssm, "chaostoolkit": _check_chaos}
    check = checks.get(step.fault, check_plugged)
    try:
        return check(service, step)
    except InvalidFiles as error:
        return [replace(problem, place=None) for problem in error.problems]


def _check_chaos(_: Service, step: FaultStep) -> list[Problem]:
    return list(check_chaos(step, settings_of(step, ChaosSettings)))


def _check_ssm(service: Service, step: FaultStep) -> list[Problem]:
    return list(_document(service, step, settings_of(step, SsmSettings)))


def _check_fis(service: Service, step: FaultStep) -> list[Problem]:
    settings = settings_of(step, FisSettings)
    targets = [t for name in settings.resources if (t := service.technology(name))]
    regions = explicit(targets)
    return [*_fis(service, step, settings), *([mixed(regions)] if len(regions) > 1 else [])]


def _document(service: Service, step: FaultStep, settings: SsmSettings) -> Iterator[Problem]:
    """A document of Systems Manager: what it takes only AWS knows."""
    for i, ident in enumerate(settings.targets or ()):
        resource = service.technology(ident)
        if resource and resource.type != INSTANCE:
            what = f"targets.{i}: {ident!r} is of type {resource.type}, on which no document runs"
            yield Problem("TARGET_TYPE", what, f"a resource of type {INSTANCE}")
    if settings.kind == "command" and not settings.targets:
        yield Problem("NO_TARGETS", "document: a command has no target", f"targets: [a resource of type {INSTANCE}]")
    ends = settings.lasts_ms or step.lasts or step.one_shot or (settings.name == KILL and step.one_shot is None)
    if not ends:
        what = "fault: it has no end: no DurationSeconds, no for, and it is not over at once"
        yield Problem("FAULT_ENDLESS", what, "for: 10m, or one_shot: true")


def _fis(service: Service, step: FaultStep, settings: FisSettings) -> list[Problem]:
    if settings.actions is None:
        return _one(service, step, settings.each[0], step.lasts is not None)
    problems: list[Problem] = []
    for i, part in enumerate(settings.each):
        problems += _placed(f"actions.{i}.", [*_resources(service, part), *_one(service, step, part, False)])
    return [*problems, *wrong(settings.each, _known_ms)]


def _placed(at: str, problems: Iterable[Problem]) -> Iterator[Problem]:
    for problem in problems:
        yield replace(problem, message=at + problem.message)


def _known_ms(part: FisAction) -> int | None:
    action = actions().get(part.action)
    try:
        return 0 if action and action.one_shot else lasts_ms(part, action)
    except ValueError:
        return None  # a duration that is none is told already


def _one(service: Service, step: FaultStep, part: FisAction, filled: bool) -> list[Problem]:
    """One action. ``filled``: the step's ``for`` is sent as its own duration."""
    action = actions().get(part.action)
    problems = list(_action(service, part, action, filled)) if action else [_unknown(part.action)]
    return [*problems, *_end(step, part, action)]


def check_plugged(service: Service, step: FaultStep) -> list[Problem]:
    """What the plug-in of this name says of a step: its settings, and its own check where it has one."""
    try:
        plugin = installed().find("fault", step.fault)
        if plugin is None or plugin.settings is None:
            names = installed().names("fault")
            write = f"fault: {' | '.join(get_close_matches(step.fault, names, 1) or names)}"
            return [Problem("UNKNOWN_PROVIDER", f"fault: no provider {step.fault!r}", write)]
        settings = settings_of(step, plugin.settings)
        return plugin.check(settings, tuple(_targets_of(service, settings)))
    except GamedayError as error:
        return [replace(problem, place=None) for problem in error.problems]


def _targets_of(service: Service, settings: BaseModel) -> Iterator[Technology]:
    """Those of the targets that the service has; a name that it has not is told with the scenario."""
    for name in getattr(settings, "targets", None) or ():
        found = service.technology(str(name))
        if found is not None:
            yield found


def settings_of(step: FaultStep, model: type[M]) -> M:
    """The step's own keys as the provider's model; InvalidFiles whose messages begin with the key."""
    return validate(step.settings, model, SourceFile("", b"", dict(_paths(step.settings, ()))))


def _paths(value: Any, at: Path_) -> Iterator[tuple[Path_, Place]]:
    yield at, Place("")
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, tuple) else ()
    for key, inner in items:
        yield from _paths(inner, (*at, key))


def _unknown(ident: str) -> Problem:
    near = get_close_matches(ident, sorted(actions()), 1)
    write = near[0] if near else "an id from the FIS actions reference, if this is none"
    return Problem("UNKNOWN_ACTION", f"action: {ident} is not one we know; AWS will decide", write, severity="warning")


def _resources(service: Service, part: FisAction) -> Iterator[Problem]:
    """For one of several actions; the targets of a step with one are reviewed with the scenario."""
    names = sorted(t.id for t in service.resources.technology)
    for i, ident in enumerate(part.targets or ()):
        if service.technology(ident) is None:
            near = get_close_matches(ident, names, 1) or names
            yield Problem(
                "UNKNOWN_RESOURCE", f"targets.{i}: there is no resource {ident!r}", " | ".join(near) or "none"
            )


def _action(service: Service, part: FisAction, action: Action, filled: bool) -> Iterator[Problem]:
    given = part.parameters.keys()
    ends = {action.ends_by} if filled else set()  # for is sent as the action's own duration
    for name in sorted(action.required - given - ends):
        yield Problem("MISSING_KEY", f"parameters: {name!r} is missing for {action.id}", f"{name}: ...")
    for name in sorted(given - action.parameters):
        near = get_close_matches(name, sorted(action.parameters), 1) or sorted(action.parameters)
        yield Problem("UNKNOWN_KEY", f"parameters.{name}: not a parameter of {action.id}", " | ".join(near))
    if action.targets and not part.targets:
        types = " | ".join(sorted(set(action.targets.values())))
        yield Problem("NO_TARGETS", f"action: {action.id} has no target", f"targets: [a resource of type {types}]")
    for i, ident in enumerate(part.targets or ()):
        resource, takes = service.technology(ident), sorted(set(action.targets.values()))
        if resource and resource.type not in takes:
            what = f"targets.{i}: {ident!r} is of type {resource.type}"
            yield Problem("TARGET_TYPE", what, f"a resource of type {' | '.join(takes)}" if takes else "no targets")
    yield from _target_parameters(part, action)


def _target_parameters(part: FisAction, action: Action) -> Iterator[Problem]:
    """Those of all target types of the action together."""
    known = {name: must for kind in action.targets.values() for name, must in target_parameters(kind).items()}
    for name in sorted(part.target_parameters.keys() - known.keys()):
        write = " | ".join(sorted(known)) or "no target_parameters"
        yield Problem("UNKNOWN_KEY", f"target_parameters.{name}: not one of {action.id}", write)
    for name in sorted(name for name, must in known.items() if must and name not in part.target_parameters):
        what = f"action: {name!r} is missing in target_parameters of {action.id}"
        yield Problem("MISSING_KEY", what, f"target_parameters: {{{name}: ...}}")


def _end(step: FaultStep, part: FisAction, action: Action | None) -> Iterator[Problem]:
    ends = [name for name in DURATIONS if name in part.parameters]
    one_shot = step.one_shot or (step.one_shot is None and action is not None and action.one_shot)
    if not ends and step.lasts is None and not one_shot:
        what = "fault: it has no end: no duration, no for, and it is not over at once"
        yield Problem("FAULT_ENDLESS", what, "for: 10m, or parameters: {duration: 10m}, or one_shot: true")
    for name in ends:
        yield from _duration(name, part.parameters[name])


def _duration(name: str, value: Any) -> Iterator[Problem]:
    if isinstance(value, str) and value.startswith("PT"):
        return  # as FIS writes it; FIS checks it
    try:
        fits = SHORTEST_MS <= parse_duration(value) <= LONGEST_MS
    except ValueError:
        yield Problem("BAD_VALUE", f"parameters.{name}: {value!r} is not a duration", "90s, 20m or 2h")
        return
    if not fits:
        yield Problem("BAD_VALUE", f"parameters.{name}: FIS takes one minute to twelve hours", "1m to 12h")
