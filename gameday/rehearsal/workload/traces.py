"""The X-Ray daemon of a workload: takes the segments of all pieces away and puts them, in a thread of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from threading import Event, Thread
from typing import Any

from gameday.rehearsal.workload.places import Place

EVERY_S = 20.0  # of scenario time
SHORTEST_S, LONGEST_S = 0.3, 5.0  # of real time
SEGMENTS_A_PUT = 50  # as the X-Ray daemon sends them
ASK_S = 1.0
LOG = logging.getLogger(__name__)
Put = Callable[[list[str]], Iterable[Any]]


class Traces:
    """A thread. ``put`` takes segment documents and returns those that were refused."""

    def __init__(self, places: Mapping[str, Place], speed: float, put: Put) -> None:
        self.places, self._put = places, put
        self.pause = min(LONGEST_S, max(SHORTEST_S, EVERY_S / speed))
        self._ended = Event()
        self._thread = Thread(target=self._run, name="traces", daemon=True)

    def start(self) -> None:
        """Begin; what was traced before, while the chain was measured, is nobody's."""
        self._taken()
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        while not self._ended.wait(self.pause):
            try:
                self.once()
            except Exception:  # these are lost, as a daemon loses them; the next must not be
                LOG.exception("segments were not put")

    def once(self) -> None:
        """One round."""
        documents = self._taken()
        for start in range(0, len(documents), SEGMENTS_A_PUT):
            for refused in self._put(documents[start : start + SEGMENTS_A_PUT]):
                LOG.warning("a segment was refused: %s", refused)

    def _taken(self) -> list[str]:
        found: list[str] = []
        for place in self.places.values():
            try:
                found += place.ask("/_segments", seconds=ASK_S)["segments"] if place.alive else []
            except (OSError, KeyError):
                continue  # dead, stopped or busy: what it holds comes later, or never
        return found
