"""The conductor is killed at every boundary of journal, ledger and account: no fault is left, and nothing that was
acknowledged is lost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.wiring import starting
from tests.torture.filling import Filling
from tests.torture.killing import HOWS, Count, Torture
from tests.torture.the_day import ENDS, Day

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
SOME = 11  # every so many boundaries in the short form; prime, so that each kind of boundary has its turn


@pytest.fixture
def root() -> Iterator[Path]:
    """In memory: thousands of folders are made."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder) / "day"


def judged(count: Count) -> None:
    """Print the table, and fail for all that is wrong."""
    print(f"\n{count.table()}\nevents in the journal: {count.events}")
    assert not count.wrong, f"{len(count.wrong)} of {count.kills.total()}:\n" + "\n".join(count.wrong[:20])
    assert all(count.kills[how] > 0 for how in HOWS)
    assert count.left.total() == count.lost.total() == 0


@pytest.mark.parametrize("ends", ENDS)
def test_killed_at_some_boundaries_nothing_is_left_and_nothing_lost(
    root: Path, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(Torture(Day(root, ends), monkeypatch, SOME, ENDS.index(ends), all_hows=False).walk())


def test_the_torture_sees_faults_that_no_alarm_would_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that cannot fail is none: here the experiments lack their stop condition."""
    monkeypatch.setattr(starting, "stop_conditions", lambda plan, run: [])
    count = Torture(Day(root, "abort"), monkeypatch, 2 * SOME, all_hows=False).walk()
    assert count.left["dead-man"] > 0 == count.left["recover"] + count.left["resume"]
    assert any("errors (alarm)" in wrong for wrong in count.wrong)


@pytest.mark.torture
@pytest.mark.parametrize("ends", ENDS)
def test_killed_at_every_boundary_nothing_is_left_and_nothing_lost(
    root: Path, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(Torture(Day(root, ends), monkeypatch).walk())


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.torture)])
def test_a_disk_that_is_full_from_any_write_on_leaves_nothing(
    root: Path, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is taken back while it is full; when there is room again ``recover`` ends the run."""
    count = Filling(Day(root, "abort"), monkeypatch, every).walk()
    print(f"\nwrites {count.boundaries.total()}, filled {count.kills.total()}, {dict(count.ways)}")
    assert not count.wrong, "\n".join(count.wrong[:20])
    assert count.ways["RunBroke"] > 3
