"""The doctor against the loopback AWS: who, where, which clock, which endpoints, which quotas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.aws import Aws
from gameday.clock import iso, wall_ms
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.rehearsal import client
from gameday.wiring import doctoring
from gameday.wiring.doctoring import Finding
from tests.planning.a_workspace import TEN_LINES, planned
from tests.planning.test_policy import fis


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.Rehearsal]:
    up = client.up(tmp_path_factory.mktemp("workspace"), 20.0, kept=True)
    yield up
    up.down()


@pytest.fixture
def door(rehearsal: client.Rehearsal) -> Iterator[Aws]:
    door = Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint)
    yield door
    door.close()


def named(found: Iterator[Finding]) -> dict[str, Finding]:
    return {one.what: one for one in found}


def test_account_and_clock_are_seen(door: Aws) -> None:
    found = named(doctoring.account(door))
    assert {name: one.level for name, one in found.items()} == {"credentials": "ok", "account": "ok", "clock": "ok"}


def test_credentials_of_another_account_fail(rehearsal: client.Rehearsal) -> None:
    other = Aws(REHEARSAL_ENVIRONMENT.model_copy(update={"account": "999999999999"}), rehearsal.endpoint)
    assert named(doctoring.account(other))["account"].level == "fail"
    other.close()


def test_each_endpoint_answers(door: Aws) -> None:
    found = named(doctoring.endpoints(door))
    assert {name: one.level for name, one in found.items()} == dict.fromkeys(doctoring.PROBES, "ok"), found


def test_an_endpoint_that_cannot_be_reached_fails_and_a_refusal_is_an_answer(
    door: Aws, rehearsal: client.Rehearsal
) -> None:
    rehearsal.ask("faults", {"mode": "throttle", "service": "xray"})
    try:
        assert named(doctoring.endpoints(door))["xray"].level == "warn"
    finally:
        rehearsal.ask("faults", {"clear": True})
    nowhere = Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1")
    assert {one.level for one in doctoring.endpoints(nowhere)} == {"fail"}


def test_quotas_are_the_defaults_where_the_account_does_not_say(door: Aws, tmp_path: Path) -> None:
    found = named(doctoring.quotas(planned(tmp_path, TEN_LINES, fis()), door))
    assert "AWS's default" in found["Active experiments"].says and {one.level for one in found.values()} == {"ok"}


@pytest.mark.parametrize(("off_ms", "level"), [(0, "ok"), (10_000, "warn"), (400_000, "fail"), (-10_000, "warn")])
def test_a_clock_that_is_off_is_said(off_ms: int, level: str) -> None:
    from email.utils import format_datetime

    from gameday.clock import to_datetime

    now = wall_ms() // 1000 * 1000
    header = format_datetime(to_datetime(now + off_ms), usegmt=True)
    assert doctoring._offset({"date": header}, now, now + 50).level == level, iso(now)
