"""``gameday lint --regulatory``: the rules L01 to L20, and what answers them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gameday.model.rules import Broken

WORDS = {"E": "keeps evidence a draft", "W": "to be answered"}


def show(root: Path, as_json: bool) -> int:
    """Print every rule that fires; the exit code: 5 when an E is not answered."""
    from gameday.cli.past import today
    from gameday.errors import InvalidFiles
    from gameday.reports.rulings import reviewed

    found = reviewed(root, today())
    if as_json:
        click.echo(json.dumps([record(broken) for broken in found], indent=2, ensure_ascii=False))
    else:
        for broken in found:
            click.echo(said(broken))
        count = sum(broken.waived is None for broken in found)
        click.echo(f"{len(found)} finding(s) of L01 to L20, {count} not answered")
    return InvalidFiles.exit_code if any(b.severity == "E" and not b.waived for b in found) else 0


def said(broken: Broken) -> str:
    """One rule in two lines: where and what is wrong; what to write, or who waived it until when."""
    from gameday.model.rules import NAMES
    from gameday.reports.escape import plain

    what = f"{broken.place}: {broken.rule} {NAMES[broken.rule]} ({WORDS[broken.severity]}): {broken.message}"
    by = broken.waived
    answer = f"waived: by {by.by} until {by.until}: {by.because}" if by else f"write: {broken.write}"
    return f"{plain(what)}\n    {plain(answer)}"


def record(broken: Broken) -> dict[str, Any]:
    """As JSON."""
    from gameday.model.rules import NAMES

    place = {"path": broken.place.path, "line": broken.place.line, "column": broken.place.column}
    waived = broken.waived.model_dump(mode="json", exclude_none=True) if broken.waived else None
    return {
        "rule": broken.rule, "name": NAMES[broken.rule], "severity": broken.severity, "service": broken.service,
        "subject": broken.subject, "message": broken.message, "write": broken.write, "place": place, "waived": waived,
    }  # fmt: skip
