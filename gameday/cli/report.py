"""``gameday report``: a run's report made again, for one audience and in one format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gameday.reports.document import Audience
    from gameday.reports.formats import Format

AUDIENCES = ("executive", "engineering", "compliance", "player")
FORMATS = ("md", "html", "pdf", "json", "junit")
EPILOG = "Example: gameday report, or gameday report RUN --for executive --format pdf --out board.pdf"


@click.command(epilog=EPILOG)
@click.argument("run", metavar="[RUN]", type=click.Path(path_type=Path), required=False)
@click.option("--for", "audience", type=click.Choice(AUDIENCES), help="A cut for these readers; else everything.")
@click.option("--format", "made", type=click.Choice(FORMATS), default="md", help="Default: md.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it; default: RUN's folder."
)
@click.option("--print", "printed", is_flag=True, help="Print it also where no terminal shows it (not PDF).")
def report(run: Path | None, audience: Audience | None, made: Format, out: Path | None, printed: bool) -> None:
    """Make the report of RUN (an id or a folder; the newest run) again from plan and journal; a terminal shows it.

    Without options that is report.md, and verdict.json and signals/*.csv are written with it, so that all say the same.
    HTML and PDF need the extra: pip install "gameday[report]". Exit code: 0, or 5 when the folder is damaged, a
    template of the workspace fails, or the extra is not installed.
    """
    from gameday.library import workspace_or_here
    from gameday.reports.files import write_whole
    from gameday.reports.finish import REPORT, conclude
    from gameday.reports.formats import file_name, make
    from gameday.runs import run_folder

    if printed and made == "pdf":
        raise click.UsageError("a PDF is not for a terminal; write --out FILE")
    folder = run_folder(workspace_or_here(), run)
    if plain := made == "md" and audience is None:
        conclude(folder)
    raw = (folder / REPORT).read_bytes() if plain else make(folder, made, audience)
    path = out or folder / file_name(made, audience)
    if out is not None or not plain:
        write_whole(path, raw)
    if made == "md" and sys.stdout.isatty():
        _show(raw.decode())
    elif printed:
        click.echo(raw.decode(), nl=False)
        return
    click.echo(str(path))


def _show(text: str) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))
