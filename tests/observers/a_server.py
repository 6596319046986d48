"""A loopback HTTP server whose answer is a function of the request: the other side of our own sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Reply = tuple[int, Mapping[str, str], bytes]


@dataclass
class Server:
    """What was asked, and what is answered; ``pause`` holds every answer back until it is set."""

    url: str = ""
    answer: Callable[[Request], Reply] = lambda request: (200, {}, b"ok")
    asked: list[Request] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    trickle: bool = False


@contextmanager
def serve() -> Iterator[Server]:
    """A server that is up while the block runs."""
    server = Server()
    server.go_on.set()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, dict(self.headers), body)
            server.asked.append(request)
            status, headers, said = server.answer(request)
            if server.trickle:
                self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
                while not server.go_on.wait(0.02):
                    self.wfile.write(b"x")
                return
            server.go_on.wait(20)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # whoever asked has gone
                return

        do_GET = do_HEAD = do_POST = _serve

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield server
        finally:
            server.go_on.set()
            http.shutdown()
            thread.join()
