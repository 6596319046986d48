"""A worker as the conductor sees it: started with its own environment, asked with a time limit, killed as a group."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.errors import Problem
from gameday.faults.chaostoolkit.settings import AnyActivity
from gameday.model.activity import Reference
from gameday.model.workspace import Environment

CLOSE_WITHIN_S = 2.0
LONGEST_ANSWER = 64 * 1024
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
_PASSED_ON_TO_AWS = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Answer:
    """What came of an activity. ``value`` is a probe's number; ``reached`` are the addresses it asked for;
    ``refused`` is a call of it that the envelope did not let out."""

    ok: bool
    error: str = ""
    output: str = ""
    value: float | None = None
    reached: tuple[str, ...] = ()
    refused: Problem | None = None


def job_of(
    activity: AnyActivity, configuration: Mapping[str, Any], secrets: Mapping[str, Any], loopback: bool,
    environment: Environment,
) -> str:  # fmt: skip
    """The job as JSON, enough to do it in another process: secrets are references. Its own keys win. What it asks of
    AWS is held against ``environment``."""
    own = activity.model_dump(mode="json", exclude={"configuration", "secrets", "timeout"})
    references = {**secrets, **activity.secrets}
    record = {
        "activity": {**own, "timeout": activity.timeout},
        "configuration": {**configuration, **activity.configuration},
        "secrets": {name: _written(reference) for name, reference in references.items()},
        "loopback": loopback,
        "environment": environment.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    return json.dumps(record, sort_keys=True)


def _written(reference: Reference) -> dict[str, str]:
    return dict(reference.model_dump())


def environ_of(environment: Environment, endpoint: str | None, named: Iterable[str]) -> dict[str, str]:
    """The environment of a worker: what every program needs, the variables that its secrets name, and the Region. In
    rehearsal botocore is led to the loopback AWS with made-up credentials (facts: chaostoolkit, 2.1)."""
    names = (*_PASSED_ON, *named, *(() if endpoint else _PASSED_ON_TO_AWS))
    found = {name: os.environ[name] for name in names if name in os.environ}
    found |= {
        "AWS_REGION": environment.region,
        "AWS_DEFAULT_REGION": environment.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if endpoint:
        found |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "rehearsal", "NO_PROXY": "*",
                  "AWS_SECRET_ACCESS_KEY": "rehearsal", "AWS_MAX_ATTEMPTS": "2"}  # fmt: skip
    return found


def names_in(job: str) -> list[str]:
    """The environment variables that the secrets of a job name."""
    return [r["env"] for r in json.loads(job)["secrets"].values() if "env" in r]


class Working:
    """One worker process. ``ask`` may be called again; ``kill`` and ``close`` from any thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gameday.faults.chaostoolkit.worker"],
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.identity = identity(self._process.pid)
        self._late = False

    def ask(self, job: str, within_s: float) -> Answer:
        """Do this job. A worker that is not done in time is killed with all that it has started; then it is unknown
        how far it came, and the answer says so."""
        self.begin(job)
        return self.wait(within_s)

    def begin(self, job: str) -> None:
        """Hand over a job. OSError never: a worker that is gone answers so."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(job.encode() + b"\n")
            self._process.stdin.flush()

    def wait(self, within_s: float) -> Answer:
        """The answer to the job that was begun."""
        timer = threading.Timer(within_s, self._too_late)
        timer.daemon = True
        timer.start()
        try:
            assert self._process.stdout is not None
            line = self._process.stdout.readline(LONGEST_ANSWER)
        except ValueError:  # it was closed: somebody has ended this worker meanwhile
            line = b""
        finally:
            timer.cancel()
        if not line:
            self.kill()
        if self._late:
            return Answer(False, f"it was not done within {within_s:g} s, and was killed; how far it came is unknown")
        return _read(line)

    def _too_late(self) -> None:
        self._late = True
        self.kill()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it and all that it has started, now."""
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Let it go; what it has started in the background stays, as its action meant it to."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(CLOSE_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process.stdout.close()


def _read(line: bytes) -> Answer:
    try:
        said = json.loads(line)
        return Answer(said["ok"] is True, str(said.get("error", "")), str(said.get("output", "")), said.get("value"),
                      tuple(said.get("reached", ())), _refused(said.get("refused")))  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return Answer(False, "its process ended without an answer; how far it came is unknown")


def _refused(said: Mapping[str, str] | None) -> Problem | None:
    return Problem(said["code"], said["message"], said["write"]) if said else None


def identity(pid: int) -> str:
    """``pid:start``, which no later process shares; nothing where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return f"{pid}:{fields[19]}"
    except (OSError, IndexError):
        return ""


def kill_group(known: str) -> None:
    """End the worker of this identity, and all that it has started, if it still runs."""
    pid = int(known.partition(":")[0] or 0)
    if pid and identity(pid) == known:
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
