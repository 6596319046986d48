"""Somebody's address on loopback: takes what is posted, and answers what it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gameday.aws import Aws
from gameday.clock import Clock, VirtualClock
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.people.webhook import WebhookChannel, WebhookSettings
from gameday.protocols import Prompt

SECRET, TOKEN = "a-secret-that-two-know", "T0000-B0000-hunter22222"
PROMPT = Prompt("ack", "20261124-1000-day", "ack", "on-call", "Acknowledge the page <now> & call.", "acknowledge")


@dataclass
class OtherSide:
    """``answers``: status, headers and text of each, the last one for all that follow."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], str]] = field(default_factory=lambda: [(200, {}, "ok")])
    posted: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def other_side(*answers: tuple[int, dict[str, str], str]) -> Iterator[OtherSide]:
    """It is there while the context is; its address ends in a token."""
    side = OtherSide()
    side.answers = list(answers) or side.answers

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            side.posted.append((self.path, dict(self.headers), body))
            status, headers, text = side.answers.pop(0) if len(side.answers) > 1 else side.answers[0]
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    side.url = f"http://127.0.0.1:{server.server_port}/services/{TOKEN}"
    try:
        yield side
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def a_webhook(clock: Clock | None = None, rehearsed: bool = True, **more: Any) -> WebhookChannel:
    """Its address is in OPS_URL, its secret in OPS_SECRET."""
    settings = WebhookSettings.model_validate({"url": {"env": "OPS_URL"}, "secret": {"env": "OPS_SECRET"}, **more})
    aws = Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1")
    return WebhookChannel(settings, clock or VirtualClock(), aws, rehearsed)
