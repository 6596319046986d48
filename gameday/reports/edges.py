"""Where it broke, in words: the edge that failed most beside before, and how the traces differ from the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST_ROWS = 8


def graph_of(verdict: dict[str, Any]) -> dict[str, Any] | None:
    """What the template shows of the service graph; None when none was read."""
    graph = verdict.get("graph")
    if not graph:
        return None
    return {
        "says": _says(graph),
        "rows": [_row(row) for row in graph["edges"][:MOST_ROWS]],
        "left_out": max(0, len(graph["edges"]) - MOST_ROWS),
        "not_seen": _pairs(graph["not_seen"]),
        "not_on_map": _pairs(graph["not_on_map"]),
        "evidence": ", ".join(graph["evidence"]),
    }


def _says(graph: dict[str, Any]) -> str:
    missing = [name for name in ("baseline", "fault") if name not in graph["windows"]]
    if missing:
        return f"The graph of the {' and the '.join(missing)} window was not read, so there is nothing to compare with."
    broken = graph["broken"]
    if broken is None:
        return "No edge that was seen in both windows fails clearly more often during the fault than before it."
    before, during = _count(broken["before"]), _count(broken["during"])
    place = f"The edge from {broken['from']} to {broken['to']} broke"
    return f"{place}: of its traced calls {during} failed during the fault, {before} before it."


def _row(row: dict[str, Any]) -> dict[str, str]:
    return {
        "edge": f"{row['from']} to {row['to']}",
        "before": _count(row["before"]),
        "during": _count(row["during"]),
        "rise": _change(row["rise"]),
    }


def _change(rise: float | None) -> str:
    if rise is None:
        return "unknown"
    return f"{'up' if rise > 0 else 'down'} {abs(rise) * 100:.1f} points" if rise else "none"


def _count(told: dict[str, int] | None) -> str:
    if told is None:
        return "not seen"
    share = f" ({told['faults'] / told['total']:.1%})" if told["total"] else ""
    return f"{told['faults']} of {told['total']}{share}"


def _pairs(pairs: Sequence[Sequence[str]]) -> str:
    return ", ".join(f"{source} to {target}" for source, target in pairs)
