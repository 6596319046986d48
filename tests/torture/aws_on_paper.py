"""An account of AWS in memory, at our own socket (``aws.client``): FIS and alarms of the rehearsal, on a virtual clock.
It remembers what is really there, whoever knows of it, and tells of each call that changed something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from gameday.clock import Ms, VirtualClock
from gameday.model.workspace import Environment
from gameday.rehearsal.alarms import Alarms
from gameday.rehearsal.aws_app import FisApi
from gameday.rehearsal.fis_engine import FisEngine
from gameday.rehearsal.fis_experiment import ENDED
from gameday.rehearsal.metric_store import AwsError

Told = Callable[[str], None]
STEP_MS = 5_000


class Moving(VirtualClock):
    """A virtual clock under which the account goes on: alarms are evaluated and experiments move every few seconds."""

    def __init__(self, now: Ms, speed: float = 1.0) -> None:
        super().__init__(now, speed)
        self.passes: Callable[[], None] = lambda: None

    def sleep(self, ms: Ms) -> None:
        self.advance(ms)

    def advance(self, ms: Ms) -> None:
        while ms > 0:
            super().advance(min(STEP_MS, ms))
            ms -= STEP_MS
            self.passes()


class Broken:
    """An action's actuator: what is broken now, and what was broken when."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.since: dict[str, Ms] = {}
        self.was: list[tuple[Ms, Ms]] = []

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        self.since[action_id] = self.clock.now()

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        since = self.since.pop(action_id, None)
        if since is not None:
            self.was.append((since, self.clock.now()))

    def at(self, t: Ms) -> bool:
        """Whether anything was broken then."""
        return any(a <= t for a in self.since.values()) or any(a <= t < b for a, b in self.was)


class Account:
    """What is there. ``told`` hears the name of each call that changed something, after it has."""

    def __init__(self, environment: Environment, clock: Moving, actions: tuple[str, ...]) -> None:
        self.clock, self.beats = clock, dict[str, list[Ms]]()
        self.broken = {action: Broken(clock) for action in actions}
        prefix = f"arn:aws:cloudwatch:{environment.region}:{environment.account}:alarm:"
        self.alarms = Alarms(clock, self._beats, prefix)
        self.engine = FisEngine(clock, self.broken, self.alarms.state_of)
        self.api = FisApi(self.engine)
        self.told: Told = lambda call: None
        clock.passes = self.passes

    def _beats(self, settings: dict[str, Any], period: int, start: Ms, end: Ms) -> dict[int, float]:
        told = self.beats.get(settings["Dimensions"][0]["Value"], [])
        counts = {t: sum(t <= beat < t + period for beat in told[-100:]) for t in range(start, end, period)}
        return {t: float(count) for t, count in counts.items() if count}

    def passes(self) -> None:
        """Time has moved on."""
        self.alarms.evaluate()
        self.engine.tick()
        self.engine.tick()

    @property
    def active(self) -> list[str]:
        """Experiments that have not ended."""
        return [e.tags["gameday:step"] for e in self.engine.experiments.values() if e.status not in ENDED]

    @property
    def leftovers(self) -> list[str]:
        """Templates and alarms."""
        return [*(f"template of {t['tags']['gameday:step']}" for t in self.engine.templates.values()),
                *self.alarms.found]  # fmt: skip

    @property
    def started(self) -> list[str]:
        """The step of every experiment that was ever started."""
        return sorted(e.tags["gameday:step"] for e in self.engine.experiments.values())


class Door:
    """The way to an account, as ``gameday.aws.Aws`` is one; a process has its own."""

    endpoint = "http://127.0.0.1:9"  # of loopback, and nobody listens

    def __init__(self, account: Account, environment: Environment) -> None:
        self.account, self.environment, self.door = account, environment, None

    def client(self, service: str, account: str | None = None, region: str | None = None) -> Any:
        """FIS or CloudWatch."""
        return {"fis": Fis, "cloudwatch": CloudWatch}[service](self.account)

    def at(self, account: str | None = None, region: str | None = None) -> Door:
        return self

    def apart(self) -> Door:
        return self

    def hear(self, listener: object) -> None:
        """Nobody is told of answers."""


class Fis:
    """The calls of boto3's client, by name."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "".join(word.title() for word in name.split("_"))

        def call(**wire: Any) -> Any:
            try:
                said = self._account.api.call(operation, wire)
            except AwsError as error:
                what = {"Error": {"Code": error.code, "Message": str(error)}}
                raise ClientError(what, operation) from error
            if not operation.startswith(("Get", "List")):
                self._account.told(operation)
            return said

        return call

    def get_paginator(self, name: str) -> Any:
        class Pages:
            @staticmethod
            def paginate(**wire: Any) -> list[Any]:
                return [getattr(self, name)(**wire)]

        return Pages


class CloudWatch:
    """The calls of the heartbeat."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:
        run = MetricData[0]["Dimensions"][0]["Value"]
        self._account.beats.setdefault(run, []).append(self._account.clock.now())

    def put_metric_alarm(self, **settings: Any) -> None:
        self._account.alarms.put(settings)
        self._account.told("PutMetricAlarm")

    def describe_alarms(self, AlarmNames: list[str], AlarmTypes: list[str]) -> Any:
        found = self._account.alarms.found
        return {"MetricAlarms": [found[name].view() for name in AlarmNames if name in found]}

    def delete_alarms(self, AlarmNames: list[str]) -> None:
        self._account.alarms.delete(AlarmNames)
        self._account.told("DeleteAlarms")

    def get_paginator(self, operation: str) -> Any:
        """Of DescribeAlarms by prefix: one page."""
        assert operation == "describe_alarms"
        return self

    def paginate(self, AlarmNamePrefix: str, AlarmTypes: list[str]) -> list[Any]:
        found = self._account.alarms.found
        return [{"MetricAlarms": [one.view() for name, one in found.items() if name.startswith(AlarmNamePrefix)]}]

    def list_tags_for_resource(self, ResourceARN: str) -> Any:
        found = [one for one in self._account.alarms.found.values() if one.view()["AlarmArn"] == ResourceARN]
        return {"Tags": found[0].settings.get("Tags", []) if found else []}
