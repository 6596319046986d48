"""``gameday emergency``: abort, and engage the FIS safety lever; ``--release`` disengages it again.

It stops the experiments of everybody in the account, so outside a rehearsal the account's number is typed. A conductor
that is dead, or does not answer, is not waited for: then the lever is engaged from here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gameday.wiring.levers import RunLevers

ANSWERED, FAILED, ENGAGED = 0, 5, 4


@click.command(epilog="Example: gameday emergency --why 'real customers are hit'    gameday emergency --release")
@click.option("--release", is_flag=True, help="Disengage the lever, once the run has ended.")
@click.option("--status", is_flag=True, help="Say whether it is engaged; nothing is touched.")
@click.option("--why", default="", help="The reason, for the journal and for all who read the lever.")
@click.option("--confirm", metavar="ACCOUNT", help="The account's number, instead of being asked for it.")
@click.option("--run", metavar="RUN", help="Its id, how it begins, or its folder; else the live or the newest one.")
@click.option("--as", "role", metavar="ROLE", default="facilitator", show_default=True, help="The role that acts.")
def emergency(release: bool, status: bool, why: str, confirm: str | None, run: str | None, role: str) -> None:
    """Abort the run AND engage the FIS safety lever: every experiment in the account stops, whoever began it, in
    each Region in which the run starts faults, and none can begin until a person says --release.

    Exit code: 0 done (for --status: not engaged), 4 --status found it engaged, 5 it could not be done.
    """
    from gameday.library import workspace_or_here
    from gameday.runs import find_run
    from gameday.wiring.levers import RunLevers

    root = workspace_or_here()
    found = RunLevers(root, find_run(root, run))
    if status:
        _status(found)
    _confirm(found, release, confirm)
    if release:
        _release(found, why or "released by a person", role)
    _engage(found, why or "asked", role)


def _status(found: RunLevers) -> None:
    states = found.read()
    for place, state in states.items():
        because = f": {state.reason}" if state.reason else ""
        click.echo(f"The FIS safety lever of {place} is {state.status}{because}")
    sys.exit(ENGAGED if any(state.engaged for state in states.values()) else ANSWERED)


def _confirm(found: RunLevers, release: bool, given: str | None) -> None:
    """Typed, because it is not about our own run alone."""
    from gameday.errors import could_not_start
    from gameday.model.workspace import REHEARSAL

    if found.plan.environment == REHEARSAL:
        return
    account = found.plan.environment_definition.account
    does = "lets experiments begin again" if release else "stops EVERY FIS experiment, those of others too,"
    if given is None and sys.stdin.isatty():
        given = click.prompt(
            f"This {does} in {', '.join(found.places)}. Type the account's number to do it", default=""
        )
    if given != account:
        write = f"--confirm {account}; gameday abort stops this run alone"
        raise could_not_start("NOT_CONFIRMED", "nothing was done: the account's number was not given", write)


def _release(found: RunLevers, why: str, role: str) -> None:
    from gameday.errors import could_not_start
    from gameday.runs import is_live

    if is_live(found.run_dir):
        write = "gameday abort, and wait until it has ended"
        raise could_not_start("RUN_LIVE", f"{found.run_dir.name} still goes on", write, found.run_dir)
    done = found.release(why, role)
    for place in found.places:
        said = "is disengaged: experiments can begin again" if done.get(place) else "was not engaged"
        click.echo(f"The FIS safety lever of {place} {said}.")
    sys.exit(ANSWERED)


def _engage(found: RunLevers, why: str, role: str) -> None:
    from gameday.cli.day import engaged_words
    from gameday.errors import could_not_start
    from gameday.runs import is_live

    if is_live(found.run_dir) and _conducted(found.run_dir, why, role):
        return
    if not found.levers:
        write = f"gameday recover {found.run_dir.name}"
        raise could_not_start("LEVER_GONE", "the rehearsal of this run has ended, and its lever with it", write)
    found.engage(why, role)
    for place in found.places:
        click.echo(engaged_words(place, found.run_dir.name))
    click.echo(f"What the run itself injected: gameday recover {found.run_dir.name}", err=True)


def _conducted(run_dir: Path, why: str, role: str) -> bool:
    """Whether the conductor took it. If it does not answer, it finds the command when it comes back."""
    from gameday.cli.act import answer_of, answer_words
    from gameday.journal.inbox import drop

    events, answer = answer_of(run_dir, drop(run_dir, "emergency", role, why=why))
    if answer is None:
        click.echo("The conductor has not answered; the lever is engaged from here.", err=True)
        return False
    click.echo(answer_words(run_dir, "emergency", events, answer), err=answer.type == "command.refused")
    return True
