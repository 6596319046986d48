"""Segment documents for tests: a customer calls the shop, which calls the stock."""

from __future__ import annotations

import json
from typing import Any

Doc = dict[str, Any]


def trace_id(at_s: int, number: int = 0) -> str:
    """The id of a trace that began then."""
    return f"1-{at_s:08x}-{number:024x}"


def part(ident: str, name: str, start: float, seconds: float, **more: Any) -> Doc:
    """A call that a segment made."""
    found = {"id": ident, "name": name, "start_time": start, "end_time": start + seconds, "namespace": "remote"}
    return found | more


def segment(trace: str, ident: str, name: str, start: float, seconds: float, **more: Any) -> Doc:
    """One service's part in a request."""
    found: Doc = {"trace_id": trace, "id": ident, "name": name, "start_time": start, "end_time": start + seconds}
    return found | more


def hexed(number: int) -> str:
    """A segment id."""
    return f"{number:016x}"


def purchase(at_s: int, number: int = 0, *, seconds: float = 0.2, stock: bool = True, **stock_says: Any) -> list[str]:
    """Shop and stock in one trace; ``stock`` False: it sends no segment, as something that did not answer."""
    trace, base, start = trace_id(at_s, number), number * 10, float(at_s)
    failed = {"fault": True} if stock_says.get("fault") else {}
    status = 500 if failed else 200
    http = {"request": {"url": "https://shop.example/buy", "method": "GET"}, "response": {"status": status}}
    called = part(hexed(base + 2), "stock", start + 0.01, seconds / 2, **stock_says)
    found = [segment(trace, hexed(base + 1), "shop", start, seconds, subsegments=[called], http=http,
                     annotations={"tier": "gold", "items": number}, **failed)]  # fmt: skip
    if stock:
        found.append(
            segment(
                trace,
                hexed(base + 3),
                "stock",
                start + 0.02,
                seconds / 2 - 0.02,
                parent_id=hexed(base + 2),
                origin="AWS::Lambda::Function",
                **stock_says,
            )  # fmt: skip
        )
    return [json.dumps(doc) for doc in found]
