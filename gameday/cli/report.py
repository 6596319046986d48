"""``gameday report``: a run's report.md, made again and shown."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command(epilog="Example: gameday report, or gameday report 20261123-1012-payment-functions-stop")
@click.argument("run", metavar="[RUN]", type=click.Path(path_type=Path), required=False)
@click.option("--print", "printed", is_flag=True, help="Print it also where no terminal shows it, as Markdown.")
def report(run: Path | None, printed: bool) -> None:
    """Write the report.md of RUN (an id or a folder; the newest run) again from plan and journal; a terminal shows it.

    verdict.json and signals/*.csv are written with it, so that all say the same. Exit code: 0, or 5 when the folder is
    damaged or the workspace's own template fails.
    """
    from gameday.library import workspace_or_here
    from gameday.reports.finish import REPORT, conclude
    from gameday.runs import run_folder

    folder = run_folder(workspace_or_here(), run)
    conclude(folder)
    path = folder / REPORT
    if sys.stdout.isatty():
        _show(path.read_text(encoding="utf-8"))
    elif printed:
        click.echo(path.read_text(encoding="utf-8"), nl=False)
        return
    click.echo(str(path))


def _show(text: str) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))
