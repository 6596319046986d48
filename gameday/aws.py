"""The one door to boto3.

In rehearsal every call goes to a given loopback endpoint with made-up credentials: the user's profiles, environment,
configured endpoints and proxies are not read, and a guard refuses any other host before a byte is sent
(design: semantics, "Environment"; facts: aws, pitfalls 1 and 2).

On AWS the environment's role is assumed, and nothing is called before STS has said that the account is the
environment's.
"""

from __future__ import annotations

import ipaddress
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from gameday.errors import CouldNotStart, GamedayError, Problem, Refused
from gameday.model.workspace import Environment

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 10
ATTEMPTS = 3
LONGEST_TEXT = 500
MISSING = frozenset({
    "ResourceNotFoundException", "NoSuchEntity", "NoSuchBucket", "404", "NotFound", "InvalidInstanceID.NotFound",
    "DBInstanceNotFound", "DBClusterNotFoundFault", "ClusterNotFoundException", "InvalidInstanceID.Malformed",
    "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue",
})  # fmt: skip


Listener = Callable[[str, Mapping[str, Any], Mapping[str, Any]], None]


class CallFailed(GamedayError):
    """A call that AWS refused (``code`` is its error code) or that did not get through (``code`` is None: whether it
    took effect is unknown)."""

    def __init__(self, problem: Problem, code: str | None) -> None:
        super().__init__(problem)
        self.code = code

    @property
    def missing(self) -> bool:
        """Whether AWS says that there is no such thing."""
        return self.code in MISSING


@contextmanager
def told(call: str) -> Iterator[None]:
    """botocore's errors as CallFailed, with AWS's own code and words; ``call`` is for example ``fis StopExperiment``.

    No request, header or credential is in the text, and the encoded blob of a denial is cut off.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError  # no BotoCoreError: an answer that is not AWS's

    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        code = str(said.get("Code") or "Unknown")
        text = str(said.get("Message") or "").partition("Encoded authorization failure message")[0].strip()
        message = f"{call}: {code}: {text}"[:LONGEST_TEXT]
        raise CallFailed(Problem("AWS_REFUSED", message, _advice(code)), code) from error
    except (BotoCoreError, ResponseParserError) as error:
        message = f"{call}: {type(error).__name__}: {error}"[:LONGEST_TEXT]
        write = "try again; check network and credentials"
        raise CallFailed(Problem("AWS_NOT_REACHED", message, write), None) from error


def _advice(code: str) -> str:
    if re.search("(?i)denied|unauthorized", code):
        return "give the environment's role this permission"
    if re.search("(?i)throttl|toomany|limitexceeded", code):
        return "try again later; AWS limits the rate of this call"
    if re.search("(?i)expired|InvalidClientToken|UnrecognizedClient|SignatureDoesNotMatch", code):
        return "log in again: the credentials are not valid now"
    return "correct what AWS names"


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

    def __init__(self, environment: Environment, endpoint: str | None, name: str = "operator") -> None:
        """``name`` (a run id, for example) ends the session name under which CloudTrail shows the calls on AWS."""
        if endpoint is not None and not is_loopback(endpoint):
            problem = Problem(
                "NOT_LOOPBACK", f"{endpoint} is not on loopback", "an endpoint like http://127.0.0.1:4566"
            )
            raise Refused(problem)
        self.environment = environment
        self.endpoint = endpoint
        self.session_name = re.sub(r"[^\w+=,.@-]", "-", f"gameday-{name}", flags=re.ASCII)[:64]
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._session: Any = None
        self._listeners: list[Listener] = []

    def hear(self, listener: Listener) -> None:
        """Tell ``listener`` of each answer from now on: call (``cloudwatch GetMetricData``), request and answer. What
        is refused is not told; no header and no credential is."""
        self._listeners.append(listener)

    def client(self, service: str) -> Any:
        """A client, made once for each service. On AWS the first one asks STS who we are: CouldNotStart WRONG_ACCOUNT
        when that is not the environment's account, CallFailed when it cannot be told."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._heard(self._rehearsal(service) if self.endpoint else self._real(service))
            return self._clients[service]

    def _heard(self, client: Any) -> Any:
        def asked(params: Any, context: dict[str, Any], **_: Any) -> None:
            context["gameday_request"] = params

        def answered(http_response: Any, parsed: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
            if http_response.status_code < 300:
                call = f"{client.meta.service_model.service_name} {model.name}"
                for listener in self._listeners:
                    listener(call, context.get("gameday_request", {}), parsed)

        client.meta.events.register("before-parameter-build", asked)
        client.meta.events.register("after-call", answered)
        return client

    def close(self) -> None:
        """Close all connections; the next call of ``client`` makes new ones."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

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
        config = self._config(
            inject_host_prefix=False,
            proxies=direct,
            s3={"addressing_style": "path", "use_accelerate_endpoint": False},
            use_fips_endpoint=False,  # these three are not left to the environment
            use_dualstack_endpoint=False,
            account_id_endpoint_mode="disabled",
            defaults_mode="legacy",  # AWS_DEFAULTS_MODE=auto would ask the instance metadata service
        )
        client = self._session.client(service, endpoint_url=self.endpoint, config=config)
        client.meta.events.register("before-send.*", refuse_outside)
        return client

    def _real(self, service: str) -> Any:
        if self._session is None:
            session = self._assumed() if self.environment.role else self._own()
            self._check_account(session)
            self._session = session
        return self._session.client(service, config=self._config())

    def _own(self) -> Any:
        import boto3

        with told("credentials"):
            return boto3.Session(region_name=self.environment.region)

    def _assumed(self) -> Any:
        """A session of the environment's role, whose credentials renew themselves before they expire."""
        import boto3
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
        from botocore.session import Session

        own = Session()
        with told("credentials"):
            own.set_config_variable("region", self.environment.region)
            source = own.get_credentials()
        if source is None:
            write = "log in, or name a profile in AWS_PROFILE"
            raise CouldNotStart(Problem("NO_CREDENTIALS", f"no credentials to assume {self.environment.role}", write))

        def sts(service: str, **keys: Any) -> Any:
            return own.create_client(service, region_name=self.environment.region, config=self._config(), **keys)

        named = {"RoleSessionName": self.session_name}
        fetcher = AssumeRoleCredentialFetcher(sts, source, self.environment.role, extra_args=named)
        session = Session()
        session._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # noqa: SLF001  # botocore has no other way in
        return boto3.Session(botocore_session=session, region_name=self.environment.region)

    def _check_account(self, session: Any) -> None:
        with told("sts GetCallerIdentity"):
            sts = session.client("sts", config=self._config())
            try:
                account = sts.get_caller_identity()["Account"]
            finally:
                sts.close()
        if account != self.environment.account:
            message = f"these credentials are of account {account}, and the environment is {self.environment.account}"
            write = "use credentials or a role of the environment's account"
            raise CouldNotStart(Problem("WRONG_ACCOUNT", message, write))
