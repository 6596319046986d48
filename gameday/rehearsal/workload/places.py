"""The runner's side of a process: start it, tell it, ask it, kill it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any

from gameday.rehearsal.processes import stopped

START_SECONDS = 30.0
ASK_SECONDS = 2.0
UNWANTED = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
Wire = dict[str, Any]


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """What a process inherits: nothing of the user's AWS configuration, no proxies."""
    return {k: v for k, v in given.items() if not k.upper().startswith(UNWANTED)}


class Place:
    """One process of the workload. The thread that calls :meth:`start` must outlive the process: the kernel kills it
    with the thread that made it. A port is kept over restarts, so that callers need not be told again."""

    def __init__(self, ident: str, module: str) -> None:
        self.ident, self.module = ident, module
        self.port = 0
        self.told: Wire = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._read = b""

    @property
    def pid(self) -> int:
        """The process id; 0 before it was started."""
        return self._process.pid if self._process else 0

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def spawn(self) -> None:
        """Start the process; it says its port when it listens."""
        command = [sys.executable, "-m", f"gameday.rehearsal.workload.{self.module}", "--id", self.ident,
                   "--parent", str(os.getpid()), "--port", str(self.port)]  # fmt: skip
        self._read = b""
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         env=environment(os.environ))  # fmt: skip

    def listening(self) -> None:
        """Wait until it listens."""
        self.port = self._line()["port"]

    def tell(self, words: Wire) -> None:
        """Say what it is to be."""
        self.told = words
        assert self._process and self._process.stdin
        self._process.stdin.write(json.dumps(words).encode() + b"\n")
        self._process.stdin.flush()

    def ready(self) -> None:
        """Wait until it is what it was told to be."""
        self._line()

    def restart(self) -> None:
        """A new process in the old one's place."""
        self.kill()
        self.spawn()
        self.listening()
        self.tell(self.told)
        self.ready()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()

    def ask(self, path: str, wire: Wire | None = None, seconds: float = ASK_SECONDS) -> Wire:
        """GET, or POST when there is something to say; OSError when it does not answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            body = None if wire is None else json.dumps(wire)
            connection.request("GET" if wire is None else "POST", path, body)
            reply = connection.getresponse().read()
            return json.loads(reply) if reply else {}
        except (HTTPException, ValueError) as error:
            raise OSError(f"{self.ident}: {error}") from error
        finally:
            connection.close()

    def healthy(self) -> bool:
        """Whether it is there, goes (is not stopped), is what it was told to be, and suffers no fault."""
        try:
            return self.alive and not stopped(self.pid) and self.ask("/health", seconds=1.0) == {"faults": []}
        except OSError:
            return False

    def _line(self) -> Wire:
        assert self._process and self._process.stdout
        out, until = self._process.stdout.fileno(), time.monotonic() + START_SECONDS
        while b"\n" not in self._read:
            if not select.select([out], [], [], max(0.0, until - time.monotonic()))[0]:
                raise OSError(f"{self.ident} did not start within {START_SECONDS:g} s")
            more = os.read(out, 65536)
            if not more:
                raise OSError(f"{self.ident} ended while it started")
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        found: Wire = json.loads(line)
        return found
