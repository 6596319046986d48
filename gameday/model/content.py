"""All files of a workspace, loaded: what ``load`` returns and ``lint``, ``plan`` and ``init`` speak of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from gameday.errors import Place
from gameday.model.action import Action, Lessons
from gameday.model.observer import Observer
from gameday.model.roster import Roster
from gameday.model.runbook import Runbook
from gameday.model.scenario import Scenario
from gameday.model.schedule import Schedule
from gameday.model.service import Service
from gameday.model.waiver import Waiver
from gameday.model.workload import Workload
from gameday.model.workspace import REHEARSAL, Environment, Workspace, rehearsal_environment

T = TypeVar("T")


@dataclass(frozen=True)
class SourceFile:
    """One file as it was read: its exact bytes, and where each key path stands in it.

    ``places`` maps a key path such as ``("timeline", 0, "action")`` to its line and column.
    """

    path: str
    raw: bytes
    places: Mapping[tuple[str | int, ...], Place] = field(default_factory=dict, compare=False, repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()

    def place(self, path: tuple[str | int, ...] = ()) -> Place:
        """The place of this key path, or of its nearest parent that has one."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.path))


@dataclass(frozen=True)
class Loaded(Generic[T]):
    """A model and the file it came from."""

    model: T
    file: SourceFile


@dataclass(frozen=True)
class Content:
    """Everything a workspace holds, by id. ``root`` is the folder that holds the four content folders."""

    root: Path
    workspace: Loaded[Workspace] | None = None
    services: Mapping[str, Loaded[Service]] = field(default_factory=dict)
    scenarios: Mapping[str, Loaded[Scenario]] = field(default_factory=dict)
    runbooks: Mapping[str, Loaded[Runbook]] = field(default_factory=dict)
    observers: Mapping[str, Loaded[Observer]] = field(default_factory=dict)
    workloads: Mapping[str, Loaded[Workload]] = field(default_factory=dict)  # by service id
    waivers: Mapping[str, Loaded[Waiver]] = field(default_factory=dict)
    roster: Loaded[Roster] | None = None  # who holds which role today; names are nowhere else
    schedules: Mapping[str, Loaded[Schedule]] = field(default_factory=dict)
    actions: Mapping[str, Loaded[Action]] = field(default_factory=dict)
    lessons: Mapping[str, Loaded[Lessons]] = field(default_factory=dict)  # by run

    def environment(self, name: str) -> Environment | None:
        """The environment of this name; ``rehearsal`` is always there."""
        environments: Mapping[str, Environment] = self.workspace.model.environments if self.workspace else {}
        if name == REHEARSAL:
            return rehearsal_environment(environments.values())
        return environments.get(name)
