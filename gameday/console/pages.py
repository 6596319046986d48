"""The pages. What ``app`` and ``door`` need of it: ``router``, ``enter`` and ``problem``."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from gameday.console.access import Grant

router = APIRouter(include_in_schema=False)


def enter(request: Request, token: str, grant: Grant) -> Response:
    """The page of a link: for whom it is, and the button that POSTs ``token`` to /enter."""
    form = f'<form method="post" action="/enter"><input type="hidden" name="token" value="{escape(token)}">'
    return _page(200, f"Enter as {grant.who}", f"{form}<button>Enter as {escape(grant.who)}</button></form>")


def problem(request: Request, status: int, said: str) -> Response:
    """What went wrong, in words."""
    return _page(status, "gameday", f"<p>{escape(said)}</p>")


def _page(status: int, title: str, body: str) -> HTMLResponse:
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
    return HTMLResponse(f"{head}<body><main><h1>{escape(title)}</h1>{body}</main></body></html>", status)
