"""``gameday sweep``: by our tags alone, in every Region, and never what somebody conducts. Against stock moto's FIS,
which boto3 cannot tell from AWS, and our own Systems Manager without the wire between."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gameday.aws import Aws, CallFailed
from gameday.clock import VirtualClock
from gameday.errors import Problem
from gameday.faults.fis import FisFault
from gameday.faults.ssm import SsmFault, mark
from gameday.model.workspace import REHEARSAL, REHEARSAL_ENVIRONMENT
from gameday.plan import dump_plan
from gameday.protocols import Order, Tagged, Trace
from gameday.rehearsal.ssm_api import SsmApi
from gameday.rehearsal.ssm_engine import SsmEngine
from gameday.runs import LOCK
from gameday.wiring.sockets import Sockets
from gameday.wiring.starting import lock_service, take_lock
from gameday.wiring.sweeping import Regions, look, sweep, told_at_start
from tests.conductor.bench import a_plan, fault
from tests.wiring.a_dead_run import NoAlarm

SETTINGS = {
    "action": "aws:lambda:invocation-error",
    "targets": ("payments-function",),
    "parameters": {"duration": "20m", "invocationPercentage": 100, "preventExecution": True},
}
ARN = "arn:aws:lambda:eu-west-2:123456789012:function:payments"


@pytest.fixture
def aws() -> Iterator[Aws]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = Aws(REHEARSAL_ENVIRONMENT, f"http://{host}:{port}")
    emptied(f"http://{host}:{port}")
    yield found
    found.close()
    server.stop()


def emptied(endpoint: str) -> None:
    """moto keeps what it holds for the whole process."""
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", b""), timeout=10).close()


def started(aws: Aws, run: str) -> None:
    """A fault of this run, of which nobody keeps any word."""
    order = Order(run, "stop", f"t-{run}", str(SETTINGS["action"]), SETTINGS, {"Functions": (ARN,)}, 1_200_000,
                  REHEARSAL_ENVIRONMENT)  # fmt: skip
    FisFault(aws).start(order, list[Trace]().append)


def filled(aws: Aws, **faults: Any) -> Any:
    return Sockets(aws, faults, [], None)  # type: ignore[arg-type]  # nothing is put before people


def regions(aws: Aws) -> Regions:
    return {"eu-west-2": filled(aws, fis=FisFault(aws))}


def kinds(found: Any) -> list[str]:
    return sorted(x.what.kind for x in found)


BOTH = ["FIS experiment", "FIS experiment template"]


def test_a_look_touches_nothing_and_a_sweep_leaves_nothing_of_ours(aws: Aws, tmp_path: Path) -> None:
    """What bears no tag of ours stays."""
    started(aws, "lost")
    fis = aws.client("fis")
    theirs = fis.create_experiment_template(
        description="theirs", roleArn="arn:aws:iam::123456789012:role/x", stopConditions=[{"source": "none"}],
        actions={}, tags={"team": "other"},
    )["experimentTemplate"]["id"]  # fmt: skip
    clock = VirtualClock()
    for _ in range(2):
        assert kinds(look(tmp_path, REHEARSAL, regions(aws)).left) == BOTH
    found = sweep(tmp_path, REHEARSAL, regions(aws), clock)
    assert found.clean and kinds(found.gone) == BOTH
    assert look(tmp_path, REHEARSAL, regions(aws)).clean
    assert [t["id"] for t in fis.list_experiment_templates()["experimentTemplates"]] == [theirs]


def test_nothing_of_a_run_that_is_conducted_is_touched(aws: Aws, tmp_path: Path) -> None:
    for run in ("live", "dead"):
        started(aws, run)
        (tmp_path / ".gameday" / "runs" / run).mkdir(parents=True)
    lock = take_lock(tmp_path / ".gameday" / "runs" / "live" / LOCK)
    assert lock is not None
    found = sweep(tmp_path, REHEARSAL, regions(aws), VirtualClock())
    assert {x.what.run for x in found.gone} == {"dead"} and {x.what.run for x in found.held} == {"live"}
    assert found.clean and kinds(found.held) == BOTH
    lock.release()
    assert kinds(look(tmp_path, REHEARSAL, regions(aws)).left) == BOTH


def test_while_a_run_begins_what_has_no_folder_is_kept(aws: Aws, tmp_path: Path) -> None:
    """It may be that run's: its preflight has no folder yet."""
    started(aws, "preflight")
    lock = lock_service(tmp_path, REHEARSAL, "pay")
    assert kinds(sweep(tmp_path, REHEARSAL, regions(aws), VirtualClock()).held) == BOTH
    assert "Another run left this behind" in told_at_start(tmp_path, REHEARSAL, regions(aws)["eu-west-2"])[0]
    lock.release()
    assert kinds(sweep(tmp_path, REHEARSAL, regions(aws), VirtualClock()).gone) == BOTH
    assert told_at_start(tmp_path, REHEARSAL, regions(aws)["eu-west-2"]) == []


class Stubborn(FisFault):
    """What it is asked to remove stays."""

    def remove(self, tagged: Tagged) -> Any:
        raise CallFailed(Problem("AWS_REFUSED", "throttled", "try again"), "ThrottlingException")


def test_what_cannot_be_removed_or_read_is_never_called_gone(aws: Aws, tmp_path: Path) -> None:
    started(aws, "lost")
    clock = VirtualClock()
    found = sweep(tmp_path, REHEARSAL, {"eu-west-2": filled(aws, fis=Stubborn(aws))}, clock)
    assert not found.clean and not found.gone and [x.wrong for x in found.left] == ["throttled"] * 2
    assert sum(clock.slept) <= 130_000
    away = Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:9")
    unread = look(tmp_path, REHEARSAL, {**regions(aws), "eu-west-1": filled(away, fis=FisFault(away))})
    assert not unread.clean and "eu-west-1" in unread.unread[0] and kinds(unread.left) == BOTH


# ---- Systems Manager: a mark in place of a tag
class Minute:
    """A document that lasts a minute."""

    def begin(self, document: str, instances: Sequence[str], parameters: Mapping[str, str]) -> int:
        return 60_000

    def end(self, document: str, instances: Sequence[str], parameters: Mapping[str, str]) -> None:
        """It leaves nothing."""


class Door:
    """The rehearsal's Systems Manager, without the wire between."""

    def __init__(self) -> None:
        self.engine = SsmEngine(VirtualClock(), lambda tags: ["i-1"])
        self.engine.commands["AWSFIS-Run-CPU-Stress"] = Minute()
        self.engine.automations["AWS-StopEC2Instance"] = Minute()
        self.api = SsmApi(self.engine)

    def client(self, service: str, account: str | None = None, region: str | None = None) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        operation = "".join(word.title() for word in name.split("_"))
        return lambda **wire: self.api.call(operation, wire)

    def get_paginator(self, name: str) -> Any:
        class Pages:
            def paginate(_, **wire: Any) -> list[Any]:
                return [getattr(self, name)(**wire)]

        return Pages()


def ssm_order(run: str, **settings: Any) -> Order:
    return Order(run, "stress", "tok", "", settings, {"Instances": ("arn:aws:ec2:eu-west-2:1:instance/i-1",)}, 60_000,
                 REHEARSAL_ENVIRONMENT)  # fmt: skip


def test_commands_and_automations_are_found_by_their_mark(tmp_path: Path) -> None:
    """Whose they are the mark says, as long as the plan of the run is here."""
    door: Any = Door()
    ssm = SsmFault(door)
    document = {"document": "AWSFIS-Run-CPU-Stress", "targets": ["web"]}
    ssm.start(ssm_order("lost", **document), list[Trace]().append)
    door.send_command(DocumentName="AWSFIS-Run-CPU-Stress", InstanceIds=["i-1"], Comment="theirs",
                      Parameters={"DurationSeconds": ["60"]})  # fmt: skip
    stopped = {"document": "AWS-StopEC2Instance", "kind": "automation", "targets": ["web"]}
    ssm.start(ssm_order("live", **stopped), list[Trace]().append)
    there = ssm.tagged()
    assert [(t.kind, t.mark) for t in there if t.kind == "SSM command"] == [("SSM command", mark("lost", "stress"))]
    folder = tmp_path / ".gameday" / "runs" / "live"
    folder.mkdir(parents=True)
    (folder / "plan.json").write_bytes(dump_plan(a_plan(fault("stress"))))
    lock = take_lock(folder / LOCK)
    assert lock is not None
    automations = [t for t in there if t.kind == "SSM automation"]
    there_alone = filled(door, ssm=ssm)
    vars(there_alone)["heartbeat"] = NoAlarm(door)  # a cached property: this is what it holds
    found = sweep(tmp_path, REHEARSAL, {"eu-west-2": there_alone}, VirtualClock())
    assert found.clean and kinds(found.gone) == ["SSM command"]
    assert [x.what.id for x in found.held] == [t.id for t in automations]
    lock.release()


def test_a_tag_names_no_folder_outside_the_runs(aws: Aws, tmp_path: Path) -> None:
    """Anybody may write a tag: a path in it leads nowhere else."""
    started(aws, "lost")
    left = look(tmp_path, REHEARSAL, regions(aws)).left
    (tmp_path / "elsewhere").mkdir()
    strange = replace(left[0].what, run="../../elsewhere")
    faults: Any = {"fis": type("One", (FisFault,), {"tagged": lambda self: [strange]})(aws)}
    assert [x.folder for x in look(tmp_path, REHEARSAL, {"eu-west-2": filled(aws, **faults)}).left] == [False]
