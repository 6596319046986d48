"""A tabletop that asks nobody: no stand-in is started for it, and it can be taken over all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.clock import Anchor, ScenarioClock
from gameday.library import built_in
from gameday.model.load import load_content
from gameday.model.workspace import REHEARSAL, REHEARSAL_ENVIRONMENT
from gameday.plan import Plan
from gameday.planning import build_plan
from gameday.wiring.preflight import preflight
from gameday.wiring.recovering import recover
from gameday.wiring.rehearsing import NOBODY, alone, asks_nobody
from gameday.wiring.sockets import sockets
from gameday.wiring.starting import begin
from gameday.wiring.taking_over import known, reach

CONTENT = load_content(built_in())
TABLETOP = "tabletop-scheme-outage"
FASTEST = 60.0


@pytest.fixture(scope="module")
def plan() -> Plan:
    return build_plan(CONTENT, TABLETOP, REHEARSAL, {})


def test_of_what_ships_the_tabletop_alone_asks_nobody() -> None:
    assert {ident for ident in CONTENT.scenarios if alone(CONTENT, ident)} == {TABLETOP}


def test_a_tabletop_that_awaits_an_alarm_needs_the_stand_in(plan: Plan) -> None:
    watching = build_plan(CONTENT, "payment-functions-stop", REHEARSAL, sockets(REHEARSAL_ENVIRONMENT, NOBODY).faults)
    assert asks_nobody(plan)
    assert not asks_nobody(plan.model_copy(update={"signals": watching.signals}))
    assert not asks_nobody(plan.model_copy(update={"environment": "staging"}))


def test_preflight_shows_everything_without_an_aws(plan: Plan, tmp_path: Path) -> None:
    clock = ScenarioClock(Anchor.here(FASTEST))
    assert preflight(plan, sockets(REHEARSAL_ENVIRONMENT, NOBODY), clock).ready


def test_another_conductor_goes_on_by_its_clock_and_recover_ends_it(plan: Plan, tmp_path: Path) -> None:
    clock = ScenarioClock(Anchor.here(FASTEST))
    filled = sockets(REHEARSAL_ENVIRONMENT, NOBODY, clock)
    conductor, lock = begin(tmp_path, plan, filled, None, unattended=True, go_by="unattended",
                            show=lambda run_dir, clock: lambda event: None, clock=clock)  # fmt: skip
    conductor.close()  # as when it dies
    lock.release()
    found = known(conductor.run_dir)
    world = reach(tmp_path, found)
    assert world.filled is not None and world.filled.aws.endpoint == NOBODY
    assert world.clock == clock
    said = recover(tmp_path, conductor.run_dir)
    assert said is not None and said.clean
    assert known(conductor.run_dir).state.ended_status == "aborted"
