"""Approvals: bound to a plan's digest, given by somebody who is not its author, expiring, and taken back at any time.

One file each below ``.gameday/approvals/<digest>/``: ``author.json`` says whose the plan is, ``<by>.json`` is an
approval. People appear by role. ``login`` is a hash of who was logged in on which machine, so that one person does not
approve under two roles; whoever may write these files could forge them, so the folder is as private as the workspace.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gameday.clock import Ms, from_iso, iso
from gameday.errors import could_not_start
from gameday.plan import Plan
from gameday.reports.files import write_whole

DEFAULT_EXPIRES_MS = 7 * 86_400_000
AUTHOR = "author.json"


@dataclass(frozen=True)
class Person:
    """A role, and the login it was taken from."""

    role: str
    login: str


@dataclass(frozen=True)
class Approval:
    """One approval as it was given. ``record`` is what the digest was made of, so that what changed can be said."""

    digest: str
    scenario: str
    environment: str
    by: Person
    author: Person
    at: Ms
    expires: Ms
    record: Mapping[str, Any]
    revoked: Ms | None = None
    revoked_by: str | None = None

    def state(self, now: Ms) -> str:
        """valid | expired | revoked."""
        return "revoked" if self.revoked is not None else "expired" if now >= self.expires else "valid"


def login() -> str:
    """A hash of who is logged in here."""
    return hashlib.sha256(f"{getpass.getuser()}\0{os.getuid()}\0{socket.gethostname()}".encode()).hexdigest()[:16]


def needed(plan: Plan) -> int:
    """How many approvals this plan needs; production needs one at least."""
    environment = plan.environment_definition
    return max(environment.approvals, int(environment.production))


def record_of(plan: Plan) -> dict[str, Any]:
    """What the digest is made of: files, the environment, the targets."""
    targets = {step.id: sorted(a for held in step.fault.targets.values() for a in held)
               for step in plan.steps if step.fault}  # fmt: skip
    environment = plan.environment_definition.model_dump(mode="json", by_alias=True)
    return {"files": dict(plan.inputs), "environment": environment, "targets": targets}


def folder(root: Path) -> Path:
    """Where all approvals of a workspace are."""
    return root / ".gameday" / "approvals"


def _of(root: Path, digest: str) -> Path:
    return folder(root) / digest.removeprefix("sha256:")


def claim(root: Path, plan: Plan, author: Person) -> Person:
    """Whose this plan is: the first who says so. Returns the author there is."""
    path = _of(root, plan.digest) / AUTHOR
    held = _read(path)
    if held is not None:
        return Person(**held["author"])
    _write(path, {"author": asdict(author), "scenario": plan.scenario, "environment": plan.environment})
    return author


def approve(root: Path, plan: Plan, by: Person, now: Ms, lasts_ms: int = DEFAULT_EXPIRES_MS) -> Approval:
    """Give one. CouldNotStart AUTHOR_UNKNOWN when nobody said whose the plan is, OWN_APPROVAL when the approver is
    its author, or logged in as its author was."""
    held = _read(_of(root, plan.digest) / AUTHOR)
    if held is None:
        write = f"gameday plan {plan.scenario} --environment {plan.environment} --author ROLE, by who wrote it"
        raise could_not_start("AUTHOR_UNKNOWN", "nobody said whose this plan is, so nobody else can approve it", write)
    author = Person(**held["author"])
    if by.role == author.role or by.login == author.login:
        how = "is its author" if by.role == author.role else "is logged in as its author was"
        raise could_not_start("OWN_APPROVAL", f"{by.role} {how}: nobody approves what is theirs", "another person")
    found = Approval(plan.digest, plan.scenario, plan.environment, by, author, now, now + lasts_ms, record_of(plan))
    _keep(root, found)
    return found


def revoke(root: Path, approvals: Iterable[Approval], by: str, now: Ms) -> list[Approval]:
    """Take these back; those that were taken back before stay as they are."""
    done = [Approval(**{**vars(a), "revoked": now, "revoked_by": by}) for a in approvals if a.revoked is None]
    for approval in done:
        _keep(root, approval)
    return done


def approvals(root: Path) -> list[Approval]:
    """All of a workspace, oldest first. A file that cannot be read approves nothing."""
    found = [a for path in folder(root).glob("*/*.json") if path.name != AUTHOR and (a := _approval(path))]
    return sorted(found, key=lambda a: a.at)


def check_approved(root: Path, plan: Plan, now: Ms) -> list[Approval]:
    """The approvals that let this plan run. CouldNotStart: APPROVAL_MISSING when there are too few, PLAN_DRIFTED when
    another plan of this scenario was approved (with what changed), APPROVAL_EXPIRED when they ran out."""
    count, all_known = needed(plan), approvals(root)
    if not count:
        return []
    mine = [a for a in all_known if a.digest == plan.digest and _sound(a, plan)]
    valid = list({a.by.login: a for a in mine if a.state(now) == "valid"}.values())
    if len(valid) >= count:
        return valid
    why = f"{plan.scenario} in {plan.environment} needs {count} approval(s) of this plan, and has {len(valid)}"
    write = f"gameday approve {plan.scenario} --environment {plan.environment} --by ROLE"
    if any(a.state(now) == "expired" for a in mine):
        raise could_not_start("APPROVAL_EXPIRED", f"{why}: an approval ran out", write)
    others = [a for a in all_known if (a.scenario, a.environment) == (plan.scenario, plan.environment)
              and a.digest != plan.digest and a.state(now) == "valid"]  # fmt: skip
    if others and not mine:
        what = "; ".join(drift(others[-1].record, record_of(plan))) or "its digest"
        raise could_not_start("PLAN_DRIFTED", f"{why}. Since an earlier plan was approved, changed: {what}", write)
    raise could_not_start("APPROVAL_MISSING", why, write)


def _sound(approval: Approval, plan: Plan) -> bool:
    """What was approved is this plan, and not by its author: whatever the file's folder is called."""
    distinct = approval.by.role != approval.author.role and approval.by.login != approval.author.login
    same = (approval.scenario, approval.environment) == (plan.scenario, plan.environment)
    return distinct and same and json.loads(json.dumps(record_of(plan))) == approval.record


def drift(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What changed between two plans, in words."""
    old, new = before.get("files", {}), now["files"]
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            yield f"{path} ({'new' if path not in old else 'gone' if path not in new else 'other content'})"
    changed = [k for k, v in now["environment"].items() if before.get("environment", {}).get(k) != v]
    if changed:
        yield f"the environment ({', '.join(sorted(changed))})"
    for step in sorted(before.get("targets", {}).keys() | now["targets"].keys()):
        was, is_now = before.get("targets", {}).get(step, []), now["targets"].get(step, [])
        if was != is_now:
            yield f"targets of {step}: {_sets(was, is_now)}"


def _sets(was: Sequence[str], now: Sequence[str]) -> str:
    added, gone = sorted(set(now) - set(was)), sorted(set(was) - set(now))
    return ", ".join([*(f"+{arn}" for arn in added), *(f"-{arn}" for arn in gone)])


def _keep(root: Path, approval: Approval) -> None:
    record = {**asdict(approval), "at": iso(approval.at), "expires": iso(approval.expires),
              "revoked": iso(approval.revoked) if approval.revoked is not None else None}  # fmt: skip
    _write(_of(root, approval.digest) / f"{approval.by.role}.json", record)


def _write(path: Path, record: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(path, json.dumps(record, indent=1, sort_keys=True).encode() + b"\n")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        held = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return held if isinstance(held, dict) else None


def _approval(path: Path) -> Approval | None:
    held = _read(path)
    if held is None:
        return None
    try:
        at, expires, revoked = from_iso(held["at"]), from_iso(held["expires"]), held.get("revoked")
        people = {"by": Person(**held["by"]), "author": Person(**held["author"])}
        times = {"at": at, "expires": expires, "revoked": from_iso(revoked) if revoked else None}
        return Approval(**{**held, **people, **times})
    except (KeyError, TypeError, ValueError):
        return None
