"""What stands in the way of a game day: this machine, the workspace, the account, its quotas. Reads only.

Each check is a generator of findings; what a check cannot ask is a finding too, never silence. No secret is told:
of credentials only how they came, whose they are and when they expire.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal

from gameday import __version__
from gameday.aws import Aws, CallFailed, told
from gameday.clock import to_datetime, wall_ms
from gameday.errors import GamedayError
from gameday.library import find_workspace
from gameday.plan import Plan
from gameday.planning.quotas import uses
from gameday.rehearsal.client import NEEDED, attach
from gameday.wiring.permitting import missing_permissions
from gameday.wiring.recovering import dead_runs

OLDEST_PYTHON = (3, 11)
LEAST_FREE_MB = 500
CLOCK_WARN_MS, CLOCK_FAIL_MS = 2_000, 300_000  # AWS refuses signatures that are 5 minutes off
SOON_MS = 3_600_000
PROBES = ("fis", "cloudwatch", "xray", "logs", "resourcegroupstaggingapi")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``fix`` is what to do where it is not ok."""

    level: Literal["ok", "warn", "fail"]
    what: str
    says: str
    fix: str = ""


Check = Callable[[], Iterator[Finding]]


def machine(here: Path) -> Iterator[Finding]:
    """Python, packages, the workspace, disk."""
    said = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info[:2] >= OLDEST_PYTHON
    yield Finding("ok" if good else "fail", "python", said, "" if good else "Python 3.11 or newer")
    versions = ", ".join(f"{name} {_version(name)}" for name in ("boto3", "botocore", "chaostoolkit-lib"))
    yield Finding("ok", "packages", f"gameday {__version__}, {versions}")
    absent = [name for name in NEEDED if _version(name) == "-"]
    if absent:
        yield Finding("warn", "rehearsal", f"{', '.join(absent)} not installed", 'pip install "gameday[rehearsal]"')
    root = find_workspace(here)
    if root is None:
        yield Finding("warn", "workspace", "no gameday.yaml here or above", "gameday init FOLDER, then go there")
    else:
        yield Finding("ok", "workspace", str(root))
    free = shutil.disk_usage(root or here).free // 1_000_000
    fix = "" if free >= LEAST_FREE_MB else "make room; a run writes its journal before each effect"
    yield Finding("fail" if fix else "ok", "disk", f"{free} MB free", fix)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def rehearsal(root: Path) -> Iterator[Finding]:
    """Whether a rehearsal can listen, and how fast this machine can go."""
    try:
        with socket.create_server(("127.0.0.1", 0)):
            pass
        yield Finding("ok", "loopback", "a port on 127.0.0.1 can be had")
    except OSError as error:
        yield Finding("fail", "loopback", f"no port on 127.0.0.1 ({error})", "let processes listen on loopback")
    found = attach(root)
    if found is None:
        yield Finding("ok", "speed", "none is up; gameday rehearsal up measures how fast this machine can go")
    elif slower := found.too_fast():
        yield Finding("warn", "speed", slower, "gameday rehearsal down, then a lower --speed")
    else:
        highest = f", up to {found.highest_speed:g} here" if found.highest_speed else ""
        yield Finding("ok", "speed", f"up at speed {found.speed:g}{highest}")


def leftovers(root: Path) -> Iterator[Finding]:
    """Runs whose conductor died."""
    dead = [run.name for run in dead_runs(root)]
    if dead:
        yield Finding("fail", "leftovers", f"{', '.join(dead)}: the conductor died", "gameday recover")
    else:
        yield Finding("ok", "leftovers", "no run of this workspace is unfinished")


def account(door: Aws) -> Iterator[Finding]:
    """Whose the credentials are, that the role can be taken on, the account, and the clocks. Ends at what fails."""
    environment = door.environment
    try:
        with told("sts GetCallerIdentity"):
            before = wall_ms()
            said = door.client("sts").get_caller_identity()
            after = wall_ms()
    except GamedayError as error:
        yield from (Finding("fail", "credentials", p.message, p.write) for p in error.problems)
        return
    yield Finding("ok", "credentials", f"{said['Arn']}, Region {environment.region}")
    if environment.role and door.endpoint is None:
        yield Finding("ok", "role", f"{environment.role} can be taken on")
    good = said["Account"] == environment.account
    fix = "" if good else "use credentials or a role of the environment's account"
    yield Finding("ok" if good else "fail", "account", f"{said['Account']}", fix)
    yield from _expiry(door, after)
    yield _offset(said["ResponseMetadata"]["HTTPHeaders"], before, after)


def _expiry(door: Aws, now: int) -> Iterator[Finding]:
    """A role's own session renews itself; what it is renewed from may still expire."""
    method, expires = door.credentials()
    if expires is None:
        return
    left = round(expires.timestamp() * 1000) - now
    says = f"{method}, for {max(left, 0) // 60_000} minutes more"
    soon = left < SOON_MS and method != "assume-role"
    yield Finding("warn" if soon else "ok", "expiry", says, "log in again before the day" if soon else "")


def _offset(headers: Mapping[str, str], before: int, after: int) -> Finding:
    """AWS's Date header has whole seconds, and the answer took a while: what they explain is no offset."""
    if "date" not in headers:
        return Finding("warn", "clock", "AWS sent no Date", "see that this machine's clock is synchronised")
    theirs = round(parsedate_to_datetime(headers["date"]).timestamp() * 1000)
    off = max(0, before - (theirs + 1_000), theirs - after)
    says = f"at most {off} ms beyond the second that AWS tells"
    if off >= CLOCK_WARN_MS:
        return Finding("fail" if off >= CLOCK_FAIL_MS else "warn", "clock", says, "synchronise this machine's clock")
    return Finding("ok", "clock", says)


def endpoints(door: Aws) -> Iterator[Finding]:
    """Whether each service answers. One that refuses a permission was reached: gameday iam --check tells of those."""
    for service, (method, request) in _probes(wall_ms()).items():
        try:
            with told(f"{service} {method}"):
                getattr(door.client(service), method)(**request)
            yield Finding("ok", service, "answers")
        except CallFailed as error:
            said = error.problems[0]
            if error.code is None:
                yield Finding("fail", service, said.message, "let this machine reach the endpoint of this Region")
            else:
                yield Finding("warn", service, said.message, said.write)
        except GamedayError as error:
            yield Finding("fail", service, error.problems[0].message, error.problems[0].write)
            return


def _probes(now: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """A read of each service that costs nothing."""
    minute = {"StartTime": to_datetime(now - 60_000), "EndTime": to_datetime(now)}
    probes: list[tuple[str, dict[str, Any]]] = [
        ("list_actions", {"maxResults": 1}),
        ("describe_alarms", {"MaxRecords": 1}),
        ("get_service_graph", minute),
        ("describe_log_groups", {"limit": 1}),
        ("get_resources", {"ResourcesPerPage": 1}),
    ]
    return dict(zip(PROBES, probes, strict=True))


def quotas(plan: Plan, door: Aws) -> Iterator[Finding]:
    """What the plan takes of each quota, as the account says them, else as AWS documents them."""
    limits, source = _limits(door)
    active, unread = _active(door)
    yield from unread
    for use in uses(plan, limits, active):
        says = f"{use.takes:g} of {use.limit:g} ({use.about}; {source})"
        yield Finding("ok" if use.fits else "fail", use.quota, says, "" if use.fits else use.fix)


def _limits(door: Aws) -> tuple[dict[str, float], str]:
    try:
        with told("service-quotas ListServiceQuotas"):
            pages = door.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="fis")
            return {one["QuotaName"]: float(one["Value"]) for page in pages for one in page["Quotas"]}, "the account's"
    except CallFailed:
        return {}, "AWS's default, the account did not say"


def _active(door: Aws) -> tuple[int, list[Finding]]:
    going = ("pending", "initiating", "running", "stopping")
    try:
        with told("fis ListExperiments"):
            pages = door.client("fis").get_paginator("list_experiments").paginate()
            return sum(one["state"]["status"] in going for page in pages for one in page["experiments"]), []
    except CallFailed as error:
        said = error.problems[0]
        return 0, [Finding("warn", "Active experiments", f"those running now: {said.message}", said.write)]


def permissions(plan: Plan, door: Aws) -> Iterator[Finding]:
    """What the roles may not do of what the plan needs."""
    try:
        problems = missing_permissions(plan, door)
    except GamedayError as error:
        problems = error.problems
    for problem in problems:
        yield Finding("fail" if problem.severity == "error" else "warn", "permissions", problem.message, problem.write)
    if not problems:
        rehearsed = " (a rehearsal enforces none)" if door.endpoint else ""
        yield Finding("ok", "permissions", f"nothing that the plan needs is refused{rehearsed}")
