"""What holds of every day, whatever provider, source, people and crashes do in it (hypothesis)."""

from __future__ import annotations

import copy
import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gameday.conductor.decide import decide
from gameday.conductor.ledger import outstanding
from gameday.journal.store import read
from gameday.people.script import scripted
from gameday.plan import Plan
from tests.conductor.bench import MINUTE, RUNBOOK, Behaviour, Bench, S, a_plan, expect, fault, task

FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
TICK = 4 * S
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # thousands of fsyncs


@contextmanager
def a_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


ACK = {"role": "on-call", "does": "acknowledge"}
WHEN = {"signal": "failures", "at_least": 50, "within": "2m"}
STEPS: dict[str, dict[str, Any]] = {
    "one": fault("one", minutes=2),
    "two": fault("two", at_ms=MINUTE, minutes=2),
    "third": fault("third", None, 1, when=WHEN, on_timeout="run"),
    "ack": expect("ack", ACK, 2 * MINUTE),
    "alarm": expect("alarm", {"alarm": "page", "state": "ALARM"}, 2 * MINUTE),
    "seen": expect("seen", {"signal": "failures", "at_least": 1}, MINUTE),
    "hm": {"id": "hm", "kind": "inject", "title": "hm", "at_ms": 30 * S, "to": "on-call", "says": "Hm."},
    "away": {"id": "away", "kind": "unavailable", "title": "away", "at_ms": 0, "to": "on-call", "lasts_ms": MINUTE},
    "move": task("move", after=["ack"], within_ms=4 * MINUTE),
}
GUARDS: list[dict[str, Any]] = [{"alarm": "page"}, {"signal": "failures", "above": 50, "for": "1m"},
                                {"tolerance": "outage", "at": "10%"}]  # fmt: skip
SCRIPT = {"acknowledges": "after 20s", "performs": ["move"], "step_takes": "10s"}


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    names = draw(st.lists(st.sampled_from([n for n in STEPS if n != "move"]), min_size=1, max_size=5, unique=True))
    steps = [STEPS[n] for n in names] + ([STEPS["move"]] if "ack" in names and draw(st.booleans()) else [])
    roles = draw(st.lists(st.sampled_from(["on-call", "deputy"]), unique=True))
    return a_plan(
        *steps, runbooks=[RUNBOOK], scripts={r: SCRIPT for r in roles}, baseline_ms=MINUTE,
        guards=draw(st.lists(st.sampled_from(GUARDS), max_size=1)),
        max_duration_ms=draw(st.sampled_from([3, 12])) * MINUTE,
    )  # fmt: skip


counts = st.sampled_from([0, 0, 0, 1, 3, 40])
behaviours = st.builds(
    Behaviour, refuses=st.booleans(), breaks_off=st.booleans(), loses_answer=st.booleans(), effect=st.booleans(),
    ends_after_ms=st.sampled_from([None, None, -1, 30 * S, 10 * MINUTE]), fails_half_way=st.booleans(),
    stop_raises=st.sampled_from([0, 0, 0, 1, 3, 40, 10**6]), stop_unclean=counts, poll_raises=counts,
    stays=st.booleans(),
)  # fmt: skip
honest = st.just(Behaviour())
spans = st.lists(st.tuples(st.integers(-60, 400), st.integers(5, 200)), max_size=2)
commands = st.lists(
    st.tuples(st.integers(-40, 400), st.sampled_from([
        ("hold", "facilitator", {}), ("resume", "facilitator", {}), ("abort", "facilitator", {}),
        ("skip", "facilitator", {"step": "one"}), ("skip", "facilitator", {"step": "away"}),
        ("skip", "facilitator", {"step": "ack"}), ("ack", "on-call", {}), ("ack", "deputy", {}),
        ("note", "scribe", {"text": "Hm."}),
    ])), max_size=4,
)  # fmt: skip


@st.composite
def days(draw: st.DrawFn) -> dict[str, Any]:
    plan = draw(plans())
    faults = [s.id for s in plan.steps if s.fault]
    return {
        "plan": plan,
        "behaviours": {name: draw(honest | behaviours) for name in faults},
        "away": draw(spans), "silent": draw(spans), "lost": draw(spans), "late": draw(spans),
        "commands": draw(commands), "pager": draw(counts), "call_fails": draw(st.booleans()),
    }  # fmt: skip


def within(spans: list[tuple[int, int]], bench: Bench, t: int) -> bool:
    go = bench.state.t_go or bench.clock.now() + 60 * S
    return any(since * S <= t - go < (since + long) * S for since, long in spans)


def a_day(folder: Path, day: dict[str, Any]) -> Bench:
    bench = Bench(day["plan"], folder, tick_ms=TICK)
    bench.world.behaviours = {name: replace(how) for name, how in day["behaviours"].items()}
    bench.watch.raises = lambda now: within(day["away"], bench, now)
    bench.watch.silent = lambda now: within(day["silent"], bench, now)
    bench.watch.lost = lambda ident, t: ident != "attempts" and within(day["lost"], bench, t)
    bench.watch.late_ms = lambda ident, t: 45 * S if within(day["late"], bench, t) else 0
    bench.paper.raises, bench.world.move_fails = day["pager"], day["call_fails"]
    for at, (kind, who, what) in day["commands"]:
        bench.at(at, partial(bench.command, kind, who, **what))
    # whoever holds for ever lets go in the end, so that each day has one
    for at in (20 * 60, 40 * 60):
        bench.at(at, lambda: bench.command("resume"))
    return bench


def check_faults(bench: Bench) -> None:
    """Ledger, journal, provider, in this order; nothing is started after an abort; one token a step."""
    events = bench.events
    aborted = next((e.at for e in events if e.type == "abort.asked"), 2**60)
    requested: dict[str, set[str]] = {}
    for event in events:
        if event.type == "fault.requested":
            assert event.at <= aborted
            requested.setdefault(event.what["step"], set()).add(event.what["token"])
    assert all(len(tokens) == 1 for tokens in requested.values()), "another token"
    for at, kind, step in bench.world.calls:
        if kind == "start":
            assert at <= aborted, "started after the abort"
            assert next(e.at for e in events if e.type == "fault.requested" and e.what["step"] == step) <= at
    assert {f.token for f in bench.world.injected.values()} <= set().union(*requested.values(), set())


@FEW
@given(days())
def test_every_day_ends_and_leaves_nothing_that_it_does_not_say(day: dict[str, Any]) -> None:
    """Each step ends once, the journal folds to the state, and every fault that was requested is clean in the ledger
    or journalled as not undone."""
    with a_folder() as folder:
        bench = a_day(folder, day)
        status = bench.run()
        bench.check()
        check_faults(bench)
        assert (status == "aborted") == bool(bench.state.abort)
        verdict = bench.verdict()
        stays = [f for f in bench.world.injected.values() if f.behaviour.effect and f.active(bench.clock.now())]
        assert not stays or verdict["outcome"] == "unsafe"


@FEW
@given(days(), st.data())
def test_a_day_that_crashes_is_gone_on_with_and_ends_clean(day: dict[str, Any], data: st.DataObject) -> None:
    """The journal is cut at any event and another conductor claims the run, at once or much later."""
    with a_folder() as folder:
        bench = a_day(folder, day).go()
        last = data.draw(st.integers(5, 60), label="crashes at event")
        honest_record = bench.conductor.record

        class Died(BaseException):
            pass

        def record(draft: Any) -> Any:
            event = honest_record(draft)
            if event.seq >= last:
                raise Died
            return event

        bench.conductor.record = record  # type: ignore[method-assign]
        try:
            while bench.state.ended_status is None:
                bench.conductor.turn()
        except Died:
            pass
        bench.clock.advance(data.draw(st.sampled_from([0, 5 * S, 2 * MINUTE, 15 * MINUTE]), label="dead for"))
        bench.crash()
        if bench.state.ended_status is None:
            bench.run()
        else:
            bench.conductor.undo_rest("found")
        bench.check()
        check_faults(bench)


@FEW
@given(days())
def test_decide_is_pure(day: dict[str, Any]) -> None:
    """The same plan, state and time give the same actions, and the state is not touched."""
    with a_folder() as folder:
        bench = a_day(folder, day)
        plan, honest_act, turns = bench.plan, bench.conductor._act, itertools.count()

        def act() -> None:
            if next(turns) % 7 == 0:
                before, now = copy.deepcopy(bench.state), bench.clock.now()
                first = decide(plan, bench.state, now)
                assert bench.state == before
                assert decide(plan, before, now) == first
            honest_act()

        bench.conductor._act = act  # type: ignore[method-assign]
        bench.run()


@FEW
@given(days())
def test_a_script_never_acts_while_held_or_away_or_for_somebody_else(day: dict[str, Any]) -> None:
    with a_folder() as folder:
        bench = a_day(folder, day)

        def script(plan: Plan, state: Any, now: int) -> list[Any]:
            drafts = list(scripted(plan, state, now))
            for draft in drafts:
                assert state.held_since is None
                assert not state.away(draft.who, now)
                assert draft.who in plan.scripts
                assert state.prompts[draft.what["prompt"]].to == draft.who
            assert not list(scripted(plan, state, now, held_by_people=list(plan.scripts)))
            return drafts

        bench.conductor.script = script
        bench.run()
        bench.check()


def test_a_ledger_that_undo_emptied_is_not_filled_by_a_conductor_that_takes_over(tmp_path: Path) -> None:
    """``recover`` undid the fault and died before it could journal it: nothing is injected again."""
    bench = Bench(a_plan(fault(minutes=30)), tmp_path).go()
    bench.world.behaviours["stop"] = Behaviour(loses_answer=True)
    while "stop" not in bench.state.faults:
        bench.conductor.turn()
    bench.world.stop({"token": bench.state.faults["stop"].token, "step": "stop"})
    bench.ledger.gone("stop")
    bench.crash()
    bench.run()
    bench.check()
    assert bench.calls("start") == ["stop"]
    assert bench.results() == {"stop": "failed"}
    assert outstanding(bench.ledger.path).left == []
    assert read(tmp_path / "journal.jsonl")[1] is None
