"""Whatever a provider does, the fault is taken back, and the run says what was seen of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.conductor.ledger import outstanding
from tests.conductor.bench import MINUTE, Behaviour, Bench, S, a_plan, expect, fault, signal


def a_bench(tmp_path: Path, behaviour: Behaviour, **changes: Any) -> Bench:
    bench = Bench(a_plan(fault(**changes)), tmp_path)
    bench.world.behaviours["stop"] = behaviour
    return bench


def clean(bench: Bench) -> bool:
    return not outstanding(bench.ledger.path).left and not bench.world.left()


def test_a_fault_without_effect_fails_its_step_and_tests_nothing(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, Behaviour(effect=False))
    assert bench.run() == "completed"
    bench.check()
    assert [t for t in bench.timeline() if t[0] >= 60] == [
        (170.0, "fault.not_effective", "stop"),
        (170.0, "step.ended", "stop failed no effect was seen: failures at least 1"),
        (170.0, "phase.entered", "restore"),
        (170.0, "fault.stop_requested", "stop the timeline is over"),
        (171.0, "fault.ended", "stop ended"),
        (171.0, "undo.done", "stop"),
        (220.0, "fault.gone", "stop"),
        (220.0, "phase.entered", "ended"),
        (220.0, "run.ended", "completed "),
    ]
    assert clean(bench)
    assert bench.verdict()["outcome"] == "not tested"


def test_a_refused_fault_is_stopped_all_the_same_and_its_step_failed(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, Behaviour(refuses=True))
    assert bench.run() == "completed"
    bench.check()
    assert [t for t in bench.timeline() if t[0] >= 0][2:] == [
        (0.0, "fault.requested", "stop"),
        (1.0, "fault.stop_requested", "stop it could not be started: AccessDenied"),
        (2.0, "fault.ended", "stop ended"),
        (2.0, "undo.done", "stop"),
        (2.0, "step.ended", "stop failed it could not be started: AccessDenied"),
        (2.0, "phase.entered", "restore"),
        (2.0, "phase.entered", "ended"),
        (2.0, "run.ended", "completed "),
    ]
    assert bench.calls("start") == ["stop"]
    assert clean(bench)
    assert bench.verdict()["outcome"] == "not tested"


@pytest.mark.parametrize("behaviour", [Behaviour(breaks_off=True), Behaviour(loses_answer=True)])
def test_a_start_that_raises_half_way_leaves_nothing(tmp_path: Path, behaviour: Behaviour) -> None:
    """A template was made, or the experiment runs and its answer was lost: it is stopped, and never started again."""
    bench = a_bench(tmp_path, behaviour)
    bench.run()
    bench.check()
    assert bench.calls("start") == ["stop"]
    assert bench.results() == {"stop": "failed"}
    assert clean(bench)


def test_an_unanswered_start_that_goes_on_after_its_stop_is_unsafe(tmp_path: Path) -> None:
    """Nobody said that it was taken, and the provider says it ended: the witness decides."""
    bench = a_bench(tmp_path, Behaviour(loses_answer=True, stays=True, ends_after_ms=-1))
    bench.run()
    bench.check()
    assert bench.of("fault.accepted") == []
    assert len(bench.of("fault.not_gone")) == 1
    assert bench.verdict()["outcome"] == "unsafe"


def test_a_stop_that_fails_three_times_is_asked_for_until_it_works(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, Behaviour(stop_raises=3))
    bench.at(60, lambda: bench.conductor.ask_abort("enough"))
    assert bench.run() == "aborted"
    bench.check()
    assert bench.calls("stop") == ["stop"] * 4
    assert clean(bench)
    assert bench.verdict()["outcome"] == "stopped"


def test_a_template_left_behind_is_a_leftover_until_it_is_gone(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, Behaviour(stop_unclean=3))
    bench.run()
    bench.check()
    assert bench.calls("stop") == ["stop"] * 4
    assert len(bench.of("fault.ended")) == 1
    assert clean(bench)


def test_a_fault_that_the_provider_calls_ended_and_that_goes_on_is_unsafe(tmp_path: Path) -> None:
    """``gone`` is seen by a witness that is not the injector; the run ends all the same, and says what to look at."""
    bench = a_bench(tmp_path, Behaviour(stays=True, ends_after_ms=-1))
    bench.at(60, lambda: bench.command("skip", step="stop"))
    assert bench.run() == "completed"
    bench.check()
    (not_gone,) = bench.of("fault.not_gone")
    assert not_gone.what["resources"] == ["payments"]
    assert bench.verdict()["outcome"] == "unsafe"


def test_a_stop_that_never_works_is_said_and_unsafe(tmp_path: Path) -> None:
    """The ledger goes on to hold it, for ``gameday recover``."""
    bench = a_bench(tmp_path, Behaviour(stop_raises=10**9, ends_after_ms=-1))
    bench.at(60, lambda: bench.conductor.ask_abort("enough"))
    bench.run()
    bench.check()
    assert [left.step for left in outstanding(bench.ledger.path).left] == ["stop"]
    assert "throttled" in bench.of("undo.failed")[0].what["error"]
    assert bench.verdict()["outcome"] == "unsafe"


def test_a_fault_that_outlives_its_time_is_stopped_after_a_grace(tmp_path: Path) -> None:
    """One that was due to end by itself; where nothing but gameday ends it there is nobody to wait for."""
    for itself, stopped in ((True, 366.0), (False, 301.0)):
        folder = tmp_path / str(itself)
        folder.mkdir()
        bench = a_bench(folder, Behaviour(ends_after_ms=-1), ends_itself=itself)
        bench.run()
        bench.check()
        assert bench.timeline("fault.stop_requested") == [(stopped, "fault.stop_requested", "stop its time is over")]
        assert clean(bench)


def test_a_fault_that_the_provider_says_failed_half_way_fails_its_step(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, Behaviour(fails_half_way=True))
    bench.run()
    bench.check()
    (ended,) = bench.timeline("fault.ended")
    assert ended[1:] == ("fault.ended", "stop failed")
    assert 150 <= ended[0] <= 156
    assert bench.results() == {"stop": "failed"}


def test_polls_that_fail_change_nothing(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, Behaviour(poll_raises=50))
    bench.run()
    bench.check()
    assert bench.results() == {"stop": "done"}


def test_an_effect_whose_witness_settles_late_is_awaited_before_the_run_ends(tmp_path: Path) -> None:
    """The fault is over and seen gone before the slow witness of its effect has settled."""
    slow = signal("failures", settles_ms=5 * MINUTE)
    plan = a_plan(fault(minutes=1), signals=[signal("attempts"), slow, signal("errors")])
    bench = Bench(plan, tmp_path)
    bench.run()
    bench.check()
    gone, effective = bench.timeline("fault.gone")[0][0], bench.timeline("fault.effective")[0][0]
    assert gone < effective
    assert bench.results() == {"stop": "done"}
    assert bench.state.t0 == bench.state.t_go


def test_two_faults_in_parallel_have_lives_of_their_own(tmp_path: Path) -> None:
    """The first is skipped while the second goes on."""
    bench = Bench(a_plan(fault("one", minutes=5), fault("two", at_ms=MINUTE, minutes=5)), tmp_path)
    bench.at(120, lambda: bench.command("skip", step="one"))
    bench.run()
    bench.check()
    ended = {t[2].split()[0]: t[0] for t in bench.timeline("fault.ended")}
    assert ended["one"] <= 125 < 350 < ended["two"]
    assert bench.results() == {"one": "skipped", "two": "done"}
    assert clean(bench)


def test_a_day_that_lasts_too_long_is_aborted(tmp_path: Path) -> None:
    waits = expect("never", {"alarm": "page", "state": "INSUFFICIENT_DATA"}, 50 * MINUTE)
    bench = Bench(a_plan(fault(minutes=2), waits, max_duration_ms=10 * MINUTE), tmp_path)
    assert bench.run() == "aborted"
    bench.check()
    assert bench.timeline("abort.asked") == [(600.0, "abort.asked", "max_duration is over")]
    assert bench.results()["never"] == "withdrawn"


def test_a_service_that_is_never_steady_is_not_broken(tmp_path: Path) -> None:
    """Twice the planned baseline goes by, and then the day is over: not tested."""
    bench = a_bench(tmp_path, Behaviour())
    bench.world.outages.append((0, 2**60))
    assert bench.run() == "completed"
    bench.check()
    assert bench.world.calls == []
    assert bench.results() == {"stop": "skipped"}
    assert bench.state.ended_status == "completed"
    assert "never seen steady" in bench.of("step.ended")[0].what["why"]
    assert bench.verdict()["outcome"] == "not tested"


def test_a_service_that_becomes_steady_in_time_is_tested(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, Behaviour())
    bench.world.outages.append((0, bench.clock.now() + 90 * S))
    bench.run()
    assert bench.results() == {"stop": "done"}
    go = bench.state.t_go or 0
    assert go >= bench.state.phase_ms["baseline"] + 90 * S + bench.plan.baseline_ms


def test_a_tabletop_touches_nothing_and_tests_nothing(tmp_path: Path) -> None:
    asked = expect("ack", {"role": "on-call", "does": "acknowledge"}, to="on-call")
    scripts = {"on-call": {"acknowledges": "after 90s"}}
    bench = Bench(a_plan(asked, method="tabletop", scripts=scripts, tolerances=[], signals=[]), tmp_path)
    assert bench.run() == "completed"
    bench.check()
    assert bench.results() == {"ack": "met"}
    assert bench.world.calls == []
    assert bench.verdict()["outcome"] == "not tested"
