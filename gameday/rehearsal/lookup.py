"""How the rehearsal FIS finds targets by tags and filters: through the loopback AWS itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from gameday.rehearsal.fis_words import ACCOUNT, REGION

Wire = dict[str, Any]
RESOURCE = {"aws:ec2:instance": "ec2:instance", "aws:lambda:function": "lambda:function",
            "aws:ec2:subnet": "ec2:subnet",
            "aws:dynamodb:global-table": "dynamodb:table", "aws:kinesis:stream": "kinesis:stream",
            "aws:rds:cluster": "rds:cluster", "aws:rds:db": "rds:db", "aws:iam:role": "iam:role",
            "aws:s3:bucket": "s3"}  # fmt: skip


PARAMETERS = (("aws:ecs:task", "cluster"), ("aws:ecs:task", "service"))
INSIDE = "X-Gameday-Inside"


def mark_inside(client: Any) -> Any:
    """The client, whose requests say from now on that they are the rehearsal's own."""
    client.meta.events.register("before-sign.*", lambda request, **_: request.headers.add_header(INSIDE, "1"))
    return client


@lru_cache(maxsize=64)
def _keys(endpoint: str, account: str) -> tuple[str, str, str | None]:
    """Credentials of an account; those of others than the rehearsal's own come of a role there."""
    if account == ACCOUNT:
        return "rehearsal", "rehearsal", None
    role = f"arn:aws:iam::{account}:role/rehearsal"
    made = local_client("sts", endpoint, True).assume_role(RoleArn=role, RoleSessionName="rehearsal")["Credentials"]
    return made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]


def local_client(
    service: str, endpoint: str, inside: bool = False, account: str = ACCOUNT, region: str = REGION
) -> Any:
    """A boto3 client of the loopback AWS, with nothing of the user's configuration."""
    import boto3
    from botocore.config import Config

    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    session = boto3.Session(*_keys(endpoint, account), region_name=region)
    config = Config(inject_host_prefix=False, connect_timeout=2, read_timeout=10,
                    proxies={"http": "", "https": ""},  # none; an empty mapping would ask the environment
                    retries={"max_attempts": 1}, s3={"addressing_style": "path"})  # fmt: skip
    made = session.client(service, endpoint_url=endpoint, config=config)
    return mark_inside(made) if inside else made


def finder(endpoint: str, account: str = ACCOUNT, region: str = REGION) -> Callable[[Wire], list[str]]:
    """``find(target)`` for the engine: ARNs of a FIS target given by tags or filters, in one account and Region."""

    def client_of(service: str) -> Any:
        return local_client(service, endpoint, True, account, region)

    def find(target: Wire) -> list[str]:
        kind, tags = target["resourceType"], target.get("resourceTags", {})
        for condition in target.get("filters", []):
            if kind != "aws:ec2:instance" or condition["path"] != "State.Name":
                raise ValueError(f"filter {condition['path']} of {kind} is not served in rehearsal")
        for name in target.get("parameters", {}):
            if (kind, name) not in PARAMETERS:
                raise ValueError(f"the parameter {name} of {kind} is not served in rehearsal; give resourceArns")
        if kind == "aws:ecs:task":
            return _tasks(client_of("ecs"), tags, target.get("parameters", {}))
        if kind == "aws:ec2:instance":
            head = f"arn:aws:ec2:{region}:{account}:instance"
            return _instances(client_of("ec2"), head, tags, target.get("filters", []))
        if kind not in RESOURCE:
            raise ValueError(f"targets of {kind} by tags are not served in rehearsal; give resourceArns")
        client = client_of("resourcegroupstaggingapi")
        given = [{"Key": k, "Values": [v]} for k, v in tags.items()]
        pages = client.get_paginator("get_resources").paginate(TagFilters=given, ResourceTypeFilters=[RESOURCE[kind]])
        return [r["ResourceARN"] for p in pages for r in p["ResourceTagMappingList"]]

    return find


def _tasks(client: Any, tags: dict[str, str], where: dict[str, str]) -> list[str]:
    """Tasks that run, in a cluster (else in all), of a service, with these tags."""
    clusters = [where["cluster"]] if "cluster" in where else client.list_clusters()["clusterArns"]
    given = {"serviceName": where["service"].rpartition("/")[2]} if "service" in where else {}
    found: list[str] = []
    for cluster in clusters:
        arns = client.list_tasks(cluster=cluster, desiredStatus="RUNNING", **given)["taskArns"]
        held = client.describe_tasks(cluster=cluster, tasks=arns, include=["TAGS"])["tasks"] if arns else []
        for task in held:
            own = {tag["key"]: tag["value"] for tag in task.get("tags", [])}
            if task["lastStatus"] == "RUNNING" and tags.items() <= own.items():
                found.append(task["taskArn"])
    return found


def _instances(client: Any, head: str, tags: dict[str, str], filters: list[Wire]) -> list[str]:
    given = [{"Name": f"tag:{k}", "Values": [v]} for k, v in tags.items()]
    given += [{"Name": "instance-state-name", "Values": f["values"]} for f in filters]
    pages = client.get_paginator("describe_instances").paginate(Filters=given)
    return [
        f"{head}/{i['InstanceId']}"
        for p in pages
        for r in p["Reservations"]
        for i in r["Instances"]
        if i["State"]["Name"] != "terminated"
    ]
