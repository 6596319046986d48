"""On AWS the environment's role is assumed, and nothing is called before the account is known to be the right one.

STS is moto on loopback, which the user's own AWS_ENDPOINT_URL names; a server before it keeps what was asked.
"""

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from werkzeug.serving import make_server

from gameday.aws import Aws, CallFailed, told
from gameday.clock import VirtualClock
from gameday.errors import CouldNotStart
from gameday.model.workspace import Environment
from gameday.wiring.preflight import preflight
from gameday.wiring.sockets import sockets
from tests.conductor.bench import a_plan

OWN = "123456789012"  # the account of moto's default credentials
OTHER = "111122223333"


class Sts:
    """Moto behind a list of what was asked: service, operation, form and key id."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self.moto = DomainDispatcherApplication(create_backend_app)
        self.asked: list[tuple[str, dict[str, list[str]], str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        import io

        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        credential = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2]
        form = parse_qs(body.decode())
        operation = form.get("Action", [environ["PATH_INFO"]])[0]
        self.asked.append((operation, form, credential.partition("/")[0]))
        return self.moto(environ, start_response)

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _, _ in self.asked]


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Sts]:
    made = Sts()
    server = make_server("127.0.0.1", 0, made, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "operators-secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def environment(account: str, role: str | None = None) -> Environment:
    return Environment(account=account, regions=("eu-west-2",), role=role)


def test_the_account_is_asked_for_once_and_before_anything_else(sts: Sts) -> None:
    aws = Aws(environment(OWN), None)
    aws.client("ec2").describe_instances()
    aws.client("sqs").list_queues()
    aws.close()
    assert sts.operations[:2] == ["GetCallerIdentity", "DescribeInstances"]
    assert sts.operations.count("GetCallerIdentity") == 1


def test_in_the_wrong_account_nothing_else_is_called(sts: Sts) -> None:
    aws = Aws(environment(OTHER), None)
    for _ in range(2):
        with pytest.raises(CouldNotStart, match="WRONG_ACCOUNT.*123456789012.*111122223333") as caught:
            aws.client("fis")
    assert caught.value.exit_code == 5
    assert set(sts.operations) == {"GetCallerIdentity"}


def test_the_role_of_the_environment_is_assumed_by_name(sts: Sts) -> None:
    role = f"arn:aws:iam::{OTHER}:role/gameday-operator"
    aws = Aws(environment(OTHER, role), None, "20261123-1012 payments/stop")
    aws.client("ec2").describe_instances()
    aws.close()
    assert sts.operations == ["AssumeRole", "GetCallerIdentity", "DescribeInstances"]
    _, form, key = sts.asked[0]
    assert (form["RoleArn"], form["RoleSessionName"]) == ([role], ["gameday-20261123-1012-payments-stop"])
    assert key == "AKIAOPERATOR"
    assert {key for _, _, key in sts.asked[1:]}.isdisjoint({"AKIAOPERATOR"}), "the role acts, not the user"


def test_a_role_of_another_account_than_the_environments_is_refused(sts: Sts) -> None:
    aws = Aws(environment(OWN, f"arn:aws:iam::{OTHER}:role/gameday-operator"), None)
    with pytest.raises(CouldNotStart, match="WRONG_ACCOUNT"):
        aws.client("fis")
    assert sts.operations == ["AssumeRole", "GetCallerIdentity"]


def test_the_roles_credentials_renew_themselves(sts: Sts) -> None:
    from datetime import UTC, datetime, timedelta

    aws = Aws(environment(OTHER, f"arn:aws:iam::{OTHER}:role/gameday-operator"), None)
    aws.client("ec2").describe_instances()
    credentials = aws.client("ec2")._request_signer._credentials  # noqa: SLF001  # nothing public shows the expiry
    credentials._expiry_time = datetime.now(UTC) + timedelta(seconds=30)  # noqa: SLF001
    credentials._refresh_using.__self__._cache.clear()  # noqa: SLF001  # it keeps what is valid for 15 minutes more
    aws.client("ec2").describe_instances()
    aws.close()
    assert sts.operations.count("AssumeRole") == 2


def test_without_credentials_the_user_is_told(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CouldNotStart, match="NO_CREDENTIALS"):
        Aws(environment(OWN, f"arn:aws:iam::{OWN}:role/x"), None).client("fis")
    with pytest.raises(CallFailed, match="NoCredentials"):
        Aws(environment(OWN), None).client("fis")
    assert sts.asked == []


def test_a_profile_that_does_not_exist_is_told(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    for role in (None, f"arn:aws:iam::{OWN}:role/x"):
        with pytest.raises(CallFailed, match="nobody"):
            Aws(environment(OWN, role), None).client("fis")
    assert sts.asked == []


def test_an_answer_that_is_not_from_aws_is_told_too() -> None:
    from botocore.parsers import ResponseParserError

    with pytest.raises(CallFailed, match="AWS_NOT_REACHED: ec2 X: ResponseParserError") as caught, told("ec2 X"):
        raise ResponseParserError("Unable to parse response (<html>)")
    assert caught.value.code is None and not caught.value.missing


def test_what_aws_says_is_told_with_its_code_and_nothing_more() -> None:
    from botocore.exceptions import ClientError

    said = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}
    with pytest.raises(CallFailed) as caught, told("fis StopExperiment"):
        raise ClientError(said, "StopExperiment")
    assert str(caught.value) == (
        "error AWS_REFUSED: fis StopExperiment: ThrottlingException: Rate exceeded\n"
        "    write: try again later; AWS limits the rate of this call"
    )


def test_a_run_does_not_begin_when_aws_does_not_say_whose_account_it_is(
    sts: Sts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is called, and it is no warning: no read of the day could work."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    plan = a_plan(environment="staging")
    with pytest.raises(CouldNotStart) as refused:
        preflight(plan, sockets(environment(OWN), None), VirtualClock())
    assert [p.code for p in refused.value.problems] == ["AWS_NOT_REACHED"]
    assert sts.asked == []
