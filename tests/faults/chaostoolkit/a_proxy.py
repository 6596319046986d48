"""A toxiproxy of few lines: it listens where it is told to, and no longer when it is disabled. What it does is real,
so a test sees a fault come and go by connecting, and not by asking the one who was told."""

from __future__ import annotations

import json
import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Toxiproxy(ThreadingHTTPServer):
    """One proxy named ``ledger``; ``listens`` is its port, ``asked`` what was asked of it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Api)
        self.listener: socket.socket | None = None
        self.listens = 0
        self.asked: list[dict[str, Any]] = []
        self.refusing = 0
        self.enable(True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def configuration(self) -> dict[str, Any]:
        """What the extension has to know."""
        return {"toxiproxy_host": "127.0.0.1", "toxiproxy_port": self.server_address[1]}

    def enable(self, wanted: bool) -> None:
        """Listen, or no longer."""
        if wanted and self.listener is None:
            self.listener = socket.create_server(("127.0.0.1", self.listens))
            self.listens = self.listener.getsockname()[1]
            threading.Thread(target=take, args=(self.listener,), daemon=True).start()
        elif not wanted and self.listener is not None:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts, and ends the listening
            self.listener.close()
            self.listener = None

    @property
    def up(self) -> bool:
        """Whether somebody who connects gets through."""
        try:
            socket.create_connection(("127.0.0.1", self.listens), 2).close()
        except OSError:
            return False
        return True

    def end(self) -> None:
        """Free both ports."""
        self.shutdown()
        self.server_close()
        self.enable(False)


def take(listener: socket.socket) -> None:
    """Accept until it no longer listens: a queue that nobody empties would look like a cut."""
    with suppress(OSError):
        while True:
            listener.accept()[0].close()


class Api(BaseHTTPRequestHandler):
    """The part of toxiproxy's HTTP API that switches a proxy."""

    server: Toxiproxy

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        if self.server.refusing:
            self.server.refusing -= 1
            self._answer(500)
            return
        self.server.enable(body["enabled"])
        self._answer(200)

    def do_GET(self) -> None:
        self._answer(200)

    def _answer(self, status: int) -> None:
        proxy = {"name": "ledger", "listen": f"127.0.0.1:{self.server.listens}", "enabled": self.server.up}
        raw = json.dumps(proxy).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


if __name__ == "__main__":  # a process of its own, for tests that kill everything else
    proxy = Toxiproxy()
    print(json.dumps({**proxy.configuration, "listens": proxy.listens}), flush=True)
    sys.stdin.read()
