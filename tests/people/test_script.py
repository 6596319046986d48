"""Scripted people do what their script says, when it says so, and nothing else."""

from __future__ import annotations

from typing import Any

from gameday.journal.asked import PromptState
from gameday.journal.state import State, StepState
from gameday.people.channels import TerminalChannel
from gameday.people.script import scripted
from gameday.plan import Plan
from gameday.protocols import Prompt
from tests.conductor.bench import RUNBOOK, S, a_plan, expect, task

ACK = {"role": "on-call", "does": "acknowledge"}
SCRIPT = {"acknowledges": "after 90s", "performs": ["move"], "step_takes": "30s"}


def a_day(**script: Any) -> Plan:
    return a_plan(expect("ack", ACK), task("move"), runbooks=[RUNBOOK], scripts={"on-call": script or SCRIPT})


def asked(step: str, expects: str, *, to: str = "on-call", number: int | None = None, **changes: Any) -> State:
    ident = step if number is None else f"{step}#{number}"
    prompt = PromptState(ident, step, to, expects, number, "Hm.", delivered_ms=0)
    return State(run="r", t_go=0, steps={step: StepState("running", 0)}, prompts={ident: prompt}, **changes)


def acts(plan: Plan, state: State, at: int, **held: Any) -> list[str]:
    return [d.what["prompt"] for d in scripted(plan, state, at * S, **held)]


def test_somebody_acknowledges_after_their_time_and_under_their_role() -> None:
    state = asked("ack", "acknowledge")
    assert acts(a_day(), state, 89) == []
    (draft,) = scripted(a_day(), state, 90 * S)
    assert (draft.who, draft.what) == (
        "on-call", {"prompt": "ack", "step": "ack", "role": "on-call", "scripted": True}
    )  # fmt: skip


def test_a_runbook_is_followed_by_who_performs_it_and_nobody_else() -> None:
    state = asked("move", "perform", number=1)
    assert acts(a_day(), state, 30) == ["move#1"]
    assert acts(a_day(acknowledges="after 1s"), state, 3_000) == []


def test_what_the_script_does_not_say_is_never_done() -> None:
    assert acts(a_day(), asked("ack", "answer"), 10_000) == []
    assert acts(a_day(), asked("ack", "none"), 10_000) == []
    assert acts(a_day(), asked("ack", "acknowledge", to="deputy"), 10_000) == []


def test_nobody_acts_while_the_run_is_held_or_they_are_away_or_a_person_has_the_role() -> None:
    assert acts(a_day(), asked("ack", "acknowledge", held_since=80 * S), 1_000) == []
    assert acts(a_day(), asked("ack", "acknowledge", unavailable={"on-call": 200 * S}), 100) == []
    assert acts(a_day(), asked("ack", "acknowledge", unavailable={"on-call": 200 * S}), 200) == ["ack"]
    assert acts(a_day(), asked("ack", "acknowledge"), 100, held_by_people=["on-call"]) == []


def test_their_time_stands_still_while_the_run_is_held() -> None:
    """Held from 30 s to 630 s: sixty of the ninety seconds are left."""
    state = asked("ack", "acknowledge", holds=[(30 * S, 630 * S)])
    assert acts(a_day(), state, 689) == []
    assert acts(a_day(), state, 690) == ["ack"]


def test_what_was_done_or_is_over_is_not_done_again() -> None:
    done = asked("ack", "acknowledge")
    done.prompts["ack"].done_ms = 5
    assert acts(a_day(), done, 100) == []
    over = asked("ack", "acknowledge")
    over.steps["ack"].status = "ended"
    assert acts(a_day(), over, 100) == []


def test_the_terminal_says_where_a_prompt_stands() -> None:
    prompt = Prompt("ack", "r", "ack", "on-call", "Hm.", "acknowledge")
    assert TerminalChannel().deliver(prompt) == "on the screen of the run"
