"""The plan of a scenario in an environment, for commands that only ask about it."""

from __future__ import annotations

from gameday.aws import Aws
from gameday.library import workspace_or_here
from gameday.model.content import Content
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
    endpoint = endpoint_of(environment)
    filled = sockets(known, endpoint) if known else None
    plan = build_plan(content, scenario, environment, filled.faults if filled else {})
    assert filled is not None  # build_plan has refused an unknown environment
    return plan, filled.aws


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
