"""``gameday approve``: let a plan run where approvals are asked for, list them, or take them back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gameday.clock import Ms
    from gameday.wiring.approving import Approval

ROLE = r"[a-z0-9][a-z0-9-]{0,62}"


def _role(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(ROLE, value):
        raise click.BadParameter("a role in small letters, digits and hyphens, such as service-owner")
    return value


def _lasts(_: click.Context, __: click.Parameter, value: str) -> int:
    from gameday.model.types import parse_duration

    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command(epilog="Example: gameday approve payment-functions-stop --environment staging --by service-owner")
@click.argument("scenario", required=False)
@click.option("--environment", metavar="NAME", help="From gameday.yaml.")
@click.option("--by", metavar="ROLE", callback=_role, help="The role in which you approve, or revoke.")
@click.option("--expires", default="7d", show_default=True, callback=_lasts, help="How long it is good for.")
@click.option("--revoke", is_flag=True, help="Take back the approvals of SCENARIO there, whoever gave them.")
@click.option("--list", "listed", is_flag=True, help="List approvals: all, or those of SCENARIO.")
@click.option("--json", "as_json", is_flag=True, help="Print approvals as JSON.")
@click.option("--library", type=click.Path(path_type=Path), help="Use this folder, not the workspace around you.")
def approve(scenario: str | None, environment: str | None, by: str | None, expires: int, revoke: bool, listed: bool,
            as_json: bool, library: Path | None) -> None:  # fmt: skip
    """Approve the plan of SCENARIO as it is now: its digest, so that any change asks again.

    Whose plan it is says `gameday plan --author`; nobody approves what is theirs. Exit code: 0 done, 5 refused.
    """
    from gameday.clock import wall_ms

    now = wall_ms()
    if listed:
        _list([a for a in _all() if scenario in (None, a.scenario)], now, as_json)
        return
    if not (scenario and environment and by):
        raise click.UsageError("it needs SCENARIO, --environment and --by; or --list")
    done = _revoke(scenario, environment, by, now) if revoke else _approve(scenario, environment, by, expires, library)
    _list(done, now, as_json)


def _all() -> list[Approval]:
    from gameday.library import workspace_or_here
    from gameday.wiring.approving import approvals

    return approvals(workspace_or_here())


def _approve(scenario: str, environment: str, by: str, lasts_ms: int, library: Path | None) -> list[Approval]:
    from gameday.cli.plan import planned
    from gameday.clock import wall_ms
    from gameday.library import workspace_or_here
    from gameday.wiring.approving import Person, login
    from gameday.wiring.approving import approve as give

    plan = planned(scenario, environment, library)
    return [give(workspace_or_here(), plan, Person(by, login()), wall_ms(), lasts_ms)]


def _revoke(scenario: str, environment: str, by: str, now: Ms) -> list[Approval]:
    """Every approval of this scenario there, whoever gave it: whoever sees a danger may take it back."""
    from gameday.library import workspace_or_here
    from gameday.wiring.approving import revoke

    there = [a for a in _all() if (a.scenario, a.environment) == (scenario, environment)]
    return revoke(workspace_or_here(), there, by, now)


def _list(found: list[Approval], now: Ms, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_record(a, now) for a in found], indent=2))
        return
    for approval in found:
        held = _record(approval, now)
        click.echo(f"{held['scenario']} in {held['environment']}  {held['digest'][:19]}  by {held['by']}  "
                   f"{held['state']}, until {held['expires']}")  # fmt: skip
    if not found:
        click.echo("No approvals.")


def _record(approval: Approval, now: Ms) -> dict[str, Any]:
    from gameday.clock import iso

    return {"scenario": approval.scenario, "environment": approval.environment, "digest": approval.digest,
            "by": approval.by.role, "author": approval.author.role, "at": iso(approval.at),
            "expires": iso(approval.expires), "state": approval.state(now)}  # fmt: skip
