"""How a datum reaches the metric store: at once, unless it is to be late or lost."""

from __future__ import annotations

from random import Random
from threading import Lock
from typing import Any

from gameday.clock import Clock, Ms
from gameday.rehearsal.metric_store import Datum, Key, MetricStore

Rule = dict[str, Any]


class Delivery:
    """Puts data into the store. Rules make it lose them or deliver them late, as a real source may."""

    def __init__(self, clock: Clock, store: MetricStore) -> None:
        self.clock, self.store = clock, store
        self.rules: list[Rule] = []
        self._late: list[tuple[Ms, Key, Ms, Datum, str]] = []
        self._random, self._lock = Random(7), Lock()

    def misbehave(self, rule: Rule) -> None:
        """``{metric, percent}``: lose that share. ``{metric, late_ms}``: show them so much later. ``*``: all."""
        self.rules = [*self.rules, {"percent": 0 if "late_ms" in rule else 100, "late_ms": 0} | rule]

    def clear(self) -> None:
        """Behave from now on, and deliver what was held back."""
        self.rules = []
        self.release(all_of_it=True)

    def put(self, key: Key, at: Ms, datum: Datum, unit: str) -> None:
        """Take one datum."""
        rules = [r for r in self.rules if r["metric"] in ("*", key[1])]
        if any(self._random.random() * 100 < r["percent"] for r in rules):
            return
        due = self.clock.now() + max((r["late_ms"] for r in rules), default=0)
        with self._lock:
            self._late.append((due, key, at, datum, unit))
        self.release()

    def release(self, all_of_it: bool = False) -> None:
        """Store what is due; called before anything is read."""
        now = self.clock.now()
        with self._lock:
            due = [held for held in self._late if all_of_it or held[0] <= now]
            self._late = [held for held in self._late if not all_of_it and held[0] > now]
        for _, key, at, datum, unit in due:
            self.store.put(*key, at, datum, unit)
