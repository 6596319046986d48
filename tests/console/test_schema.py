"""Everything that the API's own schema allows, and much that it does not: nothing of it makes the console fail."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import response_schema_conformance

from gameday.console import beginning
from gameday.console.access import ROLES, Role
from gameday.console.orders import Start
from tests.console.a_console import Browser, Day, a_day, answering, enter

FEW, MANY = 5, 60
OFTEN = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck),
                 phases=[Phase.generate], derandomize=True)  # fmt: skip
load_all_checks()


def not_started(_root: Path, order: Start) -> beginning.StartView:
    """No processes by the hundred."""
    return beginning.StartView(id="0" * 16, scenario=order.scenario, status="starting")


@pytest.mark.parametrize(
    ("role", "mode", "examples"),
    [
        *(("facilitator", mode, FEW) for mode in GenerationMode),
        ("player", GenerationMode.POSITIVE, FEW),
        *(pytest.param(r, m, MANY, marks=pytest.mark.nightly) for r in ROLES for m in GenerationMode),
    ],
)
def test_no_request_makes_the_console_fail(
    tmp_path: Path, role: Role, mode: GenerationMode, examples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "begin", not_started)
    with a_day(tmp_path) as day, answering(day):
        day.tell(230)
        browser = enter(day.app(), role, "payments-on-call" if role == "player" else role,
                        None if role == "facilitator" else day.run)  # fmt: skip
        assert call_all(day, browser, mode, examples) > 50


def call_all(day: Day, browser: Browser, mode: GenerationMode, examples: int) -> int:
    """How many requests were made, of every operation."""
    cookies = "; ".join(f"{c.name}={c.value}" for c in browser.client.cookies.jar)
    headers = {"x-csrf-token": browser.csrf, "host": "testserver", "cookie": cookies}
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", browser.client.app, headers=headers)
    made = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.path_parameters or operation.query):
            continue

        @settings(OFTEN, max_examples=examples)
        @given(case=operation.as_strategy(generation_mode=mode))
        def attempt(case: Any) -> None:
            nonlocal made
            if made % 2 and "ref" in (case.path_parameters or {}):  # else a run that is there is never met
                case.path_parameters["ref"] = "mine" if browser.grant.run == day.run.name else day.run.name
            if case.path.endswith("/stream"):
                case.query = {**(case.query or {}), "once": "true"}
            made += 1
            case.call_and_validate(headers=headers, checks=[not_a_server_error, response_schema_conformance])

        attempt()
    return made
