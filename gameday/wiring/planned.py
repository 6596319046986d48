"""The plan of a scenario in an environment, for commands that only ask about it."""

from __future__ import annotations

from gameday.aws import Aws
from gameday.errors import could_not_start
from gameday.library import workspace_or_here
from gameday.model.content import Content
from gameday.model.scenario import FaultStep
from gameday.model.workspace import REHEARSAL
from gameday.plan import Plan
from gameday.planning import build_plan
from gameday.planning.case import unknown
from gameday.rehearsal.client import attach
from gameday.wiring.sockets import sockets

NOWHERE = "http://127.0.0.1:1"  # nobody listens there: without a rehearsal no request may reach anything


def plan_and_door(content: Content, scenario: str, environment: str) -> tuple[Plan, Aws]:
    """The plan, and the door through which its environment is asked. CouldNotStart as ``build_plan``."""
    known = content.environment(environment)
    endpoint = asked_at(content, scenario, environment)
    filled = sockets(known, endpoint) if known else None
    plan = build_plan(content, scenario, environment, filled.faults if filled else {})
    assert filled is not None  # build_plan has refused an unknown environment
    return plan, filled.aws


def asked_at(content: Content, scenario: str, environment: str) -> str | None:
    """Where a plan's reads go, as ``endpoint_of``. CouldNotStart TARGETS_BY_TAG where they need an answer and
    no rehearsal is up."""
    found = endpoint_of(environment)
    if found == NOWHERE:
        _refuse_tags(content, scenario)
    return found


def _refuse_tags(content: Content, ident: str) -> None:
    scenario = content.scenarios.get(ident)
    service = content.services.get(scenario.model.service) if scenario else None
    if scenario is None or service is None:
        return  # build_plan says so
    steps = [step for step in scenario.model.timeline if isinstance(step, FaultStep)]
    named = [service.model.technology(name) for step in steps for name in step.settings.get("targets") or ()]
    tagged = sorted({t.id for t in named if t and t.tags and not t.arn and not t.name})
    if tagged:
        what = f"targets by tag ({', '.join(tagged)}) are resolved at the start of a rehearsal, and none is up"
        raise could_not_start("TARGETS_BY_TAG", what, "gameday rehearsal up, and again; or give name or arn")


def door_of(content: Content, environment: str) -> Aws:
    """The door alone. CouldNotStart UNKNOWN_ENVIRONMENT with close matches."""
    known = content.environment(environment)
    if known is None:
        names = content.workspace.model.environments if content.workspace else {}
        raise unknown("environment", environment, {REHEARSAL, *names})
    return Aws(known, endpoint_of(environment))


def endpoint_of(environment: str) -> str | None:
    """Where an environment's calls go: None is AWS; in rehearsal the one that is up, and when none is, nowhere."""
    if environment != REHEARSAL:
        return None
    found = attach(workspace_or_here())
    return found.endpoint if found else NOWHERE
