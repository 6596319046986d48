"""The state of a resource is read from its own service, many at once; what cannot be read is never a zero."""

import pytest

from gameday.aws import Aws, CallFailed
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.observers.aws_state import AwsStateObserver, UnknownType, _not_told, together
from gameday.plan import Signal
from gameday.protocols import Observer, Sample, Window

PERIOD = 20_000
WINDOW = Window(1_700_000_000_000, 1_700_000_050_000)
START = 1_700_000_020_000  # the last whole bucket before the window's end
SIMPLE = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"}


def signal(kind: str, ident: str, name: str = "s") -> Signal:
    query = {"type": kind, "id": ident}
    return Signal(id=name, source="aws.state", query=query, period_ms=PERIOD, settles_ms=0)


def state(aws: Aws, kind: str, ident: str) -> float | None:
    (sample,) = AwsStateObserver(aws).sample([signal(kind, ident)], WINDOW)["s"]
    assert sample.start_ms == START
    return sample.value


def instances(aws: Aws, count: int) -> list[str]:
    ec2 = aws.client("ec2")
    image = ec2.register_image(Name=f"state-{count}")["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=count, MaxCount=count)["Instances"]
    return [str(instance["InstanceId"]) for instance in made]


def test_an_instance_is_in_service_while_it_runs(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    (ident,) = instances(aws, 1)
    seen = [state(aws, "aws:ec2:instance", ident)]
    ec2.stop_instances(InstanceIds=[ident])
    seen.append(state(aws, "aws:ec2:instance", ident))
    ec2.start_instances(InstanceIds=[ident])
    seen.append(state(aws, "aws:ec2:instance", ident))
    ec2.terminate_instances(InstanceIds=[ident])
    seen.append(state(aws, "aws:ec2:instance", ident))
    assert seen == [1, 0, 1, 0]


def test_many_instances_cost_one_request_and_one_that_is_gone_hides_no_other(aws: Aws) -> None:
    observer: Observer = AwsStateObserver(aws)
    idents = instances(aws, 3)
    asked: list[str] = []
    aws.client("ec2").meta.events.register("before-send.ec2", lambda request, **_: asked.append(request.url))
    signals = [signal("aws:ec2:instance", ident, f"s{i}") for i, ident in enumerate([*idents, "i-0000000000000dead"])]
    found = observer.sample([*signals, signal("aws:ec2:instance", ",".join(idents), "all")], WINDOW)
    assert {name: [s.value for s in samples] for name, samples in found.items()} == {
        "s0": [1], "s1": [1], "s2": [1], "s3": [0], "all": [1],
    }  # fmt: skip
    assert len(asked) == 1


def test_of_several_one_that_is_down_is_enough(aws: Aws) -> None:
    up, down = instances(aws, 2)
    aws.client("ec2").stop_instances(InstanceIds=[down])
    assert state(aws, "aws:ec2:instance", f"{up},{down}") == 0
    assert [together(v) for v in ([1.0, 1.0], [1.0, None], [0.0, None], [])] == [1.0, None, 0.0, None]


def test_tables_and_functions(aws: Aws) -> None:
    key = [{"AttributeName": "id", "KeyType": "HASH"}]
    aws.client("dynamodb").create_table(TableName="state", KeySchema=key, **SIMPLE)
    assert state(aws, "aws:dynamodb:table", "state") == 1
    assert state(aws, "aws:dynamodb:table", "nothing") == 0
    assert state(aws, "aws:lambda:function", "nothing") == 0


def test_databases_and_clusters(aws: Aws) -> None:
    rds = aws.client("rds")
    kinds = {"Engine": "aurora-postgresql", "DBClusterIdentifier": "c1"}
    rds.create_db_cluster(MasterUsername="root", MasterUserPassword="hunter2-", **kinds)
    rds.create_db_instance(DBInstanceIdentifier="d1", DBInstanceClass="db.r6g.large", **kinds)
    assert [state(aws, "aws:rds:cluster", "c1"), state(aws, "aws:rds:db", "d1")] == [1, 1]
    assert [state(aws, "aws:rds:cluster", "none"), state(aws, "aws:rds:db", "none")] == [0, 0]


def test_a_service_with_fewer_tasks_than_desired_is_not_in_service(aws: Aws) -> None:
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="c")
    ecs.register_task_definition(family="t", containerDefinitions=[{"name": "a", "image": "a", "memory": 64}])
    made = ecs.create_service(cluster="c", serviceName="web", taskDefinition="t", desiredCount=2)["service"]
    assert made["runningCount"] < 2
    assert state(aws, "aws:ecs:service", made["serviceArn"]) == 0
    assert state(aws, "aws:ecs:task", "arn:aws:ecs:eu-west-2:123456789012:task/c/0123") == 0


def test_the_sample_is_of_the_last_whole_bucket_before_the_windows_end(aws: Aws) -> None:
    (ident,) = instances(aws, 1)
    aligned = Window(START, START + 2 * PERIOD)
    found = AwsStateObserver(aws).sample([signal("aws:ec2:instance", ident)], aligned)
    assert found["s"] == [Sample(START + PERIOD, 1.0)]


def test_what_cannot_be_read_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    nobody = Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1")
    for kind in ("aws:ec2:instance", "aws:lambda:function"):
        with pytest.raises(CallFailed, match="AWS_NOT_REACHED"):
            AwsStateObserver(nobody).sample([signal(kind, "x")], WINDOW)
    with pytest.raises(UnknownType, match="aws:s3:bucket"):
        AwsStateObserver(nobody).sample([signal("aws:s3:bucket", "x")], WINDOW)
    nobody.close()


@pytest.mark.parametrize(("reason", "value"), [("MISSING", 0.0), ("ACCESS_DENIED", None)])
def test_ecs_that_cannot_tell_of_a_task_is_not_a_task_that_is_gone(reason: str, value: float | None) -> None:
    """It answers 200 with a failure for each (ECS API reference, "API failure reasons"); only MISSING says gone."""
    arn = "arn:aws:ecs:eu-west-2:123456789012:task/c/0123"
    assert _not_told({"failures": [{"arn": arn, "reason": reason}]}) == {arn: value}
    assert _not_told({"failures": []}) == {}
