"""``gameday lint``: is each file what its kind says, and do the files of a workspace fit one another?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gameday.errors import Problem


@click.command(epilog="Example: gameday lint --json, or gameday lint scenarios/open-banking/service.yaml")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--library", type=click.Path(path_type=Path), help="Check this folder, not the workspace around you.")
@click.option("--write-schemas", is_flag=True, help="Also write .gameday/schema/*.json, for editors.")
@click.option(
    "--regulatory", is_flag=True, help="The rules L01 to L20 instead, on the files and the runs of a workspace."
)
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def lint(files: tuple[Path, ...], library: Path | None, write_schemas: bool, regulatory: bool, as_json: bool) -> None:
    """Check the whole workspace, or FILES one by one. Exit code: 0 no error (warnings may be), 5 not valid.

    --regulatory: 5 as long as a rule of severity E is not answered; it never keeps a run from starting.

    What spans files (a name that another file must define, limits that cannot be met) is checked in a whole workspace.
    """
    from gameday.errors import InvalidFiles

    if regulatory:
        from gameday.cli.regulatory import show

        raise SystemExit(show(_root(library), as_json))
    if write_schemas:
        from gameday.model.schema import write_schemas as write

        write(_root(library))
    count, problems = _check_files(files) if files else _check_workspace(_root(library))
    failed = any(problem.severity == "error" for problem in problems)
    if as_json:
        click.echo(json.dumps([_record(p) for p in problems], indent=2))
        raise SystemExit(InvalidFiles.exit_code if failed else 0)
    if failed:
        raise InvalidFiles(problems)
    for problem in problems:
        click.echo(str(problem), err=True)
    click.echo(f"{count} file(s) valid" + (f", {len(problems)} warning(s)" if problems else ""))


def _root(library: Path | None) -> Path:
    from gameday.errors import could_not_start
    from gameday.library import content_root, find_workspace

    if library is None and find_workspace(Path.cwd()) is None:
        write = "gameday init, or the files: gameday lint FILE ..."
        raise could_not_start("NO_WORKSPACE", "no gameday.yaml here or above", write)
    return _near(content_root(library))


def _near(root: Path) -> Path:
    """Seen from here where that is shorter, so that places read ``scenarios/...`` and can be clicked."""
    return root.relative_to(Path.cwd()) if root.is_absolute() and root.is_relative_to(Path.cwd()) else root


def _check_workspace(root: Path) -> tuple[int, list[Problem]]:
    from gameday.errors import InvalidFiles
    from gameday.model.load import load_content
    from gameday.wiring.checking import check_content

    try:
        content = load_content(root)
    except InvalidFiles as error:
        return 0, error.problems
    kept = (content.actions, content.lessons, content.waivers)
    groups = (content.services, content.scenarios, content.runbooks, content.observers, content.workloads, *kept)
    return sum(map(len, groups)) + (content.workspace is not None), check_content(content)


def _check_files(files: tuple[Path, ...]) -> tuple[int, list[Problem]]:
    from gameday.errors import InvalidFiles
    from gameday.model.load import load_any
    from gameday.model.observer import Observer
    from gameday.plugins import installed
    from gameday.wiring.checking import check_source

    problems: list[Problem] = []
    for path in files:
        try:
            loaded = load_any(path)
            problems += check_source(loaded, installed()) if isinstance(loaded.model, Observer) else ()
        except InvalidFiles as error:
            problems += error.problems
    return len(files), problems


def _record(problem: Problem) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(problem)
