"""Whether a target exists is read from its own service; an absent one is absent, never an error."""

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gameday.aws import Aws, CallFailed
from gameday.faults.catalogue import actions
from gameday.faults.reads import READS, exists
from gameday.faults.targets import arns_of
from gameday.model.service import Technology
from gameday.model.workspace import REHEARSAL_ENVIRONMENT


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    aws = Aws(REHEARSAL_ENVIRONMENT, f"http://{host}:{port}")
    yield aws
    aws.close()
    server.stop()


def function(aws: Aws) -> str:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("main.py", "")
    aws.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument="{}")
    aws.client("lambda").create_function(
        FunctionName="there", Runtime="python3.13", Handler="main.handle", Code={"ZipFile": code.getvalue()},
        Role="arn:aws:iam::123456789012:role/f",
    )  # fmt: skip
    return "there"


def instance(aws: Aws) -> str:
    image = aws.client("ec2").register_image(Name="reads")["ImageId"]
    made = aws.client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1)
    return str(made["Instances"][0]["InstanceId"])


def table(aws: Aws) -> str:
    aws.client("dynamodb").create_table(
        TableName="there", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    return "there"


def bucket(aws: Aws) -> str:
    place = {"LocationConstraint": "eu-west-2"}
    aws.client("s3").create_bucket(Bucket="there-bucket", CreateBucketConfiguration=place)
    return "there-bucket"


def stream(aws: Aws) -> str:
    aws.client("kinesis").create_stream(StreamName="there", ShardCount=1)
    return "there"


def database(aws: Aws) -> str:
    aws.client("rds").create_db_instance(
        DBInstanceIdentifier="there", DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
        MasterUsername="root", MasterUserPassword="hunter2-",
    )  # fmt: skip
    return "there"


def database_cluster(aws: Aws) -> str:
    aws.client("rds").create_db_cluster(
        DBClusterIdentifier="there", Engine="aurora-postgresql", MasterUsername="root", MasterUserPassword="hunter2-"
    )
    return "there"


def cluster(aws: Aws) -> str:
    aws.client("ecs").create_cluster(clusterName="there")
    return "there"


def role(aws: Aws) -> str:
    aws.client("iam").create_role(RoleName="there", AssumeRolePolicyDocument="{}")
    return "there"


MADE: dict[str, tuple[Callable[[Aws], str], str]] = {
    "aws:lambda:function": (function, "nowhere"),
    "aws:ec2:instance": (instance, "i-0123456789abcdef0"),
    "aws:dynamodb:table": (table, "nowhere"),
    "aws:s3:bucket": (bucket, "nowhere-bucket"),
    "aws:kinesis:stream": (stream, "nowhere"),
    "aws:rds:db": (database, "nowhere"),
    "aws:rds:cluster": (database_cluster, "nowhere"),
    "aws:ecs:cluster": (cluster, "nowhere"),
    "aws:iam:role": (role, "nowhere"),
}


@pytest.mark.parametrize("kind", MADE)
def test_what_was_made_exists_and_what_was_not_does_not(kind: str, aws: Aws) -> None:
    make, nowhere = MADE[kind]

    def read(name: str) -> bool | None:
        (arn,) = arns_of(aws, Technology(id="x", type=kind, name=name), REHEARSAL_ENVIRONMENT)
        return exists(aws, kind, arn)

    assert [read(make(aws)), read(nowhere)] == [True, False]


def test_a_terminated_instance_does_not_exist(aws: Aws) -> None:
    ident = instance(aws)
    aws.client("ec2").terminate_instances(InstanceIds=[ident])
    assert exists(aws, "aws:ec2:instance", f"arn:aws:ec2:eu-west-2:123456789012:instance/{ident}") is False


def test_a_type_without_a_cheap_read_is_not_said_to_exist(aws: Aws) -> None:
    assert exists(aws, "aws:eks:pod", "arn:aws:eks:eu-west-2:123456789012:pod/x") is None


def test_what_does_not_answer_raises_and_is_not_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    nobody = Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1")
    with pytest.raises(CallFailed, match="AWS_NOT_REACHED"):
        exists(nobody, "aws:dynamodb:table", "arn:aws:dynamodb:eu-west-2:123456789012:table/x")


@pytest.mark.parametrize("kind", sorted(READS))
def test_a_read_is_an_operation_that_boto3_has(kind: str) -> None:
    aws: Any = Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1")
    read = READS[kind]
    client = aws.client(read.client)
    assert client.meta.method_to_api_mapping[read.method] == read.call[1]
    assert kind in {t for a in actions().values() for t in a.targets.values()} | {"aws:dynamodb:table"}
    aws.close()
