"""Commands from the inbox: each is checked, journalled with its author, and applied once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gameday.clock import Ms
from gameday.journal.events import Draft
from gameday.journal.inbox import Command, settle, take
from gameday.journal.state import PromptState, State
from gameday.plan import Plan

LONGEST_TEXT = 4_000
TOUCHES = ("incident", "deployment", "run")


class Refusal(ValueError):
    """Why a command is not done, in words for the person who gave it."""


class Inbox:
    """What is on its way in."""

    def __init__(self, plan: Plan, run_dir: Path) -> None:
        self.plan, self.run_dir = plan, run_dir

    def take(self, state: State, now: Ms) -> Iterator[tuple[Command, list[Draft]]]:
        """Every command that waits with the events it becomes; one that was applied before a crash becomes none."""
        for command in take(self.run_dir):
            yield command, ([] if command.id in state.commands else self._drafts(command, state, now))

    def settle(self, command: Command) -> None:
        """The journal holds it now."""
        settle(self.run_dir, command)

    def _drafts(self, command: Command, state: State, now: Ms) -> list[Draft]:
        try:
            drafts = list(self._apply(command, state, now))
        except Refusal as refusal:
            drafts = [Draft("command.refused", {"why": str(refusal), "kind": command.kind})]
        first = drafts[0]
        return [Draft(first.type, {**first.what, "command": command.id}, command.who), *drafts[1:]]

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
                yield self._skip(command, state)
            case "abort":
                yield _if(not state.abort, "the run is being aborted already", Draft("abort.asked", _why(command)))
            case _:
                raise Refusal("this is no command; use gameday ack, note, hold, skip or abort")

    def _ack(self, command: Command, state: State, now: Ms) -> Draft:
        prompt = self._prompt(command, state)
        if prompt.done_ms is not None:
            raise Refusal(f"{prompt.id} was done already by {prompt.done_by}")
        if state.step(prompt.step).status == "ended":
            raise Refusal(f"step {prompt.step} has ended")
        if command.who != prompt.to and self.plan.deputies.get(prompt.to) != command.who:
            raise Refusal(f"{prompt.id} is for {prompt.to}; use --as {prompt.to}")
        if state.away(command.who, now):
            raise Refusal(f"{command.who} is not available now")
        what = {"prompt": prompt.id, "step": prompt.step, "role": command.who}
        text = str(command.what.get("text") or "")[:LONGEST_TEXT]
        return Draft("prompt.acknowledged", {**what, "text": text} if text else what)

    def _prompt(self, command: Command, state: State) -> PromptState:
        given = command.what.get("prompt")
        if given is not None:
            if given not in state.prompts:
                raise Refusal(f"nothing called {given} was put before anybody")
            return state.prompts[str(given)]
        mine = [p for p in open_prompts(state) if command.who in (p.to, self.plan.deputies.get(p.to))]
        if not mine:
            raise Refusal(f"nothing waits for {command.who}")
        return mine[0]

    def _skip(self, command: Command, state: State) -> Draft:
        step = command.what.get("step")
        if step not in {s.id for s in self.plan.steps}:
            raise Refusal(f"no step {step}; the steps are {', '.join(s.id for s in self.plan.steps)}")
        if state.step(str(step)).status == "ended":
            raise Refusal(f"step {step} has ended")
        return Draft("step.skip_asked", {"step": step})


def open_prompts(state: State) -> list[PromptState]:
    """What waits for somebody, oldest first."""
    waiting = [p for p in state.prompts.values() if p.done_ms is None and p.expects != "none"]
    return sorted((p for p in waiting if state.step(p.step).status != "ended"), key=lambda p: p.delivered_ms)


def _note(command: Command) -> Iterator[Draft]:
    text = str(command.what.get("text") or "").strip()[:LONGEST_TEXT]
    if not text:
        raise Refusal("a note needs words")
    yield Draft("note", {"text": text})
    touches = command.what.get("touches")
    if touches in TOUCHES:
        yield Draft("service.touched", {"kind": touches, "why": text}, command.who)


def _why(command: Command) -> dict[str, object]:
    return {"why": str(command.what.get("why") or f"asked by {command.who}")[:LONGEST_TEXT]}


def _if(allowed: bool, refusal: str, draft: Draft) -> Draft:
    if not allowed:
        raise Refusal(refusal)
    return draft
