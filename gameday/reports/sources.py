"""Figures with their sources, made from one run's folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gameday.clock import Ms
from gameday.journal.events import Event
from gameday.plan import Plan
from gameday.reports.model import Figure, Sources


def figure(value: float | int | None, unit: str, source: Iterable[str]) -> Figure | None:
    """None stays None: nobody knows it."""
    return None if value is None else told(value, unit, source)


def told(value: float | int, unit: str, source: Iterable[str]) -> Figure:
    """A number that is known; whole ones are written without a point."""
    whole = int(value) if value == int(value) else round(float(value), 6)
    return Figure(value=whole, unit=unit, source=tuple(source))


@dataclass(frozen=True)
class Book:
    """Plan and journal of one run, and how to name a place in them."""

    plan: Plan
    events: list[Event]

    @property
    def whole(self) -> Sources:
        """All lines of the journal: what was counted, or is shown by nothing being there."""
        return (f"journal:1-{len(self.events)}",)

    @property
    def opened(self) -> Sources:
        return (f"event:{self.events[0].seq}",)

    @property
    def go(self) -> Event | None:
        return next((e for e in self.events if e.type == "timeline.started"), None)

    @property
    def go_ms(self) -> Ms | None:
        return None if self.go is None else int(self.go.what["t_go_ms"])

    def of(self, *types: str) -> Sources:
        """All events of these types; the whole journal where there is none."""
        return tuple(f"event:{e.seq}" for e in self.events if e.type in types) or self.whole

    def since_go(self, at: Ms | None, source: Iterable[str]) -> Figure | None:
        """Seconds from the go, which is named beside the source."""
        if at is None or self.go is None or self.go_ms is None:
            return None
        return told((at - self.go_ms) / 1000, "s", dict.fromkeys([*source, f"event:{self.go.seq}"]))

    def step(self, ident: str, *more: object) -> Sources:
        """Where the plan holds this step, or a member of it."""
        found = next(i for i, s in enumerate(self.plan.steps) if s.id == ident)
        return (pointer("steps", found, *more),)


def pointer(*path: object) -> str:
    """``plan:/tolerances/0/limit``"""
    parts = [str(p).replace("~", "~0").replace("/", "~1") for p in path]
    return f"plan:/{'/'.join(parts)}"


def resolve(source: str, plan: dict[str, Any], lines: int, rows: dict[str, set[str]]) -> bool:
    """Whether this source is there: ``plan`` is plan.json, ``lines`` those of the journal, ``rows`` the starts in each
    signal's file."""
    kind, _, place = source.partition(":")
    if kind == "event":
        return place.isdigit() and 1 <= int(place) <= lines
    if kind == "journal":
        return place == f"1-{lines}"
    if kind == "signal":
        name, _, start = place.rpartition("@")
        return start in rows.get(name, set())
    return kind == "plan" and _points(plan, place)


def _points(plan: Any, place: str) -> bool:
    for part in place.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(plan, list) and key.isdigit() and int(key) < len(plan):
            plan = plan[int(key)]
        elif isinstance(plan, dict) and key in plan:
            plan = plan[key]
        else:
            return False
    return place.startswith("/")
