"""Undo through real boto3 against the loopback AWS, when AWS throttles, fails, hangs, or knows the credentials no more.

A full disk: tests/system/test_bad_luck.py, tests/conductor/test_undo_when_things_fail.py.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from werkzeug.serving import make_server

from gameday.aws import Aws
from gameday.clock import Anchor, ScenarioClock
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.undo import undo_all
from gameday.conductor.walk import Conductor
from gameday.faults.fis import FisFault
from gameday.journal.events import Draft
from gameday.journal.store import read
from gameday.protocols import Order
from gameday.rehearsal.asking import Asked, refusal
from gameday.rehearsal.aws_app import AwsApp
from gameday.rehearsal.cloudwatch_api import CloudWatch
from gameday.rehearsal.metric_store import AwsError
from gameday.verdict.run import judge_run
from gameday.wiring import starting
from gameday.wiring.recovering import recover
from gameday.wiring.sockets import Sockets
from gameday.wiring.taking_over import Reached
from tests.torture.the_day import DELAY, ENVIRONMENT, ERROR, RUN, Day, a_day

Wrong = Callable[[Asked], AwsError | None]


class Served:
    """The day's account behind HTTP: FIS and alarms are its own. ``wrong`` is what is said in place of an answer;
    ``hangs`` names calls that wait for ``let_go``."""

    def __init__(self, day: Day) -> None:
        account = day.truth.account
        cloudwatch = CloudWatch(day.clock)
        account.engine.alarm_state = cloudwatch.alarms.state_of
        account.alarms = cloudwatch.alarms
        self.app = AwsApp(day.clock, account.engine, cloudwatch)
        self.wrong: Wrong = lambda asked: None
        self.came: Counter[str] = Counter()
        self.hangs: Callable[[Asked], bool] = lambda asked: False
        self.let_go = threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        asked = Asked(environ)
        self.came[asked.operation] += 1
        if self.hangs(asked):
            self.let_go.wait(20)
        error = self.wrong(asked)
        if error is None:
            return self.app(environ, start_response)
        status, headers, body = refusal(asked, error)
        start_response(f"{status} X", [*headers, ("Content-Length", str(len(body)))])
        return [body]


class ServedDay(Day):
    """A day whose providers speak to it through boto3."""

    def __init__(self, root: Path, ends: str) -> None:
        super().__init__(root, ends)
        self.served = Served(self)
        self.doors: list[Aws] = []
        self.url = ""

    def world(self) -> Reached:
        world = super().world()
        assert world.filled is not None
        aws = Aws(ENVIRONMENT, self.url)
        self.doors.append(aws)
        faults = {**world.filled.faults, "fis": FisFault(aws)}
        filled = Sockets(aws, faults, world.filled.observers, world.filled.channel)
        return Reached(filled, self.clock, None, world.effects)


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedDay]:
    made = ServedDay(tmp_path, "abort")
    server = make_server("127.0.0.1", 0, made.served, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.port}"
    monkeypatch.setattr(starting, "dead_man", made.switches)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    yield made
    made.served.let_go.set()
    for aws in made.doors:
        aws.close()
    server.shutdown()
    server.server_close()
    thread.join()


def walked(day: ServedDay, then: Callable[[Conductor], None] = lambda conductor: None) -> tuple[str, dict[str, Any]]:
    """The whole day; how it ended and its verdict."""
    conductor = day.begin()
    then(conductor)
    ended = conductor.run()
    conductor.close()
    return ended, judge_run(day.plan, read(day.folder / "journal.jsonl")[0])


def once_broken(conductor: Conductor, act: Callable[[], None]) -> None:
    """When all that the day injects is there."""
    seen = lambda: {"errors", "delay", "local"} <= {s for s, f in conductor.state.faults.items() if f.accepted_ms}  # noqa: E731
    conductor.effects.hooks.append((seen, act))  # type: ignore[union-attr]  # it ticks


def test_a_day_through_boto3_leaves_nothing(day: ServedDay) -> None:
    """What the others are held against."""
    ended, verdict = walked(day)
    assert (ended, verdict["outcome"], day.truth.all) == ("aborted", "stopped", [])
    assert day.served.came["StopExperiment"] >= 2


@pytest.mark.parametrize("seed", range(3))
def test_half_of_all_calls_throttled(day: ServedDay, seed: int) -> None:
    """Of every service, from the first call to the last: all is taken back, and nothing is injected twice."""
    dice, said = Random(seed), Counter[str]()

    def throttled(asked: Asked) -> AwsError | None:
        said["all"] += 1
        if dice.random() < 0.5:
            said["throttled"] += 1
            return AwsError("ThrottlingException", "Rate exceeded", 400)
        return None

    day.served.wrong = throttled
    ended, verdict = walked(day)
    assert 0.4 < said["throttled"] / said["all"] < 0.6
    assert (ended, verdict["outcome"], day.truth.all) == ("aborted", "stopped", [])
    assert len(set(day.truth.account.started)) == len(day.truth.account.started)


@pytest.mark.parametrize("code", ["InternalServerException", "AccessDeniedException", "ThrottlingException"])
def test_stop_experiment_that_fails_nine_times_is_asked_a_tenth(day: ServedDay, code: str) -> None:
    """Whether or not botocore repeats it by itself."""
    status = {"InternalServerException": 500, "AccessDeniedException": 403}.get(code, 400)
    failed = Counter[str]()

    def fails(asked: Asked) -> AwsError | None:
        if asked.operation == "StopExperiment" and failed[code] < 9:
            failed[code] += 1
            return AwsError(code, "Not now.", status)
        return None

    day.served.wrong = fails
    ended, verdict = walked(day)
    assert failed[code] == 9
    assert (ended, verdict["outcome"], day.truth.all) == ("aborted", "stopped", [])


def test_credentials_that_expire_end_unsafe_naming_the_resources_and_recover_when_renewed(day: ServedDay) -> None:
    expired = lambda asked: AwsError("ExpiredTokenException", "The security token has expired", 403)  # noqa: E731
    ended, verdict = walked(day, lambda c: once_broken(c, lambda: setattr(day.served, "wrong", expired)))
    assert (ended, verdict["outcome"]) == ("aborted", "unsafe")
    failed = [e.what for e in read(day.folder / "journal.jsonl")[0] if e.type == "undo.failed"]
    assert {"errors", "delay"} <= {what["step"] for what in failed}
    named = {what["step"]: what["resources"] for what in failed}
    there = {e.tags["gameday:step"]: e.id for e in day.truth.account.engine.experiments.values()}
    assert all(named[step]["experiment"] == there[step] for step in ("errors", "delay"))
    assert all("ExpiredToken" in what["error"] for what in failed if what["step"] in ("errors", "delay"))
    assert "local" not in {left.step for left in outstanding(day.folder / "undo.jsonl").left}, "this machine is mended"
    day.served.wrong = lambda asked: None
    found = recover(day.root, day.folder, day.world())
    assert found is not None and found.clean and day.truth.all == []
    assert judge_run(day.plan, read(day.folder / "journal.jsonl")[0])["outcome"] == "stopped"


def injected(ledger: Ledger, fis: FisFault) -> dict[str, str]:
    """Two experiments that run, by step."""
    found = {}
    for step in a_day("abort").steps:
        if step.fault is None or step.fault.action not in (ERROR, DELAY):
            continue
        order = Order(RUN, step.id, step.id, step.fault.action, step.fault.settings, step.fault.targets,
                      step.fault.duration_ms, ENVIRONMENT)  # fmt: skip
        ledger.intend(step.id, "fis", {"run": RUN, "step": step.id, "token": step.id})
        found[step.id] = fis.start(order, partial(ledger.note, step.id))["experiment"]
    return found


@contextmanager
def going_on(day: ServedDay) -> Iterator[None]:
    """What FIS was told it does meanwhile; the day's clock stands still."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(0.02):
            day.truth.account.passes()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_stop_that_hangs_is_unknown_and_the_others_have_their_turn(day: ServedDay, tmp_path: Path) -> None:
    """StopExperiment of one experiment does not answer; the other is stopped meanwhile, and that one once it does."""
    aws = Aws(ENVIRONMENT, day.url)
    day.doors.append(aws)
    ledger, fis, clock = Ledger(tmp_path / "undo-alone.jsonl"), FisFault(aws), ScenarioClock(Anchor.here())
    ids, said = injected(ledger, fis), list[Draft]()
    day.clock.advance(20_000)
    assert day.truth.active == ["delay", "errors"]
    day.served.hangs = lambda asked: asked.operation == "StopExperiment" and asked.path.endswith(ids["delay"])
    with going_on(day):
        assert not undo_all(ledger, {"fis": fis}, clock, said.append, clock.now() + 3_000, stop_within_s=1.5)
        assert [left.step for left in outstanding(ledger.path).left] == ["delay"] == day.truth.account.active
        (failed,) = (draft.what for draft in said if draft.type == "undo.failed")
        assert failed["resources"]["experiment"] == ids["delay"] and "did not answer" in failed["error"]
        day.served.let_go.set()
        assert undo_all(ledger, {"fis": fis}, clock, said.append, clock.now() + 30_000)
    assert day.truth.all == []
