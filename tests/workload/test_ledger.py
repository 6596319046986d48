"""The canary ledger of a workload: real processes that acknowledge, copy, pause, forget and die."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import pytest

from gameday.clock import Anchor, ScenarioClock
from gameday.observers.canaries import CanaryLedgers, facts
from gameday.rehearsal.workload.ledger import PATH, Ledger, canary, matched
from gameday.rehearsal.workload.places import Place
from gameday.verdict.integrity import Write, measure_ledger, reconcile, reconciled

SPEED = 20.0
PATIENCE_S = 20.0


class Shop:
    """A table, its replica, and a generator that writes a canary a second to the table."""

    def __init__(self) -> None:
        self.anchor = Anchor.here(SPEED)
        self.clock = ScenarioClock(self.anchor)
        self.table, self.copy = Place("table", "piece"), Place("copy", "piece")
        self.load = Place("load", "generator")
        self.places = (self.table, self.copy, self.load)

    def start(self) -> None:
        shared = {"anchor": asdict(self.anchor), "period_ms": 5_000, "lag_limit_ms": 250}
        own: dict[str, Any] = {
            **shared, "type": "table", "latency_ms": 5, "grace_ms": 10_000, "calls": [], "endpoint": "", "record": None,
            "zone": None, "weighted": [], "seed": "s", "places": {}, "replica": None,
        }  # fmt: skip
        for place in self.places:
            place.spawn()
        for place in self.places:
            place.listening()
        told = {"url": self.table.url, "timeout_ms": 10_000}
        copied = {"copy": {"url": self.copy.url, "timeout_ms": 10_000}}
        self.copy.tell({**own, "id": "copy"})
        self.table.tell({**own, "id": "table", "replica": "copy", "places": copied})
        ledger = {"table": {**told, "interval_ms": 1_000, "seed": "1-table"}}
        load = {"per_minute": 1, "shape": "steady", "seed": 1}
        self.load.tell({**shared, **told, "source": "table", "load": load, "canaries": [], "ledgers": ledger})
        for place in self.places:
            place.ready()
        self.load.ask("/_control", {"begin": True})

    def told(self, since: int) -> list[list[Any]]:
        rows: list[list[Any]] = self.load.ask(f"{PATH}?piece=table&since={since}")["rows"]
        return rows

    def writes(self, holder: Place, since: int) -> list[Write]:
        return [Write(*row) for row in matched(self.told(since), holder.ask(PATH)["rows"])]

    def until(self, holds: Any) -> Any:
        end = time.monotonic() + PATIENCE_S
        while not (found := holds()):
            assert time.monotonic() < end, "it never held"
            time.sleep(0.1)
        return found


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    found = Shop()
    try:
        found.start()
        yield found
    finally:
        for place in found.places:
            place.kill()


@contextmanager
def fault(place: Place, mode: str) -> Iterator[None]:
    place.ask("/_control", {"faults": [{"mode": mode, "percent": 100, "ms": 0, "prevent": True, "status": 500}]})
    try:
        yield
    finally:
        place.ask("/_control", {"faults": []})


def test_what_is_acknowledged_is_there_and_reaches_the_replica(shop: Shop) -> None:
    since = shop.clock.now()
    shop.until(lambda: len([row for row in shop.told(since) if row[1]]) >= 10)
    found = reconcile(shop.writes(shop.table, since))
    assert (found.lost, found.corrupt, found.unknown) == ((0, 0), (0, 0), 0) and found.acked >= 10
    first = [row[0] for row in shop.told(since)][:10]
    shop.until(lambda: set(first) <= {row[0] for row in shop.copy.ask(PATH)["rows"]})
    held = dict(shop.copy.ask(PATH)["rows"])
    assert held[first[0]] == canary("1-table", first[0])


def test_a_write_that_fails_is_not_acknowledged_and_not_owed(shop: Shop) -> None:
    with fault(shop.table, "error"):
        since = shop.clock.now()
        refused = shop.until(lambda: [row for row in shop.told(since) if row[1] is None][2:])
    there = {row[0] for row in shop.table.ask(PATH)["rows"]}
    assert not there & {row[0] for row in refused}
    assert reconcile(shop.writes(shop.table, since)).lost == (0, 0)


def test_a_table_that_dies_forgets_and_the_ledger_knows_from_when_on(shop: Shop) -> None:
    since = shop.clock.now()
    shop.until(lambda: len(shop.told(since)) >= 10)
    shop.table.restart()
    shop.until(lambda: shop.table.ask(PATH)["rows"])
    writes = shop.writes(shop.table, since)
    found = reconciled(facts(writes, 1_000))
    assert found.lost[0] >= 10 and found.lost_at_ms is not None
    assert measure_ledger(found, "data_loss_time").hi is None  # the very first is lost: nothing says how far back
    kept = reconcile(shop.writes(shop.copy, since))
    assert kept.lost[0] <= 2, "all but what was on its way is on the replica"


def test_a_paused_table_hands_nothing_on() -> None:
    """The flag of a fault that pauses replication: what waits is handed on in order afterwards."""
    import asyncio

    taken: list[int] = []
    paused = [True]

    async def send(words: dict[str, Any]) -> bool:
        taken.append(words["sequence"])
        return True

    async def play() -> None:
        ledger = Ledger(send, lambda: paused[0])
        task = asyncio.create_task(ledger.replicate())
        for sequence in (1, 2, 2):
            assert ledger.write({"sequence": sequence, "sha256": "x"}) == {"acknowledged": sequence}
        await asyncio.sleep(0.12)
        assert taken == [] and ledger.read_back() == [[1, "x"], [2, "x"]]
        paused[0] = False
        await asyncio.sleep(0.12)
        assert taken == [1, 2, 2]
        task.cancel()

    asyncio.run(play())


def test_the_observer_asks_the_rehearsal_and_says_what_it_cannot_know() -> None:
    asked: list[str] = []

    def ask(name: str) -> dict[str, Any]:
        asked.append(name)
        lost = [[1, 1_000, True, True], [2, 2_000, True, False], [3, 3_000, False, None], [4, None, False, None]]
        return {"rows": lost if "piece=ledger" in name else None, "interval_ms": 1_000}

    found = CanaryLedgers(ask).reconcile("ledger", 7)
    assert asked == ["ledger?piece=ledger&since=7"]
    assert found == {
        "ledger": "ledger", "acked": 3, "present": 2, "unread": 0, "missing": [3], "corrupt": 1, "duplicates": 0,
        "first_missing_ms": 2_000, "last_missing_ms": 3_000, "last_intact_ms": 1_000, "interval_ms": 1_000,
    }  # fmt: skip
    with pytest.raises(LookupError, match="keeps no canary ledger of edge"):
        CanaryLedgers(ask).reconcile("edge", 7)
