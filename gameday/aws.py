"""The one door to boto3.

In rehearsal every call goes to a given loopback endpoint with made-up credentials: the user's profiles, environment,
configured endpoints and proxies are not read, and a guard refuses any other host before a byte is sent
(design: semantics, "Environment"; facts: aws, pitfalls 1 and 2).
"""

from __future__ import annotations

import ipaddress
import os
import threading
from typing import Any
from urllib.parse import urlsplit

from gameday.errors import Problem, Refused
from gameday.model.workspace import Environment

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 10
ATTEMPTS = 3


def is_loopback(url: str) -> bool:
    """Whether this URL names a loopback address, without asking a name server."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_outside(request: Any, **_: Any) -> None:
    """A botocore before-send handler: raise Refused for any host that is not loopback."""
    if not is_loopback(request.url):
        host = urlsplit(request.url).hostname
        message = f"a call to {host} in rehearsal was refused"
        raise Refused(Problem("NOT_LOOPBACK", message, "--environment NAME, if this call is meant for AWS"))


class Aws:
    """Clients for one environment. ``endpoint`` given means rehearsal; thread-safe."""

    def __init__(self, environment: Environment, endpoint: str | None) -> None:
        if endpoint is not None and not is_loopback(endpoint):
            problem = Problem("NOT_LOOPBACK", f"{endpoint} is not on loopback", "an endpoint like http://127.0.0.1:4566")
            raise Refused(problem)
        self.environment = environment
        self.endpoint = endpoint
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._session: Any = None

    def client(self, service: str) -> Any:
        """A client, made once for each service."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._rehearsal(service) if self.endpoint else self._real(service)
            return self._clients[service]

    def _config(self, **more: Any) -> Any:
        from botocore.config import Config

        return Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            user_agent_extra="gameday",
            **more,
        )

    def _rehearsal(self, service: str) -> Any:
        import boto3
        from botocore.session import Session

        if self._session is None:
            bare = Session()
            for name in ("config_file", "credentials_file"):
                bare.set_config_variable(name, os.devnull)
            bare.instance_variables().pop("profile", None)
            bare._profile = None  # noqa: SLF001  # AWS_PROFILE may name one that does not exist; none is wanted
            bare.session_var_map["profile"] = (None, None, None, None)
            keys = {"aws_access_key_id": "rehearsal", "aws_secret_access_key": "rehearsal", "aws_session_token": None}
            self._session = boto3.Session(botocore_session=bare, region_name=self.environment.region, **keys)
        direct = {"http": "", "https": ""}  # an empty proxy is none; without it botocore asks the environment
        config = self._config(inject_host_prefix=False, proxies=direct, s3={"addressing_style": "path"})
        client = self._session.client(service, endpoint_url=self.endpoint, config=config)
        client.meta.events.register("before-send.*", refuse_outside)
        return client

    def _real(self, service: str) -> Any:
        import boto3

        if self._session is None:
            self._session = boto3.Session(region_name=self.environment.region)
        return self._session.client(service, config=self._config())
