"""``gameday report``: a run's report.md, made again and shown."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command(epilog="Example: gameday report .gameday/runs/20261123-1012-payment-functions-stop")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--print", "printed", is_flag=True, help="Print it also where no terminal shows it, as Markdown.")
def report(run: Path, printed: bool) -> None:
    """Write the report.md of RUN, the folder of a run, again from its plan and journal; a terminal shows it.

    verdict.json and signals/*.csv are written with it, so that all say the same. Exit code: 0, or 5 when the folder is
    damaged or the workspace's own template fails.
    """
    from gameday.reports.finish import REPORT, conclude

    conclude(run)
    path = run / REPORT
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
