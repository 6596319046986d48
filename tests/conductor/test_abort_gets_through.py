"""An abort reaches AWS while everything else hangs: real sockets, real threads, and the server's word for it.

What hangs here hangs until the test lets it go, so that a stop which waited for any of it would never arrive.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gameday.aws import Aws
from gameday.clock import Anchor, ScenarioClock
from gameday.conductor.emergency import lever_place
from gameday.conductor.ledger import Ledger
from gameday.conductor.perform import Performer
from gameday.conductor.sampling import sources
from gameday.conductor.walk import Conductor
from gameday.faults.fis import FisFault
from gameday.faults.fis_lever import SafetyLever
from gameday.journal.events import Draft
from gameday.journal.inbox import drop
from gameday.journal.state import fold
from gameday.journal.store import Journal, read
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Signal
from gameday.protocols import Prompt, Sample, Window
from tests.conductor.a_slow_aws import SlowAws, serving
from tests.conductor.bench import MINUTE, a_plan, expect, fault, signal

SETTINGS = {"action": "aws:fis:wait", "parameters": {"duration": "20m"}}
BUSY_S = 40.0  # what comes before the abort may take this long on a busy machine


@dataclass
class Hanging:
    """An observer and a channel that never answer once they are told to hang."""

    aws: SlowAws
    name: str = "watch"
    sources: frozenset[str] = frozenset({"cloudwatch.metric", "cloudwatch.alarm"})
    asked: threading.Event = field(default_factory=threading.Event)
    delivering: threading.Event = field(default_factory=threading.Event)

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        self.asked.set()
        self.aws.let_go.wait(60)
        return {}

    def deliver(self, prompt: Prompt) -> str:
        self.delivering.set()
        self.aws.let_go.wait(60)
        return "delivered"


@dataclass
class Day:
    """A run on real threads against the slow AWS."""

    aws: SlowAws
    conductor: Conductor
    hanging: Hanging
    door: Aws
    thread: threading.Thread

    def begin(self) -> None:
        self.thread.start()


@contextmanager
def a_day(tmp_path: Path, *hangs: str) -> Iterator[Day]:
    aws = SlowAws()
    with serving(aws) as endpoint:
        day = _day(tmp_path, aws, endpoint)
        aws.hangs.update(hangs)
        try:
            yield day
        finally:
            aws.let_go.set()
            day.conductor.ask_abort("the test is over")
            if day.thread.ident:
                day.thread.join(30)


def _day(tmp_path: Path, aws: SlowAws, endpoint: str) -> Day:
    planned = fault(minutes=20, action="aws:fis:wait", settings=SETTINGS, targets={}, effective=None, gone=None)
    plan = a_plan(planned, expect("ack", {"role": "on-call", "does": "acknowledge"}, at_ms=0), baseline_ms=0,
                  tolerances=[], signals=[signal("failures")], max_duration_ms=60 * MINUTE)  # fmt: skip
    (tmp_path / "inbox").mkdir()
    clock, hanging, door = ScenarioClock(Anchor.here()), Hanging(aws), Aws(REHEARSAL_ENVIRONMENT, endpoint)
    journal = Journal.create(tmp_path / "journal.jsonl")
    journal.claim(os.getpid(), clock.now(), clock.wall())
    ledger, levers = Ledger(tmp_path / "undo.jsonl"), {lever_place(REHEARSAL_ENVIRONMENT): SafetyLever(door.apart())}
    provider = FisFault(door)
    for client in (
        provider._calls({}).client,
        provider._stopping({}).client,
    ):  # made before: on a busy machine that takes seconds
        client.list_experiment_templates()
    performer = Performer(plan, ledger, {"fis": provider}, hanging, lambda call: "200", levers=levers)
    state = fold(read(tmp_path / "journal.jsonl")[0])
    watched, _ = sources(plan.signals, [hanging], clock.now())
    conductor = Conductor(plan, tmp_path, journal, ledger, state, clock, performer, watched)
    opened = {
        "run": "r-1",
        "environment": "rehearsal",
        "speed": 1,
        "scenario": "stop",
        "service": "pay",
        "version": "0",
    }
    conductor.record(Draft("run.opened", opened))
    conductor.record(Draft("go", {"on": "the bench"}, "facilitator"))
    return Day(aws, conductor, hanging, door, threading.Thread(target=conductor.run, daemon=True))


Ask = Callable[[Day, Path], Any]
ASKS: dict[str, Ask] = {
    "signal": lambda day, folder: day.conductor.ask_abort("Ctrl-C"),
    "second terminal": lambda day, folder: drop(folder, "abort", "facilitator", why="asked"),
    "emergency": lambda day, folder: drop(folder, "emergency", "facilitator", why="asked"),
}


@pytest.mark.parametrize("how", ASKS)
def test_an_abort_arrives_while_the_observer_a_prompt_and_every_read_of_aws_hang(how: str, tmp_path: Path) -> None:
    slow = ("GetExperiment", "ListExperimentResolvedTargets", "ListExperiments", "GetMetricData")
    with a_day(tmp_path, *slow) as day:
        day.begin()
        assert day.aws.wait_for(lambda: bool(day.aws.came("GetExperiment")), BUSY_S)  # it is there; its poll hangs
        assert day.hanging.asked.wait(BUSY_S) and day.hanging.delivering.wait(BUSY_S)
        ASKS[how](day, tmp_path)
        assert day.aws.wait_for(lambda: bool(day.aws.came("StopExperiment")))
        assert how != "emergency" or day.aws.wait_for(lambda: day.aws.lever == "engaged")
        assert not day.aws.let_go.is_set()


def test_an_abort_arrives_while_the_start_of_its_own_fault_hangs(tmp_path: Path) -> None:
    """The experiment has begun and nobody was told its id: it is found by its tags."""
    with a_day(tmp_path, "StartExperiment", "GetExperiment") as day:
        day.begin()
        assert day.aws.wait_for(lambda: bool(day.aws.came("StartExperiment")), BUSY_S)
        day.conductor.ask_abort("Ctrl-C")
        assert day.aws.wait_for(lambda: bool(day.aws.came("StopExperiment")))
        assert day.aws.status == "stopped" and not day.aws.let_go.is_set()
        day.aws.let_go.set()
        day.thread.join(30)
        assert not day.aws.template
        assert day.conductor.state.ended_status == "aborted"


def test_an_abort_arrives_while_thirty_calls_hold_every_connection(tmp_path: Path) -> None:
    """botocore keeps ten connections a client; what takes back has a client of its own."""
    with a_day(tmp_path, "GetExperiment", "GetSafetyLever") as day:
        day.begin()
        assert day.aws.wait_for(lambda: bool(day.aws.came("GetExperiment")), BUSY_S)
        fis = day.door.client("fis")
        calls = [threading.Thread(target=_quietly, args=(fis,), daemon=True) for _ in range(30)]
        for call in calls:
            call.start()
        assert day.aws.wait_for(lambda: len(day.aws.came("GetSafetyLever")) >= 10, BUSY_S)
        day.conductor.ask_abort("Ctrl-C")
        assert day.aws.wait_for(lambda: bool(day.aws.came("StopExperiment")))
        assert not day.aws.let_go.is_set()


def _quietly(fis: Any) -> None:
    try:
        fis.get_safety_lever(id="default")
    except Exception:  # noqa: BLE001, S110  # how it ends does not matter here
        pass
