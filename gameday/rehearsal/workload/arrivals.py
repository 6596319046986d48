"""When requests arrive: an open loop from a seed, which no slow answer holds back."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from random import Random

PAY_DAY_MS = 30 * 60_000
PAY_DAY_SWELL = 0.2  # upwards only: a bucket must never hold fewer requests than were planned for


def factor(shape: str, at: float) -> float:
    """How many times the planned rate is due at this scenario time."""
    if shape != "pay-day":
        return 1.0
    return 1 + PAY_DAY_SWELL * math.sin(math.pi * at / PAY_DAY_MS) ** 2


def arrivals(start: float, per_minute: float, shape: str, seed: int) -> Iterator[float]:
    """Scenario times without end, ascending: one at a random place of each slot, so that every bucket is as full as
    was planned and the machine never meets a burst that chance made."""
    random, slot = Random(seed), start
    while True:
        length = 60_000 / (per_minute * factor(shape, slot))
        yield slot + random.random() * length
        slot += length


def release(waiting: deque[float], oldest: float, cap: int) -> tuple[list[float], list[float]]:
    """Take from what waits: at most ``cap`` to send now, and all that is too old to be sent. After a stall the rest
    goes out little by little: the burst is what would fail."""
    dropped = []
    while waiting and waiting[0] < oldest:
        dropped.append(waiting.popleft())
    return [waiting.popleft() for _ in range(min(cap, len(waiting)))], dropped
