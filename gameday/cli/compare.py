"""``gameday compare``: runs side by side, like for like."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gameday.reports.history import Run


WORD = len("inconclusive")


@click.command(
    epilog="Example: gameday compare 20261123-1012-payment-functions-stop 20261201-1000-payment-functions-stop"
)
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON, with the trend.")
def compare(runs: tuple[str, ...], as_json: bool) -> None:
    """The first RUN against each other one: intervals side by side, and the trend of runs alike to the first.

    A change is told only where intervals do not overlap, and only of runs that are alike: same timeline, targets,
    tolerances, signals, environment and load. Otherwise it says what differs.
    """
    from gameday.cli.past import chosen, here
    from gameday.errors import could_not_start
    from gameday.reports.compare import compare as compared
    from gameday.reports.compare import trend

    past = here()
    found = [chosen(past.runs, past.root, text) for text in runs]
    if len({run.id for run in found}) < 2:
        raise could_not_start("RUNS_TOO_FEW", "a comparison needs two runs", "gameday compare RUN RUN")
    told = {**compared(found), "trend": trend(past.runs, found[0])}
    click.echo(json.dumps(told, indent=2, ensure_ascii=False) if as_json else _page(told, found))


def _page(told: dict[str, Any], runs: Sequence[Run]) -> str:
    from gameday.cli.past import table

    letters = [chr(ord("A") + i % 26) for i in range(len(runs))]
    heads = [_head(letter, run) for letter, run in zip(letters, told["runs"], strict=True)]
    rows = [_row(row) for row in told["measures"]]
    results = [(f"  {e['id']}", *(str(r["result"] or "-") for r in e["results"])) for e in told["expectations"]]
    parts = [*heads, table(("measured", *letters), rows, least=WORD), table(("expected", *letters), results)]
    said = "A change is one between two runs. Whether the service changed, only a trend shows."
    return "\n".join(
        [*parts, said, "", "Trend of the runs alike to A (proven #, possible +, limit |)", _trend(told["trend"])]
    )


def _head(letter: str, run: dict[str, Any]) -> str:
    from gameday.reports.escape import plain

    line = f"{letter}  {plain(run['run'])}  {plain(run['environment'])}  {run['outcome']}"
    if letter == "A":
        return line
    unlike = "".join(f"\n   differs: {plain(text)}" for text in run["differs"])
    return f"{line}{unlike}" if unlike else f"{line}  alike to A"


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    from gameday.reports.words import CLOCKS

    name = f"{CLOCKS.get(row['id'], row['id'])} (s)" if row["kind"] == "clock" else str(row["id"])
    return (name, *(_cell(cell, row["id"]) for cell in row["runs"]))


def _cell(cell: dict[str, Any], name: str) -> str:
    found = cell["interval"]
    if found is None:
        span = "not measured"
    else:
        low, high = (None if v is None else f"{v:g}" for v in found)
        span = f"{low} or more" if high is None else str(low) if low == high else f"{low} to {high}"
    said = [text for text in (cell["verdict"], cell["change"]) if text and text != "not comparable"]
    return "\n".join([span, *said])


def _trend(trends: list[dict[str, Any]]) -> str:
    from gameday.cli.past import table
    from gameday.reports.compare import bar

    rows = [(t["id"] if i == 0 else "", p["on"], str(p["verdict"] or "-"), bar(p["interval"], p["limit"]))
            for t in trends for i, p in enumerate(t["points"])]  # fmt: skip
    return table(("tolerance", "on", "verdict", "against its limit"), rows)
