"""The debrief in the console: the questions of a run that ended, and the answers, as ``gameday debrief`` keeps them.

A player sees their own answers, those who run and score the day see all. An anonymous answer carries no role, and no
time is shown with any of them: who was the only one awake would be known by it.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, HTTPException, Request
from pydantic import Field

from gameday.console import orders, views
from gameday.console.access import Grant
from gameday.console.api import Problems, Ref, followed
from gameday.console.door import Changer, Session, allowed, console_of
from gameday.console.known import Known
from gameday.console.reading import MINE
from gameday.console.stream import Following
from gameday.errors import GamedayError
from gameday.people.debrief import ANONYMOUS, LONGEST, answer, answers_of, questions
from gameday.reports.escape import plain
from gameday.reports.finish import conclude
from gameday.reports.telling import short
from gameday.runs import is_live

router = APIRouter(prefix="/api/runs/{ref}", responses=Problems)
CLOSES_WITHIN_S, LOOKS_EVERY_S = 30.0, 0.2
_ONE_AT_A_TIME = threading.Lock()  # so that no report is overwritten by an older one


class Spoken(orders.Order):
    """One answer: the question as it was asked, and the words."""

    question: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    text: orders.Said


class Debrief(orders.Order):
    """What somebody says after a run. ``anonymous``: the role is not written down either."""

    answers: Annotated[list[Spoken], Field(min_length=1, max_length=50)]
    anonymous: bool = False


class AnswerView(views.View):
    """One answer; ``who`` is a role, or ``anonymous``."""

    who: str
    text: str


class QuestionView(views.View):
    """One question, and the answers to it that this role may see."""

    question: str
    answers: tuple[AnswerView, ...]


class DebriefView(views.View):
    """The debrief of a run."""

    ref: str
    questions: tuple[QuestionView, ...]


@router.get("/debrief")
async def debrief(request: Request, ref: Ref, grant: Session) -> DebriefView:
    """The questions, with all answers; for a player with their own. 409 until the run has ended."""
    return await asyncio.to_thread(_view, await ended(request, ref, grant), grant)


@router.post("/debrief")
async def say(request: Request, ref: Ref, grant: Changer, order: Debrief, after: BackgroundTasks) -> DebriefView:
    """Write answers down beside the journal; the report follows. 422 for a question that was not asked."""
    found = await ended(request, ref, grant)
    asked = _asked(found.known)
    if any(one.question not in asked for one in order.answers):
        raise HTTPException(422, "This question was not asked; GET the debrief says which were.")
    said = [(asked[one.question], one.text) for one in order.answers]
    try:
        role, wall = None if order.anonymous else grant.who, console_of(request).now()
        await asyncio.to_thread(answer, found.run_dir, said, role, wall)
    except GamedayError as error:
        raise HTTPException(409, f"This could not be written down: {error}") from error
    after.add_task(tell_again, found.run_dir)
    return await asyncio.to_thread(_view, found, grant)


async def ended(request: Request, ref: str, grant: Grant) -> Following:
    """A run whose debrief is open to this role; 403 for a reader, 409 until it has ended."""
    allowed(grant, "debrief")
    found = await followed(request, ref, grant)
    if not found.known.over:
        raise HTTPException(409, "The debrief begins when the run has ended.")
    return found


async def tell_again(run_dir: Path) -> None:
    """The report shows what was said. A conductor that is still closing the run writes its own first."""
    for _ in range(round(CLOSES_WITHIN_S / LOOKS_EVERY_S)):
        if not await asyncio.to_thread(is_live, run_dir):
            break
        await asyncio.sleep(LOOKS_EVERY_S)
    await asyncio.to_thread(_conclude, run_dir)


def _conclude(run_dir: Path) -> None:
    with _ONE_AT_A_TIME:
        try:
            conclude(run_dir)
        except GamedayError:
            return  # the answers are on disk; gameday report says what is wrong with this folder


def _asked(known: Known) -> dict[str, str]:
    """Each question as it is shown, and as it was written."""
    return {plain(question): question for question in questions(known.plan)}


def _view(found: Following, grant: Grant) -> DebriefView:
    try:
        said = answers_of(found.run_dir)
    except GamedayError as error:
        raise HTTPException(409, f"The debrief cannot be read: {error}") from error
    mine = [e for e in said if grant.role != "player" or (e.who == grant.who and e.who != ANONYMOUS)]
    asked = {**_asked(found.known), **{plain(str(e.what["question"])): str(e.what["question"]) for e in mine}}
    return DebriefView(
        ref=found.known.name if grant.everywhere else MINE,
        questions=tuple(
            QuestionView(question=shown, answers=tuple(
                AnswerView(who=short(e.who or ANONYMOUS), text=short(str(e.what["text"]), LONGEST))
                for e in mine if e.what["question"] == question))
            for shown, question in asked.items()
        ),
    )  # fmt: skip
