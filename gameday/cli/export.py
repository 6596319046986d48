"""``gameday export``: what is ours in the words of others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gameday.model.schedule import Schedule

TARGETS = ("eventbridge", "github-actions")


@click.group(epilog="Example: gameday export schedule weekly --to eventbridge")
def export() -> None:
    """Write what is ours in the words of others."""


@export.command(epilog="Example: gameday export schedule weekly --to github-actions --out .github/workflows/weekly.yml")
@click.argument("ident", metavar="ID")
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="Who is to begin it.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A file; else stdout.")
def schedule(ident: str, target: str, out: Path | None) -> None:
    """Let another scheduler begin the schedule ID, in place of gameday scheduler.

    eventbridge: CloudFormation of EventBridge Scheduler, Step Functions and an ECS task. github-actions: a workflow.
    Either runs ``gameday schedule run``, which looks at windows, freezes, holidays and preconditions.
    """
    from gameday.library import workspace_or_here
    from gameday.model.load import load_content
    from gameday.wiring.scheduled import known_schedule

    text = _text(known_schedule(load_content(workspace_or_here()), ident), target)
    if out is None:
        return click.echo(text, nl=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    click.echo(f"{out} written")


def _text(held: Schedule, target: str) -> str:
    from gameday.exchange.cloudformation import as_yaml
    from gameday.exchange.eventbridge import stack
    from gameday.exchange.github_actions import workflow

    made: dict[str, Any] = stack(held) if target == "eventbridge" else workflow(held)
    note = f"# Made by: gameday export schedule {held.id} --to {target}\n"
    return note + as_yaml(made)
