"""IAM in the loopback AWS, when it is told to: the tool's calls are allowed only as far as one role's policies go.

``POST /_gameday/permissions {"role": NAME}`` begins it and ``{}`` ends it; the rehearsal's own calls always pass. The
policies are those that moto holds of the role; actions and resources are matched with moto's own matcher, conditions
are not weighed. SimulatePrincipalPolicy, which moto lacks, is answered from the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from gameday.rehearsal.asking import MODEL_NAMES, Asked, Reply, Wire
from gameday.rehearsal.fis_words import ACCOUNT, REGION
from gameday.rehearsal.metric_store import AwsError

ALWAYS = ("sts:GetCallerIdentity",)  # IAM user guide: no permissions are required
_PREFIXES = {"cloudwatch": "cloudwatch", "resourcegroupstaggingapi": "tag"}
_HEAD = f"{REGION}:{ACCOUNT}"


class Permissions:
    """Whose policies are enforced, and what was asked meanwhile: ``(action, resource)`` in the order of the calls."""

    def __init__(self) -> None:
        self.role: str | None = None
        self.asked: list[tuple[str, str]] = []

    def set(self, wire: Wire) -> Wire:
        """POST permissions."""
        if "role" in wire:
            _role(str(wire["role"]))  # an error when there is none
        self.role, self.asked = wire.get("role"), []
        return {"role": self.role}

    def used(self, wire: Wire) -> Wire:
        """GET permissions: each action with the resource that it was asked for, once."""
        return {"role": self.role, "used": [list(pair) for pair in dict.fromkeys(self.asked)]}

    def refusal(self, asked: Asked) -> AwsError | None:
        """AccessDenied for a call of the tool that the role's policies do not allow."""
        if self.role is None:
            return None
        for action, resource in needed(asked):
            self.asked.append((action, resource))
            if action not in ALWAYS and not permitted(_documents(self.role), action, resource):
                who = f"arn:aws:sts::{ACCOUNT}:assumed-role/{self.role}/gameday"
                what = f"User: {who} is not authorized to perform: {action} on resource: {resource}"
                return AwsError("AccessDeniedException", what, 400 if "json" in asked.protocol else 403)
        return None

    def answer(self, asked: Asked) -> Reply | None:
        """Who the caller is, and what IAM simulates; None for every other call."""
        if self.role is None:
            return None
        if (asked.service, asked.operation) == ("sts", "GetCallerIdentity"):
            return _xml("GetCallerIdentity", f"<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/{self.role}/gameday</Arn>"
                        f"<UserId>AROA:gameday</UserId><Account>{ACCOUNT}</Account>")  # fmt: skip
        if (asked.service, asked.operation) == ("iam", "SimulatePrincipalPolicy"):
            return _xml("SimulatePrincipalPolicy", _simulated(parse_qs(asked.body.decode())))
        return None


def _simulated(asked: Mapping[str, list[str]]) -> str:
    role = asked["PolicySourceArn"][0].rsplit("/", 1)[-1]
    documents = _documents(role)
    resources = _members(asked, "ResourceArns") or ["*"]
    found = [
        f"<member><EvalActionName>{escape(action)}</EvalActionName>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{'allowed' if permitted(documents, action, resource) else 'implicitDeny'}</EvalDecision>"
        "</member>"
        for action in _members(asked, "ActionNames")
        for resource in resources
    ]
    return f"<IsTruncated>false</IsTruncated><EvaluationResults>{''.join(found)}</EvaluationResults>"


def _members(asked: Mapping[str, list[str]], name: str) -> list[str]:
    keys = sorted((k for k in asked if k.startswith(f"{name}.member.")), key=lambda k: int(k.rsplit(".", 1)[1]))
    return [asked[key][0] for key in keys]


def _xml(operation: str, body: str) -> Reply:
    text = f"<{operation}Response><{operation}Result>{body}</{operation}Result></{operation}Response>"
    return 200, [("Content-Type", "text/xml")], text.encode()


def permitted(documents: list[Any], action: str, resource: str) -> bool:
    """Whether these policies allow it, as moto matches actions and resources; conditions are taken as met."""
    from moto.iam.access_control import IAMPolicyStatement, PermissionResult

    answers = []
    for document in documents:
        held = document["Statement"]
        for one in held if isinstance(held, list) else [held]:
            bare = {key: value for key, value in one.items() if key != "Condition"}
            answers.append(IAMPolicyStatement(bare).is_action_permitted(action, resource))
    return PermissionResult.DENIED not in answers and PermissionResult.PERMITTED in answers


def _role(name: str) -> Any:
    from moto.iam.exceptions import NotFoundException
    from moto.iam.models import iam_backends

    try:
        return iam_backends[ACCOUNT]["aws"].get_role(name)
    except NotFoundException as error:
        raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", 404) from error


def _documents(role: str) -> list[Any]:
    from moto.iam.models import iam_backends

    _role(role)
    backend = iam_backends[ACCOUNT]["aws"]
    own = [backend.get_role_policy(role, name)[1] for name in backend.list_role_policies(role)]
    attached = [
        version.document
        for policy in backend.list_attached_role_policies(role)[0]
        for version in policy.versions
        if version.is_default
    ]
    return [json.loads(text) for text in (*own, *attached)]


def needed(asked: Asked) -> list[tuple[str, str]]:
    """The IAM actions of a call, each with the resource that IAM would weigh; ``*`` where the action has none."""
    service = MODEL_NAMES.get(asked.service, asked.service)
    action = f"{_PREFIXES.get(service, service)}:{asked.operation}"
    rule = _RULES.get(action)
    return rule(asked, action) if rule else [(_S3.get(asked.operation, action), _plain(asked, service))]


_S3 = {"HeadBucket": "s3:ListBucket", "ListObjectsV2": "s3:ListBucket", "ListObjects": "s3:ListBucket"}


def _plain(asked: Asked, service: str) -> str:
    """The resource of the calls whose request names it in one place."""
    if service == "lambda" and asked.parameters.get("FunctionName"):
        name = asked.parameters["FunctionName"]
        return name if name.startswith("arn:") else f"arn:aws:lambda:{_HEAD}:function:{name}"
    if service == "dynamodb" and asked.wire().get("TableName"):
        return f"arn:aws:dynamodb:{_HEAD}:table/{asked.wire()['TableName']}"
    if service == "kinesis" and asked.wire().get("StreamName"):
        return f"arn:aws:kinesis:{_HEAD}:stream/{asked.wire()['StreamName']}"
    if service == "s3":
        return "arn:aws:s3:::" + asked.path.strip("/")
    return "*"


def _create(asked: Asked, action: str) -> list[tuple[str, str]]:
    wire, made = asked.wire(), f"arn:aws:fis:{_HEAD}:experiment-template/new"
    kinds = {one["actionId"] for one in wire.get("actions", {}).values()}
    found = [(action, made), *((action, f"arn:aws:fis:{_HEAD}:action/{kind}") for kind in sorted(kinds))]
    found += [("fis:TagResource", made)] if wire.get("tags") else []
    return [*found, ("iam:PassRole", wire["roleArn"])]


def _start(asked: Asked, action: str) -> list[tuple[str, str]]:
    wire, made = asked.wire(), f"arn:aws:fis:{_HEAD}:experiment/new"
    found = [(action, f"arn:aws:fis:{_HEAD}:experiment-template/{wire['experimentTemplateId']}"), (action, made)]
    return [*found, ("fis:TagResource", made)] if wire.get("tags") else found


def _fis(kind: str, *names: str) -> Callable[[Asked, str], list[tuple[str, str]]]:
    def rule(asked: Asked, action: str) -> list[tuple[str, str]]:
        wire = asked.wire()
        ident = next((wire[name] for name in names if name in wire), "*")
        return [(action, f"arn:aws:fis:{_HEAD}:{kind}/{ident}")]

    return rule


def _alarms(asked: Asked, action: str) -> list[tuple[str, str]]:
    wire = asked.wire()
    names = [wire["AlarmName"]] if "AlarmName" in wire else wire.get("AlarmNames") or ["*"]
    shown = ["*"] if action.endswith("DescribeAlarms") else names
    held = [(action, f"arn:aws:cloudwatch:{_HEAD}:alarm:{name}") for name in shown]
    return [*held, *(("cloudwatch:TagResource", arn) for _, arn in held)] if wire.get("Tags") else held


def _of_arn(asked: Asked, action: str) -> list[tuple[str, str]]:
    return [(action, asked.wire()["ResourceARN"])]


def _groups(asked: Asked, action: str) -> list[tuple[str, str]]:
    wire = asked.wire()
    names = wire.get("logGroupNames") or wire.get("logGroupIdentifiers") or [wire.get("logGroupName", "*")]
    return [(action, name if name.startswith("arn:") else f"arn:aws:logs:{_HEAD}:log-group:{name}") for name in names]


def _asks_role(asked: Asked, action: str) -> list[tuple[str, str]]:
    wire = parse_qs(asked.body.decode())
    name = wire.get("RoleName", ["*"])[0]
    return [(action, wire.get("PolicySourceArn", [f"arn:aws:iam::{ACCOUNT}:role/{name}"])[0])]


def _automation(asked: Asked, action: str) -> list[tuple[str, str]]:
    return [(action, f"arn:aws:ssm:{_HEAD}:automation-execution/{asked.wire().get('ResourceId', '*')}")]


_RULES: dict[str, Callable[[Asked, str], list[tuple[str, str]]]] = {
    "fis:CreateExperimentTemplate": _create,
    "fis:StartExperiment": _start,
    "fis:GetAction": _fis("action", "id"),
    "fis:GetExperiment": _fis("experiment", "id"),
    "fis:StopExperiment": _fis("experiment", "id"),
    "fis:ListExperimentResolvedTargets": _fis("experiment", "experimentId", "id"),
    "fis:DeleteExperimentTemplate": _fis("experiment-template", "id"),
    "fis:GetSafetyLever": _fis("safety-lever", "id"),
    "fis:UpdateSafetyLeverState": _fis("safety-lever", "id"),
    "cloudwatch:DescribeAlarms": _alarms,
    "cloudwatch:DescribeAlarmHistory": _alarms,
    "cloudwatch:PutMetricAlarm": _alarms,
    "cloudwatch:DeleteAlarms": _alarms,
    "cloudwatch:ListTagsForResource": _of_arn,
    "iam:SimulatePrincipalPolicy": _asks_role,
    "iam:GetRole": _asks_role,
    "iam:ListRoleTags": _asks_role,
    "iam:ListRolePolicies": _asks_role,
    "iam:GetRolePolicy": _asks_role,
    "iam:ListAttachedRolePolicies": _asks_role,
    "ssm:ListTagsForResource": _automation,
    "logs:StartQuery": _groups,
    "logs:FilterLogEvents": _groups,
}
