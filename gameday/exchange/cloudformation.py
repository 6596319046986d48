"""The onboarding stack: the roles of a scenario with their policies, and a log group, as a CloudFormation template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from gameday import __version__
from gameday.planning.statements import Statement, document

TAGS = [{"Key": "gameday", "Value": "onboarding"}]
LONGEST_SESSION_S = 43_200  # the longest that IAM permits, so that a day of hours needs no new session
DAYS_KEPT = 400
_LOG_GROUP: dict[str, Any] = {
    "Type": "AWS::Logs::LogGroup",
    "DeletionPolicy": "Retain",
    "UpdateReplacePolicy": "Retain",
    "Properties": {"LogGroupName": "/gameday/experiments", "RetentionInDays": DAYS_KEPT, "Tags": TAGS},
}


def onboarding(
    title: str,
    operator: Iterable[Statement],
    fis: Iterable[Statement],
    trust: Mapping[str, Any],
    names: Mapping[str, str],
    external_id: str | None = None,
    account: str | None = None,
) -> str:
    """The stack as YAML. ``names`` has path and name of each role, ``operator`` and ``fis``; ``trust`` is whom the
    role of FIS trusts. Who may take on the operator's role is a parameter: a human decides that, with MFA or SSO.
    ``account`` names another account of the environment: its role is taken on by the operator's of the first, and no
    experiment is logged there."""
    people = _people(external_id)
    resources: dict[str, Any] = {
        "OperatorRole": _role(names["operator"], people, "gameday-operator", document(operator)),
    }
    if account is None:
        resources["LogGroup"] = _LOG_GROUP
    whose = f"the account {account}" if account else "the environment"
    outputs = {"OperatorRoleArn": _arn("OperatorRole", f"role: of {whose} in gameday.yaml")}
    allowed = list(fis)
    if allowed:  # IAM takes no policy without a statement
        resources["FisRole"] = _role(names["fis"], dict(trust), "gameday-fis", document(allowed))
        outputs["FisRoleArn"] = _arn("FisRole", f"fis_role: of {whose} in gameday.yaml")
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Least privilege for the game day: {title} (gameday {__version__})"[:1024],
        "Parameters": {"OperatorPrincipal": {
            "Type": "String",
            "Description": "ARN of the role or user that may take on the operator's role.",
            "AllowedPattern": "arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:.+",
        }},
        "Resources": resources,
        "Outputs": outputs,
    }  # fmt: skip
    return as_yaml(template)


def as_yaml(data: Any) -> str:
    """YAML without aliases, which CloudFormation and GitHub refuse."""
    return yaml.dump(data, Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    """No anchors: what is equal is written again, as people expect of a template."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _role(name: str, trust: Any, policy: str, allowed: Any) -> dict[str, Any]:
    """``name`` may begin with a path, as in an ARN."""
    path, _, own = f"/{name}".rpartition("/")
    return {"Type": "AWS::IAM::Role", "Properties": {
        "Path": f"{path}/",
            "RoleName": own, "AssumeRolePolicyDocument": trust, "MaxSessionDuration": LONGEST_SESSION_S,
        "Policies": [{"PolicyName": policy, "PolicyDocument": allowed}], "Tags": TAGS,
    }}  # fmt: skip


def _people(external_id: str | None) -> dict[str, Any]:
    asked = {"Condition": {"StringEquals": {"sts:ExternalId": external_id}}} if external_id else {}
    return {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": {"Ref": "OperatorPrincipal"}}, "Action": "sts:AssumeRole", **asked,
    }]}  # fmt: skip


def _arn(resource: str, says: str) -> dict[str, Any]:
    return {"Description": says, "Value": {"Fn::GetAtt": [resource, "Arn"]}}
