"""What FIS's Lambda and EC2 actions do to pieces. What has no actuator is refused by the rehearsal's FIS."""

from __future__ import annotations

from collections.abc import Mapping

from gameday.aws import Aws
from gameday.rehearsal.workload.board import Board, Fault, Touches
from gameday.rehearsal.workload.places import Place
from gameday.rehearsal.workload.provision import Provisioned

ERROR = "aws:lambda:invocation-error"
DELAY = "aws:lambda:invocation-add-delay"
RESPOND = "aws:lambda:invocation-http-integration-response"
STOP = "aws:ec2:stop-instances"
REBOOT = "aws:ec2:reboot-instances"
TERMINATE = "aws:ec2:terminate-instances"


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


class Functions:
    """Lambda's invocation actions: the piece itself errs, waits or answers, as the FIS extension makes it."""

    def __init__(self, board: Board, made: Provisioned) -> None:
        self.board, self.made = board, made

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """All targets or none."""
        self.board.put(self._faults(action_id, targets, parameters))

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """Every target is tried, even when one does not answer."""
        self.board.take(self._faults(action_id, targets, parameters))

    def _faults(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> dict[str, Fault]:
        one = fault_of(action_id, parameters)
        return {self.made.piece_of(arn): one for arn in targets}


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
