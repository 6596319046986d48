"""Waiting with a time-out that a stalled machine does not spend."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
SLICES = 5


async def sliced(coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
    """Await with a time-out cut into slices: a stall of the event loop costs one of them, not the request."""
    task = asyncio.ensure_future(coroutine)
    try:
        for _ in range(SLICES):
            done, _ = await asyncio.wait({task}, timeout=seconds / SLICES)
            if done:
                return task.result()
    finally:
        if not task.done():
            task.cancel()
    raise TimeoutError
