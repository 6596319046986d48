"""``gameday fire|delay|restore|score|tick|wrong|missing``: play a day from another terminal.

As all that acts on a run, they drop one command into the inbox and say what the journal answers.
"""

from __future__ import annotations

import click

from gameday.cli.act import FACILITATOR, _act, _as, _json, _live_run, _run

SCORES = ("performed", "performed_with_challenges", "major_challenges", "unable")


def _numbered(given: str) -> tuple[str, int]:
    """``failover#3`` as its step and number."""
    step, mark, number = given.partition("#")
    if not mark or not number.isdecimal():
        raise click.UsageError(f"{given!r} names no step of a runbook; write for example failover#3")
    return step, int(number)


@click.command(epilog="Example: gameday fire regulator-calls")
@click.argument("step")
@_as(FACILITATOR)
@_run
@_json
def fire(step: str, role: str, run: str | None, as_json: bool) -> None:
    """Begin STEP now, though its time has not come. No fault: that begins when the plan says."""
    _act(_live_run(run), "fire", role, as_json, step=step)


@click.command(epilog="Example: gameday delay regulator-calls 5m")
@click.argument("step")
@click.argument("by")
@_as(FACILITATOR)
@_run
@_json
def delay(step: str, by: str, role: str, run: str | None, as_json: bool) -> None:
    """Let STEP begin later, BY a duration of scenario time such as 90s or 5m."""
    from gameday.model.types import parse_duration

    try:
        by_ms = parse_duration(by)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    _act(_live_run(run), "delay", role, as_json, step=step, by_ms=by_ms)


@click.command(epilog="Example: gameday restore vpn-expired")
@click.argument("step")
@_as(FACILITATOR)
@_run
@_json
def restore(step: str, role: str, run: str | None, as_json: bool) -> None:
    """Give back the access that STEP has taken."""
    _act(_live_run(run), "restore", role, as_json, step=step)


@click.command(epilog='Example: gameday score regulator-calls performed_with_challenges --comment "No figures at hand"')
@click.argument("step")
@click.argument("score", type=click.Choice(SCORES))
@click.option("--comment", default="", help="What was seen.")
@_as("evaluator")
@_run
@_json
def score(step: str, score: str, comment: str, role: str, run: str | None, as_json: bool) -> None:
    """Score how the reaction that STEP expects was performed. Nobody scores what they play."""
    _act(_live_run(run), "score", role, as_json, step=step, score=score, comment=comment)


@click.command(epilog="Example: gameday tick failover#3 --as payments-on-call")
@click.argument("step", metavar="STEP#N")
@click.option("--as", "role", metavar="ROLE", required=True, help="The role that did it.")
@click.option("--text", default="", help="What there is to say of it.")
@_run
@_json
def tick(step: str, role: str, text: str, run: str | None, as_json: bool) -> None:
    """Tick one step of a runbook; before its turn it is told as out of order."""
    name, number = _numbered(step)
    _act(_live_run(run), "tick", role, as_json, step=name, number=number, text=text)


@click.command(epilog='Example: gameday wrong failover#3 "The console has moved" --as payments-on-call')
@click.argument("step", metavar="STEP#N")
@click.argument("text")
@_as(FACILITATOR)
@_run
@_json
def wrong(step: str, text: str, role: str, run: str | None, as_json: bool) -> None:
    """Say that a step of a runbook is wrong, and how."""
    name, number = _numbered(step)
    _act(_live_run(run), "wrong", role, as_json, step=name, number=number, text=text)


@click.command(epilog='Example: gameday missing failover#3 "Tell the scheme first" --as payments-on-call')
@click.argument("step", metavar="STEP#N")
@click.argument("text")
@_as(FACILITATOR)
@_run
@_json
def missing(step: str, text: str, role: str, run: str | None, as_json: bool) -> None:
    """Say that after this step of a runbook (#0: before the first) one is missing."""
    name, number = _numbered(step)
    _act(_live_run(run), "missing", role, as_json, step=name, number=number, text=text)
