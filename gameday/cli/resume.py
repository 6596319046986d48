"""``gameday resume``: go on with a run whose conductor died."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gameday.cli.day import Day, Wishes

if TYPE_CHECKING:
    from gameday.conductor.walk import Conductor


@click.command(epilog="Example: gameday resume 20261124-1012-payment-functions-stop --unattended")
@click.argument("run")
@click.option("--unattended", is_flag=True, help="Nobody is here: scripted people do what is asked.")
@click.option("--plain", is_flag=True, help="Plain lines instead of a live screen.")
@click.option("--json", "as_json", is_flag=True, help="Print verdict.json on stdout; lines go to stderr.")
@click.option("--library", type=click.Path(path_type=Path), help="Where the files of its plan lie, if elsewhere.")
def resume(run: str, unattended: bool, plain: bool, as_json: bool, library: Path | None) -> None:
    """Go on with RUN from its journal, where its conductor died. What it missed is read first; nothing is injected
    again that was answered, and nothing at all past the run's deadline.

    Exit code: as of `gameday run`; 5 when it cannot go on (it has ended, is being conducted, its rehearsal is gone, or
    its files changed), and then nothing was done: `gameday recover` takes back what it left.
    """
    from gameday.cli.run import _tell

    wishes = Wishes(run, "", None, unattended, True, plain or as_json, as_json, library)
    with ResumedDay(wishes) as day:
        found = day.conduct()
    _tell(found, day.run_dir, as_json)
    sys.exit(found["exit_code"])


class ResumedDay(Day):
    """A day that another conductor began."""

    def _begin(self) -> Conductor:
        from gameday.library import built_in, workspace_or_here
        from gameday.runs import find_run
        from gameday.wiring.resuming import resume as take_over

        root, wishes = workspace_or_here(), self.wishes
        run_dir = find_run(root, wishes.scenario)
        self._lock(root, run_dir)
        library = [p for p in (wishes.library, built_in()) if p is not None]
        conductor, lock, world = take_over(
            root, run_dir, unattended=wishes.unattended, show=self._show, library=library, channels=_channels(root)
        )
        self.stack.callback(lock.release)
        if world.rehearsal is not None and not world.rehearsal.kept:
            self.stack.callback(world.rehearsal.down)
        return conductor

    def _lock(self, root: Path, run_dir: Path) -> None:
        """Nobody else runs a game day on this service here meanwhile."""
        from gameday.wiring.starting import lock_service
        from gameday.wiring.taking_over import known

        state = known(run_dir).state
        self.stack.callback(lock_service(root, state.environment or "rehearsal", state.service or "service").release)


def _channels(root: Path) -> dict[str, dict[str, object]]:
    from gameday.model.load import load_content

    workspace = load_content(root).workspace
    return workspace.model.channels if workspace else {}
