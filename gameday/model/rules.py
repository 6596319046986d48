"""The rules L01 to L20: what supervisors have criticised in mapping, tolerances and tests, made checkable.

Source: facts of the project, regulation section 2.3; its clauses are in ``gameday/data/clauses.yaml``. A rule never
stops a run. An E keeps evidence from being final, a W until somebody has answered it; both are answered by a dated
waiver, which the report prints. A rule is a function over :class:`Case`, filed in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from gameday.errors import Place
from gameday.model.content import Content, Loaded
from gameday.model.scenario import Scenario
from gameday.model.service import Service
from gameday.model.waiver import Waiver
from gameday.model.workspace import REHEARSAL

Severity = Literal["E", "W"]
YEAR_DAYS = 365


@dataclass(frozen=True)
class Tested:
    """What the rules must know of one run. ``valid``: every fault was seen effective and the run ended as planned, or,
    for a tabletop, it ended as planned. ``resources``: what its faults hit or it played the failure of, who did what
    they were asked, which processes were gone through; ``meant``: what was to be. ``failed``: tolerance to verdict, of
    those that were not within. ``drift``: what a trace showed that the map does not."""

    run: str
    on: date
    service: str
    scenario: str
    method: str = "live"
    environment: str = "rehearsal"
    production: bool = False
    representative: bool = False
    outcome: str = "within"
    valid: bool = True
    resources: frozenset[str] = frozenset()
    meant: frozenset[str] = frozenset()
    failed: Mapping[str, str] = field(default_factory=dict)
    findings: frozenset[str] = frozenset()
    met: frozenset[str] = frozenset()
    within: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    drift: tuple[str, ...] = ()
    communicated: bool = False
    go_by: str = ""
    approved_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Broken:
    """A rule that fires: on what, why, and what to write."""

    rule: str
    severity: Severity
    service: str
    subject: str
    message: str
    write: str
    place: Place
    waived: Waiver | None = None


@dataclass(frozen=True)
class Case:
    """One service, its scenarios, and the runs of it that are known, oldest first."""

    content: Content
    service: Loaded[Service]
    tested: Sequence[Tested]
    today: date

    @property
    def scenarios(self) -> list[Loaded[Scenario]]:
        """Its scenarios, in the order of the files."""
        return [s for s in self.content.scenarios.values() if s.model.service == self.service.model.id]

    @property
    def counted(self) -> list[Tested]:
        """Valid runs that say something of the service itself: a rehearsal is a stand-in, and counts for no rule."""
        return [t for t in self.tested if t.valid and t.environment != REHEARSAL]

    def lately(self, days: int = YEAR_DAYS) -> list[Tested]:
        """Those of the last days."""
        return [t for t in self.counted if (self.today - t.on).days <= days]

    def on_service(self, rule: str, severity: Severity, subject: str, at: tuple[str | int, ...], *says: str) -> Broken:
        """The rule fires at a key of service.yaml; ``says`` is what is wrong, then what to write."""
        place = self.service.file.place(at)
        return Broken(rule, severity, self.service.model.id, subject, says[0], says[1], place)

    def on_scenario(
        self, rule: str, severity: Severity, scenario: Loaded[Scenario], at: tuple[str | int, ...], *says: str
    ) -> Broken:
        """The rule fires at a key of a scenario."""
        place = scenario.file.place(at)
        return Broken(rule, severity, self.service.model.id, scenario.model.id, says[0], says[1], place)


Rule = Callable[[Case], Iterable[Broken]]
RULES: dict[str, Rule] = {}
NAMES: dict[str, str] = {}


def rule(ident: str, name: str) -> Callable[[Rule], Rule]:
    """Files a rule under its number and the words it is known by."""

    def file(check: Rule) -> Rule:
        RULES[ident], NAMES[ident] = check, name
        return check

    return file


def review(content: Content, tested: Sequence[Tested], today: date, only: str | None = None) -> list[Broken]:
    """Every rule that fires, for every service or one, by number; what a waiver covers carries it."""
    from gameday.model import rules_map, rules_past, rules_scenario, rules_tolerances  # noqa: F401  # they file themselves

    found: list[Broken] = []
    for ident, service in content.services.items():
        if only in (None, ident):
            mine = sorted((t for t in tested if t.service == ident), key=lambda t: (t.on, t.run))
            case = Case(content, service, mine, today)
            found += [broken for name in sorted(RULES) for broken in RULES[name](case)]
    return [answered(broken, content, today) for broken in found]


def answered(broken: Broken, content: Content, today: date) -> Broken:
    """The same, with the waiver of the workspace that covers it on this day."""
    waivers: Iterator[Waiver] = (loaded.model for loaded in content.waivers.values())
    by = next((w for w in waivers if _covers(w, broken) and w.until >= today), None)
    return Broken(**{**vars(broken), "waived": by})


def _covers(waiver: Waiver, broken: Broken) -> bool:
    same = waiver.rule == broken.rule and waiver.service == broken.service
    return same and waiver.subject in (None, broken.subject)
