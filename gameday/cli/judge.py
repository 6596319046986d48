"""``gameday judge``: any series measured by the definitions that a game day is measured by."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from gameday.errors import EXIT_CODES


@click.command(epilog="Example: gameday judge incident.csv --tolerance payments-outage.yaml --json")
@click.argument("series", type=click.Path(path_type=Path))
@click.option("--tolerance", required=True, type=click.Path(path_type=Path), help="A file that holds one tolerance.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def judge(series: Path, tolerance: Path, as_json: bool) -> None:
    """Judge SERIES, a CSV of start,attempts,failures, against one impact tolerance.

    A row that is absent or has an empty cell is unknown, never good. Exit code: 0 within, 1 breached, 3 inconclusive,
    5 when a file is not valid.
    """
    from gameday.model.load import load_model, read_file
    from gameday.model.tolerance import Tolerance
    from gameday.verdict.series import judge_series

    limit = load_model(tolerance, Tolerance).model
    found = judge_series(read_file(series), str(series), limit)
    click.echo(json.dumps(found, indent=2) if as_json else _words(found, limit))
    sys.exit(EXIT_CODES[found["verdict"]])


def _words(found: dict[str, Any], tolerance: Any) -> str:
    from gameday.verdict.codes import CODES

    timed = found["metric"] == "duration"
    lo, hi = (found["m_lo_s" if timed else "m_lo"], found["m_hi_s" if timed else "m_hi"])
    unit = " s" if timed else ""
    most = "without an upper bound" if hi is None else f"to {hi}{unit}"
    lines = [
        f"{found['verdict'].upper()}  {found['id']} ({found['authority']})",
        f"measured  {lo}{unit} {most}; limit {tolerance.comparator} {tolerance.limit_text()}; {_used(found['used'])}",
        f"coverage  {found['coverage']:.1%} of the buckets are known",
    ]
    return "\n".join([*lines, *(f"because   {code}: {CODES[code]}" for code in found["codes"])])


def _used(used: list[float | None]) -> str:
    lo, hi = used
    if lo is None:
        return "no share of a limit of 0"
    return f"used at least {lo:.0%}" if hi is None else f"used {lo:.0%} to {hi:.0%}"
