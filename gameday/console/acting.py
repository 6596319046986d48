"""The JSON API, acting half: one route an action. Each drops a command into the run's inbox and waits for the event
that answers it: 200 with the event, 202 when none came within two seconds, 409 when the conductor refused it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from gameday.console import orders
from gameday.console.access import Action, Grant
from gameday.console.api import Problems, Ref, followed
from gameday.console.door import Changer, allowed
from gameday.console.orders import Answer, Order, kind_of
from gameday.console.stream import Following
from gameday.journal.events import Event
from gameday.journal.inbox import Kind, drop
from gameday.journal.state import State
from gameday.reports.telling import short

router = APIRouter(
    prefix="/api/runs/{ref}",
    responses={**Problems, 202: {"model": Answer, "description": "no answer yet; it waits in the inbox"},
               409: {"description": "refused, with why; or nobody conducts the run"}},
)  # fmt: skip
ANSWERED_WITHIN_S = 2.0
LOOKS_EVERY_S = 0.05


@router.post("/ack")
async def ack(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Ack) -> Answer:
    """Acknowledge or answer what was put before this role."""
    return await _do(request, response, ref, grant, "ack", order)


@router.post("/note")
async def note(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Note) -> Answer:
    """Write a note into the journal, with the time it is now."""
    return await _do(request, response, ref, grant, "note", order)


@router.post("/tick")
async def tick(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Tick) -> Answer:
    """Tick a step of a runbook."""
    return await _do(request, response, ref, grant, "tick", order)


@router.post("/wrong")
async def wrong(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Wrong) -> Answer:
    """Say that a step of a runbook is wrong."""
    return await _do(request, response, ref, grant, "wrong", order)


@router.post("/missing")
async def missing(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Missing) -> Answer:
    """Say that a runbook lacks a step."""
    return await _do(request, response, ref, grant, "missing", order)


@router.post("/score")
async def score(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Score) -> Answer:
    """Score an expected reaction."""
    return await _do(request, response, ref, grant, "score", order)


@router.post("/hold")
async def hold(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Reason) -> Answer:
    """Let the timeline wait. Faults stay, and the measured impact goes on."""
    return await _do(request, response, ref, grant, "hold", order)


@router.post("/resume")
async def resume(request: Request, response: Response, ref: Ref, grant: Changer) -> Answer:
    """Let the timeline go on."""
    return await _do(request, response, ref, grant, "resume", Order())


@router.post("/skip")
async def skip(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Skip) -> Answer:
    """Pass over a step, or end it if it runs; a fault is taken back."""
    return await _do(request, response, ref, grant, "skip", order)


@router.post("/fire")
async def fire(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Fire) -> Answer:
    """Begin a step now."""
    return await _do(request, response, ref, grant, "fire", order)


@router.post("/delay")
async def delay(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Delay) -> Answer:
    """Begin a step later."""
    return await _do(request, response, ref, grant, "delay", order)


@router.post("/abort")
async def abort(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Reason) -> Answer:
    """Take every fault back, verify, and end the run."""
    return await _do(request, response, ref, grant, "abort", order)


@router.post("/emergency")
async def emergency(request: Request, response: Response, ref: Ref, grant: Changer, order: orders.Reason) -> Answer:
    """Abort, and stop every experiment of the account by the safety lever of AWS FIS."""
    return await _do(request, response, ref, grant, "emergency", order)


async def _do(request: Request, response: Response, ref: str, grant: Grant, action: Action, order: Order) -> Answer:
    """403 when the role may not; 404 of what a player was not asked; then the conductor's answer."""
    allowed(grant, action)
    found = await followed(request, ref, grant)
    if not found.known.live or found.known.over:
        raise HTTPException(409, "Nobody conducts this run now.")
    if grant.role == "player":
        _of_mine(found.known.state, grant, order)
    before = found.known.seq
    ident = await asyncio.to_thread(drop, found.run_dir, _command(action), grant.who, **order.what())
    answer = await _answer(found, ident, before)
    if answer is None:
        response.status_code = 202
        return Answer(result="waiting", command=ident)
    if answer.type == "command.refused":
        raise HTTPException(409, _why(found.known.state, grant, order, answer))
    return Answer(result="applied", command=ident, seq=answer.seq, type=answer.type, at_ms=answer.at)


def _command(action: Action) -> Kind:
    """The kind of command; 409 when there is none for it."""
    kind = kind_of(action)
    if kind is None:
        raise HTTPException(409, f"The conductor has no command for {action}.")
    return kind


def _of_mine(state: State, grant: Grant, order: Order) -> None:
    """A player speaks only of prompts and steps that were put before them; of others nothing is said, not even that
    they are there."""
    mine = [p for p in state.prompts.values() if p.was_for(grant.who)]
    facts: dict[str, Any] = order.what()
    known = {"prompt": {p.id for p in mine}, "step": {p.step for p in mine}}
    if any(facts[key] not in names for key, names in known.items() if key in facts):
        raise HTTPException(404, "Nothing of this name was put before you.")


async def _answer(found: Following, ident: str, before: int) -> Event | None:
    """The event that answers this command; None when none came in time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + ANSWERED_WITHIN_S
    while True:
        await found.refresh()
        answer = next((e for e in found.known.events[before:] if e.what.get("command") == ident), None)
        if answer or loop.time() >= until:
            return answer
        await asyncio.sleep(LOOKS_EVERY_S)


def _why(state: State, grant: Grant, order: Order, answer: Event) -> str:
    """Why it was refused. The conductor's own words may name what is to come: a player gets ours."""
    if grant.role != "player":
        return short(answer.what.get("why") or "The conductor refused it.")
    if state.played.refused(grant.who, answer.at):
        return "Your access has expired."
    prompt = state.prompts.get(order.what().get("prompt", ""))
    if prompt and prompt.done_ms is not None:
        return "This was done already."
    if prompt and state.step(prompt.step).status == "ended":
        return "This is over."
    return "This was not taken: you may be out of reach now, or it is over."
