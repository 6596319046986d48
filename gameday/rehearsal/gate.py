"""Makes the loopback AWS misbehave when it is told to, so that the tool's own honesty can be tested."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from threading import Lock, Timer

from gameday.rehearsal.asking import MODEL_NAMES, Asked, Reply, Wire, refusal
from gameday.rehearsal.cloudwatch_api import CloudWatch, invalid
from gameday.rehearsal.fis_words import ACCOUNT
from gameday.rehearsal.metric_store import AwsError

MODES = ("throttle", "slow", "500", "html", "hang")
WORDS = f"{{clear}}, {{metric, percent}}, {{metric, late_ms}}, {{mode: {'|'.join(MODES)}, ...}} or {{mode: die}}"


class FaultGate:
    """Rules for the tool's calls; the rehearsal's own pass. It counts what is asked, too."""

    def __init__(self, cloudwatch: CloudWatch) -> None:
        self.cloudwatch, self.rules = cloudwatch, list[Wire]()
        self.counts: Counter[str] = Counter()
        self.last = time.monotonic()
        self.refusals: Callable[[Asked], AwsError | None] = lambda asked: None  # what FIS refuses, and of whom
        self._random, self._lock = Random(3), Lock()

    def set(self, wire: Wire) -> Wire:
        """POST faults. ``{clear}`` ends all; ``{metric, percent}`` loses that share of a metric's datapoints from now
        on; ``{metric, late_ms}`` shows them so much scenario time later; ``{mode}`` with ``service``, ``operation``,
        ``account``, ``region``, ``percent`` and (slow) wall ``ms`` misbehaves; ``{mode: die}`` ends the daemon as
        SIGKILL does."""
        if wire.get("clear"):
            self.rules = []
            self.cloudwatch.delivery.clear()
        elif "metric" in wire:
            self.cloudwatch.delivery.misbehave(wire)
        elif wire.get("mode") == "die":
            Timer(0.05, os.kill, (os.getpid(), signal.SIGKILL)).start()
        elif wire.get("mode") in MODES:
            self.rules = [*self.rules, {"service": "*", "operation": "*", "percent": 100, "ms": 1000, **wire}]
        else:
            raise invalid(f"A fault is {WORDS}.")
        return {"rules": self.rules, "metrics": self.cloudwatch.delivery.rules}

    def count(self, asked: Asked) -> None:
        """Count one request."""
        with self._lock:
            self.counts[f"{MODEL_NAMES.get(asked.service, asked.service)}.{asked.operation}"] += 1
            self.last = time.monotonic()

    def hit(self, asked: Asked) -> Reply | None:
        """The misbehaviour due for this request, if any."""
        refused = self.refusals(asked)
        if refused:
            return refusal(asked, refused)
        names = ("*", asked.service, MODEL_NAMES.get(asked.service, asked.service))
        for rule in self.rules:
            if (
                _elsewhere(rule, asked)
                or rule["service"] not in names
                or rule["operation"] not in ("*", asked.operation)
            ):
                continue
            if self._random.random() * 100 < rule["percent"] and (reply := self._misbehave(rule, asked)):
                return reply
        return None

    def _misbehave(self, rule: Wire, asked: Asked) -> Reply | None:
        if rule["mode"] == "slow":
            time.sleep(rule["ms"] / 1000)
            return None
        if rule["mode"] == "html":
            return 500, [("Content-Type", "text/html")], b"<html><body>Internal Server Error</body></html>"
        if rule["mode"] == "throttle":
            return refusal(asked, AwsError("ThrottlingException", "Rate exceeded", 400))
        while rule["mode"] == "hang" and rule in self.rules:
            time.sleep(0.05)  # until the rule is cleared, or the client is no longer there to be answered
        return refusal(asked, AwsError("InternalFailure", "Injected by the rehearsal.", 500))


def _elsewhere(rule: Wire, asked: Asked) -> bool:
    """Whether a rule is for one account or Region, and this request is of another."""
    region, account = rule.get("region"), rule.get("account")
    return region not in (None, asked.region) or (account is not None and account != (asked.account or ACCOUNT))
