"""A schedule in a fresh workspace, as docs/how-to/recurring.md says: begun, judged, and seen in Prometheus."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest

from gameday.schedules.log import Log
from tests.observers.a_prometheus import prometheus
from tests.system.a_day import SHORT, gameday

T = TypeVar("T")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
EACH_MINUTE = ("schedule", "add", "often", "--scenario", "short", "--cron", "* * * * *", "--tz", "Europe/London",
               "--owner", "payments-sre")  # fmt: skip


@pytest.mark.nightly
def test_a_scheduler_killed_in_the_middle_of_a_run_finds_it_again_and_its_metrics_are_in_prometheus(
    tmp_path: Path,
) -> None:
    """What goes on survives the scheduler; nothing is begun beside it; the next scheduler writes down what became."""
    root = tmp_path / "w"
    assert gameday(tmp_path, "init", "w").returncode == 0
    (root / "scenarios" / "open-banking" / "short.yaml").write_text(SHORT)
    added = gameday(root, *EACH_MINUTE)
    assert added.returncode == 0, added.stderr
    first = scheduler(root)
    until(lambda: kinds(root, "started"), 120)
    until(lambda: list((root / ".gameday" / "runs").glob("*-short/journal.jsonl")), 120)
    first.kill()
    first.communicate()
    gameday(root, "schedule", "pause", "often", "--by", "payments-sre", "--because", "One is enough")
    second = scheduler(root)
    try:
        assert second.stdout is not None
        second.stdout.readline()
        port = int(re.findall(r":(\d+)/health", second.stdout.readline())[0])
        with prometheus(tmp_path, [port]) as base:
            until(lambda: kinds(root, "ended"), 400)
            runs = until(lambda: asked(base, 'gameday_runs_total{scenario="short"}'), 60)
            assert asked(base, "sum(gameday_faults_active) or vector(0)")[0]["value"][1] == "0"
    finally:
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=60)
    (ended,) = kinds(root, "ended")
    assert ended["outcome"] in ("within", "inconclusive", "not tested"), ended
    assert runs[0]["metric"]["outcome"] == ended["outcome"]
    assert len(kinds(root, "started")) == 1 and second.returncode == 0
    assert gameday(root, "recover").stdout.startswith("Nothing to recover")


def scheduler(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "gameday", "scheduler", "--port", "0"], cwd=root, text=True,
                            stdout=subprocess.PIPE)  # fmt: skip


def kinds(root: Path, kind: str) -> list[dict[str, str]]:
    return [dict(line) for line in Log(root).read() if line["kind"] == kind]


def asked(base: str, expr: str) -> list[dict[str, Any]]:
    with OPENER.open(f"{base}/api/v1/query?query={quote(expr)}", timeout=10) as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())["data"]["result"]
    return found


def until(look: Callable[[], T], seconds: float) -> T:
    limit = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.5)
    return found
