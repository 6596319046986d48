"""How long until StopExperiment reaches AWS: from an abort, and from a datapoint that breaches a guard; beside FIS
itself, stopped by an alarm of ten seconds (the shortest there is) on the same metric and the same datapoint.

One loopback AWS at speed 1, so that scenario seconds are wall seconds. All calls pass a gate that notes when each was
received. In each round two experiments run: one of a conductor whose guard reads the metric, one that FIS alone is to
stop by its alarm. Prints one JSON line: seconds, and the machine they were measured on.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gameday.aws import Aws
from gameday.clock import to_datetime
from gameday.conductor.ledger import Ledger
from gameday.conductor.perform import Performer
from gameday.conductor.sampling import sources
from gameday.conductor.walk import Conductor
from gameday.faults.fis import FisFault
from gameday.journal.events import Draft
from gameday.journal.inbox import drop
from gameday.journal.state import State
from gameday.journal.store import Journal
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.observers.cloudwatch import CloudWatchObserver
from gameday.people.channels import TerminalChannel
from gameday.plan import Plan
from gameday.rehearsal import client

SECOND, LIMIT, ALARM_PERIOD_S = 1000, 10.0, 10
SETTINGS = {"action": "aws:fis:wait", "parameters": {"duration": "30m"}}
PATIENCE_S = 60


class Gate:
    """Passes calls on to AWS, and notes when each StopExperiment was received."""

    def __init__(self, endpoint: str) -> None:
        self.stopped: dict[str, float] = {}
        gate, where = self, urlsplit(endpoint).netloc

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                path = urlsplit(self.path)
                parts = path.path.strip("/").split("/")
                if self.command == "DELETE" and parts[0] == "experiments":
                    gate.stopped.setdefault(parts[1], time.monotonic())
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                onward = http.client.HTTPConnection(where, timeout=30)
                onward.request(self.command, f"{path.path}?{path.query}".rstrip("?"), body, dict(self.headers.items()))
                reply = onward.getresponse()
                raw = reply.read()
                onward.close()
                self.send_response(reply.status)
                for name in ("Content-Type", "x-amzn-ErrorType", "x-amzn-RequestId"):
                    if reply.headers.get(name):
                        self.send_header(name, reply.headers[name])
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _any

            def log_message(self, format: str, *args: Any) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"


def a_plan(metric: str) -> Plan:
    """One fault that breaks nothing, and a guard on a signal of one second."""
    fault = {"provider": "fis", "action": "aws:fis:wait", "settings": SETTINGS, "targets": {}, "resources": [],
             "duration_ms": 1_800_000}  # fmt: skip
    query = {"namespace": "Bench", "metric": metric, "statistic": "Maximum", "dimensions": {}}
    watched = {"id": "errors", "source": "cloudwatch.metric", "query": query, "period_ms": SECOND, "settles_ms": 0}
    facts: dict[str, Any] = {
        "digest": "sha256:00", "scenario": "bench", "service": "bench", "title": "Bench", "service_title": "Bench",
        "hypothesis": "none", "environment": "rehearsal", "method": "live", "baseline_ms": 3 * SECOND,
        "environment_definition": json.loads(REHEARSAL_ENVIRONMENT.model_dump_json()), "max_duration_ms": 1_800_000,
        "steps": [{"id": "stop", "kind": "fault", "title": "stop", "at_ms": 0, "fault": fault}], "signals": [watched],
        "tolerances": [], "guards": [{"signal": "errors", "above": LIMIT}], "runbooks": [], "scripts": {},
        "deputies": {}, "calls": [], "inputs": {},
        "cost": {"action_minutes": 0, "action_usd": 0.0, "metric_reads": 0, "metric_usd": 0.0},
    }  # fmt: skip
    return Plan.model_validate_json(json.dumps(facts))


class Bench:
    """The loopback AWS, the gate before it, and who publishes the metric once a second."""

    def __init__(self, up: client.Rehearsal) -> None:
        self.up, self.gate = up, Gate(up.endpoint)
        self.aws, self.clock = Aws(REHEARSAL_ENVIRONMENT, self.gate.endpoint), up.clock()
        self.direct = Aws(REHEARSAL_ENVIRONMENT, up.endpoint)
        for door in (self.aws, self.direct):  # connected before: what is measured is no import
            door.client("fis").list_experiments()
            door.client("cloudwatch").list_metrics()
        self.provider = FisFault(self.aws)

    def publish(self, metric: str, value: float) -> float:
        """One datapoint of now; returns when it was visible (the put had been answered)."""
        point = {"MetricName": metric, "Value": value, "StorageResolution": 1,
                 "Timestamp": to_datetime(self.clock.now())}  # fmt: skip
        self.direct.client("cloudwatch").put_metric_data(Namespace="Bench", MetricData=[point])
        return time.monotonic()

    def conductor(self, folder: Path, metric: str) -> Conductor:
        """One that is about to begin."""
        plan = a_plan(metric)
        (folder / "inbox").mkdir(parents=True)
        journal = Journal.create(folder / "journal.jsonl")
        journal.claim(os.getpid(), self.clock.now(), self.clock.wall())
        watched, _ = sources(plan.signals, [CloudWatchObserver(self.aws)], self.clock.now())
        ledger = Ledger(folder / "undo.jsonl")
        performer = Performer(plan, ledger, {"fis": self.provider}, TerminalChannel(), str)
        made = Conductor(plan, folder, journal, ledger, State(), self.clock, performer, watched)
        opened = {"run": folder.name, "environment": "rehearsal", "speed": 1.0, "scenario": "bench", "service": "bench",
                  "version": "0"}  # fmt: skip
        made.record(Draft("run.opened", opened))
        made.record(Draft("go", {"on": "the bench"}, "facilitator"))
        return made

    def peer(self, metric: str) -> str:
        """An experiment that FIS alone stops, by an alarm; returns its id."""
        alarm = {"AlarmName": metric, "Namespace": "Bench", "MetricName": metric, "Statistic": "Maximum",
                 "Period": ALARM_PERIOD_S, "EvaluationPeriods": 1, "Threshold": LIMIT,
                 "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"}  # fmt: skip
        self.direct.client("cloudwatch").put_metric_alarm(**alarm)
        arn = f"arn:aws:cloudwatch:{REHEARSAL_ENVIRONMENT.region}:{REHEARSAL_ENVIRONMENT.account}:alarm:{metric}"
        fis = self.direct.client("fis")
        made = fis.create_experiment_template(
            clientToken=metric, description="peer", roleArn=REHEARSAL_ENVIRONMENT.fis_role, targets={},
            stopConditions=[{"source": "aws:cloudwatch:alarm", "value": arn}],
            actions={"wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT30M"}}},
        )  # fmt: skip
        template = made["experimentTemplate"]["id"]
        begun = fis.start_experiment(clientToken=metric, experimentTemplateId=template)
        return str(begun["experiment"]["id"])

    def peer_stops(self, ident: str) -> float:
        """When FIS itself was seen to stop it, looked at every 20 ms."""
        fis, seen = self.direct.client("fis"), ""

        def over() -> bool:
            nonlocal seen
            seen = fis.get_experiment(id=ident)["experiment"]["state"]["status"]
            return seen in ("stopping", "stopped")

        return wait(over)


def wait(over: Callable[[], bool]) -> float:
    """When it was seen; RuntimeError when it never is."""
    until = time.monotonic() + PATIENCE_S
    while not over():
        if time.monotonic() > until:
            raise RuntimeError("what was to be measured did not happen")
        time.sleep(0.02)
    return time.monotonic()


def a_round(bench: Bench, folder: Path, number: int, breach: bool) -> dict[str, float]:
    """One run to its stop, beside its peer when it is stopped by a breach; seconds until each stop."""
    metric = f"errors-{folder.name}"
    conductor = bench.conductor(folder, metric)
    over = threading.Event()
    publisher = threading.Thread(target=_publish, args=(bench, metric, over), daemon=True)
    publisher.start()
    peer = bench.peer(metric) if breach else ""
    thread = threading.Thread(target=conductor.run, daemon=True)
    thread.start()
    try:
        wait(lambda: _begun(conductor))
        # at another moment of the alarm's period each time
        time.sleep(1 + (number * 0.618 % 1 * ALARM_PERIOD_S if breach else number % 7 / 7))
        if conductor.state.abort:
            raise Spoilt(conductor.state.abort)
        began = bench.publish(metric, 100.0) if breach else _ask(conductor, folder, number)
        experiment = conductor.state.faults["stop"].trace["experiment"]
        wait(lambda: experiment in bench.gate.stopped)
        taken = {"gameday": bench.gate.stopped[experiment] - began}
        return {**taken, "fis_alarm": bench.peer_stops(peer) - began} if breach else taken
    finally:
        over.set()
        conductor.ask_abort("the round is over")
        thread.join(PATIENCE_S)
        publisher.join()


class Spoilt(RuntimeError):
    """The run was stopped before it was asked to: on a busy machine a guard of one second may not be read in time."""


def _begun(conductor: Conductor) -> bool:
    """Whether the experiment's id is known. Spoilt when it never will be."""
    if conductor.state.abort:
        raise Spoilt(conductor.state.abort)
    fault = conductor.state.faults.get("stop")
    return fault is not None and "experiment" in fault.trace


def _publish(bench: Bench, metric: str, over: threading.Event) -> None:
    while not over.wait(0.3):
        bench.publish(metric, 0.0)


def _ask(conductor: Conductor, folder: Path, number: int) -> float:
    """By signal and from a second terminal, in turns."""
    began = time.monotonic()
    if number % 2:
        drop(folder, "abort", "facilitator", why="asked")
    else:
        conductor.ask_abort("Ctrl-C")
    return began


def summary(taken: list[float]) -> dict[str, float]:
    """Median, fastest and slowest."""
    return {"median_s": round(statistics.median(taken), 3), "min_s": round(min(taken), 3),
            "max_s": round(max(taken), 3), "rounds": len(taken)}  # fmt: skip


def machine() -> dict[str, str | int]:
    """What the figures depend on."""
    return {"date": datetime.now(tz=UTC).date().isoformat(), "python": platform.python_version(),
            "cores": os.cpu_count() or 0, "load_1m": f"{os.getloadavg()[0]:.1f}", "speed": 1,
            "system": f"{platform.system()} {platform.machine()}", "gameday": version("gameday")}  # fmt: skip


def measure(bench: Bench, runs: Path, rounds: int, until: float) -> tuple[list[dict[str, float]], ...]:
    """Aborts and breaches in turns, and as many as spoilt ones were made anew."""
    taken: tuple[list[dict[str, float]], ...] = ([], [])
    number = 0
    while min(len(kind) for kind in taken) < rounds and time.monotonic() < until:
        breach = len(taken[1]) < len(taken[0])
        number += 1
        try:
            taken[breach].append(a_round(bench, runs / f"r{number}", number, breach))
        except Spoilt as why:
            print(f"round {number} was spoilt: {why}", file=sys.stderr)
    return taken


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of each kind")
    parser.add_argument("--minutes", type=float, default=30, help="at most; the rounds that were made by then count")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        up = client.up(Path(root), 1.0, kept=False)
        try:
            until = time.monotonic() + asked.minutes * 60
            aborts, breaches = measure(Bench(up), Path(root) / "bench", asked.rounds, until)
        finally:
            up.down()
    found = {
        "abort_to_stop": summary([a["gameday"] for a in aborts]),
        "breach_to_stop": summary([b["gameday"] for b in breaches]),
        "breach_to_stop_by_fis_alarm": summary([b["fis_alarm"] for b in breaches]),
    }
    print(json.dumps({"stops": found, "machine": machine()}))


if __name__ == "__main__":
    main()
