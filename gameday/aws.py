"""The one door to boto3.

In rehearsal every call goes to a given loopback endpoint with made-up credentials: the user's profiles, environment,
configured endpoints and proxies are not read, and a guard refuses any other host before a byte is sent
(design: semantics, "Environment"; facts: aws, pitfalls 1 and 2).

On AWS the environment's role is assumed, and nothing is called before STS has said that the account is the
environment's. An environment of several accounts has one session for each: that of another account assumes its role
with the credentials of the first, and what one session does or cannot do touches no other.
"""

from __future__ import annotations

import ipaddress
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from gameday.aws_envelope import Door
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


class Session:
    """What one account's clients share: credentials, asked for once and known to be of that account."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._made, self._lock = make, None, threading.Lock()

    @property
    def made(self) -> bool:
        """Whether it has been asked for."""
        return self._made is not None

    def get(self) -> Any:
        """The boto3 session, made at the first call; raises whatever keeps it from being made, at each call."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


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
        self._lock, self._doors_lock = threading.Lock(), threading.Lock()
        self.door: Door | None = None  # what may leave; None: everything, as when a rehearsal is made
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._doors: dict[tuple[str | None, str], Aws] = {}
        self._sessions: dict[str | None, Session] = {}
        self._root = self._asks = self  # the first door of all, and the one that knows what may leave
        self._session = Session(self._bare if endpoint else self._first)
        self._listeners: list[Listener] = []

    def hear(self, listener: Listener) -> None:
        """Tell ``listener`` of each answer from now on: call (``cloudwatch GetMetricData``), request and answer. What
        is refused is not told; no header and no credential is."""
        self._listeners.append(listener)

    def client(self, service: str, account: str | None = None, region: str | None = None) -> Any:
        """A client, made once for each service, account (its name in the environment) and Region. The first one of an
        account asks STS who we are: CouldNotStart WRONG_ACCOUNT when that is not the account, CallFailed when it
        cannot be told. CouldNotStart UNKNOWN_ACCOUNT, UNKNOWN_REGION for one that the environment does not have."""
        if account is not None or region is not None:
            return self.at(account, region).client(service)
        with self._lock:
            if service not in self._clients:
                made = self._rehearsal(service) if self.endpoint else self._real(service)
                made.meta.events.register("before-parameter-build", partial(self._leaves, made.meta.region_name))
                self._clients[service] = self._heard(made)
            return self._clients[service]

    def at(self, account: str | None = None, region: str | None = None) -> Aws:
        """The door to one account of the environment, by name, and one Region; without both the environment's first.
        One session serves all Regions of an account, and no other account. Nothing is called yet."""
        if self._root is not self:
            return self._root.at(account, region)
        narrowed = self.environment.at(account, region)
        if account is None and narrowed.region == self.environment.region:
            return self
        with self._doors_lock:
            key = (account, narrowed.region)
            if key not in self._doors:
                self._doors[key] = self._narrowed(account, narrowed)
            return self._doors[key]

    def of(self, arn: str, account: str | None = None, region: str | None = None) -> Aws:
        """The door to what an ARN names: its own account and Region, those given where it does not say."""
        parts = (*arn.split(":", 5), "", "", "", "", "")[:6]
        environment = self._root.environment
        return self.at(environment.name_of(parts[4]) if parts[4] else account, parts[3] or region)

    def _narrowed(self, account: str | None, environment: Environment) -> Aws:
        made = type(self)(environment, self.endpoint)
        made._root, made.session_name = self, self.session_name
        if account is None:
            made._session = self._session
        else:
            made._session = self._sessions.setdefault(account, Session(made._other))
        return made

    def _leaves(self, region: str | None, params: Any, model: Any, **_: Any) -> None:
        """A botocore before-parameter-build handler: Refused for what the door does not let out."""
        door = self._root._asks.door
        if door is not None:
            door.ask(model.service_model.service_name, model.name, region, params)

    def apart(self) -> Aws:
        """Another door to the same environment: clients, connections, locks and credentials of its own, so that calls
        which must get through never wait for those of this one. The same calls may leave by it."""
        made = Aws(self.environment, self.endpoint, self.session_name.removeprefix("gameday-"))
        made._asks = self._root._asks
        return made

    def credentials(self) -> tuple[str, Any]:
        """How the credentials came (botocore's word, no secret) and when they expire, a datetime or None; ("none",
        None) when there are none. Only after a first call of ``client``."""
        held = self._session.get().get_credentials() if self._session.made else None
        return ("none", None) if held is None else (str(held.method), getattr(held, "_expiry_time", None))

    def _heard(self, client: Any) -> Any:
        def asked(params: Any, context: dict[str, Any], **_: Any) -> None:
            context["gameday_request"] = params

        def answered(http_response: Any, parsed: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
            if http_response.status_code < 300:
                call = f"{client.meta.service_model.service_name} {model.name}"
                for listener in self._root._listeners:
                    listener(call, context.get("gameday_request", {}), parsed)

        client.meta.events.register("before-parameter-build", asked)
        client.meta.events.register("after-call", answered)
        return client

    def close(self) -> None:
        """Close all connections; the next call of ``client`` makes new ones."""
        with self._doors_lock:
            doors = list(self._doors.values())
        for door in doors:
            door.close()
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
        return self._loopback(self._session.get(), service)

    def _loopback(self, session: Any, service: str, **keys: Any) -> Any:
        """A client of this boto3 session that can reach the loopback AWS alone."""
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
        keys["region_name"] = self.environment.region
        client = session.client(service, endpoint_url=self.endpoint, config=config, **keys)
        client.meta.events.register("before-send.*", refuse_outside)
        return client

    def _real(self, service: str) -> Any:
        return self._session.get().client(service, region_name=self.environment.region, config=self._config())

    def _bare(self) -> Any:
        """A session with made-up credentials and nothing of the user's configuration."""
        import boto3

        keys = {"aws_access_key_id": "rehearsal", "aws_secret_access_key": "rehearsal", "aws_session_token": None}
        return boto3.Session(botocore_session=_unconfigured(), region_name=self.environment.region, **keys)

    def _first(self) -> Any:
        """The session of the environment's own account: the user's, or its role's."""
        if self.environment.role is None:
            session = self._own()
        else:
            session = self._assumed(self._source(), self._user_sts)
        return self._checked(session)

    def _own(self) -> Any:
        import boto3

        with told("credentials"):
            return boto3.Session(region_name=self.environment.region)

    def _source(self) -> Any:
        from botocore.session import Session as Botocore

        own = Botocore()
        with told("credentials"):
            own.set_config_variable("region", self.environment.region)
            source = own.get_credentials()
        if source is None:
            write = "log in, or name a profile in AWS_PROFILE"
            raise CouldNotStart(Problem("NO_CREDENTIALS", f"no credentials to assume {self.environment.role}", write))
        self._user = own
        return source

    def _user_sts(self, service: str, **keys: Any) -> Any:
        return self._user.create_client(service, region_name=self.environment.region, config=self._config(), **keys)

    def _other(self) -> Any:
        """The session of another account: its role, assumed with the credentials of the environment's own account."""
        first = self._root._session.get()

        def sts(service: str, **keys: Any) -> Any:
            if self.endpoint:
                return self._loopback(first, service, **keys)
            return first.client(service, region_name=self.environment.region, config=self._config(), **keys)

        return self._checked(self._assumed(first.get_credentials(), sts))

    def _assumed(self, source: Any, sts: Callable[..., Any]) -> Any:
        """A session of the environment's role, whose credentials renew themselves before they expire."""
        import boto3
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
        from botocore.session import Session as Botocore

        named = {"RoleSessionName": self.session_name}
        if self.environment.external_id:
            named["ExternalId"] = self.environment.external_id
        fetcher = AssumeRoleCredentialFetcher(sts, source, self.environment.role, extra_args=named)
        session = _unconfigured() if self.endpoint else Botocore()
        session._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # noqa: SLF001  # botocore has no other way in
        return boto3.Session(botocore_session=session, region_name=self.environment.region)

    def _checked(self, session: Any) -> Any:
        """The session, once STS has said that it is of the environment's account."""
        with told("sts GetCallerIdentity"):
            region = self.environment.region
            loopback = self.endpoint is not None
            sts = self._loopback(session, "sts") if loopback else session.client("sts", region, config=self._config())
            try:
                account = sts.get_caller_identity()["Account"]
            finally:
                sts.close()
        if account != self.environment.account:
            message = f"these credentials are of account {account}, and the environment is {self.environment.account}"
            write = "use credentials or a role of the environment's account"
            raise CouldNotStart(Problem("WRONG_ACCOUNT", message, write))
        return session


def _unconfigured() -> Any:
    """A botocore session that reads nothing of the user's: no files, no profile."""
    from botocore.session import Session as Botocore

    bare = Botocore()
    for name in ("config_file", "credentials_file"):
        bare.set_config_variable(name, os.devnull)
    bare.instance_variables().pop("profile", None)
    bare._profile = None  # noqa: SLF001  # AWS_PROFILE may name one that does not exist; none is wanted
    bare.session_var_map["profile"] = (None, None, None, None)
    return bare
