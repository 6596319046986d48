"""Whether policies allow something: yes, no, or that nobody can say."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.planning.allowing import Need, allowed, excess, needs
from gameday.planning.statements import Statement

STOP = Need("fis:StopExperiment", "arn:aws:fis:eu-west-2:1:experiment/E1", {"aws:ResourceTag/gameday:run": ("r",)})


def says(*statements: dict[str, Any]) -> bool | None:
    return allowed([{"Version": "2012-10-17", "Statement": list(statements)}], STOP)


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "fis:StopExperiment", "Resource": "*", **more}


DENY = {"Effect": "Deny", "Action": "fis:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("statements", "answer"),
    [
        ([], False),
        ([allow()], True),
        ([allow(Action=["FIS:stop*"])], True),
        ([allow(Action="fis:GetExperiment")], False),
        ([allow(Resource="arn:aws:fis:eu-west-2:1:experiment/*")], True),
        ([allow(Resource="arn:aws:fis:eu-west-2:1:experiment-template/*")], False),
        ([allow(), DENY], False),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], True),
        ([allow(Condition={"Null": {"aws:ResourceTag/gameday:run": "false"}})], True),
        ([allow(Condition={"Null": {"aws:ResourceTag/gameday:run": "true"}})], False),
        ([allow(Condition={"StringEquals": {"aws:ResourceTag/gameday:run": ["q", "r"]}})], True),
        ([allow(Condition={"StringEquals": {"aws:ResourceTag/gameday:run": "q"}})], False),
        ([allow(Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}})], None),
        ([allow(), {**DENY, "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}], None),
    ],
)
def test_a_deny_wins_an_allow_is_needed_and_what_is_not_known_is_not_said(
    statements: list[dict[str, Any]], answer: bool | None
) -> None:
    assert says(*statements) is answer


WANTED = (Statement("Own", ("fis:StopExperiment",), ("arn:aws:fis:eu-west-2:1:experiment/*",)),)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (allow(Action="fis:*"), "fis:* is a wildcard; the plan needs fis:StopExperiment"),
        (allow(Action="s3:DeleteBucket"), "s3:DeleteBucket: nothing in this plan calls it"),
        (allow(), "fis:StopExperiment on *: the plan needs it on arn:aws:fis:eu-west-2:1:experiment/*"),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "allows all but what it names"),
    ],
)
def test_what_a_role_may_do_beyond_the_plan_is_named(statement: dict[str, Any], says: str) -> None:
    (found,) = excess([{"Statement": statement}], WANTED)
    assert says in found.says


def test_a_policy_as_it_was_printed_has_nothing_missing_and_nothing_too_much() -> None:
    documents = [{"Statement": [one.wire() for one in WANTED]}]
    assert excess(documents, WANTED) == []
    assert [allowed(documents, need) for need in needs(WANTED)] == [True]
