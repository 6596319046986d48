"""Commands from the inbox: each is checked, journalled with its author, and applied once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError

from gameday.clock import Ms
from gameday.conductor.given import GIVEN, Skip, why_not
from gameday.conductor.playing import Refusal, play, skip_in_runbook, step_of
from gameday.journal.asked import PromptState
from gameday.journal.events import Draft
from gameday.journal.inbox import Command, settle, take
from gameday.journal.state import State
from gameday.model.step import Mark
from gameday.plan import Plan

LONGEST_TEXT = 4_000
LONGEST_NAME = 100
TOUCHES = ("incident", "deployment", "run")
MARKS: tuple[str, ...] = get_args(Mark)
ALWAYS = ("abort", "emergency")  # whoever asks, whatever their access
PLAYED = ("tick", "wrong", "missing", "score", "fire", "delay", "restore")


class Inbox:
    """What is on its way in."""

    def __init__(self, plan: Plan, run_dir: Path) -> None:
        self.plan, self.run_dir = plan, run_dir

    def take(self, state: State, now: Ms) -> Iterator[tuple[Command, list[Draft]]]:
        """Every command that waits with the events it becomes; one that was applied before a crash becomes none."""
        for given in take(self.run_dir, state.commands):
            command = replace(given, who=_text(given.who, LONGEST_NAME))
            yield command, ([] if command.id in state.commands else self._drafts(command, state, now))

    def settle(self, command: Command) -> None:
        """The journal holds it now. A file that cannot be removed stays; its id is known."""
        with suppress(OSError):
            settle(self.run_dir, command)

    def _drafts(self, command: Command, state: State, now: Ms) -> list[Draft]:
        try:
            drafts = list(self._checked(command, state, now))
        except Refusal as refusal:
            drafts = [Draft("command.refused", {"why": str(refusal), "kind": command.kind})]
        first = drafts[0]
        return [Draft(first.type, {**first.what, "command": command.id}, command.who), *drafts[1:]]

    def _checked(self, command: Command, state: State, now: Ms) -> Iterator[Draft]:
        if command.kind not in ALWAYS and state.played.refused(command.who, now):
            raise Refusal(f"the access of {command.who} has expired")
        if command.kind in PLAYED:
            return play(self.plan, state, command.who, _given(command), now)
        return self._apply(command, state, now)

    def _apply(self, command: Command, state: State, now: Ms) -> Iterator[Draft]:
        match command.kind:
            case "ack":
                yield self._ack(command, state, now)
            case "note":
                yield from _note(command)
            case "hold":
                yield _if(state.held_since is None, "the run is held already", Draft("hold.started", _why(command)))
            case "resume":
                yield _if(state.held_since is not None, "the run is not held", Draft("hold.ended", {}))
            case "skip":
                yield from self._skip(command, state, now)
            case "abort":
                yield _if(not state.abort, "the run is being aborted already", Draft("abort.asked", _why(command)))
            case "emergency":
                yield _if(state.emergency is None, "it was asked for already", Draft("emergency.asked", _why(command)))
                if not state.abort:
                    yield Draft("abort.asked", {"why": f"emergency: {_why(command)['why']}"}, command.who)
            case _:
                raise Refusal(f"this is no command; use one of {', '.join(GIVEN)}")

    def _ack(self, command: Command, state: State, now: Ms) -> Draft:
        prompt = self._prompt(command, state)
        if prompt.done_ms is not None:
            raise Refusal(f"{prompt.id} was done already by {prompt.done_by}")
        if state.step(prompt.step).status == "ended":
            raise Refusal(f"step {prompt.step} has ended")
        if command.who not in self._may_do(prompt):
            raise Refusal(f"{prompt.id} is for {prompt.to}; use --as {prompt.to}")
        if state.away(command.who, now):
            raise Refusal(f"{command.who} is not available now")
        what = {"prompt": prompt.id, "step": prompt.step, "role": command.who}
        text = _text(command.what.get("text"))
        return Draft("prompt.acknowledged", {**what, "text": text} if text else what)

    def _may_do(self, prompt: PromptState) -> tuple[str | None, ...]:
        """Whom it was put before, their deputy, and who was meant when it went to a deputy."""
        return prompt.to, self.plan.deputies.get(prompt.to), self.plan.step(prompt.step).to

    def _prompt(self, command: Command, state: State) -> PromptState:
        if command.what.get("prompt") is not None:
            given = _text(command.what["prompt"], LONGEST_NAME)
            if given not in state.prompts:
                raise Refusal(f"nothing called {given} was put before anybody")
            return state.prompts[given]
        mine = [p for p in open_prompts(state) if command.who in self._may_do(p)]
        if not mine:
            raise Refusal(f"nothing waits for {command.who}")
        return mine[0]

    def _skip(self, command: Command, state: State, now: Ms) -> Iterator[Draft]:
        if command.what.get("number") is not None:
            given = _given(command)
            assert isinstance(given, Skip)  # GIVEN says so
            yield from skip_in_runbook(self.plan, state, command.who, given, now)
            return
        step = step_of(self.plan, _text(command.what.get("step"), LONGEST_NAME)).id
        if state.step(step).status == "ended":
            raise Refusal(f"step {step} has ended")
        yield Draft("step.skip_asked", {"step": step})


def _given(command: Command) -> BaseModel:
    """What it holds, as its model."""
    what = {key: _text(value) if isinstance(value, str) else value for key, value in command.what.items()}
    try:
        return GIVEN[command.kind].model_validate(what)
    except ValidationError as error:
        raise Refusal(why_not(error)) from None


def open_prompts(state: State) -> list[PromptState]:
    """What waits for somebody, oldest first."""
    waiting = [p for p in state.prompts.values() if p.done_ms is None and p.expects != "none"]
    return sorted((p for p in waiting if state.step(p.step).status != "ended"), key=lambda p: p.delivered_ms)


def _note(command: Command) -> Iterator[Draft]:
    text = _text(command.what.get("text")).strip()
    if not text:
        raise Refusal("a note needs words")
    facts: dict[str, object] = {"text": text}
    if (touches := command.what.get("touches")) in TOUCHES:
        facts["touches"] = touches
    if (marks := command.what.get("marks")) in MARKS:
        facts["marks"] = marks
    elif marks is not None:
        raise Refusal(f"a note marks one of {', '.join(MARKS)}")
    yield Draft("note", facts)


def _why(command: Command) -> dict[str, object]:
    return {"why": _text(command.what.get("why")) or f"asked by {command.who}"}


def _text(given: object, longest: int = LONGEST_TEXT) -> str:
    """What was written, as far as it is words that a journal can hold: half a surrogate pair is not."""
    return given[:longest].encode("utf-8", "replace").decode("utf-8") if isinstance(given, str) else ""


def _if(allowed: bool, refusal: str, draft: Draft) -> Draft:
    if not allowed:
        raise Refusal(refusal)
    return draft
