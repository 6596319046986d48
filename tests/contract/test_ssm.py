"""The calls of Systems Manager that the product makes. On AWS: a document that sleeps for a minute, deleted again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.account import DOCUMENT, Account, Real, refused, until

NO_ID = "12345678-1234-4234-8234-123456789012"
MARK = "gameday-contract-mark"
OVER = ("Success", "Cancelled", "Failed", "TimedOut")
SLEEPS = {
    "automation": {"schemaVersion": "0.3", "mainSteps": [
        {"name": "sleep", "action": "aws:sleep", "inputs": {"Duration": "PT1M"}}]},
    "command": {"schemaVersion": "2.2", "description": "sleeps", "mainSteps": [
        {"name": "sleep", "action": "aws:runShellScript", "inputs": {"runCommand": ["sleep 60"]}}]},
}  # fmt: skip


def document(account: Account, kind: str) -> Iterator[str]:
    if not isinstance(account, Real):
        yield DOCUMENT
        return
    ssm, name = account.client("ssm"), f"{DOCUMENT}-{kind}"
    ssm.create_document(Name=name, DocumentType=kind.title(), Content=json.dumps(SLEEPS[kind]))
    yield name
    ssm.delete_document(Name=name)


@pytest.fixture
def automation(account: Account) -> Iterator[str]:
    yield from document(account, "automation")


@pytest.fixture
def command(account: Account) -> Iterator[str]:
    yield from document(account, "command")


def automated(account: Account, document: str) -> str:
    tags = [{"Key": MARK, "Value": "gameday"}]
    begun = account.client("ssm").start_automation_execution(DocumentName=document, Parameters={}, Tags=tags)
    return str(begun["AutomationExecutionId"])


def automation_status(account: Account, ident: str) -> str:
    found = account.client("ssm").get_automation_execution(AutomationExecutionId=ident)["AutomationExecution"]
    return str(found["AutomationExecutionStatus"])


def sent(account: Account, document: str, instance: str) -> str:
    made = account.client("ssm").send_command(
        DocumentName=document, InstanceIds=[instance], Parameters={}, Comment=MARK
    )["Command"]
    assert made["Comment"] == MARK and made["Status"] in ("Pending", "InProgress")
    return str(made["CommandId"])


def command_status(account: Account, ident: str) -> str:
    (found,) = account.client("ssm").list_commands(CommandId=ident)["Commands"]
    assert found["Comment"] == MARK
    return str(found["Status"])


def test_ssm_start_automation_execution(account: Account, automation: str) -> None:
    """A token cannot be used for another request."""
    ssm = account.client("ssm")
    assert automation_status(account, automated(account, automation)) in ("Pending", "InProgress")
    with refused("AutomationDefinitionNotFoundException"):
        ssm.start_automation_execution(DocumentName="gameday-no-such-document")
    token = f"{round(account.now().timestamp()):08x}-0000-4000-8000-000000000000"
    ssm.start_automation_execution(DocumentName=automation, ClientToken=token)
    with refused("IdempotentParameterMismatch"):
        ssm.start_automation_execution(DocumentName=automation, ClientToken=token, Tags=[{"Key": "a", "Value": "b"}])


def test_ssm_get_automation_execution(account: Account, automation: str) -> None:
    ident = automated(account, automation)
    assert automation_status(account, ident) in ("Pending", "InProgress")
    until(account, lambda: automation_status(account, ident) == "Success", 240)
    with refused("AutomationExecutionNotFoundException"):
        automation_status(account, NO_ID)


def test_ssm_stop_automation_execution(account: Account, automation: str) -> None:
    ssm, ident = account.client("ssm"), automated(account, automation)
    ssm.stop_automation_execution(AutomationExecutionId=ident, Type="Cancel")
    until(account, lambda: automation_status(account, ident) == "Cancelled")
    with refused("InvalidAutomationStatusUpdateException"):  # it has ended
        ssm.stop_automation_execution(AutomationExecutionId=ident, Type="Cancel")
    with refused("AutomationExecutionNotFoundException"):
        ssm.stop_automation_execution(AutomationExecutionId=NO_ID, Type="Cancel")


def test_ssm_describe_automation_executions(account: Account, automation: str) -> None:
    """By the key of a tag, page by page: how one is found again whose id was lost."""
    ssm, ident = account.client("ssm"), automated(account, automation)

    def found(key: str) -> list[str]:
        asked = {"Filters": [{"Key": "TagKey", "Values": [key]}], "PaginationConfig": {"PageSize": 1}}
        pages = ssm.get_paginator("describe_automation_executions").paginate(**asked)
        return [one["AutomationExecutionId"] for page in pages for one in page["AutomationExecutionMetadataList"]]

    until(account, lambda: ident in found(MARK))
    assert found("gameday-no-such-mark") == []
    with refused("InvalidFilterKey", "ValidationException"):
        ssm.describe_automation_executions(Filters=[{"Key": "Colour", "Values": ["red"]}])


def test_ssm_send_command(account: Account, command: str, instance: str) -> None:
    assert command_status(account, sent(account, command, instance)) in ("Pending", "InProgress")


def test_ssm_send_command_refuses(account: Account) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"DocumentName": "gameday-no-such-document", "InstanceIds": ["i-0123456789abcdef0"]}, "InvalidDocument"),
        ({"DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceId"),
    ]
    for request, code in wrong:
        with refused(code, "InvalidDocument"):  # in rehearsal AWS-RunShellScript is none that has an effect
            account.client("ssm").send_command(**request)


def test_ssm_list_commands(account: Account, command: str, instance: str) -> None:
    """By id, and all of them page by page with their comments."""
    ident = sent(account, command, instance)
    pages = list(account.client("ssm").get_paginator("list_commands").paginate(PaginationConfig={"PageSize": 1}))
    held = [c for page in pages for c in page["Commands"]]
    assert MARK in [c["Comment"] for c in held if c["CommandId"] == ident]
    assert all(len(page["Commands"]) <= 1 for page in pages)


def test_ssm_cancel_command(account: Account, command: str, instance: str) -> None:
    ssm, ident = account.client("ssm"), sent(account, command, instance)
    ssm.cancel_command(CommandId=ident)
    until(account, lambda: command_status(account, ident) == "Cancelled")
    with refused("InvalidCommandId"):
        ssm.cancel_command(CommandId=NO_ID)


def test_ssm_list_tags_for_resource(account: Account, automation: str) -> None:
    """The tags that an automation was started with."""
    ssm, ident = account.client("ssm"), automated(account, automation)
    found = ssm.list_tags_for_resource(ResourceType="Automation", ResourceId=ident)["TagList"]
    assert {tag["Key"] for tag in found} and all(tag.keys() == {"Key", "Value"} for tag in found)
    with refused("InvalidResourceId"):
        ssm.list_tags_for_resource(ResourceType="Automation", ResourceId=NO_ID)
