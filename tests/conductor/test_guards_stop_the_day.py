"""Each kind of guard, when it fires and when it cannot be read; whatever fires, all is taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.conductor.guards import used_share
from gameday.journal.events import Draft
from gameday.protocols import Sample
from tests.conductor.bench import MINUTE, PERIOD, Bench, S, a_plan, fault, signal


def guarded(tmp_path: Path, *guards: dict[str, Any], minutes: float = 20, **changes: Any) -> Bench:
    return Bench(a_plan(fault(minutes=minutes), guards=list(guards), **changes), tmp_path)


def fired(bench: Bench) -> list[tuple[float, str, str]]:
    bench.check()
    assert not bench.world.left()
    return [t for t in bench.timeline("guard.fired", "guard.unreadable", "abort.asked") if t[0] >= 0]


def outage(**changes: Any) -> dict[str, Any]:
    return {
        "id": "outage", "authority": "fca", "metric": "duration", "limit": "30m", "counts_as_disrupted": ["down"],
        "measure": {"attempts": "attempts", "failures": "failures"}, "hold": "1m", **changes,
    }  # fmt: skip


def test_a_guard_on_a_signal_fires_once_it_stayed_beyond_for_so_long(tmp_path: Path) -> None:
    """Three buckets of 20 s from the go on, and 20 s until the last of them is settled."""
    bench = guarded(tmp_path, {"signal": "failures", "above": 50, "for": "1m"})
    assert bench.run() == "aborted"
    assert fired(bench) == [
        (80.0, "guard.fired", "failures above 50"),
        (80.0, "abort.asked", "guard: failures above 50"),
    ]


def test_a_guard_on_a_signal_does_not_fire_when_it_comes_back_in_between(tmp_path: Path) -> None:
    bench = guarded(tmp_path, {"signal": "failures", "above": 50, "for": "1m"}, minutes=5)
    bench.watch.series["failures"] = lambda t: 100.0 if t >= (bench.state.t_go or 2**60) and (t // PERIOD) % 3 else 0.0
    assert bench.run() == "completed"
    assert fired(bench) == []


def test_an_unknown_bucket_is_not_beyond(tmp_path: Path) -> None:
    """Lost datapoints break the row; they are left to the guard's being unreadable."""
    bench = guarded(tmp_path, {"signal": "failures", "above": 50, "for": "1m"}, minutes=4)
    bench.watch.lost = lambda ident, t: ident == "failures" and (t // PERIOD) % 3 == 0 and bench.state.t_go is not None
    assert bench.run() == "completed"
    assert fired(bench) == []


def test_a_guard_on_an_alarm_fires_when_the_alarm_does(tmp_path: Path) -> None:
    bench = guarded(tmp_path, {"alarm": "page"})
    assert bench.run() == "aborted"
    assert fired(bench) == [(42.0, "guard.fired", "alarm page"), (42.0, "abort.asked", "guard: alarm page")]


@pytest.mark.parametrize("state", [None, Sample(0, 1.0)])
def test_nothing_is_broken_while_an_alarm_that_guards_is_missing_or_rings(tmp_path: Path, state: Sample | None) -> None:
    """A guard that cannot fire guards nothing, and one that would fire at once has nothing to say about the fault."""
    bench = guarded(tmp_path, {"alarm": "page"})
    bench.watch.alarms["page"] = lambda now: state
    assert bench.run() == "completed"
    assert bench.calls("start") == []
    assert bench.verdict()["outcome"] == "not tested"
    assert "never seen steady and guarded (alarm page)" in bench.of("step.ended")[0].what["why"]


def test_nothing_is_broken_while_the_signal_of_a_guard_has_no_data(tmp_path: Path) -> None:
    bench = guarded(tmp_path, {"signal": "other", "above": 50}, minutes=4,
                    signals=[signal("attempts"), signal("failures"), signal("errors"), signal("other")])  # fmt: skip
    bench.watch.lost = lambda ident, t: ident == "other"
    assert bench.run() == "completed"
    assert bench.calls("start") == []


def test_an_alarm_that_is_deleted_while_it_guards_makes_the_guard_fire(tmp_path: Path) -> None:
    bench = guarded(tmp_path, {"alarm": "page"})
    bench.watch.alarms["page"] = lambda now: Sample(0, 0.0) if now < (bench.state.t_go or now) + MINUTE else None
    assert bench.run() == "aborted"
    assert fired(bench)[0][1:] == ("guard.unreadable", "alarm page")


@pytest.mark.parametrize("guard", [
    {"tolerance": "outage", "at": "50%"}, {"signal": "failures", "above": 50}, {"alarm": "page"},
])  # fmt: skip
def test_a_guard_that_cannot_be_read_for_three_periods_fires(tmp_path: Path, guard: dict[str, Any]) -> None:
    bench = guarded(tmp_path, guard)
    bench.watch.raises = lambda now: bench.state.t_go is not None and now >= bench.state.t_go
    assert bench.run() == "aborted"
    (unreadable, abort) = fired(bench)
    assert unreadable[1] == "guard.unreadable"
    assert unreadable[0] == abort[0] <= 6 * PERIOD / S


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_guard_bears_fewer_lost_datapoints(tmp_path: Path, lost: int) -> None:
    bench = guarded(tmp_path, {"signal": "failures", "above": 500}, minutes=4)

    def gone(ident: str, t: int) -> bool:
        return bench.state.t_go is not None and 0 <= t - bench.state.t_go - MINUTE < lost * PERIOD

    bench.watch.lost = gone
    assert bench.run() == "completed"
    assert fired(bench) == []


def test_a_guard_on_a_tolerance_counts_unknown_buckets_as_disrupted(tmp_path: Path) -> None:
    """Upper bound: every second datapoint is lost and the others are good, so half an hour may be an outage."""
    bench = guarded(tmp_path, {"tolerance": "outage", "at": "20%"}, minutes=20,
                    tolerances=[outage(mode="cumulative", period="24h")])  # fmt: skip
    bench.world.moved_ms = 0
    bench.watch.series["failures"] = lambda t: 1.0 if t == bench.state.t_go else 0.0

    def lost(ident: str, t: int) -> bool:
        return ident == "attempts" and t >= (bench.state.t_go or 2**60) and (t // PERIOD) % 2 == 0

    bench.watch.lost = lost
    assert bench.run() == "aborted"
    assert fired(bench)[0][1:] == ("guard.fired", "outage at 20%")


def test_a_tolerance_of_nothing_is_used_up_by_anything(tmp_path: Path) -> None:
    """A share of zero has no value that a journal could hold; the guard fires all the same."""
    bench = guarded(tmp_path, {"tolerance": "outage", "at": "50%"},
                    tolerances=[outage(metric="failed_transactions", limit=0)])  # fmt: skip
    assert bench.run() == "aborted"
    assert fired(bench)[0][1:] == ("guard.fired", "outage at 50%")


def test_at_the_very_start_nothing_is_used(tmp_path: Path) -> None:
    bench = guarded(tmp_path, {"tolerance": "outage", "at": "1%"}, minutes=4)
    seen: list[float | None] = []
    bench.at(0, lambda: seen.append(used_share(bench.plan, bench.state, "outage", bench.clock.now())))
    bench.at(19, lambda: seen.append(used_share(bench.plan, bench.state, "outage", bench.clock.now())))
    bench.run()
    assert seen == [0, 0]


def test_a_baseline_corrected_late_does_not_blind_a_guard(tmp_path: Path) -> None:
    """The first bucket of the baseline turns out to have been bad: D10 then leaves the upper bound open, and the guard
    goes on to measure what follows."""
    bench = guarded(tmp_path, {"tolerance": "outage", "at": "20%"}, baseline_ms=2 * MINUTE)
    honest = bench.watch.series["failures"]

    def corrected(t: int) -> float | None:
        go = bench.state.t_go
        return 100.0 if go is not None and t == go - 2 * MINUTE else honest(t)

    bench.watch.series["failures"] = corrected
    assert bench.run() == "aborted"
    assert fired(bench)[0][1:] == ("guard.fired", "outage at 20%")


def test_a_day_without_a_baseline_is_guarded(tmp_path: Path) -> None:
    bench = guarded(tmp_path, {"tolerance": "outage", "at": "20%"}, baseline_ms=0)
    assert bench.run() == "aborted"
    assert fired(bench)[0][1:] == ("guard.fired", "outage at 20%")


def test_no_guard_looks_at_what_was_before_the_go(tmp_path: Path) -> None:
    bench = guarded(tmp_path, {"signal": "other", "above": 50}, minutes=4,
                    signals=[signal("attempts"), signal("failures"), signal("errors"), signal("other")])  # fmt: skip
    bench.watch.series["other"] = lambda t: 100.0 if t < (bench.state.t_go or 2**60) else 0.0
    assert bench.run() == "completed"
    assert fired(bench) == []


def test_a_guard_counts_the_clock_error_as_the_verdict_does(tmp_path: Path) -> None:
    """A rehearsal's lag widens the upper bound of the verdict (D8), so it is in that of a guard."""
    bench, seen = guarded(tmp_path, minutes=4), list[float | None]()
    bench.at(50, lambda: bench.conductor.record(Draft("rehearsal.disturbed", {"from_ms": 0, "to_ms": 0, "lag_ms": S})))
    for at in (49, 51):
        bench.at(at, lambda: seen.append(used_share(bench.plan, bench.state, "outage", bench.clock.now())))
    bench.run()
    before, after = seen
    assert before is not None and after == pytest.approx(before + S / (30 * MINUTE))


def test_a_guard_on_a_tolerance_that_nobody_measures_stops_the_day_before_anything_is_broken(tmp_path: Path) -> None:
    """It could never fire; who relies on it must not think that somebody watches."""
    blind = outage(measure={"attempts": "attempts", "failures": "nowhere"})
    bench = guarded(tmp_path, {"tolerance": "outage", "at": "50%"}, tolerances=[blind])
    assert bench.run() == "aborted"
    assert fired(bench)[0] == (0.0, "guard.unreadable", "outage at 50%")
    assert bench.calls("start") == []
