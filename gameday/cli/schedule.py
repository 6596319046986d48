"""``gameday schedule``: what recurs, seen and changed by a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gameday.clock import Ms
    from gameday.model.content import Content
    from gameday.model.schedule import Schedule
    from gameday.schedules.due import Board
    from gameday.schedules.past import Past
    from gameday.wiring.recurring import Standing

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
BY = click.option("--by", required=True, metavar="ROLE", help="Who says so.")
BECAUSE = click.option("--because", required=True, metavar="TEXT", help="Why.")
SHOWN = 10


@click.group(epilog="Example: gameday schedule add weekly --scenario payment-functions-stop --cron '0 10 * * Tue'"
             " --tz Europe/London --owner payments-sre")  # fmt: skip
def schedule() -> None:
    """What recurs: schedules are files (kind: schedule) beside their scenarios; gameday scheduler begins their runs."""


@schedule.command("list", epilog="Example: gameday schedule list")
@JSON
def list_(as_json: bool) -> None:
    """Each schedule, what became of its last time, and when it is due next."""
    found = _recurring()
    rows = [found.row(loaded.model) for loaded in found.content.schedules.values()]
    if as_json:
        return click.echo(json.dumps(rows, indent=2))
    if not rows:
        click.echo(
            "No schedule yet: gameday schedule add ID --scenario SCENARIO --cron '0 10 * * Tue' --tz ZONE --owner ROLE"
        )
    for row in rows:
        click.echo(f"{row['schedule']}: {row['scenario']} in {row['environment']}, {row['cron']} ({row['tz']})")
        click.echo(f"    next  {row['next'] or 'never'}{' (' + row['stopped'] + ')' if row['stopped'] else ''}")
        click.echo(f"    last  {row['last'] or 'not yet'}")


@schedule.command("next", epilog="Example: gameday schedule next weekly --count 5")
@click.argument("ident", metavar="[ID]", required=False)
@click.option("--count", default=SHOWN, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@JSON
def next_(ident: str | None, count: int, as_json: bool) -> None:
    """The next times of all schedules, or of ID, and which of them its calendars skip."""
    found = _recurring()
    wanted = [_known(found.content, ident).id] if ident else list(found.content.schedules)
    rows = found.nexts(_merged(found.content, wanted, found.now), count)
    if as_json:
        return click.echo(json.dumps(rows, indent=2))
    for row in rows:
        why = f"   skipped, {row['reason']}: {row['says']}" if "reason" in row else ""
        click.echo(f"{row['start']}  {row['schedule']}{why}")


def _merged(content: Content, wanted: list[str], now: Ms) -> Iterator[Any]:
    from heapq import merge

    from gameday.schedules.due import upcoming

    return merge(*(upcoming(content.schedules[ident].model, now) for ident in wanted))


@schedule.command(epilog="Example: gameday schedule why weekly")
@click.argument("ident", metavar="ID")
@click.option("--count", default=SHOWN, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
@JSON
def why(ident: str, count: int, as_json: bool) -> None:
    """What became of the last times of ID, and the reason of each that was skipped."""
    found = _recurring()
    _known(found.content, ident)
    lines = found.lasts(ident, count)
    if as_json:
        return click.echo(json.dumps(lines, indent=2))
    for line in lines:
        what = line.get("outcome") or line.get("reason") or line["kind"]
        says = line.get("says") or line.get("because") or ""
        click.echo(f"{line.get('due') or line['at']}  {line['kind']:8} {what}  {line.get('run') or ''} {says}".rstrip())
    if not lines:
        click.echo(f"Nothing yet: gameday schedule next {ident} says when it is due.")


@schedule.command(epilog="Example: gameday schedule add weekly --scenario payment-functions-stop --cron '0 10 * * Tue'"
                  " --tz Europe/London --owner payments-sre")  # fmt: skip
@click.argument("ident", metavar="ID")
@click.option("--scenario", required=True, help="What recurs.")
@click.option("--environment", default="rehearsal", show_default=True, help="Where.")
@click.option("--cron", required=True, help="minute hour day month weekday.")
@click.option("--tz", required=True, help="A zone of the IANA database, for example Europe/London.")
@click.option("--owner", required=True, metavar="ROLE", help="Who answers for it.")
@click.option("--jitter", help="Begin up to this much later, for example 20m.")
@click.option("--freeze", "freezes", multiple=True, metavar="FILE", help="An iCalendar file or https address.")
def add(ident: str, **keys: Any) -> None:
    """Write the file of a schedule beside its scenario, and say when it is due."""
    from gameday.cli.prepare import checked_content
    from gameday.library import workspace_or_here
    from gameday.planning.case import open_case
    from gameday.wiring.scheduled import write_schedule

    root = workspace_or_here()
    content = checked_content(keys["scenario"], None)
    case = open_case(content, keys["scenario"], keys["environment"])
    given = {key: value for key, value in keys.items() if value}
    path = write_schedule(root, case.service.id, {"kind": "schedule", "id": ident, **given})
    click.echo(f"{path.relative_to(root)} written")
    content, *_ = _standing()
    click.echo(f"Next: gameday schedule next {ident}, and gameday scheduler where it is to run")


@schedule.command(
    epilog="Example: gameday schedule pause weekly --by payments-sre --because 'We move to another Region'"
)
@click.argument("ident", metavar="ID")
@BY
@BECAUSE
def pause(ident: str, by: str, because: str) -> None:
    """Begin nothing of ID until somebody resumes it."""
    _append(ident, "paused", by, because)
    click.echo(f"{ident} is paused: gameday schedule resume {ident} ends it")


@schedule.command(
    epilog="Example: gameday schedule resume weekly --by payments-sre --because 'Looked: the pool was small'"
)
@click.argument("ident", metavar="ID")
@BY
@BECAUSE
def resume(ident: str, by: str, because: str) -> None:
    """Let ID go on: somebody looked at its breaches, at what it left behind, or ends a pause."""
    _append(ident, "resumed", by, because)
    click.echo(f"{ident} goes on: gameday schedule next {ident}")


@schedule.command(epilog="Example: gameday schedule run weekly")
@click.argument("ident", metavar="ID")
@click.option(
    "--unless-skipped", is_flag=True, help="Not when its calendars, its past or a precondition would skip it now."
)
@click.option("--if-due", metavar="TIME", help="Only when a time of it came within this long, for example 45m.")
@click.pass_context
def run(ctx: click.Context, ident: str, unless_skipped: bool, if_due: str | None) -> None:
    """Run ID now, here, as the scheduler would. It counts as no time of the schedule."""
    from gameday.errors import could_not_start
    from gameday.schedules.due import Time

    content, board, past, now = _standing()
    held = _known(content, ident)
    if if_due and not _due_within(held, now, if_due):
        return click.echo(f"{ident} was not due within {if_due}; nothing was begun")
    found = board.decide(Time(now, ident, now), past, now)
    against = (found.reason, found.says) if found.act != "fire" else _unmet(content, held)
    if unless_skipped and against:
        write = "another moment, or without --unless-skipped"
        raise could_not_start("SCHEDULE_SKIPPED", f"{ident} is not begun, {against[0]}: {against[1]}", write)
    from gameday.cli.run import run as command

    words = [held.scenario, "--environment", held.environment, "--unattended"]
    command.main([*words, *(["--speed", str(held.speed)] if held.speed else [])], standalone_mode=False, parent=ctx)


def _unmet(content: Content, held: Schedule) -> tuple[str, str] | None:
    """The precondition that does not hold now, and in what words."""
    from gameday.clock import Anchor, ScenarioClock
    from gameday.wiring.preconditions import unmet

    return unmet(content, held, ScenarioClock(Anchor.here()))


def _due_within(held: Schedule, now: Ms, text: str) -> bool:
    from gameday.model.types import parse_duration
    from gameday.schedules.due import upcoming

    try:
        first = next(upcoming(held, now - parse_duration(text)), None)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return first is not None and first.due <= now


# ---- what they share
def _recurring() -> Standing:
    """The schedules of this workspace as they stand now."""
    from gameday.clock import wall_ms
    from gameday.library import workspace_or_here
    from gameday.wiring.recurring import standing

    return standing(workspace_or_here(), wall_ms())


def _standing() -> tuple[Content, Board, Past, Ms]:
    """Its parts."""
    found = _recurring()
    return found.content, found.board, found.past, found.now


def _known(content: Content, ident: str) -> Schedule:
    from gameday.wiring.scheduled import known_schedule

    return known_schedule(content, ident)


def _append(ident: str, kind: str, by: str, because: str) -> None:
    from gameday.clock import iso, wall_ms
    from gameday.schedules.log import Log

    content, *_ = _standing()
    _known(content, ident)
    Log(Path(content.root)).append({"kind": kind, "schedule": ident, "by": by, "because": because,
                                    "at": iso(wall_ms())})  # fmt: skip
