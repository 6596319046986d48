"""The end of a run, from its folder alone: verdict.json, signals/*.csv and report.md, the same bytes each time.

``conclude`` is what the run's own end calls, and what ``gameday judge RUN`` and ``gameday report RUN`` do again later.
A folder that cannot be trusted is refused (DamagedRun, exit 5): RUN_MISSING, PLAN_MISSING, PLAN_MALFORMED,
PLAN_ALTERED, JOURNAL_DAMAGED, JOURNAL_EMPTY, EVENT_MALFORMED.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gameday import __version__
from gameday.errors import DamagedRun, Place, Problem
from gameday.journal.events import Event
from gameday.journal.state import fold
from gameday.journal.store import read
from gameday.plan import Plan
from gameday.reports.files import write_whole
from gameday.reports.markdown import render, template_of
from gameday.reports.signals import export_signals
from gameday.verdict.facts import Facts, gather
from gameday.verdict.run import judge_run

PLAN, JOURNAL, VERDICT, REPORT = "plan.json", "journal.jsonl", "verdict.json", "report.md"
DEBRIEF = "debrief.jsonl"  # what was said after the run; a chain of its own
RESTORE = "restore it from a copy; evidence from this run cannot be trusted"


@dataclass(frozen=True)
class Folder:
    """A run's folder, read and found whole."""

    path: Path
    plan: Plan
    events: list[Event]
    provenance: dict[str, Any]


def conclude(run_dir: Path) -> dict[str, Any]:
    """Judge this run and write its verdict.json, signals/*.csv and report.md; returns what verdict.json holds.

    Pure from the folder (and the template of the workspace around it, which the report names by its SHA-256): no clock,
    no network, no environment variable. Each file is written whole or not at all. DamagedRun
    when the folder cannot be trusted, and then nothing is written; InvalidFiles (TEMPLATE_BROKEN) when the workspace's
    own template fails, after verdict and signals were written; CouldNotStart (CANNOT_WRITE).
    """
    folder = read_run(run_dir)
    verdict = judge_folder(folder)
    write_whole(run_dir / VERDICT, (json.dumps(verdict, indent=2, ensure_ascii=False) + "\n").encode())
    export_signals(run_dir, folder.plan, folder.events)
    report = render(folder.plan, folder.events, verdict, verdict["run"] or run_dir.name, template_of(run_dir),
                    _debrief(run_dir))  # fmt: skip
    write_whole(run_dir / REPORT, report.encode())
    return verdict


def _debrief(run_dir: Path) -> list[Event]:
    return read(run_dir / DEBRIEF)[0] if (run_dir / DEBRIEF).exists() else []


def read_run(run_dir: Path) -> Folder:
    """Plan and journal of this run, each whole and bound to the other; DamagedRun says what is not."""
    if not run_dir.is_dir():
        raise _damaged("RUN_MISSING", "there is no such folder of a run", "the folder of a run", run_dir)
    raw = _plan_bytes(run_dir / PLAN)
    plan = _plan(raw, run_dir / PLAN)
    try:
        events, torn = read(run_dir / JOURNAL)
    except RecursionError as error:
        raise _damaged("JOURNAL_DAMAGED", "a line is nested too deep to be an event", RESTORE, run_dir) from error
    if not events:
        raise _damaged("JOURNAL_EMPTY", "the journal holds no event", RESTORE, run_dir / JOURNAL)
    sha256, registered = hashlib.sha256(raw).hexdigest(), _whole(events).plan_hashes
    if registered and sha256 not in registered:
        what = f"it was altered after the run began: its SHA-256 is {sha256}, the journal registered {registered[0]}"
        raise _damaged("PLAN_ALTERED", what, RESTORE, run_dir / PLAN)
    return Folder(
        run_dir,
        plan,
        events,
        {
            "plan_sha256": sha256,
            "plan_bound": bool(registered),
            "journal_events": len(events),
            "journal_head_sha256": hashlib.sha256(events[-1].line()).hexdigest(),
            "journal_torn_bytes": torn.size if torn else 0,
            "run_by_version": next((str(e.what["version"]) for e in events if "version" in e.what), None),
            "judged_by_version": __version__,
        },
    )


def _whole(events: list[Event]) -> Facts:
    """What the events say, folded both ways, so that whatever lacks a fact is found before anything is written."""
    facts = gather(events)
    try:
        fold(events)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"an event does not hold what its type must hold ({type(error).__name__}: {error})"
        raise DamagedRun(Problem("EVENT_MALFORMED", what, RESTORE)) from error
    return facts


def judge_folder(folder: Folder) -> dict[str, Any]:
    """verdict.json of a run that was read, with where it comes from."""
    return {**judge_run(folder.plan, folder.events), "provenance": folder.provenance}


def _plan_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _damaged("PLAN_MISSING", f"the plan cannot be read: {error.strerror}", RESTORE, path) from error


def _plan(raw: bytes, path: Path) -> Plan:
    try:
        return Plan.model_validate_json(raw)
    except (ValidationError, RecursionError) as error:
        said = "nested too deep"
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False)[0]
            said = f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}"
        write = "nothing by hand; a plan is made by gameday and never edited"
        raise _damaged("PLAN_MALFORMED", f"the plan cannot be read ({said})", write, path) from error


def _damaged(code: str, what: str, write: str, path: Path) -> DamagedRun:
    return DamagedRun(Problem(code, what, write, Place(str(path))))
