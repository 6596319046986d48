"""What the rules L01 to L20 say of a workspace and its runs, and why a run's evidence cannot be final yet."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from gameday.errors import GamedayError
from gameday.library import find_workspace
from gameday.model.content import Content
from gameday.model.load import load_content
from gameday.model.rules import NAMES, Broken, review
from gameday.model.workspace import REHEARSAL
from gameday.reports.history import Run, history, read, tested


def reviewed(root: Path, today: date) -> list[Broken]:
    """Every rule that fires in this workspace, with what waives it."""
    runs, _ = history(root)
    content = load_content(root)
    return review(content, [tested(run, content) for run in runs], today)


def final_reasons(run_dir: Path, today: date) -> list[str]:
    """Why this run's evidence cannot be final: each E and each W of its service that no dated waiver answers, and what
    the run itself lacks. The rules are asked of the workspace as it is now; where there is none, nobody can ask them."""
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
    open_ = [f"{b.rule} {NAMES[b.rule]}: {b.message}" for b in found if b.waived is None]
    return [*open_, *_of_run(run, content)]


def _of_run(run: Run, content: Content) -> list[str]:
    """What is wrong with this run alone."""
    said = []
    if run.plan.service not in content.services:
        said.append(f"the rules L01 to L20 could not be asked: the workspace has no service {run.plan.service!r}")
    environment = run.plan.environment_definition
    if run.plan.environment == REHEARSAL or not (environment.production or environment.representative):
        said.append(f"L20 {NAMES['L20']}: {run.plan.environment!r} is not the service and does not say how it differs")
    if run.id not in content.lessons:
        said.append(f"no lessons were written down for it (SYSC 15A.5.8R): gameday lessons {run.id} --write")
    return said
