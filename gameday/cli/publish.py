"""``gameday publish``: a site of all runs, for people who never open a terminal."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: gameday publish site && open site/index.html")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print the names of its files as JSON.")
def publish(folder: Path, as_json: bool) -> None:
    """Write a static site of every run, its report and lessons, register, coverage, actions and the written record.

    It opens from disk, without a network and without a script. DIR is new, empty, or a site of ours, which is renewed.
    """
    import json

    from gameday.cli.past import here
    from gameday.reports.clauses import clauses
    from gameday.reports.files import write_whole
    from gameday.reports.selfassessment import Record
    from gameday.reports.site import site

    past = here()
    _ours(folder)
    files = site(Record(past.content, past.runs, past.damaged, clauses(past.root), past.today))
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    write_whole(folder / MARK, b"Written by gameday publish, which may write it again.\n")
    for old in (folder / "runs").glob("*.html"):
        if f"runs/{old.name}" not in files:
            old.unlink()
    for name, raw in files.items():
        write_whole(folder / name, raw)
    click.echo(json.dumps(sorted(files), indent=2) if as_json else str(folder / "index.html"))


MARK = ".gameday-site"


def _ours(folder: Path) -> None:
    """Nobody else's folder is written into."""
    from gameday.errors import could_not_start

    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise could_not_start("NOT_A_SITE", "it holds other things than a site of ours", "a new folder", folder)
