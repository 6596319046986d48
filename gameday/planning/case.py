"""One scenario with everything it needs, and the files it was read from."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from gameday.errors import CouldNotStart, could_not_start
from gameday.model.content import Content, Loaded, SourceFile
from gameday.model.runbook import Runbook
from gameday.model.scenario import Scenario, TaskStep
from gameday.model.service import Service
from gameday.model.workspace import REHEARSAL, Environment


def unknown(what: str, name: str, names: Collection[str]) -> CouldNotStart:
    """UNKNOWN_<WHAT>, with the nearest names there are."""
    near = get_close_matches(name, sorted(names), 3) or sorted(names)[:5]
    write = " | ".join(near) if near else f"the id of a {what}; there is none yet"
    return could_not_start(f"UNKNOWN_{what.upper()}", f"no {what} {name!r}", write)


@dataclass
class Case:
    """What one plan is made of. ``files`` collects each file that the plan uses."""

    content: Content
    scenario: Scenario
    file: SourceFile
    service: Service
    environment_name: str
    environment: Environment
    runbooks: tuple[Runbook, ...] = ()
    files: dict[str, SourceFile] = field(default_factory=dict)

    @property
    def rehearsed(self) -> bool:
        """Whether this is a rehearsal, on the stand-in for AWS."""
        return self.environment_name == REHEARSAL

    def use(self, loaded: Loaded[Any]) -> None:
        """Remember that the plan depends on this file."""
        path, root = Path(loaded.file.path), self.content.root
        name = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
        self.files[name.as_posix()] = loaded.file


def open_case(content: Content, scenario_id: str, environment_name: str) -> Case:
    """The case of a scenario in an environment; CouldNotStart with close matches when there is no such name."""
    loaded = content.scenarios.get(scenario_id)
    if loaded is None:
        raise unknown("scenario", scenario_id, content.scenarios)
    environment = content.environment(environment_name)
    if environment is None:
        known = content.workspace.model.environments if content.workspace else {}
        raise unknown("environment", environment_name, {REHEARSAL, *known})
    service = content.services.get(loaded.model.service)
    if service is None:
        raise unknown("service", loaded.model.service, content.services)
    case = Case(content, loaded.model, loaded.file, service.model, environment_name, environment)
    case.use(loaded)
    case.use(service)
    case.runbooks = tuple(_runbooks(case))
    return case


def _runbooks(case: Case) -> Iterable[Runbook]:
    for ident in sorted({step.task for step in case.scenario.timeline if isinstance(step, TaskStep)}):
        loaded = case.content.runbooks.get(ident)
        if loaded is None:
            raise unknown("runbook", ident, case.content.runbooks)
        case.use(loaded)
        yield loaded.model
