"""The customers: an open loop of requests to the edge, counted by the time they arrived, whatever came of them.

POST /_control {"calibrate_s": N} measures for so long without counting; {"begin": true} begins. GET /_counts as pieces;
GET /_ledger?piece=ID&since=MS the canary writes that a table acknowledged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from aiohttp import web

from gameday.clock import Anchor, Ms, ScenarioClock
from gameday.rehearsal.workload import life
from gameday.rehearsal.workload.arrivals import arrivals, release
from gameday.rehearsal.workload.counting import Counts, bucket_of
from gameday.rehearsal.workload.lag import Ticker
from gameday.rehearsal.workload.ledger import PATH, Writer

CATCH_UP = 3  # times the planned rate, after a stall
PAUSE_S = 0.01
Wire = dict[str, Any]


class Generator:
    """Requests on time, each in a task of its own."""

    def __init__(self, told: Wire) -> None:
        self.told, self.session = told, life.new_session()
        self.clock = ScenarioClock(Anchor(**told["anchor"]))
        self.counts = Counts(told["period_ms"])
        self.ticker = Ticker(self.clock, told["period_ms"], told["lag_limit_ms"])
        self.requests: set[asyncio.Task[Any]] = set()
        self.endless: list[asyncio.Task[Any]] = []
        self.seconds = told["timeout_ms"] / 1000 / self.clock.speed
        self.measured: list[float] | None = None
        self.writers = {ident: Writer(self.session, self.clock, words) for ident, words in told["ledgers"].items()}

    def send(self, request: Any) -> None:
        """Run a request, and hold on to it while it runs."""
        task = asyncio.create_task(request)
        self.requests.add(task)
        task.add_done_callback(self.requests.discard)

    def keep(self, endless: Any) -> None:
        """Run something that never ends."""
        self.endless.append(asyncio.create_task(endless))

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """One HTTP request."""
        if request.path == "/_counts":
            start = int(request.query["start"])
            return web.json_response(self.counts.view(start) | self.ticker.view(start))
        if request.path == PATH:
            writer = self.writers.get(request.query["piece"])
            rows = writer.acknowledged(int(request.query["since"])) if writer else None
            return web.json_response({"rows": rows})
        if request.path == "/_control":
            return web.json_response(await self._control(await request.json()))
        if request.path == "/health":
            return web.json_response({"faults": []})
        return web.Response(status=404)

    async def _control(self, wire: Wire) -> Wire:
        if "calibrate_s" in wire:
            return await self._calibrate(wire["calibrate_s"])
        self.keep(self._load())
        for canary in self.told["canaries"]:
            self.keep(self._canary(canary))
        for writer in self.writers.values():
            self.keep(writer.run())
        return {"begun": True}

    async def _calibrate(self, seconds: float) -> Wire:
        """The largest latency (real ms) at the planned rate, without the first third, which warms up."""
        self.measured = []
        load = asyncio.create_task(self._load())
        await asyncio.sleep(seconds / 3)
        self.measured.clear()
        await asyncio.sleep(seconds * 2 / 3)
        load.cancel()
        if self.requests:
            await asyncio.wait(set(self.requests))
        measured, self.measured = self.measured, None
        return {"largest_ms": max(measured, default=0.0), "requests": len(measured)}

    async def _load(self) -> None:
        """Send what is due; what is too old to be sent is counted as skipped, never as failed."""
        load = self.told["load"]
        begun = self.clock.now()
        # slots begin with a bucket: where they divide it, every bucket gets exactly as many requests as were planned
        first = bucket_of(begun, self.told["period_ms"])
        schedule = arrivals(first, load["per_minute"], load["shape"], load["seed"])
        waiting: deque[float] = deque()
        due = next(at for at in schedule if at >= begun)
        cap = max(2, round(CATCH_UP * load["per_minute"] / 60 * self.clock.speed * PAUSE_S))
        too_old = self.told["timeout_ms"] / 2
        while True:
            now = self.clock.now()
            while due <= now:
                waiting.append(due)
                due = next(schedule)
            send, dropped = release(waiting, now - too_old, cap)
            for at in send:
                self.send(self._request(int(at)))
            for at in dropped:
                self.counts.add(int(at), "skipped")
            pause = PAUSE_S if waiting else (due - now) / 1000 / self.clock.speed
            await asyncio.sleep(min(PAUSE_S, max(0.001, pause)))

    async def _request(self, at: Ms) -> None:
        if self.measured is not None:
            await self._measure(self.measured)
            return
        self.counts.add(at, "attempts")
        self.counts.opened(at)
        status = await life.call(self.session, self.told["url"] + "/", self.seconds)
        self.counts.closed(at)
        if status >= 400:
            self.counts.add(at, "failures")
        if status in life.UNANSWERED:
            self.counts.add(at, f"unanswered:{self.told['source']}")
        self.counts.took(at, self.clock.now() - at)

    async def _measure(self, into: list[float]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        status = await life.call(self.session, self.told["url"] + "/", 5.0)
        into.append((loop.time() - began) * 1000 if status < 400 else 5000.0)

    async def _canary(self, canary: Wire) -> None:
        """Calls a piece now and then, so that it is warm and its own metrics say whether it works. Nobody's request."""
        seconds = canary["timeout_ms"] / 1000 / self.clock.speed
        for due in arrivals(self.clock.now(), canary["per_minute"], "steady", self.told["load"]["seed"]):
            while due > self.clock.now():
                await asyncio.sleep(max(0.001, (due - self.clock.now()) / 1000 / self.clock.speed))
            await life.call(self.session, canary["url"] + "/", seconds)


async def told(words: Wire) -> life.Answer:
    """Become the generator that the runner asks for."""
    made = Generator(words)
    await life.open_connections(made.session, [words["url"]], each=4)
    made.keep(made.ticker.run())
    return made.answer


if __name__ == "__main__":
    life.main(told)
