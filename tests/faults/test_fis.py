"""A FIS fault can always be found again, stopped and cleaned up, wherever a crash came.

The other side is a real HTTP server on loopback (stock moto's FIS control plane), which boto3 cannot tell from AWS.
"""

from typing import Any

import pytest

from gameday.aws import Aws
from gameday.faults.catalogue import actions, iso_duration
from gameday.faults.fis import FisFault, FisSettings, parameters, template
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.protocols import Order, Trace

ARN = "arn:aws:lambda:eu-west-2:123456789012:function:payments"
SETTINGS = {
    "action": "aws:lambda:invocation-error",
    "targets": ("payments-function",),
    "parameters": {"duration": "20m", "invocationPercentage": 100, "preventExecution": True},
}


def order(run: str = "run-1", step: str = "stop-payments") -> Order:
    action = str(SETTINGS["action"])
    targets = {"Functions": (ARN,)}
    return Order(run, step, f"{run}-{step}", action, SETTINGS, targets, 1_200_000, REHEARSAL_ENVIRONMENT)


class Died(Exception):
    """The conductor dies here."""


def left(aws: Aws) -> tuple[list[str], list[str]]:
    fis = aws.client("fis")
    templates = [t["id"] for t in fis.list_experiment_templates()["experimentTemplates"]]
    going = [e["id"] for e in fis.list_experiments()["experiments"] if e["state"]["status"] in ("running", "pending")]
    return templates, going


def undo(fault: FisFault, trace: Trace) -> None:
    for _ in range(10):
        if fault.stop(trace).clean:
            return
    raise AssertionError("not clean after ten tries")


def test_the_template_says_what_the_scenario_says() -> None:
    made = template(order())
    assert made["actions"]["fault"] == {
        "actionId": "aws:lambda:invocation-error",
        "parameters": {"duration": "PT20M", "invocationPercentage": "100", "preventExecution": "true"},
        "targets": {"Functions": "Functions"},
    }
    assert made["targets"]["Functions"]["resourceType"] == "aws:lambda:function"
    assert made["tags"] == {"gameday:run": "run-1", "gameday:step": "stop-payments"}
    assert made["experimentOptions"]["emptyTargetResolutionMode"] == "fail"
    assert made["stopConditions"] == [{"source": "none"}]


def test_a_fault_is_started_read_stopped_and_leaves_nothing(aws: Aws) -> None:
    fault, notes = FisFault(aws), list[Trace]()
    trace = fault.start(order(), notes.append)
    assert [sorted(n) for n in notes] == [
        ["run", "step", "token"],
        ["run", "step", "template", "token"],
        ["experiment", "run", "step", "template", "token"],
    ]
    assert fault.poll(trace).state in ("starting", "active")
    undo(fault, trace)
    undo(fault, trace)
    assert left(aws) == ([], [])


@pytest.mark.parametrize("survived", [1, 2, 3])
def test_whatever_note_a_crash_came_at_undo_finds_all_of_it(aws: Aws, survived: int) -> None:
    notes: list[Trace] = []

    def note(facts: Trace) -> None:
        if len(notes) == survived:
            raise Died
        notes.append(facts)

    fault = FisFault(aws)
    try:
        fault.start(order(f"crash-{survived}"), note)
    except Died:
        pass
    undo(FisFault(aws), notes[-1])
    assert left(aws) == ([], [])


def test_undo_leaves_other_runs_alone(aws: Aws) -> None:
    fault = FisFault(aws)
    mine = fault.start(order("mine"), lambda _: None)
    other = fault.start(order("other"), lambda _: None)
    undo(fault, {"run": "mine", "step": "stop-payments", "token": mine["token"]})
    assert left(aws)[0] == [other["template"]]
    undo(fault, other)


def test_all_fifty_actions_are_known_and_durations_are_written_as_fis_does() -> None:
    assert len(actions()) == 50
    assert [iso_duration(ms) for ms in (60_000, 90_000, 1_200_000, 1)] == ["PT1M", "PT90S", "PT20M", "PT1S"]
    assert actions()["aws:ec2:terminate-instances"].one_shot


@pytest.mark.parametrize("bad", [{"action": "lambda"}, {"selection": "COUNT(0)"}, {"targets": ()}, {"foo": 1}])
def test_settings_are_strict(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        FisSettings.model_validate({**SETTINGS, **bad})


def test_an_iso_duration_is_kept() -> None:
    settings = FisSettings(action="aws:fis:wait", parameters={"duration": "PT5M"})
    assert parameters(settings) == {"duration": "PT5M"}
