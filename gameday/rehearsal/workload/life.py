"""The life of one process of a workload: born of the runner, told its place on stdin, gone when the runner is."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web

from gameday.rehearsal.processes import go_first
from gameday.rehearsal.workload.waiting import sliced

PR_SET_PDEATHSIG = 1
LATE, NOBODY = 598, 599  # no HTTP statuses: what a caller has when it got none
UNANSWERED = {LATE: 504, NOBODY: 503}  # and what it says of that to its own caller
Wire = dict[str, Any]
Answer = Callable[[web.BaseRequest], Awaitable[web.Response]]
Told = Callable[[Wire], Awaitable[Answer]]


def die_with(parent: int) -> None:
    """Be killed when the parent dies. Where there is no prctl, the end of stdin does it."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)
    go_first()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the runner, which ends us


def say(words: Wire) -> None:
    """One line of JSON to the runner."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def new_session() -> ClientSession:
    """The one session of a process. Servers keep connections open longer than clients do, so that none is closed in
    the moment it is used again."""
    return ClientSession(connector=TCPConnector(limit=0, keepalive_timeout=600), cookie_jar=DummyCookieJar(),
                         timeout=ClientTimeout(total=None), auto_decompress=False)  # fmt: skip


async def call(session: ClientSession, url: str, seconds: float, headers: Mapping[str, str] | None = None) -> int:
    """The status of one GET; LATE when it took too long, NOBODY when there was no whole answer."""

    async def get() -> int:
        async with session.get(url, headers=headers) as reply:
            await reply.read()
            return reply.status

    try:
        return await sliced(get(), seconds)
    except TimeoutError:
        return LATE
    except Exception:  # refused, reset, cut off: for the caller they are one
        return NOBODY


async def open_connections(session: ClientSession, urls: list[str], each: int = 2) -> None:
    """Connect before the load comes."""
    await asyncio.gather(*(call(session, f"{url}/health", 5.0) for url in urls for _ in range(each)))


class Life:
    """Serve on a port, be told, answer, and end with stdin."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._answer: Answer | None = None

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        if self._answer is None:
            return web.Response(status=200 if request.path == "/health" else 503)
        return await self._answer(request)

    async def run(self, told: Told) -> None:
        """Until stdin ends."""
        # what nobody waits for any more is not worked on: work for nobody is what keeps an overloaded chain overloaded
        server = web.Server(self._handle, access_log=None, keepalive_timeout=3600.0, handler_cancellation=True)
        runner = web.ServerRunner(server)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        say({"port": runner.addresses[0][1], "pid": os.getpid()})
        lines = await _stdin()
        first = await lines.readline()
        if first:
            self._answer = await told(json.loads(first))
            gc.collect()
            gc.freeze()  # what start-up made stays; looking through it again and again would only stall
            say({"ready": True})
            await lines.read()
        os._exit(0)  # requests under way must not hold it


async def _stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def main(told: Told) -> None:
    """The command line of every process of a workload."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--id", required=True, help="what it is called in the process list")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    die_with(options.parent)
    asyncio.run(Life(options.port).run(told))
