"""A game day whose fault is another project's: an extension from the package index, seen by its own probe, and undone
when the conductor is killed. What it breaks lies outside the rehearsal, so nothing but its undo takes it back."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gameday.clock import from_iso
from gameday.conductor.ledger import outstanding
from gameday.runs import is_live
from tests.system.a_day import begin, gameday, new_workspace, newest, processes_of, runs_of, without_tolerances

PROBE = "ledger-proxy"
SCENARIO = """\
kind: scenario
id: ledger-cut
service: open-banking
hypothesis: A day of few minutes, whose fault is not ours.
observe: [payments-attempts, ledger-proxy]
baseline: 1m
timeline:
  - id: cut
    fault: chaostoolkit
    provider: {module: chaostoxi.proxy.actions, func: disable_proxy, arguments: {proxy_name: ledger}}
    undo: {module: chaostoxi.proxy.actions, func: enable_proxy, arguments: {proxy_name: ledger}}
    configuration: {toxiproxy_host: 127.0.0.1, toxiproxy_port: PORT}
    for: 3m
    effective: {signal: ledger-proxy, equals: 0, within: 10m}
    gone: {signal: ledger-proxy, equals: 1, within: 10m}
"""
OBSERVER = """\
kind: observer
id: ledger-proxy
source: chaostoolkit.probe
means: Whether the way to the ledger is open.
unit: state
query:
  module: chaostoxi.proxy.probes
  func: get_proxy_attribute
  arguments: {proxy_name: ledger, attribute: enabled}
  configuration: {toxiproxy_host: 127.0.0.1, toxiproxy_port: PORT}
period: 20s
settles: 0s
"""


@dataclass
class Proxy:
    """A toxiproxy in a process of its own, which no conductor has started."""

    listens: int

    @property
    def up(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.listens), 2).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def a_proxy() -> Iterator[tuple[Proxy, int]]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parents[1] / "faults" / "chaostoolkit" / "a_proxy.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    said = json.loads(process.stdout.readline())
    yield Proxy(said["listens"]), said["toxiproxy_port"]
    process.communicate(timeout=10)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, a_proxy: tuple[Proxy, int]) -> Iterator[Path]:
    port = str(a_proxy[1])
    folder = new_workspace(tmp_path_factory.mktemp("chaos") / "game-days", ledger_cut=SCENARIO.replace("PORT", port))
    without_tolerances(folder)
    observer = folder / "observers" / "chaostoolkit" / "ledger-proxy.yaml"
    observer.parent.mkdir()
    observer.write_text(OBSERVER.replace("PORT", port), "utf-8")
    up = gameday(folder, "rehearsal", "up", "--json")
    assert up.returncode == 0, up.stderr
    yield folder
    gameday(folder, "rehearsal", "down")
    assert processes_of(folder) == []


def wait_until_cut(proxy: Proxy, run: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 90
    while proxy.up:
        assert run.poll() is None, "the run ended early"
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.nightly
def test_a_whole_day_sees_the_fault_come_and_go_by_the_probe(workspace: Path, a_proxy: tuple[Proxy, int]) -> None:
    ran = gameday(workspace, "run", "ledger-cut", "--unattended", "--plain")
    journal = (newest(workspace) / "journal.jsonl").read_text("utf-8")
    events = [json.loads(line) for line in journal.splitlines()]
    seen = [e["type"] for e in events if e["type"].startswith("fault.")]
    assert seen[:2] == ["fault.requested", "fault.accepted"], ran.stdout + ran.stderr
    assert {"fault.ended", "undo.done"} <= {e["type"] for e in events}
    values = [v for e in events if e["type"] == "signals.sampled" for _, v in e["what"]["values"].get(PROBE, ())]
    assert {0.0, 1.0} <= set(values)
    assert (values[0], values[-1]) == (1.0, 1.0), "the probe saw it open, cut, and open again"
    if not any(e["type"] == "rehearsal.disturbed" for e in events):  # else those buckets are unknown, rightly
        assert {"fault.effective", "fault.gone"} <= set(seen)
    stopped = next(e for e in events if e["type"] == "fault.stop_requested")
    accepted = next(e for e in events if e["type"] == "fault.accepted")
    assert 180_000 <= from_iso(stopped["at"]) - from_iso(accepted["at"]) < 220_000, "it lasted as long as the step said"
    assert ran.returncode in (0, 3, 6), ran.stderr  # 6: a busy machine saw nothing of it gone
    assert a_proxy[0].up


def ended_by_the_watchdog(run_dir: Path) -> str:
    """The journal, once the run that nobody conducts has been ended; nobody has called ``recover``."""
    until = time.monotonic() + 90
    while '"type":"run.ended"' not in (told := (run_dir / "journal.jsonl").read_text("utf-8")) or is_live(run_dir):
        assert time.monotonic() < until, (run_dir / "watchdog.log").read_text("utf-8")
        time.sleep(0.1)
    return told


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.nightly)])
def test_the_run_of_a_dead_or_hung_conductor_is_undone_and_ended_before_anybody_recovers(
    workspace: Path, a_proxy: tuple[Proxy, int], number: signal.Signals
) -> None:
    """Its watchdog lives on: it sees its death, and kills one that hangs."""
    proxy, known = a_proxy[0], runs_of(workspace)
    run = begin(workspace, "run", "ledger-cut", "--unattended", "--plain")
    wait_until_cut(proxy, run)
    run_dir = newest(workspace, but=known)
    run.send_signal(number)
    told = ended_by_the_watchdog(run_dir)
    run.wait(timeout=10)
    assert proxy.up
    assert '"who":"watchdog"' in told and '"type":"undo.done"' in told
    assert outstanding(run_dir / "undo.jsonl").left == []
    assert gameday(workspace, "recover", "--json").stdout.strip() == "[]"


@pytest.mark.nightly
def test_a_killed_conductor_leaves_nothing_after_recover(workspace: Path, a_proxy: tuple[Proxy, int]) -> None:
    known, proxy = runs_of(workspace), a_proxy[0]
    run = begin(workspace, "run", "ledger-cut", "--unattended", "--plain")
    wait_until_cut(proxy, run)
    run.send_signal(signal.SIGKILL)
    run.wait()
    recovered = gameday(workspace, "recover", "--json")  # beside the watchdog: whoever has the lock does it
    assert recovered.returncode == 0, recovered.stderr
    ended_by_the_watchdog(newest(workspace, but=known))
    assert proxy.up
    assert gameday(workspace, "recover", "--json").stdout.strip() == "[]"


@pytest.mark.nightly
def test_it_is_undone_even_when_the_rehearsal_is_gone_too(workspace: Path, a_proxy: tuple[Proxy, int]) -> None:
    """The proxy is no part of the rehearsal, so nothing of it has gone with it: its undo runs all the same. Where the
    fault had been accepted, its witness cannot be asked any more, so it is undone and not seen gone: exit 6."""
    proxy = a_proxy[0]
    run = begin(workspace, "run", "ledger-cut", "--unattended", "--plain")
    wait_until_cut(proxy, run)
    run.send_signal(signal.SIGKILL)
    run.wait()
    gameday(workspace, "rehearsal", "down")
    recovered = gameday(workspace, "recover", "--json")
    assert recovered.returncode in (0, 6), recovered.stdout + recovered.stderr
    until = time.monotonic() + 60
    while outstanding(newest(workspace) / "undo.jsonl").left:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert outstanding(newest(workspace) / "undo.jsonl").left == []
    assert proxy.up
