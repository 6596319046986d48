"""``account``: the stand-in, and with ``make test-aws`` the account of AWS_PROFILE instead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.account import Real, StandIn


@pytest.fixture(scope="session", params=["stand-in", pytest.param("aws", marks=pytest.mark.aws)])
def account(request: pytest.FixtureRequest) -> Iterator[StandIn | Real]:
    made = StandIn() if request.param == "stand-in" else Real()
    yield made
    made.close()


@pytest.fixture
def role(account: StandIn | Real) -> str:
    """A role that FIS may assume."""
    return named(account, "role")


@pytest.fixture
def instance(account: StandIn | Real) -> str:
    """An instance that Systems Manager manages; nothing is done to it but a command that sleeps."""
    return named(account, "instance")


def named(account: StandIn | Real, what: str) -> str:
    """What the environment names; without it the test is skipped."""
    try:
        return account.need(what)
    except LookupError as error:
        pytest.skip(str(error))
