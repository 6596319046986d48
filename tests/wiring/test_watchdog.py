"""The watchdog leaves whoever conducts alone, and a silent run to ``resume`` for a while."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.conductor.pulse import PULSE, WIDTH, Pulse, end_silent, identity, silent_s
from gameday.runs import LOCK
from gameday.wiring.locks import take_lock
from gameday.wiring.watchdog import watch
from tests.conductor.bench import a_plan
from tests.wiring.a_dead_run import a_run, died, walked


class Told(threading.Event):
    """A watchdog that is told to end at its so manieth look, and waits for nothing."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.left = looks

    def wait(self, timeout: float | None = None) -> bool:
        self.left -= 1
        return self.left <= 0


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    made = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield made
    made.kill()
    made.communicate()


def pulse_of(folder: Path, who: str, ago_s: float) -> None:
    record = {"conductor": who, "monotonic_ns": time.monotonic_ns() - round(ago_s * 1e9)}
    (folder / PULSE).write_bytes(json.dumps(record).ljust(WIDTH).encode())


def test_a_silent_conductor_is_killed_and_a_process_that_has_its_number_by_now_is_not(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    who = identity(process.pid)
    pulse_of(tmp_path, f"{process.pid}:1", 100)
    assert not end_silent(tmp_path) and process.poll() is None
    pulse_of(tmp_path, who, 100)
    assert end_silent(tmp_path)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert identity(process.pid) == "" and not end_silent(tmp_path)  # dead, and not yet buried


def test_a_pulse_that_is_missing_or_nonsense_kills_nobody(tmp_path: Path) -> None:
    assert silent_s(tmp_path) is None and not end_silent(tmp_path)
    (tmp_path / PULSE).write_bytes(b"[]")
    assert silent_s(tmp_path) is None and not end_silent(tmp_path)


def test_a_run_that_has_ended_needs_no_watchdog(tmp_path: Path) -> None:
    bench = a_run(tmp_path, a_plan())
    bench.run()
    bench.journal.close()
    assert watch(bench.folder, 60.0, Told(100))


def test_a_dead_run_is_left_to_resume_until_the_silence_is_over(tmp_path: Path) -> None:
    """With a pulse that cannot be read its own looks are counted."""
    bench = died(walked(a_run(tmp_path, a_plan()), 30))
    before = (bench.folder / "journal.jsonl").read_bytes()
    pulse_of(bench.folder, "1:1", 10)
    assert watch(bench.folder, 1_000.0, Told(20))
    assert (bench.folder / "journal.jsonl").read_bytes() == before
    assert not list((bench.folder / "inbox").glob("*")) if (bench.folder / "inbox").exists() else True


def test_whoever_holds_the_run_is_left_alone_and_one_that_hangs_is_killed(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    bench = died(walked(a_run(tmp_path, a_plan()), 30))
    (bench.folder / "inbox").mkdir(exist_ok=True)
    lock = take_lock(bench.folder / LOCK)
    assert lock is not None
    pulse_of(bench.folder, identity(process.pid), 5)
    assert watch(bench.folder, 1_000.0, Told(3)) and process.poll() is None
    pulse_of(bench.folder, identity(process.pid), 1_001)
    assert watch(bench.folder, 1_000.0, Told(3))
    assert process.wait(10) == -9
    lock.release()


def test_a_pulse_stops_with_the_turns(tmp_path: Path) -> None:
    pulse = Pulse(tmp_path)
    pulse.beat()
    silent = silent_s(tmp_path)
    assert silent is not None and silent < 60
    pulse.close()
