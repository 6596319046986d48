"""``gameday sweep``: what bears our tags in an environment, found without any folder of a run."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from gameday.clock import Clock
    from gameday.wiring.sweeping import Leftover, Regions, Swept

LEFT = 6
NOT_FOUND = "What Chaos Toolkit broke bears no tag: only the ledger in a run's folder can take that back."


@click.command(epilog="Example: gameday sweep --environment staging")
@click.option("--environment", required=True, help="Where: a name from gameday.yaml, or rehearsal.")
@click.option("--yes", is_flag=True, help="Stop and delete what is listed; without it nothing is touched.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def sweep(environment: str, yes: bool, as_json: bool) -> None:
    """List what runs left behind in ENVIRONMENT, found by our tags in every Region of it, for when the run's folder is
    lost; with --yes stop and delete it, and look until it is seen gone. Nothing of a run that is conducted from this
    workspace is touched; a run that is conducted from another machine cannot be told apart from a dead one.

    Exit code: 0 nothing is left, 6 something is or nobody could look, 5 could not start.
    """
    from gameday.library import workspace_or_here
    from gameday.wiring import sweeping

    root = workspace_or_here()
    regions, clock = _regions(root, environment)
    found = sweeping.sweep(root, environment, regions, clock) if yes else sweeping.look(root, environment, regions)
    click.echo(json.dumps(_record(found)) if as_json else "\n".join(_lines(found, environment, yes)))
    sys.exit(0 if found.clean else LEFT)


def _regions(root: Path, environment: str) -> tuple[Regions, Clock]:
    """What reaches each Region. CouldNotStart for a name that is none, or a rehearsal that is not up."""
    from gameday.clock import Anchor, ScenarioClock
    from gameday.errors import could_not_start
    from gameday.model.load import load_content
    from gameday.model.workspace import REHEARSAL
    from gameday.planning.case import unknown
    from gameday.rehearsal import client
    from gameday.wiring import sweeping
    from gameday.wiring.sockets import sockets

    content = load_content(root)
    defined = content.environment(environment)
    if defined is None:
        names = content.workspace.model.environments if content.workspace else {}
        raise unknown("environment", environment, {REHEARSAL, *names})
    of = {region: sweeping.in_region(defined, region) for region in defined.regions}
    if environment != REHEARSAL:
        clock: Clock = ScenarioClock(Anchor.here())
        return {region: sockets(one, None, clock) for region, one in of.items()}, clock
    up = client.attach(root)
    if up is None:
        what = "no rehearsal is up here, so nothing of one is left: it ended with its processes"
        raise could_not_start("REHEARSAL_NOT_UP", what, "gameday recover, for what is on this machine")
    clock = up.clock()
    return {region: sockets(one, up.endpoint, clock) for region, one in of.items()}, clock


def _record(found: Swept) -> dict[str, Any]:
    return {
        "left": [_one(x) for x in found.left],
        "gone": [_one(x) for x in found.gone],
        "held": [_one(x) for x in found.held],
        "unread": list(found.unread),
        "not_found_by_tag": NOT_FOUND,
    }


def _one(leftover: Leftover) -> dict[str, Any]:
    what = leftover.what
    facts = {"region": leftover.region, "kind": what.kind, "id": what.id, "state": what.state, "run": what.run,
             "step": what.step, "mark": what.mark, "folder": leftover.folder}  # fmt: skip
    return (
        facts
        | ({"held": leftover.held} if leftover.held else {})
        | ({"error": leftover.wrong} if leftover.wrong else {})
    )


def _lines(found: Swept, environment: str, acted: bool) -> list[str]:
    from gameday.wiring.sweeping import words

    lines = [f"GONE  {words(x)}" for x in found.gone]
    for leftover in found.left:
        more = f": {leftover.wrong}" if leftover.wrong else ""
        folder = f"; its folder is here: gameday recover {leftover.what.run}" if leftover.folder else ""
        lines.append(f"LEFT  {words(leftover)}, {leftover.what.state}{more}{folder}")
    lines += [f"KEPT  {words(x)}: {x.held}" for x in found.held]
    lines += [f"NOT READ  {text}" for text in found.unread]
    if found.left and not acted:
        lines.append(f"Nothing was touched. To stop and delete it: gameday sweep --environment {environment} --yes")
    if found.clean:
        lines.append(f"Nothing of ours is left in {environment}.")
    return [*lines, NOT_FOUND]
