"""A FIS fault's duration, start, stop and preview when AWS refuses, lags, forgets or does not answer.

The other side is the rehearsal's FIS over real HTTP on a clock that stands still, with a gate before it that can answer
in its place.
"""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.serving import make_server

from gameday.aws import Aws, CallFailed
from gameday.clock import VirtualClock
from gameday.errors import CouldNotStart
from gameday.faults.catalogue import actions
from gameday.faults.fis import CLEAN_LOOKS, FisFault, FisSettings, template
from gameday.faults.fis_settings import self_ending
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.protocols import Order, Trace
from gameday.rehearsal.asking import Asked, refusal
from gameday.rehearsal.aws_app import AwsApp
from gameday.rehearsal.cloudwatch_api import CloudWatch
from gameday.rehearsal.fis_engine import FisEngine
from gameday.rehearsal.metric_store import AwsError

ARN = "arn:aws:lambda:eu-west-2:123456789012:function:payments"
WAIT = {"action": "aws:fis:wait", "parameters": {"duration": "20m"}}
Answer = tuple[int, Any] | AwsError | None


class Loopback:
    """The rehearsal's AWS. ``answers`` maps an operation to what is said in its place; ``asked`` is what came."""

    def __init__(self) -> None:
        clock = VirtualClock()
        self.engine = FisEngine(clock)
        self.clock = clock
        self.app = AwsApp(clock, self.engine, CloudWatch(clock))
        self.answers: dict[str, Callable[[], Answer]] = {}
        self.asked: list[str] = []
        self.url = ""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        asked = Asked(environ)
        self.asked.append(asked.operation)
        answer = self.answers.get(asked.operation, lambda: None)()
        if answer is None:
            return self.app(environ, start_response)
        if isinstance(answer, AwsError):
            status, headers, body = refusal(asked, answer)
        else:
            status, headers, body = answer[0], [("Content-Type", "application/json")], json.dumps(answer[1]).encode()
        start_response(f"{status} X", [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def run_for(self, ms: int) -> None:
        """Let scenario time pass."""
        for _ in range(4):
            self.engine.tick()
        self.clock.advance(ms)
        for _ in range(4):
            self.engine.tick()

    @property
    def left(self) -> tuple[int, int]:
        """Templates, and experiments that have not ended."""
        for _ in range(4):
            self.engine.tick()
        going = [e for e in self.engine.experiments.values() if e.status not in ("stopped", "completed", "failed")]
        return len(self.engine.templates), len(going)


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    made = Loopback()
    server = make_server("127.0.0.1", 0, made, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.port}"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def aws(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    aws = Aws(REHEARSAL_ENVIRONMENT, loopback.url)
    yield aws
    aws.close()


def order(settings: dict[str, Any], duration_ms: int | None = None, **targets: tuple[str, ...]) -> Order:
    action = str(settings["action"])
    return Order("r1", "stop", "r1-stop", action, settings, targets, duration_ms, REHEARSAL_ENVIRONMENT)


def sent(settings: dict[str, Any], duration_ms: int | None) -> dict[str, str]:
    found: dict[str, str] = template(order(settings, duration_ms))["actions"]["fault"]["parameters"]
    return found


def ignore(_: Trace) -> None:
    """A ledger that is not looked at."""


# ---- the duration


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("aws:lambda:invocation-error", "duration"),
        ("aws:ssm:start-automation-execution", "maxDuration"),
        ("aws:ec2:stop-instances", "startInstancesAfterDuration"),
    ],
)
def test_for_is_sent_as_the_actions_own_duration(action: str, name: str) -> None:
    assert sent({"action": action}, 600_000) == {name: "PT10M"}


def test_every_action_that_takes_a_duration_gets_it_and_ends_by_itself() -> None:
    for action in actions().values():
        made = sent({"action": action.id}, 600_000)
        assert made == ({action.ends_by: "PT10M"} if action.ends_by and not action.one_shot else {})
        settings = FisSettings(action=action.id)
        assert self_ending(settings, 600_000, action) == bool(made or action.one_shot)


def test_of_two_durations_the_shorter_is_sent() -> None:
    settings = {"action": "aws:fis:wait", "parameters": {"duration": "20m"}}
    assert sent(settings, 600_000) == {"duration": "PT10M"}
    assert sent(settings, 3_600_000) == {"duration": "PT20M"}
    assert sent({"action": "aws:fis:wait", "parameters": {"duration": "PT5M"}}, 600_000) == {"duration": "PT5M"}
    assert sent(settings, None) == {"duration": "PT20M"}


def test_the_time_before_a_spot_interruption_is_no_duration() -> None:
    given = {"durationBeforeInterruption": "2m"}
    settings = {"action": "aws:ec2:send-spot-instance-interruptions", "parameters": given}
    assert sent(settings, 600_000) == {"durationBeforeInterruption": "PT2M"}


# ---- settings


def test_settings_survive_plan_json() -> None:
    settings = FisSettings(action="aws:lambda:invocation-error", targets=("a", "b"), parameters={"n": 1, "p": True})
    back = json.loads(json.dumps(settings.model_dump()))
    assert FisSettings.model_validate(back) == settings
    assert FisSettings.model_validate_json(settings.model_dump_json()) == settings
    with pytest.raises(ValueError, match="targets"):
        FisSettings.model_validate({**back, "targets": []})


def test_a_fault_read_back_from_plan_json_starts(aws: Aws, loopback: Loopback) -> None:
    settings = json.loads(json.dumps({**WAIT, "targets": None}))
    FisFault(aws).start(order(settings), ignore)
    assert loopback.left == (1, 1)


# ---- start


def test_an_unknown_action_gets_its_target_keys_from_the_account(aws: Aws, loopback: Loopback) -> None:
    ident = "aws:lambda:something-new"
    described = {
        "id": ident,
        "parameters": {"duration": {"required": True}},
        "targets": {"Functions": {"resourceType": "aws:lambda:function"}},
    }
    loopback.answers["GetAction"] = lambda: (200, {"action": described})
    requests: list[Any] = []
    loopback.answers["CreateExperimentTemplate"] = lambda: AwsError("ValidationException", "enough seen")
    aws.client("fis").meta.events.register("before-call.fis", lambda params, **_: requests.append(params["body"]))
    new = replace(order({"action": ident}, 120_000), targets={"aws:lambda:function": (ARN,)})
    with pytest.raises(CallFailed, match="enough seen"):
        FisFault(aws).start(new, ignore)
    body = json.loads(requests[-1])
    assert body["actions"]["fault"] == {
        "actionId": ident, "parameters": {"duration": "PT2M"}, "targets": {"Functions": "Functions"},
    }  # fmt: skip
    assert body["targets"]["Functions"]["resourceType"] == "aws:lambda:function"


def test_a_refused_start_says_what_aws_said_and_no_secret(aws: Aws, loopback: Loopback) -> None:
    blob = "not allowed. Encoded authorization failure message: c2VjcmV0"
    loopback.answers["StartExperiment"] = lambda: AwsError("AccessDeniedException", blob, 403)
    with pytest.raises(CallFailed) as caught:
        FisFault(aws).start(order(WAIT), ignore)
    (problem,) = caught.value.problems
    assert problem.message == "fis StartExperiment: AccessDeniedException: not allowed."
    assert (problem.code, caught.value.code) == ("AWS_REFUSED", "AccessDeniedException")
    assert "c2VjcmV0" not in str(caught.value)


def test_a_start_is_repeated_with_the_same_token_only(aws: Aws, loopback: Loopback) -> None:
    tokens: list[str] = []
    aws.client("fis").meta.events.register(
        "before-send.fis.StartExperiment", lambda request, **_: tokens.append(json.loads(request.body)["clientToken"])
    )
    fails = iter([AwsError("InternalFailure", "lost", 500)] * 2)
    loopback.answers["StartExperiment"] = lambda: next(fails, None)
    FisFault(aws).start(order(WAIT), ignore)
    assert tokens == ["r1-stop"] * 3
    assert loopback.left == (1, 1)


def test_without_a_role_for_fis_nothing_is_called(aws: Aws, loopback: Loopback) -> None:
    bare = replace(order(WAIT), environment=REHEARSAL_ENVIRONMENT.model_copy(update={"fis_role": None}))
    with pytest.raises(CouldNotStart, match="NO_FIS_ROLE"):
        FisFault(aws).start(bare, ignore)
    assert loopback.asked == []


# ---- poll


def test_an_experiment_that_aws_does_not_know_is_unknown_never_ended(aws: Aws) -> None:
    status = FisFault(aws).poll({"run": "r1", "step": "stop", "token": "t", "experiment": "EXPnone"})
    assert (status.state, status.clean) == ("unknown", False)


def test_the_state_is_told_when_the_targets_cannot_be_read_and_they_are_read_once(aws: Aws, loopback: Loopback) -> None:
    fault = FisFault(aws)
    trace = fault.start(order(WAIT), ignore)
    assert fault.poll(trace).state == "starting"
    assert "ListExperimentResolvedTargets" not in loopback.asked
    loopback.run_for(1000)
    loopback.answers["ListExperimentResolvedTargets"] = lambda: AwsError("ThrottlingException", "slow down")
    assert fault.poll(trace).state == "active"
    found = {"resolvedTargets": [{"targetName": "Functions", "targetInformation": {"arn": ARN}}]}
    loopback.answers["ListExperimentResolvedTargets"] = lambda: (200, found)
    assert fault.poll(trace).targets == {"Functions": [ARN]}
    count = loopback.asked.count("ListExperimentResolvedTargets")
    assert fault.poll(trace).targets == {"Functions": [ARN]}
    assert loopback.asked.count("ListExperimentResolvedTargets") == count


# ---- stop


def stopped(fault: FisFault, trace: Trace, loopback: Loopback, most: int = 10) -> int:
    """How many calls of stop it takes until all is clean."""
    for calls in range(1, most + 1):
        if fault.stop(trace).clean:
            return calls
        loopback.run_for(100)
    raise AssertionError("never clean")


def test_stop_is_idempotent_and_leaves_nothing(aws: Aws, loopback: Loopback) -> None:
    fault = FisFault(aws)
    trace = fault.start(order(WAIT), ignore)
    loopback.run_for(1000)
    assert stopped(fault, trace, loopback) == 2
    assert stopped(fault, trace, loopback) == 1
    assert stopped(FisFault(aws), trace, loopback) == 1
    assert loopback.left == (0, 0)


def test_a_known_experiment_is_stopped_without_reading_lists(aws: Aws, loopback: Loopback) -> None:
    """A throttled list must not keep a fault in place whose id is known."""
    fault = FisFault(aws)
    trace = fault.start(order(WAIT), ignore)
    for operation in ("ListExperiments", "ListExperimentTemplates"):
        loopback.answers[operation] = lambda: AwsError("ThrottlingException", "slow down")
    stopped(fault, trace, loopback)
    assert loopback.left == (0, 0)


@pytest.mark.parametrize("code", ["ValidationException", "ConflictException"])
def test_one_that_ends_between_look_and_stop_ends_clean(aws: Aws, loopback: Loopback, code: str) -> None:
    fault = FisFault(aws)
    trace = fault.start(order(WAIT), ignore)
    loopback.run_for(1000)

    def ended() -> Answer:
        loopback.run_for(1_200_000)
        return AwsError(code, "has already ended", 409 if code.startswith("C") else 400)

    loopback.answers["StopExperiment"] = ended
    status = fault.stop(trace)
    assert (status.state, status.clean) == ("ended", True)
    assert loopback.left == (0, 0)


def test_a_refused_stop_is_no_end(aws: Aws, loopback: Loopback) -> None:
    fault = FisFault(aws)
    trace = fault.start(order(WAIT), ignore)
    loopback.answers["StopExperiment"] = lambda: AwsError("AccessDeniedException", "no", 403)
    with pytest.raises(CallFailed, match="StopExperiment: AccessDenied"):
        fault.stop(trace)
    assert loopback.left == (1, 1)


def test_one_that_aws_no_longer_knows_ends_clean_after_looking_again(aws: Aws, loopback: Loopback) -> None:
    fault = FisFault(aws)
    trace = fault.start(order(WAIT), ignore)
    loopback.engine.experiments.clear()
    status = fault.stop(trace)
    assert not status.clean and "looking once more" in status.detail
    assert stopped(fault, trace, loopback) == CLEAN_LOOKS - 1
    assert loopback.left == (0, 0)


@pytest.mark.parametrize("late", range(CLEAN_LOOKS))
def test_a_started_fault_that_the_list_shows_late_is_found(aws: Aws, loopback: Loopback, late: int) -> None:
    trace = FisFault(aws).start(order(WAIT), ignore)
    del trace["experiment"]
    empty: Answer = (200, {"experiments": []})
    looks = iter([empty] * late)
    loopback.answers["ListExperiments"] = lambda: next(looks, None)
    stopped(FisFault(aws), trace, loopback)
    assert loopback.left == (0, 0)
    assert loopback.asked.count("StartExperiment") == 1, "a look never starts anything"


def test_a_start_that_arrives_after_undo_finds_no_template(aws: Aws, loopback: Loopback) -> None:
    """A start that hangs in the network while undo runs: the template is gone before the first look ends."""
    trace = FisFault(aws).start(order(WAIT), ignore)
    loopback.engine.experiments.clear()
    loopback.engine.tokens.clear()
    del trace["experiment"]
    fault = FisFault(aws)
    assert not fault.stop(trace).clean
    fis = aws.client("fis")
    with pytest.raises(fis.exceptions.ResourceNotFoundException):
        fis.start_experiment(clientToken="r1-stop", experimentTemplateId=trace["template"])
    stopped(fault, trace, loopback)
    assert loopback.left == (0, 0)


def test_a_look_that_fails_is_not_counted(aws: Aws, loopback: Loopback) -> None:
    fault, trace = FisFault(aws), {"run": "r1", "step": "stop", "token": "r1-stop"}
    loopback.answers["ListExperiments"] = lambda: AwsError("ThrottlingException", "slow down")
    for _ in range(CLEAN_LOOKS + 1):
        with pytest.raises(CallFailed, match="Throttling"):
            fault.stop(trace)
    del loopback.answers["ListExperiments"]
    assert stopped(fault, trace, loopback) == CLEAN_LOOKS


# ---- preview


def codes(aws: Aws, of: Order) -> list[tuple[str, str]]:
    return [(p.code, p.severity) for p in FisFault(aws).preview(of)]


def test_a_fault_that_is_right_has_no_problems_and_nothing_is_changed(aws: Aws, loopback: Loopback) -> None:
    assert codes(aws, order(WAIT)) == []
    assert loopback.asked == ["GetAction"]


def test_the_account_says_what_an_action_takes(aws: Aws) -> None:
    assert codes(aws, order({"action": "aws:fis:wait"})) == [
        ("MISSING_KEY", "error"), ("FAULT_NOT_SELF_ENDING", "warning"),
    ]  # fmt: skip
    assert codes(aws, order({"action": "aws:fis:wait"}, 120_000)) == []
    assert codes(aws, order({"action": "aws:fis:wait", "parameters": {"duration": "2m", "speed": 9}})) == [
        ("UNKNOWN_KEY", "error")
    ]
    assert codes(aws, order(WAIT, Functions=(ARN,)))[0] == ("TARGET_TYPE", "error")


def test_a_parameter_that_aws_takes_and_the_catalogue_does_not_know_is_taken(aws: Aws, loopback: Loopback) -> None:
    parameters = {"duration": {"required": True}, "brandNew": {"required": False}}
    described = {"id": "aws:fis:wait", "parameters": parameters, "targets": {}}
    loopback.answers["GetAction"] = lambda: (200, {"action": described})
    assert codes(aws, order({"action": "aws:fis:wait", "parameters": {"duration": "2m", "brandNew": 1}})) == []


def test_an_action_that_the_account_does_not_know_is_an_error(aws: Aws) -> None:
    assert codes(aws, order({"action": "aws:ebs:pause-volume-io"}, 120_000))[0] == ("UNKNOWN_ACTION", "error")


@pytest.mark.parametrize(
    "error",
    [
        AwsError("AccessDeniedException", "no", 403), AwsError("NotImplemented", "not served", 501),
        AwsError("InternalFailure", "oops", 500), AwsError("ThrottlingException", "slow down"),
    ],
    ids=lambda e: e.code,
)  # fmt: skip
def test_an_account_that_does_not_answer_is_a_warning(aws: Aws, loopback: Loopback, error: AwsError) -> None:
    loopback.answers["GetAction"] = lambda: error
    assert codes(aws, order(WAIT)) == [("ACTION_NOT_CHECKED", "warning")]


def test_targets_that_do_not_exist_are_errors_and_unread_ones_warnings(aws: Aws, loopback: Loopback) -> None:
    described = {
        "id": "aws:lambda:invocation-error",
        "parameters": {n: {"required": True} for n in ("duration", "preventExecution")},
        "targets": {"Functions": {"resourceType": "aws:lambda:function"}},
    }
    loopback.answers["GetAction"] = lambda: (200, {"action": described})
    settings = {"action": "aws:lambda:invocation-error", "parameters": {"duration": "2m", "preventExecution": True}}
    assert codes(aws, order(settings)) == [("NO_TARGETS", "error")]
    loopback.answers["GetFunction"] = lambda: AwsError("ResourceNotFoundException", "no", 404)
    assert codes(aws, order(settings, Functions=(ARN,))) == [("NO_TARGETS", "error")]
    loopback.answers["GetFunction"] = lambda: (200, {"Configuration": {"FunctionName": "payments"}})
    assert codes(aws, order(settings, Functions=(ARN,))) == []
    both: list[Answer] = [(200, {"Configuration": {}}), AwsError("ResourceNotFoundException", "no", 404)]
    answers = iter(both)
    loopback.answers["GetFunction"] = lambda: next(answers)
    assert codes(aws, order(settings, Functions=(ARN, ARN + "2"))) == [("TARGET_MISSING", "error")]
    loopback.answers["GetFunction"] = lambda: AwsError("AccessDeniedException", "no", 403)
    assert codes(aws, order(settings, Functions=(ARN,))) == [("TARGET_NOT_CHECKED", "warning")]
