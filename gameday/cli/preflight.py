"""``gameday preflight``: what a run shows before somebody says go, alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command(epilog="Example: gameday preflight payment-functions-stop --environment staging")
@click.argument("scenario")
@click.option("--environment", default="rehearsal", show_default=True, help="Where: a name from gameday.yaml.")
@click.option("--speed", type=click.FloatRange(0.1, 60), help="Times faster, in rehearsal.")
@click.option("--waive", multiple=True, metavar="CODE[:subject]", help="What need not be shown; says --because.")
@click.option("--because", metavar="TEXT", help="Why it is safe to waive.")
@click.option("--json", "as_json", is_flag=True, help="Print all checks as JSON on stdout; lines go to stderr.")
@click.option("--library", type=click.Path(path_type=Path), help="Content from this folder, not the workspace.")
def preflight(scenario: str, environment: str, speed: float | None, waive: tuple[str, ...], because: str | None,
              as_json: bool, library: Path | None) -> None:  # fmt: skip
    """Look at everything that the run of SCENARIO (an id, or a file) needs, and break nothing.

    AWS resolves the targets itself for this (an experiment whose actions are all skipped); what that makes is taken
    back at once. Exit code: 0 ready, 5 something is missing or outside the envelope.
    """
    from gameday.cli.day import Day, Wishes
    from gameday.errors import EXIT_COULD_NOT_START

    wishes = Wishes(scenario, environment, speed, False, False, True, as_json, library, waive, because)
    with Day(wishes) as day:
        checked = day.check()
    for problem in checked.blocking:
        click.echo(str(problem), err=True)
    if as_json:
        click.echo(json.dumps(checked.record(), indent=2, ensure_ascii=False))
    else:
        click.echo("Ready: somebody may say go." if checked.ready else "Not ready.")
    sys.exit(0 if checked.ready else EXIT_COULD_NOT_START)
