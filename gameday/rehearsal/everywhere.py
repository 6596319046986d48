"""Every account and Region of the loopback AWS: what is kept in one is not seen in another, as on AWS.

Moto keeps its own services apart by the account of the credentials and by Region; here are those that are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock

from gameday.clock import Clock
from gameday.rehearsal.cloudwatch_api import CloudWatch
from gameday.rehearsal.fis_engine import FisEngine
from gameday.rehearsal.fis_words import ACCOUNT, REGION, Wire
from gameday.rehearsal.insights import Insights, moto_events
from gameday.rehearsal.xray_api import XRay

Find = Callable[[Wire], list[str]]


@dataclass(frozen=True)
class Here:
    """One account and Region."""

    engine: FisEngine
    cloudwatch: CloudWatch
    xray: XRay
    insights: Insights


class Everywhere:
    """All that somebody has called; thread-safe. The first is that of the rehearsal itself."""

    def __init__(self, clock: Clock, engine: FisEngine, cloudwatch: CloudWatch) -> None:
        self.clock, self.first = clock, Here(engine, cloudwatch, XRay(clock), Insights(moto_events))
        self.finder: Callable[[str, str], Find] = lambda account, region: lambda target: []
        self._found, self._lock = {(ACCOUNT, REGION): self.first}, Lock()
        engine.find_in = self._find_in(REGION)

    def of(self, account: str, region: str) -> Here:
        """That of an account and a Region, made when it is first asked for."""
        with self._lock:
            key = (account or ACCOUNT, region or REGION)
            if key not in self._found:
                self._found[key] = self._made(*key)
            return self._found[key]

    def all(self) -> list[Here]:
        """Those there are now."""
        with self._lock:
            return list(self._found.values())

    def tick(self) -> None:
        """Move alarms and experiments on to now."""
        for here in self.all():
            here.cloudwatch.alarms.evaluate()
            here.engine.tick()

    def _made(self, account: str, region: str) -> Here:
        cloudwatch = CloudWatch(self.clock, account, region)
        first = self.first.engine
        engine = FisEngine(
            self.clock, alarm_state=cloudwatch.alarms.state_of, seed=first.random.randrange(2**31), account=account,
            region=region,
        )  # fmt: skip
        engine.actuators, engine.ended = first.actuators, lambda experiment: first.ended(experiment)
        engine.find, engine.find_in = partial(self._find, account, region), self._find_in(region)
        return Here(engine, cloudwatch, XRay(self.clock), Insights(partial(moto_events, account=account)))

    def _find(self, account: str, region: str, target: Wire) -> list[str]:
        return self.finder(account, region)(target)

    def _find_in(self, region: str) -> Callable[[str, Wire], list[str]]:
        return lambda account, target: self.finder(account, region)(target)
