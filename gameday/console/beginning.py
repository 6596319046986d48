"""Beginning a run, and letting people in: what a facilitator of the whole workspace may ask of the console.

The console never conducts. A run is a process of its own, in a session of its own, that outlives the console; what it
said is kept under ``.gameday/console/starts/``, where a console that is started again finds it.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi import Path as InPath
from pydantic import BaseModel

from gameday.clock import Ms
from gameday.console import orders
from gameday.console.access import EVERY_RUN, Grant, Role
from gameday.console.api import Problems, folder_of
from gameday.console.door import Changer, Session, allowed, console_of
from gameday.journal.events import Event
from gameday.reports.telling import short
from gameday.runs import JOURNAL, all_runs

router = APIRouter(prefix="/api", responses=Problems)
LAST_WORDS = 2_000
Ident = Annotated[str, InPath(pattern=r"^[0-9a-f]{16}$")]


class StartView(BaseModel):
    """A run that was asked for. ``ref`` once it is open; ``said``: the last words of one that never was."""

    id: str
    scenario: str
    status: Literal["starting", "open", "failed"]
    ref: str | None = None
    said: str = ""


class LinkView(BaseModel):
    """A link. ``path`` follows the console's own address, and is told once, when the link is made."""

    id: str
    role: Role
    who: str
    run: str
    expires_ms: Ms
    standing: str  # open | used | revoked | expired
    path: str | None = None


@router.post("/starts", status_code=202)
async def start(request: Request, grant: Changer, order: orders.Start) -> StartView:
    """Begin a game day, as a process of its own. It takes some seconds until the run is open: ask again."""
    allowed(grant, "start")
    return await asyncio.to_thread(begin, console_of(request).settings.root, order)


@router.get("/starts/{ident}")
async def started(request: Request, ident: Ident, grant: Session) -> StartView:
    """What became of a run that was asked for."""
    allowed(grant, "start")
    found = await asyncio.to_thread(look, console_of(request).settings.root, ident)
    if found is None:
        raise HTTPException(404, "No such start.")
    return found


@router.post("/links", status_code=201)
def link(request: Request, grant: Changer, order: orders.LinkFor) -> LinkView:
    """Make a link for a role: of one's own run, or by whom all runs are open to, of any."""
    allowed(grant, "link")
    console = console_of(request)
    run = grant.run if order.run is None else folder_of(request, order.run, grant).name
    if order.role == "player" and order.who is None:
        raise HTTPException(422, "A link for a player says for which role; write who.")
    if run == EVERY_RUN and order.role == "player":
        raise HTTPException(422, "A link for a player is for one run; write run.")
    expires = console.now() + round(order.hours * 3_600_000)
    made, token = console.keyring.link(run, order.role, order.who or order.role, expires)
    return _view(request, made, f"/enter/{token}")


@router.get("/links")
def links(request: Request, grant: Session) -> list[LinkView]:
    """All links that this session may make and revoke."""
    allowed(grant, "link")
    return [_view(request, g, None) for g in console_of(request).keyring.grants() if _theirs(grant, g)]


@router.delete("/links/{ident}")
def revoke(request: Request, ident: Ident, grant: Changer) -> LinkView:
    """Nothing opens by this link any more, nor by the session that it was exchanged for."""
    allowed(grant, "link")
    keyring = console_of(request).keyring
    found = next((g for g in keyring.grants() if g.id == ident and _theirs(grant, g)), None)
    if found is None:
        raise HTTPException(404, "No such link.")
    keyring.revoke(ident)
    return _view(request, found, None)


def _theirs(grant: Grant, other: Grant) -> bool:
    return grant.everywhere or other.run == grant.run


def _view(request: Request, grant: Grant, path: str | None) -> LinkView:
    console = console_of(request)
    run = "all" if grant.everywhere else grant.run
    return LinkView(id=grant.id, role=grant.role, who=grant.who, run=run, expires_ms=grant.expires_ms,
                    standing=console.keyring.standing(grant, console.now()), path=path)  # fmt: skip


def begin(root: Path, order: orders.Start) -> StartView:
    """A process that conducts; it has its own session, so that nothing that ends us ends it."""
    folder = _starts(root)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ident = secrets.token_hex(8)
    with (folder / f"{ident}.log").open("xb") as log:
        process = subprocess.Popen(
            command(order), cwd=root, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True, close_fds=True,
        )  # fmt: skip
    threading.Thread(target=process.wait, name=f"start {ident}", daemon=True).start()  # so that none is left a zombie
    (folder / f"{ident}.json").write_text(json.dumps({"pid": process.pid, "scenario": order.scenario}))
    return StartView(id=ident, scenario=order.scenario, status="starting")


def command(order: orders.Start) -> list[str]:
    """``gameday run`` as somebody would have typed it; the go is said by whoever asked for the start."""
    speed = [] if order.speed is None else ["--speed", f"{order.speed:g}"]
    return [sys.executable, "-m", "gameday", "run", order.scenario, "--environment", order.environment, "--yes",
            "--plain", *speed, *(["--unattended"] if order.unattended else [])]  # fmt: skip


def look(root: Path, ident: str) -> StartView | None:
    """What became of it, from what is on disk."""
    try:
        held = json.loads((_starts(root) / f"{ident}.json").read_bytes())
        said = (_starts(root) / f"{ident}.log").read_bytes()[-LAST_WORDS:].decode("utf-8", "replace")
    except (OSError, ValueError):
        return None
    run = next((r.name for r in reversed(all_runs(root)) if _opened_by(r) == held["pid"]), None)
    if run:
        return StartView(id=ident, scenario=held["scenario"], status="open", ref=run)
    alive = _alive(held["pid"])
    words = "" if alive else short(said, LAST_WORDS)
    return StartView(id=ident, scenario=held["scenario"], status="starting" if alive else "failed", said=words)


def _opened_by(run: Path) -> int | None:
    """The process that claimed the run first."""
    try:
        with (run / JOURNAL).open("rb") as file:
            pid = Event.parse(file.readline()).what.get("pid")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if isinstance(pid, int) else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _starts(root: Path) -> Path:
    return root / ".gameday" / "console" / "starts"
