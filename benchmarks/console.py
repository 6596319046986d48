"""How soon fifty readers of one run see what happened, and what they cost whoever writes the journal.

A process writes a journal as a conductor does (appended and fsynced, an event each 250 ms, datapoints between them)
and notes how late each of its ticks is; once alone, once beside ``gameday serve`` without readers, and once with fifty
of them. Each reader says how old an event was when it came. Prints one JSON line, in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from gameday.clock import wall_ms
from gameday.console.access import Keyring
from gameday.journal.events import Draft
from gameday.journal.store import Journal
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Cost, Plan, Signal, dump_plan
from gameday.runs import LOCK, make_run

TICK_S = 0.25
SIGNALS = 12
HOUR = 3_600_000
OPEN_WITHIN_MS = 4_000


def the_plan() -> Plan:
    """A plan that watches a dozen signals."""
    signals = tuple(Signal(id=f"signal-{n}", source="cloudwatch.metric", query={}, period_ms=1000, settles_ms=1000)
                    for n in range(SIGNALS))  # fmt: skip
    cost = Cost(action_minutes=0, action_usd=0.0, metric_reads=0, metric_usd=0.0)
    return Plan(digest="sha256:0", scenario="bench", service="bench", title="Bench", service_title="Bench",
                hypothesis="h", environment="rehearsal", environment_definition=REHEARSAL_ENVIRONMENT, method="live",
                baseline_ms=0, max_duration_ms=HOUR, steps=(), signals=signals, tolerances=(), guards=(),
                runbooks=(), scripts={}, deputies={}, calls=(), cost=cost, inputs={})  # fmt: skip


def write(path: str, seconds: float, late: Any) -> None:
    """Tick like a conductor; put how late each tick was, in milliseconds, into ``late``."""
    journal = Journal.create(Path(path))
    journal.claim(os.getpid())
    opened = {"run": "bench", "environment": "rehearsal", "speed": 1, "scenario": "bench", "service": "bench"}
    for draft in (Draft("run.opened", opened), Draft("timeline.started", {"t_go_ms": wall_ms()})):
        journal.append(draft, wall_ms(), wall_ms())
    begun, lateness = time.monotonic(), []
    for tick in range(int(seconds / TICK_S)):
        due = begun + tick * TICK_S
        time.sleep(max(0.0, due - time.monotonic()))
        lateness.append((time.monotonic() - due) * 1000)
        now = wall_ms()
        values = {f"signal-{n}": [[now, float(tick)]] for n in range(SIGNALS)}
        journal.append(Draft("signals.sampled", {"values": values}), now, now)
        journal.append(Draft("note", {"text": str(wall_ms())}, "facilitator"), now, now)
    late.put(lateness)


async def read(client: httpx2.AsyncClient, cookie: str, since: int, ages: list[int]) -> None:
    """One reader: how old each note was when it came, of those written after all had their streams open."""
    async with client.stream("GET", "/api/runs/mine/stream", headers={"cookie": f"gameday={cookie}"}) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: ") and '"kind":"NOTE"' in line:
                written = int(json.loads(line[6:])["text"].rpartition(" ")[2])
                if written > since:
                    ages.append(wall_ms() - written)


async def read_all(port: int, cookies: list[str], seconds: float) -> list[int]:
    """What all readers saw; those still there at the end, or SystemExit."""
    ages: list[int] = []
    limits = httpx2.Limits(max_connections=len(cookies) + 1)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=30) as client:
        tasks = [asyncio.create_task(read(client, cookie, wall_ms() + OPEN_WITHIN_MS, ages)) for cookie in cookies]
        await asyncio.sleep(seconds)
        ended = [t for t in tasks if t.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if ended:
        raise SystemExit(f"{len(ended)} readers lost their stream: {ended[0]!r}")
    return ages


def measure(readers: int, serve: bool, seconds: float) -> dict[str, float]:
    """One run of the writer, with so many readers."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        (root / "gameday.yaml").write_text("kind: workspace\n")
        run = make_run(root, "bench", wall_ms())
        (run / "plan.json").write_bytes(dump_plan(the_plan()))
        fcntl.flock(stack.enter_context((run / LOCK).open("w")), fcntl.LOCK_EX)
        port = _serve(root, stack) if serve else 0
        late: Any = multiprocessing.Queue()
        writer = multiprocessing.Process(target=write, args=(str(run / "journal.jsonl"), seconds, late))
        writer.start()
        time.sleep(1)
        ages = asyncio.run(read_all(port, _cookies(root, run.name, readers), seconds - 2)) if readers else []
        lateness = late.get()
        writer.join()
    found = {
        "tick_late_median": statistics.median(lateness),
        "tick_late_p99": sorted(lateness)[int(len(lateness) * 0.99)],
    }
    if ages:
        found |= {"age_median": statistics.median(ages), "age_p99": _p99(ages), "age_max": max(ages), "read": len(ages)}
    return {name: round(value, 1) for name, value in found.items()}


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def _serve(root: Path, stack: ExitStack) -> int:
    process = subprocess.Popen([sys.executable, "-m", "gameday", "serve", "--port", "0"], cwd=root,
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    stack.callback(process.communicate)
    stack.callback(process.kill)
    assert process.stdout is not None
    return int(process.stdout.readline().split()[4].rpartition(":")[2])


def _cookies(root: Path, run: str, readers: int) -> list[str]:
    keyring, now = Keyring(root), wall_ms()
    return [keyring.exchange(keyring.link(run, "reader", "reader", now + HOUR)[1], now)[1] for _ in range(readers)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    found = {
        "alone": measure(0, False, asked.seconds),
        "served, no reader": measure(0, True, asked.seconds),
        f"served, {asked.readers} readers": measure(asked.readers, True, asked.seconds),
    }
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    load, when = round(os.getloadavg()[0], 1), datetime.now(UTC).isoformat(timespec="seconds")
    print(json.dumps({"benchmark": "console", "ms": found, "machine": machine, "load": load, "at": when}))


if __name__ == "__main__":
    main()
