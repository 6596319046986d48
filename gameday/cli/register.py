"""``gameday register``, ``coverage`` and ``self-assessment``: what was tested when, and the written record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command(epilog="Example: gameday coverage --service open-banking")
@click.option("--service", help="Only this service.")
@click.option("--all", "every", is_flag=True, help="Also each kind of circumstance in which a resource was not tested.")
@click.option("--json", "as_json", is_flag=True, help="Print every cell as JSON.")
def coverage(service: str | None, every: bool, as_json: bool) -> None:
    """Each resource and kind of circumstance: the last valid test, its outcome, its age; or that there was none."""
    from gameday.cli.past import here, table
    from gameday.reports.coverage import coverage as covered
    from gameday.reports.coverage import tested_only
    from gameday.reports.history import tested

    past = here()
    known = [tested(run, past.content) for run in past.runs]
    cells = [c for c in covered(past.content, known, past.today) if service in (None, c.service)]
    if as_json:
        click.echo(json.dumps([cell.record() for cell in cells], indent=2))
        return
    rows = [
        (c.resource, c.kind, c.adverse, _tested(c.record()), c.service)
        for c in (cells if every else tested_only(cells))
    ]
    several = len({cell.service for cell in cells}) > 1
    head = ("resource", "kind", "circumstance", "last valid test", *(("service",) if several else ()))
    click.echo(table(head, rows if several else [row[:-1] for row in rows]))


def _tested(cell: dict[str, Any]) -> str:
    if cell["run"]:
        return f"{cell['verdict']}, {cell['age_days']} days ago, {cell['environment']}"
    if cell["tried"]:
        return f"never; tried in {cell['tried']}"
    return f"never; not applicable: {cell['not_applicable']}" if cell["not_applicable"] else "never"


@click.command(epilog="Example: gameday register --json")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def register(as_json: bool) -> None:
    """Each service and tolerance: limit, approval, next review, last verdict; and what traces show beside the map."""
    from gameday.cli.past import here, table
    from gameday.reports.history import tested
    from gameday.reports.register import register as registered

    past = here()
    told = registered(past.content, [tested(run, past.content) for run in past.runs], past.today)
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for service in told:
        click.echo(_service(service))
        rows = [(t["id"], t["authority"], t["limit"], t["approved_by"] or "nobody", _due(t["review"]), _verdict(t))
                for t in service["tolerances"]]  # fmt: skip
        click.echo(table(("tolerance", "for", "limit", "approved by", "review due", "last valid verdict"), rows))
    for lost in past.damaged:
        click.echo(f"Run {lost.folder.name} cannot be read: {lost.says}")


def _service(service: dict[str, Any]) -> str:
    from gameday.reports.escape import plain

    drift = service["map_drift"]
    missing = f"; not on the map: {', '.join(drift['not_on_map'])}" if drift and drift["not_on_map"] else ""
    return plain(
        f"{service['title']} ({service['service']}), owner {service['owner'] or 'nobody'}; review due "
        f"{_due(service['review'])}, map {_due(service['map_review'])}; {service['valid_runs']} of {service['runs']} "
        f"runs are valid tests, {service['valid_rehearsals']} of them rehearsals{missing}"
    )


def _due(review: dict[str, Any]) -> str:
    return f"{review['due'] or 'never reviewed'}{' (OVERDUE)' if review['overdue'] and review['due'] else ''}"


def _verdict(tolerance: dict[str, Any]) -> str:
    if tolerance["last_valid_run"] is None:
        return "never tested"
    return f"{tolerance['verdict'] or 'not judged'}, {tolerance['age_days']} days ago, {tolerance['environment']}"


@click.command("self-assessment", epilog="Example: gameday self-assessment --out record.md")
@click.option("--out", type=click.Path(path_type=Path), help="Write it there, not to the terminal.")
@click.option("--final", is_flag=True, help="Refuse it while a clause was not held against the official text.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with the retention manifest and every clause.")
def self_assessment(out: Path | None, final: bool, as_json: bool) -> None:
    """The written record in the order of SYSC 15A.6.1R, with what people have to write, as Markdown.

    It supports a self-assessment and is none. Clauses that nobody has checked are marked; clauses.yaml says who has.
    """
    from gameday.cli.past import here
    from gameday.reports.clauses import clauses, refuse_unchecked
    from gameday.reports.files import write_whole
    from gameday.reports.pack import markdown
    from gameday.reports.selfassessment import Record
    from gameday.reports.selfassessment import self_assessment as record_of

    past = here()
    known = clauses(past.root)
    if final:
        refuse_unchecked(known)
    told = record_of(Record(past.content, past.runs, past.damaged, known, past.today))
    text = json.dumps(told, indent=2, ensure_ascii=False, default=str) + "\n" if as_json else markdown(told)
    if out is None:
        click.echo(text, nl=False)
        return
    write_whole(out, text.encode())
    click.echo(str(out))
