"""Game days through the real command, in a workspace of their own: what the tests of whole runs share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from gameday.aws import Aws
from gameday.model.workspace import REHEARSAL_ENVIRONMENT

SHORT = """\
kind: scenario
id: short
service: open-banking
hypothesis: A day of few minutes, to be killed at any of them.
observe: [payments-attempts, payments-failures]
baseline: 1m
timeline:
  - id: stop
    fault: fis
    action: aws:lambda:invocation-error
    targets: [payments-function]
    parameters: {duration: 2m, invocationPercentage: 100, preventExecution: true}
    effective: {signal: payments-failures, at_least: 10, within: 20m}
    gone: {signal: payments-function-errors, equals: 0, within: 20m}
"""
"""Its witnesses are given much time: on a busy machine many buckets are unknown."""
TEN_LINES = """\
kind: scenario
id: payments-stop
service: open-banking
hypothesis: Payments keep flowing when the payment function fails, because the edge retries on the standby.
timeline:
  - fault: fis
    action: aws:lambda:invocation-error
    targets: [payments-function]          # a technology resource of the service
    parameters: {duration: 20m, invocationPercentage: 100, preventExecution: true}
"""
REAL_LOOKING = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_PROFILE": "production",
    "AWS_REGION": "us-east-1",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "HTTPS_PROXY": "http://192.0.2.1:3128",
    "HTTP_PROXY": "http://192.0.2.1:3128",
}


def gameday(workspace: Path, *words: str, environ: Mapping[str, str] = REAL_LOOKING, within_s: float = 400) -> Any:
    """Run the command there to its end. It meets credentials, a profile and proxies that look real."""
    return subprocess.run(
        [sys.executable, "-m", "gameday", *words],
        cwd=workspace,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=within_s,
    )


def begin(workspace: Path, *words: str) -> subprocess.Popen[str]:
    """Start the command there, and go on."""
    return subprocess.Popen(
        [sys.executable, "-m", "gameday", *words],
        cwd=workspace,
        env={**os.environ, **REAL_LOOKING},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def new_workspace(folder: Path, **scenarios: str) -> Path:
    """What ``gameday init`` makes, and these scenarios of Open Banking beside its own."""
    made = gameday(folder.parent, "init", str(folder))
    assert made.returncode == 0, made.stderr
    for name, text in scenarios.items():
        (folder / "scenarios" / "open-banking" / f"{name.replace('_', '-')}.yaml").write_text(text, "utf-8")
    return folder


def without_tolerances(workspace: Path) -> None:
    """A day on this service waits for no steady baseline, which a busy machine may not give."""
    service = workspace / "scenarios" / "open-banking" / "service.yaml"
    head, _, rest = service.read_text("utf-8").partition("tolerances:\n")
    service.write_text(head + rest[rest.index("resources:\n") :], "utf-8")
    for scenario in service.parent.glob("*.yaml"):
        if "tolerance:" in scenario.read_text("utf-8"):
            scenario.unlink()  # its guard names one that is no more


def runs_of(workspace: Path) -> set[Path]:
    """The folders of all runs that have begun."""
    return {p.parent for p in (workspace / ".gameday" / "runs").glob("*/journal.jsonl")}


def newest(workspace: Path, but: Collection[Path] = ()) -> Path:
    """The folder of the newest run, these left aside. ValueError when there is none."""
    return max(runs_of(workspace) - set(but), key=lambda p: (p / "journal.jsonl").stat().st_mtime_ns)


def status(workspace: Path) -> dict[str, Any]:
    """What the rehearsal that is kept up says of itself."""
    said = gameday(workspace, "rehearsal", "status", "--json")
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def left_behind(workspace: Path) -> dict[str, list[str]]:
    """Experiments that have not ended, templates, and processes that are not healthy within ten seconds."""
    fis = Aws(REHEARSAL_ENVIRONMENT, status(workspace)["endpoint"]).client("fis")
    over = ("completed", "stopped", "failed", "cancelled")
    experiments = [e["id"] for e in fis.list_experiments()["experiments"] if e["state"]["status"] not in over]
    templates = [t["id"] for t in fis.list_experiment_templates()["experimentTemplates"]]
    until, ill = time.monotonic() + 10, ["unknown"]
    while ill and time.monotonic() < until:
        ill = [name for name, healthy in status(workspace)["healthy"].items() if not healthy]
    return {"experiments": experiments, "templates": templates, "unhealthy": ill}


NOTHING: dict[str, list[str]] = {"experiments": [], "templates": [], "unhealthy": []}


def processes_of(workspace: Path) -> list[str]:
    """Command lines of processes that were started for this workspace's rehearsal, or by one of its daemons."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended while we looked
            if str(workspace).encode() in words:
                found.append(b" ".join(words).decode())
    return found
