"""The ``gameday`` command: commands in groups, each loaded only when it is called, errors in plain words."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from gameday import __version__
from gameday.errors import EXIT_CODES, EXIT_COULD_NOT_START, EXIT_INTERNAL, GamedayError, Place, Problem

COMMANDS = {
    "Prepare": {
        "init": ("gameday.cli.init:init", "Make a workspace: folders, gameday.yaml, schemas for editors."),
        "library": ("gameday.cli.library:library", "List the scenarios, runbooks and observers that ship."),
        "lint": ("gameday.cli.lint:lint", "Check files; says where, what is wrong and what to write."),
        "plan": ("gameday.cli.plan:plan", "Show all that a scenario will do; nothing is touched."),
        "brief": ("gameday.cli.brief:brief", "Print the packet of each role; a player's shows nothing of what comes."),
        "approve": ("gameday.cli.approve:approve", "Approve a plan, list approvals, or take one back."),
        "preflight": ("gameday.cli.preflight:preflight", "Show what a run would show before its go; no fault."),
        "export": ("gameday.cli.export:export", "A schedule for EventBridge or GitHub Actions."),
        "iam": ("gameday.cli.iam:iam", "The least that the roles of a scenario must be allowed; whether they are."),
        "doctor": ("gameday.cli.doctor:doctor", "Check this machine, the account and its quotas before a day."),
        "rehearsal": ("gameday.cli.rehearsal:rehearsal", "A stand-in for AWS on loopback: up, status, down."),
    },
    "Run": {
        "run": ("gameday.cli.run:run", "Run a game day: from its files to its verdict."),
        "watch": ("gameday.cli.watch:watch", "The screen of a run in another terminal, with its keys."),
        "schedule": ("gameday.cli.schedule:schedule", "What recurs: list, next, why, add, pause, resume, run."),
        "scheduler": ("gameday.cli.scheduler:scheduler", "The process that begins what is due, unattended."),
        "ack": ("gameday.cli.act:ack", "Acknowledge, answer or tick what waits for a person."),
        "note": ("gameday.cli.act:note", "Write a note into the journal."),
        "hold": ("gameday.cli.act:hold", "Let the timeline wait; --end lets it go on."),
        "fire": ("gameday.cli.play:fire", "Begin one step now."),
        "delay": ("gameday.cli.play:delay", "Let one step begin later."),
        "restore": ("gameday.cli.play:restore", "Give back an access that a step has taken."),
        "tick": ("gameday.cli.play:tick", "Tick one step of a runbook."),
        "wrong": ("gameday.cli.play:wrong", "Say that a step of a runbook is wrong."),
        "missing": ("gameday.cli.play:missing", "Say that a runbook lacks a step."),
        "score": ("gameday.cli.play:score", "Score how a reaction was performed."),
        "skip": ("gameday.cli.act:skip", "Pass over one step."),
        "abort": ("gameday.cli.act:abort", "Take every fault back and end the run."),
        "resume": ("gameday.cli.resume:resume", "Go on with a run whose conductor died."),
        "sweep": ("gameday.cli.sweep:sweep", "Find by tag what is left when a run's folder is lost."),
        "emergency": ("gameday.cli.emergency:emergency", "Abort, and stop every FIS experiment by the safety lever."),
        "serve": ("gameday.cli.serve:serve", "The web console: pages for facilitator, players, evaluator, readers."),
        "link": ("gameday.cli.link:link", "Make a link to the console for a role."),
        "recover": ("gameday.cli.recover:recover", "Take back what a run left whose conductor died."),
    },
    "Learn": {
        "debrief": ("gameday.cli.debrief:debrief", "Ask what no signal shows, and keep it with the run."),
        "report": ("gameday.cli.report:report", "Write a run's report.md again, and show it."),
        "lessons": ("gameday.cli.actions:lessons", "What a run found; a file for people to complete."),
        "actions": ("gameday.cli.actions:actions", "Actions from findings: list, add, close by a re-test, export."),
        "compare": ("gameday.cli.compare:compare", "Runs side by side, like for like; what changed, what differs."),
    },
    "Prove": {
        "judge": ("gameday.cli.judge:judge", "Judge a run, or a series of data, against impact tolerances."),
        "keys": ("gameday.cli.key:keys", "Make keys that sign evidence."),
        "evidence": ("gameday.cli.evidence:evidence", "Seal a run as evidence; verify, approve, withhold."),
        "coverage": ("gameday.cli.register:coverage", "What was tested when: service, resource, kind of scenario."),
        "register": ("gameday.cli.register:register", "Services, tolerances, reviews due, approvals, map drift."),
        "self-assessment": ("gameday.cli.register:self_assessment", "The written record, with its clauses."),
        "publish": ("gameday.cli.publish:publish", "A site of all runs to read from disk, without a terminal."),
    },
}
_PATHS = {name: path for group in COMMANDS.values() for name, (path, _) in group.items()}


class Grouped(click.Group):
    """A group whose commands are imported when called, and listed under headings."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_PATHS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _PATHS:
            return None
        module, attribute = _PATHS[cmd_name].split(":")
        found: click.Command = getattr(import_module(module), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, says) for name, (_, says) in commands.items()])


@click.command(cls=Grouped, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gameday")
def group() -> None:
    """Game days whose verdicts can be trusted.

    \b
    Start here:
      gameday init game-days && cd game-days
      gameday plan payment-functions-stop
      gameday run payment-functions-stop --unattended
    """


def main(args: list[str] | None = None) -> Any:
    """Run the command line; exits with the codes of the table in README.md."""
    try:
        sys.exit(group.main(args=args, prog_name="gameday", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        _fail(
            args,
            error.exit_code,
            [Problem("COMMAND_LINE", f"not understood: {error.format_message()}", "gameday --help")],
        )
    except click.Abort:  # click's own exit code for it is 1, and here that means breached
        click.echo("Stopped before it began; nothing was touched.", err=True)
        _fail(
            args,
            EXIT_CODES["stopped"],
            [Problem("STOPPED", "stopped before it began; nothing was touched", "the command again")],
        )
    except GamedayError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        _fail(args, error.exit_code, error.problems)
    except OSError as error:
        place = Place(str(error.filename)) if error.filename else None
        where, why = f"{error.filename}: " if error.filename else "", error.strerror or error
        found = Problem("CANNOT_WRITE", f"the machine says: {why}", "see the disk's room and rights", place)
        click.echo(f"{where}error {found.code}: {why}\n    write: {found.write}", err=True)
        _fail(args, EXIT_COULD_NOT_START, [found])
    except Exception as error:  # noqa: BLE001  # the last door: a user gets words and exit 70, not a traceback
        what = f"gameday failed ({type(error).__name__}: {error})"
        click.echo(f"{what}. This is our own fault; please report it.", err=True)
        _fail(args, EXIT_INTERNAL, [Problem("INTERNAL", f"our own fault: {what}", "please report it")])


def _fail(args: list[str] | None, exit_code: int, problems: Sequence[Problem]) -> NoReturn:
    from gameday.cli.failing import as_json

    as_json(args, problems, exit_code)
    sys.exit(exit_code)
