"""One HTTP POST to somebody's address: encrypted unless it stays on this machine, never redirected, never read to its
end when it has none."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gameday import __version__
from gameday.aws import is_loopback
from gameday.clock import Clock, Ms
from gameday.people.carrying import Patience, TryAgain, Undelivered
from gameday.people.references import hide
from gameday.protocols import AwsDoor

ONE_TRY_MS = 8_000
LARGEST_ANSWER = 4096
LONGEST_SAID = 200
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
IDS = ("x-request-id", "x-slack-req-id", "x-amzn-requestid", "request-id", "cf-ray")
"""Headers in which a service names a request, so that its people can find it."""
Headers = Mapping[str, str]


@dataclass(frozen=True)
class Outward:
    """What a channel that posts is made of. ``rehearsed``: nothing but loopback is posted to."""

    clock: Clock
    aws: AwsDoor
    rehearsed: bool
    within_ms: Ms


@dataclass(frozen=True)
class Answered:
    """What the other side said."""

    status: int
    headers: Headers
    text: str

    def receipt(self) -> str:
        """Its status, its name for the request, the beginning of its words."""
        ident = next((f", request {self.headers[name]}" for name in IDS if name in self.headers), "")
        said = " ".join(self.text.split())[:LONGEST_SAID]
        return f"{self.status}{ident}{f': {said}' if said else ''}"


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect would carry a prompt, and its signature, to somebody else."""

    def redirect_request(self, *_: object) -> None:
        return None


def post(url: str, body: bytes, headers: Headers, left_ms: Ms, direct: bool) -> Answered:
    """Post once. TryAgain for what may pass, Undelivered for what will not; ``direct``: by no proxy."""
    asked = urllib.request.Request(url, body, {**headers, "User-Agent": f"gameday/{__version__}"}, method="POST")  # noqa: S310  # refusal() lets https, and http on loopback, pass alone
    proxies = urllib.request.ProxyHandler({} if direct else None)
    opener = urllib.request.build_opener(proxies, _Stay)
    try:
        with opener.open(asked, timeout=min(left_ms, ONE_TRY_MS) / 1000) as answer:
            return _read(answer.status, dict(answer.headers), answer)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(_read(error.code, dict(error.headers), error)) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise TryAgain(f"it was not reached: {type(reason).__name__}: {reason}") from None


def _read(
    status: int, headers: Mapping[str, str], answer: http.client.HTTPResponse | urllib.error.HTTPError
) -> Answered:
    try:
        text = answer.read(LARGEST_ANSWER).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        text = ""  # the status has come, and it alone says whether it was taken
    return Answered(status, {name.lower(): value for name, value in headers.items()}, text)


def _refused(answer: Answered) -> Undelivered:
    text = f"it answered {answer.receipt()}"
    if answer.status not in AGAIN:
        return Undelivered(text)
    wait = answer.headers.get("retry-after", "")
    return TryAgain(text, int(wait) * 1000 if wait.isdecimal() else 0)


def refusal(url: str, rehearsed: bool) -> str:
    """Why nothing may be posted there at all; nothing when it may."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "its url is no address"
    if parts.scheme not in ("http", "https") or not host:
        return "its url is no address of the web; write https://..."
    if parts.username or parts.password:
        return "its url holds a user and a password; these go into a reference of their own"
    if rehearsed and not is_loopback(url):
        return f"{host} is not on loopback, and nothing leaves a rehearsal"
    if parts.scheme == "http" and not is_loopback(url):
        return "its url is not encrypted; write https://..."
    return ""


def carry(outward: Outward, url: str, secrets: list[str], made: Callable[[], tuple[bytes, Headers]]) -> str:
    """Post what ``made`` makes for each try, until it is taken; returns the receipt. In rehearsal what would leave is
    not sent, and the receipt says so. No secret is in a receipt or an error."""
    if why := refusal(url, outward.rehearsed):
        if outward.rehearsed:
            return f"not sent: {why}"
        raise Undelivered(f"not sent: {why}")

    def send(left_ms: Ms) -> str:
        body, headers = made()
        return post(url, body, headers, left_ms, direct=is_loopback(url)).receipt()

    try:
        return hide(Patience(outward.clock, outward.within_ms).carry(send), secrets)
    except Undelivered as error:
        raise Undelivered(hide(str(error), secrets)) from None
