"""``gameday rehearsal``: keep a loopback AWS up, to look at or to run against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.group(epilog="Example: gameday rehearsal up --speed 20")
def rehearsal() -> None:
    """Keep the loopback AWS of a rehearsal up, ask how it is, or take it down."""


@rehearsal.command()
@click.option("--speed", type=click.FloatRange(0.1, 60), default=20.0, show_default=True, help="Times faster.")
@click.option("--service", metavar="ID", help="Whose workload, where the workspace has several.")
@click.option("--bare", is_flag=True, help="AWS alone, without a workload.")
@click.option("--json", "as_json", is_flag=True, help="Print where it is as JSON.")
def up(speed: float, service: str | None, bare: bool, as_json: bool) -> None:
    """Start it with the workload of this workspace, and keep it until `rehearsal down`; runs that follow use it."""
    from gameday.rehearsal import client

    root = _root()
    found = client.up(root, speed, kept=True, workload_content=None if bare else _workload(root, service))
    record = {"endpoint": found.endpoint, "pid": found.pid, "speed": found.speed, "service": found.service,
              "highest_speed": found.highest_speed}  # fmt: skip
    click.echo(json.dumps(record) if as_json else _line(found))
    if warning := found.too_fast():
        click.echo(f"warning: {warning}", err=True)


@rehearsal.command()
def down() -> None:
    """Take it down; nothing happens when none is up."""
    from gameday.rehearsal import client

    found = client.attach(_root())
    if found:
        found.down()
    click.echo("down")


@rehearsal.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def status(as_json: bool) -> None:
    """Say whether one is up, and how it is. Exit code: 0 up, 5 not up."""
    from gameday.errors import could_not_start
    from gameday.rehearsal import client

    found = client.attach(_root())
    if not found:
        raise could_not_start("REHEARSAL_NOT_UP", "No rehearsal is up here", "gameday rehearsal up")
    try:
        said = found.status()
    except OSError as error:
        what = f"The rehearsal (pid {found.pid}) does not answer: {error}"
        raise could_not_start("REHEARSAL_SILENT", what, "gameday rehearsal down") from error
    click.echo(json.dumps(said) if as_json else _line(found))
    broken = sorted(piece for piece, well in said["healthy"].items() if not well)
    if broken and not as_json:
        click.echo(f"not healthy: {', '.join(broken)}")


def _root() -> Path:
    """The workspace here or above; without one, this folder, where AWS alone can be kept up."""
    from gameday.library import find_workspace

    return find_workspace(Path.cwd()) or Path.cwd()


def _workload(root: Path, service: str | None) -> Any:
    """``(workload, service)`` of the workspace, or None when it has none and none is asked for."""
    from gameday.errors import could_not_start
    from gameday.model.load import load_content

    content = load_content(root)
    there = {ident: found.model for ident, found in content.workloads.items() if ident in content.services}
    names = ", ".join(sorted(there)) or "none"
    if service is None and len(there) > 1:
        raise could_not_start("REHEARSAL_WHICH", f"This workspace has several workloads: {names}", "--service ID")
    if service is not None and service not in there:
        what = f"{service} has no workload here; those that have: {names}"
        raise could_not_start("REHEARSAL_WHICH", what, f"scenarios/{service}/workload.yaml, or --bare")
    chosen = service or next(iter(there), None)
    return (there[chosen], content.services[chosen].model) if chosen else None


def _line(found: Any) -> str:
    carries = f"the workload of {found.service}" if found.service else "no workload"
    return f"up at {found.endpoint}, speed {found.speed:g}, {carries}, pid {found.pid}"
