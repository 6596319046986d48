"""What an action needs in AWS is looked for, each with its fix; what cannot be read is never called shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gameday.errors import Problem
from gameday.faults.catalogue import actions
from gameday.faults.fis_settings import FisAction
from gameday.faults.prerequisites import CALLS, TABLE, each, prerequisite_calls

TASK = "arn:aws:ecs:eu-west-2:123456789012:task/shop/1"
CLUSTER = "arn:aws:rds:eu-west-2:123456789012:cluster:books"
INSTANCE = "arn:aws:ec2:eu-west-2:123456789012:instance/i-1"


class Answers:
    """An account at our own door: what each client's method answers."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str | None, str | None]] = []

    def client(self, service: str) -> Any:
        return self

    def of(self, arn: str, account: str | None = None, region: str | None = None) -> Answers:
        self.asked.append((arn, account, region))
        return self

    def __getattr__(self, method: str) -> Any:
        return lambda **_: self.answers[method]


def lacks(action: str, arn: str, answers: Mapping[str, Any], **parameters: Any) -> list[str]:
    part = FisAction(id="a", action=action, parameters=parameters)
    found: Iterator[Problem] = each(Answers(answers), part, [arn])  # type: ignore[arg-type]  # a door that answers
    return [problem.message.removeprefix(f"{arn} lacks what the action needs: ") for problem in found]


def tasks(**definition: Any) -> dict[str, Any]:
    agent = {"image": "public.ecr.aws/amazon-ssm-agent/amazon-ssm-agent:latest"}
    return {"describe_tasks": {"tasks": [{"taskDefinitionArn": "d"}]},
            "describe_task_definition": {"taskDefinition": {"containerDefinitions": [agent], **definition}},
            }  # fmt: skip


def test_a_task_needs_an_agent_its_own_processes_and_no_exec() -> None:
    latency = "aws:ecs:task-network-latency"
    assert lacks("aws:ecs:task-cpu-stress", TASK, tasks()) == []
    assert lacks(latency, TASK, tasks(pidMode="task")) == []
    assert lacks(latency, TASK, tasks()) == ["does not share its process namespace"]
    assert lacks("aws:ecs:task-cpu-stress", TASK, tasks(containerDefinitions=[])) == [
        "has no container of the SSM agent"
    ]
    endpoints = lacks(latency, TASK, tasks(pidMode="task"), useEcsFaultInjectionEndpoints="true")
    assert endpoints == ["does not enable fault injection"]
    executes = {**tasks(), "describe_tasks": {"tasks": [{"taskDefinitionArn": "d", "enableExecuteCommand": True}]}}
    assert lacks("aws:ecs:task-cpu-stress", TASK, executes) == ["has ECS Exec enabled"]


def test_a_failover_needs_somebody_to_take_over() -> None:
    def cluster(*members: str) -> dict[str, Any]:
        held = [{"DBInstanceIdentifier": m} for m in members]
        return {"describe_db_clusters": {"DBClusters": [{"DBClusterMembers": held}]}}

    assert lacks("aws:rds:failover-db-cluster", CLUSTER, cluster("w", "r")) == []
    assert lacks("aws:rds:failover-db-cluster", CLUSTER, cluster("w")) == ["has 1 instance(s): nobody could take over"]


def test_a_reboot_fails_over_only_with_a_second_zone() -> None:
    one = {"describe_db_instances": {"DBInstances": [{"MultiAZ": False}]}}
    reboot = "aws:rds:reboot-db-instances"
    assert lacks(reboot, CLUSTER, one) == []
    assert lacks(reboot, CLUSTER, one, forceFailover="true") == ["is not Multi-AZ, so it cannot fail over"]


def test_an_instance_needs_its_agent_online() -> None:
    for status, found in (("Online", []), ("ConnectionLost", ["is not online in Systems Manager"])):
        answers = {"describe_instance_information": {"InstanceInformationList": [{"PingStatus": status}]}}
        assert lacks("aws:ssm:send-command", INSTANCE, answers) == found


def test_a_table_or_a_cache_needs_its_replicas() -> None:
    table = "arn:aws:dynamodb:eu-west-2:123456789012:table/t"
    pause = "aws:dynamodb:global-table-pause-replication"
    assert lacks(pause, table, {"describe_table": {"Table": {"Replicas": [{}]}}}) == []
    assert lacks(pause, table, {"describe_table": {"Table": {}}}) == ["is no global table: it has no replicas"]
    cache = "aws:elasticache:replicationgroup-interrupt-az-power"
    groups = {"describe_replication_groups": {"ReplicationGroups": [{"MultiAZ": "disabled"}]}}
    assert lacks(cache, table, groups) == ["has no Multi-AZ with automatic failover"]


def test_what_no_read_of_aws_shows_is_said() -> None:
    (found,) = each(Answers({}), FisAction(id="a", action="aws:eks:pod-delete"), ["p"])  # type: ignore[arg-type]  # as above
    assert found.code == "PREREQUISITE_NOT_READ" and found.severity == "warning" and "can-i" in found.write


@pytest.mark.parametrize("pattern", TABLE)
def test_each_pattern_of_the_table_names_an_action_that_there_is(pattern: str) -> None:
    assert any(ident.startswith(pattern.rstrip("*")) for ident in actions())


def test_each_target_is_read_through_the_door_of_its_own_account_and_region() -> None:
    door = Answers(tasks())
    list(each(door, FisAction(id="a", action="aws:ecs:task-cpu-stress"), [TASK], ("cards", "eu-west-1")))  # type: ignore[arg-type]  # as above
    assert door.asked == [(TASK, "cards", "eu-west-1")]


def test_every_action_that_is_looked_at_says_its_reads() -> None:
    assert TABLE.keys() == CALLS.keys()
    assert prerequisite_calls("aws:lambda:invocation-error") == [
        ("lambda", "GetFunctionConfiguration"), ("s3", "HeadBucket"),
    ]  # fmt: skip
    assert prerequisite_calls("aws:fis:wait") == []
