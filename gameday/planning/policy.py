"""Pure: from a plan to IAM statements, as narrow as AWS permits; here what the one who runs the day needs.

Actions, resource types and condition keys are those of the Service Authorization Reference. Where an action has no
resource level the resource is ``*``, because IAM knows no other. What FIS itself needs is ``faults/permissions``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from gameday.plan import Call, Plan, other_accounts
from gameday.planning.on_targets import on_targets
from gameday.planning.reading import reads
from gameday.planning.statements import (
    RUN_TAG,
    STEP_TAG,
    Conditions,
    Ground,
    Statement,
    actions_of,
    aimed,
    camel,
    faults_in,
    fis_faults,
    ground,
    merged,
    prefix,
)

HEARTBEAT_NAMESPACE, HEARTBEAT_ALARMS = "Gameday", "gameday-*"
CHANNELS = frozenset({"sns", "secretsmanager"})
NOT_AWS = frozenset({"prometheus", "http", "chaostoolkit"})
EXHIBITS = frozenset({"ListObjectsV2", "GetObject", "FilterLogEvents"})
_TAGGED: Conditions = {"Null": {f"aws:ResourceTag/{RUN_TAG}": "false"}}
_TAGGING: Conditions = {"Null": {f"aws:RequestTag/{RUN_TAG}": "false"}}


def operator_policy(plan: Plan, account: str | None = None) -> tuple[Statement, ...]:
    """What the one who conducts this plan has to be allowed in one account of the environment (by name; None: its own,
    where experiments are started and people act), from the plan's calls, signals and faults."""
    own = [*_fis(plan), *_day(plan), *_runbooks(plan), *_channels(plan), *_assumes(plan)] if account is None else []
    return merged([*own, *_others(plan, account), *_tags(plan, account), *reads(plan, account), *_asks(plan, account)])


def _fis(plan: Plan) -> Iterator[Statement]:
    """The FIS calls: on what carries our tag alone, wherever FIS knows the tag (user guide, "Example: Use tags"), in
    each Region in which the plan starts a fault."""
    where, regions = ground(plan), dict.fromkeys((fault.region for fault in fis_faults(plan)), True)
    used = {call.operation for call in plan.calls if call.service == "fis"}
    grounds = [ground(plan, None, region) for region in regions]
    made = tuple(dict.fromkeys(place.arn("fis", "experiment-template/*") for place in grounds))
    ran = tuple(dict.fromkeys(place.arn("fis", "experiment/*") for place in grounds))
    kinds = tuple(dict.fromkeys(p.arn("fis", f"action/{ident}") for p in grounds for ident in _action_ids(plan)))
    levers = tuple(dict.fromkeys(place.arn("fis", "safety-lever/*") for place in grounds or (where,)))
    keys: Conditions = {**_TAGGING, "ForAllValues:StringEquals": {"aws:TagKeys": (RUN_TAG, STEP_TAG)}}
    rules: Sequence[tuple[str, str, tuple[str, ...], Conditions]] = (
        ("GetAction", "FisActions", kinds, {}),
        ("CreateExperimentTemplate", "FisDescribe", (*kinds, *made), _TAGGING),
        ("CreateTargetAccountConfiguration", "FisReach", made, _TAGGED),
        ("StartExperiment", "FisStartFrom", made, _TAGGED),
        ("StartExperiment", "FisStart", ran, _TAGGING),
        ("GetExperiment", "FisOwn", ran, _TAGGED),
        ("ListExperimentResolvedTargets", "FisOwn", ran, _TAGGED),
        ("StopExperiment", "FisOwn", ran, _TAGGED),
        ("DeleteExperimentTemplate", "FisLeaveNothing", made, _TAGGED),
        ("ListExperiments", "FisFind", ("*",), {}),
        ("ListExperimentTemplates", "FisFind", ("*",), {}),
        ("GetSafetyLever", "FisLever", levers, {}),
    )
    for operation, sid, resources, conditions in rules:
        if operation in used and resources:
            needed, why = bool(made) or sid != "FisFind", "inject through FIS, and take it back"
            yield Statement(sid, (f"fis:{operation}",), resources, conditions, why, needed)
    if "UpdateSafetyLeverState" in used:
        why = "gameday emergency: stop every experiment of the account"
        yield Statement("FisEmergency", ("fis:UpdateSafetyLeverState",), levers, why=why, needed=False)
    for operation in sorted(used - {rule[0] for rule in rules} - {"UpdateSafetyLeverState"}):
        yield Statement("FisOther", (f"fis:{operation}",), why="a FIS call whose resources are not known here")
    if "CreateExperimentTemplate" in used:
        whose = "say whose a template and an experiment is"
        yield Statement("FisTag", ("fis:TagResource",), (*made, *ran), keys, whose)
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


def _day(plan: Plan) -> Iterator[Statement]:
    """The calls that belong to no step: the heartbeat and its alarm, incidents, what other runs left."""
    where = ground(plan)
    regions = dict.fromkeys((None, *(fault.region for fault in fis_faults(plan))))
    hearts = dict.fromkeys(ground(plan, None, r).arn("cloudwatch", f"alarm:{HEARTBEAT_ALARMS}") for r in regions)
    for call in plan.calls:
        rule = _DAY.get(f"{call.service}:{call.operation}") if call.step is None else None
        if rule:
            made = rule(call, where)
            yield replace(made, resources=tuple(hearts)) if made.sid == "HeartbeatAlarm" else made


def _beat(call: Call, where: Ground) -> Statement:
    watched: Conditions = {"StringEquals": {"cloudwatch:namespace": HEARTBEAT_NAMESPACE}}
    return Statement("Heartbeat", ("cloudwatch:PutMetricData",), conditions=watched, why=call.why)


def _heartbeat_alarm(call: Call, where: Ground) -> Statement:
    """An alarm is made with its tags, which is a permission of its own."""
    more = ("cloudwatch:TagResource", "cloudwatch:ListTagsForResource") if call.operation == "PutMetricAlarm" else ()
    alarms = (where.arn("cloudwatch", f"alarm:{HEARTBEAT_ALARMS}"),)
    return Statement("HeartbeatAlarm", (f"cloudwatch:{call.operation}", *more), alarms, why=call.why)


def _alarms(call: Call, where: Ground) -> Statement:
    return Statement("Alarms", (f"cloudwatch:{call.operation}",), (where.arn("cloudwatch", "alarm:*"),), why=call.why)


def _left(call: Call, where: Ground) -> Statement:
    """Only useful: a run begins without it, and its own commands are allowed with its steps."""
    tags = call.operation == "ListTagsForResource"
    on = (where.arn("ssm", "automation-execution/*"),) if tags else ("*",)
    return Statement("Leftovers", (f"ssm:{call.operation}",), on, why=call.why, needed=False)


_DAY: dict[str, Callable[[Call, Ground], Statement]] = {
    "cloudwatch:PutMetricData": _beat,
    "cloudwatch:PutMetricAlarm": _heartbeat_alarm,
    "cloudwatch:DeleteAlarms": _heartbeat_alarm,
    "cloudwatch:DescribeAlarms": _alarms,
    "ssm:ListCommands": _left,
    "ssm:DescribeAutomationExecutions": _left,
    "ssm:ListTagsForResource": _left,
}


def _others(plan: Plan, account: str | None) -> Iterator[Statement]:
    """The other calls that belong to a step: reads of its targets, commands, logs of FIS. FIS writes these where it is
    asked, in the environment's own account."""
    held = {step.id: (fault, where) for step, fault, where in faults_in(plan, account)}
    if account is None:
        held = {s.id: (s.fault, ground(plan, None, s.fault.region)) for s in plan.steps if s.fault} | held
    for call in plan.calls:
        fault, where = held.get(call.step or "", (None, None))
        if fault is None or where is None or call.service in NOT_AWS | {"fis"}:
            continue
        if account is None or call.operation not in EXHIBITS:
            yield from on_targets(call, fault, where)


def _tags(plan: Plan, account: str | None) -> Iterator[Statement]:
    """The tags of the targets, for the envelope: the tagging API knows no resources, and roles are asked one by one."""
    arns = [arn for _, fault, where in faults_in(plan, account) for key in fault.targets
            for arn in aimed(fault, key, where)[0]]  # fmt: skip
    for call in (c for c in plan.calls if c.step is None):
        if call.operation == "GetResources" and arns:
            yield Statement("Tags", ("tag:GetResources",), why=call.why)
        roles = tuple(arn for arn in dict.fromkeys(arns) if ":iam:" in arn)
        if call.operation == "ListRoleTags" and roles:
            yield Statement("Tags", ("iam:ListRoleTags",), roles, why=call.why)


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


def _assumes(plan: Plan) -> Iterator[Statement]:
    """The roles of other accounts are assumed with the credentials of the first (AWS, "role chaining")."""
    roles = tuple(plan.environment_definition.accounts[name].role for name in other_accounts(plan))
    if roles:
        yield Statement("OtherAccounts", ("sts:AssumeRole",), roles, why="read and act in the other accounts")


def _asks(plan: Plan, account: str | None) -> Iterator[Statement]:
    """So that preflight can tell which permission is missing. Nothing stops without it; preflight then warns."""
    environment, where = plan.environment_definition.at(account), ground(plan, account)
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
