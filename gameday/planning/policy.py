"""Pure: from a plan to IAM statements, as narrow as AWS permits; here what the one who runs the day needs.

Actions, resource types and condition keys are those of the Service Authorization Reference. Where an action has no
resource level the resource is ``*``, because IAM knows no other. What FIS itself needs is ``faults/permissions``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gameday.plan import Plan
from gameday.planning.on_targets import on_targets
from gameday.planning.reading import reads
from gameday.planning.statements import (
    RUN_TAG,
    STEP_TAG,
    Conditions,
    Ground,
    Statement,
    actions_of,
    camel,
    fis_faults,
    ground,
    merged,
    prefix,
)

HEARTBEAT_NAMESPACE, HEARTBEAT_ALARMS = "Gameday", "gameday-*"
CHANNELS = frozenset({"sns", "secretsmanager"})
NOT_AWS = frozenset({"prometheus", "http", "chaostoolkit"})
_TAGGED: Conditions = {"Null": {f"aws:ResourceTag/{RUN_TAG}": "false"}}
_TAGGING: Conditions = {"Null": {f"aws:RequestTag/{RUN_TAG}": "false"}}


def operator_policy(plan: Plan) -> tuple[Statement, ...]:
    """What the one who conducts this plan has to be allowed, from the plan's calls, signals and faults."""
    found = [
        *_fis(plan),
        *_others(plan),
        *reads(plan, ground(plan).arn),
        *_runbooks(plan),
        *_channels(plan),
        *_own(plan),
    ]
    return merged(found)


def _fis(plan: Plan) -> Iterator[Statement]:
    """The FIS calls: on what carries our tag alone, wherever FIS knows the tag (user guide, "Example: Use tags")."""
    where = ground(plan)
    used = {call.operation for call in plan.calls if call.service == "fis"}
    made, ran = where.arn("fis", "experiment-template/*"), where.arn("fis", "experiment/*")
    kinds = tuple(where.arn("fis", f"action/{ident}") for ident in _action_ids(plan))
    keys: Conditions = {**_TAGGING, "ForAllValues:StringEquals": {"aws:TagKeys": (RUN_TAG, STEP_TAG)}}
    rules: Sequence[tuple[str, str, tuple[str, ...], Conditions]] = (
        ("GetAction", "FisActions", kinds, {}),
        ("CreateExperimentTemplate", "FisDescribe", (*kinds, made), _TAGGING),
        ("StartExperiment", "FisStartFrom", (made,), _TAGGED),
        ("StartExperiment", "FisStart", (ran,), _TAGGING),
        ("GetExperiment", "FisOwn", (ran,), _TAGGED),
        ("ListExperimentResolvedTargets", "FisOwn", (ran,), _TAGGED),
        ("StopExperiment", "FisOwn", (ran,), _TAGGED),
        ("DeleteExperimentTemplate", "FisLeaveNothing", (made,), _TAGGED),
        ("ListExperiments", "FisFind", ("*",), {}),
        ("ListExperimentTemplates", "FisFind", ("*",), {}),
        ("GetSafetyLever", "FisLever", (where.arn("fis", "safety-lever/*"),), {}),
        ("UpdateSafetyLeverState", "FisLever", (where.arn("fis", "safety-lever/*"),), {}),
    )
    for operation, sid, resources, conditions in rules:
        if operation in used and resources:
            yield Statement(sid, (f"fis:{operation}",), resources, conditions, "inject through FIS, and take it back")
    for operation in sorted(used - {rule[0] for rule in rules}):
        yield Statement("FisOther", (f"fis:{operation}",), why="a FIS call whose resources are not known here")
    if "CreateExperimentTemplate" in used:
        yield Statement("FisTag", ("fis:TagResource",), (made, ran), keys, "say whose a template and an experiment is")
        yield from _passed(plan, where)


def _action_ids(plan: Plan) -> list[str]:
    return sorted({ident for fault in fis_faults(plan) for ident in actions_of(fault)})


def _passed(plan: Plan, where: Ground) -> Iterator[Statement]:
    role = plan.environment_definition.fis_role
    if role:
        to_fis: Conditions = {"StringEquals": {"iam:PassedToService": "fis.amazonaws.com"}}
        yield Statement("PassRoleToFis", ("iam:PassRole",), (role,), to_fis, "give FIS its role")
    linked = f"arn:{where.partition}:iam::{where.account}:role/aws-service-role/fis.amazonaws.com/AWSServiceRoleForFIS"
    once: Conditions = {"StringEquals": {"iam:AWSServiceName": "fis.amazonaws.com"}}
    why = "the account's first experiment makes the service-linked role of FIS"
    yield Statement("FisServiceLinkedRole", ("iam:CreateServiceLinkedRole",), (linked,), once, why, needed=False)
    watched: Conditions = {"StringEquals": {"cloudwatch:namespace": HEARTBEAT_NAMESPACE}}
    yield Statement("Heartbeat", ("cloudwatch:PutMetricData",), conditions=watched, why="the dead-man's heartbeat")
    alarms, acts = (where.arn("cloudwatch", f"alarm:{HEARTBEAT_ALARMS}"),), ("PutMetricAlarm", "DeleteAlarms")
    named = (*(f"cloudwatch:{name}" for name in acts), "cloudwatch:TagResource")
    yield Statement("HeartbeatAlarm", named, alarms, why="the alarm that stops FIS when nobody conducts")
    seen = (where.arn("cloudwatch", "alarm:*"),)
    yield Statement("Alarms", ("cloudwatch:DescribeAlarms",), seen, why="see that the heartbeat's alarm is OK")


def _others(plan: Plan) -> Iterator[Statement]:
    """The other calls that belong to a step: reads of its targets, commands, logs of FIS."""
    faults = {step.id: step.fault for step in plan.steps if step.fault}
    for call in plan.calls:
        fault = faults.get(call.step or "")
        if fault and call.service not in NOT_AWS | {"fis"}:
            yield from on_targets(call, fault, ground(plan))


def _channels(plan: Plan) -> Iterator[Statement]:
    """How people are told. Which topic and secret stands in the call's reason, and is no resource of the plan."""
    for call in plan.calls:
        if call.step is None and call.service in CHANNELS:
            yield Statement(
                "Channels", (f"{prefix(call.service)}:{call.operation}",), why=f"{call.why}: narrow it to that"
            )


def _runbooks(plan: Plan) -> Iterator[Statement]:
    """What runbooks may call. Their parameters are no resources that we could read, so that these stay wide."""
    for runbook in plan.runbooks:
        for part in runbook.steps:
            for service, operation in part.block.do.calls if part.block and part.block.do else ():
                if service not in NOT_AWS:
                    why = f"runbook {runbook.id}, step {part.number}: narrow it to what it changes"
                    yield Statement("Runbooks", (f"{prefix(service)}:{camel(operation)}",), why=why)


def _own(plan: Plan) -> Iterator[Statement]:
    """So that preflight can tell which permission is missing. Nothing stops without it; preflight then warns."""
    environment, where = plan.environment_definition, ground(plan)
    own = environment.role or f"arn:{where.partition}:iam::{where.account}:role/*"
    roles = tuple(dict.fromkeys(filter(None, (own, environment.fis_role))))
    actions = ("iam:SimulatePrincipalPolicy", "iam:GetRole")
    yield Statement("AskWhatIsAllowed", actions, roles, why="preflight names what is missing", needed=False)


def unknown_calls(plan: Plan) -> list[str]:
    """What the plan does of which nobody can say the permissions: Chaos Toolkit actions and probes."""
    found = {call.operation for call in plan.calls if call.service == "chaostoolkit"}
    found |= {str(s.query.get("func")) for s in plan.signals if s.source == "chaostoolkit.probe"}
    ssm = [step.fault.settings for step in plan.steps if step.fault and step.fault.provider == "ssm"]
    automations = {str(one.get("document")) for one in ssm if one.get("kind") == "automation"}
    return sorted(found | {f"the steps of {name}" for name in automations})
