"""Channels: the terminal at once, each other in its own time, and one that fails keeps no other from it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

import pytest

from gameday.people import channels
from gameday.people.carrying import Undelivered
from gameday.people.channels import EveryChannel, TerminalChannel
from gameday.protocols import Prompt

PROMPT = Prompt("ack", "run", "ack", "on-call", "Please acknowledge.", "acknowledge")


@dataclass
class Pigeon:
    """A channel that remembers, or that fails."""

    lost: bool = False
    name: str = "pigeon"
    carried: list[Prompt] = field(default_factory=list)

    def deliver(self, prompt: Prompt) -> str:
        if self.lost:
            raise OSError("a hawk")
        self.carried.append(prompt)
        return "carried"


def test_the_terminal_has_a_prompt_before_any_other_is_tried() -> None:
    first = Pigeon()
    every = EveryChannel({"one": first, "two": Pigeon()})
    assert every.deliver(PROMPT) == "on the screen of the run"
    assert not first.carried
    assert every.beside(PROMPT) == ["one", "two"]
    assert every.page("one", PROMPT) == "carried"
    assert first.carried == [PROMPT]


def test_a_channel_that_fails_says_why_and_the_others_deliver() -> None:
    every = EveryChannel({"one": Pigeon(lost=True), "two": Pigeon()})
    with pytest.raises(Undelivered, match="OSError: a hawk"):
        every.page("one", PROMPT)
    assert every.page("two", PROMPT) == "carried"


def test_a_channel_that_is_down_today_carries_nothing_and_the_receipt_says_so() -> None:
    down = replace(PROMPT, without=("two",))
    every = EveryChannel({"one": Pigeon(), "two": Pigeon()})
    assert every.beside(down) == ["one"]
    assert every.deliver(down) == "on the screen of the run; two: not sent, it is down"


def test_a_channel_that_hangs_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "ANSWERS_WITHIN_S", 0.05)
    never = threading.Event()

    class Hanging(Pigeon):
        def deliver(self, prompt: Prompt) -> str:
            return str(never.wait())

    try:
        with pytest.raises(Undelivered, match="whether anything arrived is not known"):
            EveryChannel({"one": Hanging()}).page("one", PROMPT)
    finally:
        never.set()


def test_the_screen_shows_a_prompt_also_while_the_day_says_it_is_down_and_says_so() -> None:
    said = TerminalChannel().deliver(replace(PROMPT, without=("terminal",)))
    assert said == "on the screen of the run, though the day says it is down"


def test_the_name_tells_all_of_them() -> None:
    assert EveryChannel({"ops": Pigeon()}).name == "terminal, ops"
