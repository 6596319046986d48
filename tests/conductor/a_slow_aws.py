"""An AWS at a real socket that answers, or hangs until it is let go; each call is written down as it arrives."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Wire = dict[str, Any]
OPERATIONS = {
    ("POST", "experimentTemplates"): "CreateExperimentTemplate",
    ("GET", "experimentTemplates"): "ListExperimentTemplates",
    ("DELETE", "experimentTemplates"): "DeleteExperimentTemplate",
    ("POST", "experiments"): "StartExperiment",
    ("DELETE", "experiments"): "StopExperiment",
    ("PATCH", "safetyLevers"): "UpdateSafetyLeverState",
    ("GET", "safetyLevers"): "GetSafetyLever",
}


@dataclass
class SlowAws:
    """``hangs`` names the operations that get no answer until ``let_go`` is set."""

    hangs: set[str] = field(default_factory=set)
    let_go: threading.Event = field(default_factory=threading.Event)
    arrived: list[tuple[str, float]] = field(default_factory=list)
    status: str = ""  # of the one experiment; "" is none
    tags: Wire = field(default_factory=dict)
    template: bool = False
    lever: str = "disengaged"
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, seen: Callable[[], bool], within_s: float = 8.0) -> bool:
        """Whether it comes about in time."""
        with self.changed:
            return self.changed.wait_for(seen, within_s)

    def came(self, operation: str) -> list[float]:
        """When this call arrived, on this machine's monotonic clock."""
        return [at for name, at in self.arrived if name == operation]

    def take(self, operation: str, wire: Wire) -> Wire:
        """What the call does, at once; its answer may be long in coming."""
        with self.changed:
            self.arrived.append((operation, time.monotonic()))
            answer = self._do(operation, wire)
            self.changed.notify_all()
        if operation in self.hangs:
            self.let_go.wait(60)
        return answer

    def _do(self, operation: str, wire: Wire) -> Wire:
        if operation == "CreateExperimentTemplate":
            self.template = True
            return {"experimentTemplate": {"id": "EXT1"}}
        if operation == "DeleteExperimentTemplate":
            self.template = False
            return {"experimentTemplate": {"id": "EXT1"}}
        if operation == "StartExperiment":
            self.status, self.tags = "running", wire.get("tags", {})
        if operation == "StopExperiment":
            self.status = "stopped"
        if operation == "UpdateSafetyLeverState":
            self.lever = wire["state"]["status"]
        if operation.endswith("SafetyLever") or operation.endswith("LeverState"):
            return {"safetyLever": {"id": "default", "state": {"status": self.lever, "reason": ""}}}
        return self._seen(operation)

    def _seen(self, operation: str) -> Wire:
        experiment = {"id": "EXP1", "state": {"status": self.status, "reason": ""}, "tags": self.tags}
        if operation == "ListExperiments":
            return {"experiments": [experiment] if self.status else []}
        if operation == "ListExperimentTemplates":
            return {"experimentTemplates": [{"id": "EXT1", "tags": self.tags}] if self.template else []}
        if operation == "ListExperimentResolvedTargets":
            return {"resolvedTargets": []}
        return {"experiment": experiment} if operation.endswith("Experiment") else {}


def _operation(method: str, path: str, target: str) -> str:
    if target:
        return target.rpartition(".")[2]
    parts = urlsplit(path).path.strip("/").split("/")  # botocore sends the whole address
    if (method, parts[0]) == ("GET", "experiments"):
        return ["ListExperiments", "GetExperiment", "ListExperimentResolvedTargets"][min(len(parts), 3) - 1]
    return OPERATIONS.get((method, parts[0]), f"{method} {path}")


@contextmanager
def serving(aws: SlowAws) -> Iterator[str]:
    """Its endpoint. Whatever hangs is let go at the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            wire = json.loads(body) if body.startswith(b"{") else {}
            answer = aws.take(_operation(self.command, self.path, self.headers.get("X-Amz-Target", "")), wire)
            raw = json.dumps(answer).encode()
            try:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)
            except OSError:
                pass  # whoever asked has gone

        do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _any

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        aws.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()
