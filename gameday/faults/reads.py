"""Cheap reads that show whether a target exists, one for each resource type that has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gameday.aws import Aws, CallFailed, told
from gameday.faults.targets import id_of


@dataclass(frozen=True)
class Read:
    """``client``'s method ``method`` with the request that ``request`` makes of an ARN; ``found`` reads the answer."""

    client: str
    method: str
    request: Callable[[str], Mapping[str, Any]]
    found: Callable[[Any], bool] = lambda answer: True

    @property
    def call(self) -> tuple[str, str]:
        """Service and operation, as IAM and CloudTrail name them."""
        words = self.method.split("_")
        return self.client, "".join("DB" if word == "db" else word.title() for word in words)


def exists(aws: Aws, kind: str, arn: str) -> bool | None:
    """Whether the resource is there; None when its type has no cheap read. CallFailed when it cannot be told."""
    read = READS.get(kind)
    if read is None:
        return None
    try:
        with told(" ".join(read.call)):
            answer = getattr(aws.client(read.client), read.method)(**read.request(arn))
    except CallFailed as error:
        if error.missing:
            return False
        raise
    return read.found(answer)


def _instance_lives(answer: Any) -> bool:
    states = [i["State"]["Name"] for r in answer["Reservations"] for i in r["Instances"]]
    return any(state not in ("terminated", "shutting-down") for state in states)


_INSTANCE = Read("ec2", "describe_instances", lambda arn: {"InstanceIds": [id_of(arn)]}, _instance_lives)
_TABLE = Read("dynamodb", "describe_table", lambda arn: {"TableName": id_of(arn)})
READS: dict[str, Read] = {
    "aws:lambda:function": Read("lambda", "get_function", lambda arn: {"FunctionName": arn}),
    "aws:ec2:instance": _INSTANCE,
    "aws:ec2:spot-instance": _INSTANCE,
    "aws:dynamodb:table": _TABLE,
    "aws:dynamodb:global-table": _TABLE,
    "aws:s3:bucket": Read("s3", "head_bucket", lambda arn: {"Bucket": id_of(arn)}),
    "aws:kinesis:stream": Read("kinesis", "describe_stream_summary", lambda arn: {"StreamName": id_of(arn)}),
    "aws:rds:db": Read("rds", "describe_db_instances", lambda arn: {"DBInstanceIdentifier": id_of(arn)}),
    "aws:rds:cluster": Read("rds", "describe_db_clusters", lambda arn: {"DBClusterIdentifier": id_of(arn)}),
    "aws:ecs:cluster": Read(
        "ecs", "describe_clusters", lambda arn: {"clusters": [arn]},
        lambda answer: any(c["status"] == "ACTIVE" for c in answer["clusters"]),
    ),
    "aws:iam:role": Read("iam", "get_role", lambda arn: {"RoleName": id_of(arn)}),
}  # fmt: skip
