"""Keeps the processes of instances as EC2 says they are, whoever stopped or started them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Thread

from gameday.aws import Aws
from gameday.rehearsal.workload.board import Board
from gameday.rehearsal.workload.places import Place

POLL_S = 0.3
LOG = logging.getLogger(__name__)


class Watcher:
    """A thread; it outlives the processes it starts, as it must. ``also`` is done at each look, in the same thread, and
    may start the processes of ``theirs``."""

    def __init__(self, aws: Aws, places: Mapping[str, Place], ids: Mapping[str, str], board: Board,
                 also: Sequence[Callable[[], None]] = (), theirs: Sequence[str] = ()) -> None:  # fmt: skip
        self.aws, self.places, self.ids, self.board = aws, places, ids, board
        self.also, self.theirs = also, theirs
        self.ended = Event()
        self.thread = Thread(target=self._run, name="instances", daemon=True)

    def start(self) -> None:
        """Begin, if there is anything to watch."""
        if self.ids or self.also:
            self.thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self.ended.set()
        if self.thread.is_alive():
            self.thread.join(5.0)

    def _run(self) -> None:
        while not self.ended.wait(POLL_S):
            for look in (self._instances, *self.also):
                try:
                    look()
                except Exception:  # AWS may be told to misbehave; the next look may be good
                    LOG.exception("a look at AWS")
        for piece in (*self.ids, *self.theirs):
            self.places[piece].kill()  # restarted by this thread, they would die with it anyway

    def _instances(self) -> None:
        if self.ids:
            self.reconcile(self._states())

    def _states(self) -> dict[str, str]:
        found = self.aws.client("ec2").describe_instances(InstanceIds=list(self.ids.values()))
        states = {i["InstanceId"]: i["State"]["Name"] for r in found["Reservations"] for i in r["Instances"]}
        return {piece: states.get(ident, "terminated") for piece, ident in self.ids.items()}

    def reconcile(self, states: Mapping[str, str]) -> None:
        """Kill what does not run in EC2, start what does."""
        for piece, state in states.items():
            place = self.places[piece]
            if state == "running" and not place.alive:
                place.restart()
                self.board.made_anew(piece)
            elif state not in ("running", "pending") and place.alive:
                self.board.touches.begin(piece)
                place.kill()
