"""What is wrong with a Chaos Toolkit fault from the files alone. Nothing of an extension is imported to find it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.machinery import PathFinder
from importlib.util import find_spec

from gameday.errors import Problem
from gameday.faults.chaostoolkit.settings import AnyActivity, ChaosSettings, PythonActivity
from gameday.model.activity import FromEnvironment
from gameday.model.scenario import FaultStep


def check_chaos(step: FaultStep, settings: ChaosSettings) -> Iterator[Problem]:
    """Problems of a step whose settings have been read."""
    if step.lasts is None and not step.one_shot:
        what = "fault: nothing ends a Chaos Toolkit fault but gameday, and nobody says when"
        yield Problem("FAULT_ENDLESS", what, "for: 10m, or one_shot: true when it is over at once")
    if settings.undo is None and not step.one_shot and not settings.background:
        what = "provider: nothing takes this fault back, so the run will end unsafe"
        yield Problem("CHAOS_NO_UNDO", what, "undo: {module: ..., func: ...}, or one_shot: true", severity="warning")
    if settings.background and step.one_shot:
        yield Problem("BAD_VALUE", "background: an action that is over at once has no background", "one of the two")
    for activity in settings.activities():
        yield from not_installed(activity, "warning")


def not_installed(activity: AnyActivity, severity: str) -> Iterator[Problem]:
    """CHAOS_MODULE_MISSING when Python finds no such module. Packages are looked up on disk, and none is run."""
    if isinstance(activity, PythonActivity) and not _found(activity.module):
        what = f"provider: the module {activity.module} is not installed here"
        yield Problem("CHAOS_MODULE_MISSING", what, "pip install the extension that holds it", severity=severity)


def _found(module: str) -> bool:
    spec = find_spec(module.partition(".")[0])
    for part in () if module == "os.path" else module.split(".")[1:]:
        if spec is None or spec.submodule_search_locations is None:
            return False
        spec = PathFinder.find_spec(part, spec.submodule_search_locations)  # by its last name: no parent is imported
    return spec is not None


def not_set(settings: ChaosSettings) -> Iterator[Problem]:
    """CHAOS_SECRET_MISSING for each reference that leads to nothing now. Its value is not read."""
    for activity in settings.activities():
        for name, reference in {**settings.secrets, **activity.secrets}.items():
            if isinstance(reference, FromEnvironment):
                where, there = reference.env, reference.env in os.environ
            else:
                where, there = reference.file, os.access(reference.file, os.R_OK)
            if not there:
                what = f"secrets.{name}: {where} is not set, or cannot be read"
                yield Problem("CHAOS_SECRET_MISSING", what, "set it before the run")
