"""A schedule as CloudFormation: EventBridge Scheduler starts a state machine, which runs an ECS task and takes back
what it may have left.

The task runs ``gameday schedule run ID --unless-skipped``: windows, freezes, holidays and preconditions are looked at
there, for EventBridge knows none of them. The run itself is never tried again; asking ECS for it is.
The workspace lies on EFS, so that the recovering task finds what the run left on its ledger.

Sources: EventBridge Scheduler User Guide, "Schedule types" (six fields, ``?``, days from SUN; a local time that a
change of the clocks leaves out is passed over, one that comes twice comes once) and "Flexible time windows" (1-1440
minutes);
Step Functions Developer Guide, "Run Amazon ECS or Fargate tasks" (the permissions of ``ecs:runTask.sync``).
"""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from gameday.errors import could_not_start
from gameday.model.schedule import Schedule

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MINUTE, _DAY_MINUTES = 60_000, 1440
RUN_AGAIN = ["ECS.AmazonECSException", "ECS.ServerException", "ECS.ThrottlingException"]
CONTAINER = "gameday"


def expression(schedule: Schedule) -> str:
    """The cron of EventBridge. CouldNotStart CANNOT_EXPORT for a day of the month or else of the week: it has no or."""
    minute, hour, day, month, weekday = schedule.cron.split()
    if day != "*" and weekday != "*":
        what = f"{schedule.cron!r} means a day of the month or of the week, and EventBridge cannot say that"
        raise could_not_start("CANNOT_EXPORT", what, "one schedule for each of the two")
    if day == "*" and weekday != "*":
        return f"cron({minute} {hour} ? {month} {_weekday(weekday)} *)"
    return f"cron({minute} {hour} {day} {month} ? *)"


def _weekday(text: str) -> str:
    """Cron counts from Sunday 0, EventBridge from Sunday 1; names are the same in both. A step after ``/`` and a week
    after ``#`` are no days."""
    return re.sub(r"(?<![#/\d])[0-7](?!\d)", lambda found: _DAYS[int(found[0])], text).upper()


def _flexible(schedule: Schedule) -> dict[str, Any]:
    minutes = min(schedule.jitter // _MINUTE, _DAY_MINUTES)
    return {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes} if minutes else {"Mode": "OFF"}


def stack(schedule: Schedule) -> dict[str, Any]:
    """The template, as data."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The game day {schedule.scenario} as the schedule {schedule.id}, owned by {schedule.owner}",
        "Parameters": _parameters(),
        "Resources": {
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 400}},
            "ExecutionRole": _role("ecs-tasks.amazonaws.com", _execution()),
            "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": _task(schedule)},
            "MachineRole": _role("states.amazonaws.com", _machine_may()),
            "Machine": {"Type": "AWS::StepFunctions::StateMachine",
                        "Properties": {"RoleArn": _arn("MachineRole"), "Definition": _machine(schedule)}},
            "Missed": {"Type": "AWS::SQS::Queue", "Properties": {"SqsManagedSseEnabled": True,
                                                                  "MessageRetentionPeriod": 1_209_600}},
            "ScheduleRole": _role("scheduler.amazonaws.com", _schedule_may()),
            "Schedule": {"Type": "AWS::Scheduler::Schedule", "Properties": _schedule(schedule)},
        },
        "Outputs": {"MissedQueue": {"Description": "What could not be started, with the reason",
                                    "Value": {"Ref": "Missed"}}},
    }  # fmt: skip


def _parameters() -> dict[str, Any]:
    text = {
        "Image": "The image of deploy/Containerfile in a registry, best by its digest",
        "Cluster": "The ARN of the ECS cluster",
        "TaskRole": "The ARN of the role that gameday iam describes for this scenario",
        "FileSystem": "The id of the EFS file system that holds the workspace",
        "AccessPoint": "The id of its access point; gameday's user owns what is below it",
    }
    found: dict[str, Any] = {name: {"Type": "String", "Description": says} for name, says in text.items()}
    found["Subnets"] = {"Type": "List<AWS::EC2::Subnet::Id>", "Description": "Private subnets that reach AWS and EFS"}
    found["SecurityGroups"] = {"Type": "List<AWS::EC2::SecurityGroup::Id>", "Description": "They let the task out"}
    return found


def _arn(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


def _allow(actions: list[str], resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def _role(service: str, statements: list[dict[str, Any]]) -> dict[str, Any]:
    """For one service of AWS, for this account alone."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole",
             "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}}  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": statements}
    return {"Type": "AWS::IAM::Role", "Properties": {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [{"PolicyName": "least", "PolicyDocument": policy}]}}  # fmt: skip


def _execution() -> list[dict[str, Any]]:
    """To pull the image and to write the log. GetAuthorizationToken knows no resource."""
    here = {"Fn::Sub": "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/*"}
    return [
        _allow(["ecr:GetAuthorizationToken"], "*"),
        _allow(["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], here),
        _allow(["logs:CreateLogStream", "logs:PutLogEvents"], _arn("Logs")),
    ]


def _machine_may() -> list[dict[str, Any]]:
    rule = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/StepFunctionsGetEventsForECSTaskRule"
    at = {"ArnEquals": {"ecs:cluster": {"Ref": "Cluster"}}}
    passed = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    tasks = {"Fn::Sub": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/*"}
    return [
        _allow(["ecs:RunTask"], {"Ref": "Task"}, Condition=at),
        _allow(["ecs:StopTask", "ecs:DescribeTasks"], tasks, Condition=at),
        _allow(["events:PutTargets", "events:PutRule", "events:DescribeRule"], {"Fn::Sub": rule}),
        _allow(["iam:PassRole"], [{"Ref": "TaskRole"}, _arn("ExecutionRole")], Condition=passed),
    ]


def _schedule_may() -> list[dict[str, Any]]:
    return [_allow(["states:StartExecution"], {"Ref": "Machine"}), _allow(["sqs:SendMessage"], _arn("Missed"))]


def _task(schedule: Schedule) -> dict[str, Any]:
    log = {"awslogs-group": {"Ref": "Logs"}, "awslogs-region": {"Ref": "AWS::Region"}, "awslogs-stream-prefix": "run"}
    disk = {"TransitEncryption": "ENABLED", "FilesystemId": {"Ref": "FileSystem"},
            "AuthorizationConfig": {"AccessPointId": {"Ref": "AccessPoint"}, "IAM": "ENABLED"}}  # fmt: skip
    container = {
        "Name": CONTAINER, "Image": {"Ref": "Image"}, "Essential": True, "WorkingDirectory": "/workspace",
        "Command": ["schedule", "run", schedule.id, "--unless-skipped"], "StopTimeout": 120,
        "ReadonlyRootFilesystem": False,
        "MountPoints": [{"SourceVolume": "workspace", "ContainerPath": "/workspace"}],
        "LogConfiguration": {"LogDriver": "awslogs", "Options": log},
    }  # fmt: skip
    return {"RequiresCompatibilities": ["FARGATE"], "NetworkMode": "awsvpc", "Cpu": "1024", "Memory": "2048",
            "ExecutionRoleArn": _arn("ExecutionRole"), "TaskRoleArn": {"Ref": "TaskRole"},
            "Volumes": [{"Name": "workspace", "EFSVolumeConfiguration": disk}],
            "ContainerDefinitions": [container]}  # fmt: skip


def _machine(schedule: Schedule) -> dict[str, Any]:
    """The run, and then recover, whatever became of the run: it finds nothing to do after a run that ended well."""
    seconds = 2 * schedule.lasts // 1000 + 1800
    again = [{"ErrorEquals": RUN_AGAIN, "IntervalSeconds": 30, "MaxAttempts": 5, "BackoffRate": 2}]
    caught = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": "RecoverFailed"}]
    run = {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "TimeoutSeconds": seconds,
        "Parameters": _asked(None),
        "Retry": again,
        "Catch": caught,
        "ResultPath": "$.run",
        "Next": "Recover",
    }
    recover = {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "TimeoutSeconds": 3600,
               "Parameters": _asked(["recover"]), "ResultPath": "$.recover"}  # fmt: skip
    often = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60, "MaxAttempts": 10, "BackoffRate": 1.5}]
    return {"Comment": f"{schedule.id}: {schedule.scenario}", "StartAt": "Run", "States": {
        "Run": run,
        "Recover": {**recover, "Retry": often, "End": True},
        "RecoverFailed": {**recover, "Retry": often, "Next": "Failed"},
        "Failed": {"Type": "Fail", "Error": "NotWithin", "Cause": "The run did not end as within; see its log."},
    }}  # fmt: skip


def _asked(command: list[str] | None) -> dict[str, Any]:
    network = {"Subnets": {"Ref": "Subnets"}, "SecurityGroups": {"Ref": "SecurityGroups"}, "AssignPublicIp": "DISABLED"}
    other = {"Overrides": {"ContainerOverrides": [{"Name": CONTAINER, "Command": command}]}} if command else {}
    return {"LaunchType": "FARGATE", "Cluster": {"Ref": "Cluster"}, "TaskDefinition": {"Ref": "Task"},
            "NetworkConfiguration": {"AwsvpcConfiguration": network}, **other}  # fmt: skip


def _schedule(schedule: Schedule) -> dict[str, Any]:
    target = {"Arn": {"Ref": "Machine"}, "RoleArn": _arn("ScheduleRole"), "DeadLetterConfig": {"Arn": _arn("Missed")},
              "Input": '{"due": "<aws.scheduler.scheduled-time>"}',
              "RetryPolicy": {"MaximumEventAgeInSeconds": max(60, min(schedule.late // 1000, 86_400)),
                              "MaximumRetryAttempts": 10}}  # fmt: skip
    found: dict[str, Any] = {
        "Description": f"{schedule.scenario}, owned by {schedule.owner}", "ScheduleExpression": expression(schedule),
        "ScheduleExpressionTimezone": schedule.tz, "FlexibleTimeWindow": _flexible(schedule), "Target": target,
        "State": "DISABLED" if schedule.paused else "ENABLED",
    }  # fmt: skip
    if schedule.expires:
        last = datetime.combine(schedule.expires, time(23, 59, 59), ZoneInfo(schedule.tz))
        found["EndDate"] = last.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")
    return found
