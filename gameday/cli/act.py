"""``gameday ack|note|hold|skip|abort``: act on a run from another terminal.

They only read the journal and drop one command into the inbox; the conductor decides, and its journal is the answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

if TYPE_CHECKING:
    from gameday.journal.asked import PromptState
    from gameday.journal.events import Event
    from gameday.journal.inbox import Kind
    from gameday.journal.state import State
    from gameday.plan import Plan

ANSWERED_WITHIN_MS = 5000
LOOKS_EVERY_MS = 100
FACILITATOR = "facilitator"
Mark = Literal[  # as in gameday.model.step, which is not loaded to print help
    "detected", "declared", "roles_filled", "communicated", "diagnosed", "mitigation_started", "mitigated", "all_clear"
]
EXITS = {"applied": 0, "refused": 5, "unanswered": 5}

Options = Callable[[Callable[..., None]], Callable[..., None]]
_run = click.option("--run", metavar="RUN", help="Its id, how it begins, or its folder; else the live one.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_why = click.option("--why", default="", help="The reason, for the journal.")


def _as(default: str | None) -> Options:
    says = "The role that acts; else the one the prompt is for." if default is None else "The role that acts."
    return click.option("--as", "role", metavar="ROLE", default=default, show_default=default is not None, help=says)


@click.command(epilog="Example: gameday ack --as payments-on-call")
@click.argument("prompt", required=False)
@_as(None)
@_run
@_json
def ack(prompt: str | None, role: str | None, run: str | None, as_json: bool) -> None:
    """Acknowledge, answer or tick PROMPT. Without PROMPT: the one that waits; when several wait, they are listed.

    Exit code: 0 the conductor took it, 5 it refused, did not answer, or the run is not live.
    """
    folder = _live_run(run)
    plan = _plan(folder)
    chosen = _prompt(_state(folder), prompt, role, plan.deputies if plan else {})
    _act(folder, "ack", role or chosen.to, as_json, prompt=chosen.id)


@click.command(epilog='Example: gameday note "The supplier called back" --incident')
@click.argument("text")
@click.option("--incident", "touches", flag_value="incident", help="A real incident touched the service: CONFOUNDED.")
@click.option("--deployment", "touches", flag_value="deployment", help="A deployment touched it: CONFOUNDED.")
@click.option("--marks", type=click.Choice(get_args(Mark)), help="What has happened now, for the response clocks.")
@_as(FACILITATOR)
@_run
@_json
def note(text: str, touches: str | None, marks: str | None, role: str, run: str | None, as_json: bool) -> None:
    """Write TEXT into the journal with the time it is now."""
    if not text.strip():
        raise click.UsageError("a note says something")
    more = {key: value for key, value in (("touches", touches), ("marks", marks)) if value}
    _act(_live_run(run), "note", role, as_json, text=text, **more)


@click.command(epilog="Example: gameday hold --why 'waiting for the supplier'    gameday hold --end")
@click.option("--end", is_flag=True, help="Go on.")
@_why
@_as(FACILITATOR)
@_run
@_json
def hold(end: bool, why: str, role: str, run: str | None, as_json: bool) -> None:
    """Let the timeline wait. Faults stay, and the measured impact goes on."""
    folder = _live_run(run)
    if end:
        _act(folder, "resume", role, as_json)
    _act(folder, "hold", role, as_json, why=why or "asked")


@click.command(epilog="Example: gameday skip regulator-calls")
@click.argument("step")
@_as(FACILITATOR)
@_run
@_json
def skip(step: str, role: str, run: str | None, as_json: bool) -> None:
    """Pass over STEP, or end it if it runs; a fault is taken back."""
    _act(_live_run(run), "skip", role, as_json, step=step)


@click.command(epilog="Example: gameday abort --why 'real customers are hit'")
@_why
@_as(FACILITATOR)
@_run
@_json
def abort(why: str, role: str, run: str | None, as_json: bool) -> None:
    """Take every fault back, verify, and end the run."""
    _act(_live_run(run), "abort", role, as_json, why=why or "asked")


def _live_run(text: str | None) -> Path:
    from gameday.errors import could_not_start
    from gameday.library import find_workspace
    from gameday.runs import find_run, is_live

    folder = find_run(find_workspace(Path.cwd()) or Path.cwd(), text)
    if not is_live(folder):
        write = "gameday recover, if something may still be injected; else nothing is left to act on"
        raise could_not_start("RUN_NOT_LIVE", f"nobody conducts {folder.name} now", write, folder)
    return folder


def _state(folder: Path) -> State:
    from gameday.journal.state import fold
    from gameday.journal.store import read
    from gameday.runs import JOURNAL

    return fold(read(folder / JOURNAL)[0])


def _prompt(state: State, wanted: str | None, role: str | None, deputies: dict[str, str]) -> PromptState:
    """The prompt that is meant; CouldNotStart lists what waits when that is not clear."""
    from gameday.cli.live.board import waiting
    from gameday.errors import could_not_start

    waits = waiting(state)
    if wanted:
        mine = [p for p in waits if p.id == wanted]
    else:
        mine = [p for p in waits if role in (None, p.to, deputies.get(p.to))]
    if len(mine) == 1:
        return mine[0]
    if wanted and wanted in state.prompts:
        raise could_not_start("PROMPT_CLOSED", f"{wanted} waits no longer", _listed(waits))
    if wanted:
        raise could_not_start("PROMPT_UNKNOWN", f"no prompt is called {wanted!r}", _listed(waits))
    whom = f" for {role}" if role else ""
    said = f"{len(mine)} prompts wait{whom}" if mine else f"no prompt waits{whom}"
    raise could_not_start("PROMPT_UNCLEAR", said, _listed(mine or waits))


def _listed(waits: list[PromptState]) -> str:
    from gameday.reports.telling import asks, short

    if not waits:
        return "nothing; nobody is waited for"
    lines = [f"gameday ack {p.id}    to {short(p.to)}, {asks(p.expects, p.says, p.number)}" for p in waits]
    return "\n           ".join(lines)


def _act(folder: Path, kind: Kind, role: str, as_json: bool, **what: Any) -> None:
    """Drop one command, wait for the journal's answer, print it and exit."""
    from gameday.journal.inbox import drop

    ident = drop(folder, kind, role, **what)
    events, answer = answer_of(folder, ident)
    result = "unanswered" if answer is None else "refused" if answer.type == "command.refused" else "applied"
    if as_json:
        facts = {"run": folder.name, "command": ident, "kind": kind, "result": result}
        seen = {"why": answer.what.get("why"), "event": answer.seq, "type": answer.type} if answer else {}
        click.echo(json.dumps({**facts, **seen}))
    else:
        click.echo(answer_words(folder, kind, events, answer), err=result != "applied")
    sys.exit(EXITS[result])


def answer_of(folder: Path, ident: str) -> tuple[list[Event], Event | None]:
    """All events, and the one that answers this command; None when none came in five wall seconds."""
    from gameday.clock import Anchor, ScenarioClock
    from gameday.journal.store import read
    from gameday.runs import JOURNAL

    clock = ScenarioClock(Anchor.here())  # at speed 1: wall time that nobody can set back
    journal, size, events = folder / JOURNAL, -1, list[Any]()
    until = clock.now() + ANSWERED_WITHIN_MS
    while True:
        if (now := journal.stat().st_size) != size:
            size, events = now, read(journal)[0]
            found = next((e for e in reversed(events) if e.what.get("command") == ident), None)
            if found:
                return events, found
        if clock.now() >= until:
            return events, None
        clock.sleep(LOOKS_EVERY_MS)


def answer_words(folder: Path, kind: str, events: list[Event], answer: Event | None) -> str:
    from gameday.reports.telling import short

    if answer is None:
        said = f"The {kind} waits in the inbox of {folder.name}: the conductor has not answered in 5 seconds."
        return f"{said}\nIt may still take it. Ctrl-C in the terminal of the run aborts at once."
    if answer.type == "command.refused":
        return f"Refused: {short(answer.what.get('why') or 'no reason given')}"
    return f"{folder.name}  {_since_go(events, answer)}  {_told(folder, answer)}"


def _since_go(events: list[Event], answer: Event) -> str:
    from gameday.cli.live.board import signed
    from gameday.journal.state import fold

    go = fold(events).t_go
    return "before the go" if go is None else signed(answer.at - go)


def _told(folder: Path, answer: Event) -> str:
    """The answer in the words of the screen; with the ids alone when the plan cannot be read."""
    from gameday.reports.telling import tell

    plan = _plan(folder)
    told = tell(answer, plan) if plan else None
    return told.text if told else answer.type


def _plan(folder: Path) -> Plan | None:
    from gameday.plan import Plan

    try:
        return Plan.model_validate_json((folder / "plan.json").read_bytes())
    except (OSError, ValueError):
        return None  # acting must not depend on it
