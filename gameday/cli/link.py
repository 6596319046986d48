"""``gameday link``: a link to the console, for one role."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gameday.console.access import ROLES, Role

if TYPE_CHECKING:
    from gameday.clock import Ms
    from gameday.console.access import Grant, Keyring


@click.command(epilog="Example: gameday link --role player --as payments-on-call --expires 8h")
@click.argument("run", required=False)
@click.option("--role", type=click.Choice(ROLES), help="What the link lets somebody do.")
@click.option(
    "--as", "who", metavar="ROLE", help="Whom it is for, as the scenario names the role; a player's link needs it."
)
@click.option(
    "--expires", default="8h", show_default=True, metavar="TIME", help="When it ends, and its session with it."
)
@click.option("--all", "every", is_flag=True, help="For all runs of this workspace, also those to come.")
@click.option("--url", help="The console's address; else the one that gameday serve had last.")
@click.option("--list", "listed", is_flag=True, help="List the links that were made.")
@click.option("--revoke", metavar="ID", help="Nothing opens by this link any more, nor by its session.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def link(run: str | None, role: Role | None, who: str | None, expires: str, every: bool, url: str | None,
         listed: bool, revoke: str | None, as_json: bool) -> None:  # fmt: skip
    """Make a link to the console for a role in RUN: its id, how it begins; else the live one.

    A link works once: the browser that opens it first keeps a session until the link expires.
    """
    from gameday.clock import wall_ms
    from gameday.console.access import Keyring
    from gameday.library import workspace_or_here

    root = workspace_or_here()
    keyring, now = Keyring(root), wall_ms()
    if listed:
        return _list(keyring, now, as_json)
    if revoke:
        return _revoke(keyring, revoke)
    if role is None:
        raise click.UsageError(f"a link is for a role; write --role {'|'.join(ROLES)}")
    grant, token = keyring.link(_run(root, run, every, role, who), role, who or role, now + _lasts(expires))
    _tell(root, grant, token, url, as_json)


def _run(root: Path, run: str | None, every: bool, role: Role, who: str | None) -> str:
    """The run that it is for; the role of a player must be one that the run asks for something."""
    from gameday.console.access import EVERY_RUN
    from gameday.console.shelf import roles
    from gameday.errors import could_not_start
    from gameday.plan import load_plan
    from gameday.runs import find_run

    if role == "player" and (who is None or every):
        raise click.UsageError("a player's link is for one run, and says for which role; write --as ROLE")
    if every:
        return EVERY_RUN
    folder = find_run(root, run)
    known = roles(load_plan(folder / "plan.json"))
    if role == "player" and who not in known:
        raise could_not_start("LINK_ROLE", f"{folder.name} asks nothing of {who!r}", f"--as {' | '.join(known)}")
    return folder.name


def _lasts(expires: str) -> Ms:
    from gameday.console.access import LONGEST_MS
    from gameday.model.types import parse_duration

    try:
        lasts = parse_duration(expires)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--expires") from error
    if not 0 < lasts <= LONGEST_MS:
        raise click.BadParameter("a link lasts up to 30 days", param_hint="--expires")
    return lasts


def _tell(root: Path, grant: Grant, token: str, url: str | None, as_json: bool) -> None:
    from gameday.clock import iso
    from gameday.console.access import address

    full = f"{(url or address(root)).rstrip('/')}/enter/{token}"
    if as_json:
        facts = {"id": grant.id, "run": grant.run, "role": grant.role, "who": grant.who}
        click.echo(json.dumps({**facts, "expires": iso(grant.expires_ms), "url": full}))
    else:
        click.echo(full)


def _list(keyring: Keyring, now: Ms, as_json: bool) -> None:
    from gameday.clock import iso

    for g in keyring.grants():
        run, until, standing = "all runs" if g.everywhere else g.run, iso(g.expires_ms), keyring.standing(g, now)
        facts = {"id": g.id, "run": g.run, "role": g.role, "who": g.who, "expires": until, "standing": standing}
        click.echo(json.dumps(facts) if as_json else f"{g.id}  {standing:<8} {until}  {g.role:<12} {g.who}  {run}")


def _revoke(keyring: Keyring, ident: str) -> None:
    from gameday.errors import could_not_start

    try:
        keyring.revoke(ident)
    except KeyError as error:
        raise could_not_start("LINK_UNKNOWN", f"no link is called {ident!r}", "an id of gameday link --list") from error
    click.echo(f"{ident} opens nothing any more.")
