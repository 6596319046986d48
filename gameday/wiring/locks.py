"""Locks of a workspace, which the kernel gives back when a process ends, and the files of a run folder."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from gameday.errors import could_not_start
from gameday.model.workspace import REHEARSAL

LEDGER, PLAN = "undo.jsonl", "plan.json"


@dataclass(frozen=True)
class Lock:
    """A lock that the kernel gives back when this process ends, however it ends."""

    fd: int

    def release(self) -> None:
        """Give it back."""
        os.close(self.fd)


def take_lock(path: Path) -> Lock | None:
    """The lock on this file, made when it is not there; None while another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return Lock(fd)


def lock_service(root: Path, environment: str, service: str) -> Lock:
    """Nobody else runs a game day on this service here meanwhile. CouldNotStart SERVICE_BUSY when somebody does.

    A rehearsal is one loopback AWS for the whole workspace, so there only one run goes on at a time.
    """
    rehearsed = environment == REHEARSAL
    found = rehearsal_lock(root) if rehearsed else take_lock(locks_folder(root) / f"{environment}-{service}.lock")
    if found is None:
        write = "wait until it has ended, or: gameday abort"
        raise could_not_start("SERVICE_BUSY", f"another run holds {service} in {environment}", write)
    return found


def rehearsal_lock(root: Path) -> Lock | None:
    """The right to use the rehearsal of this workspace; None while another run has it."""
    return take_lock(locks_folder(root) / f"{REHEARSAL}.lock")


def locks_folder(root: Path) -> Path:
    return root / ".gameday" / "locks"
