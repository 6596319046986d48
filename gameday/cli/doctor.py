"""``gameday doctor``: what stands in the way of a game day, each with its fix."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gameday.wiring.doctoring import Finding

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command(epilog="Example: gameday doctor payment-functions-stop --environment staging")
@click.argument("scenario", metavar="[SCENARIO]", required=False)
@click.option("--environment", default="rehearsal", show_default=True, metavar="NAME", help="From gameday.yaml.")
@click.option("--library", type=click.Path(path_type=Path), help="Use this folder, not the workspace around you.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(scenario: str | None, environment: str, library: Path | None, as_json: bool) -> None:
    """Check this machine, the environment's account and, with SCENARIO, the quotas and permissions of its plan.

    Nothing is changed, and no secret is printed. Exit code: 0 nothing fails, 1 something does.
    """
    found = []
    for finding in _findings(scenario, environment, library):
        found.append(finding)
        if not as_json:
            _tell(finding)
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in found]))
    else:
        counts = {level: sum(f.level == level for f in found) for level in STYLES}
        click.echo(f"{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} that must be put right")
    sys.exit(int(any(finding.level == "fail" for finding in found)))


def _findings(scenario: str | None, name: str, library: Path | None) -> Iterator[Finding]:
    """As they come; each group says on a terminal that it has begun."""
    from gameday.errors import GamedayError
    from gameday.library import workspace_or_here
    from gameday.model.workspace import REHEARSAL
    from gameday.wiring import doctoring

    root = workspace_or_here()
    _say("this machine")
    yield from doctoring.machine(Path.cwd())
    if name == REHEARSAL:
        yield from doctoring.rehearsal(root)
    yield from doctoring.leftovers(root)
    try:
        yield from _environment(scenario, name, library)
    except GamedayError as error:
        for problem in error.problems:
            yield doctoring.Finding("fail", problem.code, problem.message, problem.write)


def _environment(scenario: str | None, name: str, library: Path | None) -> Iterator[Finding]:
    from gameday.wiring import doctoring
    from gameday.wiring.planned import NOWHERE, door_of, plan_and_door

    content, ident = _content(scenario, library)
    door = door_of(content, name)
    if door.endpoint == NOWHERE:
        yield doctoring.Finding("ok", "account", "a rehearsal needs none, and none is up")
    else:
        _say(f"the account of {name}")
        yield from doctoring.account(door)
        _say("the endpoints")
        yield from doctoring.endpoints(door)
    if ident is None:
        return
    _say(f"the plan of {ident}")
    plan, door = plan_and_door(content, ident, name)
    yield from doctoring.quotas(plan, door)
    if door.endpoint != NOWHERE:
        yield from doctoring.permissions(plan, door)


def _content(scenario: str | None, library: Path | None) -> tuple[Any, str | None]:
    from gameday.cli.prepare import checked_content, scenario_id
    from gameday.library import content_root
    from gameday.model.load import load_content

    if scenario is None:
        return load_content(content_root(library, None)), None
    content = checked_content(scenario, library)
    return content, scenario_id(content, scenario)


def _say(what: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"Looking at {what} ...", err=True)


def _tell(finding: Finding) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, soft_wrap=True)
    line = Text.assemble((f"{finding.level:<5}", STYLES[finding.level]), f"{finding.what}: {finding.says}")
    console.print(line)
    if finding.fix:
        console.print(f"     fix: {finding.fix}")
