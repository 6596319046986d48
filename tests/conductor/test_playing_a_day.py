"""Injects, branches, scores and runbooks under test, on the clock of the technical faults."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gameday.journal.events import Draft
from tests.conductor.bench import MINUTE, RUNBOOK, Bench, S, a_plan, expect, task

ACK = {"role": "on-call", "does": "acknowledge"}
ANSWER = {"does": "answer", "score": True}
FREE = {"signals": [], "tolerances": [], "method": "tabletop"}


def inject(ident: str, at_ms: int | None = 0, **more: Any) -> dict[str, Any]:
    return {"id": ident, "kind": "inject", "title": ident, "at_ms": at_ms, "to": "on-call", "says": "Hm.", **more}


def taken(kind: str, at_ms: int = 0, minutes: int = 5, **more: Any) -> dict[str, Any]:
    return {"id": kind, "kind": kind, "title": kind, "at_ms": at_ms, "lasts_ms": minutes * MINUTE, **more}


def question(ident: str = "why", **more: Any) -> dict[str, Any]:
    facts = {"kind": "question", "expect": ANSWER, "within_ms": 5 * MINUTE, "scored": True, **more}
    return inject(ident, **facts)


def a_table(tmp_path: Path, *steps: dict[str, Any], **changes: Any) -> Bench:
    """A day without a fault, so that nothing but people is on it."""
    return Bench(a_plan(*steps, **{"runbooks": [RUNBOOK], "scripts": {}, **FREE, **changes}), tmp_path)


def refused(bench: Bench) -> list[str]:
    return [str(e.what["why"]) for e in bench.of("command.refused")]


# ---- by the facilitator's hand
def test_an_inject_is_fired_early_or_delayed_by_hand_and_the_journal_tells_both(tmp_path: Path) -> None:
    bench = a_table(tmp_path, inject("early", 10 * MINUTE), inject("late", 2 * MINUTE))
    bench.at(30, lambda: bench.command("fire", step="early"))
    bench.at(40, lambda: bench.command("delay", step="late", by_ms=3 * MINUTE))
    bench.run()
    bench.check()
    started = {e.what["step"]: (e.at - (bench.state.t_go or 0)) / S for e in bench.of("step.started")}
    assert 30 <= started["early"] <= 32
    assert 300 <= started["late"] <= 301
    assert [e.type for e in bench.events if e.what.get("command")] == ["step.fire_asked", "step.delay_asked"]


def test_the_timeline_is_moved_by_who_runs_the_day_and_not_beyond_its_end(tmp_path: Path) -> None:
    bench = a_table(tmp_path, inject("one", 10 * MINUTE))
    bench.at(10, lambda: bench.command("fire", "on-call", step="one"))
    bench.at(20, lambda: bench.command("delay", step="one", by_ms=60 * MINUTE))
    bench.at(30, lambda: bench.command("delay", step="one", by_ms=-1))
    bench.at(40, lambda: bench.command("fire", step="nothing"))
    bench.run()
    told = refused(bench)
    assert told[0] == "this is for facilitator or safety-officer"
    assert told[1] == "one would begin when the day is over"
    assert told[2].startswith("by_ms: ")
    assert told[3] == "no step nothing; the steps are one"


# ---- branches and scores
@pytest.mark.parametrize(("score", "done", "left"), [("performed", "praise", "help"), ("unable", "help", "praise")])
def test_the_score_of_an_evaluator_decides_which_step_begins(tmp_path: Path, score: str, done: str, left: str) -> None:
    branches = [inject(name, None, branch=True) for name in ("praise", "help")]
    asked = question(on={"performed": "praise", "unable": "help"})
    bench = a_table(tmp_path, asked, *branches)
    bench.at(30, lambda: bench.command("ack", "on-call", text="Because."))
    bench.at(60, lambda: bench.command("score", "evaluator", step="why", score=score, comment="Hm."))
    bench.run()
    bench.check()
    assert bench.results() == {"why": "met", done: "done", left: "skipped"}
    (branch,) = bench.of("branch.taken")
    assert (branch.what["leads_to"], branch.what["by"]) == (done, "score")


def test_without_a_score_the_way_the_step_ended_decides(tmp_path: Path) -> None:
    """Nobody is there: no hang, and the branch says by what it was taken."""
    bench = a_table(tmp_path, question(on={"unable": "help"}), inject("help", None, branch=True))
    assert bench.run() == "completed"
    bench.check()
    assert bench.results() == {"why": "missed", "help": "done"}
    assert bench.of("branch.taken")[0].what["by"] == "result"


def test_nobody_scores_what_they_play(tmp_path: Path) -> None:
    bench = a_table(tmp_path, question(evaluator="evaluator"))
    for at, who in ((10, "on-call"), (20, "deputy"), (30, "scribe"), (40, "evaluator")):
        bench.at(at, partial(bench.command, "score", who, step="why", score="performed"))
    bench.run()
    assert refused(bench) == [
        "on-call plays why; somebody who does not play it scores it",
        "deputy plays why; somebody who does not play it scores it",
        "why is scored by evaluator",
    ]
    assert bench.state.played.scores["why"].score == "performed"


# ---- what is taken
def test_what_waits_for_somebody_who_goes_away_is_handed_to_the_deputy_and_its_limit_goes_on(tmp_path: Path) -> None:
    away = taken("unavailable", 30 * S, 9, to="on-call")
    bench = a_table(tmp_path, expect("ack", ACK, 5 * MINUTE), away)
    bench.at(100, lambda: bench.command("ack", "deputy"))
    bench.run()
    bench.check()
    assert [(e.what["to"], e.what.get("handed_from")) for e in bench.of("prompt.delivered")] == [
        ("on-call", None), ("deputy", "on-call")
    ]  # fmt: skip
    ended = next(e for e in bench.of("step.ended") if e.what["step"] == "ack")
    assert (ended.what["result"], ended.what["by"]) == ("met", "deputy")
    assert 95 * S <= ended.what["after_ms"] <= 105 * S


def test_nobody_stands_in_for_a_silent_supplier(tmp_path: Path) -> None:
    bench = a_table(tmp_path, taken("silent", to="on-call"), expect("ack", ACK, MINUTE))
    bench.run()
    bench.check()
    assert [p.to for p in bench.paper.prompts] == ["on-call"]
    assert bench.results() == {"silent": "done", "ack": "missed"}


def test_whose_access_has_expired_is_refused_until_it_is_restored_but_may_always_abort(tmp_path: Path) -> None:
    bench = a_table(tmp_path, taken("access", to="on-call"), expect("ack", ACK, 10 * MINUTE))
    bench.at(10, lambda: bench.command("ack", "on-call"))
    bench.at(20, lambda: bench.command("restore", "on-call", step="access"))
    bench.at(30, lambda: bench.command("restore", step="access"))
    bench.at(40, lambda: bench.command("ack", "on-call"))
    bench.run()
    bench.check()
    assert refused(bench) == ["the access of on-call has expired"] * 2
    assert bench.results() == {"ack": "met", "access": "done"}
    other = a_table(tmp_path / "other", taken("access", to="on-call"))
    other.at(10, lambda: other.command("abort", "on-call"))
    assert other.run() == "aborted"


def test_an_access_is_given_back_when_the_step_that_restores_it_is_done(tmp_path: Path) -> None:
    bench = a_table(tmp_path, taken("access", to="deputy", restored_by="ack"), expect("ack", ACK, 10 * MINUTE))
    bench.at(60, lambda: bench.command("ack", "on-call"))
    bench.run()
    bench.check()
    (back,) = bench.of("access.restored")
    assert back.what["why"] == "ack is done"


def test_while_a_channel_is_down_prompts_say_so_and_go_to_the_deputy_of_who_is_reached_by_it(tmp_path: Path) -> None:
    down = taken("channel", channel="pager", minutes=1)
    bench = a_table(tmp_path, down, expect("ack", ACK, MINUTE), expect("later", ACK, MINUTE, at_ms=2 * MINUTE),
                    reaches={"on-call": "pager"})  # fmt: skip
    bench.run()
    bench.check()
    assert [(p.to, p.without) for p in bench.paper.prompts] == [("deputy", ("pager",)), ("on-call", ())]


# ---- runbooks under test
def test_a_runbook_tells_what_was_out_of_order_left_out_wrong_and_missing(tmp_path: Path) -> None:
    bench = a_table(tmp_path, task())
    bench.at(10, lambda: bench.command("tick", "on-call", step="move", number=3))
    bench.at(20, lambda: bench.command("wrong", "on-call", step="move", number=1, text="The page has moved"))
    bench.at(25, lambda: bench.command("missing", "scribe", step="move", number=0, text="Say who leads"))
    bench.at(30, lambda: bench.command("skip", "on-call", step="move", number=2, why="no rights"))
    bench.at(40, lambda: bench.command("tick", "on-call", step="move", number=1))
    bench.run()
    bench.check()
    assert bench.results() == {"move": "done"}
    assert [(e.what["number"], bool(e.what.get("early"))) for e in bench.of("task.step_done")] == [
        (3, True),
        (1, False),
    ]
    assert [e.what["text"] for e in (*bench.of("task.step_wrong"), *bench.of("task.step_missing"))] == [
        "The page has moved", "Say who leads"
    ]  # fmt: skip
    assert bench.of("task.step_skipped")[0].what["why"] == "no rights"
    assert bench.world.calls == []


@pytest.mark.parametrize(("said", "calls"), [("no", 1), ("yes, I see it", 0)])
def test_a_call_that_nobody_knows_of_is_asked_about_and_not_made_twice(tmp_path: Path, said: str, calls: int) -> None:
    """The journal says that it is about to be made; the conductor dies before it can say what came of it."""
    runbook = {**RUNBOOK, "steps": [{"number": 2, "says": "Move.", "block": {"do": {"aws": "route53.change"}}}]}
    bench = a_table(tmp_path, task(), runbooks=[runbook])
    bench.go()
    for draft in (
        Draft("phase.entered", {"phase": "baseline"}),
        Draft("timeline.started", {"t_go_ms": bench.clock.now()}),
        Draft("phase.entered", {"phase": "execute"}),
        Draft("step.started", {"step": "move"}),
        Draft("prompt.delivered", {"prompt": "move#2", "step": "move", "to": "on-call", "says": "Move.",
                                   "via": "paper", "expects": "perform", "number": 2}),
        Draft("prompt.acknowledged", {"prompt": "move#2", "step": "move", "role": "on-call"}, "on-call"),
        Draft("task.step_calling", {"step": "move", "number": 2}),
    ):  # fmt: skip
        bench.conductor.record(draft)
    bench.crash()
    bench.at(60, lambda: bench.command("ack", "on-call", prompt="move#2-made", text=said))
    bench.run()
    bench.check()
    assert bench.results() == {"move": "done"}
    assert len(bench.world.calls) == calls


def test_a_day_in_which_nobody_does_anything_ends_with_findings_and_no_abort(tmp_path: Path) -> None:
    bench = a_table(tmp_path, inject("call", expect=ANSWER, within_ms=MINUTE), task(within_ms=None),
                    max_duration_ms=10 * MINUTE)  # fmt: skip
    assert bench.run() == "completed"
    bench.check()
    assert bench.results() == {"call": "missed", "move": "expired"}
    assert bench.verdict()["outcome"] == "not tested"
