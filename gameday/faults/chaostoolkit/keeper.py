"""The watchdog of one fault: a process that undoes it when the conductor dies, or lets it stay beyond its time.

AWS ends a FIS experiment when the heartbeat stops; nobody ends the action of an extension. So this process waits beside
it. The conductor's death closes the pipe between them, which the kernel does however it died. The end of the machine is
not covered: then ``gameday recover`` undoes, from the ledger. Whoever has undone the fault ends this process.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress

from gameday.faults.chaostoolkit.working import Working, identity, kill_group

GRACE_S = 120.0  # the conductor undoes at the end of ``for``; only one that hangs does not
ATTEMPTS = 60
STDIN = 0
REST_S = 5.0


class Keeping:
    """The watchdog as the conductor sees it."""

    def __init__(self, job: str, environ: Mapping[str, str], lasts_ms: int | None) -> None:
        """``lasts_ms`` is scenario time, which is never slower than wall time: an upper bound."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gameday.faults.chaostoolkit.keeper"],
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.identity = identity(self._process.pid)
        within = None if lasts_ms is None else lasts_ms / 1000 + GRACE_S
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"job": job, "within_s": within}).encode() + b"\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """It has been undone: nobody needs to watch any more."""
        kill_group(self.identity) if self.identity else self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()


def _first_line() -> bytes:
    """Byte by byte, so that nothing behind it is read into a buffer where select does not see it."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(STDIN, 1)):
        line += byte
    return line


def main() -> None:
    """Wait for the end of the conductor, or of the fault's time; then undo until it succeeds."""
    told = json.loads(_first_line())
    select.select([STDIN], [], [], told["within_s"])
    job, rest = told["job"], threading.Event()
    for _ in range(ATTEMPTS):
        working = Working(os.environ)
        answer = working.ask(job, json.loads(job)["activity"]["timeout"] / 1000)
        working.close()
        if answer.ok:
            return
        rest.wait(REST_S)


if __name__ == "__main__":
    main()
