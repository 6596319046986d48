"""``gameday plan``: everything that a scenario will do, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gameday.model.workspace import Environment
    from gameday.plan import Plan
    from gameday.protocols import Fault

NO_REHEARSAL = "http://127.0.0.1:1"  # nobody listens there: without a rehearsal no request may reach anything


@click.command(epilog="Example: gameday plan payment-functions-stop, or gameday plan payment-functions-stop --json")
@click.argument("scenario", metavar="SCENARIO")
@click.option("--environment", default="rehearsal", show_default=True, metavar="NAME", help="From gameday.yaml.")
@click.option("--library", type=click.Path(path_type=Path), help="Use this folder, not the workspace around you.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as it is sealed: plan.json.")
@click.option("--author", metavar="ROLE", help="Say whose plan it is, so that somebody else can approve it.")
def plan(scenario: str, environment: str, library: Path | None, as_json: bool, author: str | None) -> None:
    """Show all that SCENARIO (an id, or its file) will do, and touch nothing.

    The whole timeline, every API call, resolved targets, what is watched, what stops the day, the cost, and the digest
    that an approval is bound to. Exit code: 0 it can run, 5 files are not valid or the environment does not allow it.
    """
    from gameday.plan import dump_plan

    found = planned(scenario, environment, library)
    if author:
        _claim(found, author)
    if as_json:
        click.echo(dump_plan(found), nl=False)
        return
    from rich.console import Console

    from gameday.cli.plan_page import page

    click.echo(page(found, Console(highlight=False, emoji=False, markup=False)), color=True)


def planned(scenario: str, name: str, library: Path | None) -> Plan:
    """The plan of a scenario (an id, or its file) in an environment, from files that are valid."""
    from gameday.cli.prepare import checked_content, scenario_id
    from gameday.planning import build_plan

    content = checked_content(scenario, library)
    ident = scenario_id(content, scenario)
    from gameday.wiring.planned import asked_at

    environment = content.environment(name)
    faults = _faults(environment, asked_at(content, ident, name)) if environment else {}
    return build_plan(content, ident, name, faults)


def _claim(plan: Plan, role: str) -> None:
    from gameday.library import workspace_or_here
    from gameday.wiring.approving import Person, claim, login

    author = claim(workspace_or_here(), plan, Person(role, login()))
    click.echo(f"This plan is of {author.role}: gameday approve {plan.scenario} --environment {plan.environment} "
               f"--by ROLE, by somebody else.", err=True)  # fmt: skip


def _faults(environment: Environment, endpoint: str | None) -> Mapping[str, Fault]:
    """The providers. None of them calls AWS before it must."""
    from gameday.wiring.sockets import sockets

    return sockets(environment, endpoint).faults
