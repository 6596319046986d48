"""How the rest of gameday reaches the rehearsal: start it, find it, ask it, stop it."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.clock import Anchor, ScenarioClock
from gameday.errors import CouldNotStart, could_not_start
from gameday.rehearsal.processes import alive, read_state

READY_SECONDS = 60.0
NEEDED = ("moto", "aiohttp", "werkzeug")
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback, whatever the proxies say


def state_file(root: Path) -> Path:
    """Where the daemon of a workspace says that it is ready."""
    return root / ".gameday" / "rehearsal.json"


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal that is up."""

    root: Path
    pid: int
    started: int
    endpoint: str
    speed: float
    anchor: Anchor
    kept: bool
    pieces: dict[str, Any]
    service: str | None = None
    calibration: dict[str, Any] | None = None
    highest_speed: float | None = None

    def clock(self) -> ScenarioClock:
        """The scenario clock that all its processes share."""
        return ScenarioClock(self.anchor)

    def ask(self, name: str, wire: dict[str, Any] | None = None) -> dict[str, Any]:
        """The control API: GET, or POST when there is something to say."""
        data = None if wire is None else json.dumps(wire).encode()
        request = urllib.request.Request(f"{self.endpoint}/_gameday/{name}", data)
        with _OPENER.open(request, timeout=10) as reply:
            found: dict[str, Any] = json.loads(reply.read())
        return found

    def disturbed(self, since: int) -> tuple[list[tuple[int, int]], int]:
        """Windows that the machine disturbed since then, and the largest lag."""
        found = self.ask(f"disturbed?since={since}")
        return [(a, b) for a, b in found["windows"]], found["lag_ms"]

    def died(self) -> bool:
        """Whether its daemon is no more, however it ended."""
        return not alive(self.pid, self.started)

    def status(self) -> dict[str, Any]:
        """What it says of itself."""
        return self.ask("status")

    def too_fast(self) -> str | None:
        """What to say when its speed is higher than this machine's calibration allows; None when it is not."""
        if self.highest_speed is None or self.speed <= self.highest_speed:
            return None
        largest, lower = (self.calibration or {}).get("largest_ms", 0), max(1, int(self.highest_speed))
        return f"a request took {largest:.0f} ms here: too long for speed {self.speed:g}; use --speed {lower}"

    def down(self) -> None:
        """Stop it, and wait until it is gone."""
        with suppress(OSError):
            self.ask("stop", {})
        until = time.monotonic() + 15
        while alive(self.pid, self.started) and time.monotonic() < until:
            time.sleep(0.05)
        if alive(self.pid, self.started):
            with suppress(ProcessLookupError):
                os.kill(self.pid, 9)


def attach(root: Path) -> Rehearsal | None:
    """The rehearsal that is up in a workspace, if any."""
    held = read_state(state_file(root))
    if held is None or not alive(held["pid"], held["started"]):
        return None
    return Rehearsal(root, held["pid"], held["started"], held["endpoint"], held["speed"], Anchor(**held["anchor"]),
                     held["kept"], held["pieces"], held.get("service"), held.get("calibration"),
                     held.get("highest_speed"))  # fmt: skip


def up(root: Path, speed: float, kept: bool, workload_content: Any = None) -> Rehearsal:
    """Start a daemon and wait until it is ready. ``workload_content`` is ``(workload, service)``, or None for AWS
    alone. One that is already up is used when it has that speed and that workload (any, when none is asked for).

    CouldNotStart: REHEARSAL_NOT_INSTALLED, REHEARSAL_SPEED, REHEARSAL_SERVICE, REHEARSAL_NOT_READY. When the machine
    is too slow for the speed it is up all the same: see :meth:`Rehearsal.too_fast` and ``highest_speed``.
    """
    _installed()
    folder = state_file(root).parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "rehearsal.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two that start at once the second finds the first's
        found = attach(root)
        if found:
            return _same(found, speed, workload_content)
        return _start(root, speed, kept, workload_content)


def _installed() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        what = f"A rehearsal needs {' and '.join(missing)}, not installed here"
        raise could_not_start("REHEARSAL_NOT_INSTALLED", what, 'pip install "gameday[rehearsal]"')


def _same(found: Rehearsal, speed: float, content: Any) -> Rehearsal:
    """The one that is up, when it is what is asked for."""
    down = "gameday rehearsal down, then again"
    if found.speed != speed:
        what = f"A rehearsal is already up at speed {found.speed:g}, not {speed:g}"
        raise could_not_start("REHEARSAL_SPEED", what, f"--speed {found.speed:g}, or {down}")
    if content and found.service != content[1].id:
        carries = f"the workload of {found.service}" if found.service else "no workload"
        what = f"A rehearsal is already up with {carries}, not with that of {content[1].id}"
        raise could_not_start("REHEARSAL_SERVICE", what, down)
    return found


def _start(root: Path, speed: float, kept: bool, workload_content: Any) -> Rehearsal:
    log = state_file(root).parent / "rehearsal.log"
    command = [sys.executable, "-m", "gameday.rehearsal.daemon", "--state", str(state_file(root)),
               "--workspace", str(root), "--speed", str(speed)]  # fmt: skip
    command += [] if kept else ["--owner", str(os.getpid())]
    command += [] if workload_content else ["--no-workload"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=out, env=own_environment(),
                                   start_new_session=True)  # fmt: skip
    assert process.stdin
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(_told(workload_content))
    return _ready(root, process, log)


def own_environment() -> dict[str, str]:
    """The environment of the daemon: ours without AWS accounts and proxies, of which moto would ask boto3."""
    return {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and not k.lower().endswith("_proxy")}


def _told(content: Any) -> bytes:
    """Workload and service as two lines of JSON, so that nothing but data crosses between the processes."""
    if content is None:
        return b""
    return b"".join(model.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n" for model in content)


def _ready(root: Path, process: subprocess.Popen[bytes], log: Path) -> Rehearsal:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        found = attach(root)
        if found and found.pid == process.pid:
            process.returncode = 0  # it is no longer ours to wait for: it may outlive us
            return found
        time.sleep(0.05)
    late = process.poll() is None
    if late:
        process.kill()
        process.wait()
    raise _failed(log, f" within {READY_SECONDS:g} s" if late else "")


def _failed(log: Path, when: str) -> CouldNotStart:
    said = log.read_text("utf-8", "replace").strip().splitlines()[-1:]
    return could_not_start("REHEARSAL_NOT_READY", f"The rehearsal did not become ready{when}: {' '.join(said) or '-'}",
                           f"the same again, with a lower --speed; {log.parent.name}/{log.name} says more")  # fmt: skip
