"""Segments of a piece, as an X-Ray SDK makes them: kept in memory, taken away by the runner, never in a request's path.

The first service of a request decides whether it is traced, by AWS's default rule: the first request each second of
scenario time, and 5 % of the others (X-Ray developer guide, "Sampling"). It tells those that it calls in the header
``X-Amzn-Trace-Id``. So X-Ray's counts are of a sample; what customers attempted is counted whole, by CloudWatch.

Tables, queues and external providers send nothing, on AWS and here: X-Ray infers them from those that call them.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from random import Random
from typing import Any

from gameday.clock import Clock

HEADER = "X-Amzn-Trace-Id"
RESERVOIR_S, SHARE = 1, 0.05
MOST_KEPT = 5_000  # documents that nobody takes away; the oldest go first
ORIGINS: dict[str, str | None] = {
    "edge": None, "function": "AWS::Lambda::Function", "instance": "AWS::EC2::Instance",
}  # fmt: skip  # by the type of piece; the others send no segments
UNTRACED = {HEADER: "Sampled=0"}
Wire = dict[str, Any]


def flags(status: int) -> Wire:
    """What a status means to X-Ray: 429 is a throttle and an error, 4xx an error, 5xx or none at all a fault."""
    if status >= 500:
        return {"fault": True}
    return {"error": True} | ({"throttle": True} if status == 429 else {}) if status >= 400 else {}


class Sampler:
    """AWS's default rule."""

    def __init__(self, random: Random) -> None:
        self._random, self._second = random, -1

    def take(self, now_s: float) -> bool:
        """Whether to trace a request that begins now."""
        second = int(now_s) // RESERVOIR_S
        if second != self._second:
            self._second = second
            return True
        return self._random.random() < SHARE


class Segment:
    """One traced request that is under way in this piece."""

    def __init__(self, document: Wire, random: Random, clock: Clock) -> None:
        self.document, self._random, self._clock = document, random, clock
        self.parts: list[Wire] = []

    def called(self, name: str, kind: str) -> Wire:
        """A subsegment: it calls this piece now."""
        part: Wire = {"id": f"{self._random.getrandbits(64):016x}", "name": name, "namespace": "remote",
                      "start_time": self._clock.now() / 1000}  # fmt: skip
        if kind in ("table", "queue"):  # as the SDK words calls of AWS services, from which X-Ray infers the resource
            key = "table_name" if kind == "table" else "queue_url"
            part |= {"namespace": "aws", "aws": {key: name}}
        self.parts.append(part)
        return part

    def answered(self, part: Wire, status: int) -> None:
        """The call has ended; 598 and 599 are no statuses, but calls that nobody answered."""
        part |= {"end_time": self._clock.now() / 1000} | flags(status)
        if status < 598:
            part["http"] = {"response": {"status": status}}

    def header(self, part: Wire) -> dict[str, str]:
        """What the callee is told."""
        return {HEADER: f"Root={self.document['trace_id']};Parent={part['id']};Sampled=1"}

    def ended(self, status: int) -> str:
        """The whole document; calls that were cut off are faults that end now."""
        for part in self.parts:
            if "end_time" not in part:
                self.answered(part, 599)
        more = {"end_time": self._clock.now() / 1000, "http": self.document["http"] | {"response": {"status": status}}}
        document = self.document | more | flags(status)
        return json.dumps(document | ({"subsegments": self.parts} if self.parts else {}))


Open = ContextVar[Segment | None]
current: Open = ContextVar("segment", default=None)


class Tracer:
    """Begins and ends the segments of one piece."""

    def __init__(self, ident: str, kind: str, seed: str, clock: Clock) -> None:
        self.ident, self.kind, self.clock = ident, kind, clock
        self._random = Random(f"{seed}-trace")  # of its own, so that tracing changes nothing else that is drawn
        self.sampler = Sampler(self._random)
        self.documents: deque[str] = deque(maxlen=MOST_KEPT)

    def begin(self, headers: Mapping[str, str]) -> Segment | None:
        """The segment of a request that arrives; None when it is not traced."""
        if self.kind not in ORIGINS:
            return None
        told = headers.get(HEADER)
        now = self.clock.now() / 1000
        if told is None:
            if not self.sampler.take(now):
                return None
            root = {"trace_id": f"1-{int(now):08x}-{self._random.getrandbits(96):024x}"}
        else:
            facts = dict(fact.split("=", 1) for fact in told.split(";") if "=" in fact)
            if facts.get("Sampled") != "1" or "Root" not in facts:
                return None
            root = {"trace_id": facts["Root"]} | ({"parent_id": facts["Parent"]} if facts.get("Parent") else {})
        return Segment(self._document(now) | root, self._random, self.clock)

    def _document(self, now: float) -> Wire:
        origin = ORIGINS[self.kind]
        document = {"id": f"{self._random.getrandbits(64):016x}", "name": self.ident, "start_time": now,
                    "http": {"request": {"method": "GET", "url": f"http://{self.ident}/"}}}  # fmt: skip
        return document | ({"origin": origin} if origin else {})

    def end(self, segment: Segment, status: int) -> None:
        """Keep it until it is taken away."""
        self.documents.append(segment.ended(status))

    def take(self) -> list[str]:
        """All that have ended, once."""
        found, self.documents = list(self.documents), deque(maxlen=MOST_KEPT)
        return found
