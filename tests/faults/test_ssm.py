"""A document of Systems Manager as a fault: what lint, plan and the request say of it. What it does: tests/workload."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.aws import Aws
from gameday.errors import CouldNotStart
from gameday.faults.check import check_fault
from gameday.faults.ssm import SsmFault, SsmSettings, mark, sent
from gameday.model.runbook import AwsCall, SsmCall, StepBlock
from gameday.model.scenario import FaultStep
from gameday.model.service import Resources, Service, Technology
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.protocols import Fault, Outline, Outlines

WEB = Technology(id="web", type="aws:ec2:instance", name="i-1")
TABLE = Technology(id="table", type="aws:dynamodb:table", name="t")
SERVICE = Service(kind="service", id="s", title="S", resources=Resources(technology=(WEB, TABLE)))
STRESS = "AWSFIS-Run-CPU-Stress"


def outlined(*targets: Technology, **keys: Any) -> Outline:
    fault: Fault = SsmFault(Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1"))
    assert isinstance(fault, Outlines)
    return fault.outline("stress", SsmSettings(**keys), targets, REHEARSAL_ENVIRONMENT)


@pytest.mark.parametrize(
    ("keys", "codes"),
    [
        ({"document": STRESS, "targets": ("web",), "for": "5m"}, []),
        ({"document": STRESS, "targets": ("web",), "parameters": {"DurationSeconds": 60}}, []),
        ({"document": "AWSFIS-Run-Kill-Process", "targets": ("web",)}, []),
        ({"document": "AWS-StopEC2Instance", "kind": "automation", "targets": ("web",), "one_shot": True}, []),
        ({"document": STRESS, "targets": ("web",)}, ["FAULT_ENDLESS"]),
        ({"document": STRESS, "for": "5m"}, ["NO_TARGETS"]),
        ({"document": STRESS, "targets": ("table",), "for": "5m"}, ["TARGET_TYPE"]),
        ({"targets": ("web",), "for": "5m"}, ["MISSING_KEY"]),
        ({"document": STRESS, "targets": ("web",), "for": "5m", "colour": "red"}, ["UNKNOWN_KEY"]),
    ],
)
def test_lint_says_what_is_wrong_with_a_document_as_a_fault(keys: dict[str, Any], codes: list[str]) -> None:
    found = check_fault(SERVICE, FaultStep.model_validate({"fault": "ssm", **keys}))
    assert [p.code for p in found] == codes


def test_a_document_that_ends_itself_is_sent_the_steps_for() -> None:
    settings = SsmSettings(document=f"arn:aws:ssm:eu-west-2::document/{STRESS}", targets=("web",))
    assert sent(settings, ["i-1"], 90_000) == {"DurationSeconds": ["90"]}
    longer = SsmSettings(document=STRESS, targets=("web",), parameters={"DurationSeconds": 60, "Cores": (1, 2)})
    assert sent(longer, ["i-1"], 90_000) == {"DurationSeconds": ["60"], "Cores": ["1", "2"]}
    other = SsmSettings(document="AWS-StopEC2Instance", kind="automation", targets=("web",), parameters={"Force": True})
    assert sent(other, ["i-1"], 90_000) == {"Force": ["true"], "InstanceId": ["i-1"]}


def test_the_outline_says_how_it_ends_and_what_shows_it() -> None:
    found = outlined(WEB, document=STRESS, targets=("web",), parameters={"DurationSeconds": 60})
    assert (found.action, found.duration_ms, found.takes_duration) == ("aws:ssm:send-command", 60_000, True)
    assert found.effective is None, "nothing that AWS publishes shows it for sure"
    stop = outlined(WEB, document="AWS-StopEC2Instance", kind="automation", targets=("web",))
    assert (stop.action, stop.takes_duration) == ("aws:ssm:start-automation-execution", False)
    assert str(stop.effective) == "stress-witness below 1" and str(stop.gone) == "stress-witness equals 1"
    ended = outlined(WEB, document="AWS-TerminateEC2Instance", kind="automation", targets=("web",))
    assert ended.effective is not None and ended.gone is None
    assert [c.operation for c in stop.calls] == [
        "StartAutomationExecution", "GetAutomationExecution", "StopAutomationExecution", "DescribeAutomationExecutions",
    ]  # fmt: skip


def test_what_no_document_runs_on_is_refused() -> None:
    with pytest.raises(CouldNotStart, match="TARGET_TYPE"):
        outlined(TABLE, document=STRESS, targets=("table",))
    many = [WEB.model_copy(update={"id": f"w{i}", "name": f"i-{i}"}) for i in range(51)]
    with pytest.raises(CouldNotStart, match="TOO_MANY_TARGETS"):
        outlined(*many, document=STRESS, targets=("w0",))


def test_the_mark_of_a_step_is_its_own_and_fits_a_comment() -> None:
    assert len({mark("r1", "a"), mark("r1", "b"), mark("r2", "a")}) == 3
    assert len(mark("r" * 300, "s" * 63)) <= 100


def test_a_runbooks_step_does_a_call_or_a_document() -> None:
    document = StepBlock.model_validate({"do": {"ssm": {"document": "D", "targets": {"Name": "web"}, "within": "5m"}}})
    assert isinstance(document.do, SsmCall) and document.do.ssm.within == 300_000
    assert document.do.calls[0] == ("ssm", "send_command")
    call = StepBlock.model_validate({"do": {"aws": "route53.change_resource_record_sets"}})
    assert isinstance(call.do, AwsCall) and call.do.calls == (("route53", "change_resource_record_sets"),)
    assert StepBlock.model_validate_json(document.model_dump_json()) == document
    bads: tuple[dict[str, Any], ...] = ({"ssm": {}}, {"shell": "rm"}, {"ssm": {"document": "D"}, "aws": "a.b"})
    for bad in bads:
        with pytest.raises(ValueError, match="validation error"):
            StepBlock.model_validate({"do": bad})
