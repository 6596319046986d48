"""``gameday init``: a workspace that runs at once. Nothing that is there is ever overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

SHIPPED = ("scenarios/open-banking", "runbooks", "observers", "reports/templates")
FOLDERS = ("scenarios", "runbooks", "observers", "reports/templates")
FIRST = "payment-functions-stop"
README = """\
# Game days

- `scenarios/<service>/service.yaml`: an important business service, its resources and impact tolerances
- `scenarios/<service>/<scenario>.yaml`: what breaks, who is asked what, and what is expected
- `scenarios/<service>/workload.yaml`: what stands in for the service in a rehearsal
- `runbooks/<id>.md`: what people do; each can be followed with every tool dead
- `observers/<source>/<id>.yaml`: one signal a file
- `reports/templates/`: templates of reports
- `gameday.yaml`: environments. Secrets never stand here.

`gameday lint` says where something is wrong and what to write instead. Editors complete and check each file with the
schemas in `.gameday/schema/` (`gameday lint --write-schemas` writes them again). Runs are kept in `.gameday/runs/`.
"""
IGNORE = """\
# What runs leave behind is kept out of the repository: .gameday/ except the schemas for editors.
.gameday/*
!.gameday/schema/
"""


@click.command(epilog="Example: gameday init game-days && cd game-days && gameday lint")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--empty", is_flag=True, help="Only folders, gameday.yaml and schemas; no content.")
def init(folder: Path, empty: bool) -> None:
    """Make a workspace in DIR (here, if not given) that runs at once: the Open Banking service with its scenarios,
    runbook, observers and workload, gameday.yaml, and schemas for editors.

    A file that exists is kept as it is, and named.
    """
    from gameday.errors import could_not_start

    try:
        made, kept = _make(folder, empty)
    except OSError as error:
        path = Path(str(error.filename or folder))
        write = "a DIR where files and folders can be made; nothing that was there has been changed"
        raise could_not_start("CANNOT_WRITE", f"this cannot be made ({error.strerror})", write, path) from error
    click.echo(f"{made} file(s) written in {folder}")
    for path in kept:
        click.echo(f"kept as it was: {path}")
    click.echo("\n".join(["", "Next:", *_next_steps(folder, empty)]))


def _make(folder: Path, empty: bool) -> tuple[int, list[Path]]:
    """How many files were written, and those that were there."""
    from gameday.library import MARKER, built_in
    from gameday.model.schema import write_schemas

    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    files = [(folder / "README.md", README.encode()), (folder / ".gitignore", IGNORE.encode())]
    files.append((folder / MARKER, (built_in() / MARKER).read_bytes()))
    files += [] if empty else _shipped(built_in(), folder)
    kept = [path for path, raw in files if not _write(path, raw)]
    write_schemas(folder)
    return len(files) - len(kept), kept


def _shipped(library: Path, folder: Path) -> Iterator[tuple[Path, bytes]]:
    for name in SHIPPED:
        for source in sorted(p for p in (library / name).rglob("*") if p.is_file()):
            yield folder / source.relative_to(library), source.read_bytes()


def _write(path: Path, raw: bytes) -> bool:
    """Write a new file; False when there is one (or a link) of that name, which is left alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(raw)
    except FileExistsError:
        return False
    return True


def _next_steps(folder: Path, empty: bool) -> list[str]:
    from gameday.cli.main import COMMANDS

    there = {name for group in COMMANDS.values() for name in group}
    go = [] if folder.resolve() == Path.cwd() else [f"  cd {folder}"]
    if empty:
        return [*go, "  write scenarios/<service>/service.yaml and a scenario beside it", "  gameday lint"]
    steps = {"lint": "", "plan": f" {FIRST}", "run": f" {FIRST}"}
    return [*go, *(f"  gameday {name}{words}" for name, words in steps.items() if name in there)]
