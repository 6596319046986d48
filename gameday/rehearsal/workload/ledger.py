"""The canary ledger (D19): writes of the generator that a table acknowledged, to be held against what is there later.

A ``Ledger`` is what a table holds of them, and hands on to its replica where it has one; a ``Writer`` is the
generator's own book of what was acknowledged to it. A write is never tried twice: what was not acknowledged is not
owed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from hashlib import sha256
from itertools import count
from typing import Any

from aiohttp import ClientSession

from gameday.clock import Ms, ScenarioClock
from gameday.rehearsal.workload.waiting import sliced

PATH = "/_ledger"
MOST = 200_000  # canaries that are remembered: two days of one a second
AGAIN_S = 0.05
Wire = dict[str, Any]
Send = Callable[[Wire], Awaitable[bool]]


def canary(seed: str, sequence: int) -> str:
    """What a canary holds."""
    return sha256(f"{seed}-{sequence}".encode()).hexdigest()


async def post(session: ClientSession, url: str, words: Wire, seconds: float) -> bool:
    """Whether it was acknowledged in time; whatever else happened, it was not."""

    async def send() -> int:
        async with session.post(url, json=words) as reply:
            await reply.read()
            return reply.status

    try:
        return await sliced(send(), seconds) < 400
    except Exception:  # noqa: BLE001  # late, refused, reset, cut off: none of them is an acknowledgement
        return False


class Ledger:
    """What a table holds. ``send`` hands a write on to the replica, in order, each until the replica has taken it;
    while ``paused`` says so nothing is handed on, and what waits is handed on afterwards."""

    def __init__(self, send: Send | None = None, paused: Callable[[], bool] = lambda: False) -> None:
        self.held: dict[int, str] = {}
        self._send, self._paused = send, paused
        self._waiting: deque[Wire] = deque(maxlen=MOST)

    def write(self, words: Wire) -> Wire:
        """Put one canary, as a table does: the same number again is the same item. Returns the acknowledgement."""
        sequence = int(words["sequence"])
        self.held[sequence] = str(words["sha256"])
        if len(self.held) > MOST:
            self.held.pop(next(iter(self.held)))
        if self._send:
            self._waiting.append({"sequence": sequence, "sha256": self.held[sequence]})
        return {"acknowledged": sequence}

    def read_back(self) -> list[list[Any]]:
        """Number and hash of all that is there."""
        return [[sequence, held] for sequence, held in self.held.items()]

    async def replicate(self) -> None:
        """Hand on what waits, for as long as the table lives."""
        assert self._send is not None  # only a table with a replica does this
        while True:
            if self._waiting and not self._paused() and await self._send(self._waiting[0]):
                self._waiting.popleft()
            else:
                await asyncio.sleep(AGAIN_S)


class Writer:
    """Writes a canary a piece every ``interval_ms`` of scenario time, and keeps the book of acknowledgements."""

    def __init__(self, session: ClientSession, clock: ScenarioClock, told: Wire) -> None:
        self.session, self.clock, self.told = session, clock, told
        self.book: deque[list[Any]] = deque(maxlen=MOST)

    async def run(self) -> None:
        """For as long as the generator lives. Each waits for the one before it, so that numbers are in order."""
        speed, told = self.clock.speed, self.told
        seconds = told["timeout_ms"] / 1000 / speed
        for sequence, due in enumerate(count(self.clock.now(), told["interval_ms"]), 1):
            while due > self.clock.now():
                await asyncio.sleep(max(0.001, (due - self.clock.now()) / 1000 / speed))
            words = {"sequence": sequence, "sha256": canary(told["seed"], sequence)}
            asked = self.clock.now()
            acked = await post(self.session, told["url"] + PATH, words, seconds)
            self.book.append([sequence, asked, self.clock.now() if acked else None, words["sha256"]])

    def acknowledged(self, since: Ms) -> list[list[Any]]:
        """Number, time of the acknowledgement (None: there was none) and hash of each write since then."""
        return [[sequence, acked, held] for sequence, asked, acked, held in self.book if asked >= since]


def matched(acknowledged: list[list[Any]], found: list[list[Any]]) -> list[list[Any]]:
    """Each write with whether it is there, and whether it is intact: ``[sequence, acked_ms, present, intact]``."""
    there = {int(sequence): held for sequence, held in found}
    return [
        [sequence, acked, sequence in there, there[sequence] == held if sequence in there else None]
        for sequence, acked, held in acknowledged
    ]
