"""The scheduler killed at random: each time of each schedule is begun exactly once, or skipped with its reason."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gameday.clock import Anchor, from_iso
from gameday.schedules.due import REASONS
from gameday.schedules.log import Log

HERE = Path(__file__).parent
NAMES = ("one", "two", "three", "four")
START_MS = from_iso("2026-06-02T09:59:30Z")


class Town:
    """A workspace of four schedules that are due each minute, and a clock that outlives its schedulers."""

    def __init__(self, folder: Path, speed: float) -> None:
        self.root = Path(shutil.copytree(HERE.parent / "data" / "workspace", folder / "w"))
        self.record = folder / "record"
        places = "".join(f"  {name}: {{account: '123456789012', regions: [eu-west-2]}}\n" for name in NAMES)
        (self.root / "gameday.yaml").write_text(f"kind: workspace\nenvironments:\n{places}")
        for name in NAMES:
            (self.root / "scenarios" / "pay" / f"{name}.yaml").write_text(
                f"kind: schedule\nid: {name}\nscenario: stop\nenvironment: {name}\nowner: sre\n"
                'cron: "* * * * *"\ntz: Europe/London\n'
            )
        anchor = Anchor.here(speed)
        self.clock = f"{anchor.monotonic_ns},{START_MS},{speed}"
        self.anchor = Anchor(anchor.monotonic_ns, START_MS, speed)

    def now(self) -> int:
        return self.anchor.at(time.monotonic_ns())

    def scheduler(self) -> subprocess.Popen[str]:
        words = ["scheduler", "--port", "0", "--clock", self.clock, "--command", f"sh {HERE / 'recorder.sh'}"]
        return subprocess.Popen([sys.executable, "-m", "gameday", *words], cwd=self.root, text=True,
                                env={**os.environ, "RECORD": str(self.record)}, stdout=subprocess.PIPE)  # fmt: skip

    def decided(self, name: str) -> list[str]:
        return [line["time"] for line in self.lines() if line["kind"] in ("intended", "skipped")
                and line["schedule"] == name]  # fmt: skip

    def lines(self) -> list[dict[str, str]]:
        return [dict(line) for line in Log(self.root).read()]


def kill_at_random(town: Town, kills: int, seed: int, longest_s: float, minutes: int) -> int:
    """Half of them whenever it is, the others once it looks at what is due. Then one goes on for some minutes, and is
    told to end; returns until when each time must have been decided."""
    chance = random.Random(seed)
    for number in range(kills):
        process = town.scheduler()
        if number % 2 and process.stdout:
            process.stdout.readline()
        time.sleep(chance.uniform(0, longest_s))
        process.kill()
        process.communicate()
    process = town.scheduler()
    try:
        assert process.stdout is not None
        process.stdout.readline()
        until_ms = town.now() + minutes * 60_000
        limit = time.monotonic() + 120
        while time.monotonic() < limit and not all(_is_at(town, name, until_ms) for name in NAMES):
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0 and "has ended" in said
    return until_ms


def _is_at(town: Town, name: str, until_ms: int) -> bool:
    held = town.decided(name)
    ended = {line["time"] for line in town.lines() if line["kind"] == "ended"}
    return bool(held) and from_iso(held[-1].partition("@")[2]) >= until_ms and set(held[:-1]) <= {
        *ended, *(line["time"] for line in town.lines() if line["kind"] == "skipped")
    }  # fmt: skip


def each_once(town: Town, until_ms: int) -> Counter[str]:
    """How many were begun and skipped, of all that were due; AssertionError when one was lost or begun twice."""
    begun = Counter(town.record.read_text().split()) if town.record.exists() else Counter[str]()
    skipped = {line["time"]: line["reason"] for line in town.lines() if line["kind"] == "skipped"}
    assert set(skipped.values()) <= set(REASONS)
    found = Counter[str]()
    for name in NAMES:
        seen = next(from_iso(line["at"]) for line in town.lines()
                    if line["kind"] == "seen" and line["schedule"] == name)  # fmt: skip
        for ident, stamp in _due(name, seen, until_ms):
            count = next((n for path, n in begun.items() if path.endswith(f"/{name}@{stamp}")), 0)
            assert count + (ident in skipped) == 1, (ident, count, skipped.get(ident))
            found["skipped" if ident in skipped else "begun"] += 1
    assert max(begun.values()) == 1
    return found


def _due(name: str, after_ms: int, until_ms: int) -> Iterator[tuple[str, str]]:
    for minute in range(after_ms // 60_000 + 1, until_ms // 60_000 + 1):
        when = datetime.fromtimestamp(minute * 60, tz=UTC)
        yield f"{name}@{when:%Y-%m-%dT%H:%M:%S}.000Z", f"{when:%Y%m%dT%H%M%SZ}"


def test_killed_five_times_each_time_is_begun_once_or_skipped(tmp_path: Path) -> None:
    town = Town(tmp_path, speed=60)
    until_ms = kill_at_random(town, 5, 7, 0.9, minutes=3)
    assert each_once(town, until_ms)["begun"] >= 4


@pytest.mark.nightly
def test_killed_fifty_times_over_two_hundred_times_each_is_begun_once_or_skipped(tmp_path: Path) -> None:
    town = Town(tmp_path, speed=20)
    found = each_once(town, kill_at_random(town, 50, 11, 3, minutes=10))
    sys.stdout.write(f"scheduler killed 50 times: {dict(found)}\n")
    assert found.total() >= 200 and found["begun"] >= 100


def test_health_and_metrics_answer_and_a_second_scheduler_does_not_start(tmp_path: Path) -> None:
    town = Town(tmp_path, speed=1)
    process = town.scheduler()
    try:
        assert process.stdout is not None
        process.stdout.readline()
        base = process.stdout.readline().split("/health")[0]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        health = json.loads(opener.open(f"{base}/health", timeout=10).read())
        assert health["healthy"] is True and health["schedules"] == 4
        metrics = opener.open(f"{base}/metrics", timeout=10).read().decode()
        assert 'gameday_schedule_next_timestamp_seconds{schedule="one"}' in metrics
        other = subprocess.run([sys.executable, "-m", "gameday", "scheduler", "--port", "0"], cwd=town.root,
                               capture_output=True, text=True, timeout=60)  # fmt: skip
        assert other.returncode == 5 and "SCHEDULER_BUSY" in other.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0
