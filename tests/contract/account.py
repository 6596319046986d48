"""The account that a contract test calls: the loopback AWS with a clock of its own, or a real one that opts in.

Every answer is checked against botocore's service model: required members, types, enumerations, lengths, patterns, and
on the stand-in that no member is sent which the model does not have. An error must be one that the model or AWS's list
of common errors names.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol

from gameday.aws import Aws
from gameday.clock import Ms, VirtualClock, to_datetime, wall_ms
from gameday.model.workspace import REHEARSAL_ENVIRONMENT

TAGS = {"gameday:contract-test": "delete-me"}
COMMON = frozenset({  # each service's "Common Errors"
    "AccessDeniedException", "AccessDenied", "ExpiredTokenException", "ExpiredToken", "InternalFailure",
    "MissingParameter", "ThrottlingException", "Throttling", "ValidationError", "ValidationException",
    "InvalidParameterValue", "InvalidParameterCombination", "SerializationException",
})  # fmt: skip
DOCUMENT = "gameday-contract-sleep"
FUNCTION = "arn:aws:lambda:eu-west-2:123456789012:function:gameday-contract"


class Account(Protocol):
    """What the tests need of an account."""

    def client(self, service: str) -> Any: ...

    def now(self) -> datetime: ...

    def wait(self, seconds: float) -> None: ...

    def need(self, what: str) -> str: ...


class Short(LookupError):
    """The account lacks something that this test needs."""


class StandIn:
    """The loopback AWS in this process. Time moves by :meth:`wait` alone."""

    real = False

    def __init__(self) -> None:
        from werkzeug.serving import make_server

        from gameday.rehearsal.aws_app import AwsApp
        from gameday.rehearsal.cloudwatch_api import CloudWatch
        from gameday.rehearsal.fis_engine import FisEngine

        self.clock = VirtualClock(wall_ms() // 60_000 * 60_000)  # moto refuses log events of long ago
        self.cloudwatch = CloudWatch(self.clock)
        self.engine = FisEngine(self.clock, alarm_state=self.cloudwatch.alarms.state_of)
        self.app = AwsApp(self.clock, self.engine, self.cloudwatch)
        self.app.ssm.engine.commands[DOCUMENT] = self.app.ssm.engine.automations[DOCUMENT] = Sleep()
        self.engine.actuators["aws:lambda:invocation-error"] = Nothing()
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.aws = Aws(REHEARSAL_ENVIRONMENT, f"http://127.0.0.1:{self.server.server_port}")

    def client(self, service: str) -> Any:
        return checked(self.aws.client(service), exact=True)

    def now(self) -> datetime:
        return to_datetime(self.clock.now())

    def wait(self, seconds: float) -> None:
        for _ in range(3):  # an experiment needs a tick for each of its states
            self.clock.advance(round(seconds * 1000 / 3))
            self.engine.tick()
            self.app.ssm.engine.tick()
            self.cloudwatch.alarms.evaluate()

    def need(self, what: str) -> str:
        """What a test on AWS is told by the environment."""
        return {"role": "arn:aws:iam::123456789012:role/fis", "instance": "i-0123456789abcdef0"}[what]

    def close(self) -> None:
        self.aws.close()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Real:
    """The account that the caller's own credentials are of, in the Region that they configured.

    ``GAMEDAY_TEST_ROLE`` is a role that FIS may assume; ``GAMEDAY_TEST_INSTANCE`` an instance that Systems Manager
    manages. What needs one that is not named is skipped."""

    real = True

    def __init__(self) -> None:
        import boto3

        self._session = boto3.Session()
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service)
        return checked(self._clients[service], exact=False)

    def now(self) -> datetime:
        return to_datetime(wall_ms())

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def need(self, what: str) -> str:
        found = os.environ.get(f"GAMEDAY_TEST_{what.upper()}")
        if not found:
            raise Short(f"GAMEDAY_TEST_{what.upper()} names none")
        return found

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


class Sleep:
    """A document that lasts a minute and does nothing."""

    def begin(self, document: str, instances: Sequence[str], parameters: Mapping[str, str]) -> Ms:
        return 60_000

    def end(self, document: str, instances: Sequence[str], parameters: Mapping[str, str]) -> None:
        """Nothing to take back."""


class Nothing:
    """An actuator that breaks nothing."""

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None: ...

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None: ...


def checked(client: Any, exact: bool) -> Any:
    """The client, every answer of which is checked from now on."""

    def check(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if http_response.status_code >= 300:
            code = parsed["Error"]["Code"]
            declared = {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}
            assert code in declared | COMMON | {shape.name for shape in model.error_shapes}, (
                f"{model.name} refused with {code}, and AWS has {sorted(declared)}"
            )
            return
        said = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
        wrong = list(unlike(model.output_shape, said, model.name)) if model.output_shape else []
        if exact and model.output_shape:
            wrong += list(unknown(model.output_shape, json.loads(http_response.content or b"{}"), model.name))
        assert not wrong, "\n".join(wrong)

    client.meta.events.register("after-call", check, unique_id="contract")
    return client


def unlike(shape: Any, value: Any, at: str) -> Iterator[str]:
    """Where a parsed value differs from its shape."""
    kind = shape.type_name
    if kind == "structure":
        yield from (f"{at}.{name} is missing" for name in shape.required_members if name not in value)
        for name, held in value.items():
            yield from unlike(shape.members[name], held, f"{at}.{name}")
    elif kind == "list":
        for index, held in enumerate(value):
            yield from unlike(shape.member, held, f"{at}[{index}]")
    elif kind == "map":
        for key, held in value.items():
            yield from unlike(shape.value, held, f"{at}.{key}")
    else:
        yield from _scalar(shape, value, at)


TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "long": int, "double": (int, float), "float": (int, float), "boolean": bool,
    "timestamp": datetime,
}  # fmt: skip


def _scalar(shape: Any, value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, TYPES[shape.type_name]):
        yield f"{at} is {type(value).__name__}, not {shape.type_name}"
        return
    if shape.type_name != "string":
        return
    allowed, lengths, text = getattr(shape, "enum", None), shape.metadata, str(value)
    if allowed and value not in allowed:
        yield f"{at} is {value!r}, none of {', '.join(allowed)}"
    if not lengths.get("min", 0) <= len(text) <= lengths.get("max", len(text)):
        yield f"{at} has {len(text)} characters, not {lengths.get('min', 0)} to {lengths.get('max')}"
    if "pattern" in lengths and not _fits(lengths["pattern"], text):
        yield f"{at} is {value!r}, not like {lengths['pattern']}"


def _fits(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:  # written for Java
        return True


def unknown(shape: Any, said: Any, at: str) -> Iterator[str]:
    """Members of the body that the model does not have, which botocore leaves out without a word."""
    if shape.type_name == "structure" and isinstance(said, dict):
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for name, held in said.items():
            if name not in names:
                yield f"{at}.{name} is not in the model"
            else:
                yield from unknown(names[name], held, f"{at}.{name}")
    elif shape.type_name == "list" and isinstance(said, list):
        for index, held in enumerate(said):
            yield from unknown(shape.member, held, f"{at}[{index}]")
    elif shape.type_name == "map" and isinstance(said, dict):
        for key, held in said.items():
            yield from unknown(shape.value, held, f"{at}.{key}")


@contextmanager
def refused(*codes: str) -> Iterator[None]:
    """The call is refused with one of these codes."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code in codes, f"{code}: {error}"
        return
    raise AssertionError(f"not refused; AWS says {' or '.join(codes)}")


def until(account: Account, done: Callable[[], bool], within_s: float = 180, step_s: float = 5) -> None:
    """Wait until it is so."""
    for _ in range(round(within_s / step_s)):
        if done():
            return
        account.wait(step_s)
    raise AssertionError(f"not so within {within_s} s")


def window(account: Account, minutes: int = 10) -> dict[str, datetime]:
    """The whole minutes up to now."""
    now = account.now().replace(second=0, microsecond=0)
    return {"StartTime": now - timedelta(minutes=minutes), "EndTime": now + timedelta(minutes=1)}
