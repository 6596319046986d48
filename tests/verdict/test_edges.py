"""Where it broke: from two windows of the service graph, and never from one that was not seen."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.errors import DamagedRun
from gameday.journal.events import Event
from gameday.plan import Mapped
from gameday.verdict.edges import Graph, where_it_broke
from gameday.verdict.facts import gather

MAP = (
    Mapped(id="edge", names=("api.bank.example",), needs=("pay", "standby")),
    Mapped(id="pay", names=("pay-function",), needs=("ledger",)),
    Mapped(id="standby", needs=("ledger",)),
    Mapped(id="ledger"),
)
Edges = dict[tuple[str, str], tuple[int, int]]


def graph(edges: Edges) -> Graph:
    return Graph(0, 60_000, 7, edges)


def found(before: Edges, during: Edges) -> dict[str, Any]:
    told = where_it_broke({"baseline": graph(before), "fault": graph(during)}, MAP)
    assert told is not None
    return told


def place(before: Edges, during: Edges) -> tuple[str, str] | None:
    broken = found(before, during)["broken"]
    return None if broken is None else (broken["from"], broken["to"])


def test_without_a_graph_nothing_is_said() -> None:
    assert where_it_broke({}, MAP) is None


def test_the_edge_that_rose_most_broke() -> None:
    before: Edges = {("edge", "pay"): (100, 1), ("pay", "ledger"): (100, 0)}
    during: Edges = {("edge", "pay"): (50, 50), ("pay", "ledger"): (80, 5)}
    assert place(before, during) == ("edge", "pay")
    assert found(before, during)["edges"][0]["rise"] == 0.99


def test_of_a_failure_that_every_caller_passes_on_the_last_edge_broke() -> None:
    during: Edges = {("edge", "pay"): (100, 99), ("pay", "ledger"): (100, 97), ("pay", "fraud"): (100, 0)}
    assert place({pair: (100, 0) for pair in during}, during) == ("pay", "ledger")


def test_an_edge_that_one_window_does_not_show_has_no_rise() -> None:
    told = found({("edge", "pay"): (100, 0)}, {("edge", "standby"): (100, 100)})
    assert told["broken"] is None
    assert [(row["to"], row["rise"]) for row in told["edges"]] == [("pay", None), ("standby", None)]


@pytest.mark.parametrize("during", [(100, 4), (20, 2), (100, 0), (0, 0)])
def test_a_stray_failure_is_no_break(during: tuple[int, int]) -> None:
    assert place({("edge", "pay"): (100, 0)}, {("edge", "pay"): during}) is None


def test_a_window_that_was_not_read_leaves_nothing_to_compare() -> None:
    told = where_it_broke({"fault": graph({("edge", "pay"): (9, 9)})}, MAP)
    assert told is not None and told["broken"] is None and list(told["windows"]) == ["fault"]


def test_the_map_is_compared_by_id_name_and_the_end_of_an_arn() -> None:
    told = found({("api.bank.example", "pay-function"): (9, 0)}, {("pay-function", "mainframe"): (9, 0)})
    assert told["not_seen"] == [("edge", "standby"), ("pay", "ledger"), ("standby", "ledger")]
    assert told["not_on_map"] == [("pay", "mainframe")]


EDGE = {"from": "a", "to": "b", "total": 1, "faults": 0}


@pytest.mark.parametrize(
    "change",
    [{"edges": [{**EDGE, "total": -1}]}, {"edges": [{**EDGE, "faults": True}]}, {"edges": [{**EDGE, "from": 3}]},
     {"edges": [{"from": "a"}]}, {"edges": 7}, {"from_ms": "x"}, {"window": None, "edges": None}],
)  # fmt: skip
def test_a_graph_of_another_shape_is_a_damaged_journal(change: dict[str, Any]) -> None:
    what = {"window": "fault", "from_ms": 0, "to_ms": 1, "nodes": [], "edges": [EDGE]} | change
    with pytest.raises(DamagedRun):
        gather([Event(1, 1, 0, 0, "", "graph.seen", what=what)])
