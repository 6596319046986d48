"""In rehearsal nothing leaves loopback, whatever the user's AWS configuration says."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gameday.aws import Aws, is_loopback, refuse_outside
from gameday.errors import Refused
from gameday.model.workspace import REHEARSAL_ENVIRONMENT

IDENTITY = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>"
    b"</GetCallerIdentityResult></GetCallerIdentityResponse>"
)
HOSTILE = {
    "AWS_ACCESS_KEY_ID": "AKIAREALLOOKING00000",
    "AWS_SECRET_ACCESS_KEY": "planted-secret-access-key",
    "AWS_SESSION_TOKEN": "planted-session-token",
    "AWS_PROFILE": "production",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "http://192.0.2.1:1",
    "AWS_ENDPOINT_URL_STS": "http://192.0.2.1:1",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "HTTP_PROXY": "http://192.0.2.1:1",
    "HTTPS_PROXY": "http://192.0.2.1:1",
    "http_proxy": "http://192.0.2.1:1",
    "https_proxy": "http://192.0.2.1:1",
}


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A loopback HTTP server that answers as STS, and what it was sent."""
    seen: list[str] = []

    class Sts(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(str(self.headers))
            self.send_response(200)
            self.send_header("Content-Length", str(len(IDENTITY)))
            self.end_headers()
            self.wfile.write(IDENTITY)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Sts) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", seen
        http.shutdown()
        thread.join()


def test_rehearsal_reads_nothing_of_the_users_configuration(
    server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    endpoint, seen = server
    client = Aws(REHEARSAL_ENVIRONMENT, endpoint).client("sts")
    assert client.get_caller_identity()["Account"] == "123456789012"
    client.close()
    (headers,) = seen
    assert "Credential=rehearsal/" in headers and "/eu-west-2/sts/" in headers
    assert "planted" not in headers and "AKIA" not in headers


@pytest.mark.parametrize("url", ["https://sts.amazonaws.com/", "http://10.0.0.1/", "http://127.0.0.1.example/", "x:"])
def test_another_host_is_refused(url: str) -> None:
    class Request:
        def __init__(self) -> None:
            self.url = url

    with pytest.raises(Refused, match="NOT_LOOPBACK"):
        refuse_outside(Request())
    with pytest.raises(Refused, match="NOT_LOOPBACK"):
        Aws(REHEARSAL_ENVIRONMENT, url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "http://localhost:1", "http://[::1]:1", "http://127.8.9.1/"])
def test_loopback_is_loopback(url: str) -> None:
    assert is_loopback(url)


def test_a_client_is_made_once_for_each_service() -> None:
    aws = Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1")
    assert aws.client("fis") is aws.client("fis")
    aws.client("fis").close()
