"""``gameday library``: what there is to use, one line each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gameday.model.content import Content


@click.command(epilog="Example: gameday library --json")
@click.option("--library", "folder", type=click.Path(path_type=Path), help="List this folder, not what ships.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def library(folder: Path | None, as_json: bool) -> None:
    """List the scenarios, runbooks and observers that ship with gameday."""
    from gameday.library import built_in, content_root
    from gameday.model.load import load_content

    found = _records(load_content(content_root(folder) if folder else built_in()))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for kind, records in found.items():
        click.echo(f"{kind} ({len(records)})")
        for record in records:
            click.echo(f"  {record['id']:<32} {record['says']}")


def _records(content: Content) -> dict[str, list[dict[str, str]]]:
    says = {
        "scenarios": {i: s.model.title or s.model.claim for i, s in content.scenarios.items()},
        "runbooks": {i: r.model.title for i, r in content.runbooks.items()},
        "observers": {i: o.model.means for i, o in content.observers.items()},
    }
    return {
        kind: [{"id": ident, "says": " ".join(text.split())} for ident, text in sorted(lines.items())]
        for kind, lines in says.items()
    }
