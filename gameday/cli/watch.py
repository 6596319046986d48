"""``gameday watch``: the screen of a run in another terminal, from its folder alone. It never conducts: Ctrl-C, or the
end of this terminal, leaves the run as it is."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gameday.cli.follow import Followed
    from gameday.cli.screen import Display
    from gameday.plan import Plan

LOOKS_EVERY_S = 0.2
VERDICT_WITHIN_S = 20.0
LEAVES_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@click.command(epilog="Example: gameday watch    gameday watch 20261124-1000 --plain")
@click.argument("run", required=False)
@click.option("--plain", is_flag=True, help="Plain lines instead of a live screen.")
@click.option("--json", "as_json", is_flag=True, help="Print each event of the journal, then the verdict, as a line "
              "of JSON each.")  # fmt: skip
def watch(run: str | None, plain: bool, as_json: bool) -> None:
    """Watch RUN (its id, how it begins, or its folder; else the live one) until it ends; act on it with single keys.

    Ctrl-C leaves the run alone. Exit code: that of the run's verdict once it has ended, 0 when you leave before.
    """
    from gameday.cli.follow import Followed
    from gameday.library import workspace_or_here
    from gameday.plan import load_plan
    from gameday.runs import find_run

    folder = find_run(workspace_or_here(), run)
    plan, followed = load_plan(folder / "plan.json"), Followed(folder)
    for number in LEAVES_ON:
        signal.signal(number, _leave)
    try:
        _lines(followed) if as_json else _screen(plan, followed, plain)
        found = _verdict(folder)
    except KeyboardInterrupt:
        click.echo(f"Left. The run goes on without this screen: gameday watch {folder.name}", err=True)
        sys.exit(0)
    _tell(folder, plan, found, as_json)
    sys.exit(found["exit_code"] if found else 0)


def _leave(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _screen(plan: Plan, followed: Followed, plain: bool) -> None:
    """Until it has ended. The display has threads of its own, and so never keeps us from reading on."""
    from gameday.cli.screen import open_display
    from gameday.conductor.guards import used_share

    display = open_display(plan, followed, followed.folder, plain=plain, used_share=used_share, watching=True)
    try:
        _follow(followed, display)
    finally:
        display.close()


def _follow(followed: Followed, display: Display) -> None:
    told = False
    while True:
        for _, event in followed.new():
            display.event(event)
        if followed.over:
            return
        if followed.abandoned != told:
            told = followed.abandoned
            name = followed.folder.name
            display.warn(f"nobody conducts this run now: gameday resume {name}, or recover {name}" if told else "")
        _pause()


def _lines(followed: Followed) -> None:
    """Journal lines as they stand in the file."""
    while True:
        for line, _ in followed.new():
            click.echo(line.decode().rstrip("\n"))
        if followed.over:
            return
        _pause()


def _pause() -> None:
    threading.Event().wait(LOOKS_EVERY_S)


def _verdict(folder: Path) -> dict[str, Any] | None:
    """It is written a moment after the end; None when it is not."""
    for _ in range(round(VERDICT_WITHIN_S / LOOKS_EVERY_S)):
        try:
            found: dict[str, Any] = json.loads((folder / "verdict.json").read_bytes())
        except (OSError, ValueError):
            _pause()
        else:
            return found
    return None


def _tell(folder: Path, plan: Plan, found: dict[str, Any] | None, as_json: bool) -> None:
    from gameday.cli.judge import run_words

    if found is None:
        click.echo(f"The run has ended, and has no verdict yet: gameday judge {folder}", err=True)
    elif as_json:
        click.echo(json.dumps({"verdict": found}, ensure_ascii=False))
    else:
        click.echo(f"\n{run_words(found, plan)}\n\nreport: {folder / 'report.md'}")
