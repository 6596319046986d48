"""Sources that fail, come late, correct themselves or answer nonsense: what is not known is unknown, never 0."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gameday.conductor.sampling import Source, read, sources
from gameday.journal.state import State
from gameday.plan import Signal
from gameday.protocols import Sample, Window
from tests.conductor.bench import MINUTE, PERIOD, Bench, S, a_plan, fault


def a_bench(tmp_path: Path, minutes: float = 6, **changes: Any) -> Bench:
    return Bench(a_plan(fault(minutes=minutes), **changes), tmp_path)


def went_on(bench: Bench, since: int, until: int) -> list[float | None]:
    """What is known of the failures from so many to so many seconds after the go."""
    go, series = bench.state.t_go or 0, bench.state.signals["failures"]
    return [series.get(t, -1.0) for t in range(go + since * S, go + until * S, PERIOD)]


def test_a_source_that_fails_and_comes_back_is_read_over_all_that_was_missed(tmp_path: Path) -> None:
    """Three minutes away: told at most once a minute, and afterwards there is no gap, since the source kept it."""
    bench = a_bench(tmp_path)
    bench.watch.raises = lambda now: MINUTE <= now - (bench.state.t_go or now) < 4 * MINUTE
    bench.run()
    bench.check()
    told = sorted({at for at, _, _ in bench.timeline("observer.failed")})  # metrics and alarms at the same time
    assert told[0] < 67
    assert len(told) == 3
    assert all(b - a >= 60 for a, b in zip(told, told[1:], strict=False))
    assert went_on(bench, 0, 300) == [100.0] * 15
    assert bench.results() == {"stop": "done"}


def test_a_witness_that_cannot_be_read_in_time_leaves_the_effect_unwitnessed(tmp_path: Path) -> None:
    """It is *not read*, which is another thing than *no effect*."""
    bench = a_bench(tmp_path)
    bench.watch.raises = lambda now: 0 <= now - (bench.state.t_go or 2**60) < 10 * MINUTE
    bench.run()
    bench.check()
    assert bench.of("fault.not_effective")[0].what["read"] is False
    assert bench.of("step.ended")[0].what["why"] == "its witness could not be read: failures at least 1"
    assert "FAULT_NOT_WITNESSED" in bench.verdict()["tolerances"][0]["codes"]


def test_a_datapoint_that_comes_late_replaces_the_gap(tmp_path: Path) -> None:
    bench = a_bench(tmp_path)
    late = (2 * MINUTE, 2 * MINUTE + PERIOD)
    bench.watch.late_ms = lambda ident, t: 90 * S if late[0] <= t - (bench.state.t_go or 0) < late[1] else 0
    bench.at(200, lambda: seen.append(went_on(bench, 100, 180)))
    seen: list[list[float | None]] = []
    bench.run()
    bench.check()
    assert seen == [[100.0, None, 100.0, 100.0]]
    assert went_on(bench, 100, 180) == [100.0] * 4


def test_a_value_that_is_corrected_is_the_new_one(tmp_path: Path) -> None:
    bench = a_bench(tmp_path)
    honest = bench.watch.series["failures"]

    def drops(t: int) -> float | None:
        go = bench.state.t_go or 0
        fresh = bench.clock.now() - t < PERIOD + 30 * S
        return 70.0 if t == go + 2 * MINUTE and fresh else honest(t)

    bench.watch.series["failures"] = drops
    bench.run()
    bench.check()
    told = [v for e in bench.of("signals.sampled") for t, v in e.what["values"].get("failures", ())
            if t == (bench.state.t_go or 0) + 2 * MINUTE]  # fmt: skip
    assert told == [70.0, 100.0]
    assert went_on(bench, 120, 140) == [100.0]


def test_lost_datapoints_are_unknown_and_never_nought(tmp_path: Path) -> None:
    bench = a_bench(tmp_path)
    bench.watch.lost = lambda ident, t: 2 * MINUTE <= t - (bench.state.t_go or 0) < 3 * MINUTE
    bench.run()
    bench.check()
    assert went_on(bench, 100, 200) == [100.0, None, None, None, 100.0]
    assert bench.verdict()["data"]["windows"]["outage"]["missing"] == 3


def test_a_source_that_answers_nothing_leaves_everything_unknown(tmp_path: Path) -> None:
    bench = a_bench(tmp_path)
    bench.watch.silent = lambda now: now >= (bench.state.t_go or 2**60)
    bench.run()
    bench.check()
    known = {v for v in went_on(bench, 0, 120)}
    assert known == {None}
    assert bench.verdict()["outcome"] in ("unsafe", "not tested", "inconclusive")
    assert bench.verdict()["tolerances"][0]["verdict"] == "inconclusive"


def test_a_value_lost_later_does_not_replace_the_one_that_was_read(tmp_path: Path) -> None:
    bench = a_bench(tmp_path)
    bench.watch.lost = lambda ident, t: t < (bench.state.t_go or 0) + MINUTE < bench.clock.now() - 2 * MINUTE
    bench.run()
    bench.check()
    assert went_on(bench, 0, 60) == [100.0] * 3


SOON = Sample("soon", 1.0)  # type: ignore[arg-type]  # no time


@pytest.mark.parametrize(
    "nonsense",
    [None, 7, [1], {"failures": 3}, {"failures": [None]}, {"failures": ["x"]}, {"failures": [SOON]}],
)
def test_an_observer_that_answers_nonsense_has_failed_and_the_day_goes_on(tmp_path: Path, nonsense: Any) -> None:
    """The witness cannot be read; nothing that a plug-in says crashes a run, and the fault is taken back."""
    bench = a_bench(tmp_path, minutes=2)
    honest = bench.watch.sample

    def sample(signals: Sequence[Signal], window: Window) -> Any:
        return nonsense if bench.state.t_go is not None else honest(signals, window)

    bench.watch.sample = sample  # type: ignore[method-assign]
    bench.run()
    bench.check()
    assert bench.of("observer.failed")
    assert not bench.world.left()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_unknown(tmp_path: Path, value: float) -> None:
    """A journal cannot hold it, and nobody can judge it."""
    bench = a_bench(tmp_path, minutes=2)
    honest = bench.watch.series["failures"]
    bench.watch.series["failures"] = lambda t: value if t == (bench.state.t_go or 0) + MINUTE else honest(t)
    bench.run()
    bench.check()
    assert went_on(bench, 40, 100) == [100.0, None, 100.0]


def test_what_the_machine_disturbed_is_unknown_and_decides_nothing(tmp_path: Path) -> None:
    """The bucket in which the effect would have been seen is disturbed; it is seen in the next one."""
    bench = a_bench(tmp_path)

    def disturbed(since: int) -> tuple[list[tuple[int, int]], int]:
        go = bench.state.t_go
        return ([(go, go + PERIOD)] if go and bench.clock.now() > go else []), 0

    bench.conductor.disturbances = disturbed
    bench.run()
    bench.check()
    (effective,) = bench.of("fault.effective")
    assert effective.what["bucket_ms"] == (bench.state.t_go or 0) + PERIOD
    assert len(bench.of("rehearsal.disturbed")) == 1


def test_a_conductor_that_takes_over_asks_for_disturbances_since_the_baseline(tmp_path: Path) -> None:
    """Also for those of the time in which nobody conducted."""
    bench = a_bench(tmp_path).go()
    for _ in range(200):
        bench.conductor.turn()
    bench.clock.advance(5 * MINUTE)
    bench.crash()
    asked: list[int] = []

    def none(since: int) -> tuple[tuple[()], int]:
        asked.append(since)
        return (), 0

    bench.conductor.disturbances = none
    bench.run()
    assert set(asked) == {bench.state.phase_ms["baseline"]}


def test_the_first_look_reaches_back_to_the_beginning_and_later_ones_over_what_may_change() -> None:
    signal = Signal(id="a", source="cloudwatch.metric", query={}, period_ms=PERIOD, settles_ms=PERIOD)

    class Nobody:
        name, sources = "nobody", frozenset({"cloudwatch.metric"})

        def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
            return {}

    (source,), unread = sources([signal], [Nobody()], since=1_000_010)
    assert unread == []
    window = source.look(1_500_000)
    assert window == Window(1_000_000, 1_500_000)
    read(source, window, {}, State())
    assert source.look(1_510_000) == Window(1_380_000, 1_510_000)


def test_a_signal_that_no_observer_reads_is_named() -> None:
    signal = Signal(id="a", source="weather", query={}, period_ms=PERIOD, settles_ms=0)
    found: tuple[list[Source], list[Signal]] = sources([signal], [], since=0)
    assert found == ([], [signal])


def test_a_look_that_never_comes_back_leaves_all_that_follows_unknown(tmp_path: Path) -> None:
    """The service was well when it was last seen; that nobody saw it since is no pass."""
    bench = a_bench(tmp_path, 15)
    run, hangs = bench.effects.run, list[int]()

    def hanging(key: str, work: Any) -> bool:
        if key.startswith("observe:") and bench.state.t_go and bench.clock.now() >= bench.state.t_go + 4 * MINUTE:
            hangs.append(bench.clock.now())
            return True
        return run(key, work)

    def busy_for(key: str) -> float:
        return (bench.clock.now() - hangs[0]) / S if hangs and key.startswith("observe:") else 0.0

    bench.effects.run, bench.effects.busy_for = hanging, busy_for  # type: ignore[method-assign]  # a thread that hangs
    bench.run()
    bench.check()
    window = bench.verdict()["data"]["windows"]["outage"]
    told = bench.of("observer.failed")
    assert len(hangs) == 2, "metrics and alarms, once each"
    assert told[-1].at - told[0].at > 10 * MINUTE
    assert max(b.at - a.at for a, b in pairwise(told)) <= 2 * MINUTE
    assert window["missing"] * PERIOD > 10 * MINUTE
    assert bench.verdict()["tolerances"][0]["verdict"] == "inconclusive"
