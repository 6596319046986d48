"""``gameday recover``: take back what a run left whose conductor died."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gameday.wiring.recovering import Recovered

UNSAFE = 6


@click.command(epilog="Example: gameday recover")
@click.argument("run", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def recover(run: str | None, as_json: bool) -> None:
    """Undo what RUN (or every run whose conductor died) left behind, see it gone, and end it. It never injects.

    Exit code: 0 nothing is left, 6 something is, 5 RUN is being conducted, so nothing was done.
    """
    from gameday.errors import EXIT_COULD_NOT_START
    from gameday.library import workspace_or_here
    from gameday.runs import find_run

    root = workspace_or_here()
    only = find_run(root, run) if run else None
    found = list(recover_all(root, lambda text: click.echo(text, err=True), only))
    if as_json:
        click.echo(json.dumps([{"run": f.run, "left": f.left, "clean": f.clean, "said": f.said} for f in found]))
    elif not found:
        click.echo(_nothing(root))
    if only and not found:
        sys.exit(EXIT_COULD_NOT_START)
    sys.exit(0 if all(f.clean for f in found) else UNSAFE)


def _nothing(root: Path) -> str:
    from gameday.runs import all_runs, is_live

    live = ", ".join(run.name for run in all_runs(root) if is_live(run))
    if live:
        return f"Nothing was done: {live} is being conducted or recovered now, and what it injected may be there."
    return "Nothing to recover: every run here has ended, and nothing it injected is left."


def recover_all(
    root: Path, say: Callable[[str], None], only: Path | None = None, *, locked: bool = False
) -> Iterator[Recovered]:
    """Recover each dead run, tell of it, and write its report. ``locked``: the caller holds the lock of rehearsals."""
    from gameday.wiring.recovering import dead_runs
    from gameday.wiring.recovering import recover as recover_one

    for run_dir in [only] if only else dead_runs(root):
        say(f"Recovering {run_dir.name}: its conductor died, or it left something behind ...")
        found = recover_one(root, run_dir)
        if found is None:
            say(f"{run_dir.name} is being conducted; nothing was done")
            continue
        left = f"left {', '.join(found.left)}; " if found.left else "left nothing; "
        say(f"{run_dir.name}: {left}{found.said}" + ("" if found.clean else ". SOMETHING MAY STILL BE THERE"))
        if (run_dir / "plan.json").exists():
            _report(run_dir, say)
        yield found
    _put_away(root, locked)


def _put_away(root: Path, locked: bool) -> None:
    from gameday.wiring.locks import rehearsal_lock
    from gameday.wiring.recovering import put_away

    lock = None if locked else rehearsal_lock(root)
    if locked or lock:
        put_away(root)
    if lock:
        lock.release()


def _report(run_dir: Path, say: Callable[[str], None]) -> None:
    from gameday.errors import GamedayError
    from gameday.reports.finish import conclude

    try:
        conclude(run_dir)
    except GamedayError as error:
        say(f"no report for {run_dir.name}: {error}")
