"""The process in which an activity runs: jobs come in as lines of JSON, and each is answered with one.

It ends when nobody listens any more. If that happens while an activity runs it takes the activity, and all that it has
started, with it: an action must not go on when the conductor that would undo it is dead. What an activity prints goes
nowhere, and the values of secrets are taken out of every answer.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gameday.faults.chaostoolkit.guard import Guard

if TYPE_CHECKING:
    from gameday.errors import Problem
    from gameday.faults.chaostoolkit.door import WorkerDoor

LONGEST_TEXT = 4_000
MEMORY = 4 * 1024**3
FILE_SIZE = 256 * 1024**2
OPEN_FILES = 512
SHORT_SECRET = 4
SECRETS = "gameday"  # chaoslib groups secrets; ours are one group

Job = Mapping[str, Any]


class Wrong(Exception):
    """What is wrong with an activity, in words for the user."""


class Worker:
    """Does one job after the other."""

    def __init__(self) -> None:
        self.guard = Guard()
        self._guarded = False
        self._door: WorkerDoor | None = None
        self._environ: dict[str, str | None] = {}  # what secrets took from the environment, for the jobs that follow

    def answer(self, job: Job) -> dict[str, Any]:
        """What came of it; whatever an activity raises, SystemExit included, is an error of it and not of ours."""
        hidden: list[str] = []
        try:
            self._bind(job)
            said = self._do(job, hidden)
        except BaseException as error:  # noqa: BLE001  # an activity is arbitrary code, and may raise anything
            words = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
            said = {"ok": False, "error": clean(words, hidden)}
        if said["ok"] and self.guard.refused:
            said = {"ok": False, "error": f"{self.guard.refused[0]} was refused in rehearsal"}
        if self._door and self._door.refused:  # whatever the activity made of it
            said = {"ok": False, **_told(self._door.refused[0], hidden)}
            self._door.refused.clear()
        said["reached"] = sorted(set(self.guard.reached))[:20]
        self.guard.refused.clear()
        return said

    def _bind(self, job: Job) -> None:
        """Nothing that the activity asks for leaves but what may, before any code of it is there."""
        if job["activity"]["type"] == "python" and "environment" in job:  # a ledger of before has none
            if self._door is None:
                self._door = _stood()
            self._door.allow(job["environment"])
        if job["loopback"] and not self._guarded:
            self.guard.stand()
            self._guarded = True

    def _do(self, job: Job, hidden: list[str]) -> dict[str, Any]:
        secrets = dict(_secrets(job["secrets"], self._environ))
        hidden += secrets.values()
        output = _run(job["activity"], dict(job["configuration"]), secrets)
        if "value" in job:
            return {"ok": True, "value": measure(output, job["value"])}
        _succeeded(job["activity"], output)
        return {"ok": True, "output": clean(_text(output), hidden)}


def _stood() -> WorkerDoor:
    from gameday.faults.chaostoolkit.door import WorkerDoor  # with botocore and the model: only where it is needed

    door = WorkerDoor()
    door.stand()
    return door


def _told(problem: Problem, hidden: list[str]) -> dict[str, Any]:
    """A refusal as the conductor tells its own: by its code."""
    message = clean(problem.message, hidden)
    return {"error": message, "refused": {"code": problem.code, "message": message, "write": problem.write}}


def _run(activity: Mapping[str, Any], configuration: dict[str, Any], secrets: dict[str, str]) -> Any:
    """The one place where Chaos Toolkit does something."""
    from chaoslib.activity import run_activity

    provider = {key: value for key, value in activity.items() if key not in ("configuration", "expected_status")}
    provider["timeout"] = activity["timeout"] / 1000
    provider["secrets"] = [SECRETS]
    return run_activity(
        {"type": "action", "name": "gameday", "provider": provider},
        configuration,
        {SECRETS: secrets} if secrets else {},
    )


def _succeeded(activity: Mapping[str, Any], output: Any) -> None:
    """A program or a server that says no has failed, and so has a function that says False; Chaos Toolkit takes all
    three for a success."""
    if activity["type"] == "python":
        if output is False:
            raise Wrong("it answered False")
        return
    status, expected = output["status"], activity.get("expected_status")
    fine = status == 0 if activity["type"] == "process" else status == expected if expected else status < 400
    if not fine:
        raise Wrong(f"it answered with status {status}")


def _secrets(references: Mapping[str, Mapping[str, str]], values: dict[str, str | None]) -> Iterator[tuple[str, str]]:
    """Their values; an environment variable is taken away, so that the activity sees only what it is handed."""
    for variable in {r["env"] for r in references.values() if "env" in r} - values.keys():
        values[variable] = os.environ.pop(variable, None)
    for name, reference in references.items():
        if "file" in reference:
            yield name, _in_file(name, reference["file"])
        elif not values[reference["env"]]:
            raise Wrong(f"secret {name}: the environment variable {reference['env']} is not set")
        else:
            yield name, values[reference["env"]] or ""


def _in_file(name: str, path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().rstrip("\n")
    except OSError as error:
        raise Wrong(f"secret {name}: {path} cannot be read ({error.strerror})") from error


def measure(output: Any, path: str | None) -> float | None:
    """The number that a probe gave: a number or a boolean, or what lies at ``path`` (keys and positions, with dots).
    None, text, a missing key and what is not finite are no number: unknown, and never 0."""
    for part in path.split(".") if path else ():
        try:
            output = output[int(part)] if isinstance(output, list | tuple) else output[part]
        except (LookupError, TypeError, ValueError):
            return None
    if not isinstance(output, bool | int | float):
        return None
    number = float(output)
    return number if abs(number) < float("inf") else None


def _text(output: Any) -> str:
    try:
        return json.dumps(output, default=repr)
    except (TypeError, ValueError, RecursionError):
        return repr(output)


def clean(text: str, hidden: list[str]) -> str:
    """Without the values of secrets, as they are or as JSON and URLs write them; short enough to be kept."""
    if any(0 < len(value) < SHORT_SECRET for value in hidden):
        return "withheld: a secret is so short that it cannot be taken out"
    for value in sorted(filter(None, hidden), key=len, reverse=True):
        for spelling in (value, json.dumps(value)[1:-1], repr(value)[1:-1], quote(value), quote(value, safe="")):
            text = text.replace(spelling, "***")
    return text[:LONGEST_TEXT]


def limit() -> None:
    """Limits of this process and of those it starts."""
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, FILE_SIZE),
                       (resource.RLIMIT_NOFILE, OPEN_FILES)):  # fmt: skip
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard),) * 2)


class Jobs:
    """Lines from the conductor. When it is gone this process goes too, at once."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.busy = False

    def read(self) -> None:
        """In a thread of its own, so that the end is seen while an activity runs."""
        for line in sys.stdin:
            self.busy = True
            self.waiting.put(line)
        if self.busy and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(0)


def main() -> None:
    """Answer jobs until nobody asks."""
    limit()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    jobs, worker = Jobs(), Worker()
    threading.Thread(target=jobs.read, daemon=True).start()
    while True:
        said = worker.answer(json.loads(jobs.waiting.get()))
        jobs.busy = False
        out.write(json.dumps(said) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
