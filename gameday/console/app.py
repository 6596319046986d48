"""The console put together: :func:`create_app`. Nothing here knows a run.

Errors under ``/api/`` are problem documents (RFC 9457), elsewhere plain pages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gameday import __version__
from gameday.clock import Anchor, Clock, Ms, ScenarioClock
from gameday.console import acting, api, beginning, debriefing, door, pages, recurring, sheets
from gameday.console.access import Keyring
from gameday.console.guarding import Guarded
from gameday.console.limits import Limits, Rates
from gameday.console.stream import Streams, Unread
from gameday.journal.state import State
from gameday.plan import Plan

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True)
class Settings:
    """How a console is served. ``hosts`` are the names under which it may be asked for, beside those of loopback;
    ``tls`` is whether browsers reach it by TLS, our own or a proxy's."""

    root: Path
    hosts: frozenset[str] = frozenset()
    tls: bool = False
    behind_proxy: bool = False
    rates: Rates = field(default_factory=Rates)
    clock: Clock = field(default_factory=lambda: ScenarioClock(Anchor.here()))


@dataclass(frozen=True)
class Console:
    """What routes reach through ``request.app.state.console``."""

    settings: Settings
    keyring: Keyring
    limits: Limits
    streams: Streams

    @property
    def cookie(self) -> str:
        """The session's name; a browser takes one that begins so only over TLS, and from this host alone."""
        return "__Host-gameday" if self.settings.tls else "gameday"

    def now(self) -> Ms:
        """Wall time."""
        return self.settings.clock.wall()


def create_app(settings: Settings) -> FastAPI:
    """The console of one workspace as an ASGI application."""
    console = Console(
        settings, Keyring(settings.root), Limits(settings.clock), Streams(settings.clock, _shares, settings.rates)
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await console.streams.close()

    app = FastAPI(
        title="gameday console", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
        openapi_url="/api/openapi.json", redirect_slashes=False,
    )  # fmt: skip
    app.state.console = console
    for part in (door, api, acting, debriefing, beginning, recurring, pages):
        app.include_router(part.router)
    _tell_errors(app)
    app.add_middleware(
        Guarded, hosts=LOOPBACK | {h.lower() for h in settings.hosts}, limits=console.limits, rates=settings.rates,
        tls=settings.tls, behind_proxy=settings.behind_proxy,
    )  # fmt: skip
    return app


def _shares(plan: Plan, state: State, now: Ms) -> dict[str, float | None]:
    """Of each tolerance the share that may be used by now, as guards see it."""
    from gameday.conductor.guards import used_share

    return {t.id: used_share(plan, state, t.id, now) for t in plan.tolerances}


def _tell_errors(app: FastAPI) -> None:
    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return told(request, error.status_code, str(error.detail))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return told(request, 422, "; ".join(_field(e) for e in error.errors()))

    async def unread(request: Request, error: Exception) -> Response:
        return told(request, 409, f"The run cannot be read: {error}")

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Unread, unread)


def _field(error: Any) -> str:
    """Where, and what is wrong; never what was written there."""
    return f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"


def told(request: Request, status: int, said: str) -> Response:
    """An error, as a problem document or a page."""
    if not request.url.path.startswith("/api/"):
        return sheets.problem(request, status, said)
    body = {"type": "about:blank", "title": said, "status": status, "detail": said}
    return JSONResponse(body, status, media_type="application/problem+json")
