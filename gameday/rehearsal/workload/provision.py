"""The AWS resources of a workload, made through the loopback AWS as anybody would make them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gameday.aws import Aws
from gameday.model.service import Service
from gameday.model.workload import Piece, Workload
from gameday.model.workspace import REHEARSAL_ACCOUNT, REHEARSAL_REGION
from gameday.rehearsal.workload.weights import value_of, zone_id, zone_of

ROLE = f"arn:aws:iam::{REHEARSAL_ACCOUNT}:role/gameday-workload"
CLUSTER = "gameday"  # the one ECS cluster of a rehearsal
LAYER = "aws-fis-extension-x86_64"  # what Lambda actions need on AWS is there, so that preflight really looks at it
FIS_BUCKET = "gameday-fis-configuration"
EXTENDED = {"AWS_FIS_CONFIGURATION_LOCATION": f"arn:aws:s3:::{FIS_BUCKET}/FisConfigs/",
            "AWS_LAMBDA_EXEC_WRAPPER": "/opt/aws-fis/bootstrap"}  # fmt: skip
TRUST = '{"Version": "2012-10-17", "Statement": []}'


@dataclass
class Provisioned:
    """What stands for which piece. ``names`` are function names, instance ids, table and queue names by piece."""

    names: dict[str, str] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)  # record -> hosted zone id
    subnets: dict[str, str] = field(default_factory=dict)  # subnet id -> its name in the workload
    aliases: dict[str, str] = field(default_factory=dict)  # another name in AWS, such as a database's instance -> piece
    tags: dict[str, dict[str, str]] = field(default_factory=dict)  # by piece
    services: dict[str, str] = field(default_factory=dict)  # the ECS service of a task, by piece

    def piece_of(self, arn: str) -> str:
        """The piece that an ARN stands for. ValueError when it is none of this workload's."""
        kind, _, tail = arn.split(":", 5)[-1].rpartition("/")
        name = tail if kind == "instance" else arn.split(":")[6] if arn.count(":") > 5 else tail
        for piece, held in self.names.items():
            if held == name:
                return piece
        if name in self.aliases:
            return self.aliases[name]
        raise ValueError(f"{arn} is no piece of the workload; those are {', '.join(sorted(self.names))}")


def name_of(ident: str, service: Service) -> str:
    """The name in AWS of a piece: that of the technology resource of the same id, else the id itself."""
    found = service.technology(ident)
    if found is None:
        return ident
    return found.name or (found.arn.replace("/", ":").split(":")[-1] if found.arn else ident)


def provision(aws: Aws, workload: Workload, service: Service) -> Provisioned:
    """Make everything, in the order of the pieces."""
    made = Provisioned()
    for ident, piece in workload.pieces.items():
        technology = service.technology(ident)
        tags = made.tags[ident] = {"Name": ident, **(technology.tags if technology else {})}
        if piece.type in MAKERS:
            made.names[ident] = MAKERS[piece.type](_there(aws, piece), name_of(ident, service), tags)
        elif piece.type == "edge" and piece.record:
            made.zones[piece.record] = _records(aws, piece, piece.record, workload.service)
        if piece.type == "task":
            made.services[ident] = name_of(ident, service)
        if piece.type == "database":
            made.aliases |= {f"{made.names[ident]}-{i}": ident for i in (1, 2)}
    _subnets(aws, workload, service, made)
    _buckets(aws, service)
    for alarm in workload.alarms:
        aws.client("cloudwatch").put_metric_alarm(AlarmName=alarm.name, **alarm.settings)
    return made


def _there(aws: Aws, piece: Piece) -> Aws:
    """The same loopback AWS, in the Region of the piece."""
    if piece.region is None:
        return aws
    return type(aws)(aws.environment.model_copy(update={"regions": (piece.region,)}), aws.endpoint)


def _function(aws: Aws, name: str, tags: dict[str, str]) -> str:
    iam = aws.client("iam")
    try:
        iam.create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=TRUST)
    except iam.exceptions.EntityAlreadyExistsException:
        pass  # another function made it
    client = aws.client("lambda")
    layer = client.publish_layer_version(LayerName=LAYER, Content={"ZipFile": _zip("bootstrap")})["LayerVersionArn"]
    client.create_function(FunctionName=name, Runtime="python3.13", Handler="main.handle", Role=ROLE,
                           Code={"ZipFile": _zip("main.py")}, Tags=tags, Layers=[layer],
                           Environment={"Variables": EXTENDED})  # fmt: skip
    return name


def _zip(name: str) -> bytes:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr(name, "# The piece of the rehearsal serves in its place.\n")
    return code.getvalue()


def _instance(aws: Aws, _name: str, tags: dict[str, str]) -> str:
    ec2 = aws.client("ec2")
    image = ec2.register_image(Name=f"gameday-{tags['Name']}")["ImageId"]
    given = [{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]
    made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=given)
    return str(made["Instances"][0]["InstanceId"])


def _table(aws: Aws, name: str, tags: dict[str, str]) -> str:
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=_pairs(tags),
    )
    return name


def _queue(aws: Aws, name: str, tags: dict[str, str]) -> str:
    aws.client("sqs").create_queue(QueueName=name, tags=tags)
    return name


def _stream(aws: Aws, name: str, tags: dict[str, str]) -> str:
    kinesis = aws.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.add_tags_to_stream(StreamName=name, Tags=tags)
    return name


def _database(aws: Aws, name: str, tags: dict[str, str]) -> str:
    """A cluster with a writer and a reader."""
    rds, kind = aws.client("rds"), {"Engine": "aurora-postgresql", "Tags": _pairs(tags)}
    rds.create_db_cluster(DBClusterIdentifier=name, MasterUsername="gameday", MasterUserPassword="rehearsal", **kind)
    for i in (1, 2):
        ident = f"{name}-{i}"
        rds.create_db_instance(
            DBInstanceIdentifier=ident, DBClusterIdentifier=name, DBInstanceClass="db.r6g.large", **kind
        )
    rds.describe_db_clusters(DBClusterIdentifier=name)  # moto makes it available when it is first looked at
    return name


def _task(aws: Aws, name: str, tags: dict[str, str]) -> str:
    """One task of a service of that name."""
    from moto.moto_api import state_manager

    state_manager.set_transition("ecs::task", {"progression": "manual", "times": 1_000_000_000})  # never by itself
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName=CLUSTER)
    container = {"name": name, "image": "gameday", "cpu": 256, "memory": 512}
    ecs.register_task_definition(family=name, containerDefinitions=[container])
    ecs.create_service(cluster=CLUSTER, serviceName=name, taskDefinition=name, desiredCount=0, launchType="FARGATE")
    return run_task(aws, name, tags)


def run_task(aws: Aws, name: str, tags: dict[str, str]) -> str:
    """A task of the service; its id."""
    given = [{"key": k, "value": v} for k, v in tags.items()]
    ran = aws.client("ecs").run_task(
        cluster=CLUSTER, taskDefinition=name, launchType="FARGATE", group=f"service:{name}", tags=given
    )
    return str(ran["tasks"][0]["taskArn"]).rpartition("/")[2]


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": k, "Value": v} for k, v in tags.items()]


MAKERS: dict[str, Callable[[Aws, str, dict[str, str]], str]] = {
    "function": _function,
    "instance": _instance,
    "table": _table,
    "queue": _queue,
    "stream": _stream,
    "database": _database,
    "task": _task,
}


def _subnets(aws: Aws, workload: Workload, service: Service, made: Provisioned) -> None:
    if not workload.subnets:
        return
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for i, (ident, zone) in enumerate(workload.subnets.items()):
        technology = service.technology(ident)
        tags = _pairs({"Name": ident, **(technology.tags if technology else {})})
        subnet = ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"{REHEARSAL_REGION}{zone}",
            TagSpecifications=[{"ResourceType": "subnet", "Tags": tags}],
        )  # fmt: skip
        made.subnets[subnet["Subnet"]["SubnetId"]] = ident


def weights(piece: Piece) -> dict[str, int]:
    """The weight of each route; without any, all goes to the first."""
    if piece.weights:
        return {route: piece.weights.get(route, 0) for route in piece.routes}
    return {route: int(i == 0) for i, route in enumerate(piece.routes)}


def _records(aws: Aws, piece: Piece, record: str, service: str) -> str:
    zone = zone_of(record)
    _fix_zone_id(zone)
    route53 = aws.client("route53")
    made = route53.create_hosted_zone(Name=zone, CallerReference=f"gameday-{zone}")["HostedZone"]["Id"]
    ident = str(made).rpartition("/")[2]
    changes: list[dict[str, Any]] = [
        {"Action": "CREATE", "ResourceRecordSet": {
            "Name": record, "Type": "CNAME", "SetIdentifier": route, "Weight": weight, "TTL": 5,
            "ResourceRecords": [{"Value": value_of(piece.routes[route], service)}]}}
        for route, weight in weights(piece).items()
    ]  # fmt: skip
    route53.change_resource_record_sets(HostedZoneId=ident, ChangeBatch={"Changes": changes})
    return ident


def _fix_zone_id(zone: str) -> None:
    """Runbooks name the hosted zone, so its id must not be made up anew each time. The loopback AWS lives in this
    process; moto lets an id be chosen beforehand."""
    from moto.route53.models import HostedZoneIdentifier
    from moto.utilities.id_generator import moto_id_manager

    for name in (zone, f"{zone}."):  # moto completes the name before it makes the id
        moto_id_manager.set_custom_id(HostedZoneIdentifier(REHEARSAL_ACCOUNT, name, None), zone_id(zone))


def _buckets(aws: Aws, service: Service) -> None:
    place = {"LocationConstraint": REHEARSAL_REGION}
    aws.client("s3").create_bucket(Bucket=FIS_BUCKET, CreateBucketConfiguration=place)
    for technology in service.resources.technology:
        if technology.type == "aws:s3:bucket":
            name = name_of(technology.id, service)
            aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
