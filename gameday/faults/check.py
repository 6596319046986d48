"""What a provider finds wrong with a fault step from the files alone, before AWS is asked anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel

from gameday.errors import GamedayError, InvalidFiles, Place, Problem
from gameday.faults.catalogue import DURATIONS, LONGEST_MS, SHORTEST_MS, Action, actions
from gameday.faults.chaostoolkit.check import check_chaos
from gameday.faults.chaostoolkit.settings import ChaosSettings
from gameday.faults.fis_template import FisSettings
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
    checks = {"fis": _check_fis, "chaostoolkit": _check_chaos}
    check = checks.get(step.fault, check_plugged)
    try:
        return check(service, step)
    except InvalidFiles as error:
        return [replace(problem, place=None) for problem in error.problems]


def _check_chaos(_: Service, step: FaultStep) -> list[Problem]:
    return list(check_chaos(step, settings_of(step, ChaosSettings)))


def _check_fis(service: Service, step: FaultStep) -> list[Problem]:
    settings = settings_of(step, FisSettings)
    action = actions().get(settings.action)
    problems = list(_action(service, step, settings, action)) if action else [_unknown(settings.action)]
    return [*problems, *_end(step, settings, action)]


def check_plugged(service: Service, step: FaultStep) -> list[Problem]:
    """What the plug-in of this name says of a step: its settings, and its own check where it has one."""
    try:
        plugin = installed().find("fault", step.fault)
        if plugin is None or plugin.settings is None:
            names = installed().names("fault")
            write = f"fault: {' | '.join(get_close_matches(step.fault, names, 1) or names)}"
            return [Problem("UNKNOWN_PROVIDER", f"fault: no provider {step.fault!r}", write)]
        settings = settings_of(step, plugin.settings)
        return plugin.check(settings, tuple(_resources(service, settings)))
    except GamedayError as error:
        return [replace(problem, place=None) for problem in error.problems]


def _resources(service: Service, settings: BaseModel) -> Iterator[Technology]:
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


def _action(service: Service, step: FaultStep, settings: FisSettings, action: Action) -> Iterator[Problem]:
    given = settings.parameters.keys()
    filled = {action.ends_by} if step.lasts is not None else set()  # for is sent as the action's own duration
    for name in sorted(action.required - given - filled):
        yield Problem("MISSING_KEY", f"parameters: {name!r} is missing for {action.id}", f"{name}: ...")
    for name in sorted(given - action.parameters):
        near = get_close_matches(name, sorted(action.parameters), 1) or sorted(action.parameters)
        yield Problem("UNKNOWN_KEY", f"parameters.{name}: not a parameter of {action.id}", " | ".join(near))
    if action.targets and not settings.targets:
        types = " | ".join(sorted(set(action.targets.values())))
        yield Problem("NO_TARGETS", f"{action.id} has no target", f"targets: [a resource of type {types}]")
    for i, ident in enumerate(settings.targets or ()):
        resource, takes = service.technology(ident), sorted(set(action.targets.values()))
        if resource and resource.type not in takes:
            what = f"targets.{i}: {ident!r} is of type {resource.type}"
            yield Problem("TARGET_TYPE", what, f"a resource of type {' | '.join(takes)}" if takes else "no targets")


def _end(step: FaultStep, settings: FisSettings, action: Action | None) -> Iterator[Problem]:
    ends = [name for name in DURATIONS if name in settings.parameters]
    one_shot = step.one_shot or (step.one_shot is None and action is not None and action.one_shot)
    if not ends and step.lasts is None and not one_shot:
        what = "fault: it has no end: no duration, no for, and it is not over at once"
        yield Problem("FAULT_ENDLESS", what, "for: 10m, or parameters: {duration: 10m}, or one_shot: true")
    for name in ends:
        yield from _duration(name, settings.parameters[name])


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
