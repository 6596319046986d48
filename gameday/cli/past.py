"""What the commands of Learn and Prove share: the workspace with its runs, the run that is meant, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from gameday.model.content import Content
    from gameday.reports.history import Damaged, Run

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Past:
    """A workspace, all that was ever run in it, and today (UTC)."""

    root: Path
    content: Content
    runs: list[Run]
    damaged: list[Damaged]
    today: date


def today() -> date:
    """The day it is, UTC."""
    from gameday.clock import to_datetime, wall_ms

    return to_datetime(wall_ms()).date()


def here() -> Past:
    """The workspace around us. CouldNotStart NO_WORKSPACE; InvalidFiles when its files do not load."""
    from gameday.errors import could_not_start
    from gameday.library import find_workspace
    from gameday.model.load import load_content
    from gameday.reports.history import history

    root = find_workspace(Path.cwd())
    if root is None:
        raise could_not_start("NO_WORKSPACE", "no gameday.yaml here or above", "gameday init")
    runs, damaged = history(root)
    return Past(root, load_content(root), runs, damaged, today())


def chosen(runs: Sequence[Run], root: Path, text: str | None) -> Run:
    """The run that is meant, see gameday.runs.find_run; DamagedRun when it cannot be read."""
    from gameday.reports.history import read
    from gameday.runs import find_run

    folder = find_run(root, text)
    known = next((run for run in runs if run.folder.resolve() == folder.resolve()), None)
    return known or read(folder, runs)


def made(model: type[M], facts: dict[str, Any]) -> M:
    """What the command line said as a model; CouldNotStart BAD_VALUE with what to write."""
    import json

    from pydantic import ValidationError

    from gameday.errors import could_not_start

    try:
        return model.model_validate_json(json.dumps(facts))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        what, _, write = str(first["msg"]).removeprefix("Value error, ").partition("; write ")
        raise could_not_start("BAD_VALUE", f"{name}: {what}", write or what) from error


def table(head: Sequence[str], rows: Sequence[Sequence[str]], least: int = 0) -> str:
    """A table as wide as the terminal, without a control character of anybody's; a cell may have several lines. With
    ``least`` the columns after the first are at least that wide, and the first one gives way."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gameday.reports.escape import plain

    console, drawn = Console(), Table(box=box.SIMPLE, pad_edge=False, expand=False)
    for i, name in enumerate(head):
        longest = max(map(len, name.split()), default=1)  # a heading is never broken inside a word
        width = max(longest, least if i else 0)
        drawn.add_column(name, overflow="fold", no_wrap=i == 0 and not least, min_width=width)
    for row in rows:
        drawn.add_row(*(Text("\n".join(map(plain, text.split("\n")))) for text in row))
    with console.capture() as captured:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in captured.get().strip("\n").splitlines())
