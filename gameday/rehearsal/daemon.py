"""The rehearsal daemon: one loopback process that is AWS, and owns the pieces of the workload."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any

from gameday.clock import Anchor, ScenarioClock
from gameday.model.service import Service
from gameday.model.workload import Workload
from gameday.rehearsal.api_errors import ACTIONS as API_ERRORS
from gameday.rehearsal.api_errors import ApiErrors
from gameday.rehearsal.aws_app import AwsApp
from gameday.rehearsal.cloudwatch_api import CloudWatch
from gameday.rehearsal.fis_engine import FisEngine
from gameday.rehearsal.fis_log import Scribe
from gameday.rehearsal.lookup import finder, local_client
from gameday.rehearsal.metric_store import AwsError
from gameday.rehearsal.processes import alive, go_first, kill_leftovers, started

PREWARM = ("ec2", "lambda", "route53", "dynamodb", "s3")
IDLE_SECONDS = 600.0
LOG = logging.getLogger("gameday.rehearsal")


class Daemon:
    """Everything that lives in the daemon."""

    def __init__(self, options: argparse.Namespace) -> None:
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            """No access log; keep-alive, so that a client opens one connection, not hundreds."""

            protocol_version = "HTTP/1.1"

            def log(self, type: str, message: str, *args: Any) -> None:
                """Nothing."""

        self.options, self.ended = options, Event()
        self.owner_started = started(options.owner) if options.owner else 0
        self.anchor = Anchor.here(options.speed)
        self.clock = ScenarioClock(self.anchor)
        self.cloudwatch = CloudWatch(self.clock)
        self.engine = FisEngine(self.clock, alarm_state=self.cloudwatch.alarms.state_of, seed=os.getpid())
        self.app = AwsApp(self.clock, self.engine, self.cloudwatch)
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True, request_handler=Quiet)
        self.server.daemon_threads = True  # type: ignore[attr-defined]  # typed as BaseServer; it is a threaded one
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self._find_by_tags()
        self.api_errors = ApiErrors()
        self.app.gate.refusals = self.api_errors.refusal
        self.engine.actuators.update(dict.fromkeys(API_ERRORS, self.api_errors))
        self.engine.ended = Scribe(self.endpoint).write
        self.owned = time.monotonic()  # when its owner was last seen alive
        self.runner: Any = None
        self.service: str | None = None
        self.ticks = 0
        self.trouble = ""
        self.app.control |= {
            ("GET", "status"): lambda wire: self.status(),
            ("GET", "disturbed"): self.disturbed,
            ("GET", "ledger"): self.ledger,
            ("POST", "stop"): self.stop,
        }

    def _find_by_tags(self) -> None:
        """How FIS and Systems Manager find targets that are named by tags: in the control plane itself."""
        find = self.engine.find = finder(self.endpoint)
        self.app.everywhere.finder = lambda account, region: finder(self.endpoint, account, region)
        running = {"resourceType": "aws:ec2:instance", "filters": [{"path": "State.Name", "values": ["running"]}]}
        self.app.ssm.engine.find = lambda tags: [a.rpartition("/")[2] for a in find(running | {"resourceTags": tags})]

    def status(self) -> dict[str, Any]:
        """What the control API says."""
        healthy = self.runner.healthy() if self.runner else {}
        return self.record() | {
            "now_ms": self.clock.now(),
            "ticks": self.ticks,
            "published_ms": self.runner.publisher.latest if self.runner else None,
            "trouble": self.trouble,
            "healthy": healthy,
            "actions": self.engine.offered,
        }

    def record(self) -> dict[str, Any]:
        """What the state file says."""
        pieces = {}
        for name, piece in (self.runner.pieces if self.runner else {}).items():
            held = piece if isinstance(piece, dict) else {"pid": piece.pid, "port": piece.port}
            pieces[name] = {"pid": held["pid"], "port": held["port"], "started": started(held["pid"])}
        measured = self.runner.calibration if self.runner else None
        return {"pid": os.getpid(), "started": started(os.getpid()), "endpoint": self.endpoint,
                "speed": self.anchor.speed, "anchor": asdict(self.anchor), "workspace": str(self.options.workspace),
                "kept": self.options.owner is None, "pieces": pieces, "service": self.service,
                "calibration": asdict(measured) if measured else None,
                "highest_speed": measured.highest_speed if measured else None}  # fmt: skip

    def disturbed(self, wire: dict[str, Any]) -> dict[str, Any]:
        """Windows in which the machine disturbed the rehearsal, and the largest lag."""
        windows, lag = self.runner.disturbed(int(wire.get("since", 0))) if self.runner else ([], 0)
        return {"windows": [list(w) for w in windows], "lag_ms": lag}

    def ledger(self, wire: dict[str, Any]) -> dict[str, Any]:
        """The canary ledger of a table, held against what is there; ``rows`` None when none is kept."""
        if self.runner is None:
            return {"rows": None, "interval_ms": None}
        found: dict[str, Any] = self.runner.ledger(str(wire["piece"]), int(wire["since"]))
        return found

    def stop(self, wire: dict[str, Any]) -> dict[str, Any]:
        """End soon, after this answer has gone out."""
        Timer(0.05, self.ended.set).start()
        return {"stopping": True}

    def run(self) -> None:
        """Serve until told to stop."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self.ended.set())
        Thread(target=self.server.serve_forever, name="http", daemon=True).start()
        self._prewarm()
        try:
            self._start_workload()
            Thread(target=self._tick, name="tick", daemon=True).start()
            self._write()
            while not self.ended.wait(1.0):
                if self._orphaned():
                    break
        finally:
            self._close()

    def _prewarm(self) -> None:
        self.app.moto()
        threads = [Thread(target=self._warm, args=(s,), daemon=True) for s in PREWARM]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @staticmethod
    def _warm(service: str) -> None:
        from moto.backends import get_backend

        with suppress(Exception):  # a service that cannot be imported is refused when it is called
            get_backend(service)  # type: ignore[call-overload]  # moto types each name apart

    def _start_workload(self) -> None:
        if self.options.no_workload:
            return
        from gameday.rehearsal.workload import WorkloadRunner

        workload = Workload.model_validate_json(sys.stdin.buffer.readline())
        service = Service.model_validate_json(sys.stdin.buffer.readline())
        self.runner = WorkloadRunner(workload, service, self.anchor, self.endpoint, workload.load.seed)
        self.service = workload.service
        self.runner.start()
        self.engine.actuators.update(self.runner.actuators(self.app.ssm.engine))

    def _tick(self) -> None:
        pause = max(0.01, min(0.1, 0.5 / self.anchor.speed))
        while not self.ended.wait(pause):
            try:
                self.app.ssm.engine.tick()
                self.app.everywhere.tick()
                self.ticks += 1
            except Exception as error:  # one bad alarm must not stop time for the experiments
                self.trouble = f"{type(error).__name__}: {error}"
                LOG.exception("tick")
                for here in self.app.everywhere.all():
                    with suppress(Exception):
                        here.engine.tick()

    def _write(self) -> None:
        target = Path(self.options.state)
        target.parent.mkdir(parents=True, exist_ok=True)
        spare = target.with_suffix(f".{os.getpid()}")
        spare.write_text(json.dumps(self.record(), indent=1), "utf-8")
        os.replace(spare, target)

    def _orphaned(self) -> bool:
        """Whether nobody wants it any more: the run that started it is dead, and nobody (`recover` would) has called
        for a while since. What still runs is stopped and undone then, by :meth:`_close`."""
        if self.options.owner is None or alive(self.options.owner, self.owner_started):
            self.owned = time.monotonic()
            return False
        return bool(time.monotonic() - max(self.owned, self.app.gate.last) > self.options.idle)

    def _close(self) -> None:
        target = Path(self.options.state)
        with suppress(OSError, ValueError):
            if json.loads(target.read_text("utf-8")).get("pid") == os.getpid():
                target.unlink()  # first, so that nobody attaches to what ends
        for engine in (here.engine for here in self.app.everywhere.all()):
            for experiment in list(engine.experiments.values()):
                with suppress(AwsError):  # it has already ended
                    engine.stop_experiment(experiment.id, "The rehearsal ends.")
                    LOG.warning("the rehearsal ends: %s is stopped", experiment.id)
            with suppress(Exception):
                engine.tick()
        if self.runner:
            with suppress(Exception):
                self.runner.stop()


def arguments(given: list[str]) -> argparse.Namespace:
    """The command line of the daemon."""
    parser = argparse.ArgumentParser(prog="gameday.rehearsal.daemon")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--speed", type=float, default=20.0)
    parser.add_argument("--owner", type=int)
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="seconds it outlives a dead owner's last call")
    parser.add_argument("--no-workload", action="store_true", help="serve AWS only; without it a workload is on stdin")
    return parser.parse_args(given)


def main() -> None:
    """Run the daemon."""
    options = arguments(sys.argv[1:])
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    os.environ["MOTO_ALLOW_NONEXISTENT_REGION"] = "false"
    kill_leftovers(options.state)
    go_first()
    Daemon(options).run()
    os._exit(0)  # threads of open connections must not hold the process


__all__ = ["Daemon", "local_client", "main"]

if __name__ == "__main__":
    main()
