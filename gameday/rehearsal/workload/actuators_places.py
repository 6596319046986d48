"""What FIS's actions on subnets and on tasks do to pieces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gameday.aws import Aws
from gameday.clock import Clock, Ms
from gameday.model.workload import Workload
from gameday.rehearsal.workload.board import Board, Fault, fault
from gameday.rehearsal.workload.places import Place
from gameday.rehearsal.workload.provision import CLUSTER, Provisioned, run_task

CONNECTIVITY = "aws:network:disrupt-connectivity"
STOP_TASK = "aws:ecs:stop-task"
SCOPES = ("all", "vpc", "availability-zone", "dynamodb")


class Network:
    """Pieces in a subnet and those on the other side do not reach one another: calls hang until their time-outs, as
    a network ACL that denies makes it (AWS FIS user guide, "Network actions"). Traffic inside the subnet goes on."""

    def __init__(self, board: Board, made: Provisioned, workload: Workload) -> None:
        self.board, self.made, self.workload = board, made, workload

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """All targets or none. ValueError for a scope that means nothing here."""
        for faults in self._each(targets, parameters["scope"]):
            self.board.put(faults)

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """Every target is tried."""
        for faults in self._each(targets, parameters["scope"]):
            self.board.take(faults)

    def _each(self, targets: list[str], scope: str) -> Iterator[dict[str, Fault]]:
        if scope not in SCOPES:
            raise ValueError(f"scope {scope} has no meaning in rehearsal; those that have: {', '.join(SCOPES)}")
        for arn in targets:
            subnet = self.made.subnets.get(arn.rpartition("/")[2])
            if subnet is None:
                raise ValueError(f"{arn} is no subnet of the workload; those are {', '.join(self.workload.subnets)}")
            inside = sorted(i for i, piece in self.workload.pieces.items() if piece.subnet == subnet)
            outside = sorted(self._outside(subnet, scope))
            yield {i: fault("cut", pieces=outside) for i in inside} | {o: fault("cut", pieces=inside) for o in outside}

    def _outside(self, subnet: str, scope: str) -> Iterator[str]:
        zones = self.workload.subnets
        for ident, piece in self.workload.pieces.items():
            if piece.subnet == subnet:
                continue
            elsewhere = piece.subnet is not None and zones[piece.subnet] != zones[subnet]
            hit = {"all": True, "vpc": piece.subnet is not None, "availability-zone": elsewhere,
                   "dynamodb": piece.type == "table"}  # fmt: skip
            if hit[scope]:
                yield ident


class Tasks:
    """ECS tasks: one that is stopped, by FIS or anybody, is killed; its service starts another one after a while."""

    def __init__(self, aws: Aws, places: Mapping[str, Place], board: Board, made: Provisioned, clock: Clock,
                 restarts: Mapping[str, Ms]) -> None:  # fmt: skip
        self.aws, self.places, self.board, self.made, self.clock = aws, places, board, made, clock
        self.restarts = restarts
        self.due: dict[str, Ms] = {}

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """Stop them in ECS; ``tick`` sees it. The process is killed at once."""
        pieces = [self.made.piece_of(arn) for arn in targets]
        for piece, arn in zip(pieces, targets, strict=True):
            self.aws.client("ecs").stop_task(cluster=CLUSTER, task=arn, reason="AWS FIS")
            self._stopped(piece)

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """Nothing: the service starts another one."""

    def _stopped(self, piece: str) -> None:
        if piece not in self.due:
            self.board.touches.begin(piece)
            self.due[piece] = self.clock.now() + self.restarts[piece]
            self.places[piece].kill()

    def tick(self) -> None:
        """Called in the watcher's thread, which outlives the processes it starts."""
        for piece in self.restarts.keys() - set(self.due):
            if self._state(piece) == "STOPPED":
                self._stopped(piece)
        for piece in [p for p, at in dict(self.due).items() if at <= self.clock.now()]:
            self.made.names[piece] = run_task(self.aws, self.made.services[piece], self.made.tags[piece])
            self.places[piece].restart()
            self.board.made_anew(piece)
            del self.due[piece]

    def _state(self, piece: str) -> Any:
        found = self.aws.client("ecs").describe_tasks(cluster=CLUSTER, tasks=[self.made.names[piece]])
        return found["tasks"][0]["lastStatus"] if found["tasks"] else "STOPPED"
