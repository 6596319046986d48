"""How the edge finds its target: it asks Route 53 again and again, as a resolver with a short TTL does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from gameday.rehearsal.workload.weights import Weighted, choose, read

POLL_S = 0.3
Wire = dict[str, Any]
Target = Callable[[float], str | None]


class Resolver:
    """The last answer of Route 53. While it does not answer, the last one stays, as a cache's would."""

    def __init__(self, endpoint: str, zone: str, record: str) -> None:
        from gameday.rehearsal.lookup import local_client

        self.zone, self.record = zone, record
        self.client = local_client("route53", endpoint, inside=True)
        self.answer: list[Weighted] = []

    def ask(self) -> None:
        """Read the records once."""
        found = self.client.list_resource_record_sets(
            HostedZoneId=self.zone, StartRecordName=self.record, StartRecordType="CNAME"
        )
        self.answer = read(found["ResourceRecordSets"], self.record)

    def poll(self) -> None:
        """For ever; the process ends it."""
        while True:
            time.sleep(POLL_S)
            try:
                self.ask()
            except Exception:  # noqa: S112  # whatever it was, the next answer may be good
                continue

    def target(self, drawn: float) -> str | None:
        """The piece for one request."""
        return choose(self.answer, drawn)


def resolver(told: Wire) -> Target:
    """What the edge asks for each request: Route 53 when it has a record, else its own weights."""
    if not told["zone"]:
        weighted = [(piece, weight) for piece, weight in told["weighted"]]
        return lambda drawn: choose(weighted, drawn)
    found = Resolver(told["endpoint"], told["zone"], told["record"])
    found.ask()
    threading.Thread(target=found.poll, name="resolver", daemon=True).start()
    return found.target
