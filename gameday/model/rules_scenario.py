"""L09 to L11, L13, L14, L17 and L20: whether the scenarios test response and recovery, hard enough and for real."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.model.content import Loaded
from gameday.model.rules import Broken, Case, rule
from gameday.model.rules_map import flat
from gameday.model.scenario import FaultStep, HumanInject, RoleExpectation, Scenario, TaskStep, ToleranceGuard
from gameday.model.service import Service
from gameday.model.types import parse_duration, write_duration
from gameday.model.workspace import REHEARSAL

GUARD_AT_MOST = 0.5  # of the tolerance, in production


@rule("L09", "prevention-only")
def prevention_only(case: Case) -> Iterator[Broken]:
    """SS1/21 6.1: a test is of response and recovery, not of prevention."""
    for scenario in case.scenarios:
        asked = any(_responds(step) for step in scenario.model.timeline)
        if not asked and not _objective(scenario.model, case.service.model):
            what = "nobody responds and nothing has a recovery objective: it tests prevention alone"
            write = "a step - task: RUNBOOK, or expect: {role: ..., does: ...}; or an rto of what it breaks"
            yield case.on_scenario("L09", "E", scenario, ("timeline",), what, write)


def _responds(step: object) -> bool:
    return isinstance(step, TaskStep | HumanInject) or isinstance(getattr(step, "expect", None), RoleExpectation)


def _objective(scenario: Scenario, service: Service) -> bool:
    """Whether something that it breaks has a recovery objective."""
    hit = {
        t for step in scenario.timeline if isinstance(step, FaultStep) for t in flat(step.settings.get("targets", ()))
    }
    return any(t.id in hit and (t.rto or t.rpo) for t in service.resources.technology)


@rule("L10", "severity-not-laddered")
def not_laddered(case: Case) -> Iterator[Broken]:
    """SS1/21 6.4, FCA 2024: harder from step to step, until the tolerance fails."""
    for scenario in case.scenarios:
        severity = scenario.model.severity
        if severity is None or not severity.plausible:
            what = "it does not say how severe it is and why that is plausible"
            write = "severity: {level: 2, of: 3, plausible: Happened at a peer in 2025}"
            yield case.on_scenario("L10", "E", scenario, ("severity",), what, write)
    steps = [s.model.severity for s in case.scenarios if s.model.severity]
    if case.scenarios and len({s.level for s in steps}) < 2:
        what = "its scenarios are all of one severity"
        yield case.on_service("L10", "W", "levels", ("id",), what, "scenarios with severity: {level: 1 ...} and 2")
    if case.scenarios and not any(s.expected == "outside" for s in steps):
        what = "no scenario looks for the point at which a tolerance fails"
        write = "a scenario with severity: {..., expected: outside}"
        yield case.on_service("L10", "W", "breaking point", ("id",), what, write)


@rule("L11", "fault-too-short-or-self-healing")
def too_short(case: Case) -> Iterator[Broken]:
    """From SS1/21 6.1: a fault that goes away by itself before the limit shows its own end, not a recovery."""
    limits = [int(t.limit) for t in case.service.model.tolerances if t.metric == "duration"]
    for scenario in case.scenarios:
        lasts = [length for step in scenario.model.timeline if (length := lasting(step))]
        if limits and lasts and max(lasts) < min(limits) and not _recovers(case, scenario):
            longest, limit = write_duration(max(lasts)), write_duration(min(limits))
            what = (
                f"its longest fault, {longest}, ends before the limit of {limit}, and only its end brings back service"
            )
            write = "a fault as long as the limit; or a step - task: RUNBOOK that recovers, and a run in which it did"
            yield case.on_scenario("L11", "E", scenario, ("timeline",), what, write)


def lasting(step: object) -> int | None:
    """How long a fault lasts in milliseconds; None where only its provider knows."""
    if not isinstance(step, FaultStep):
        return None
    if step.lasts is not None:
        return step.lasts
    parameters = step.settings.get("parameters")
    try:
        return parse_duration(parameters.get("duration")) if isinstance(parameters, dict) else None
    except ValueError:
        return None


def _recovers(case: Case, scenario: Loaded[Scenario]) -> bool:
    """Whether the last run showed a recovery of the firm's own; before the first, whether anybody is asked for one."""
    runs = [t for t in case.counted if t.scenario == scenario.model.id]
    if runs:
        return "RECOVERY_NOT_DEMONSTRATED" not in runs[-1].codes
    return any(isinstance(step, TaskStep) for step in scenario.model.timeline)


@rule("L13", "desktop-only")
def desktop_only(case: Case) -> Iterator[Broken]:
    """FCA 2024: by judgement or at a desk rather than empirical."""
    methods = {t.method for t in case.lately()} or {s.model.method for s in case.scenarios}
    if methods == {"tabletop"}:
        what = "all evidence of the last 12 months is from tabletops"
        yield case.on_service("L13", "W", "method", ("id",), what, "a scenario with method: live, and a run of it")


@rule("L14", "assumption-unjustified")
def assumptions(case: Case) -> Iterator[Broken]:
    """SYSC 15A.6.1R(5): a description and justification of the assumptions made."""
    wrong = {said: loaded.model.run for loaded in case.content.lessons.values() for said in loaded.model.falsified}
    for scenario in case.scenarios:
        if not scenario.model.assumptions:
            write = "assumptions: [{says: The standby is warm, because: ..., owner: ROLE}]"
            yield case.on_scenario("L14", "E", scenario, ("id",), "it names no assumption", write)
        for i, assumption in enumerate(scenario.model.assumptions):
            if run := wrong.get(assumption.says):
                what = f"run {run} showed that this is wrong: {assumption.says}"
                write = "what holds instead"
                yield case.on_scenario("L14", "E", scenario, ("assumptions", i), what, write)


@rule("L17", "comms-never-exercised")
def no_communications(case: Case) -> Iterator[Broken]:
    """SYSC 15A.8.1R, DORA Article 11(6)(b): communications are exercised too."""
    if not any(t.communicated for t in case.lately()):
        what = "no valid run of the last 12 months exercised communications"
        write = "a process with by: ROLE and tells: [customers], a step that asks this role, and a run of it"
        yield case.on_service("L17", "W", "communications", ("id",), what, write)


@rule("L20", "environment-not-representative")
def not_representative(case: Case) -> Iterator[Broken]:
    """SYSC 15A.5.2G; indicators much shorter than the tolerance, as the HKMA describes."""
    workspace = case.content.workspace
    for name, environment in (workspace.model.environments if workspace else {}).items():
        if name != REHEARSAL and workspace and not environment.production and not environment.representative:
            what = f"environment {name!r} does not say how it differs from production"
            place = workspace.file.place(("environments", name))
            write = "representative: Same stack at 30 % of the load; the scheme is a simulator."
            yield Broken("L20", "E", case.service.model.id, name, what, write, place)
        if environment.production:
            yield from _unguarded(case, name)


def _unguarded(case: Case, environment: str) -> Iterator[Broken]:
    for scenario in case.scenarios:
        guards = [g for g in scenario.model.guards if isinstance(g, ToleranceGuard)]
        if scenario.model.method == "live" and not any(g.at <= GUARD_AT_MOST for g in guards):
            what = f"environment {environment!r} is production, and no guard stops it at half of a tolerance or earlier"
            write = "guards: [{tolerance: ID, at: 50%}]"
            yield case.on_scenario("L20", "E", scenario, ("guards",), what, write)
