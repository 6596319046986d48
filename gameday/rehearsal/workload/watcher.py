"""Keeps the processes of instances as EC2 says they are, whoever stopped or started them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from threading import Event, Thread

from gameday.aws import Aws
from gameday.rehearsal.workload.actuators import Touches
from gameday.rehearsal.workload.places import Place

POLL_S = 0.3
LOG = logging.getLogger(__name__)


class Watcher:
    """A thread; it outlives the processes it starts, as it must."""

    def __init__(self, aws: Aws, places: Mapping[str, Place], ids: Mapping[str, str], touches: Touches) -> None:
        self.aws, self.places, self.ids, self.touches = aws, places, ids, touches
        self.ended = Event()
        self.thread = Thread(target=self._run, name="instances", daemon=True)

    def start(self) -> None:
        """Begin, if there are instances."""
        if self.ids:
            self.thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self.ended.set()
        if self.thread.is_alive():
            self.thread.join(5.0)

    def _run(self) -> None:
        while not self.ended.wait(POLL_S):
            try:
                self.reconcile(self._states())
            except Exception:  # EC2 may be told to misbehave; the next look may be good
                LOG.exception("instances")
        for piece in self.ids:
            self.places[piece].kill()  # restarted by this thread, they would die with it anyway

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
                self.touches.end_all(piece)
            elif state not in ("running", "pending") and place.alive:
                self.touches.begin(piece)
                place.kill()
