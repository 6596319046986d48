"""What a FIS fault says of itself before it is started: targets, calls, duration, price and witness, all offline."""

from typing import Any

import pytest

from gameday.aws import Aws
from gameday.errors import CouldNotStart
from gameday.faults.catalogue import action_minutes, actions, from_iso
from gameday.faults.fis import FisFault, FisSettings
from gameday.faults.targets import TAGS_ONLY, arns_of, id_of, partition
from gameday.faults.witnesses import default_gone, signal_id
from gameday.model.queries import QUERIES
from gameday.model.scenario import Condition
from gameday.model.service import Technology
from gameday.model.workspace import REHEARSAL_ENVIRONMENT, Environment
from gameday.protocols import Fault, Outline, Outlines, Preview

STAGING = Environment(account="111122223333", regions=("eu-west-1",), fis_role="arn:aws:iam::111122223333:role/fis")
PAYMENTS = Technology(
    id="payments", type="aws:lambda:function", arn="arn:aws:lambda:${region}:${account}:function:payments"
)


class NoAws(Aws):
    """A door that does not open: whoever asks for a client fails the test."""

    def client(self, service: str, account: str | None = None, region: str | None = None) -> Any:
        raise AssertionError(f"{service} was asked for offline")


def outlined(
    action: str,
    *targets: Technology,
    environment: Environment = STAGING,
    parameters: dict[str, Any] | None = None,
    aws: Aws | None = None,
) -> Outline:
    settings = FisSettings(action=action, targets=tuple(t.id for t in targets) or None, parameters=parameters or {})
    fault = FisFault(aws or NoAws(environment, None))
    return fault.outline("stop", settings, targets, environment)


def test_the_fis_fault_fits_its_sockets() -> None:
    """That the signatures fit too, mypy proves (``_fits`` in gameday/faults/fis.py)."""
    fault: Fault = FisFault(NoAws(STAGING, None))
    assert isinstance(fault, Outlines) and isinstance(fault, Preview)
    assert fault.settings is FisSettings


def test_an_arn_is_filled_in_from_the_environment() -> None:
    found = outlined("aws:lambda:invocation-error", PAYMENTS, parameters={"duration": "90s", "preventExecution": True})
    assert found.targets == {"Functions": ("arn:aws:lambda:eu-west-1:111122223333:function:payments",)}
    assert (found.duration_ms, found.one_shot, found.action_minutes) == (90_000, False, 2)


@pytest.mark.parametrize(
    ("kind", "name", "arn"),
    [
        ("aws:lambda:function", "f", "arn:aws:lambda:eu-west-1:111122223333:function:f"),
        ("aws:dynamodb:global-table", "t", "arn:aws:dynamodb:eu-west-1:111122223333:table/t"),
        ("aws:s3:bucket", "b", "arn:aws:s3:::b"),
        ("aws:kinesis:stream", "s", "arn:aws:kinesis:eu-west-1:111122223333:stream/s"),
        ("aws:rds:db", "d", "arn:aws:rds:eu-west-1:111122223333:db:d"),
        ("aws:rds:cluster", "c", "arn:aws:rds:eu-west-1:111122223333:cluster:c"),
        ("aws:ecs:cluster", "c", "arn:aws:ecs:eu-west-1:111122223333:cluster/c"),
        ("aws:ec2:instance", "i-0123", "arn:aws:ec2:eu-west-1:111122223333:instance/i-0123"),
        ("aws:ec2:ebs-volume", "vol-1", "arn:aws:ec2:eu-west-1:111122223333:volume/vol-1"),
        ("aws:iam:role", "r", "arn:aws:iam::111122223333:role/r"),
    ],
)
def test_an_arn_follows_from_the_name(kind: str, name: str, arn: str) -> None:
    assert arns_of(NoAws(STAGING, None), Technology(id="x", type=kind, name=name), STAGING) == [arn]
    assert id_of(arn) == name


def test_the_partition_follows_from_the_region() -> None:
    assert [partition(r) for r in ("eu-west-2", "cn-north-1", "us-gov-west-1")] == ["aws", "aws-cn", "aws-us-gov"]


@pytest.mark.parametrize(
    ("technology", "code"),
    [
        (PAYMENTS.model_copy(update={"arn": "arn:aws:lambda:${region}:${stage}:function:x"}), "TARGET_PLACEHOLDER"),
        (PAYMENTS.model_copy(update={"arn": None, "name": "${stage"}), "TARGET_PLACEHOLDER"),
        (PAYMENTS.model_copy(update={"arn": None}), "TARGET_UNRESOLVED"),
        (PAYMENTS.model_copy(update={"type": "aws:sqs:queue"}), "TARGET_TYPE"),
    ],
)
def test_what_cannot_be_resolved_is_refused_by_name(technology: Technology, code: str) -> None:
    with pytest.raises(CouldNotStart, match=technology.id) as caught:
        outlined("aws:lambda:invocation-error", technology)
    assert [p.code for p in caught.value.problems] == [code]


def test_a_name_that_is_no_instance_id_is_refused() -> None:
    with pytest.raises(CouldNotStart, match="TARGET_UNRESOLVED.*web"):
        outlined("aws:ec2:stop-instances", Technology(id="web", type="aws:ec2:instance", name="web-1"))


def test_all_problems_are_told_at_once_and_six_arns_are_too_many() -> None:
    bad = [PAYMENTS.model_copy(update={"id": f"f{i}", "arn": None, "name": f"f{i}"}) for i in range(6)]
    with pytest.raises(CouldNotStart) as caught:
        outlined("aws:lambda:invocation-error", *bad, PAYMENTS.model_copy(update={"arn": None}))
    assert sorted(p.code for p in caught.value.problems) == ["TARGET_UNRESOLVED", "TOO_MANY_TARGETS"]


def test_every_call_is_named_in_the_order_in_which_it_may_come() -> None:
    found = outlined("aws:lambda:invocation-error", PAYMENTS, parameters={"duration": "2m", "preventExecution": True})
    assert [(c.service, c.operation) for c in found.calls] == [
        ("fis", "GetAction"),
        ("lambda", "GetFunction"),
        ("lambda", "GetFunctionConfiguration"),
        ("s3", "HeadBucket"),
        ("fis", "CreateExperimentTemplate"),
        ("fis", "StartExperiment"),
        ("fis", "GetExperiment"),
        ("fis", "ListExperimentResolvedTargets"),
        ("fis", "StopExperiment"),
        ("fis", "ListExperiments"),
        ("fis", "ListExperimentTemplates"),
        ("fis", "DeleteExperimentTemplate"),
    ]
    assert {c.step for c in found.calls} == {"stop"}


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("aws:ec2:stop-instances", "startInstancesAfterDuration"),
        ("aws:nobody:knows-this", "conductor or the watchdog"),
        ("aws:ec2:terminate-instances", "undo"),
    ],
)
def test_the_outline_says_who_ends_a_fault(action: str, says: str) -> None:
    instance = Technology(id="web", type="aws:ec2:instance", name="i-1")
    (stop,) = [c for c in outlined(action, instance).calls if c.operation == "StopExperiment"]
    assert says in stop.why


def test_action_minutes_are_those_begun_and_a_one_shot_costs_one() -> None:
    assert [action_minutes(ms, False) for ms in (None, 1, 60_000, 60_001)] == [0, 1, 1, 2]
    assert action_minutes(None, True) == 1
    assert [from_iso(t) for t in ("PT20M", "P1DT2H", "PT1.5S", "PT", "20m")] == [
        1_200_000, 93_600_000, 1_500, None, None,
    ]  # fmt: skip


def test_a_functions_errors_are_its_witness() -> None:
    found = outlined("aws:lambda:invocation-error", PAYMENTS, parameters={"duration": "2m", "preventExecution": True})
    (signal,) = found.witness_signals
    assert signal.implicit and (signal.period_ms, signal.settles_ms) == (60_000, 60_000)
    assert signal.query == {
        "namespace": "AWS/Lambda", "metric": "Errors", "dimensions": {"FunctionName": "payments"}, "statistic": "Sum",
    }  # fmt: skip
    assert found.effective == Condition.model_validate({"signal": "stop-witness", "at_least": 1, "within": "2m"})
    assert found.gone == Condition.model_validate({"signal": "stop-witness", "equals": 0, "within": "2m"})


def test_in_rehearsal_a_witness_is_read_every_twenty_seconds() -> None:
    found = outlined("aws:lambda:invocation-error", PAYMENTS, environment=REHEARSAL_ENVIRONMENT)
    assert [s.period_ms for s in found.witness_signals] == [20_000]


def test_a_delay_is_seen_in_the_duration_unless_it_is_too_small_to_stand_out() -> None:
    found = outlined("aws:lambda:invocation-add-delay", PAYMENTS, parameters={"startupDelayMilliseconds": 3000})
    assert str(found.effective) == "stop-witness at least 3000" and str(found.gone) == "stop-witness below 3000"
    assert found.witness_signals[0].query["statistic"] == "Average"
    some = {"startupDelayMilliseconds": 3000, "invocationPercentage": 50}
    half = outlined("aws:lambda:invocation-add-delay", PAYMENTS, parameters=some)
    assert half.witness_signals[0].query["statistic"] == "Maximum"
    small = outlined("aws:lambda:invocation-add-delay", PAYMENTS, parameters={"startupDelayMilliseconds": 20})
    assert (small.witness_signals, small.effective, small.gone) == ((), None, None)


def test_several_targets_are_one_witness() -> None:
    other = Technology(id="other", type="aws:lambda:function", name="other")
    (signal,) = outlined("aws:lambda:invocation-error", PAYMENTS, other).witness_signals
    assert signal.source == "cloudwatch.expression" and signal.query["expression"] == "SUM([m0, m1])"
    instances = [Technology(id=f"w{i}", type="aws:ec2:instance", name=f"i-{i}") for i in (1, 2)]
    (state,) = outlined("aws:ec2:stop-instances", *instances).witness_signals
    assert (state.source, state.query["id"], state.settles_ms) == ("aws.state", "i-1,i-2", 0)


def test_what_does_not_come_back_has_no_gone_and_what_is_not_seen_no_witness() -> None:
    instance = Technology(id="web", type="aws:ec2:instance", name="i-1")
    ended = outlined("aws:ec2:terminate-instances", instance)
    assert str(ended.effective) == "stop-witness below 1" and ended.gone is None and ended.one_shot
    for action in ("aws:ec2:reboot-instances", "aws:ssm:send-command"):
        assert outlined(action, instance).effective is None
    assert outlined("aws:fis:wait", parameters={"duration": "2m"}).witness_signals == ()


@pytest.mark.parametrize("action", sorted(actions().keys() - TAGS_ONLY))
def test_every_witness_is_a_query_that_an_observer_takes(action: str) -> None:
    targets = [
        Technology(id=f"t{i}", type=kind, arn=f"arn:aws:x:eu-west-1:111122223333:thing/i-{i}")
        for i, kind in enumerate(sorted(set(actions()[action].targets.values())))
    ]
    found = outlined(action, *targets)
    for signal in found.witness_signals:
        QUERIES[signal.source].model_validate(signal.query)
    assert (found.effective is None) == (not found.witness_signals)


def test_an_action_that_is_not_in_the_catalogue_is_outlined_by_the_type_of_its_targets() -> None:
    table = Technology(id="ledger", type="aws:dynamodb:table", name="ledger")
    found = outlined("aws:dynamodb:something-new", table, parameters={"duration": "3m"})
    assert list(found.targets) == ["aws:dynamodb:table"]
    assert found.duration_ms == 180_000
    assert found.witness_signals[0].query["expression"] == "SUM([m0, m1])"


def test_the_id_of_a_witness_is_an_id_and_tells_long_steps_apart() -> None:
    assert signal_id("stop") == "stop-witness"
    long = [signal_id("a" * 62 + end) for end in "bc"]
    assert len(set(long)) == 2 and all(len(ident) <= 63 for ident in long)


@pytest.mark.parametrize(
    ("given", "opposite"),
    [
        ({"at_least": 1}, "s below 1"), ({"below": 1}, "s at least 1"), ({"above": 2}, "s at most 2"),
        ({"at_most": 2}, "s above 2"), ({"equals": 0}, "s above 0"), ({"equals": 1}, "s below 1"),
    ],
)  # fmt: skip
def test_gone_is_the_opposite_of_effective(given: dict[str, Any], opposite: str) -> None:
    effective = Condition(signal="s", **given)
    gone = default_gone(effective)
    assert str(gone) == opposite and gone.within == 120_000
    assert not any(effective.holds(v) and gone.holds(v) for v in (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0))


def test_tags_find_instances_and_other_resources_and_nothing_else(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    image = ec2.register_image(Name="outline")["ImageId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "role", "Value": "web"}]}]
    made = ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2, TagSpecifications=tags)["Instances"]
    lives, dies = (str(i["InstanceId"]) for i in made)
    ec2.terminate_instances(InstanceIds=[dies])
    aws.client("dynamodb").create_table(
        TableName="tagged", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], Tags=[{"Key": "role", "Value": "ledger"}],
    )  # fmt: skip
    web = Technology(id="web", type="aws:ec2:instance", tags={"role": "web"})
    found = outlined("aws:ec2:stop-instances", web, environment=REHEARSAL_ENVIRONMENT, aws=aws)
    assert found.targets == {"Instances": (f"arn:aws:ec2:eu-west-2:123456789012:instance/{lives}",)}
    assert (found.calls[0].operation, found.calls[0].times) == ("DescribeInstances", "once")
    table = Technology(id="ledger", type="aws:dynamodb:global-table", tags={"role": "ledger"})
    action = "aws:dynamodb:global-table-pause-replication"
    found = outlined(action, table, environment=REHEARSAL_ENVIRONMENT, aws=aws, parameters={"duration": "2m"})
    assert found.targets == {"Tables": ("arn:aws:dynamodb:eu-west-2:123456789012:table/tagged",)}
    assert found.calls[0].operation == "GetResources"


def test_tags_that_nothing_has_are_no_targets(aws: Aws) -> None:
    nobody = Technology(id="web", type="aws:ec2:instance", tags={"role": "nobody"})
    with pytest.raises(CouldNotStart, match="NO_TARGETS"):
        outlined("aws:ec2:stop-instances", nobody, environment=REHEARSAL_ENVIRONMENT, aws=aws)


@pytest.mark.parametrize(("given", "missing"), [({"for": "10m"}, False), ({}, True)])
def test_a_step_with_for_needs_no_duration_parameter(given: dict[str, str], missing: bool) -> None:
    from gameday.faults.check import check_fault
    from gameday.model.scenario import FaultStep
    from gameday.model.service import Service

    service = Service(kind="service", id="s", title="S")
    found = check_fault(service, FaultStep.model_validate({"fault": "fis", "action": "aws:fis:wait", **given}))
    assert ("MISSING_KEY" in [p.code for p in found]) == missing
