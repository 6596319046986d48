"""The way in: a link is looked at first and exchanged by a button, so that a preview of the link does not use it up.

The cookie is then set by our own page, which is also what SameSite=Strict needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from gameday.console import sheets
from gameday.console.access import Action, Grant, NoAccess
from gameday.console.guarding import URGENT

if TYPE_CHECKING:
    from gameday.console.app import Console

router = APIRouter(include_in_schema=False)
CSRF = "x-csrf-token"
Opened = TypeVar("Opened")


def console_of(request: Request) -> Console:
    """The console that serves this request."""
    found: Console = request.app.state.console
    return found


def holder(request: Request) -> Grant | None:
    """Whose session this is, None when there is none that opens anything."""
    console = console_of(request)
    try:
        return console.keyring.session(request.cookies.get(console.cookie, ""), console.now())
    except NoAccess:
        return None


def session(request: Request) -> Grant:
    """Whose session this is; 401 when there is none, 429 when it asks too often."""
    grant, console = holder(request), console_of(request)
    if grant is None:
        raise HTTPException(401, "Open the link that you were given; it has expired, was withdrawn, or there was none.")
    if not console.limits.take("link", grant.id, console.settings.rates.link):
        raise HTTPException(429, "Too many requests; wait a moment.")
    return grant


def changer(request: Request, grant: Annotated[Grant, Depends(session)]) -> Grant:
    """Whose session this is, for a change: with its CSRF token. 403 without, 429 when there are too many."""
    console = console_of(request)
    if not console.keyring.is_csrf(grant, request.headers.get(CSRF, "")):
        raise HTTPException(403, f"The header {CSRF} is missing or not this session's; GET /api/session says it.")
    abort = request.url.path.endswith(URGENT)
    rates = console.settings.rates
    if not console.limits.take("abort" if abort else "change", grant.id, rates.aborts if abort else rates.changes):
        raise HTTPException(429, "Too many at once; wait a moment.")
    return grant


def allowed(grant: Grant, action: Action) -> None:
    """403 when this role may not do this."""
    if not grant.may(action):
        raise HTTPException(403, f"This is not for the role {grant.role}.")


Session = Annotated[Grant, Depends(session)]
Changer = Annotated[Grant, Depends(changer)]


@router.get("/enter/{token}")
def look(request: Request, token: str) -> Response:
    """Who the link is for, and a button. The browser that has entered by this link already goes on."""
    console, held = console_of(request), holder(request)
    if held and token.partition(".")[0] == held.id:
        return RedirectResponse("/", 303)
    return sheets.enter(request, token, _opened(request, lambda: console.keyring.look(token, console.now())))


@router.post("/enter")
def enter(request: Request, token: Annotated[str, Form(max_length=200)]) -> Response:
    """Exchange the link for a session, once."""
    console = console_of(request)
    grant, cookie = _opened(request, lambda: console.keyring.exchange(token, console.now()))
    response = RedirectResponse("/", 303)
    response.set_cookie(
        console.cookie, cookie, max_age=max(1, (grant.expires_ms - console.now()) // 1000), path="/", httponly=True,
        secure=console.settings.tls, samesite="strict",
    )  # fmt: skip
    return response


def _opened(request: Request, opening: Callable[[], Opened]) -> Opened:
    """What the link opens; 403 in words when it opens nothing, 429 for whoever tries too many."""
    console = console_of(request)
    if not console.limits.take("enter", request.scope["console.address"], console.settings.rates.entering):
        raise HTTPException(429, "Too many links were tried from this address; wait a moment.")
    try:
        return opening()
    except NoAccess as error:
        raise HTTPException(403, str(error)) from error
