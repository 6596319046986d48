"""What an action needs in AWS to work at all: without it FIS starts the experiment and nothing breaks, or it fails.

A table, action -> checks, by reads alone. Each thing that is missing is an error with its fix; what could not be read
is a warning, and what no read of AWS can show (a Kubernetes service account) is a warning too. Source: AWS FIS user
guide, the page named behind each check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from gameday.aws import Aws, CallFailed, told
from gameday.errors import Problem
from gameday.faults.fis_settings import FisAction, fis_settings
from gameday.faults.fis_template import names
from gameday.faults.homes import home
from gameday.faults.targets import id_of
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Home
from gameday.protocols import Order

EXTENSION = "aws-fis-extension"
CONFIGURATION, WRAPPER = "AWS_FIS_CONFIGURATION_LOCATION", "AWS_LAMBDA_EXEC_WRAPPER"
BOOTSTRAP = "/opt/aws-fis/bootstrap"
AGENT = "amazon-ssm-agent"
TASK = "aws:ecs:task-"
NOT_STOOD_IN = frozenset({"aws:dynamodb:global-table-pause-replication"})  # docs/fidelity.md
Needs = Callable[[Aws, FisAction, str], Iterator[Problem]]
"""What one target of an action lacks."""


def prerequisites(aws: Aws, order: Order) -> list[Problem]:
    """Everything that is missing for this order, and what could not be shown."""
    settings = fis_settings(order.settings)
    found: list[Problem] = []
    for part in settings.each:
        held = [arn for name in names(order, settings, part).values() for arn in order.targets.get(name, ())]
        if order.environment == REHEARSAL_ENVIRONMENT and part.action in NOT_STOOD_IN:
            what = f"{part.action}: the stand-in for AWS keeps no replicas, so what it needs is not looked at"
            found.append(Problem("PREREQUISITE_NOT_READ", what, "nothing here; on AWS it is", severity="warning"))
            continue
        found += each(aws, part, held, home(order))
    return found


def prerequisite_calls(action: str) -> list[tuple[str, str]]:
    """Service and operation of the reads that show what the targets of an action need."""
    return [call for pattern, calls in CALLS.items() if fnmatchcase(action, pattern) for call in calls]


def each(aws: Aws, part: FisAction, arns: Sequence[str], where: Home = (None, None)) -> Iterator[Problem]:
    """What the targets of one action lack, each read in its own account and Region; ``where`` is for those whose ARN
    does not say."""
    for pattern, needs in TABLE.items():
        if not fnmatchcase(part.action, pattern):
            continue
        for arn in arns:
            try:
                yield from needs(aws.of(arn, *where), part, arn)
            except CallFailed as error:
                what = f"{part.action}: what {arn} needs could not be read ({error.problems[0].message})"
                yield Problem("PREREQUISITE_NOT_READ", what, "allow this read", severity="warning")


def managed(aws: Aws, arns: Sequence[str]) -> list[Problem]:
    """What instances lack on which a document of Systems Manager is to run."""
    return list(each(aws, FisAction(id="fault", action="aws:ssm:send-command"), arns))


def _read(aws: Aws, service: str, method: str, **request: Any) -> Mapping[str, Any]:
    operation = method.title().replace("_", "").replace("Db", "DB")
    with told(f"{service} {operation}"):
        answer: Mapping[str, Any] = getattr(aws.client(service), method)(**request)
    return answer


def _lacks(arn: str, what: str, write: str) -> Problem:
    return Problem("PREREQUISITE_MISSING", f"{arn} lacks what the action needs: {what}", write)


def _function(aws: Aws, part: FisAction, arn: str) -> Iterator[Problem]:
    """Use the AWS FIS aws:lambda:function actions: the extension as a layer, its wrapper, and a bucket for both."""
    held = _read(aws, "lambda", "get_function_configuration", FunctionName=arn)
    if not any(f":layer:{EXTENSION}" in layer["Arn"].lower() for layer in held.get("Layers", ())):
        write = "add the layer that /aws/service/fis/lambda-extension/ names in Parameter Store for its architecture"
        yield _lacks(arn, "has no AWS FIS extension layer", write)
    variables = held.get("Environment", {}).get("Variables", {})
    if variables.get(WRAPPER) != BOOTSTRAP:
        yield _lacks(arn, f"does not start through the extension ({WRAPPER})", f"{WRAPPER}={BOOTSTRAP}")
    place = variables.get(CONFIGURATION, "")
    if not place.startswith("arn:"):
        write = f"{CONFIGURATION}=arn:aws:s3:::BUCKET/FisConfigs/"
        yield _lacks(arn, f"does not say where its faults are ({CONFIGURATION})", write)
        return
    yield from _bucket(aws, arn, place.split(":::")[-1].partition("/")[0])


def _bucket(aws: Aws, arn: str, bucket: str) -> Iterator[Problem]:
    try:
        _read(aws, "s3", "head_bucket", Bucket=bucket)
    except CallFailed as error:
        if not error.missing:
            raise
        yield _lacks(
            arn, f"names the bucket {bucket}, which is not there", "a bucket in this Region that FIS may write"
        )


def _managed(aws: Aws, part: FisAction, arn: str) -> Iterator[Problem]:
    """Use Systems Manager SSM documents with AWS FIS: the agent runs on the instance and is online."""
    wanted = [{"Key": "InstanceIds", "Values": [id_of(arn)]}]
    found = _read(aws, "ssm", "describe_instance_information", Filters=wanted)["InstanceInformationList"]
    if not any(one.get("PingStatus") == "Online" for one in found):
        write = "the SSM agent on it, and AmazonSSMManagedInstanceCore in its role"
        yield _lacks(arn, "is not online in Systems Manager", write)


def _task(aws: Aws, part: FisAction, arn: str) -> Iterator[Problem]:
    """Use the AWS FIS aws:ecs:task actions: an SSM agent as a container of the task, and no ECS Exec; for network
    faults and killed processes the task's own process namespace, or ECS's fault injection endpoints."""
    (task,) = _read(aws, "ecs", "describe_tasks", cluster=_cluster(arn), tasks=[arn])["tasks"][:1] or [None]
    if task is None:
        return  # that it is not there is another check's finding
    if task.get("enableExecuteCommand"):
        yield _lacks(arn, "has ECS Exec enabled", "enableExecuteCommand: false in its service")
    asked = _read(aws, "ecs", "describe_task_definition", taskDefinition=task["taskDefinitionArn"])
    held = asked["taskDefinition"]
    if not any(AGENT in str(one.get("image", "")) for one in held.get("containerDefinitions", ())):
        yield _lacks(arn, "has no container of the SSM agent", f"a sidecar of image public.ecr.aws/{AGENT}/{AGENT}")
    name = part.action.removeprefix(TASK)
    if name.startswith(("network-", "kill-")) and held.get("pidMode") != "task":
        yield _lacks(arn, "does not share its process namespace", "pidMode: task in its task definition")
    if part.parameters.get("useEcsFaultInjectionEndpoints") and not held.get("enableFaultInjection"):
        yield _lacks(arn, "does not enable fault injection", "enableFaultInjection: true in its task definition")


def _cluster(arn: str) -> str:
    """``arn:...:task/CLUSTER/ID``; the old form without a cluster is of the cluster ``default``."""
    parts = arn.split("/")
    return parts[1] if len(parts) > 2 else "default"  # task, cluster, id


def _pod(aws: Aws, part: FisAction, arn: str) -> Iterator[Problem]:
    """Use the AWS FIS aws:eks:pod actions: a Kubernetes service account, which no AWS call shows."""
    account = part.parameters.get("kubernetesServiceAccount", "?")
    what = f"{part.action}: whether the service account {account} may do it in the cluster no AWS read shows"
    write = f"kubectl auth can-i create pods --as system:serviceaccount:NAMESPACE:{account}"
    yield Problem("PREREQUISITE_NOT_READ", what, write, severity="warning")


def _replicated(aws: Aws, part: FisAction, arn: str) -> Iterator[Problem]:
    """FIS actions reference: the table is a global table, so it has replicas."""
    table = _read(aws, "dynamodb", "describe_table", TableName=id_of(arn))["Table"]
    if not table.get("Replicas") and table.get("GlobalTableVersion") is None:
        yield _lacks(arn, "is no global table: it has no replicas", "a replica in another Region, or another target")


def _cluster_members(aws: Aws, part: FisAction, arn: str) -> Iterator[Problem]:
    """FIS actions reference: a failover needs a reader to become the writer."""
    found = _read(aws, "rds", "describe_db_clusters", DBClusterIdentifier=id_of(arn))["DBClusters"]
    members = [member for cluster in found for member in cluster.get("DBClusterMembers", ())]
    if found and len(members) < 2:  # a writer and somebody to take over
        yield _lacks(arn, f"has {len(members)} instance(s): nobody could take over", "a reader in another zone")


def _multi_zone(aws: Aws, part: FisAction, arn: str) -> Iterator[Problem]:
    """FIS actions reference: forceFailover needs Multi-AZ; without it the instance only reboots."""
    if str(part.parameters.get("forceFailover", "")).lower() != "true":
        return
    found = _read(aws, "rds", "describe_db_instances", DBInstanceIdentifier=id_of(arn))["DBInstances"]
    if any(not one.get("MultiAZ") and not one.get("DBClusterIdentifier") for one in found):
        yield _lacks(arn, "is not Multi-AZ, so it cannot fail over", "Multi-AZ, or forceFailover: false")


def _bucket_replicates(aws: Aws, part: FisAction, arn: str) -> Iterator[Problem]:
    """FIS actions reference: there is a replication to pause."""
    try:
        _read(aws, "s3", "get_bucket_replication", Bucket=id_of(arn))
    except CallFailed as error:
        if error.code != "ReplicationConfigurationNotFoundError":
            raise
        yield _lacks(arn, "does not replicate", "a replication rule to the Region that the action names")


def _cache_zones(aws: Aws, part: FisAction, arn: str) -> Iterator[Problem]:
    """FIS actions reference: nodes in several zones, and automatic failover."""
    groups = _read(aws, "elasticache", "describe_replication_groups", ReplicationGroupId=id_of(arn))
    for group in groups["ReplicationGroups"]:
        if group.get("MultiAZ") != "enabled" or group.get("AutomaticFailover") != "enabled":
            yield _lacks(arn, "has no Multi-AZ with automatic failover", "both, or another target")


def _shifted(aws: Aws, part: FisAction, arn: str) -> Iterator[Problem]:
    """FIS actions reference: the resource has zonal autoshift enabled."""
    held = _read(aws, "arc-zonal-shift", "get_managed_resource", resourceIdentifier=arn)
    if held.get("zonalAutoshiftStatus") != "ENABLED":
        yield _lacks(arn, "has no zonal autoshift", "zonal autoshift enabled, with a practice run configuration")


TABLE: dict[str, Needs] = {
    "aws:lambda:*": _function,
    "aws:ssm:send-command": _managed,
    "aws:ecs:task-*": _task,
    "aws:eks:pod-*": _pod,
    "aws:dynamodb:global-table-pause-replication": _replicated,
    "aws:rds:failover-db-cluster": _cluster_members,
    "aws:rds:reboot-db-instances": _multi_zone,
    "aws:s3:bucket-pause-replication": _bucket_replicates,
    "aws:elasticache:replicationgroup-interrupt-az-power": _cache_zones,
    "aws:arc:start-zonal-autoshift": _shifted,
}
CALLS: dict[str, tuple[tuple[str, str], ...]] = {
    "aws:lambda:*": (("lambda", "GetFunctionConfiguration"), ("s3", "HeadBucket")),
    "aws:ssm:send-command": (("ssm", "DescribeInstanceInformation"),),
    "aws:ecs:task-*": (("ecs", "DescribeTasks"), ("ecs", "DescribeTaskDefinition")),
    "aws:eks:pod-*": (),
    "aws:dynamodb:global-table-pause-replication": (("dynamodb", "DescribeTable"),),
    "aws:rds:failover-db-cluster": (("rds", "DescribeDBClusters"),),
    "aws:rds:reboot-db-instances": (("rds", "DescribeDBInstances"),),
    "aws:s3:bucket-pause-replication": (("s3", "GetBucketReplication"),),
    "aws:elasticache:replicationgroup-interrupt-az-power": (("elasticache", "DescribeReplicationGroups"),),
    "aws:arc:start-zonal-autoshift": (("arc-zonal-shift", "GetManagedResource"),),
}
"""The reads of each of these, so that plan and policy have them."""
