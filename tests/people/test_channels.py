"""Channels: each prompt goes once to each, and one that fails keeps no other from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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


def test_each_channel_gets_a_prompt_once_and_the_receipt_says_what_each_said() -> None:
    first, second = Pigeon(), Pigeon()
    said = EveryChannel(TerminalChannel(), {"one": first, "two": second}).deliver(PROMPT)
    assert said == "on the screen of the run; one: carried; two: carried"
    assert first.carried == second.carried == [PROMPT]


def test_a_channel_that_fails_says_so_in_the_receipt_and_the_others_deliver() -> None:
    other = Pigeon()
    said = EveryChannel(TerminalChannel(), {"one": Pigeon(lost=True), "two": other}).deliver(PROMPT)
    assert said == "on the screen of the run; one: NOT delivered: OSError: a hawk; two: carried"
    assert other.carried == [PROMPT]


def test_a_channel_that_the_day_says_is_down_carries_nothing_and_the_others_deliver() -> None:
    down, other = Pigeon(), Pigeon()
    said = EveryChannel(TerminalChannel(), {"one": down, "two": other}).deliver(replace(PROMPT, without=("one",)))
    assert said == "on the screen of the run; one: NOT delivered: it is down, says the day; two: carried"
    assert down.carried == [] and [p.id for p in other.carried] == ["ack"]


def test_the_screen_shows_a_prompt_also_while_the_day_says_it_is_down_and_says_so() -> None:
    said = TerminalChannel().deliver(replace(PROMPT, without=("terminal",)))
    assert said == "on the screen of the run, though the day says it is down"


def test_the_name_tells_all_of_them() -> None:
    assert EveryChannel(TerminalChannel(), {"ops": Pigeon()}).name == "terminal, ops"
