"""``gameday debrief``: ask after a run what no signal shows, and keep it with the run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command(epilog='Example: gameday debrief --role scribe --answer "Where were we lucky?=The standby was warm"')
@click.argument("run", metavar="[RUN]", type=click.Path(path_type=Path), required=False)
@click.option("--role", metavar="ROLE", help="The role that answers; without it the answers are anonymous.")
@click.option("--answer", "answers", multiple=True, metavar="QUESTION=TEXT", help="Without being asked; Q by its words "
              "or its number.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print questions and all answers as JSON.")
def debrief(run: Path | None, role: str | None, answers: tuple[str, ...], as_json: bool) -> None:
    """Collect the debrief of RUN (an id or a folder; the newest run): the scenario's questions and the standard ones.

    An answer that is left empty is no answer. They stand in debrief.jsonl of the run's folder and in its report.
    """
    from gameday.clock import wall_ms
    from gameday.library import workspace_or_here
    from gameday.people.debrief import answer, answers_of, questions
    from gameday.plan import load_plan
    from gameday.runs import run_folder

    folder = run_folder(workspace_or_here(), run)
    asked = questions(load_plan(folder / "plan.json"))
    said = [_given(text, asked) for text in answers]
    if not answers and not as_json:
        if not sys.stdin.isatty():
            raise click.UsageError('nobody is here to be asked; write --answer "QUESTION=TEXT"')
        said = _ask(asked)
    if said:
        answer(folder, said, role, wall_ms())
        _tell_again(folder)
    if as_json:
        found = [{"question": e.what["question"], "text": e.what["text"], "who": e.who} for e in answers_of(folder)]
        click.echo(json.dumps({"run": folder.name, "questions": asked, "answers": found}, ensure_ascii=False, indent=2))
    else:
        click.echo(f"{len(said)} answer(s) written down for {folder.name}")


def _given(text: str, asked: tuple[str, ...]) -> tuple[str, str]:
    question, sign, said = text.partition("=")
    if not sign or not said.strip():
        raise click.UsageError(f"{text!r} is no answer; write QUESTION=TEXT")
    if question.isdecimal() and not 1 <= int(question) <= len(asked):
        raise click.UsageError(f"{text!r}: the questions are numbered 1 to {len(asked)}")
    if question.isdecimal():
        question = asked[int(question) - 1]
    return question.strip(), said.strip()


def _ask(asked: tuple[str, ...]) -> list[tuple[str, str]]:
    said = [(question, click.prompt(question, default="", show_default=False).strip()) for question in asked]
    return [(question, text) for question, text in said if text]


def _tell_again(folder: Path) -> None:
    """The report shows what was said."""
    from gameday.reports.finish import conclude

    conclude(folder)
