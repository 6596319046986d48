"""The calls of AWS FIS that the product makes. On AWS: one experiment of ``aws:fis:wait`` for a minute, $0.10."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.account import FUNCTION, TAGS, Account, refused, until

NO_TEMPLATE, NO_EXPERIMENT = "EXT1a2b3c4d5e6f7", "EXP1a2b3c4d5e6f7"


def asking(role: str, token: str, minutes: int = 1, **more: Any) -> dict[str, Any]:
    wait = {"actionId": "aws:fis:wait", "parameters": {"duration": f"PT{minutes}M"}}
    return {
        "clientToken": token, "description": "gameday contract test", "roleArn": role, "tags": TAGS,
        "stopConditions": [{"source": "none"}], "actions": {"wait": wait}, "targets": {},
        "experimentOptions": {"accountTargeting": "single-account", "emptyTargetResolutionMode": "fail"}, **more,
    }  # fmt: skip


@pytest.fixture
def template(account: Account, role: str, request: pytest.FixtureRequest) -> Iterator[str]:
    fis = account.client("fis")
    made = fis.create_experiment_template(**asking(role, token(account, request.node.name)))
    yield made["experimentTemplate"]["id"]
    ours = {t["id"] for p in fis.get_paginator("list_experiment_templates").paginate() for t in p["experimentTemplates"]
            if TAGS.items() <= t.get("tags", {}).items()}  # fmt: skip
    for ident in ours:
        fis.delete_experiment_template(id=ident)


def token(account: Account, name: str) -> str:
    return f"{name[:30]}-{round(account.now().timestamp() * 1000)}"


@pytest.fixture
def experiment(account: Account, template: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """One that runs."""
    fis = account.client("fis")
    begun = fis.start_experiment(clientToken=token(account, "e"), experimentTemplateId=template, tags=TAGS)
    ident = begun["experiment"]["id"]
    yield ident
    if status(account, ident) in ("pending", "initiating", "running"):
        fis.stop_experiment(id=ident)
    until(account, lambda: status(account, ident) in ("completed", "stopped", "failed", "cancelled"))


def status(account: Account, ident: str) -> str:
    return str(account.client("fis").get_experiment(id=ident)["experiment"]["state"]["status"])


def test_fis_create_experiment_template(account: Account, role: str, template: str) -> None:
    """The token names what was made: a repetition makes none, and another request with it is a conflict."""
    fis, asked = account.client("fis"), asking(role, token(account, "create"))
    made, again = (fis.create_experiment_template(**asked)["experimentTemplate"] for _ in range(2))
    assert made["id"] == again["id"] != template and made["id"].startswith("EXT")
    assert made["tags"].items() >= TAGS.items() and made["experimentOptions"] == asked["experimentOptions"]
    with refused("ConflictException"):
        fis.create_experiment_template(**asked | {"description": "another"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"actions": {"no": {"actionId": "aws:fis:no-such-action"}}},
        {"actions": {"wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "a minute"}}}},
        {"actions": {"wait": {"actionId": "aws:fis:wait"}}},
        {"actions": {"wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"}, "startAfter": ["no"]}}},
        {"actions": {"break": {"actionId": "aws:lambda:invocation-error", "targets": {"Functions": "no"},
                               "parameters": {"duration": "PT1M", "preventExecution": "true"}}}},
        {"targets": {"t": {"resourceType": "aws:no:type", "resourceArns": [FUNCTION], "selectionMode": "ALL"}}},
        {"targets": {"t": {"resourceType": "aws:lambda:function", "resourceArns": [FUNCTION], "selectionMode": "X"}}},
        {"stopConditions": [{"source": "aws:cloudwatch:alarm",
                             "value": "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:no-such-alarm"}]},
    ],
    ids=["action", "duration", "no-duration", "startAfter", "target", "type", "selection", "alarm"],
)  # fmt: skip
def test_fis_create_experiment_template_refuses(account: Account, role: str, wrong: dict[str, Any]) -> None:
    with refused("ValidationException", "ResourceNotFoundException"):
        account.client("fis").create_experiment_template(**asking(role, token(account, "wrong"), **wrong))


def test_fis_start_experiment(account: Account, template: str) -> None:
    fis, same = account.client("fis"), token(account, "start")
    asked = {"clientToken": same, "experimentTemplateId": template, "tags": TAGS}
    begun, again = (fis.start_experiment(**asked)["experiment"] for _ in range(2))
    assert begun["id"] == again["id"] and begun["id"].startswith("EXP")
    assert begun["experimentTemplateId"] == template and begun["tags"].items() >= TAGS.items()
    fis.stop_experiment(id=begun["id"])
    until(account, lambda: status(account, begun["id"]) == "stopped")
    with refused("ResourceNotFoundException"):
        fis.start_experiment(clientToken=token(account, "none"), experimentTemplateId=NO_TEMPLATE)


def test_fis_get_experiment(account: Account, experiment: str) -> None:
    """It runs once initiated, its action too, and without targets it is over when the action is."""
    until(account, lambda: status(account, experiment) == "running")
    found = account.client("fis").get_experiment(id=experiment)["experiment"]
    assert found["actions"]["wait"]["state"]["status"] in ("pending", "initiating", "running")
    assert found["startTime"] and found["state"]["reason"]
    until(account, lambda: status(account, experiment) == "completed", 240)
    with refused("ResourceNotFoundException"):
        status(account, NO_EXPERIMENT)


def test_fis_stop_experiment(account: Account, experiment: str) -> None:
    fis = account.client("fis")
    until(account, lambda: status(account, experiment) == "running")
    assert fis.stop_experiment(id=experiment)["experiment"]["state"]["status"] in ("stopping", "stopped")
    until(account, lambda: status(account, experiment) == "stopped")
    with refused("ValidationException"):  # it has ended
        fis.stop_experiment(id=experiment)
    with refused("ResourceNotFoundException"):
        fis.stop_experiment(id=NO_EXPERIMENT)


def test_fis_delete_experiment_template(account: Account, experiment: str) -> None:
    """An experiment outlives its template."""
    fis = account.client("fis")
    template = fis.get_experiment(id=experiment)["experiment"]["experimentTemplateId"]
    assert fis.delete_experiment_template(id=template)["experimentTemplate"]["id"] == template
    assert status(account, experiment) in ("pending", "initiating", "running")
    with refused("ResourceNotFoundException"):
        fis.delete_experiment_template(id=template)


def test_fis_list_experiments(account: Account, experiment: str) -> None:
    """Our tags are in the list, page by page."""
    fis = account.client("fis")
    pages = list(fis.get_paginator("list_experiments").paginate(PaginationConfig={"PageSize": 1}))
    assert all(len(page["experiments"]) <= 1 for page in pages)
    assert TAGS in [e.get("tags") for page in pages for e in page["experiments"] if e["id"] == experiment]
    with refused("ValidationException"):
        fis.list_experiments(nextToken="no token")


def test_fis_list_experiment_templates(account: Account, template: str) -> None:
    fis = account.client("fis")
    pages = fis.get_paginator("list_experiment_templates").paginate(PaginationConfig={"PageSize": 1})
    assert TAGS in [t.get("tags") for page in pages for t in page["experimentTemplates"] if t["id"] == template]


def test_fis_list_experiment_resolved_targets(account: Account, experiment: str) -> None:
    """None, for the action has no targets."""
    fis = account.client("fis")
    until(account, lambda: status(account, experiment) == "running")
    assert fis.list_experiment_resolved_targets(experimentId=experiment)["resolvedTargets"] == []
    with refused("ResourceNotFoundException"):
        fis.list_experiment_resolved_targets(experimentId=NO_EXPERIMENT)


def test_fis_get_action(account: Account) -> None:
    fis = account.client("fis")
    found = fis.get_action(id="aws:lambda:invocation-error")["action"]
    assert found["parameters"]["duration"]["required"] is True
    assert found["targets"] == {"Functions": {"resourceType": "aws:lambda:function"}}
    with refused("ResourceNotFoundException"):
        fis.get_action(id="aws:lambda:no-such-action")


def test_fis_list_actions(account: Account) -> None:
    """All that the account may name, among them one that harms nothing."""
    pages = account.client("fis").get_paginator("list_actions").paginate()
    assert {"aws:fis:wait", "aws:lambda:invocation-error"} <= {
        action["id"] for page in pages for action in page["actions"]
    }


def test_fis_get_safety_lever(account: Account) -> None:
    """One for each account and Region, called default."""
    lever = account.client("fis").get_safety_lever(id="default")["safetyLever"]
    assert lever["id"] == "default" and lever["state"]["status"] in ("disengaged", "engaged")
    with refused("ResourceNotFoundException", "ValidationException"):
        account.client("fis").get_safety_lever(id="another")


def test_fis_update_safety_lever_state(account: Account) -> None:
    """To what it is already is a conflict. On AWS it is never engaged here: that would stop other people's
    experiments."""
    fis = account.client("fis")
    status = fis.get_safety_lever(id="default")["safetyLever"]["state"]["status"]
    with refused("ConflictException"):
        fis.update_safety_lever_state(id="default", state={"status": status, "reason": "gameday contract test"})
