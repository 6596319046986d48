"""``/metrics`` and ``/health`` on one port, and a push for runs that are over before anybody scrapes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest, push_to_gateway
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from gameday.errors import could_not_start

PUSH_WITHIN_S = 10
Health = Callable[[], tuple[bool, Mapping[str, Any]]]


def registry_of(*collectors: Collector) -> CollectorRegistry:
    """These and nothing of the process."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry


def push(address: str, registry: CollectorRegistry, scenario: str) -> None:
    """To a push gateway, in place of what this scenario pushed before. CouldNotStart METRICS_NOT_PUSHED is for the
    caller to tell: no run is worse for it."""
    try:
        push_to_gateway(address, "gameday", registry, {"scenario": scenario}, PUSH_WITHIN_S)
    except (OSError, ValueError) as error:
        write = "the http(s) address of a Prometheus push gateway that can be reached from here"
        raise could_not_start("METRICS_NOT_PUSHED", f"{address} did not take the metrics ({error})", write) from error


@contextmanager
def endpoint(host: str, port: int, registry: CollectorRegistry, health: Health) -> Iterator[int]:
    """Serve until left; gives the port. CouldNotStart ADDRESS_TAKEN."""
    try:
        server = ThreadingHTTPServer((host, port), _answers(registry, health))
    except OSError as error:
        what = f"nobody can listen on {host} port {port}: {error.strerror or error}"
        raise could_not_start("ADDRESS_TAKEN", what, "another --port, or an address of this machine") from error
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answers(registry: CollectorRegistry, health: Health) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        """Two pages, read only."""

        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/metrics":
                return self._send(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            if self.path == "/health":
                well, facts = health()
                raw = json.dumps({"healthy": well, **facts}).encode()
                return self._send(200 if well else 503, "application/json", raw)
            self._send(404, "text/plain", b"/metrics or /health\n")

        def _send(self, status: int, kind: str, raw: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: who scrapes is no news."""

    return Answers
