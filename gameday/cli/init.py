"""``gameday init``: a workspace to begin with. Nothing that is there is ever overwritten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

SHIPPED = ("scenarios/open-banking", "runbooks", "observers", "reports/templates")
WORKSPACE = """\
kind: workspace
# Environments are chosen by name (--environment staging), never by the credentials you happen to hold.
# `rehearsal` needs no entry. To run against AWS, fill in and uncomment:
#
# environments:
#   staging:
#     account: "111122223333"
#     regions: [eu-west-2]
#     role: arn:aws:iam::111122223333:role/gameday-operator
#     fis_role: arn:aws:iam::111122223333:role/gameday-fis
#     production: false
#     representative: Same stack as production at 30 % of its load; the scheme is a simulator.
#     envelope:                            # outside it nothing is called
#       actions: ["aws:lambda:*"]
#       require_tag: {gameday: allowed}
#       max_targets: 5
#       longest_fault: 30m
#     approvals: 1
"""
README = """\
# Game days

- `scenarios/<service>/service.yaml`: an important business service, its resources and impact tolerances
- `scenarios/<service>/<scenario>.yaml`: what breaks, who is asked what, and what is expected
- `runbooks/<id>.md`: what people do; each can be followed with every tool dead
- `observers/<source>/<id>.yaml`: one signal a file
- `reports/`: templates of reports
- `gameday.yaml`: environments. Secrets never stand here.

`gameday lint` says where something is wrong and what to write instead.
"""
IGNORE = ".gameday/*\n!.gameday/schema/\n"


@click.command(epilog="Example: gameday init game-days && cd game-days && gameday lint")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Make a workspace in DIR (here, if not given): the folders, what ships, gameday.yaml and schemas for editors.

    A file that exists is kept as it is.
    """
    from gameday.library import FOLDERS, MARKER, built_in
    from gameday.model.schema import schema_comment, write_schemas

    made = kept = 0
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    own = {MARKER: schema_comment(folder / MARKER, folder, "workspace") + WORKSPACE, "README.md": README,
           ".gitignore": IGNORE}  # fmt: skip
    files = [(folder / name, text.encode()) for name, text in own.items()]
    for path, raw in [*files, *_shipped(built_in(), folder)]:
        new = _write(path, raw)
        made, kept = made + new, kept + (not new)
    write_schemas(folder)
    click.echo(f"{made} file(s) written, {kept} kept as they were. Next: gameday lint")


def _shipped(library: Path, folder: Path) -> Iterator[tuple[Path, bytes]]:
    from gameday.model.schema import schema_comment

    for name in SHIPPED:
        for source in sorted(p for p in (library / name).rglob("*") if p.is_file()):
            path, raw = folder / source.relative_to(library), source.read_bytes()
            kind = re.search(rb"^kind: ([a-z]+)", raw, re.MULTILINE)
            if path.suffix == ".yaml" and kind and not raw.startswith(b"# yaml-language-server:"):
                raw = schema_comment(path, folder, kind[1].decode()).encode() + raw
            yield path, raw


def _write(path: Path, raw: bytes) -> bool:
    """Write a new file; False when there is one (or a link) of that name, which is left alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(raw)
    except FileExistsError:
        return False
    return True
