"""``gameday run``: a game day from its files to its verdict."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click


@click.command(epilog="Example: gameday run payment-functions-stop --unattended")
@click.argument("scenario")
@click.option("--environment", default="rehearsal", show_default=True, help="Where: a name from gameday.yaml.")
@click.option("--speed", type=click.FloatRange(0.1, 60), help="Times faster, in rehearsal.  [default: 20, or what "
              "this machine can do]")  # fmt: skip
@click.option("--unattended", is_flag=True, help="Nobody is here: scripted people do what is asked.")
@click.option("--play", multiple=True, metavar="ROLE", help="A person plays ROLE, others are scripted; 'roster': "
              "all who are in roster.yaml.")  # fmt: skip
@click.option("--seed", help="Of the scripted people's delays.  [default: the run's id]")
@click.option("--yes", is_flag=True, help="Say go without being asked.")
@click.option("--waive", multiple=True, metavar="CODE[:subject]", help="What preflight need not show; says --because.")
@click.option("--because", metavar="TEXT", help="Why it is safe to waive.")
@click.option("--confirm", metavar="SCENARIO", help="In production: the id of the scenario, typed once more.")
@click.option("--plain", is_flag=True, help="Plain lines instead of a live screen.")
@click.option("--json", "as_json", is_flag=True, help="Print verdict.json on stdout; lines go to stderr.")
@click.option("--strict", is_flag=True, help="An expectation that was not met makes exit code 1.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the verdict as JUnit XML.")
@click.option("--metrics-push", metavar="URL", help="Push the run's metrics to this Prometheus push gateway.")
@click.option("--library", type=click.Path(path_type=Path), help="Content from this folder, not the workspace.")
def run(scenario: str, environment: str, speed: float | None, unattended: bool, yes: bool, plain: bool, as_json: bool,
        strict: bool, library: Path | None, waive: tuple[str, ...], because: str | None, junit: Path | None,
        metrics_push: str | None, confirm: str | None, play: tuple[str, ...], seed: str | None) -> None:  # fmt: skip
    """Run the game day SCENARIO (an id, or a file).

    Exit code: 0 within, 1 breached, 3 inconclusive or not tested, 4 stopped, 5 could not start, 6 something injected
    was not seen gone.
    """
    from gameday.cli.day import Day, Wishes

    if not (unattended or yes or sys.stdin.isatty()):
        unattended = True  # nobody can be asked for a go, so nobody is taken to be here for anything else
        click.echo("No terminal: as with --unattended (with --yes, persons do what is asked).", err=True)
    day = Day(Wishes(scenario, environment, speed, unattended, yes, plain or as_json, as_json, library,
                     waive, because, confirm, play, seed))  # fmt: skip
    with day:
        found = day.conduct()
    _tell(found, day.run_dir, as_json)
    _hand_on(day.run_dir, junit, metrics_push)
    missed = strict and any(e["result"] not in ("met", "done") for e in found["expectations"])
    sys.exit(found["exit_code"] or int(missed))


def _tell(found: dict[str, Any], run_dir: Path, as_json: bool) -> None:
    from gameday.cli.judge import run_words
    from gameday.plan import load_plan

    with suppress(OSError):  # the terminal may be gone; the run is not
        click.echo(
            json.dumps(found, indent=2, ensure_ascii=False)
            if as_json
            else "\n" + run_words(found, load_plan(run_dir / "plan.json"))
        )
        for line in _since_last(run_dir):
            click.echo(line, err=as_json)
        click.echo(f"\nreport: {run_dir / 'report.md'}", err=as_json)


def _since_last(run_dir: Path) -> list[str]:
    """What changed since the last like run; nothing when there is none."""
    from gameday.reports.regression import since_last

    found = since_last(run_dir)
    return ["", *found] if found else []


def _hand_on(run_dir: Path, junit: Path | None, address: str | None) -> None:
    """What others read. The verdict stands whatever becomes of it, so it only says so."""
    from gameday.clock import Anchor, ScenarioClock
    from gameday.errors import GamedayError

    try:
        if junit:
            from gameday.reports.files import write_whole
            from gameday.reports.junit import junit_xml

            write_whole(junit, junit_xml(run_dir).encode())
        if address:
            from gameday.metrics.endpoint import push, registry_of
            from gameday.metrics.runs import RunMetrics

            metrics = RunMetrics(run_dir.parents[2], ScenarioClock(Anchor.here()), run_dir)
            push(address, registry_of(metrics), metrics.scenario(run_dir))
    except GamedayError as error:
        click.echo(str(error), err=True)
