"""L06 to L08, L12 and L18: whether the map is whole and fresh, and whether what is on it was ever tested."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, get_args

from gameday.model.rules import YEAR_DAYS, Broken, Case, Severity, rule
from gameday.model.scenario import FaultStep
from gameday.model.service import Service
from gameday.model.types import Adverse

KINDS = ("people", "processes", "technology", "facilities", "information")


@rule("L06", "mapping-incomplete")
def incomplete(case: Case) -> Iterator[Broken]:
    """SYSC 15A.4.1R: people, processes, technology, facilities and information; 4.2G: third parties in depth."""
    resources = case.service.model.resources
    for kind in KINDS:
        if not getattr(resources, kind) and kind not in resources.none:
            what = f"the map names no {kind}, and does not say why the service needs none"
            write = "facilities: {none: why}" if kind == "facilities" else f"{kind}: [...], or none: {{{kind}: why}}"
            yield case.on_service("L06", "E", kind, ("resources",), what, write)
    needed = {need for party in resources.third_parties for need in party.needs}
    for i, party in enumerate(resources.third_parties):
        if not party.needs and party.id not in needed:
            what = f"what third party {party.id!r} itself stands on is not on the map"
            at = ("resources", "third_parties", i)
            yield case.on_service("L06", "E", party.id, at, what, "needs: [ids of what it stands on]")


@rule("L07", "mapping-or-tolerance-stale")
def stale(case: Case) -> Iterator[Broken]:
    """SYSC 15A.2.2R, 2.6R, 4.3R: reviewed within a year and after a material change; and what a run saw is mapped."""
    service = case.service.model
    for name, on, at in _reviews(service):
        changed = max((c.on for c in service.changes if on and c.on > on), default=None)
        if why := _why_stale(on, changed, case.today):
            yield case.on_service("L07", "E", name, at, f"the {name} {why}", "reviewed: the day of it")
    for run in case.lately()[-1:]:
        for unknown in run.drift:
            what = f"run {run.run} saw {unknown!r}, which is not on the map"
            write = "the resource, with the needs that lead to it; then another run"
            yield case.on_service("L07", "E", unknown, ("resources", "technology"), what, write)


def _reviews(service: Service) -> Iterator[tuple[str, date | None, tuple[str | int, ...]]]:
    yield "service", service.reviewed, ("reviewed",)
    if service.resources.reviewed:
        yield "map", service.resources.reviewed, ("resources", "reviewed")
    for i, tolerance in enumerate(service.tolerances):
        approved = tolerance.approved.on if tolerance.approved else None
        key: tuple[str | int, ...] = ("reviewed",) if tolerance.reviewed else ("approved", "on")
        if on := tolerance.reviewed or approved:
            yield f"tolerance {tolerance.id}", on, ("tolerances", i, *key)


def _why_stale(on: date | None, changed: date | None, today: date) -> str | None:
    if on is None:
        return "was never reviewed"
    if changed:
        return f"was reviewed on {on}, before the material change of {changed}"
    return f"was last reviewed on {on}, more than a year ago" if today - on > timedelta(days=YEAR_DAYS) else None


@rule("L08", "third-party-never-tested")
def third_party(case: Case) -> Iterator[Broken]:
    """SYSC 15A.5.5G, 5.6G: a third party whose failure no valid run of the last year has shown."""
    tested = {resource for run in case.lately() for resource in run.resources}
    for i, party in enumerate(case.service.model.resources.third_parties):
        if party.id not in tested:
            what = f"no valid run of the last 12 months shows the failure of third party {party.id!r}"
            write = f"a scenario that breaks the way to it, with simulates: [{party.id}], and a run of it"
            severity: Severity = "E" if party.necessary else "W"
            at = ("resources", "third_parties", i)
            yield case.on_service("L08", severity, party.id, at, what, write)


@rule("L12", "pillar-never-stressed")
def pillar(case: Case) -> Iterator[Broken]:
    """SYSC 15A.5.6G: the five types of adverse circumstance, each with a scenario or a reason why it cannot meet it."""
    have = {kind for scenario in case.scenarios for kind in scenario.model.adverse}
    for kind in get_args(Adverse):
        if kind not in have and kind not in case.service.model.not_applicable:
            what = f"no scenario is of type {kind}"
            write = f"a scenario with adverse: [{kind}], or not_applicable: {{{kind}: why}} in service.yaml"
            yield case.on_service("L12", "W", kind, ("id",), what, write)


@rule("L18", "common-resource-not-tested")
def common_resource(case: Case) -> Iterator[Broken]:
    """SYSC 15A.2.7G(10), SS1/21 3.3: what several services share fails for all of them at once."""
    sharing: dict[str, set[str]] = defaultdict(set)
    for service in case.content.services.values():
        for name, _ in _names(service.model):
            sharing[name].add(service.model.id)
    hit = set(_hit(case))
    for name, ident in _names(case.service.model):
        others = sorted(sharing[name] - {case.service.model.id})
        if others and name not in hit:
            what = f"{ident!r} is shared with {', '.join(others)}, and no scenario breaks it"
            yield case.on_service("L18", "W", ident, ("id",), what, f"a scenario that breaks {ident}, for all of them")


def _names(service: Service) -> Iterator[tuple[str, str]]:
    """What is the same thing in two services, by ARN or by type and name; and its id here."""
    for technology in service.resources.technology:
        if key := technology.arn or (technology.name and f"{technology.type} {technology.name}"):
            yield key, technology.id
    yield from ((f"third party {party.id}", party.id) for party in service.resources.third_parties)


def _hit(case: Case) -> Iterator[str]:
    """What any scenario of any service breaks, by those names."""
    for scenario in case.content.scenarios.values():
        service: Any = case.content.services.get(scenario.model.service)
        if service is None:
            continue
        faults = [step for step in scenario.model.timeline if isinstance(step, FaultStep)]
        named = {str(t) for step in faults for t in flat(step.settings.get("targets", ()))}
        named |= set(scenario.model.simulates)
        yield from (name for name, ident in _names(service.model) if ident in named)


def flat(targets: Any) -> Iterator[str]:
    """The ids of resources in ``targets``, a list or a mapping of lists."""
    for value in targets.values() if isinstance(targets, dict) else targets:
        yield from (str(v) for v in value) if isinstance(value, list | tuple) else (str(value),)
