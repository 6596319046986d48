"""One HTTP request, bounded in time and in size, for the sources that are asked over HTTP.

Direct: no proxy, no redirect, no cookie, one connection. The limit of time is one for the whole exchange, so that a
server that sends a byte now and then does not hold an observer; finding the address alone is not in it, since nothing
can cut that short.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

LARGEST_BODY = 64 * 1024 * 1024
PORTS = {"http": 80, "https": 443}


class Late(Exception):
    """No whole answer within the time it was given."""


class NoAddress(Exception):
    """The host has no address. ``final``: a name server said that there is none, rather than none was reached."""

    def __init__(self, final: bool) -> None:
        super().__init__("the host's name is not known" if final else "no name server answered")
        self.final = final


class Broken(Exception):
    """What came back is no HTTP."""


@dataclass(frozen=True)
class Asking:
    """What is sent, and the bounds of what is taken."""

    url: str = field(repr=False)  # may come from a secret
    within_s: float
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None
    largest: int = LARGEST_BODY


@dataclass(frozen=True)
class Answer:
    """What came back; ``whole`` is False when the body was longer than was asked for."""

    status: int
    body: bytes
    whole: bool


def fetch(asking: Asking) -> Answer:
    """Ask, and read the answer.

    Late: not in time. NoAddress: no address was found. Broken: the answer is no HTTP. OSError (with TLS failures): the
    exchange failed. ValueError: no such URL. None of their texts has the URL or a header in it.
    """
    parts = split(asking.url)
    address = _address(parts)
    connection = _connection(parts, asking.within_s)
    with _cut_off(connection, asking.within_s, address) as cut:
        try:
            answer = _exchange(connection, parts, asking)
        except HTTPException as error:
            raise (Late() if cut.is_set() else Broken(type(error).__name__)) from None
        except (OSError, ValueError) as error:  # ValueError: reading from what was closed under it
            if cut.is_set() or isinstance(error, TimeoutError):
                raise Late from None
            raise
    if cut.is_set():  # where it was cut may look like its end
        raise Late
    return answer


def split(url: str) -> SplitResult:
    """The parts of an http or https URL; ValueError when it is none."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname or "\n" in url:
        raise ValueError("this is no http or https URL")
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or PORTS[parts.scheme]


def _address(parts: SplitResult) -> tuple[str, int]:
    """The first address of the host, asked of the name service once."""
    try:
        found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise NoAddress(error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))) from None
    except UnicodeError:
        raise NoAddress(True) from None
    return str(found[0][4][0]), int(found[0][4][1])


def _connection(parts: SplitResult, within_s: float) -> HTTPConnection:
    host = str(parts.hostname)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return HTTPSConnection(host, _port(parts), timeout=within_s, context=context)
    return HTTPConnection(host, _port(parts), timeout=within_s)


@contextmanager
def _cut_off(connection: HTTPConnection, within_s: float, address: tuple[str, int]) -> Iterator[threading.Event]:
    """Cuts the connection when the time is over, whatever it is doing; the event says that it was."""
    cut = threading.Event()
    open_ = list[socket.socket]()

    def connect(_: object, timeout: float | None, source: object) -> socket.socket:
        open_.append(socket.create_connection(address, timeout))
        return open_[0]

    def over() -> None:
        cut.set()
        for sock in [*open_, connection.sock]:
            with suppress(OSError, AttributeError):  # it may have been closed, or never opened
                sock.shutdown(socket.SHUT_RDWR)

    connection._create_connection = connect  # type: ignore[attr-defined]  # http.client's own seam for this
    timer = threading.Timer(within_s, over)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()
        connection.close()


def _exchange(connection: HTTPConnection, parts: SplitResult, asking: Asking) -> Answer:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": "gameday", "Connection": "close", **asking.headers}
    connection.request(asking.method, path, body=asking.body, headers=headers)
    reply: HTTPResponse = connection.getresponse()
    body = reply.read(asking.largest + 1)
    return Answer(reply.status, body[: asking.largest], len(body) <= asking.largest)
