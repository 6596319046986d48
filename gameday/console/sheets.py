"""Templates made into pages, and the files that they load.

Everything is escaped by the templates; the one text that is not is a report, which a Markdown reader made that takes no
HTML. Static files have their digest in their address, so a browser keeps them for ever and never mixes two versions.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from gameday.clock import Ms
from gameday.console.access import Grant
from gameday.console.views import Head
from gameday.model.types import write_duration
from gameday.reports.escape import plain

router = APIRouter(include_in_schema=False)
HERE = Path(__file__).parent
KINDS = {".css": "text/css", ".js": "text/javascript"}
FILES = {path.name: path for path in sorted((HERE / "static").iterdir()) if path.suffix in KINDS}
VEGA = "vega.js"
FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}
NAMES = {
    400: "That was not understood", 401: "Who are you?", 403: "Not for you", 404: "Not here", 409: "Not possible now",
    413: "Too large", 422: "That was not understood", 429: "Too fast",
}  # fmt: skip


def _utc(ms: Ms) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, tz=UTC):%Y-%m-%d %H:%M} UTC"


@cache
def _templates() -> Environment:
    made = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)
    made.filters.update(utc=_utc, span=write_duration)
    made.globals.update(static=f"/static/{digest()}", grant=None, head=None, csrf=None, text=False, here="", pages=())
    return made


@cache
def digest() -> str:
    """Of all static files, and of the version of Vega's bundle."""
    told = hashlib.sha256(_vega_version().encode())
    for name, path in FILES.items():
        told.update(name.encode() + path.read_bytes())
    return told.hexdigest()[:12]


def sheet(request: Request, template: str, grant: Grant | None = None, *, head: Head | None = None, status: int = 200,
          **facts: Any) -> HTMLResponse:  # fmt: skip
    """One page. With a ``grant`` it has the pages' names on top; with the ``head`` of a run it says where that runs."""
    if grant is not None:
        facts = {"pages": _pages(grant, head), "csrf": request.app.state.console.keyring.csrf(grant), **facts}
    made = _templates().get_template(template)
    return HTMLResponse(made.render(grant=grant, head=head, here=request.url.path, **facts), status)


def _pages(grant: Grant, head: Head | None) -> list[tuple[str, str]]:
    """The pages that this role may open."""
    found = [] if grant.role == "player" else [("/runs", "Runs"), ("/services", "Services")]
    if grant.everywhere and grant.role in ("facilitator", "evaluator"):  # recurring.may_see; it imports what we serve
        found.append(("/schedules", "Schedules"))
    if head is None:
        return found or [("/runs/mine", "Game day")]
    run = f"/runs/{head.ref}"
    found.append((run, "Game day" if grant.role == "player" else "Live"))
    if grant.role in ("facilitator", "evaluator") or (grant.role == "reader" and head.status == "ended"):
        found += [(f"{run}/plan", "Plan"), (f"{run}/report", "Report")]
    if grant.may("debrief") and head.status == "ended":
        found.append((f"{run}/debrief", "Debrief"))
    if grant.may("link"):
        found.append((f"{run}/people", "People"))
    return found


def enter(request: Request, token: str, grant: Grant) -> Response:
    """The page of a link: for whom it is, and the button that POSTs ``token`` to /enter."""
    until = _utc(grant.expires_ms)
    return sheet(request, "enter.html", token=token, who=grant.who, role=grant.role, until=until)


def problem(request: Request, status: int, said: str, grant: Grant | None = None) -> Response:
    """What went wrong, in words."""
    name = NAMES.get(status, "Something went wrong")
    return sheet(request, "problem.html", grant, status=status, name=name, said=plain(said))


def words(markdown: str) -> Markup:
    """Markdown of a report as HTML: no HTML in it is taken over, and wide tables scroll by themselves."""
    read = MarkdownIt("commonmark", {"html": False}).enable("table")
    made = read.render(markdown)
    made = made.replace("<table>", '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>')
    return Markup(made.replace("</table>", "</table></div>"))  # noqa: S704  # made by a reader that takes no HTML


@router.get("/static/{version}/{name}")
def static(version: str, name: str) -> Response:
    """A file of ours, or Vega's bundle; 404 of anything else, and of another version."""
    if version != digest():
        raise HTTPException(404, "This page is of an older console; load it again.")
    if name == VEGA and (bundle := _vega()):
        return Response(bundle, media_type=KINDS[".js"], headers=FOR_EVER)
    if name not in FILES:
        raise HTTPException(404, "There is no such file.")
    return FileResponse(FILES[name], media_type=KINDS[FILES[name].suffix], headers=FOR_EVER)


@cache
def _vega() -> bytes:
    """Vega, Vega-Lite and Vega-Embed as one module of our own server; empty where vl-convert is not installed."""
    try:
        from vl_convert import javascript_bundle
    except ImportError:
        return b""
    return javascript_bundle("window.vegaEmbed = vegaEmbed;").encode()


def _vega_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("vl-convert-python")
    except PackageNotFoundError:
        return ""
