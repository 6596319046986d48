"""What FIS actions do to pieces. An action that is not here is refused by the rehearsal's FIS, never faked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from gameday.aws import Aws
from gameday.clock import Clock, Ms
from gameday.rehearsal.workload.places import Place
from gameday.rehearsal.workload.provision import Provisioned

ERROR = "aws:lambda:invocation-error"
DELAY = "aws:lambda:invocation-add-delay"
RESPOND = "aws:lambda:invocation-http-integration-response"
STOP = "aws:ec2:stop-instances"
REBOOT = "aws:ec2:reboot-instances"
TERMINATE = "aws:ec2:terminate-instances"
Fault = dict[str, Any]


def fault_of(action_id: str, parameters: Mapping[str, str]) -> Fault:
    """What a piece is told for a Lambda action (AWS FIS user guide, "Lambda actions")."""
    fault: Fault = {
        "mode": {ERROR: "error", DELAY: "delay", RESPOND: "respond"}[action_id],
        "percent": int(parameters.get("invocationPercentage", 100)),
        "prevent": str(parameters.get("preventExecution", "false")).lower() == "true",
        "ms": int(parameters.get("startupDelayMilliseconds", 2000)),
        "status": int(parameters.get("statusCode", 500)),
    }
    if not 0 <= fault["percent"] <= 100:
        raise ValueError(f"invocationPercentage is 0 to 100, not {fault['percent']}")
    return fault


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


class Functions:
    """Lambda's invocation actions: the piece itself errs, waits or answers, as the FIS extension makes it."""

    def __init__(self, places: Mapping[str, Place], made: Provisioned, touches: Touches) -> None:
        self.places, self.made, self.touches = places, made, touches
        self.faults: dict[str, list[Fault]] = {}
        self._lock = Lock()

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """All targets or none."""
        fault, done = fault_of(action_id, parameters), list[str]()
        pieces = [self.made.piece_of(arn) for arn in targets]
        try:
            for piece in pieces:
                done.append(piece)
                self.touches.begin(piece)
                self._change(piece, lambda held: held.append(fault))
        except Exception:
            for piece in done:
                self._remove(piece, fault)
            raise

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """Every target is tried, even when one does not answer."""
        fault, failed = fault_of(action_id, parameters), list[OSError]()
        for arn in targets:
            try:
                self._remove(self.made.piece_of(arn), fault)
            except OSError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def _remove(self, piece: str, fault: Fault) -> None:
        def out(held: list[Fault]) -> None:
            if fault in held:
                held.remove(fault)

        self._change(piece, out)
        self.touches.end(piece)

    def _change(self, piece: str, change: Callable[[list[Fault]], None]) -> None:
        with self._lock:
            held = self.faults.setdefault(piece, [])
            change(held)
            place = self.places[piece]
            if place.alive or held:  # a dead piece has no fault left to remove
                place.ask("/_control", {"faults": held})


class Instances:
    """EC2's actions: the state in EC2 changes as AWS says, and the process is killed at once. The watcher of instances
    starts it again when EC2 says that it runs."""

    def __init__(self, aws: Aws, places: Mapping[str, Place], made: Provisioned, touches: Touches) -> None:
        self.aws, self.places, self.made, self.touches = aws, places, made, touches

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """Stop, reboot or terminate."""
        pieces = [self.made.piece_of(arn) for arn in targets]
        ids = [self.made.names[piece] for piece in pieces]
        for piece in pieces:
            self.touches.begin(piece)  # until the watcher sees it serve again
        ec2 = self.aws.client("ec2")
        {STOP: ec2.stop_instances, TERMINATE: ec2.terminate_instances, REBOOT: ec2.reboot_instances}[action_id](
            InstanceIds=ids
        )
        for piece in pieces:
            self.places[piece].kill()

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """Start what was stopped for a while; terminated is terminated."""
        if action_id == STOP and parameters.get("startInstancesAfterDuration"):
            ids = [self.made.names[self.made.piece_of(arn)] for arn in targets]
            self.aws.client("ec2").start_instances(InstanceIds=ids)
