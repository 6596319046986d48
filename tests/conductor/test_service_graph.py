"""The service graph is read before the fault and after it, and whatever becomes of it hinders nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gameday.plan import Signal
from gameday.protocols import GraphEdge, GraphNode, Sample, ServiceGraph, Tally, Window
from tests.conductor.bench import MINUTE, Bench, S, a_plan, fault

TRACED = {"id": "edge-faults", "source": "xray.edge", "query": {"from": "edge", "to": "pay"}, "period_ms": MINUTE,
          "settles_ms": MINUTE}  # fmt: skip


class XRay:
    """An observer with a graph: the edge fails while the window holds the fault."""

    name, sources = "xray", frozenset({"xray.edge"})

    def __init__(self, bench: Bench) -> None:
        self.bench, self.asked = bench, list[tuple[int, Window]]()
        self.raises: BaseException | None = None
        self.answer: Any = None

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        return {signal.id: [] for signal in signals}

    def graph(self, window: Window) -> ServiceGraph:
        self.asked.append((self.bench.clock.now(), window))
        if self.raises:
            raise self.raises
        faults = 9 if self.bench.world.faulty(window.start_ms) else 0
        tally = Tally(10, 10 - faults, 0, 0, faults, 1.0)
        graph = ServiceGraph((GraphNode("edge", tally),), (GraphEdge("edge", "pay", tally),))
        return graph if self.answer is None else self.answer  # or what else a plug-in may give


@pytest.fixture
def day(tmp_path: Path) -> tuple[Bench, XRay]:
    plain = a_plan(fault(minutes=5))
    plan = plain.model_copy(update={"signals": (*plain.signals, Signal.model_validate(TRACED))})
    bench = Bench(plan, tmp_path)
    return bench, XRay(bench)


def run(bench: Bench, xray: XRay) -> str:
    bench.others = [xray]
    bench.crash()  # and opened again, with it
    return bench.run()


def test_both_windows_are_read_once_when_they_have_settled(day: tuple[Bench, XRay]) -> None:
    bench, xray = day
    assert run(bench, xray) == "completed"
    bench.check()
    seen = {event.what["window"]: event.what for event in bench.of("graph.seen")}
    assert list(seen) == ["baseline", "fault"] and len(xray.asked) == 2
    assert seen["baseline"]["to_ms"] == bench.state.t_go
    assert seen["fault"]["to_ms"] - seen["fault"]["from_ms"] == pytest.approx(5 * MINUTE, abs=30 * S)
    assert all(at >= window.end_ms + MINUTE for at, window in xray.asked)
    assert seen["fault"]["edges"] == [{"from": "edge", "to": "pay", "total": 10, "ok": 1, "errors": 0,
                                       "throttles": 0, "faults": 9, "seconds": 1.0}]  # fmt: skip
    assert bench.verdict()["graph"]["broken"]["rise"] == 0.9


@pytest.mark.parametrize("wrong", [RuntimeError("X-Ray is away"), "no graph"])
def test_a_graph_that_cannot_be_read_is_journalled_a_few_times_and_the_day_goes_on(
    day: tuple[Bench, XRay], wrong: Any
) -> None:
    bench, xray = day
    if isinstance(wrong, str):
        xray.answer = wrong
    else:
        xray.raises = wrong
    assert run(bench, xray) == "completed"
    bench.check()
    assert len(bench.of("graph.failed")) == 8 and not bench.of("graph.seen")
    assert bench.verdict()["graph"] is None
    assert bench.results() == {"stop": "done"}


def test_an_aborted_day_waits_with_its_last_word_until_the_graph_of_its_faults_has_settled(
    day: tuple[Bench, XRay],
) -> None:
    """Faults are taken back at once all the same."""
    bench, xray = day
    bench.others = [xray]
    bench.crash()
    bench.at(120, lambda: bench.conductor.ask_abort("enough"))
    assert bench.run() == "aborted"
    bench.check()
    assert [event.what["window"] for event in bench.of("graph.seen")] == ["baseline", "fault"]
    assert all(at >= window.end_ms + MINUTE for at, window in xray.asked)
    assert bench.verdict()["graph"]["broken"]["rise"] == 0.9


def test_a_day_that_is_aborted_before_anything_broke_waits_for_no_graph(day: tuple[Bench, XRay]) -> None:
    bench, xray = day
    bench.others = [xray]
    bench.crash()
    bench.once(lambda state: state.phase == "baseline", lambda: bench.conductor.ask_abort("enough"))
    assert bench.run() == "aborted"
    assert not xray.asked


def test_a_graph_that_nobody_answers_for_holds_the_last_word_up_for_seconds_only(
    day: tuple[Bench, XRay], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its effect is begun and never comes back."""
    bench, xray = day
    begin = bench.effects.run
    bench.effects.run = lambda key, work: key.startswith("graph:") or begin(key, work)  # type: ignore[method-assign]  # the thread hangs
    bench.at(120, lambda: bench.conductor.ask_abort("enough"))
    assert run(bench, xray) == "aborted"
    ended, over = bench.state.faults["stop"].ended_ms, bench.clock.now()
    assert ended is not None and MINUTE < over - ended < MINUTE + 20 * S


def test_a_conductor_that_takes_the_run_over_does_not_ask_again(day: tuple[Bench, XRay]) -> None:
    bench, xray = day
    bench.others = [xray]
    bench.crash()
    bench.go()
    while not bench.of("graph.seen"):
        bench.conductor.turn()
    assert run(bench, xray) == "completed"
    assert len(xray.asked) == 2
    assert [event.what["window"] for event in bench.of("graph.seen")] == ["baseline", "fault"]


def test_a_day_that_watches_no_source_with_a_graph_has_none(tmp_path: Path) -> None:
    bench = Bench(a_plan(fault(minutes=5)), tmp_path)
    assert bench.run() == "completed"
    assert not bench.of("graph.seen") and bench.verdict()["graph"] is None
