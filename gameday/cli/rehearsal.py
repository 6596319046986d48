"""``gameday rehearsal``: keep a loopback AWS up, to look at or to run against."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group(epilog="Example: gameday rehearsal up --speed 20")
def rehearsal() -> None:
    """Keep the loopback AWS of a rehearsal up, ask how it is, or take it down."""


@rehearsal.command()
@click.option("--speed", type=click.FloatRange(0.1, 60), default=20.0, show_default=True, help="Times faster.")
@click.option("--json", "as_json", is_flag=True, help="Print where it is as JSON.")
def up(speed: float, as_json: bool) -> None:
    """Start it (AWS alone, without a workload) and keep it until `rehearsal down`."""
    from gameday.rehearsal import client

    found = client.up(Path.cwd(), speed, kept=True)
    record = {"endpoint": found.endpoint, "pid": found.pid, "speed": found.speed}
    click.echo(json.dumps(record) if as_json else f"up at {found.endpoint}, speed {found.speed:g}, pid {found.pid}")


@rehearsal.command()
def down() -> None:
    """Take it down; nothing happens when none is up."""
    from gameday.rehearsal import client

    found = client.attach(Path.cwd())
    if found:
        found.down()
    click.echo("down")


@rehearsal.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def status(as_json: bool) -> None:
    """Say whether one is up, and how it is. Exit code: 0 up, 5 not up."""
    from gameday.errors import could_not_start
    from gameday.rehearsal import client

    found = client.attach(Path.cwd())
    if not found:
        raise could_not_start("REHEARSAL_NOT_UP", "No rehearsal is up here", "gameday rehearsal up")
    said = found.status()
    click.echo(json.dumps(said) if as_json else f"up at {found.endpoint}, speed {found.speed:g}, pid {found.pid}")
