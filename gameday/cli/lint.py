"""``gameday lint``: is each file what its kind says?"""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command(epilog="Example: gameday lint scenarios/open-banking/service.yaml")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def lint(files: tuple[Path, ...], as_json: bool) -> None:
    """Check FILES one by one against the model of their kind. Exit code: 0 valid, 5 not valid.

    What spans files (an id that another file must define) is not checked yet.
    """
    from gameday.errors import InvalidFiles, Problem

    problems: list[Problem] = []
    for path in files:
        try:
            _load(path)
        except InvalidFiles as error:
            problems += error.problems
    if as_json:
        click.echo(json.dumps([_record(p) for p in problems], indent=2))
        raise SystemExit(InvalidFiles.exit_code if problems else 0)
    if problems:
        raise InvalidFiles(problems)
    click.echo(f"{len(files)} file(s) valid")


def _record(problem: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(problem)  # type: ignore[call-overload,no-any-return]  # a Problem; typed loosely to import it late


def _load(path: Path) -> None:
    from gameday.errors import InvalidFiles, Problem
    from gameday.model.load import load_model, read_file
    from gameday.model.yaml import parse

    document = parse(read_file(path), str(path))
    kind = document.value.get("kind") if isinstance(document.value, dict) else None
    models = _models()
    if kind not in models:
        message, write = f"kind {kind!r} is not one we know", f"kind: one of {', '.join(sorted(models))}"
        place = document.places.get(("kind",)) or document.places.get(())
        raise InvalidFiles(Problem("UNKNOWN_KIND", message, write, place))
    load_model(path, models[kind])


def _models() -> dict[str, type]:
    from gameday.model.observer import Observer
    from gameday.model.scenario import Scenario
    from gameday.model.service import Service
    from gameday.model.workload import Workload
    from gameday.model.workspace import Workspace

    models = (Observer, Scenario, Service, Workload, Workspace)
    return {model.__name__.lower(): model for model in models}
