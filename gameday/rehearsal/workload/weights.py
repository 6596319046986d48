"""Which piece a name leads to: weighted records as Route 53 answers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Weighted = tuple[str, int]


def read(records: Iterable[Mapping[str, Any]], name: str) -> list[Weighted]:
    """(piece, weight) of the weighted CNAME records of a name. The piece is the first label of the value."""
    wanted = name.rstrip(".")
    return [
        (str(record["ResourceRecords"][0]["Value"]).split(".")[0], int(record["Weight"]))
        for record in records
        if record["Type"] == "CNAME" and record["Name"].rstrip(".") == wanted and "Weight" in record
    ]


def choose(weighted: Sequence[Weighted], drawn: float) -> str | None:
    """The piece for a number drawn from [0, 1). Where all weights are zero all are equally likely, as in Route 53;
    None when there is no record."""
    if not weighted:
        return None
    total = sum(weight for _, weight in weighted)
    if total == 0:
        return weighted[int(drawn * len(weighted))][0]
    left = drawn * total
    for piece, weight in weighted:
        left -= weight
        if left < 0:
            return piece
    return next(piece for piece, weight in reversed(weighted) if weight)


def value_of(piece: str, service: str) -> str:
    """The value of the record that leads to a piece."""
    return f"{piece}.{service}.internal"


def zone_of(record: str) -> str:
    """The hosted zone of a record: its name without the first label."""
    return record.rstrip(".").partition(".")[2]


def zone_id(zone: str) -> str:
    """The id the rehearsal gives a hosted zone; known beforehand, because runbooks name it."""
    return "Z0" + "".join(c for c in zone.upper() if c.isascii() and c.isalnum())[:30]
