"""What was tested when: service, resource and kind of adverse circumstance; each cell with its last valid test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, get_args

from gameday.model.content import Content
from gameday.model.rules import Tested
from gameday.model.service import Resources, Service
from gameday.model.types import Adverse

LISTS = ("people", "processes", "technology", "facilities", "information", "third_parties")


@dataclass(frozen=True)
class Cell:
    """One resource under one kind of circumstance. ``run`` None: not tested since ever; ``tried``: the newest run that
    was meant to, and was no valid test."""

    service: str
    kind: str
    resource: str
    adverse: str
    run: str | None = None
    on: date | None = None
    verdict: str | None = None
    age_days: int | None = None
    environment: str | None = None
    tried: str | None = None
    not_applicable: str | None = None

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "on": self.on.isoformat() if self.on else None}


def coverage(content: Content, runs: Sequence[Tested], today: date) -> list[Cell]:
    """Every cell of the matrix, in the order of the files. A tabletop tests no technology."""
    cells = []
    for ident, service in content.services.items():
        mine = [run for run in runs if run.service == ident]
        for kind, resource in _resources(service.model.resources):
            cells += [_cell(content, service.model, (kind, resource), adverse, mine, today)
                      for adverse in get_args(Adverse)]  # fmt: skip
    return cells


def _resources(resources: Resources) -> Iterator[tuple[str, str]]:
    for kind in LISTS:
        items = getattr(resources, kind)
        if isinstance(items, tuple):
            yield from ((kind, item.id) for item in items)


def _cell(
    content: Content, service: Service, resource: tuple[str, str], adverse: str, runs: Sequence[Tested], today: date
) -> Cell:
    kind, ident = resource
    why = service.not_applicable.get(adverse)  # type: ignore[call-overload]  # one of its own words
    meant = [r for r in runs if ident in r.meant and adverse in _adverse(content, r)]
    shown = [r for r in meant if r.valid and ident in r.resources]
    last = max(shown, key=lambda r: (r.on, r.run), default=None)
    tried = max((r.run for r in meant if r not in shown), default=None)
    if last is None:
        return Cell(service.id, kind, ident, adverse, tried=tried, not_applicable=why)
    age = (today - last.on).days
    outcome = "tabletop" if last.method == "tabletop" else last.outcome
    return Cell(service.id, kind, ident, adverse, last.run, last.on, outcome, age, last.environment, tried, why)


def _adverse(content: Content, run: Tested) -> tuple[str, ...]:
    scenario = content.scenarios.get(run.scenario)
    return scenario.model.adverse if scenario else ()


def tested_only(cells: Sequence[Cell]) -> list[Cell]:
    """One cell a resource at least: those that were tested or tried, else the resource as not tested at all."""
    by_resource: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        by_resource.setdefault((cell.service, cell.kind, cell.resource), []).append(cell)
    found = []
    for (service, kind, resource), mine in by_resource.items():
        found += [c for c in mine if c.run or c.tried] or [Cell(service, kind, resource, "any")]
    return found
