"""A test ends as a conductor does that has undone all: without watchdogs."""

from collections.abc import Iterator

import pytest

from tests.faults.chaostoolkit.a_fault import end_watchdogs


@pytest.fixture(autouse=True)
def _no_watchdogs() -> Iterator[None]:
    yield
    end_watchdogs()
