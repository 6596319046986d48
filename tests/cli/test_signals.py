"""A signal before there is a run ends the command, whatever it was doing."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import click
import pytest

from gameday.cli.day import Day, Wishes

WISHES = Wishes("short", "rehearsal", None, unattended=True, yes=True, plain=True, quiet=True, library=None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_no_except_exception_on_the_way_makes_the_run_go_on(number: signal.Signals) -> None:
    """An observer that survives whatever it meets would have swallowed it, and the run gone on to inject."""
    before = signal.getsignal(number)
    went_on = False
    with pytest.raises(click.Abort), Day(WISHES):
        with suppress(Exception):
            os.kill(os.getpid(), number)
            time.sleep(5)
        went_on = True
    assert not went_on
    assert signal.getsignal(number) is before, "and the terminal's own handling is back"
