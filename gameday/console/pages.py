"""The pages: what :mod:`gameday.console.api` tells, drawn. A live run draws itself from the API and its stream; all
others are whole when they arrive. What a role may see is decided where the API decides it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from gameday.console import api, beginning, debriefing, recurring, shelf
from gameday.console.access import Grant
from gameday.console.door import Session, allowed, console_of
from gameday.console.lanes import lanes
from gameday.console.reading import head
from gameday.console.sheets import router as static_files
from gameday.console.sheets import sheet, words
from gameday.console.stream import Following
from gameday.console.views import Head

router = APIRouter(include_in_schema=False)
router.include_router(static_files)
TONES = {"within": "good", "breached": "bad", "inconclusive": "warn"}


def _head(request: Request, found: Following, grant: Grant) -> Head:
    return head(found.known, grant, console_of(request).now())


@router.get("/")
def beginning_page(grant: Session) -> Response:
    """Where this role begins."""
    return RedirectResponse("/runs" if grant.everywhere else "/runs/mine", 303)


@router.get("/runs")
def runs(request: Request, grant: Session) -> Response:
    """All runs; who may start one can do so here."""
    rows = api.runs(request, grant)
    root, may = console_of(request).settings.root, grant.may("start")
    scenarios = [(s.title, ident) for s in shelf.services(root, True) for ident in s.scenarios] if may else []
    environments = _environments(root) if may else []
    return sheet(request, "runs.html", grant, rows=rows, scenarios=scenarios, environments=environments, tones=TONES)


def _environments(root: Path) -> list[tuple[str, bool]]:
    """Names, and whether each is production; the rehearsal is always there."""
    from gameday.model.workspace import REHEARSAL

    held = shelf.content(root)
    named = held.workspace.model.environments if held and held.workspace else {}
    return [(REHEARSAL, False), *((name, e.production) for name, e in named.items() if name != REHEARSAL)]


@router.get("/services")
def services(request: Request, grant: Session) -> Response:
    """Services and their impact tolerances."""
    return sheet(request, "services.html", grant, services=api.services(request, grant))


@router.get("/schedules")
def schedules(request: Request, grant: Session) -> Response:
    """What recurs."""
    return sheet(request, "schedules.html", grant, schedules=recurring.schedules(request, grant), tones=TONES)


@router.get("/runs/{ref}")
async def run(request: Request, ref: api.Ref, grant: Session) -> Response:
    """A run as it goes on, for whoever looks."""
    found = _head(request, await api.followed(request, ref, grant), grant)
    return sheet(request, "run.html", grant, head=found, title=f"Game day: {found.title or found.service}")


@router.get("/runs/{ref}/plan")
async def plan(request: Request, ref: api.Ref, grant: Session) -> Response:
    """The plan as it was before anything began."""
    found = await api.planned(request, ref, grant)
    top = _head(request, found, grant)
    view = shelf.plan_view(found.known, top.ref)
    return sheet(request, "plan.html", grant, head=top, plan=view, drawn=lanes(found.known.plan))


@router.get("/runs/{ref}/report")
async def report(request: Request, ref: api.Ref, grant: Session) -> Response:
    """The report, once there is one."""
    found = await api.planned(request, ref, grant)
    view = await asyncio.to_thread(shelf.report, found.run_dir, ref)
    text = None if view.markdown is None else await asyncio.to_thread(words, view.markdown)
    return sheet(request, "report.html", grant, head=_head(request, found, grant), report=text, text=True)


@router.get("/runs/{ref}/people")
async def people(request: Request, ref: api.Ref, grant: Session) -> Response:
    """Links for people, by who may make them."""
    allowed(grant, "link")
    found = await api.followed(request, ref, grant)
    links = [one for one in beginning.links(request, grant) if one.run == found.known.name]
    roles = shelf.roles(found.known.plan)
    return sheet(request, "people.html", grant, head=_head(request, found, grant), roles=roles, links=links)


@router.get("/runs/{ref}/debrief")
async def debrief(request: Request, ref: api.Ref, grant: Session) -> Response:
    """The debrief of a run that ended."""
    view = await debriefing.debrief(request, ref, grant)
    top = _head(request, await api.followed(request, ref, grant), grant)
    return sheet(request, "debrief.html", grant, head=top, debrief=view, text=True)
