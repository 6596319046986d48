"""The debrief: what people say after a run, in ``debrief.jsonl`` beside its journal.

The journal is closed when the run has ended, and a seal may lie on it; so the debrief is a chain of its own, written as
a journal is (docs/decisions/016). Its first event names the journal's last line by its SHA-256: a debrief belongs to
one run as it ended. An answer is of a role, or of nobody; names are never asked for.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gameday.clock import Ms
from gameday.errors import could_not_start
from gameday.journal.events import Draft, Event
from gameday.journal.state import fold
from gameday.journal.store import Journal, read
from gameday.plan import Plan
from gameday.runs import JOURNAL

DEBRIEF = "debrief.jsonl"
ANONYMOUS = "anonymous"
STANDARD = (
    "What surprised you?",
    "Where were we lucky?",
    "What was terrifying?",
    "Which document, dashboard or runbook was wrong?",
    "What do you propose that we do?",
)
LONGEST = 4_000


def questions(plan: Plan) -> tuple[str, ...]:
    """Those of the scenario, and then the standard ones it does not ask itself."""
    return (*plan.debrief, *(q for q in STANDARD if q not in plan.debrief))


def answers_of(run_dir: Path) -> list[Event]:
    """What was said so far; nothing before the first answer. DamagedRun when the chain is broken."""
    path = run_dir / DEBRIEF
    return [e for e in read(path)[0] if e.type == "debrief.answered"] if path.exists() else []


def answer(run_dir: Path, said: Sequence[tuple[str, str]], role: str | None, wall: Ms) -> list[Event]:
    """Write these answers (question, text) down; ``role`` None is anonymous. CouldNotStart while the run goes on."""
    events, _ = read(run_dir / JOURNAL)
    if not events or fold(events).ended_status is None:
        write = "gameday note while the run goes on; gameday debrief when it has ended"
        raise could_not_start("RUN_NOT_ENDED", f"run {run_dir.name} has not ended", write, run_dir)
    path, head = run_dir / DEBRIEF, hashlib.sha256(events[-1].line()).hexdigest()
    with _alone(run_dir):
        journal = Journal.open(path) if path.exists() else Journal.create(path)
        try:
            journal.claim(os.getpid(), wall, wall)
            if not any(e.type == "debrief.opened" for e in read(path)[0]):
                journal.append(Draft("debrief.opened", {"run": run_dir.name, "journal_head_sha256": head}), wall, wall)
            return [journal.append(_draft(question, text, role), wall, wall) for question, text in said]
        finally:
            journal.close()


@contextmanager
def _alone(run_dir: Path) -> Iterator[None]:
    """Several speak at once after a run: each waits for the one before, else the later claim ends the earlier."""
    fd = os.open(run_dir, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _draft(question: str, text: str, role: str | None) -> Draft:
    return Draft("debrief.answered", {"question": question[:LONGEST], "text": text[:LONGEST]}, role or ANONYMOUS)
