"""The report names the edge that broke, with its numbers, and says nothing where no graph was read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gameday.journal.events import Draft
from gameday.plan import Mapped
from tests.reports.a_day import GO, SECOND
from tests.reports.test_words import report

MAP = (Mapped(id="edge", needs=("payments-function", "payments-standby")), Mapped(id="payments-function"))
Counts = dict[tuple[str, str], tuple[int, int]]


def graph(window: str, counts: Counts) -> Draft:
    edges = [{"from": a, "to": b, "total": total, "faults": faults} for (a, b), (total, faults) in counts.items()]
    what: dict[str, Any] = {"window": window, "from_ms": GO, "to_ms": GO + 60 * SECOND, "nodes": [], "edges": edges}
    return Draft("graph.seen", what)


def section(text: str) -> str:
    return text.partition("## Where it broke")[2].partition("\n## ")[0]


def test_the_edge_that_broke_is_named_with_its_numbers(tmp_path: Path) -> None:
    before = graph("baseline", {("edge", "payments-function"): (700, 0), ("edge", "mail"): (9, 0)})
    during = graph("fault", {("edge", "payments-function"): (300, 299)})
    said = section(report(tmp_path, (80, before), (1270, during), service_map=MAP))
    assert "from edge to payments-function broke: of its traced calls 299 of 300 (99.7%) failed" in said.replace(
        "\\", ""
    )
    assert "0 of 700 (0.0%) before it" in said
    assert "up 99.7 points" in said
    assert "On the map and not seen: edge to payments-standby" in said
    assert "Seen and not on the map: edge to mail" in said
    assert "| edge to mail | 0 of 9 (0.0%) | not seen | unknown |" in said


def test_a_window_that_was_not_read_is_said(tmp_path: Path) -> None:
    said = section(report(tmp_path, (80, graph("baseline", {("edge", "mail"): (9, 0)}))))
    assert "The graph of the fault window was not read" in said


def test_no_edge_that_broke_is_said(tmp_path: Path) -> None:
    counts: Counts = {("edge", "payments-function"): (700, 0)}
    said = section(
        report(tmp_path, (80, graph("baseline", counts)), (1270, graph("fault", counts)), service_map=MAP[1:])
    )
    assert "No edge" in said and "Seen and not on the map: edge to payments-function" in said


def test_without_a_graph_it_says_that_no_place_is_named(tmp_path: Path) -> None:
    assert "No service graph was read, so no place is named." in section(report(tmp_path))
