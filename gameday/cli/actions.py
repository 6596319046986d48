"""``gameday actions`` and ``gameday lessons``: what a run found, and what is done about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from datetime import date

    from gameday.model.content import Content
    from gameday.model.rules import Tested
    from gameday.reports.history import Run
    from gameday.reports.lessons import Standing


def _here() -> tuple[Path, Content, list[Run], date]:
    from gameday.cli.past import here

    past = here()
    return past.root, past.content, past.runs, past.today


@click.command(epilog="Example: gameday lessons, or gameday lessons 20261123-1012-payment-functions-stop --write")
@click.argument("run", required=False)
@click.option("--write", is_flag=True, help="Write lessons/<run>.yaml for people to complete; never over one.")
@click.option("--json", "as_json", is_flag=True, help="Print all that is known as JSON.")
def lessons(run: str | None, write: bool, as_json: bool) -> None:
    """What RUN (the newest run) found: proposed from its data, seen before or not, and what people say of it."""
    from gameday.cli.past import chosen, table
    from gameday.errors import could_not_start
    from gameday.reports.escape import plain
    from gameday.reports.files import write_whole
    from gameday.reports.lessons import draft, learned

    root, content, runs, today = _here()
    one = chosen(runs, root, run)
    if write and not one.named:
        what = f"its folder {plain(one.id)!r} is not called as a run is"
        raise could_not_start("RUN_NOT_NAMED", what, "20261123-1012-SCENARIO, as gameday run names it")
    if write:
        path = root / "lessons" / f"{one.id}.yaml"
        if path.exists():
            raise could_not_start("LESSONS_EXIST", "it is there already", "edit it, or remove it first", path)
        path.parent.mkdir(exist_ok=True)
        write_whole(path, draft(one, runs).encode())
        click.echo(str(path))
        return
    told = learned(one, runs, content, today)
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    rows = [(f["weight"], f["id"], f["says"], _state(f)) for f in told["findings"]]
    click.echo(f"{plain(one.id)}: {len(rows)} finding(s) proposed from its data")
    click.echo(table(("weight", "finding", "what", "so far"), rows))
    if not told["completed"]:
        click.echo(f"Nobody has completed them yet: gameday lessons {one.id} --write")


def _state(finding: dict[str, Any]) -> str:
    parts = [f"seen before {len(finding['seen_before'])}x"] if finding["seen_before"] else []
    parts += [] if finding["stands"] is None else ["stands" if finding["stands"] else "rejected"]
    return ", ".join([*parts, *finding["actions"]]) or "new"


@click.group()
def actions() -> None:
    """Actions from findings: list, add, close, export. A valid re-test closes them, or a waiver."""


@actions.command("list", epilog="Example: gameday actions list --json")
@click.option("--open", "only_open", is_flag=True, help="Only those that are open or overdue.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def list_(only_open: bool, as_json: bool) -> None:
    """Every action, where it stands, and what closes it. Exit code: 0, also when some are overdue."""
    from gameday.cli.past import table
    from gameday.reports.exports import closing

    found = _standing(only_open)
    if as_json:
        click.echo(json.dumps([s.record() for s in found], indent=2, ensure_ascii=False))
        return
    rows = [(s.action.id, s.state, str(s.action.due), s.action.owner, s.action.do, s.by or closing(s)) for s in found]
    click.echo(table(("id", "state", "due", "owner", "what", "closes with"), rows) if rows else "There is no action.")


def _standing(only_open: bool = False) -> list[Standing]:
    from gameday.reports.history import tested
    from gameday.reports.lessons import standing

    _, content, runs, today = _here()
    known: list[Tested] = [tested(run, content) for run in runs]
    return [s for s in standing(content, known, today) if not only_open or s.state in ("open", "overdue")]


@actions.command(epilog="Example: gameday actions add --finding alarm-silent:edge-5xx --do 'Alarm at the edge' "
                        "--owner sre --due 2026-12-15")  # fmt: skip
@click.option("--run", help="The run that found it; the newest run when it is not said.")
@click.option("--finding", required=True, help="The id of a finding of that run, as gameday lessons lists them.")
@click.option("--do", "what", required=True, help="What will be done.")
@click.option("--owner", required=True, help="The role that does it.")
@click.option("--due", required=True, help="The day by which it is done: 2026-12-15.")
@click.option("--because", help="Why it takes until then.")
@click.option("--priority", type=click.Choice(["high", "medium", "low"]), default="medium", show_default=True)
@click.option("--link", help="Where a tracker holds it.")
@click.option(
    "--closes-with", help="SCENARIO, SCENARIO:expectation=ID or SCENARIO:tolerance=ID; else the same scenario."
)
def add(run: str | None, finding: str, what: str, owner: str, due: str, closes_with: str | None, **more: Any) -> None:
    """Write actions/<id>.yaml. It closes when a later, valid run shows what it closes with."""
    from gameday.cli.past import chosen, made
    from gameday.errors import could_not_start
    from gameday.model.action import Action
    from gameday.reports.files import write_whole
    from gameday.reports.lessons import action_file, next_id

    root, content, runs, today = _here()
    one = chosen(runs, root, run)
    own = content.lessons.get(one.id)
    known = [f.id for f in one.findings] + [f.id for f in (own.model.also_found if own else ())]
    if finding not in known:
        raise could_not_start(
            "FINDING_UNKNOWN", f"run {one.id} has no finding {finding!r}", " | ".join(known) or "none"
        )
    facts = {
        "kind": "action", "id": next_id(content, today), "from": {"run": one.id, "finding": finding}, "do": what,
        "owner": owner, "due": due, "closes_with": _closing(closes_with or one.plan.scenario), **more,
    }  # fmt: skip
    action = made(Action, {key: value for key, value in facts.items() if value is not None})
    scenarios = {*content.scenarios, *(r.plan.scenario for r in runs)}
    if action.closes_with and action.closes_with.scenario not in scenarios:
        what = f"there is no scenario {action.closes_with.scenario!r} whose run could close it"
        raise could_not_start("UNKNOWN_SCENARIO", what, " | ".join(sorted(scenarios)))
    path = root / "actions" / f"{action.id}.yaml"
    path.parent.mkdir(exist_ok=True)
    write_whole(path, action_file(action).encode())
    click.echo(str(path))


def _closing(text: str) -> dict[str, str]:
    scenario, _, test = text.partition(":")
    kind, _, ident = test.partition("=")
    return {"scenario": scenario, **({kind: ident} if test else {})}


@actions.command(epilog="Example: gameday actions close A-2026-07 --because 'The edge is gone' --by cro")
@click.argument("ident", metavar="ID")
@click.option("--because", help="Close it without a re-test: why. Kept in the action, and shown in every report.")
@click.option("--by", help="The role that answers for closing it without a re-test.")
def close(ident: str, because: str | None, by: str | None) -> None:
    """Say whether a valid re-test has closed the action ID; with --because and --by, close it without one."""
    from gameday.cli.past import made
    from gameday.errors import could_not_start
    from gameday.model.action import Action
    from gameday.reports.exports import closing
    from gameday.reports.files import write_whole
    from gameday.reports.lessons import action_file

    root, content, _, today = _here()
    found = next((s for s in _standing() if s.action.id == ident), None)
    if found is None:
        raise could_not_start("ACTION_UNKNOWN", f"there is no action {ident!r}", " | ".join(content.actions) or "none")
    if found.state in ("closed", "waived"):
        click.echo(f"{ident} is {found.state}, by {found.by} on {found.on}")
        return
    if not (because and by):
        write = f"{closing(found)}; or --because and --by, to answer for it without one"
        raise could_not_start("ACTION_OPEN", f"no valid run after {found.action.origin.run} has closed {ident}", write)
    body = found.action.model_dump(mode="json", by_alias=True, exclude_none=True)
    waived = made(Action, {**body, "closed_without": {"because": because, "by": by, "on": today.isoformat()}})
    path = Path(content.actions[ident].file.path)
    write_whole(path, action_file(waived).encode())
    click.echo(f"{ident} is waived, by {by} on {today}: {path}")


@actions.command(epilog="Example: gameday actions export --format jira > actions.csv")
@click.option("--format", "form", type=click.Choice(["csv", "github", "jira", "webhook"]), required=True)
@click.option("--open", "only_open", is_flag=True, help="Only those that are open or overdue.")
@click.option("--post-to", metavar="ENV", help="Post it to the URL that this environment variable holds.")
def export(form: str, only_open: bool, post_to: str | None) -> None:
    """Print the actions as another tracker takes them, or post them to it."""
    from gameday.reports.exports import FORMATS

    text = FORMATS[form](_standing(only_open))
    if post_to is None:
        click.echo(text, nl=False)
        return
    from gameday.wiring.posting import post

    click.echo(post(post_to, text, "text/csv" if form in ("csv", "jira") else "application/json"))
