"""How a command that fails says so to a program: one JSON object on standard output, where ``--json`` was asked for.

``{"error": {"code", "place", "what", "write"}, "exit_code", "errors"}``; ``errors`` are all, ``error`` the first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from gameday.errors import Problem


def as_json(args: Sequence[str] | None, problems: Sequence[Problem], exit_code: int) -> None:
    """Print it, unless nobody asked for JSON. A reader that is gone changes nothing."""
    given = list(sys.argv[1:] if args is None else args)
    if "--json" not in (given[: given.index("--")] if "--" in given else given):
        return
    errors = [_record(problem) for problem in problems if problem.severity == "error"] or [_record(p) for p in problems]
    with suppress(OSError):
        click.echo(json.dumps({"error": errors[0], "exit_code": exit_code, "errors": errors}, ensure_ascii=False))


def _record(problem: Problem) -> dict[str, Any]:
    place = str(problem.place) if problem.place else None
    return {"code": problem.code, "place": place, "what": problem.message, "write": problem.write}
