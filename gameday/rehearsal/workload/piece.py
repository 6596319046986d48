"""One piece of a workload: an edge, a function, an instance, a table, a queue, a stream, a database, a task or an
external provider.

GET / serves one request, calling the pieces it needs in turn; /health answers; POST /_control sets its faults;
/_ledger takes and gives back the canary writes of a table; GET /_counts?start=MS gives what it counted in that bucket
and how late it was since; GET /_segments what it traced.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from aiohttp import web

from gameday.clock import Anchor, Ms, ScenarioClock
from gameday.rehearsal.workload import life
from gameday.rehearsal.workload.counting import Counts
from gameday.rehearsal.workload.lag import Ticker
from gameday.rehearsal.workload.ledger import PATH, Ledger, post
from gameday.rehearsal.workload.tracing import UNTRACED, Tracer, current

RETRY_S = 0.1
BATCH = {"queue": 10, "table": 500}  # SQS gives up to ten messages at once; replicas are fed by a stream
PAUSED = "pause"  # the mode of a fault that keeps a table from copying to its replica
FOREVER_S = 3600.0  # longer than any caller waits
ENDS = ("error", "respond", "hang", "refuse", "throttle")  # those that end a request; the others act elsewhere
Wire = dict[str, Any]
Work = Callable[[], Awaitable[int]]


def drawn(faults: list[Wire], random: Random) -> tuple[Ms, Wire | None]:
    """What the faults do to one request: how long it is delayed, and what ends it (None: nothing)."""
    hits = [fault for fault in faults if random.random() * 100 < fault["percent"]]
    delay = sum(fault["ms"] for fault in hits if fault["mode"] == "delay")
    return delay, next((fault for fault in hits if fault["mode"] in ENDS), None)


class Piece:
    """Serves, calls, counts, and suffers what it is told to."""

    def __init__(self, told: Wire) -> None:
        self.told, self.session = told, life.new_session()
        self.clock = ScenarioClock(Anchor(**told["anchor"]))
        self.counts = Counts(told["period_ms"])
        self.ticker = Ticker(self.clock, told["period_ms"], told["lag_limit_ms"])
        self.random = Random(told["seed"])
        # what a queue hands on is a request of its own: its consumer decides (on AWS X-Ray links the two traces)
        self.untraced = None if told["type"] == "queue" else UNTRACED
        self.tracer = Tracer(told["id"], told["type"], told["seed"], self.clock)
        self.faults: list[Wire] = []
        self.queue: deque[Ms] = deque()
        works: dict[str, Work] = {"edge": self._route, "queue": self._enqueue, "stream": self._enqueue,
                                  "table": self._write}  # fmt: skip
        self.work = works.get(told["type"], self._call_all)
        self.target: Callable[[float], str | None] = lambda drawn: None
        self.tasks: list[asyncio.Task[None]] = []
        send = self._copy if told.get("replica") else None
        self.ledger = Ledger(send, self._paused) if told["type"] == "table" else None

    async def begin(self) -> None:
        """Open connections, resolve names, begin to tick."""
        await life.open_connections(self.session, [place["url"] for place in self.told["places"].values()])
        if self.told["type"] == "edge":
            from gameday.rehearsal.workload.resolver import resolver

            self.target = await asyncio.to_thread(resolver, self.told)
        self.tasks.append(asyncio.create_task(self.ticker.run()))
        if self.ledger and self.told.get("replica"):
            self.tasks.append(asyncio.create_task(self.ledger.replicate()))
        if self.told["type"] in ("queue", "stream") and self.told["calls"]:
            self.tasks.append(asyncio.create_task(self._hand_on("expire", self.told["calls"][0], "/", "received")))
        if self.told.get("replica"):
            self.tasks.append(asyncio.create_task(self._hand_on("pause", self.told["replica"], "/_apply", "copied")))

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """One HTTP request."""
        if request.path == "/":
            return web.Response(status=await self._traced(request))
        if request.path == "/_apply":
            self.counts.add(self.clock.now(), "applied", int(request.query.get("count", 1)))
            return web.Response(status=200)
        if request.path == "/_counts":
            return web.json_response(self._counted(int(request.query["start"])))
        if request.path == "/_segments":
            return web.json_response({"segments": self.tracer.take()})
        if request.path == "/_control":
            self.faults = (await request.json())["faults"]
            return web.json_response({"faults": self.faults})
        if request.path == "/health":
            return web.json_response({"faults": [fault["mode"] for fault in self.faults]})
        if request.path == PATH and self.ledger:
            return await self._book(self.ledger, request)
        return web.Response(status=404)

    async def _book(self, ledger: Ledger, request: web.BaseRequest) -> web.Response:
        """A write suffers what any request suffers; reading back is the rehearsal's own look, and suffers nothing."""
        if request.method == "GET":
            return web.json_response({"rows": ledger.read_back()})
        words = await request.json()
        status, _ = await self._invoke()
        return web.json_response(ledger.write(words)) if status < 400 else web.Response(status=status)

    def _paused(self) -> bool:
        return any(fault["mode"] == PAUSED for fault in self.faults)

    async def _copy(self, words: Wire) -> bool:
        place = self.told["places"][self.told["replica"]]
        return await post(self.session, place["url"] + PATH, words, place["timeout_ms"] / 1000 / self.clock.speed)

    async def _traced(self, request: web.BaseRequest) -> int:
        segment, status = self.tracer.begin(request.headers), 504
        held = current.set(segment)
        try:
            status = await self._serve()
        finally:
            current.reset(held)
            if segment:
                self.tracer.end(segment, status)
        return status

    async def _serve(self) -> int:
        arrived = self.clock.now()
        self.counts.opened(arrived)
        status, failed = 504, False
        try:
            status, failed = await self._invoke()
        finally:  # a caller that gave up has invoked it all the same
            self.counts.closed(arrived)
            at = self._at(arrived)
            self.counts.add(at, "requests")
            self.counts.took(at, self.clock.now() - arrived)
            if failed:
                self.counts.add(at, "errors")
        return status

    def _at(self, began: Ms) -> Ms:
        """Where to count what began then: now, when its bucket may have been published."""
        now = self.clock.now()
        return began if now - began < self.told["grace_ms"] else now

    async def _invoke(self) -> tuple[int, bool]:
        """Status, and whether the piece itself failed: an injected HTTP answer is no error of the function."""
        delay, end = drawn(self.faults, self.random)
        if delay:
            await self._sleep(delay)
        status = 500 if end and end["prevent"] else await self._work()
        if end is None:
            return status, status >= 500
        if end["mode"] == "hang":
            await asyncio.sleep(FOREVER_S)
        if end["mode"] == "throttle":
            self.counts.add(self.clock.now(), "throttled")
        return int(end["status"]), end["mode"] in ("error", "refuse")

    async def _work(self) -> int:
        slower = sum(fault["ms"] for fault in self.faults if fault["mode"] == "stretch")  # percent of its own latency
        await self._sleep(self.told["latency_ms"] * (100 + slower) / 100)
        return await self.work()

    async def _sleep(self, ms: float) -> None:
        await asyncio.sleep(ms / 1000 / self.clock.speed)

    def _cut_off(self, piece: str) -> bool:
        return any(piece in fault["pieces"] for fault in self.faults if fault["mode"] == "cut")

    async def _call(self, piece: str, path: str = "/") -> int:
        place = self.told["places"].get(piece)
        if place is None:
            return 503  # a name that leads nowhere
        segment, began, status = current.get(), self.clock.now(), life.LATE
        part = segment.called(piece, place["type"]) if segment else None
        headers = segment.header(part) if segment and part else self.untraced
        seconds = place["timeout_ms"] / 1000 / self.clock.speed
        try:
            if self._cut_off(piece):
                await asyncio.sleep(seconds)  # what a network drops is not refused: its sender waits in vain
            else:
                status = await life.call(self.session, place["url"] + path, seconds, headers)
        finally:  # cancelled where our own caller gave up, which it does a little before we would
            if segment and part:
                segment.answered(part, status)
            waited = self.clock.now() - began
            if status == life.NOBODY or (status == life.LATE and waited > place["timeout_ms"] / 2):
                self.counts.add(self._at(began), f"unanswered:{piece}")
        return status

    async def _call_all(self) -> int:
        for piece in self.told["calls"]:
            if await self._call(piece) >= 400:
                return 502
        return 200

    async def _route(self) -> int:
        piece = self.target(self.random.random())
        if piece is None:
            return 503
        status = await self._call(piece)
        if status in life.UNANSWERED:
            return life.UNANSWERED[status]
        return status if status < 400 or status >= 503 else 502

    async def _enqueue(self) -> int:
        self.queue.append(self.clock.now())
        self.counts.add(self.clock.now(), "sent")
        return 202

    async def _write(self) -> int:
        """A table's own work: each request is a write, which its replica gets later."""
        status = await self._call_all()
        if status < 400 and self.told.get("replica"):
            self.queue.append(self.clock.now())
        return status

    async def _hand_on(self, stopped_by: str, to: str, path: str, counted: str) -> None:
        """What is waiting, in order, a batch at a time until it was taken; not while a fault of the mode ``stopped_by``
        hits."""
        most = BATCH.get(self.told["type"], 1)
        while True:
            held = [fault for fault in self.faults if fault["mode"] == stopped_by]
            refused = any(self.random.random() * 100 < fault["percent"] for fault in held)
            some = min(most, len(self.queue))
            if some and not refused and await self._call(to, f"{path}?count={some}") < 400:
                for _ in range(some):
                    self.queue.popleft()
                self.counts.add(self.clock.now(), counted, some)
            else:
                await asyncio.sleep(RETRY_S)

    def _counted(self, start: Ms) -> Wire:
        seen = self.counts.view(start) | self.ticker.view(start)
        oldest = self.clock.now() - self.queue[0] if self.queue else 0
        return seen | {"queued": len(self.queue), "oldest_ms": oldest}


async def told(words: Wire) -> life.Answer:
    """Become the piece that the runner asks for."""
    piece = Piece(words)
    await piece.begin()
    return piece.answer


if __name__ == "__main__":
    life.main(told)
