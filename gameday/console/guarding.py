"""What every request meets before anything else: host, size and rate, and on the way out the safe headers.

Pure ASGI, so that streams are passed on as they are. OWASP Secure Headers Project; CSP Level 3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

from gameday.console.limits import Limits, Rates

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST = 64 * 1024
TOO_LARGE = "This is larger than anything we take."
POLICY = "; ".join(
    [
        "default-src 'self'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
        "object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
    ]
)  # fmt: skip
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),  # with no-referrer a form of ours would come from "null"
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
    (b"x-robots-tag", b"noindex, nofollow"),
]
TLS_HEADERS = [(b"strict-transport-security", b"max-age=31536000")]


class Guarded:
    """The outermost layer of the console."""

    def __init__(
        self, app: App, hosts: frozenset[str], limits: Limits, rates: Rates, tls: bool, behind_proxy: bool
    ) -> None:
        self.app, self.hosts, self.limits, self.rates = app, hosts, limits, rates
        self.headers = HEADERS + (TLS_HEADERS if tls else [])
        self.behind_proxy = behind_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        scope["console.address"] = self._address(scope)
        refused = self._refused(scope)
        if refused:
            await _say(self._safe(send, scope), *refused)
            return
        await self.app(scope, _limited(receive), self._safe(send, scope))

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        if _host(_header(scope, b"host")) not in self.hosts:
            return 400, "This host name is not one of ours; gameday serve --name says which are."
        length = _header(scope, b"content-length")
        if length.isdigit() and int(length) > LARGEST:
            return 413, TOO_LARGE
        if scope["method"] not in ("GET", "HEAD") and not self._own_origin(scope):
            return 403, "This came from another site."
        kind = "abort" if scope["path"].endswith("/abort") else "any"
        if not self.limits.take(f"address {kind}", scope["console.address"], self.rates.address):
            return 429, "Too many requests from this address; wait a moment."
        return None

    def _own_origin(self, scope: Scope) -> bool:
        """Browsers say where a change comes from; what says nothing is no browser and has the CSRF token to show."""
        if _header(scope, b"sec-fetch-site") not in ("", "same-origin", "none"):
            return False
        origin = _header(scope, b"origin")
        return not origin or origin.partition("://")[2] == _header(scope, b"host")

    def _address(self, scope: Scope) -> str:
        """Whose request it is; behind a proxy that is the last address that the proxy wrote."""
        told = _header(scope, b"x-forwarded-for").rpartition(",")[2].strip()
        client = scope.get("client")
        return told if self.behind_proxy and told else client[0] if client else "unknown"

    def _safe(self, send: Send, scope: Scope) -> Send:
        stored = [] if scope["path"].startswith("/static/") else [(b"cache-control", b"no-store")]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = [*self.headers, *stored]
                names = {name for name, _ in ours}
                kept = [(n, v) for n, v in message.get("headers", []) if n.lower() not in names]
                message = {**message, "headers": [*kept, *ours]}
            await send(message)

        return with_headers


def _limited(receive: Receive) -> Receive:
    """The body, as long as it is not too large, whatever its header says."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST:
            raise HTTPException(413, TOO_LARGE)
        return message

    return counted


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _host(given: str) -> str:
    """A host without its port: ``[::1]:8765`` is ``[::1]``."""
    if given.startswith("["):
        return given.partition("]")[0].lower() + "]"
    return given.partition(":")[0].lower()


async def _say(send: Send, status: int, said: str) -> None:
    body = said.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    if status == 429:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
