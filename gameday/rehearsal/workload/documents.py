"""What documents of Systems Manager do to the instances of a workload, and FIS's two actions that start them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gameday.aws import Aws
from gameday.clock import Ms
from gameday.rehearsal.ssm_engine import OVER, Run, SsmEngine
from gameday.rehearsal.workload.board import Board, Fault, fault
from gameday.rehearsal.workload.provision import Provisioned

SEND = "aws:ssm:send-command"
AUTOMATE = "aws:ssm:start-automation-execution"
CPU, KILL = "AWSFIS-Run-CPU-Stress", "AWSFIS-Run-Kill-Process"
LATENCY, BLACKHOLE = "AWSFIS-Run-Network-Latency", "AWSFIS-Run-Network-Blackhole-Port"
LONGEST_SHARE = 95  # of the CPU; beyond that the model below would say nothing any more
Parameters = Mapping[str, str]


class Stress:
    """The AWSFIS documents: the instance's process gets slower, late, unreachable, or is killed."""

    names = (CPU, KILL, LATENCY, BLACKHOLE)

    def __init__(self, board: Board, made: Provisioned, callees: Mapping[str, Sequence[str]]) -> None:
        self.board, self.made, self.callees = board, made, callees

    def begin(self, document: str, instances: Sequence[str], parameters: Parameters) -> Ms:
        """On all instances or none."""
        pieces = [self._piece(ident) for ident in instances]
        if document == KILL:
            for piece in pieces:
                self.board.touches.begin(piece)  # until the watcher, its service manager, has it serve again
                self.board.places[piece].kill()
            return 0
        self.board.put({piece: self._fault(document, piece, parameters) for piece in pieces})
        return int(parameters.get("DurationSeconds", 60)) * 1000

    def end(self, document: str, instances: Sequence[str], parameters: Parameters) -> None:
        """As it was; what was killed comes again by itself."""
        if document != KILL:
            pieces = [self._piece(ident) for ident in instances]
            self.board.take({piece: self._fault(document, piece, parameters) for piece in pieces})

    def _piece(self, instance: str) -> str:
        return self.made.piece_of(f"arn:aws:ec2:::instance/{instance}")

    def _fault(self, document: str, piece: str, parameters: Parameters) -> Fault:
        if document == CPU:
            share = min(int(parameters.get("LoadPercent", 100)), LONGEST_SHARE)
            return fault("stretch", ms=round(100 * share / (100 - share)))  # what is left of the CPU does all the work
        if document == LATENCY:
            return fault("delay", ms=int(parameters.get("DelayMilliseconds", 200)), prevent=False)
        if parameters.get("TrafficType", "ingress") == "egress":
            return fault("cut", pieces=sorted(self.callees[piece]))
        return fault("hang", status=504)


class Ec2Automations:
    """Automations that call EC2, as the documents of their names do; the watcher of instances sees what EC2 says."""

    def __init__(self, aws: Aws) -> None:
        ec2: Callable[[], Any] = lambda: aws.client("ec2")  # noqa: E731  # a client is made when it is needed
        self.calls: dict[str, Callable[[list[str]], Any]] = {
            "AWS-StopEC2Instance": lambda ids: ec2().stop_instances(InstanceIds=ids),
            "AWS-StartEC2Instance": lambda ids: ec2().start_instances(InstanceIds=ids),
            "AWS-TerminateEC2Instance": lambda ids: ec2().terminate_instances(InstanceIds=ids),
            "AWS-RestartEC2Instance": lambda ids: (
                ec2().stop_instances(InstanceIds=ids), ec2().start_instances(InstanceIds=ids)
            ),
        }  # fmt: skip

    def begin(self, document: str, instances: Sequence[str], parameters: Parameters) -> Ms:
        """Over at once. ValueError without instances, or for those that EC2 does not have."""
        from botocore.exceptions import ClientError

        if not instances:
            raise ValueError("the parameter InstanceId is missing")
        try:
            self.calls[document](list(instances))
        except ClientError as error:
            raise ValueError(str(error)) from error
        return 0

    def end(self, document: str, instances: Sequence[str], parameters: Parameters) -> None:
        """Nothing is taken back: an automation that was stopped leaves what its steps have done."""


class Documents:
    """FIS's ``aws:ssm`` actions, through the same Systems Manager as everybody's."""

    def __init__(self, engine: SsmEngine) -> None:
        self.engine = engine
        self.runs: dict[str, list[Run]] = {}

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """RuntimeError when the document fails at once, as FIS's action does."""
        given = {k: v if isinstance(v, list) else [str(v)] for k, v in _json(parameters).items()}
        wire: dict[str, Any] = {"DocumentName": parameters["documentArn"], "Parameters": given}
        if action_id == SEND:
            run = self.engine.send(wire | {"InstanceIds": [arn.rpartition("/")[2] for arn in targets]})
        else:
            run = self.engine.automate(wire)
        self.runs.setdefault(_key(action_id, targets, parameters), []).append(run)
        if run.status == "Failed":
            raise RuntimeError(run.why)

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """Cancel what still runs."""
        for run in self.runs.pop(_key(action_id, targets, parameters), []):
            self.engine.cancel(run)

    def over(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> bool:
        """Whether all of it has ended, before its longest duration."""
        return all(run.status in OVER for run in self.runs.get(_key(action_id, targets, parameters), []))


def _json(parameters: Mapping[str, str]) -> dict[str, Any]:
    found = json.loads(parameters.get("documentParameters") or "{}")
    if not isinstance(found, dict):
        raise ValueError("documentParameters is a JSON object")
    return found


def _key(action_id: str, targets: Sequence[str], parameters: Mapping[str, str]) -> str:
    return json.dumps([action_id, sorted(targets), sorted(parameters.items())])
