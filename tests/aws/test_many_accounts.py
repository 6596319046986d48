"""An environment of several accounts and Regions has one session for each account, and none is taken for another.

STS is moto on loopback, as in test_real_door; in rehearsal moto keeps accounts apart by the credentials of their roles.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from gameday.aws import Aws, CallFailed, told
from gameday.errors import CouldNotStart
from gameday.model.workspace import Account, Environment, is_rehearsal, rehearsal_environment
from tests.aws.test_real_door import OWN, Sts, sts

__all__ = ["sts"]  # the fixture

PAYMENTS = "222233334444"
ROLE = f"arn:aws:iam::{PAYMENTS}:role/gameday-operator"
OPERATOR = f"arn:aws:iam::{OWN}:role/gameday-operator"


def environment(role: str = ROLE, external_id: str | None = None) -> Environment:
    payments = Account(account=PAYMENTS, regions=("eu-west-2", "eu-west-1"), role=role, external_id=external_id)
    return Environment(account=OWN, regions=("eu-west-2", "eu-west-1"), role=OPERATOR, accounts={"payments": payments})


@pytest.fixture
def aws(sts: Sts) -> Iterator[Aws]:
    found = Aws(environment(external_id="e-1"), None, "run-7")
    yield found
    found.close()


def test_each_account_has_a_session_of_its_own_and_its_regions_share_it(sts: Sts, aws: Aws) -> None:
    keys = []
    for account, region in (("payments", None), ("payments", "eu-west-1"), (None, "eu-west-1"), (None, None)):
        client = aws.client("ec2", account, region)
        client.describe_instances()
        keys.append(sts.asked[-1][2])
        assert client.meta.region_name == (region or "eu-west-2")
        assert aws.client("ec2", account, region) is client, "made once"
    roles = [form["RoleArn"][0] for operation, form, _ in sts.asked if operation == "AssumeRole"]
    assert set(roles) == {OPERATOR, ROLE} and len(set(keys)) == 2, "one session for each account"
    assert sts.operations.count("GetCallerIdentity") == 2, "each session is asked once whose it is"
    form = next(f for operation, f, _ in sts.asked if operation == "AssumeRole" and f["RoleArn"] == [ROLE])
    assert (form["RoleSessionName"], form["ExternalId"]) == (["gameday-run-7"], ["e-1"])
    assert keys[0] == keys[1] != keys[2] == keys[3], "no client acts with another account's credentials"


def test_a_role_of_another_account_is_refused_and_keeps_no_other_account_from_being_read(sts: Sts) -> None:
    aws = Aws(environment(role="arn:aws:iam::999988887777:role/gameday-operator"), None)
    with pytest.raises(CouldNotStart, match=f"WRONG_ACCOUNT.*999988887777.*{PAYMENTS}"):
        aws.client("fis", "payments")
    aws.client("ec2").describe_instances()
    aws.close()


def test_credentials_that_cannot_be_had_any_more_stop_their_own_account_alone(
    sts: Sts, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role of B is revoked while its credentials run out: B cannot be read, A can."""
    from datetime import UTC, datetime, timedelta

    theirs = aws.client("ec2", "payments")
    theirs.describe_instances()
    aws.client("ec2").describe_instances()
    credentials = theirs._request_signer._credentials  # noqa: SLF001  # nothing public shows the expiry
    credentials._expiry_time = datetime.now(UTC) - timedelta(seconds=1)  # noqa: SLF001
    credentials._refresh_using.__self__._cache.clear()  # noqa: SLF001  # it keeps what is valid for 15 minutes more
    serve = sts.moto

    def revoked(environ: Any, start_response: Any) -> Any:
        if sts.operations[-1] == "AssumeRole":
            start_response("403 Forbidden", [("Content-Type", "text/xml")])
            return [b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"]
        return serve(environ, start_response)

    sts.moto = revoked  # type: ignore[assignment]  # any WSGI application does
    with pytest.raises(CallFailed, match="AccessDenied"), told("ec2 DescribeInstances"):
        theirs.describe_instances()
    aws.client("ec2").describe_instances()


def test_what_the_environment_does_not_have_is_refused_before_anything_is_called(sts: Sts, aws: Aws) -> None:
    with pytest.raises(CouldNotStart, match="UNKNOWN_ACCOUNT.*cards"):
        aws.client("ec2", "cards")
    with pytest.raises(CouldNotStart, match="UNKNOWN_REGION.*us-east-1"):
        aws.client("ec2", "payments", "us-east-1")
    with pytest.raises(CouldNotStart, match="UNKNOWN_ACCOUNT.*999988887777"):
        aws.of("arn:aws:lambda:eu-west-2:999988887777:function:x")
    assert sts.asked == []


def test_an_arn_leads_to_its_own_account_and_region(sts: Sts, aws: Aws) -> None:
    door = aws.of(f"arn:aws:lambda:eu-west-1:{PAYMENTS}:function:x")
    assert (door.environment.account, door.environment.region) == (PAYMENTS, "eu-west-1")
    assert aws.of("arn:aws:s3:::bucket") is aws
    assert aws.of("arn:aws:s3:::bucket", "payments", "eu-west-1") is door
    assert door.at() is aws, "a door leads from everywhere to everywhere in its environment"


def test_a_rehearsal_has_the_accounts_of_the_environments_and_is_still_a_rehearsal() -> None:
    found = rehearsal_environment([environment(), Environment(account=OWN, regions=("us-east-1",))])
    assert found.accounts["payments"].account == PAYMENTS
    assert found.regions == ("eu-west-2", "eu-west-1", "us-east-1")
    assert is_rehearsal(found) and not is_rehearsal(environment())
