"""The JSON API, reading half: the session, runs, what a role sees of one, its stream, plan, report and services.

A run is addressed by ``mine`` (the one that the link is for) or by its id, which a player never learns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query, Request
from fastapi import Path as InPath
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from gameday.clock import Ms
from gameday.console import shelf, views
from gameday.console.access import Grant, Role
from gameday.console.door import Session, console_of
from gameday.console.reading import MINE, look
from gameday.console.stream import Following
from gameday.console.timeline import charts
from gameday.runs import all_runs

router = APIRouter(prefix="/api")
Ref = Annotated[str, InPath(description="`mine`, or the id of a run", max_length=200)]
Problems: dict[int | str, dict[str, Any]] = {
    401: {"description": "no session"},
    403: {"description": "not for this role"},
    404: {"description": "no such run, or not yours"},
    409: {"description": "the run cannot be read"},
    422: {"description": "not valid"},
    429: {"description": "too many"},
}


class SessionView(BaseModel):
    """Who looks. ``csrf`` goes into the header ``x-csrf-token`` of each change."""

    role: Role
    who: str
    everywhere: bool
    run: str | None  # ``mine`` when the link is for one run
    csrf: str
    expires_ms: Ms
    may: tuple[str, ...]


@router.get("/session", responses={401: Problems[401]})
def me(request: Request, grant: Session) -> SessionView:
    """Who I am here, and the token that changes need."""
    from gameday.console.access import ACTIONS

    return SessionView(
        role=grant.role, who=grant.who, everywhere=grant.everywhere, run=None if grant.everywhere else MINE,
        csrf=console_of(request).keyring.csrf(grant), expires_ms=grant.expires_ms,
        may=tuple(a for a in ACTIONS if grant.may(a)),
    )  # fmt: skip


def folder_of(request: Request, ref: str, grant: Grant) -> Path:
    """The run that is meant; 404 when there is none, or it is not this session's: nobody learns which."""
    root = console_of(request).settings.root
    wanted = grant.run if ref == MINE and not grant.everywhere else ref
    own = grant.everywhere or ref == MINE or (grant.role != "player" and wanted == grant.run)
    found = next((run for run in all_runs(root) if run.name == wanted), None) if own else None
    if found is None:
        raise HTTPException(404, "There is no such run, or it is not open to you.")
    return found


async def followed(request: Request, ref: str, grant: Grant) -> Following:
    """The run that is meant, read up to now."""
    folder = await asyncio.to_thread(folder_of, request, ref, grant)
    return await console_of(request).streams.follow(folder)


def no_player(grant: Grant) -> None:
    """403 for a player: what this shows was not put before them."""
    if grant.role == "player":
        raise HTTPException(403, "This is not for players.")


async def planned(request: Request, ref: str, grant: Grant) -> Following:
    """A run whose plan this session may see: never a player, a reader after the end."""
    no_player(grant)
    found = await followed(request, ref, grant)
    if grant.role == "reader" and not found.known.over:
        raise HTTPException(403, "What is to come is told to readers when the run has ended.")
    return found


@router.get("/runs", responses={401: Problems[401], 403: Problems[403]})
def runs(request: Request, grant: Session) -> list[views.RunRow]:
    """All runs that are open to this session, newest first; not for players."""
    no_player(grant)
    return shelf.rows(console_of(request).settings.root, None if grant.everywhere else grant.run)


@router.get("/runs/{ref}", responses=Problems)
async def run(request: Request, ref: Ref, grant: Session) -> views.PlayerView | views.WatchView:
    """What this role sees of the run now."""
    found = await followed(request, ref, grant)
    return look(found.known, grant, console_of(request).now())


@router.get("/runs/{ref}/signals", responses=Problems)
async def signals(request: Request, ref: Ref, grant: Session) -> views.SignalsView:
    """Every signal's datapoints, and what is marked in the charts; not for players."""
    no_player(grant)
    return charts((await followed(request, ref, grant)).known)


@router.get("/runs/{ref}/gauges", responses=Problems)
async def gauges(request: Request, ref: Ref, grant: Session) -> list[views.GaugeView]:
    """Each tolerance so far; not for players."""
    no_player(grant)
    found = await followed(request, ref, grant)
    if found.readers == 0:
        await found.judge()
    return list(found.gauges)


@router.get("/runs/{ref}/plan", responses=Problems)
async def plan(request: Request, ref: Ref, grant: Session) -> views.PlanView:
    """The plan as it was before anything began; not for players, for readers after the end."""
    found = await planned(request, ref, grant)
    return shelf.plan_view(found.known, MINE if ref == MINE else found.known.name)


@router.get("/runs/{ref}/report", responses=Problems)
async def report(request: Request, ref: Ref, grant: Session) -> views.ReportView:
    """The report as Markdown; not for players, for readers after the end."""
    found = await planned(request, ref, grant)
    return await asyncio.to_thread(shelf.report, found.run_dir, ref)


@router.get("/services", responses={401: Problems[401], 403: Problems[403]})
def services(request: Request, grant: Session) -> list[views.ServiceView]:
    """The services of the workspace with their tolerances; scenarios are told to who may start one."""
    no_player(grant)
    return shelf.services(console_of(request).settings.root, with_scenarios=grant.may("start"))


@router.get(
    "/runs/{ref}/stream",
    responses={**Problems, 200: {"content": {"text/event-stream": {}}, "description": "server-sent events"}},
    response_class=StreamingResponse,
)
async def stream(
    request: Request,
    ref: Ref,
    grant: Session,
    after: Annotated[int, Query(ge=0, le=2**53, description="the last event that is known already")] = 0,
    last_event_id: Annotated[str, Header(max_length=20)] = "",
    once: Annotated[bool, Query(description="end after what is known now")] = False,
) -> StreamingResponse:
    """What happens, as it happens: see :mod:`gameday.console.stream`. ``Last-Event-ID`` goes before ``after``."""
    known = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else after
    found = await followed(request, ref, grant)
    parts = _parts(request, found, grant, known, once)
    return StreamingResponse(parts, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def _parts(request: Request, found: Following, grant: Grant, after: int, once: bool) -> AsyncIterator[bytes]:
    console = console_of(request)

    def still() -> bool:
        return console.keyring.standing(grant, console.now()) in ("open", "used")

    with console.streams.place(grant) as free:
        if not free:
            yield b"retry: 10000\nevent: full\ndata: {}\n\n"
            return
        async for part in console.streams.read(found, grant, after, still):
            yield part
            if once:
                return
    yield b"event: over\ndata: {}\n\n"
