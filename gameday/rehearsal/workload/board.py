"""Which faults are on which piece: one board for all actuators, since a piece is told all of its faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from gameday.clock import Clock, Ms
from gameday.rehearsal.workload.places import Place

Fault = dict[str, Any]


def fault(mode: str, percent: int = 100, **more: Any) -> Fault:
    """What a piece is told of one fault. ``prevent``: the work is not done at all."""
    if not 0 <= percent <= 100:
        raise ValueError(f"a percentage is 0 to 100, not {percent}")
    return {"mode": mode, "percent": percent, "prevent": True, "ms": 0, "status": 500, **more}


class Touches:
    """When which piece was touched by a fault: its lag then is the fault's, not the machine's."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._spans: dict[str, list[tuple[Ms, Ms | None]]] = {}
        self._lock = Lock()

    def begin(self, piece: str) -> None:
        """A fault touches it from now on."""
        with self._lock:
            self._spans.setdefault(piece, []).append((self.clock.now(), None))

    def end(self, piece: str) -> None:
        """The oldest fault on it has gone."""
        with self._lock:
            spans = self._spans.get(piece, [])
            for i, (began, ended) in enumerate(spans):
                if ended is None:
                    spans[i] = (began, self.clock.now())
                    return

    def end_all(self, piece: str) -> None:
        """It was made anew: nothing touches it any more."""
        with self._lock:
            now, spans = self.clock.now(), self._spans.get(piece, [])
            spans[:] = [(began, now if ended is None else ended) for began, ended in spans]

    def touched(self, piece: str, start: Ms, end: Ms) -> bool:
        """Whether a fault was on it at any time of [start, end)."""
        with self._lock:
            return any(b < end and (e is None or e >= start) for b, e in self._spans.get(piece, []))


class Board:
    """The faults that are on now; thread-safe."""

    def __init__(self, places: Mapping[str, Place], touches: Touches) -> None:
        self.places, self.touches = places, touches
        self.held: dict[str, list[Fault]] = {}
        self._lock = Lock()

    def put(self, faults: Mapping[str, Fault]) -> None:
        """One fault for each piece: on all or none. OSError when a piece does not take it."""
        done: dict[str, Fault] = {}
        try:
            for piece, one in faults.items():
                done[piece] = one
                self.touches.begin(piece)
                self._change(piece, one, add=True)
        except Exception:
            for piece, one in done.items():
                self._remove(piece, one)
            raise

    def take(self, faults: Mapping[str, Fault]) -> None:
        """Off again; every piece is tried, even when one does not answer: OSError then, of the first."""
        failed = list[OSError]()
        for piece, one in faults.items():
            try:
                self._remove(piece, one)
            except OSError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def made_anew(self, piece: str) -> None:
        """Its process was started again: no fault is left on it."""
        with self._lock:
            self.held.pop(piece, None)
        self.touches.end_all(piece)

    def _remove(self, piece: str, one: Fault) -> None:
        self._change(piece, one, add=False)
        self.touches.end(piece)

    def _change(self, piece: str, one: Fault, *, add: bool) -> None:
        with self._lock:
            held = self.held.setdefault(piece, [])
            if add:
                held.append(one)
            elif one in held:
                held.remove(one)
            place = self.places[piece]
            if place.alive or held:  # a dead piece has no fault left to remove
                place.ask("/_control", {"faults": held})
