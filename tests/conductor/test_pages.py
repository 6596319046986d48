"""Pages: a prompt is on the terminal at once, other channels carry it in their own time, and a page that was not
delivered is journalled and brings in the deputy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.people.channels import EveryChannel
from gameday.protocols import Prompt
from tests.conductor.bench import Bench, S, a_plan, expect

ACK = {"role": "on-call", "does": "acknowledge"}


@dataclass
class Pager:
    """Carries, or not."""

    fails_for: str = ""
    name: str = "pager"
    carried: list[str] = field(default_factory=list)

    def deliver(self, prompt: Prompt) -> str:
        if prompt.to == self.fails_for:
            raise OSError("no signal")
        self.carried.append(prompt.to)
        return "beeped"


def a_day(tmp_path: Path, pager: Pager, **changes: Any) -> Bench:
    plan = a_plan(expect("ack", ACK, 300 * S), **{"scripts": {}, **changes})
    bench = Bench(plan, tmp_path)
    bench.conductor.performer.channel = EveryChannel({"pager": pager})
    bench.run()
    return bench


def test_a_page_has_a_receipt_of_its_own(tmp_path: Path) -> None:
    bench = a_day(tmp_path, pager := Pager())
    [delivered], [paged] = bench.of("prompt.delivered"), bench.of("prompt.paged")
    assert delivered.what["pages"] == ["pager"]
    assert delivered.seq < paged.seq
    assert paged.what == {"prompt": "ack", "step": "ack", "to": "on-call", "channel": "pager", "receipt": "beeped"}
    assert pager.carried == ["on-call"], "once, however long it waits"


def test_a_page_that_was_not_delivered_is_told_and_the_deputy_is_asked(tmp_path: Path) -> None:
    """Where that channel is how the role is reached; the deputy is paged too."""
    people = {"deputies": {"on-call": "deputy"}, "reaches": {"on-call": "pager"}}
    bench = a_day(tmp_path, pager := Pager("on-call"), **people)
    [unpaged] = bench.of("prompt.unpaged")
    assert (unpaged.what["to"], unpaged.what["error"]) == ("on-call", "OSError: no signal")
    asked = [(e.what["to"], e.what.get("handed_from")) for e in bench.of("prompt.delivered")]
    assert asked == [("on-call", None), ("deputy", "on-call")]
    assert pager.carried == ["deputy"]


def test_whoever_is_reached_otherwise_keeps_the_prompt(tmp_path: Path) -> None:
    people = {"deputies": {"on-call": "deputy"}, "reaches": {"on-call": "terminal"}}
    bench = a_day(tmp_path, Pager("on-call"), **people)
    assert len(bench.of("prompt.unpaged")) == 1
    assert [e.what["to"] for e in bench.of("prompt.delivered")] == ["on-call"]


def test_without_a_deputy_the_run_ends_as_if_nobody_had_come(tmp_path: Path) -> None:
    bench = a_day(tmp_path, Pager("on-call"), reaches={"on-call": "pager"})
    assert [e.what["result"] for e in bench.of("step.ended")] == ["missed"]
    assert len(bench.of("prompt.unpaged")) == 1
