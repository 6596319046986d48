"""Rehearsal stays on loopback for every service we use, whatever environment, profiles and configuration files say."""

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gameday.aws import Aws, CallFailed, is_loopback, told
from gameday.model.workspace import REHEARSAL_ENVIRONMENT

ELSEWHERE = "http://192.0.2.1:1"  # TEST-NET-1 (RFC 5737): nothing is there
CALLS: dict[str, Callable[[Any], Any]] = {
    "fis": lambda c: c.list_experiments(),
    "cloudwatch": lambda c: c.describe_alarms(),
    "sts": lambda c: c.get_caller_identity(),
    "route53": lambda c: c.list_hosted_zones(),
    "dynamodb": lambda c: c.describe_table(TableName="t"),
    "s3": lambda c: c.head_bucket(Bucket="some-bucket"),
    "lambda": lambda c: c.get_function(FunctionName="f"),
    "ec2": lambda c: c.describe_instances(),
    "resourcegroupstaggingapi": lambda c: c.get_resources(),
    "rds": lambda c: c.describe_db_instances(),
    "ecs": lambda c: c.list_clusters(),
    "kinesis": lambda c: c.list_streams(),
    "sqs": lambda c: c.list_queues(),
    "iam": lambda c: c.list_roles(),
}
XML = b"<Response><Errors><Error><Code>Denied</Code><Message>no</Message></Error></Errors></Response>"
JSON = b'{"__type": "Denied", "message": "no"}'
REFUSAL = {f"application/{kind}": JSON for kind in ("json", "x-amz-json-1.0", "x-amz-json-1.1")}
PLANTED = {
    "AWS_ACCESS_KEY_ID": "AKIAREALLOOKING00000",
    "AWS_SECRET_ACCESS_KEY": "planted-secret-access-key",
    "AWS_SESSION_TOKEN": "planted-session-token",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    **{f"{prefix}_PROXY": ELSEWHERE for prefix in ("HTTP", "HTTPS", "ALL")},
    **{f"{prefix}_proxy": ELSEWHERE for prefix in ("http", "https", "all")},
}
HOSTILE: dict[str, dict[str, str]] = {
    "a profile that is missing": {"AWS_PROFILE": "production", "AWS_DEFAULT_PROFILE": "production"},
    "endpoints in the environment": {
        "AWS_ENDPOINT_URL": ELSEWHERE,
        **{f"AWS_ENDPOINT_URL_{service.upper()}": ELSEWHERE for service in CALLS},
    },
    "configured endpoints ignored": {"AWS_ENDPOINT_URL": ELSEWHERE, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    "special endpoints": {
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "required",
        "AWS_STS_REGIONAL_ENDPOINTS": "legacy",
        "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "legacy",
    },
    "retries and bundles": {
        "AWS_MAX_ATTEMPTS": "99", "AWS_RETRY_MODE": "adaptive", "AWS_DEFAULTS_MODE": "auto",
        "AWS_CA_BUNDLE": "/nonexistent/ca.pem", "AWS_EC2_METADATA_SERVICE_ENDPOINT": ELSEWHERE,
    },
    "web identity": {"AWS_ROLE_ARN": "arn:aws:iam::999999999999:role/x", "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent"},
}  # fmt: skip
CONFIG = f"""
[default]
region = us-east-1
endpoint_url = {ELSEWHERE}
services = planted
use_fips_endpoint = true
role_arn = arn:aws:iam::999999999999:role/planted
source_profile = other
s3 =
    addressing_style = virtual
    use_accelerate_endpoint = true
[profile other]
credential_process = /nonexistent/credentials
[services planted]
fis =
    endpoint_url = {ELSEWHERE}
cloudwatch =
    endpoint_url = {ELSEWHERE}
"""
reached: list[str] = []  # every address this process connects to or looks up, while ``watching``
watching = False


def audit(event: str, arguments: Any) -> None:
    """An audit hook: it sees below boto3, where nothing can be hidden."""
    if watching and event == "socket.connect" and isinstance(arguments[1], tuple):
        reached.append(str(arguments[1][0]))
    elif watching and event == "socket.getaddrinfo":
        reached.append(str(arguments[0]))


sys.addaudithook(audit)


@pytest.fixture
def refuser() -> Iterator[tuple[str, list[str]]]:
    """A loopback server that refuses everything and keeps the Authorization headers."""
    seen: list[str] = []

    class Refuser(BaseHTTPRequestHandler):
        def refuse(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append(self.headers.get("Authorization", ""))
            body = b"" if self.command == "HEAD" else REFUSAL.get(self.headers.get("Content-Type", ""), XML)
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_HEAD = refuse

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuser) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", seen
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("files", [False, True], ids=["no files", "planted files"])
def test_every_service_stays_on_loopback(
    hostile: str, files: bool, refuser: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    endpoint, seen = refuser
    for name, value in (PLANTED | HOSTILE[hostile]).items():
        monkeypatch.setenv(name, value)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    if files:
        (tmp_path / ".aws").mkdir()
        (tmp_path / ".aws" / "config").write_text(CONFIG)
        (tmp_path / ".aws" / "credentials").write_text("[default]\naws_access_key_id = AKIAPLANTED\n")
    reached.clear()
    monkeypatch.setattr(sys.modules[__name__], "watching", True)
    aws = Aws(REHEARSAL_ENVIRONMENT, endpoint)
    for service, call in CALLS.items():
        with pytest.raises(CallFailed) as caught, told(service):
            call(aws.client(service))
        assert caught.value.code is not None, f"{service} did not reach the loopback server: {caught.value}"
    aws.close()
    assert len(seen) == len(CALLS)
    assert all("Credential=rehearsal/" in header for header in seen)
    assert reached and all(is_loopback(f"http://{address}") for address in reached)


def test_the_watch_sees_what_leaves() -> None:
    """The check above can fail: a connection elsewhere is seen."""
    import socket

    global watching
    reached.clear()
    watching = True
    try:
        with socket.socket() as elsewhere:
            elsewhere.setblocking(False)
            elsewhere.connect_ex(("192.0.2.1", 1))
    finally:
        watching = False
    assert reached == ["192.0.2.1"]
