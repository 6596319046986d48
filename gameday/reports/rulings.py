"""What the rules L01 to L20 say of a workspace and its runs, and why a run's evidence cannot be final yet."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from gameday.errors import GamedayError, Place
from gameday.library import find_workspace
from gameday.model.content import Content
from gameday.model.load import load_content
from gameday.model.rules import NAMES, Broken, answered, review
from gameday.model.workspace import REHEARSAL
from gameday.reports.escape import plain
from gameday.reports.history import Run, history, read, tested


def reviewed(root: Path, today: date) -> list[Broken]:
    """Every rule that fires in this workspace, with what waives it."""
    runs, _ = history(root)
    content = load_content(root)
    return review(content, [tested(run, content) for run in runs], today)


def final_reasons(run_dir: Path, today: date) -> list[str]:
    """Why this run's evidence cannot be final: each E and each W of its service that no dated waiver answers, and what
    the run itself lacks. The rules are asked of the workspace as it is now."""
    root = find_workspace(run_dir)
    if root is None:
        return ["the rules L01 to L20 could not be asked: the run is in no workspace"]
    try:
        return _reasons(root, run_dir, today)
    except GamedayError as error:
        return [f"the rules L01 to L20 could not be asked: {error.problems[0].message}"]


def _reasons(root: Path, run_dir: Path, today: date) -> list[str]:
    content, run = load_content(root), read(run_dir)
    known = [r for r in history(root)[0] if r.id != run.id]
    past = [tested(r, content) for r in [*known, run]]
    found = review(content, past, today, run.plan.service)
    found += [answered(broken, content, today) for broken in _where(run)]
    open_ = [f"{b.rule} {NAMES[b.rule]} ({b.subject}): {b.message}" for b in found if b.waived is None]
    return [plain(reason) for reason in (*open_, *_of_run(run, content))]


def _where(run: Run) -> list[Broken]:
    """L20 of the run itself: a rehearsal is a stand-in, whatever was seen in it."""
    environment, name = run.plan.environment_definition, run.plan.environment
    if name != REHEARSAL and (environment.production or environment.representative):
        return []
    what = f"it ran in {name!r}, which is not the service and does not say how it differs"
    write = "a run in an environment that says how it is representative"
    return [Broken("L20", "E", run.plan.service, name, what, write, Place(str(run.folder)))]


def _of_run(run: Run, content: Content) -> list[str]:
    """What is wrong with this run alone."""
    said = []
    if run.plan.service not in content.services:
        said.append(f"the rules L01 to L20 could not be asked: the workspace has no service {run.plan.service!r}")
    if run.id not in content.lessons:
        said.append(f"no lessons were written down for it (SYSC 15A.5.8R): gameday lessons {run.id} --write")
    return said
