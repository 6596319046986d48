"""When steps start, how they end, and what holding, skipping and aborting do to them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gameday.protocols import Sample
from tests.conductor.bench import MINUTE, PERIOD, RUNBOOK, Bench, S, a_plan, expect, fault, task

ACK = {"role": "on-call", "does": "acknowledge"}
SLOW = {"on-call": {"acknowledges": "after 90s", "answers": "after 90s", "performs": ["move"]}}


def inject(ident: str, at_ms: int | None = 0, **more: Any) -> dict[str, Any]:
    return {"id": ident, "kind": "inject", "title": ident, "at_ms": at_ms, "to": "on-call", "says": "Hm.", **more}


def away(ident: str = "away", at_ms: int | None = 0, minutes: float = 5, **more: Any) -> dict[str, Any]:
    step = {"id": ident, "kind": "unavailable", "title": ident, "at_ms": at_ms, "to": "on-call"}
    return {**step, "lasts_ms": int(minutes * MINUTE), **more}


def a_bench(tmp_path: Path, *steps: dict[str, Any], **changes: Any) -> Bench:
    return Bench(a_plan(*steps, **{"runbooks": [RUNBOOK], "scripts": SLOW, **changes}), tmp_path)


def ends(bench: Bench) -> dict[str, tuple[float, str]]:
    bench.check()
    return {e.what["step"]: ((e.at - (bench.state.t_go or 0)) / S, e.what["result"]) for e in bench.of("step.ended")}


# ---- starting
def test_a_chain_starts_each_step_when_the_one_before_has_ended(tmp_path: Path) -> None:
    """However it ended; and not before its own ``at``."""
    steps = [
        inject("one", 60_000),
        expect("two", ACK, 30 * S, after=["one"]),
        inject("three", None, after=["one", "two"]),
        inject("four", 5 * MINUTE, after=["three"]),
    ]
    bench = a_bench(tmp_path, *steps)
    bench.run()
    assert ends(bench) == {"one": (61, "done"), "two": (93, "missed"), "three": (94, "done"), "four": (301, "done")}


@pytest.mark.parametrize(("then", "result"), [("skip", "skipped"), ("fail", "failed"), ("run", "done")])
def test_a_condition_that_never_holds_skips_fails_or_runs_the_step(tmp_path: Path, then: str, result: str) -> None:
    when = {"signal": "failures", "at_least": 50, "within": "1m"}
    bench = a_bench(tmp_path, inject("one", None, when=when, on_timeout=then))
    bench.run()
    at, found = ends(bench)["one"]
    assert found == result
    assert 120 <= at <= 121


def test_a_condition_starts_its_step_when_its_bucket_has_settled(tmp_path: Path) -> None:
    when = {"signal": "failures", "at_least": 50, "within": "5m"}
    bench = a_bench(tmp_path, fault(minutes=2), inject("one", None, when=when))
    bench.run()
    assert ends(bench)["one"] == (41, "done")


# ---- expectations
@pytest.mark.parametrize(("states", "state", "result"), [
    ([(30, 1.0)], "ALARM", (120, "met")),             # it fired before it was expected, and still stands
    ([(30, 1.0), (60, 0.0)], "ALARM", (241, "missed")),  # it has gone back again: proves nothing
    ([(-60, 1.0)], "ALARM", (241, "missed")),         # it was there before the go
    ([(30, 1.0), (150, 0.0)], "OK", (151, "met")),
    ([(30, 1.0), (50, 0.0), (70, 1.0)], "OK", (241, "missed")),  # an OK of before
    ([(30, 1.0), (225, 0.0)], "OK", (241, "missed")),  # too late, though it was heard of in the patience
])  # fmt: skip
def test_an_alarm_is_met_by_what_it_enters_in_time_or_holds_since_the_go(
    tmp_path: Path, states: list[tuple[int, float]], state: str, result: tuple[float, str]
) -> None:
    bench = a_bench(tmp_path, expect("alarm", {"alarm": "page", "state": state}, 100 * S, at_ms=2 * MINUTE))

    def told(now: int) -> Sample:
        go = bench.state.t_go or 2**50
        entered = [Sample(go + at * S, value) for at, value in states if go + at * S <= now]
        return entered[-1] if entered else Sample(0, 0.0)

    bench.watch.alarms["page"] = told
    bench.run()
    at, found = ends(bench)["alarm"]
    assert (found, abs(at - result[0]) <= 6) == (result[1], True)


def test_an_alarm_that_could_not_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, expect("alarm", {"alarm": "page"}, MINUTE))
    bench.watch.raises = lambda now: bench.state.t_go is not None
    bench.run()
    assert bench.of("step.ended")[0].what["why"] == "page could not be read"


def test_a_signal_is_met_missed_or_could_not_be_read(tmp_path: Path) -> None:
    up = {"signal": "failures", "at_least": 50}
    bench = a_bench(tmp_path, fault(minutes=1), expect("met", up, MINUTE),
                    expect("missed", {"signal": "attempts", "below": 1}, MINUTE),
                    expect("unread", {"signal": "attempts", "below": 1}, MINUTE, at_ms=4 * MINUTE))  # fmt: skip
    bench.watch.lost = lambda ident, t: t >= (bench.state.t_go or 2**60) + 4 * MINUTE
    bench.run()
    bench.check()
    why = {e.what["step"]: e.what["why"] for e in bench.of("step.ended")}
    assert bench.results()["met"] == "met"
    assert why["missed"] == "not seen: attempts below 1"
    assert why["unread"] == "attempts could not be read"


def test_somebody_who_comes_too_late_has_missed_it(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, expect("ack", ACK, 60 * S))
    bench.run()
    assert ends(bench) == {"ack": (62, "missed")}
    assert bench.of("step.ended")[0].what["after_ms"] is None


def test_an_answer_in_the_turn_of_its_limit_that_is_late_is_missed_with_its_time(tmp_path: Path) -> None:
    """A turn that takes long: the acknowledgement and the limit are seen together."""
    bench = a_bench(tmp_path, expect("ack", ACK, 60 * S), scripts={})
    bench.at(50, lambda: bench.clock.advance(20 * S))
    bench.at(50, lambda: bench.command("ack", "on-call"))
    bench.run()
    bench.check()
    (ended,) = bench.of("step.ended")
    assert (ended.what["result"], ended.what["why"]) == ("missed", "it came too late")
    assert 60 * S < ended.what["after_ms"] <= 71 * S


def test_what_could_not_be_put_before_anybody_is_missed(tmp_path: Path) -> None:
    """A pager that is down does not hold up the day."""
    bench = a_bench(tmp_path, expect("ack", ACK, MINUTE))
    bench.paper.raises = 10**9
    bench.run()
    assert ends(bench)["ack"][1] == "missed"
    assert bench.of("step.ended")[0].what["why"] == "nothing could be put before on-call"


def test_a_pager_that_works_again_is_used(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, expect("ack", ACK, 5 * MINUTE))
    bench.paper.raises = 30
    bench.run()
    assert ends(bench)["ack"][1] == "met"
    assert len(bench.of("prompt.delivered")) == len(bench.paper.prompts) == 1


# ---- tasks
def test_a_task_whose_call_fails_has_failed_and_its_time_counts_from_its_start(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, task())
    bench.world.move_fails = True
    bench.run()
    assert ends(bench) == {"move": (63, "failed")}
    what = bench.of("step.ended")[0].what
    assert what["why"] == "the call of step 2 failed: PermissionError: AccessDenied"
    assert what["after_ms"] == 63 * S


def test_a_task_whose_check_is_not_met_has_failed(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, fault(minutes=10), task())
    bench.watch.series["failures"] = lambda t: 100.0 if t >= (bench.state.t_go or 2**60) else 0.0
    bench.run()
    assert ends(bench)["move"][1] == "failed"
    assert "the check of step 2 was not met" in bench.of("step.ended")[0].what["why"]


def test_a_task_that_takes_too_long_expires_at_the_step_it_stands_at(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, task(within_ms=45 * S))
    bench.run()
    assert ends(bench) == {"move": (46, "expired")}
    assert bench.of("step.ended")[0].what["why"] == "step 2 was not done in time"


# ---- who is there
def test_what_is_for_somebody_away_goes_to_the_deputy(tmp_path: Path) -> None:
    scripts = {**SLOW, "deputy": {"acknowledges": "after 10s"}}
    bench = a_bench(tmp_path, away(), expect("ack", ACK, MINUTE), scripts=scripts)
    bench.run()
    assert [p.to for p in bench.paper.prompts] == ["deputy"]
    assert ends(bench) == {"ack": (11, "met"), "away": (300, "done")}


def test_who_goes_away_with_a_page_in_the_pocket_does_nothing_until_they_are_back(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, expect("ack", ACK, 10 * MINUTE), away(at_ms=30 * S, minutes=5))
    bench.run()
    assert ends(bench)["ack"] == (330, "met")


def test_two_who_keep_a_role_away_keep_it_until_the_longer_is_over(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, away("long", minutes=10), away("short", at_ms=5 * MINUTE, minutes=1), scripts={})
    seen: list[bool] = []
    for at in (100, 310, 500, 590, 601):
        bench.at(at, lambda: seen.append(bench.state.away("on-call", bench.clock.now())))
    bench.run()
    assert ends(bench) == {"short": (360, "done"), "long": (600, "done")}
    assert seen == [True, True, True, True]


def test_two_that_begin_at_once_keep_a_role_away_for_the_longer(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, away("short", minutes=1), away("long", minutes=3), scripts={})
    seen: list[bool] = []
    bench.at(120, lambda: seen.append(bench.state.away("on-call", bench.clock.now())))
    bench.run()
    assert ends(bench) == {"short": (60, "done"), "long": (180, "done")}
    assert seen == [True]


# ---- skip
def test_what_is_skipped_ends_skipped_whether_it_waits_or_goes_on(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, fault(minutes=30), expect("ack", ACK), inject("later", 20 * MINUTE), away(minutes=40))
    for step in ("stop", "ack", "later", "away"):
        bench.at(60, partial(bench.command, "skip", step=step))
    bench.at(62, lambda: seen.append(bench.state.away("on-call", bench.clock.now())))
    seen: list[bool] = []
    assert bench.run() == "completed"
    assert {result for _, result in ends(bench).values()} == {"skipped"}
    assert seen == [False]
    assert not bench.world.left()


def test_a_step_that_is_skipped_before_the_go_never_starts(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, fault(), inject("other"))
    bench.at(-10, lambda: bench.command("skip", step="stop"))
    bench.run()
    assert ends(bench)["stop"][1] == "skipped"
    assert bench.world.calls == []


def test_to_skip_an_absence_that_has_not_begun_leaves_the_one_that_has(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, away("now", minutes=5), away("later", at_ms=4 * MINUTE), scripts={})
    bench.at(60, lambda: bench.command("skip", step="later"))
    bench.run()
    assert bench.of("role.available") == []
    assert ends(bench) == {"later": (60, "skipped"), "now": (300, "done")}


# ---- hold
def test_while_held_the_timeline_and_peoples_limits_stand_still_and_faults_stay(tmp_path: Path) -> None:
    """Ten minutes from 30 s on: the step of 60 s comes at 660 s, the 90 seconds of the script go on afterwards, and
    the fault ends when its own time is over."""
    bench = a_bench(tmp_path, fault(minutes=5), expect("ack", ACK, 2 * MINUTE), inject("later", 60 * S))
    bench.at(30, lambda: bench.command("hold"))
    bench.at(630, lambda: bench.command("resume"))
    bench.run()
    found = ends(bench)
    assert abs(found["later"][0] - 661) <= 1
    assert (found["ack"][1], abs(found["ack"][0] - 691) <= 2) == ("met", True)
    acked = next(e for e in bench.of("step.ended") if e.what["step"] == "ack")
    assert abs(acked.what["after_ms"] - 90 * S) <= 2 * S
    assert 300 <= bench.timeline("fault.ended")[0][0] <= 306


def test_while_held_an_alarms_limit_goes_on(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, expect("alarm", {"alarm": "page"}, MINUTE), inject("later", 2 * MINUTE))
    bench.at(10, lambda: bench.command("hold"))
    bench.at(310, lambda: bench.command("resume"))
    bench.run()
    found = ends(bench)
    assert 60 <= found["alarm"][0] <= 81
    assert abs(found["later"][0] - 421) <= 1


def test_a_hold_before_the_go_keeps_everything_back(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, fault(minutes=2))
    bench.at(-10, lambda: bench.command("hold"))
    bench.at(300, lambda: bench.command("resume"))
    bench.run()
    bench.check()
    assert [t for t, what, _ in bench.world.calls if what == "start"][0] >= (bench.state.t_go or 0) + 300 * S


def test_a_held_day_is_guarded_and_can_be_aborted(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, fault(minutes=30), guards=[{"alarm": "page"}])
    bench.at(10, lambda: bench.command("hold"))
    assert bench.run() == "aborted"
    bench.check()
    assert bench.state.abort == "guard: alarm page"
    assert not bench.world.left()


# ---- abort
def test_an_abort_before_the_go_touches_nothing(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, fault(), expect("ack", ACK))
    bench.conductor.ask_abort("no")
    assert bench.conductor.run() == "aborted"
    bench.check()
    assert bench.world.calls == []
    assert set(bench.results().values()) == {"withdrawn"}


def test_an_abort_during_the_baseline_touches_nothing(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, fault())
    bench.at(-60, lambda: bench.command("abort", why="no"))
    assert bench.run() == "aborted"
    bench.check()
    assert bench.world.calls == []
    assert bench.verdict()["outcome"] == "stopped"


def test_an_abort_in_the_turn_in_which_a_fault_starts_takes_it_back(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, fault())
    bench.once(lambda state: "stop" in state.faults, lambda: bench.conductor.ask_abort("no"))
    assert bench.run() == "aborted"
    bench.check()
    assert bench.calls("start") == ["stop"]
    assert not bench.world.left()
    types = [e.type for e in bench.events]
    assert types.index("abort.asked") < types.index("fault.stop_requested") < types.index("fault.ended")


def test_an_abort_while_it_is_verified_ends_the_day_at_once(tmp_path: Path) -> None:
    bench = a_bench(tmp_path, fault(minutes=2), tolerances=[])
    held = Bench(a_plan(fault(minutes=2)), tmp_path / "held")
    held.once(lambda state: state.phase == "verify", lambda: held.command("abort", why="home"))
    assert held.run() == "aborted"
    held.check()
    assert held.verdict()["outcome"] == "stopped"
    assert bench.run() == "completed"


def test_an_effect_is_recorded_after_an_abort(tmp_path: Path) -> None:
    """Its bucket settles later; the verdict needs to know that it was there."""
    bench = a_bench(tmp_path, fault())
    bench.at(25, lambda: bench.conductor.ask_abort("enough"))
    bench.run()
    bench.check()
    types = [e.type for e in bench.events]
    assert types.index("abort.asked") < types.index("fault.effective")
    assert bench.state.t0 == bench.state.t_go
    assert bench.clock.now() - (bench.state.t_go or 0) < 10 * PERIOD
