"""``gameday judge``: a run, or any series, measured by the same definitions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from gameday.errors import EXIT_CODES


@click.command(epilog="Example: gameday judge incident.csv --tolerance payments-outage.yaml --json")
@click.argument("what", metavar="RUN|SERIES", type=click.Path(path_type=Path))
@click.option("--tolerance", type=click.Path(path_type=Path), help="A file that holds one tolerance, for a SERIES.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def judge(what: Path, tolerance: Path | None, as_json: bool) -> None:
    """Judge RUN (an id, or a folder) again from its plan and journal; writes verdict.json, report.md, signals/*.csv.

    Or judge SERIES, a CSV, against one impact tolerance. A row that is absent or has an empty cell is unknown, never
    good. Its columns, by the metric of the tolerance:

    \b
    duration, deadline    start,attempts,failures or start,ok (a probe: 1 or 0);
                          with end: backlog_cleared also backlog
    failed_transactions   start,attempts,failures
    value                 start,attempted_value,failed_value (minor units)
    customers             start,failing, or start,attempts,failures,failing;
                          then a column for each segment
    data_loss_time,       sequence,acked_at,present,sha_ok and, where known,
    data_integrity        copies: one row for each acknowledged canary

    Exit code: 0 within, 1 breached, 3 inconclusive or not tested, 4 stopped,
    6 unsafe, 5 when a file is not valid.
    """
    if tolerance is not None:
        _judge_series(what, tolerance, as_json)
    if what.is_file():
        raise click.UsageError("a SERIES needs --tolerance FILE; a RUN is the id or the folder of a run")
    _judge_run(what, as_json)


def _judge_series(series: Path, tolerance: Path, as_json: bool) -> None:
    from gameday.model.load import load_model, read_file
    from gameday.model.tolerance import Tolerance
    from gameday.verdict.series import judge_series

    limit = load_model(tolerance, Tolerance).model
    found = judge_series(read_file(series), str(series), limit)
    click.echo(json.dumps(found, indent=2) if as_json else _words(found, limit))
    sys.exit(EXIT_CODES[found["verdict"]])


def _judge_run(folder: Path, as_json: bool) -> None:
    from gameday.library import workspace_or_here
    from gameday.reports.finish import conclude, read_run
    from gameday.runs import run_folder

    folder = run_folder(workspace_or_here(), folder)
    found = conclude(folder)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else run_words(found, read_run(folder).plan))
    sys.exit(found["exit_code"])


def run_words(found: dict[str, Any], plan: Any) -> str:
    limits = {t.id: t for t in (*plan.tolerances, *plan.objectives)}
    head = f"{found['outcome'].upper()}  {found['run']} in {found['environment']}, speed {found['speed']:g}"
    judged = [*found["tolerances"], *found["objectives"]]
    left = [f["step"] for f in found["faults"] if not f["seen_gone"]]
    head = "\n".join([head, *(_unseen(plan, step) for step in left)])
    return "\n\n".join([head, *(_words(j, limits[j["id"]]) for j in judged)])


def _unseen(plan: Any, step: str) -> str:
    """Which resource to look at, by its names in AWS where they are known."""
    fault = next(s.fault for s in plan.steps if s.id == step)
    where = [arn for arns in fault.targets.values() for arn in arns] or list(fault.resources) if fault else []
    return f"NOT SEEN GONE  {step}: look at {', '.join(where) or 'its target'}"


def _words(found: dict[str, Any], tolerance: Any) -> str:
    from gameday.reports.words import beside
    from gameday.verdict.codes import CODES

    change = found.get("to_conclude")
    lo, most = _interval(found)
    of = "writes" if "ledger" in found else "buckets"
    lines = [
        f"{found['verdict'].upper()}  {found['id']} ({found['authority']})",
        f"measured  {lo} {most}; limit {tolerance.comparator} {_limit(found, tolerance)}; {_used(found['used'])}",
        *(f"beside    {told}" for told in beside(found)),
        f"coverage  {found['coverage']:.1%} of the {of} are known",
    ]
    lines += [" ".join([f"because   {c}: {CODES[c]}.", found.get("details", {}).get(c, "")]) for c in found["codes"]]
    return "\n".join(line.rstrip() for line in [*lines, *([f"change    {change}"] if change else [])])


def _interval(found: dict[str, Any]) -> tuple[str, str]:
    """Times in seconds, amounts and deadlines in the report's own words."""
    from gameday.reports.words import interval

    lo, hi = interval(found)
    if "m_lo_s" in found and found["metric"] != "deadline":
        lo, hi = f"{found['m_lo_s']} s", "unbounded" if found["m_hi_s"] is None else f"{found['m_hi_s']} s"
    return lo, "without an upper bound" if hi == "unbounded" else f"to {hi}"


def _limit(found: dict[str, Any], tolerance: Any) -> str:
    from gameday.reports.words import money

    return money(tolerance.limit, found["currency"]) if "currency" in found else str(tolerance.limit_text())


def _used(used: list[float | None]) -> str:
    lo, hi = used
    if lo is None:
        return "no share of a limit of 0"
    return f"used at least {lo:.0%}" if hi is None else f"used {lo:.0%} to {hi:.0%}"
